"""Builds what a task asks for, and nothing else: each part once, when it is first used."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Literal

from omegaconf import DictConfig, OmegaConf

from src.core.errors import UserError
from src.core.evaluated_model import EvaluatedModel
from src.engine.build import build, build_losses
from src.engine.composed import build_dataset_named, compose_plain
from src.engine.judged import describe_model, judged_checkpoint, refuse_other_model, with_weights
from src.engine.protocol import protocol_notes
from src.engine.resume import checkpoint_to_resume
from src.engine.targets import resolve_target
from src.engine.task_kind import task_kind
from src.engine.trainer import make_trainer

# What the engine passes to a node's constructor itself, beside the values of its yaml.
GIVEN: Mapping[str, frozenset[str]] = {
    "model": frozenset({"image_encoder", "text_encoder"}),
    "datamodule": frozenset({"source", "tokenizer"}),
    "trainer": frozenset({"callbacks", "logger", "plugins"}),
    "head": frozenset({"in_dim", "channels", "classes"}),
}

DATA_ONLY = frozenset({"run_dir", "dataset", "dataset_named", "compose_config"})
"""Parts that need neither a model nor a trainer."""

READS_DATA = frozenset({"dataset", "datamodule", "labelled_images", "annotated_images"})
"""Parts that read the run's data set."""


class Parts:
    """The parts of one run. A task's parameters name the ones it wants; what is cheap to refuse stands first."""

    def __init__(self, cfg: DictConfig) -> None:
        self._cfg = cfg

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """The names that a task may ask for, in the order in which they are built."""
        return tuple(name for name, kind in vars(cls).items() if isinstance(kind, cached_property))

    @cached_property
    def run_dir(self) -> Path:
        """The run's output folder."""
        return Path(self._cfg.paths.run)

    @cached_property
    def resume_from(self) -> Path | None:
        """The checkpoint that the run continues, if it continues one."""
        cfg = self._cfg
        return checkpoint_to_resume(cfg.resume, name=cfg.name, run_dir=self.run_dir, output=Path(cfg.paths.output))

    @cached_property
    def checkpoint(self) -> Path:
        """The checkpoint to judge."""
        if self._cfg.checkpoint is None:
            raise UserError(f"{self._cfg.task._target_} needs a checkpoint; give checkpoint=PATH.")
        return Path(self._cfg.checkpoint)

    @cached_property
    def judged_checkpoint(self) -> Path | None:
        """The checkpoint whose weights are judged, or None for those that the encoders are built with."""
        return judged_checkpoint(self._cfg)

    @cached_property
    def evaluated_model(self) -> EvaluatedModel:
        """What tables, pictures and records say of the model that is evaluated."""
        return describe_model(self._cfg, dense=task_kind(self._cfg).dense)

    @cached_property
    def protocol_notes(self) -> tuple[str, ...]:
        """Where the run leaves the protocol of its published experiment, in sentences."""
        return protocol_notes(self._cfg)

    @cached_property
    def dataset_name(self) -> str:
        """What tables and pictures call the data set: its yaml's name and, where it is the user's own, its file's."""
        own = [self._cfg.dataset.get(key) for key in ("annotations", "images", "table")]
        file = next((f" ({Path(path).name})" for path in own if isinstance(path, str)), "")
        return f"{self._cfg.store.dataset}{file}"

    @cached_property
    def part(self) -> Callable[[str], Any]:
        """Builds any other part by its name, for a task that learns only when it runs which ones it needs."""
        return partial(getattr, self)

    @cached_property
    def dataset(self) -> Any:
        """The data set, whether or not it is packed already."""
        return build(self._cfg, "dataset")

    @cached_property
    def dataset_named(self) -> Callable[[str], Any]:
        """Builds another data set by its name in ``conf/dataset``, with this run's paths and settings."""
        return partial(build_dataset_named, self._cfg)

    @cached_property
    def compose_config(self) -> Callable[[Sequence[str]], Mapping[str, Any]]:
        """Composes the config of other overrides, plain and with its references, as ``done.json`` keeps one."""
        return compose_plain

    @cached_property
    def datamodule(self) -> Any:
        """The data set's loaders, with the text encoder's tokenizer."""
        # A data set that is not there is said before the encoders' weights are asked for.
        self.dataset.check()
        return build(self._cfg, "datamodule", source=self.dataset, tokenizer=self.model.text_encoder.tokenizer)

    @cached_property
    def model(self) -> Any:
        """Both encoders and their projections, with a checkpoint's weights where one is given."""
        return self._judged[0]

    @cached_property
    def prototypes(self) -> Any:
        """The judged checkpoint's prototypes, where it has them."""
        return self._judged[1]

    @cached_property
    def image_encoder(self) -> Any:
        """The image encoder alone, with the weights to judge."""
        from src.interop.weights import load_image_encoder

        path = self.judged_checkpoint
        if path is not None:
            refuse_other_model(self._cfg, path, only=("encoder.image",), warn=not task_kind(self._cfg).evaluates)
        encoder = build(with_weights(self._cfg, path), "encoder.image")
        if path is not None:
            load_image_encoder(encoder, path)
        return encoder

    @cached_property
    def labelled_images(self) -> Callable[..., Any]:
        """Makes the data set's loaders without its reports; takes settings of ``datamodule`` that are to be others."""
        self.dataset.check()
        return partial(build, self._cfg, "datamodule", source=self.dataset, tokenizer=None)

    @cached_property
    def annotated_images(self) -> Callable[..., Any]:
        """Makes the data set's loaders with its boxes or its masks, the ``kind`` given; takes ``drop_last`` and what
        ``labelled_images`` takes beside it.
        """
        return self._annotated_images

    @cached_property
    def make_head(self) -> Callable[..., Any]:
        """Makes a head, given ``classes`` and what it reads: ``in_dim`` of a vector, or ``channels`` of each map."""
        return self._make_head

    @cached_property
    def head_name(self) -> str:
        """The head as tables and pictures call it: the option of ``conf/head``, or its class where none was chosen."""
        from hydra.core.hydra_config import HydraConfig

        chosen = HydraConfig.get().runtime.choices.get("head") if HydraConfig.initialized() else None
        return str(chosen or self._cfg.head._target_.rpartition(".")[2]).replace("_", " ")

    @cached_property
    def probe(self) -> Any:
        """How the image encoder is judged by classification."""
        return build(self._cfg, "probe")

    @cached_property
    def tuning(self) -> Any:
        """How a dense head is trained, and how much of the encoder with it."""
        return build(self._cfg, "tuning")

    @cached_property
    def mask_loss(self) -> Any:
        """The loss of segmentation."""
        return build(self._cfg, "mask_loss")

    @cached_property
    def loss(self) -> Any:
        """The losses, added by weight."""
        return build_losses(self._cfg)

    @cached_property
    def optimizer(self) -> Any:
        """The optimiser's recipe."""
        return build(self._cfg, "optimizer")

    @cached_property
    def scheduler(self) -> Any:
        """The learning-rate schedule's recipe."""
        return build(self._cfg, "scheduler")

    @cached_property
    def prompts(self) -> Any:
        """The zero-shot prompts, where there are any."""
        return None if self._cfg.prompts is None else build(self._cfg, "prompts")

    @cached_property
    def loggers(self) -> Any:
        """The loggers, told of the config."""
        loggers = [build(self._cfg, f"logger.{name}") for name in self._cfg.logger or ()]
        plain = OmegaConf.to_container(self._cfg, resolve=True)
        for logger in loggers:
            logger.log_hyperparams(plain)
        return loggers

    @cached_property
    def trainer(self) -> Any:
        """Lightning's Trainer with the callbacks, the loggers and safe checkpoints."""
        return self._trainer()

    @cached_property
    def make_trainer(self) -> Callable[..., Any]:
        """Makes a Trainer of this run's settings, but for ``max_epochs`` and the ``patience`` of its early stopping."""
        return self._trainer

    @cached_property
    def _judged(self) -> tuple[Any, Any]:
        from src.interop.weights import load_model

        path = self.judged_checkpoint
        if path is not None:
            # a task that evaluates has the transform of the checkpoint's run, or says which other one was forced
            refuse_other_model(self._cfg, path, warn=not task_kind(self._cfg).evaluates)
        cfg = with_weights(self._cfg, path)
        model = build(cfg, "model", image_encoder=build(cfg, "encoder.image"), text_encoder=build(cfg, "encoder.text"))
        return model, None if path is None else load_model(model, path)

    def _trainer(self, **settings: Any) -> Any:
        return make_trainer(self._cfg, self.loggers, **settings)

    def _annotated_images(self, *, kind: Literal["boxes", "masks"], drop_last: bool = False, **settings: Any) -> Any:
        from src.data.annotated_images import AnnotatedImages

        return AnnotatedImages(images=self.labelled_images(**settings), kind=kind, drop_last=drop_last)

    def _make_head(self, **given: Any) -> Any:
        target = self._cfg.head._target_
        taken = inspect.signature(resolve_target(target)).parameters
        if not taken.keys() >= given.keys():
            task = self._cfg.task._target_.rpartition(".")[2]
            raise UserError(
                f"head: {target} is no head for task={task}; choose another option of conf/head, e.g. linear to "
                "classify, retinanet to detect, unet to segment."
            )
        return build(self._cfg, "head", **given)
