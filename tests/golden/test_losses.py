"""The losses against the published code's own numbers: every file of loss inputs below --golden DIR."""

from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from torch import Tensor
from torch.nn.functional import normalize

from src.core.accuracy import batch_accuracy
from src.core.embeddings import Embeddings
from src.losses.base import Loss
from src.losses.cpa import CrossPrototypeAlignment
from src.losses.cta import CrossTokenAlignment
from src.losses.ita import InstanceAlignment

LOSS_RTOL, GRAD_RTOL = 1e-5, 1e-4
RAW = ("image_global", "text_global", "image_local", "text_local")


def _holds_losses(path: Path) -> bool:
    with safe_open(path, "pt") as file:
        keys = set(file.keys())
    return {"text_attention", "prototypes"} <= keys and any(key.startswith("loss.") for key in keys)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    folder = metafunc.config.getoption("--golden")
    paths = [path for path in sorted(folder.rglob("*.safetensors")) if _holds_losses(path)]
    if paths:
        metafunc.parametrize("path", paths, ids=[str(path.relative_to(folder)) for path in paths])
    else:
        reason = f"no file of loss inputs below {folder}; name a folder that has some with --golden"
        metafunc.parametrize("path", [pytest.param(folder, marks=pytest.mark.skip(reason))], ids=["none"])


class Golden:
    """One file: raw inputs as leaves, and the losses its metadata describes."""

    def __init__(self, path: Path) -> None:
        with safe_open(path, "pt") as file:
            self.settings = file.metadata()
            self.tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        self.raw = {key: self.tensors[key].requires_grad_() for key in RAW}
        unit = {key: normalize(value, dim=-1) for key, value in self.raw.items()}
        has_attention = self.settings["image_encoder"] != "resnet"
        self.embeddings = Embeddings(
            image_global_BD=unit["image_global"],
            text_global_BD=unit["text_global"],
            image_local_BPD=unit["image_local"],
            text_local_BTD=unit["text_local"],
            text_mask_BT=self.tensors["text_mask"],
            text_attention_BT=self.tensors["text_attention"],
            image_attention_BP=self.tensors["image_attention"] if has_attention else None,
        )

    def number(self, name: str) -> float:
        return float(self.settings[name])

    def loss(self, name: str) -> Loss:
        if name == "ita":
            return InstanceAlignment(weight=1.0, temperature=self.number("temperature"), rules="published")
        if name == "cta":
            return CrossTokenAlignment(
                weight=1.0,
                temperature=self.number("local_temperature"),
                bidirectional={"True": True, "False": False}[self.settings["bidirectional"]],
                rules="published",
            )
        if name == "cpa":
            prototypes_KD = self.tensors["prototypes"]
            cpa = CrossPrototypeAlignment(
                weight=1.0,
                num_prototypes=prototypes_KD.shape[0],
                embedding_dim=prototypes_KD.shape[1],
                temperature=self.number("prototype_temperature"),
                epsilon=self.number("epsilon"),
                sinkhorn_iterations=int(self.settings["sinkhorn_iterations"]),
                freeze_epochs=1,
                rules="published",
            )
            cpa.load_state_dict({"prototypes_KD": prototypes_KD})
            return cpa
        raise KeyError(f"loss.{name}: no such loss is published")

    def padding(self, key: str) -> Tensor:
        """Which of the vectors of one input are padding."""
        if key == "text_local":
            return ~self.tensors["text_mask"]
        return torch.zeros(self.tensors[key].shape[:-1], dtype=torch.bool)

    def expected(self, prefix: str) -> dict[str, Tensor]:
        return {key.removeprefix(prefix): value for key, value in self.tensors.items() if key.startswith(prefix)}


def _worst_error(actual: Tensor, expected: Tensor, padding: Tensor) -> float:
    """The largest error of one vector, relative to its length or to a hundredth of the typical one.

    Padding is judged apart: normalising a zero vector makes its gradient 1e12 times that of a word.
    """
    error, length = (actual - expected).norm(dim=-1), expected.norm(dim=-1)
    worst = 0.0
    for part in (padding, ~padding):
        if part.any():
            typical = length[part].square().mean().sqrt()
            relative = error[part] / length[part].maximum(typical / 100).clamp_min(1e-12)
            worst = max(worst, relative.max().item())
    return worst


def test_losses(path: Path) -> None:
    golden = Golden(path)
    for name, expected in golden.expected("loss.").items():
        actual = golden.loss(name)(golden.embeddings).detach()
        torch.testing.assert_close(
            actual, expected.squeeze(), rtol=LOSS_RTOL, atol=0, msg=lambda m, n=name: f"{n}: {m}"
        )


def test_gradients(path: Path) -> None:
    golden = Golden(path)
    if not golden.expected("grad."):
        pytest.skip(f"{path.name} holds no gradients")
    for name in golden.expected("loss."):
        loss = golden.loss(name)
        leaves = golden.raw | {key.removesuffix("_KD"): p for key, p in loss.named_parameters()}
        expected = golden.expected(f"grad.{name}.")
        keys = list(expected)
        actual = torch.autograd.grad(loss(golden.embeddings), [leaves[key] for key in keys], retain_graph=True)
        for key, gradient in zip(keys, actual, strict=True):
            assert _worst_error(gradient, expected[key], golden.padding(key)) <= GRAD_RTOL, f"grad.{name}.{key}"


def test_accuracy(path: Path) -> None:
    golden = Golden(path)
    accuracies = {int(k): value for k, value in golden.expected("acc").items()}
    if not accuracies:
        pytest.skip(f"{path.name} holds no accuracies")
    for top_k, expected in accuracies.items():
        actual = batch_accuracy(golden.embeddings, top_k)
        torch.testing.assert_close(actual, expected.squeeze())
