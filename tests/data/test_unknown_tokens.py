"""Reports in words that the vocabulary does not know."""

from collections.abc import Callable
from typing import Any

import pytest

from src.core.errors import UserError
from src.data.unknown_tokens import CheckedTokenizer, unknown_share


class Letters:
    """A token for each letter, of which it knows a to e; 1 is [CLS], 2 is [SEP], 3 unknown."""

    pad_id, unknown_id = 0, 3

    def encode(self, captions: list[str], *, max_tokens: int) -> list[list[int]]:
        return [[1, *("abcde".find(sign) + 4 for sign in text[: max_tokens - 2]), 2] for text in captions]


def test_the_share_counts_neither_begin_nor_end() -> None:
    tokens = Letters().encode(["abx", "x", "", "abcdea"], max_tokens=20)
    assert unknown_share(tokens, Letters()) == 2 / 10
    assert unknown_share([], Letters()) == 0.0
    spelling = Letters()
    spelling.unknown_id = None  # type: ignore[assignment]
    assert unknown_share(tokens, spelling) == 0.0


def test_the_share_is_counted_and_refused_above_the_limit(
    make_module: Callable[..., Any], made_source: Callable[..., Any]
) -> None:
    source = made_source(["abcdx"] * 6)
    source.reports["val"] = ["abcde"] * 5
    module = make_module(source, tokenizer=Letters(), max_unknown_tokens=0.2)
    module.setup("fit")
    assert (module.counts("train").unknown_share, module.counts("val").unknown_share) == (0.2, 0.0)
    with pytest.raises(UserError) as caught:
        make_module(source, tokenizer=Letters(), max_unknown_tokens=0.19).setup("fit")
    assert "20.0% of the tokens of the train reports, more than datamodule.max_unknown_tokens=0.19" in str(caught.value)
    for setting in ("encoder.text.vocabulary=", "encoder.text.name=", "datamodule.max_unknown_tokens=1.0"):
        assert setting in str(caught.value)


def test_reports_that_are_only_evaluated_are_refused_too(
    make_module: Callable[..., Any], made_source: Callable[..., Any]
) -> None:
    source = made_source(["abcde"] * 6)
    source.reports |= {"val": ["abcde"] * 5, "test": ["xyz xyz"] * 3}
    module = make_module(source, tokenizer=Letters())
    module.setup("fit")
    with pytest.raises(UserError, match=r"100\.0% of the tokens of the test reports"):
        module.test_dataloader()


def test_other_texts_by_the_tokenizer() -> None:
    checked = CheckedTokenizer(Letters(), texts="the phrases", limit=0.5)
    assert checked.encode(["abx"], max_tokens=9) == [[1, 4, 5, 3, 2]]
    assert (checked.pad_id, checked.unknown_id) == (0, 3)
    with pytest.raises(UserError, match=r"66\.7% of the tokens of the phrases"):
        checked.encode(["axx"], max_tokens=9)


@pytest.mark.parametrize("limit", [-0.1, 1.1])
def test_a_limit_outside_its_range_stops(
    make_module: Callable[..., Any], made_source: Callable[..., Any], limit: float
) -> None:
    with pytest.raises(UserError, match=r"max_unknown_tokens is"):
        make_module(made_source(["abc"]), max_unknown_tokens=limit)
