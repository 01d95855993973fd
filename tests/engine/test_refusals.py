"""What callbacks, schedulers and loggers refuse during a run, as one sentence."""

from lightning.pytorch.utilities.exceptions import MisconfigurationException
from omegaconf import OmegaConf

from src.engine.refusals import refusal

CFG = OmegaConf.create(
    {
        "callbacks": {"last": {"monitor": "val/loss"}, "stop": {"monitor": "val/los"}, "best": {"monitor": "val/f1"}},
        "scheduler": {"monitor": "val/x"},
    }
)


def test_a_metric_that_is_not_logged_names_its_key_and_what_is_logged() -> None:
    stop = "Early stopping conditioned on metric `val/los` which is not available. Use any: `train/loss`, `val/loss`"
    assert refusal(RuntimeError(stop), CFG) == (
        "callbacks.stop.monitor=val/los: the training logs no metric of this name after an epoch; it logs train/loss, "
        "val/loss. Give callbacks.stop.monitor=val/loss."
    )
    best = "`ModelCheckpoint(monitor='val/f1')` could not find the monitored key in the returned metrics: ['val/loss']"
    assert str(refusal(MisconfigurationException(best), CFG)).startswith("callbacks.best.monitor=val/f1: ")
    plateau = "ReduceLROnPlateau conditioned on metric val/x which is not available. Available metrics are: ['val/map']"
    assert str(refusal(MisconfigurationException(plateau), CFG)).endswith("Give scheduler.monitor=val/map.")


def test_a_metric_without_a_stage_is_named_too() -> None:
    cfg = OmegaConf.create({"callbacks": {"stop": {"monitor": "loss"}}})
    text = "Early stopping conditioned on metric `loss` which is not available. Use any: `train/loss`, `val/loss`"
    assert str(refusal(RuntimeError(text), cfg)).startswith("callbacks.stop.monitor=loss: the training logs no metric")


def test_missing_packages_and_refused_settings() -> None:
    missing = ModuleNotFoundError("No module named 'psutil'", name="psutil")
    assert "needs a package that is not installed: No module named 'psutil'; install it" in str(refusal(missing, CFG))
    assert "is refused: no val loop; --cfg job" in str(refusal(MisconfigurationException("no val loop."), CFG))


def test_defects_are_none() -> None:
    assert refusal(RuntimeError("shapes"), CFG) is None
    assert refusal(ModuleNotFoundError("No module named 'src.x'", name="src.x"), CFG) is None
