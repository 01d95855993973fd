"""The stand-in for mmcv's compiled operators, and when there is none."""

import importlib.util
import logging
import subprocess
import sys
import warnings
from pathlib import Path
from types import ModuleType

import pytest
import torch

from src.core import mmcv_ops
from src.core.errors import UserError
from src.core.mmcv_ops import ensure_mmcv, quiet_libraries, require_packages

ROOT = Path(__file__).resolve().parents[2]

IMPORTS = """
import importlib, pkgutil, sys
import src.run
for package in ("core", "heads", "losses"):
    module = importlib.import_module(f"src.{package}")
    for info in pkgutil.walk_packages(module.__path__, f"src.{package}."):
        # its classes are subclasses of mmdet's, and only a head's config names them
        if info.name != "src.heads.published_yolo":
            importlib.import_module(info.name)
sys.argv = ["run.py", "--cfg", "job", "head=faster_rcnn"]
try:
    src.run.cli()
except SystemExit as stop:
    assert not stop.code, stop.code
theirs = {name.partition(".")[0] for name in sys.modules}
print(sorted(theirs & {"mmcv", "mmengine", "mmdet", "mmseg", "segmentation_models_pytorch"}))
"""


def test_importing_src_imports_none_of_them() -> None:
    run = subprocess.run([sys.executable, "-c", IMPORTS], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip().splitlines()[-1] == "[]"


def test_compiled_operators_stay_untouched(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = ModuleType("mmcv._ext")
    monkeypatch.setitem(sys.modules, "mmcv._ext", compiled)
    ensure_mmcv.__wrapped__()
    assert sys.modules["mmcv._ext"] is compiled
    assert not hasattr(compiled, "nms")


def test_compiled_operators_that_do_not_load_are_stood_in_for(monkeypatch: pytest.MonkeyPatch) -> None:
    ensure_mmcv()
    monkeypatch.delitem(sys.modules, "mmcv._ext", raising=False)

    def fail(name: str) -> ModuleType:
        raise ImportError("undefined symbol")

    spec = importlib.util.find_spec("src")
    monkeypatch.setattr(mmcv_ops.importlib.util, "find_spec", lambda _name: spec)
    monkeypatch.setattr(mmcv_ops.importlib, "import_module", fail)
    assert not mmcv_ops._compiled_part_imports()


def test_an_operator_that_is_not_written_says_so() -> None:
    ensure_mmcv()
    from mmcv.ops import soft_nms

    if importlib.util.find_spec("mmcv._ext") is not None and sys.modules["mmcv._ext"].__spec__.loader is not None:
        pytest.skip("mmcv is compiled here")
    with pytest.raises(UserError, match=r"operator softnms .* compiled mmcv; install one"):
        soft_nms(torch.zeros(1, 4), torch.zeros(1))


@pytest.mark.parametrize("name", ["mmcv", "mmengine"])
def test_a_missing_package_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, name, raising=False)
    found = importlib.util.find_spec
    monkeypatch.setattr(mmcv_ops.importlib.util, "find_spec", lambda wanted: None if wanted == name else found(wanted))
    with pytest.raises(UserError, match=rf"package {name} is not installed.*make setup"):
        ensure_mmcv.__wrapped__()


def test_packages_that_are_there_are_no_error() -> None:
    require_packages("torch", "json")


def test_quiet_is_over_afterwards(monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder) -> None:
    from mmengine.logging import MMLogger, print_log

    heard: list[str] = []
    listener = logging.Handler()
    listener.emit = lambda record: heard.append(record.getMessage())
    monkeypatch.setattr(MMLogger.get_current_instance(), "handlers", [listener])
    root, filters = logging.getLogger().level, list(warnings.filters)
    with quiet_libraries():
        print_log("every weight", logger="current", level=logging.INFO)
        print_log("what went wrong", logger="current", level=logging.ERROR)
        warnings.warn("threshold is not defined for binary", stacklevel=1)
    print_log("afterwards", logger="current", level=logging.INFO)
    assert heard == ["what went wrong", "afterwards"]
    assert not recwarn.list
    assert (logging.getLogger().level, list(warnings.filters)) == (root, filters)
