"""Texts in words that a vocabulary does not know, of which an encoder learns nothing."""

from collections.abc import Sequence

from src.core.errors import UserError
from src.data.sources import Tokenizer


def unknown_share(tokens: Sequence[Sequence[int]], tokenizer: Tokenizer) -> float:
    """Return the share of unknown tokens among those of all texts, their begin and end marks not counted."""
    total = sum(max(len(ids) - 2, 0) for ids in tokens)
    if tokenizer.unknown_id is None or not total:
        return 0.0
    return sum(ids.count(tokenizer.unknown_id) for ids in map(list, tokens)) / total


class CheckedTokenizer:
    """A tokenizer that refuses ``texts``, a name for a message, where ``limit`` of their tokens are unknown to it."""

    def __init__(self, tokenizer: Tokenizer, *, texts: str, limit: float) -> None:
        self._tokenizer = tokenizer
        self._texts = texts
        self._limit = limit

    @property
    def pad_id(self) -> int:
        return self._tokenizer.pad_id

    @property
    def unknown_id(self) -> int | None:
        return self._tokenizer.unknown_id

    def encode(self, captions: list[str], *, max_tokens: int) -> list[list[int]]:
        """The tokens of all captions. Raises ``UserError`` where too many are unknown."""
        tokens = self._tokenizer.encode(captions, max_tokens=max_tokens)
        refuse_unknown(self._texts, unknown_share(tokens, self._tokenizer), self._limit)
        return tokens


def refuse_unknown(texts: str, share: float, limit: float) -> None:
    """Raise ``UserError`` where more than ``limit`` of the tokens of ``texts`` are unknown."""
    if share > limit:
        raise UserError(
            f"the vocabulary does not know {share:.1%} of the tokens of {texts}, more than "
            f"datamodule.max_unknown_tokens={limit} admits. Take a vocabulary of their language with "
            "encoder.text.vocabulary=FILE (a vocab.txt; encoder.text.architecture.vocab_size must be at least its "
            "number of lines), or a pretrained text encoder with encoder.text.name=NAME encoder.text.pretrained=true "
            "encoder.text.vocabulary=null; datamodule.max_unknown_tokens=1.0 takes the texts as they are"
        )
