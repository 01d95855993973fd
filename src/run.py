"""The one entrypoint: ``python -m src.run +experiment=mgca_vit`` composes the config and hands it to the engine."""

import os
import sys

import hydra
from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from src.engine.say import CONF, readable
from src.engine.schema import RunConfig
from src.engine.sweep_progress import take_back_sweep


@hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")
def main(cfg: DictConfig) -> None:
    """Run the composed config's task."""
    from src.engine.launch import launch
    from src.engine.sweep_job import run_job
    from src.engine.sweep_summary import JobFailedError

    try:
        run_job(cfg, launch)
    except JobFailedError:
        # the other jobs go on, and the sweep's summary names this one
        return
    except Exception as error:
        message = readable(error)
        if message is None or HydraConfig.get().mode == RunMode.MULTIRUN:
            raise
        raise SystemExit(f"\n{message}") from error


def cli() -> None:
    """Run ``main`` so that a user's mistake prints one message and no traceback (HYDRA_FULL_ERROR=1 shows it)."""
    wants_traceback = os.environ.get("HYDRA_FULL_ERROR", "0") == "1"
    # With this set, Hydra hands its exceptions on instead of printing them its own way.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    ConfigStore.instance().store(name="schema", node=RunConfig)
    sys.argv[1:] = _as_hydra_takes(sys.argv[1:])
    try:
        main()
    except KeyboardInterrupt:
        sys.stderr.write("\nStopped by Ctrl-C.\n")
        sys.exit(130)
    except SystemExit as stop:
        if wants_traceback and stop.__cause__ is not None:
            raise stop.__cause__ from None
        raise
    except Exception as error:
        message = readable(error)
        if message is None or wants_traceback:
            raise
        sys.exit(f"\n{message}")
    finally:
        take_back_sweep()


def _as_hydra_takes(arguments: list[str]) -> list[str]:
    """``task=report sweep=DIR`` with ``task.sweep=DIR``: Hydra would look for DIR among the sweeps of conf/sweep.

    Keys of what a checkpoint brings with ``++``, for Hydra composes other encoders, and another data set, than it does.
    """
    if "task=report" in arguments:
        return [f"task.{word}" if word.startswith("sweep=") else word for word in arguments]
    names = {word.partition("=")[0].lstrip("+") for word in arguments}
    brought: tuple[str, ...] = ("encoder.", "transform.") if "checkpoint" in names else ()
    brought += ("dataset.",) if brought and not names & {"dataset", "experiment"} else ()
    return [f"++{word}" if word.startswith(brought) else word for word in arguments]


if __name__ == "__main__":
    cli()
