"""The image encoder over timm's families, and what it says when something does not fit."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf
from safetensors.torch import save_file
from torch import Tensor

from src.core.errors import UserError
from src.models.image.timm_encoder import TimmEncoder

CONF = Path(__file__).resolve().parents[3] / "conf"
NARROW = {"channels": [8, 16, 24, 32], "stem_width": 8}
TINY_VIT = {"embed_dim": 32, "depth": 2, "num_heads": 4}
Make = Callable[..., TimmEncoder]


@pytest.fixture
def make() -> Make:
    def build(name: str, **changed: Any) -> TimmEncoder:
        settings: dict[str, Any] = {
            "pretrained": False,
            "weights": None,
            "image_size": None,
            "upsample_to": None,
            "model_args": {},
        }
        torch.manual_seed(0)
        return TimmEncoder(name=name, **{**settings, **changed}).eval()

    return build


def test_residual_network_gives_layer3_and_pooled_layer4(make: Make) -> None:
    encoder = make("resnet10t", model_args=NARROW)
    image = torch.randn(2, 3, 64, 96)
    kept: dict[str, Tensor] = {}
    for name in ("layer3", "layer4"):
        module = encoder.model.get_submodule(name)
        module.register_forward_hook(lambda _m, _i, output, name=name: kept.update({name: output}))
    features = encoder(image)
    assert features.grid == (4, 6)
    assert features.attention_BP is None
    for row, column in ((0, 0), (1, 4), (3, 5)):
        torch.testing.assert_close(features.local_BPE[:, row * 6 + column], kept["layer3"][:, :, row, column])
    torch.testing.assert_close(features.global_BE, kept["layer4"].mean((2, 3)))


def test_published_upsampling(make: Make) -> None:
    image = torch.randn(1, 3, 224, 224)
    features = make("resnet10t", model_args=NARROW, upsample_to=299)(image)
    assert features.grid == (19, 19)
    larger = torch.nn.functional.interpolate(image, size=(299, 299), mode="bilinear", align_corners=True)
    assert torch.equal(features.local_BPE, make("resnet10t", model_args=NARROW)(larger).local_BPE)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("vit_tiny_patch16_224", {}),
        ("vit_tiny_patch16_224", {"reg_tokens": 3}),
        ("vit_tiny_patch16_224", {"qk_norm": True}),
        ("deit_tiny_distilled_patch16_224", {}),
    ],
)
def test_transformer_tokens_and_class_attention(make: Make, name: str, arguments: dict[str, Any]) -> None:
    encoder = make(name, image_size=64, model_args={**TINY_VIT, **arguments})
    image = torch.randn(2, 3, 64, 64)
    features = encoder(image)
    attention = encoder.model.blocks[-1].attn
    attention.fused_attn = False
    kept: list[Tensor] = []
    attention.attn_drop.register_forward_hook(lambda _m, _i, output: kept.append(output))
    tokens = encoder.model.forward_features(image)
    prefix = encoder.model.num_prefix_tokens
    torch.testing.assert_close(features.global_BE, tokens[:, 0])
    torch.testing.assert_close(features.local_BPE, tokens[:, prefix:])
    torch.testing.assert_close(features.attention_BP, kept[0][:, :, 0, prefix:].mean(1))
    assert features.grid == (4, 4)
    assert not features.attention_BP.requires_grad


FAMILIES = [
    "resnet50",
    "convnext_atto",
    "densenet121",
    "efficientnet_b0",
    "mobilenetv3_small_050",
    "regnety_002",
    "nfnet_f0",
    "vgg11",
    "hrnet_w18_small",
    "inception_v3",
    "swin_tiny_patch4_window7_224",
    "maxvit_nano_rw_256",
    "mvitv2_tiny",
    "mixer_s32_224",
    "vit_base_patch16_siglip_224",
    "vit_small_patch14_dinov2",
    "beit_base_patch16_224",
    "eva02_tiny_patch14_224",
    "cait_xxs24_224",
    "xcit_nano_12_p16_224",
    "deit3_small_patch16_224",
    "vit_tiny_r_s16_p8_224",
]


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_hands_out_both_levels(make: Make, name: str) -> None:
    with torch.device("meta"):
        encoder = make(name)
        side = encoder.model.pretrained_cfg["input_size"][-1]
        features = encoder(torch.randn(2, 3, side, side))
    assert features.global_BE.shape == (2, encoder.global_dim)
    patches = features.grid[0] * features.grid[1]
    assert features.local_BPE.shape == (2, patches, encoder.local_dim)
    assert features.attention_BP is None or features.attention_BP.shape == (2, patches)


@pytest.mark.parametrize("name", ["resnet10t", "vit_tiny_patch16_224"])
def test_local_weights_with_their_classifier(make: Make, name: str, tmp_path: Path) -> None:
    import timm

    arguments = NARROW if name == "resnet10t" else TINY_VIT
    whole = timm.create_model(name, pretrained=False, num_classes=7, **arguments)
    save_file(whole.state_dict(), tmp_path / "whole.safetensors")
    torch.save({"model": whole.state_dict()}, tmp_path / "whole.pth")
    for file in ("whole.safetensors", "whole.pth"):
        encoder = make(name, weights=str(tmp_path / file), pretrained=True, model_args=arguments)
        for key, value in encoder.model.state_dict().items():
            assert torch.equal(value, whole.state_dict()[key])


def test_weights_of_another_size_of_image_are_resized(make: Make, tmp_path: Path) -> None:
    save_file(make("vit_tiny_patch16_224", model_args=TINY_VIT).model.state_dict(), tmp_path / "w.safetensors")
    encoder = make("vit_tiny_patch16_224", image_size=64, weights=str(tmp_path / "w.safetensors"), model_args=TINY_VIT)
    assert encoder.model.pos_embed.shape == (1, 17, 32)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("resnet18", {}),
        ("convnext_atto", {"depths": [1, 1, 1, 1], "dims": [8, 8, 8, 8]}),
        ("mvitv2_tiny", {}),
        ("vit_tiny_patch16_224", TINY_VIT),
    ],
)
def test_weights_of_another_model(make: Make, name: str, arguments: dict[str, Any], tmp_path: Path) -> None:
    import timm

    for other, sizes in (("resnet10t", NARROW), ("deit_tiny_distilled_patch16_224", TINY_VIT)):
        whole = timm.create_model(other, pretrained=False, **sizes)
        save_file(whole.state_dict(), tmp_path / "w.safetensors")
        with pytest.raises(UserError, match=r"w\.safetensors do not fit this model .*(missing|left over)"):
            make(name, weights=str(tmp_path / "w.safetensors"), model_args=arguments)


def test_absent_weights_name_the_way_out(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("src.models.image.timm_encoder.hub_reachable", lambda: False)
    with pytest.raises(UserError, match=r"resnet18\.tv_in1k.*encoder\.image\.weights=FILE.*pretrained=false"):
        make("resnet18.tv_in1k", pretrained=True)


def test_unknown_name_offers_the_nearest(make: Make) -> None:
    with pytest.raises(UserError, match=r"resnet51: did you mean .*resnet"):
        make("resnet51")


def test_arguments_that_do_not_fit(make: Make) -> None:
    with pytest.raises(UserError, match=r"image_size null"):
        make("resnet18", image_size=128)
    with pytest.raises(UserError, match=r"encoder\.image\.image_size=128"):
        make("vit_tiny_patch16_224", model_args=TINY_VIT)(torch.randn(1, 3, 128, 128))


@pytest.mark.parametrize(("name", "arguments"), [("resnet10t", NARROW), ("vit_tiny_patch16_224", TINY_VIT)])
def test_every_parameter_learns(make: Make, name: str, arguments: dict[str, Any]) -> None:
    encoder = make(name, model_args=arguments, image_size=64 if "vit" in name else None).train()
    features = encoder(torch.randn(2, 3, 64, 64))
    (features.global_BE.square().sum() + features.local_BPE.square().sum()).backward()
    assert [key for key, value in encoder.named_parameters() if value.grad is None] == []


def test_maps_of_a_residual_network_are_those_of_its_stages(make: Make) -> None:
    encoder = make("resnet10t", model_args=NARROW, upsample_to=96)
    kept: dict[str, Tensor] = {}
    for name in ("layer1", "layer2", "layer3", "layer4"):
        getattr(encoder.model, name).register_forward_hook(lambda _m, _i, out, name=name: kept.update({name: out}))
    maps = encoder.maps(torch.randn(2, 3, 64, 64))
    # the image's own size, not that of the upsampled one
    assert [tuple(map_BERS.shape[2:]) for map_BERS in maps] == [(32, 32), (16, 16), (8, 8), (4, 4), (2, 2)]
    for map_BERS, name in zip(maps[1:], kept, strict=True):
        torch.testing.assert_close(map_BERS, kept[name])


def test_the_map_of_a_transformer_is_its_patches_and_nothing_is_held(make: Make) -> None:
    encoder = make("vit_tiny_patch16_224", image_size=64, model_args=TINY_VIT)
    image_BCHW = torch.randn(2, 3, 64, 64)
    (map_BERS,) = encoder.maps(image_BCHW)
    assert map_BERS.shape == (2, 32, 4, 4)
    torch.testing.assert_close(map_BERS.flatten(2).transpose(1, 2), encoder(image_BCHW).local_BPE)
    # what is kept for the class token's attention would hold the whole step's graph until the next one
    assert not encoder._kept


def test_random_weights_of_the_papers_resnet_are_torchvisions() -> None:
    """Against torchvision's own random network, and its rule: normal, variance 2 / fan-out; BatchNorms 1 and 0."""
    from torchvision.models import resnet50

    settings = OmegaConf.to_container(OmegaConf.load(CONF / "encoder/image/resnet50.yaml"))
    settings.pop("_target_")
    torch.manual_seed(0)
    ours = TimmEncoder(**{**settings, "pretrained": False}).model.state_dict()
    theirs = {name: value for name, value in resnet50(weights=None).state_dict().items() if name[:3] != "fc."}
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        if value.ndim == 4:
            fan_out = value.shape[0] * value.shape[2] * value.shape[3]
            # five times the standard error of a standard deviation
            error = 5 / (2 * value.numel()) ** 0.5
            assert value.std().item() == pytest.approx((2 / fan_out) ** 0.5, rel=error), name
            assert value.std().item() == pytest.approx(theirs[name].std().item(), rel=2 * error), name
        elif not name.endswith("num_batches_tracked"):
            assert torch.equal(value, theirs[name]), name


def test_imagenet_weights_of_the_papers_resnet_are_torchvisions_first() -> None:
    from timm.models import get_pretrained_cfg
    from torchvision.models import ResNet50_Weights

    name = OmegaConf.load(CONF / "encoder/image/resnet50.yaml").name
    assert get_pretrained_cfg(name).url == ResNet50_Weights.IMAGENET1K_V1.url
