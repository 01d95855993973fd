"""How many pairs of a split are used, worked out by hand."""

from collections.abc import Callable
from typing import Any


def test_every_pair_is_used(make_module: Callable[..., Any], made_source: Callable[..., Any]) -> None:
    module = make_module(made_source([f"report number {i} of ten" for i in range(10)]))
    assert (module.counts("train").kept, module.counts("val").kept) == (10, 5)
    assert module.counts("train").left_out == {}


def test_unusable_images_are_counted(make_module: Callable[..., Any], folder_source: Any) -> None:
    folder_source.paths[3].unlink()
    counts = make_module(folder_source, max_unreadable=0.2).counts("train")
    assert (counts.kept, counts.listed) == (19, 20)
    assert counts.left_out == {"image missing or unreadable": 1}
