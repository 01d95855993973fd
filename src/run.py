"""The one entrypoint: ``python -m src.run +experiment=mgca_vit`` composes the config and hands it to the engine."""

import os
import sys

import hydra
from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from src.core.output import discard
from src.engine.command import hydra_arguments
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
    try:
        sys.argv[1:] = hydra_arguments(sys.argv[1:])
        main()
        sys.stdout.flush()
    except KeyboardInterrupt as stop:
        sys.stderr.write(f"\nStopped by Ctrl-C; {stop}.\n" if str(stop) else "\nStopped by Ctrl-C.\n")
        sys.exit(130)
    except BrokenPipeError:
        # outside of a run, as --cfg job | head
        discard(sys.stdout)
        sys.exit(141)
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


if __name__ == "__main__":
    cli()
