"""The whole model: unit vectors, padding that changes nothing, mixed precision, one graph."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from src.core.batch import PairBatch
from src.core.errors import UserError
from src.core.rules import Rules
from src.models.alignment import AlignmentModel
from src.models.image.timm_encoder import TimmEncoder
from src.models.text.bert import BertEncoder

CAPTIONS = ["no pleural effusion", "heart size is normal without pneumothorax", "stable"]
Make = Callable[[str, Rules], AlignmentModel]


@pytest.fixture
def make() -> Make:
    def build(image: str, rules: Rules) -> AlignmentModel:
        torch.manual_seed(0)
        residual = image.startswith("resnet")
        image_encoder = TimmEncoder(
            name=image,
            pretrained=False,
            weights=None,
            image_size=None if residual else 64,
            upsample_to=None,
            model_args={"channels": [8, 16, 24, 32], "stem_width": 8}
            if residual
            else {"embed_dim": 32, "depth": 2, "num_heads": 4},
        )
        text_encoder = BertEncoder(
            name="tiny",
            pretrained=False,
            architecture={
                "model_type": "bert",
                "vocab_size": 2048,
                "hidden_size": 32,
                "num_attention_heads": 4,
                "intermediate_size": 48,
                "max_position_embeddings": 40,
                "hidden_dropout_prob": 0.0,
                "attention_probs_dropout_prob": 0.0,
            },
            num_layers=2,
            vocabulary="radiology_wordpiece",
            lowercase=True,
            rules=rules,
        )
        return AlignmentModel(
            image_encoder=image_encoder,
            text_encoder=text_encoder,
            embedding_dim=16,
            hidden_dim=24,
            sync_batch_norm=False,
            rules=rules,
        )

    return build


def batch_of(model: AlignmentModel, *, length: int, size: int = 3) -> PairBatch:
    tokenizer = model.text_encoder.tokenizer
    rows = tokenizer.encode(CAPTIONS[:size], max_tokens=length)
    tokens = torch.tensor([row + [tokenizer.pad_id] * (length - len(row)) for row in rows])
    images = torch.randn(size, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    return PairBatch(images, tokens, tokens != tokenizer.pad_id, torch.arange(size), torch.zeros(size, 0))


def objective(model: AlignmentModel, batch: PairBatch) -> Tensor:
    out = model(batch)
    found = out.text_local_BTD @ out.image_local_BPD.mT
    words = (found.square().mean(-1) * out.text_attention_BT).sum()
    return words + (out.image_global_BD @ out.text_global_BD.mT).square().sum()


@pytest.mark.parametrize("image", ["resnet10t", "vit_tiny_patch16_224"])
@pytest.mark.parametrize("rules", ["published", "corrected"])
def test_shapes_and_unit_vectors(make: Make, image: str, rules: Rules) -> None:
    model = make(image, rules)
    batch = batch_of(model, length=14)
    out = model(batch)
    assert out.text_local_BTD.shape == (3, 13, 16)
    assert out.image_local_BPD.shape == (3, 16, 16)
    assert (out.image_attention_BP is None) == (image == "resnet10t")
    for vectors in (out.image_global_BD, out.text_global_BD, out.image_local_BPD, out.text_local_BTD[out.text_mask_BT]):
        torch.testing.assert_close(vectors.norm(dim=-1), torch.ones(vectors.shape[:-1]))
    if rules == "corrected":
        assert not out.text_local_BTD[~out.text_mask_BT].any()
    assert not out.text_attention_BT[~out.text_mask_BT].any()


def test_padding_changes_nothing_under_corrected_rules(make: Make) -> None:
    short, long = make("resnet10t", "corrected"), make("resnet10t", "corrected")
    for model, length in ((short, 12), (long, 40)):
        objective(model, batch_of(model, length=length)).backward()
    for (name, one), other in zip(short.named_parameters(), long.parameters(), strict=True):
        if one.grad is not None:
            # matrices of other widths are summed in another order, by other kernels on other processors
            torch.testing.assert_close(
                one.grad, other.grad, atol=1e-4, rtol=1e-3, msg=lambda m, name=name: f"{name} {m}"
            )
    for (name, one), other in zip(short.named_buffers(), long.buffers(), strict=True):
        torch.testing.assert_close(one, other, atol=1e-6, rtol=1e-5, msg=lambda m, name=name: f"{name} {m}")
    one, other = (model(batch_of(model, length=length)) for model, length in ((short, 12), (long, 40)))
    assert not other.text_mask_BT[:, 11:].any()
    torch.testing.assert_close(one.text_local_BTD, other.text_local_BTD[:, :11], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(one.text_global_BD, other.text_global_BD, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(one.text_attention_BT, other.text_attention_BT[:, :11], atol=1e-6, rtol=1e-5)


def test_padding_moves_the_statistics_under_published_rules(make: Make) -> None:
    short, long = make("resnet10t", "published"), make("resnet10t", "published")
    for model, length in ((short, 12), (long, 40)):
        model(batch_of(model, length=length))
    assert not torch.allclose(short.text_local.expand_norm.running_mean, long.text_local.expand_norm.running_mean)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("rules", ["published", "corrected"])
def test_mixed_precision_is_finite_and_near(make: Make, rules: Rules, dtype: torch.dtype) -> None:
    model = make("vit_tiny_patch16_224", rules)
    batch = batch_of(model, length=14)
    exact = model(batch)
    with torch.autocast("cpu", dtype=dtype):
        mixed = model(batch)
        objective(model, batch).backward()
    assert mixed.text_local_BTD.dtype == torch.float32
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())
    cosine = (mixed.text_local_BTD * exact.text_local_BTD).sum(-1)[exact.text_mask_BT]
    assert cosine.mean() > 0.98
    torch.testing.assert_close(mixed.text_attention_BT, exact.text_attention_BT, atol=0.01, rtol=0.05)


def test_compiles_as_one_graph(make: Make) -> None:
    model = make("vit_tiny_patch16_224", "corrected").eval()
    batch = batch_of(model, length=14)
    compiled = torch.compile(objective, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(model, batch), objective(model, batch))


def test_training_on_one_pair(make: Make) -> None:
    model = make("resnet10t", "corrected")
    batch = batch_of(model, length=14, size=1)
    with pytest.raises(UserError, match=r"datamodule\.batch_size"):
        model(batch)
    assert model.eval()(batch).image_global_BD.isfinite().all()
