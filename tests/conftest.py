"""Options and fixtures that every test may use."""

import os
from pathlib import Path

import pytest

os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["WANDB_MODE"] = "offline"

ROOT = Path(__file__).resolve().parents[1]


def pytest_addoption(parser: pytest.Parser) -> None:
    shared = ROOT.parent / "shared"
    parser.addoption("--golden", type=Path, default=shared / "golden", help="folder of golden values")
    parser.addoption("--shared", type=Path, default=shared, help="folder of real X-rays, reports and label tables")


def pytest_configure(config: pytest.Config) -> None:
    from hypothesis import settings

    from src.core.torchvision_ops import ensure_torchvision

    settings.register_profile("house", derandomize=True, deadline=None, max_examples=25)
    settings.load_profile("house")
    ensure_torchvision()


def _folder(path: Path, option: str) -> Path:
    if not path.is_dir():
        pytest.skip(f"{path} is not there; name the folder with {option}")
    return path


@pytest.fixture(scope="session")
def golden_dir(request: pytest.FixtureRequest) -> Path:
    """The folder of golden values, or a skip that says where it was looked for."""
    return _folder(request.config.getoption("--golden"), "--golden")


@pytest.fixture(scope="session")
def shared_dir(request: pytest.FixtureRequest) -> Path:
    """The folder of real data, or a skip that says where it was looked for."""
    return _folder(request.config.getoption("--shared"), "--shared")
