"""Every golden checkpoint file: weights by the seed rule, through the importer, against the published outputs."""

import json
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor

from src.core.embeddings import Embeddings
from src.interop.released_mgca import load_released
from src.losses.base import Loss
from src.losses.cpa import CrossPrototypeAlignment
from src.losses.cta import CrossTokenAlignment
from src.losses.ita import InstanceAlignment
from src.models.alignment import AlignmentModel
from src.models.image.timm_encoder import TimmEncoder
from src.models.text.bert import BertEncoder

TOLERANCE = 1e-4
Shapes = dict[str, list[int]]


def _is_outputs(path: Path) -> bool:
    with safe_open(path, "pt") as file:
        return {"caption_ids", "images"} <= set(file.keys())


def _shape_tables(folder: Path) -> Iterator[Shapes]:
    for path in sorted(folder.rglob("*.json")):
        table = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(table, dict) and "prototype_layer.weight" in table:
            yield table


def _image_width(shapes: Shapes) -> int:
    return shapes["img_encoder_q.global_embed.head.0.weight"][1]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    folder = metafunc.config.getoption("--golden")
    files = [path for path in sorted(folder.rglob("*.safetensors")) if _is_outputs(path)] if folder.is_dir() else []
    reason = f"no golden checkpoint files below {folder}; name the folder with --golden"
    cases = [pytest.param(path, id=str(path.relative_to(folder))) for path in files] or [
        pytest.param(None, marks=pytest.mark.skip(reason=reason))
    ]
    metafunc.parametrize("file", cases)


def _seeded(shapes: Shapes) -> dict[str, Tensor]:
    return {key: torch.from_numpy(_seeded_array(key, tuple(shape))) for key, shape in shapes.items()}


def _seeded_array(key: str, shape: tuple[int, ...]) -> np.ndarray:
    leaf = key.rpartition(".")[2]
    if leaf == "num_batches_tracked":
        return np.zeros(shape, dtype=np.int64)
    if leaf == "position_ids":
        return np.arange(np.prod(shape), dtype=np.int64).reshape(shape)
    r = np.random.Generator(np.random.PCG64(zlib.crc32(key.encode()))).standard_normal(shape, dtype=np.float32)
    fan_in = int(np.prod(shape[1:]))
    if leaf == "running_var":
        r = 1 + 0.1 * np.abs(r)
    elif leaf == "running_mean":
        r = 0.1 * r
    elif len(shape) == 4:
        r = r * np.sqrt(2 / fan_in)
    elif len(shape) >= 2:
        r = 0.02 * r if "embed" in key and "head" not in key else r / np.sqrt(fan_in)
    elif "weight" in leaf:
        r = 1 + 0.1 * r
    else:
        r = 0.02 * r
    return np.asarray(r, dtype=np.float32)


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Entries with the marks and the pieces where the golden token ids have them."""
    marks = {0: "[PAD]", 100: "[UNK]", 101: "[CLS]", 102: "[SEP]", 103: "[MASK]"}
    lines = [marks.get(i, f"##{i}" if i >= 104 and (i - 104) % 4 == 3 else f"word{i}") for i in range(28_996)]
    path = tmp_path_factory.mktemp("vocabulary") / "vocab.txt"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def _image_encoder(shapes: Shapes) -> TimmEncoder:
    residual = "img_encoder_q.model.conv1.weight" in shapes
    return TimmEncoder(
        name="resnet50" if residual else "vit_base_patch16_224",
        pretrained=False,
        weights=None,
        image_size=None,
        upsample_to=299 if residual else None,
        model_args={},
    )


def _text_encoder(shapes: Shapes, vocabulary: Path) -> BertEncoder:
    prefix = "text_encoder_q.model."
    entries, width = shapes[prefix + "embeddings.word_embeddings.weight"]
    layers = {key.split(".")[4] for key in shapes if key.startswith(prefix + "encoder.layer.")}
    return BertEncoder(
        name="seeded",
        pretrained=False,
        architecture={
            "model_type": "bert",
            "vocab_size": entries,
            "hidden_size": width,
            "num_attention_heads": width // 64,
            "intermediate_size": shapes[prefix + "encoder.layer.0.intermediate.dense.weight"][0],
            "max_position_embeddings": shapes[prefix + "embeddings.position_embeddings.weight"][0],
        },
        num_layers=len(layers),
        vocabulary=str(vocabulary),
        lowercase=False,
        rules="published",
    )


@pytest.fixture(scope="module")
def built() -> dict[int, tuple[AlignmentModel, Tensor]]:
    """Models by the width of their image features, filled when first asked for."""
    return {}


def _build(width: int, folders: list[Path], vocabulary: Path, scratch: Path) -> tuple[AlignmentModel, Tensor]:
    shapes = next(table for folder in folders for table in _shape_tables(folder) if _image_width(table) == width)
    torch.save({"state_dict": _seeded(shapes), "hyper_parameters": {"img_encoder": "seeded", "emb_dim": 128}}, scratch)
    hidden, embedding = shapes["img_encoder_q.global_embed.head.3.weight"][::-1]
    model = AlignmentModel(
        image_encoder=_image_encoder(shapes),
        text_encoder=_text_encoder(shapes, vocabulary),
        embedding_dim=embedding,
        hidden_dim=hidden,
        sync_batch_norm=False,
        rules="published",
    )
    prototypes_KD = load_released(model, scratch)
    scratch.unlink()
    return model.eval(), prototypes_KD


def _losses(prototypes_KD: Tensor) -> dict[str, Loss]:
    cpa = CrossPrototypeAlignment(
        weight=1.0,
        embedding_dim=prototypes_KD.shape[1],
        num_prototypes=prototypes_KD.shape[0],
        temperature=0.2,
        epsilon=0.05,
        sinkhorn_iterations=3,
        freeze_epochs=1,
        rules="published",
    )
    with torch.no_grad():
        cpa.prototypes_KD.copy_(prototypes_KD)
    return {
        "ita": InstanceAlignment(weight=1.0, temperature=0.07, rules="published"),
        "cta": CrossTokenAlignment(weight=1.0, temperature=0.1, bidirectional=True, rules="published"),
        "cpa": cpa,
    }


def test_outputs(
    file: Path,
    built: dict[int, tuple[AlignmentModel, Tensor]],
    request: pytest.FixtureRequest,
    vocabulary: Path,
    tmp_path: Path,
) -> None:
    golden = load_file(file)
    width = golden["image_feature"].shape[1]
    if width not in built:
        folders = [request.config.getoption("--golden"), request.config.getoption("--shared")]
        built[width] = _build(width, folders, vocabulary, tmp_path / "released.ckpt")
    model, prototypes_KD = built[width]
    token_BL = golden["caption_ids"]
    with torch.no_grad():
        image = model.embed_images(golden["images"].float())
        text = model.embed_texts(token_BL, token_BL != 0)

    def assert_near(actual: Tensor, name: str) -> None:
        torch.testing.assert_close(actual, golden[name], rtol=TOLERANCE, atol=TOLERANCE, msg=lambda m: f"{name}: {m}")

    assert torch.equal(text.mask_BT, golden["text_word_mask"])
    assert_near(text.attention_BT, "text_word_attention")
    assert_near(text.feature_BE, "text_feature")
    assert_near(text.global_BD, "text_global")
    assert_near(text.local_BTD, "text_local")
    assert_near(image.feature_BE, "image_feature")
    assert_near(image.global_BD, "image_global")
    assert_near(image.local_BPD, "image_local")

    embeddings = Embeddings(
        image_global_BD=image.global_BD,
        text_global_BD=text.global_BD,
        image_local_BPD=image.local_BPD,
        text_local_BTD=text.local_BTD,
        text_mask_BT=text.mask_BT,
        text_attention_BT=text.attention_BT,
        image_attention_BP=image.attention_BP,
    )
    for name, loss in _losses(prototypes_KD).items():
        assert_near(loss(embeddings), f"loss.{name}")
