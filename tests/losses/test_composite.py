import torch

from src.losses.base import Loss
from src.losses.composite import CompositeLoss
from tests.losses.inputs import Shape, embeddings_of, with_leaves


class Mean(Loss):
    """A loss as a third person would add it: one class."""

    def __init__(self, *, weight, of):
        super().__init__(weight=weight)
        self.of = of
        self.epochs = []

    def compute(self, embeddings):
        return getattr(embeddings, self.of).mean()

    def after_backward(self, *, epoch):
        self.epochs.append(epoch)


def test_adds_by_weight_and_reports_each_part():
    image, text = Mean(weight=2.0, of="image_global_BD"), Mean(weight=0.5, of="text_global_BD")
    loss = CompositeLoss({"image": image, "text": text})
    embeddings, leaves = with_leaves(embeddings_of(Shape()))
    total, parts = loss(embeddings)
    expected = {"image": embeddings.image_global_BD.mean(), "text": embeddings.text_global_BD.mean()}
    torch.testing.assert_close(total, 2 * expected["image"] + 0.5 * expected["text"])
    assert list(parts) == ["image", "text"]
    for name, part in parts.items():
        torch.testing.assert_close(part, expected[name].detach())
        assert not part.requires_grad
    total.backward()
    torch.testing.assert_close(leaves[0].grad, torch.full_like(leaves[0], 2 / leaves[0].numel()))


def test_hands_the_epoch_to_every_part():
    parts = {"image": Mean(weight=1.0, of="image_global_BD"), "text": Mean(weight=1.0, of="text_global_BD")}
    CompositeLoss(parts).after_backward(epoch=3)
    assert [part.epochs for part in parts.values()] == [[3], [3]]
