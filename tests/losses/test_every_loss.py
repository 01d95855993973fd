"""What holds for each loss of conf/loss alike; a new yaml is found without a change here."""

import copy
from dataclasses import fields, replace

import pytest
import torch
from omegaconf import OmegaConf
from torch.func import functional_call
from torch.nn.functional import normalize

from src.core.errors import UserError
from src.losses.in_parts import refuse_wrong_in_parts
from src.losses.ita import InstanceAlignment
from tests.losses.every import CONF, NAMES, make_loss
from tests.losses.inputs import VECTORS, Shape, embeddings_of, mapped, with_leaves


def loss_and_gradients(loss, embeddings):
    loss.zero_grad()
    embeddings, leaves = with_leaves(embeddings)
    value = loss(embeddings)
    value.backward()
    gradients = [leaf.grad for leaf in leaves] + [parameter.grad for parameter in loss.parameters()]
    return [value.detach(), *(g for g in gradients if g is not None)]


def assert_compiles_to_the_same(loss, shapes, **options):
    torch._dynamo.reset()
    eager = copy.deepcopy(loss)
    compiled = torch.compile(loss, backend="aot_eager", fullgraph=True, **options)
    for shape in shapes:
        embeddings = embeddings_of(shape, torch.float32)
        torch.testing.assert_close(
            loss_and_gradients(compiled, embeddings), loss_and_gradients(eager, embeddings), rtol=1e-5, atol=1e-6
        )
        torch.testing.assert_close(loss.state_dict(), eager.state_dict())


def test_compiles_whole(loss):
    assert_compiles_to_the_same(loss, [Shape()])


@pytest.mark.parametrize("rules", ["published", "corrected"])
def test_compiles_whole_without_image_attention(rules):
    loss = make_loss("cta", width=Shape().width, rules=rules)
    assert_compiles_to_the_same(loss, [Shape(image_attention=False)])


@pytest.mark.parametrize("name", NAMES)
def test_compiles_whole_for_every_length(name):
    torch.manual_seed(0)
    loss = make_loss(name, width=Shape().width)
    assert_compiles_to_the_same(loss, [Shape(), Shape(batch=3, words=6)], dynamic=True)


def test_the_gradient_is_the_derivative_of_the_value(loss):
    """Of the embeddings and of the loss's own parameters; a loss that stops gradients has a test of its own for it."""
    loss = loss.double()
    embeddings, leaves = with_leaves(embeddings_of(Shape(batch=3, patches=3, words=4)))
    parameters = dict(loss.named_parameters())
    if loss.stops_gradient:
        assert all(torch.isfinite(tensor).all() for tensor in loss_and_gradients(loss, embeddings))
        return

    def value(*tensors):
        vectors = dict(zip(VECTORS, tensors, strict=False))
        own = dict(zip(parameters, tensors[len(VECTORS) :], strict=True))
        return functional_call(loss, own, (replace(embeddings, **vectors),))

    assert torch.autograd.gradcheck(value, (*leaves, *parameters.values()))


def test_learns(loss):
    """Some embedding or parameter has a gradient that is not 0: a loss without one trains nothing."""
    gradients = loss_and_gradients(loss.double(), embeddings_of(Shape()))[1:]
    assert any(gradient.abs().max() > 0 for gradient in gradients)


@pytest.mark.parametrize("half", [torch.bfloat16, torch.float16])
def test_autocast_computes_in_float32(loss, half):
    embeddings = embeddings_of(Shape(batch=8, patches=16, words=12), torch.float32)
    halved = replace(embeddings, **{name: getattr(embeddings, name).to(half) for name in VECTORS})
    with torch.autocast("cpu", half):
        under_autocast = loss(halved)
    restored = replace(halved, **{name: getattr(halved, name).float() for name in VECTORS})
    assert under_autocast.dtype == torch.float32
    torch.testing.assert_close(under_autocast, loss(restored), rtol=1e-6, atol=0)
    torch.testing.assert_close(under_autocast, loss(embeddings), rtol=0.02, atol=1e-3)


@pytest.mark.parametrize("half", [torch.bfloat16, torch.float16])
def test_module_in_half_precision_stays_close(loss, half):
    embeddings = embeddings_of(Shape(batch=8, patches=16, words=12), torch.float32)
    expected = loss(embeddings)
    actual = loss.to(half)(replace(embeddings, **{name: getattr(embeddings, name).to(half) for name in VECTORS}))
    torch.testing.assert_close(actual, expected, rtol=0.02, atol=1e-3)


@pytest.mark.parametrize("image_attention", [True, False])
@pytest.mark.parametrize(
    "case", ["identical", "opposite", "zero", "no attention", "no words", "huge attention", "one pair"]
)
def test_extremes_stay_finite(loss, case, image_attention):
    embeddings = embeddings_of(
        Shape(image_attention=image_attention, batch=1 if case == "one pair" else 4), torch.float32
    )
    changes = {
        "identical": lambda e: replace(e, **{n: normalize(torch.ones_like(getattr(e, n)), dim=-1) for n in VECTORS}),
        "zero": lambda e: replace(e, **{n: torch.zeros_like(getattr(e, n)) for n in VECTORS}),
        "opposite": lambda e: replace(
            e,
            **{
                n: normalize(torch.ones_like(getattr(e, n)), dim=-1) * (-1 if n.startswith("text") else 1)
                for n in VECTORS
            },
        ),
        "no attention": lambda e: replace(
            e,
            text_attention_BT=torch.zeros_like(e.text_attention_BT),
            image_attention_BP=torch.zeros(4, 5) if image_attention else None,
        ),
        "no words": lambda e: replace(e, text_mask_BT=torch.zeros_like(e.text_mask_BT)),
        "huge attention": lambda e: replace(e, text_attention_BT=e.text_attention_BT * 1e30),
        "one pair": lambda e: e,
    }
    for tensor in loss_and_gradients(loss, changes[case](embeddings)):
        assert torch.isfinite(tensor).all(), f"the loss or its gradient is not finite: {case}"


@pytest.mark.parametrize("sizes", [(5, 2), (1, 3, 3)])
def test_the_parts_of_a_batch_make_up_the_whole(loss, sizes):
    """A loss is a mean over its own pairs, told apart from all: so several processes compute what one would.

    A loss that cannot do that says so (``distributed = False``), and trainings by several processes refuse it.
    """
    if not loss.distributed:
        with pytest.raises(UserError, match="cannot be right on several processes, as its class declares"):
            refuse_wrong_in_parts({"it": loss}, width=Shape().width)
        return
    loss = loss.double()
    embeddings = embeddings_of(Shape(batch=sum(sizes)))
    value, *gradients = loss_and_gradients(loss, embeddings)
    loss.zero_grad()
    embeddings, leaves = with_leaves(embeddings)
    values = []
    for own_B in torch.arange(sum(sizes)).split(sizes):
        part = mapped(embeddings, lambda tensor, own=own_B: tensor[own])
        all_pairs = {"image_candidate_ND": embeddings.image_global_BD, "text_candidate_ND": embeddings.text_global_BD}
        values.append(loss(replace(part, **all_pairs, own_B=own_B)) * len(own_B) / sum(sizes))
        values[-1].backward()
    wrong = "no mean over the own pairs with embeddings.candidates as negatives (CONTRIBUTING, Adding a loss): "
    torch.testing.assert_close(sum(values).detach(), value, msg=lambda text: wrong + text)
    found = [tensor.grad for tensor in (*leaves, *loss.parameters()) if tensor.grad is not None]
    torch.testing.assert_close(found, gradients, msg=lambda text: wrong + text)


def test_order_of_the_batch_does_not_matter(loss):
    loss = loss.double()
    embeddings = embeddings_of(Shape(batch=5))
    order = torch.tensor([3, 0, 4, 1, 2])
    torch.testing.assert_close(loss(mapped(embeddings, lambda t: t[order])), loss(embeddings))


def test_order_of_patches_and_words_does_not_matter(loss):
    loss = loss.double()
    embeddings = embeddings_of(Shape())
    patch, word = torch.randperm(5), torch.randperm(7)
    shuffled = replace(
        embeddings,
        image_local_BPD=embeddings.image_local_BPD[:, patch],
        image_attention_BP=embeddings.image_attention_BP[:, patch],
        text_local_BTD=embeddings.text_local_BTD[:, word],
        text_attention_BT=embeddings.text_attention_BT[:, word],
        text_mask_BT=embeddings.text_mask_BT[:, word],
    )
    torch.testing.assert_close(loss(shuffled), loss(embeddings))


def test_rotation_of_the_space_does_not_matter(loss):
    loss = loss.double()
    embeddings = embeddings_of(Shape())
    rotation_DD = torch.linalg.qr(torch.randn(16, 16, dtype=torch.float64)).Q
    expected = loss(embeddings)
    with torch.no_grad():
        for parameter in loss.parameters():
            # prototypes, or weights on embeddings
            if parameter.ndim == 2 and parameter.shape[1] == 16:
                parameter.copy_(parameter @ rotation_DD)
    turned = replace(embeddings, **{name: getattr(embeddings, name) @ rotation_DD for name in VECTORS})
    torch.testing.assert_close(loss(turned), expected)


def test_leaves_its_input_alone(loss):
    embeddings = embeddings_of(Shape())
    before = mapped(embeddings, torch.clone)
    loss.double()(embeddings)
    for field in fields(embeddings):
        value = getattr(embeddings, field.name)
        assert value is None or torch.equal(value, getattr(before, field.name))


@pytest.mark.parametrize("temperature", [0.0, -0.1, float("nan")])
def test_a_temperature_that_is_not_positive_is_refused(temperature):
    with pytest.raises(UserError, match="temperature of InstanceAlignment"):
        InstanceAlignment(weight=1.0, temperature=temperature, rules="corrected")


@pytest.mark.parametrize("name", NAMES)
def test_every_yaml_is_one_loss_of_its_name(name):
    cfg = OmegaConf.load(CONF / "loss" / f"{name}.yaml")
    assert [key for key in cfg if key != "defaults"] == [name]
    loss = make_loss(name, width=Shape().width)
    assert loss.weight == cfg[name].weight
