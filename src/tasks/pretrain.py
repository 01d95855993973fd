"""Pretrains an image and a text encoder on image-report pairs, then judges the best checkpoint on held-out studies."""

from pathlib import Path

from lightning import Trainer
from lightning.pytorch.callbacks import ModelCheckpoint

from src.core.checkpoint import load_exactly, read_checkpoint, read_tensors
from src.data.datamodule import PairDataModule
from src.data.sources import Split
from src.evaluation.prompts import Prompts
from src.losses.composite import CompositeLoss
from src.models.alignment import AlignmentModel
from src.tasks.draw import draw_pictures, log_media
from src.tasks.judge import Verdict, judge, keep_skipped, prototypes_of, show, show_where
from src.tasks.pretrain_module import OptimizerRecipe, PretrainModule, SchedulerRecipe


def pretrain(
    *,
    untrained_baseline: bool,
    judge_on: Split,
    pictures: bool,
    model: AlignmentModel,
    loss: CompositeLoss,
    datamodule: PairDataModule,
    optimizer: OptimizerRecipe,
    scheduler: SchedulerRecipe,
    trainer: Trainer,
    prompts: Prompts | None,
    resume_from: Path | None,
    run_dir: Path,
) -> None:
    """Train, then judge the checkpoint with the lowest validation loss on the split ``judge_on``.

    Writes checkpoints, ``metrics.csv``, ``results.json``, ``results.md`` and pictures into ``run_dir`` and prints one
    table. ``untrained_baseline``: the same model before its first step is judged too, in a column of its own,
    unless the run continues a trained one.
    Raises UserError where ``resume_from`` does not fit, or where the loss stops being a number.
    """
    if prompts is not None:
        # what does not fit is said before the training and not after it
        prompts.for_findings(datamodule.source.finding_names)
    module = PretrainModule(model=model, loss=loss, optimizer=optimizer, scheduler=scheduler)
    if resume_from is not None:
        load_exactly(module, read_tensors(resume_from), str(resume_from))
        print(f"Resuming from {resume_from}")
    device = trainer.strategy.root_device
    columns = {}

    def verdict() -> Verdict:
        return judge(
            model.to(device),
            datamodule,
            prompts=prompts,
            prototype_KD=prototypes_of(loss.state_dict()),
            split=judge_on,
            precision=trainer.precision,
        )

    if untrained_baseline and resume_from is None and trainer.is_global_zero:
        columns["untrained"] = verdict().metrics
    trainer.fit(module, datamodule=datamodule, ckpt_path=resume_from)
    if not trainer.is_global_zero:
        return
    best = best_checkpoint(trainer.checkpoint_callback, resume_from)
    if best is not None:
        load_exactly(module, read_tensors(best), str(best))
    final = verdict()
    show({**columns, "trained": final.metrics}, final, run_dir)
    if pictures:
        log_media(trainer.loggers, draw_pictures(model, datamodule, final, run_dir))
    keep_skipped(datamodule, run_dir)
    show_where(run_dir)


def best_checkpoint(callback: object, resume_from: Path | None) -> Path | None:
    """The checkpoint of the best score that ``callback`` saved, or that the continued run had saved before.

    A resumed run writes to a folder of its own, where Lightning forgets the earlier best. None where nothing was saved.
    """
    if not isinstance(callback, ModelCheckpoint):
        return None
    states = {} if resume_from is None else read_checkpoint(resume_from).get("callbacks", {})
    found = [(callback.best_model_score, callback.best_model_path)]
    found += [
        (state["best_model_score"], state["best_model_path"])
        for key, state in states.items()
        if key == callback.state_key
    ]
    known = [(float(score), Path(path)) for score, path in found if score is not None and Path(path).is_file()]
    if not known:
        return None
    return (min if callback.mode == "min" else max)(known)[1]
