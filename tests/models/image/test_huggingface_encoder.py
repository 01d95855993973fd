"""The image encoder over Hugging Face's families, from folders and files, and what it says where something is wrong."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from src.core.errors import UserError
from src.models.image.huggingface_encoder import HuggingFaceEncoder

VIT = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "image_size": 32,
    "patch_size": 8,
}
STAGES = {"embedding_size": 8, "hidden_sizes": [8, 8, 16, 24], "depths": [1, 1, 1, 1], "image_size": 64}
WINDOWS = {
    "image_size": 32,
    "patch_size": 2,
    "embed_dim": 8,
    "depths": [1, 2, 1],
    "num_heads": [2, 2, 2],
    "window_size": 4,
}
FAMILIES: dict[str, dict[str, Any]] = {
    "vit": VIT,
    "deit": VIT,
    "dinov2": VIT,
    "dinov2_with_registers": VIT,
    "dinov3_vit": VIT,
    "vit_msn": VIT,
    "clip_vision_model": VIT,
    "siglip_vision_model": VIT,
    "ijepa": VIT,
    "beit": {**VIT, "use_relative_position_bias": True},
    "swin": WINDOWS,
    "swinv2": WINDOWS,
    "resnet": STAGES,
    "convnext": {"hidden_sizes": [8, 8, 16, 24], "depths": [1, 1, 1, 1], "image_size": 64},
    "dinov3_convnext": {"hidden_sizes": [8, 8, 16, 24], "depths": [1, 1, 1, 1], "image_size": 64},
    "pvt_v2": {"hidden_sizes": [8, 8, 16, 24], "num_attention_heads": [1, 1, 2, 2], "depths": [1, 1, 1, 1]},
}
ATTENDING = ("vit", "deit", "dinov2", "dinov2_with_registers", "vit_msn", "clip_vision_model")
Make = Callable[..., HuggingFaceEncoder]


@pytest.fixture
def make() -> Make:
    def build(family: str = "vit", **changed: Any) -> HuggingFaceEncoder:
        settings: dict[str, Any] = {
            "name": "nobody/nothing",
            "pretrained": False,
            "weights": None,
            "architecture": {"model_type": family, **FAMILIES[family]},
            "image_size": None,
            "own_normalisation": True,
            "transform_mean": 0.5,
            "transform_std": 0.5,
        }
        torch.manual_seed(0)
        return HuggingFaceEncoder(**{**settings, **changed}).eval()

    return build


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A classifier as the hub would lay it out: with its head, and with the mean and deviation of its images."""
    from transformers import AutoConfig, AutoModelForImageClassification

    torch.manual_seed(1)
    whole = AutoModelForImageClassification.from_config(AutoConfig.for_model("vit", **VIT))
    whole.save_pretrained(tmp_path / "model")
    own = {"image_processor_type": "ViTImageProcessor", "image_mean": [0.2, 0.3, 0.4], "image_std": [0.1, 0.2, 0.25]}
    (tmp_path / "model/preprocessor_config.json").write_text(json.dumps(own))
    return tmp_path / "model"


def output_of(encoder: HuggingFaceEncoder, image: torch.Tensor, **arguments: Any) -> Any:
    return encoder.model(pixel_values=image, output_hidden_states=True, **arguments)


@pytest.mark.parametrize("family", ATTENDING)
def test_class_attention_is_the_eager_one(make: Make, family: str) -> None:
    encoder = make(family)
    image = torch.randn(2, 3, 32, 32)
    features = encoder(image)
    encoder.model.set_attn_implementation("eager")
    output = output_of(encoder, image, output_attentions=True)
    tokens = {"deit": 2, "dinov2_with_registers": 5}.get(family, 1)
    attention = output.attentions[-1][:, :, 0, tokens:].mean(1)
    torch.testing.assert_close(features.attention_BP, attention, atol=1e-6, rtol=1e-4)
    torch.testing.assert_close(features.local_BPE, output.last_hidden_state[:, tokens:], atol=1e-5, rtol=1e-4)
    own = output.pooler_output if family == "clip_vision_model" else output.last_hidden_state[:, 0]
    torch.testing.assert_close(features.global_BE, own, atol=1e-5, rtol=1e-4)
    assert features.grid == (4, 4)
    assert not features.attention_BP.requires_grad


def test_only_the_last_layer_is_asked_for_attention(make: Make) -> None:
    encoder = make("dinov2")
    assert encoder.model.config._attn_implementation == "sdpa"
    encoder.train()
    for module in encoder.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    image = torch.randn(1, 3, 32, 32)
    quiet = encoder(image)
    for module in encoder.model.encoder.layer[-1].modules():
        if hasattr(module, "attention_dropout"):
            module.attention_dropout = 0.9
    dropped = encoder(image)
    assert not torch.equal(dropped.local_BPE, quiet.local_BPE)
    assert torch.equal(dropped.attention_BP, quiet.attention_BP)


@pytest.mark.parametrize("family", ["resnet", "convnext"])
def test_maps_give_the_stage_before_the_last(make: Make, family: str) -> None:
    encoder = make(family)
    image = torch.randn(2, 3, 64, 96)
    features = encoder(image)
    output = output_of(encoder, image)
    assert features.grid == (4, 6)
    assert features.attention_BP is None
    for row, column in ((0, 0), (1, 4), (3, 5)):
        torch.testing.assert_close(features.local_BPE[:, row * 6 + column], output.hidden_states[-2][:, :, row, column])
    torch.testing.assert_close(features.global_BE, output.pooler_output.flatten(1))


@pytest.mark.parametrize("family", ["swin", "swinv2"])
def test_windows_give_the_stage_before_its_patches_are_merged(make: Make, family: str) -> None:
    encoder = make(family)
    image = torch.randn(2, 3, 32, 32)
    features = encoder(image)
    assert features.grid == (8, 8)
    stage = encoder.model.encoder.layers[-2]
    merged = stage.downsample(features.local_BPE, (8, 8))
    expected = output_of(encoder, image).reshaped_hidden_states[-2].flatten(2).mT
    torch.testing.assert_close(merged, expected)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_hands_out_both_levels_and_learns(make: Make, family: str) -> None:
    encoder = make(family)
    training = [module.training for module in encoder.model.modules()]
    features = encoder.train()(torch.randn(2, 3, *encoder._built))
    patches = features.grid[0] * features.grid[1]
    assert features.global_BE.shape == (2, encoder.global_dim)
    assert features.local_BPE.shape == (2, patches, encoder.local_dim)
    assert (features.attention_BP is not None) == (family in ATTENDING)
    (features.global_BE.square().sum() + features.local_BPE.square().sum()).backward()
    idle = [key for key, value in encoder.named_parameters() if value.requires_grad and value.grad is None]
    assert idle == []
    assert not any(training)


@pytest.mark.parametrize("family", ["vit", "deit", "dinov2", "clip_vision_model", "siglip_vision_model", "beit"])
def test_images_of_another_size(make: Make, family: str) -> None:
    features = make(family, image_size=48)(torch.randn(1, 3, 48, 48))
    assert features.grid == (6, 6)
    assert features.local_BPE.shape[1] == 36
    if family not in ("dinov2", "beit"):
        with pytest.raises(UserError, match=r"48 x 48 .* built for 32 x 32: set encoder\.image\.image_size=48"):
            make(family)(torch.randn(1, 3, 48, 48))


def test_a_look_at_another_size_leaves_the_model_as_it_is(make: Make) -> None:
    encoder = make("resnet").train()
    encoder.model.encoder.stages[0].eval()
    modes = [module.training for module in encoder.modules()]
    with torch.no_grad():
        encoder._try((96, 64))
    assert [module.training for module in encoder.modules()] == modes
    assert all(value == 0 for key, value in encoder.state_dict().items() if key.endswith("num_batches_tracked"))


def test_folder_and_file_give_the_same_weights(make: Make, folder: Path, tmp_path: Path) -> None:
    named = make(name=str(folder), pretrained=True)
    tensors = load_file(folder / "model.safetensors")
    assert any(key.startswith("vit.") for key in tensors)
    torch.save({"state_dict": tensors}, tmp_path / "alone.pth")
    others = [
        make(weights=str(folder), architecture={}),
        make(weights=str(folder / "model.safetensors"), architecture={}),
        make(weights=str(tmp_path / "alone.pth")),
    ]
    for other in others:
        for key, value in named.model.state_dict().items():
            assert torch.equal(value, other.model.state_dict()[key])
    stored = next(value for key, value in tensors.items() if "layer.1." in key and key.endswith("key.weight"))
    assert any(torch.equal(value, stored) for value in named.model.state_dict().values())


def test_images_are_brought_to_the_normalisation_of_the_model(make: Make, folder: Path) -> None:
    pixel = torch.rand(2, 1, 32, 32).expand(-1, 3, -1, -1)
    given = (pixel - 0.5) / 0.25
    own = (pixel - torch.tensor([0.2, 0.3, 0.4]).view(3, 1, 1)) / torch.tensor([0.1, 0.2, 0.25]).view(3, 1, 1)
    encoder = make(name=str(folder), pretrained=True, transform_std=0.25)
    expected = output_of(encoder, own).last_hidden_state[:, 0]
    torch.testing.assert_close(encoder(given).global_BE, expected, atol=1e-5, rtol=1e-4)
    as_given = make(name=str(folder), pretrained=True, own_normalisation=False, transform_std=0.25)
    torch.testing.assert_close(as_given(given).global_BE, output_of(encoder, given).last_hidden_state[:, 0])
    restored = make()
    restored.load_state_dict(encoder.state_dict())
    torch.testing.assert_close(restored(given).global_BE, expected, atol=1e-5, rtol=1e-4)


def test_a_folder_without_normalisation_is_said(make: Make, folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    (folder / "preprocessor_config.json").unlink()
    encoder = make(name=str(folder), pretrained=True)
    assert "names no mean and deviation" in caplog.text
    assert torch.equal(encoder.scale_C11, torch.ones(3, 1, 1))
    assert torch.equal(encoder.shift_C11, torch.zeros(3, 1, 1))


def test_two_towers_give_the_one_of_images(make: Make, tmp_path: Path) -> None:
    from transformers import CLIPConfig, CLIPModel

    text = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 4, "intermediate_size": 32}
    whole = CLIPModel(CLIPConfig(vision_config=dict(VIT), text_config={**text, "vocab_size": 99}))
    whole.save_pretrained(tmp_path)
    encoder = make(name=str(tmp_path), pretrained=True)
    image = torch.randn(1, 3, 32, 32)
    expected = whole.eval().vision_model(pixel_values=image).pooler_output
    torch.testing.assert_close(encoder(image).global_BE, expected, atol=1e-5, rtol=1e-4)


def test_weights_of_another_model(make: Make, folder: Path, tmp_path: Path) -> None:
    file = str(folder / "model.safetensors")
    (folder / "config.json").unlink()
    with pytest.raises(UserError, match=r"model\.safetensors lack \d+ tensors, among them .*encoder\.image describes"):
        make("resnet", weights=file)
    with pytest.raises(UserError, match=r"hold \d+ of another shape, among them"):
        make(weights=file, architecture={"model_type": "vit", **VIT, "hidden_size": 48})
    save_file({"a": torch.zeros(3)}, tmp_path / "other.safetensors")
    with pytest.raises(UserError, match=r"other\.safetensors lack"):
        make(weights=str(tmp_path / "other.safetensors"))


def test_damaged_and_unsafe_files(make: Make, folder: Path, tmp_path: Path) -> None:
    torch.save({"weights": torch.nn.Linear(2, 2)}, tmp_path / "code.pth")
    with pytest.raises(UserError, match="was refused and nothing in it was run"):
        make(weights=str(tmp_path / "code.pth"))
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5000])
    with pytest.raises(UserError, match=r"encoder\.image\.pretrained=false"):
        make(name=str(folder), pretrained=True)
    with pytest.raises(UserError, match="not a complete safetensors file"):
        make(weights=str(weights))
    with pytest.raises(UserError, match="No checkpoint at"):
        make(weights=str(tmp_path / "absent.safetensors"))


def test_a_folder_that_brings_code_is_refused(make: Make, folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "theirs", "auto_map": {"AutoConfig": "theirs.Config", "AutoModel": "theirs.Model"}}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "theirs.py").write_text("raise SystemExit('run')")
    with pytest.raises(UserError, match=r"No weights for the image encoder"):
        make(name=str(folder), pretrained=True)


def test_absent_weights_name_the_way_out(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("src.models.hugging_face.hub_reachable", lambda: False)
    with pytest.raises(UserError, match=r"microsoft/rad-dino: .*encoder\.image\.weights .*pretrained=false") as caught:
        make(name="microsoft/rad-dino", pretrained=True)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("architecture", "message"),
    [
        ({}, r"encoder\.image\.architecture does not describe .*model_type"),
        ({"model_type": "vitt"}, r"encoder\.image\.architecture"),
        ({"model_type": "vit", **VIT, "hidden_size": "wide"}, r"encoder\.image\.architecture"),
        ({"model_type": "bert", "hidden_size": 32, "num_attention_heads": 4}, "reads no images"),
        ({"model_type": "vit_mae", **VIT}, r"gives 5 tokens .* not 1 and 4 x 4 patches"),
        ({"model_type": "resnet", **STAGES, "image_size": 0}, r"cannot read images of 0 x 0 pixels"),
    ],
)
def test_wrong_architecture(make: Make, architecture: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        make(architecture=architecture)


@pytest.mark.parametrize("family", ["detr", "table-transformer"])
def test_a_model_whose_tokens_are_no_patches_is_refused(make: Make, family: str) -> None:
    with pytest.raises(UserError, match=rf"{family}, a model of an encoder and a decoder, which gives no patches"):
        make(architecture={"model_type": family})


def test_a_model_of_videos_is_refused_with_another_way_out(make: Make) -> None:
    sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    with pytest.raises(UserError, match=r"videomae cannot read images.*encoder\.image\.name to a model of single"):
        make(architecture={"model_type": "videomae", **sizes, "image_size": 32, "patch_size": 16})
