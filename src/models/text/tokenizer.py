"""Reports to token ids and back to words."""

import re
import unicodedata
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from src.core.errors import UserError
from src.models.hub import hub_reachable

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from tokenizers.normalizers import Normalizer

_SPECIALS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
_LONGEST_CAPTION = 20_000
_LATIN_ACCENT = re.compile("(?<=[A-Za-z])[\u0300-\u036f]+")


class ReportTokenizer:
    """Token ids of reports, and the words they stand for. Picklable, so that data workers may carry it.

    ``cls_id``, ``sep_id``, ``pad_id``: the marks of begin, end and padding. ``unknown_id``: the token of words that the
    vocabulary does not know, None where it knows all. ``piece``: for each vocabulary entry,
    whether it continues the word before it: it begins with ``##`` (WordPiece), or lacks the mark of a new word
    (byte-level BPE and sentencepiece vocabularies). The special marks are words of their own.
    """

    def __init__(self, *, backend: "Tokenizer", cls_token: str, sep_token: str, pad_token: str) -> None:
        self._backend = backend
        self._backend.no_padding()
        self._sep_token = sep_token
        self.cls_id = _id_of(backend, cls_token)
        self.sep_id = _id_of(backend, sep_token)
        self.pad_id = _id_of(backend, pad_token)
        self.unknown_id = _unknown_id(backend)
        vocabulary = backend.get_vocab()
        self.vocab_size = max(vocabulary.values()) + 1
        specials = {token.content for token in backend.get_added_tokens_decoder().values()}
        marks = {cls_token, sep_token, pad_token} | specials
        self._word_mark = _word_mark(vocabulary)
        self.piece = [False] * self.vocab_size
        for token, index in vocabulary.items():
            self.piece[index] = token not in marks and _continues(token, self._word_mark)

    def encode(self, captions: Sequence[str], *, max_tokens: int) -> list[list[int]]:
        """[CLS], the pieces of each caption, [SEP]; a longer caption loses its end, never its [SEP]."""
        self._backend.enable_truncation(max_length=max_tokens)
        # Cut by characters first, so that a text of any length costs no more than a long report; and a vocabulary
        # that marks new words by the space before them needs one before the first.
        lead = " " if self._word_mark == "Ġ" else ""
        texts = [lead + caption[:_LONGEST_CAPTION] for caption in captions]
        return [encoding.ids for encoding in self._backend.encode_batch(texts)]

    def words(self, tokens: Sequence[int]) -> list[str]:
        """The words of one encoded report, its [SEP] last: one for each word position that the model's mask shows.

        Under published rules a report that fills the whole length shows fewer positions; they are the first ones.
        """
        words: list[str] = []
        for index in tokens[1:]:
            if index == self.pad_id:
                break
            token = self._backend.id_to_token(index) or ""
            if self.piece[index] and words:
                words[-1] += token.removeprefix("##")
            else:
                words.append(token.lstrip(self._word_mark) if self._word_mark else token.removeprefix("##"))
            if index == self.sep_id:
                break
        return words


def load_tokenizer(vocabulary: str, *, lowercase: bool) -> ReportTokenizer:
    """The tokenizer of a vocabulary: one that the project ships, a ``vocab.txt``, or a Hugging Face folder or name.

    ``lowercase`` applies to a ``vocab.txt``, which cannot say it itself; a folder or name brings its own rule.
    Raises UserError where the vocabulary is not there or lacks a mark.
    """
    shipped = resources.files("src.assets") / f"{vocabulary}.txt" if "/" not in vocabulary else None
    if shipped is not None and shipped.is_file():
        return _from_lines(shipped.read_text(encoding="utf-8").splitlines(), vocabulary, lowercase=lowercase)
    path = Path(vocabulary).expanduser()
    if path.is_file():
        return _from_lines(path.read_text(encoding="utf-8").splitlines(), vocabulary, lowercase=lowercase)
    return _from_hugging_face(vocabulary)


def _from_lines(lines: Sequence[str], source: str, *, lowercase: bool) -> ReportTokenizer:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors

    vocabulary = {line: index for index, line in enumerate(lines) if line}
    missing = [mark for mark in _SPECIALS if mark not in vocabulary]
    if missing:
        raise UserError(f"The vocabulary {source} lacks {', '.join(missing)}: name a BERT vocab.txt, one entry a line.")
    backend = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=100))
    backend.add_special_tokens([mark for mark in (*_SPECIALS, "[MASK]") if mark in vocabulary])
    backend.normalizer = _normalizer(lines, lowercase=lowercase)
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    backend.decoder = decoders.WordPiece()
    backend.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        special_tokens=[("[CLS]", vocabulary["[CLS]"]), ("[SEP]", vocabulary["[SEP]"])],
    )
    return ReportTokenizer(backend=backend, cls_token="[CLS]", sep_token="[SEP]", pad_token="[PAD]")


def _normalizer(lines: Sequence[str], *, lowercase: bool) -> "Normalizer":
    """BERT's, which drops all accents with the capitals; from Latin letters alone where the vocabulary has others.

    Vowels of Hindi, Thai and Bengali, and accents of Greek, are such marks: without them words are other words.
    """
    from tokenizers import Regex, normalizers

    if not (lowercase and any(_spells_marks(line) for line in lines)):
        return normalizers.BertNormalizer(lowercase=lowercase)
    return normalizers.Sequence(
        [
            normalizers.NFD(),
            normalizers.Replace(Regex(_LATIN_ACCENT.pattern), ""),
            normalizers.NFC(),
            normalizers.BertNormalizer(lowercase=True, strip_accents=False),
        ]
    )


def _spells_marks(entry: str) -> bool:
    """Whether a vocabulary's entry has a mark that BERT's normaliser drops, on a letter that is not Latin."""
    text = "" if entry.isascii() else _LATIN_ACCENT.sub("", unicodedata.normalize("NFD", entry))
    return any(unicodedata.category(sign) == "Mn" for sign in text)


def _from_hugging_face(name: str) -> ReportTokenizer:
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(
            name, local_files_only=Path(name).is_dir() or not hub_reachable(), trust_remote_code=False
        )
    except (OSError, ValueError) as error:
        raise UserError(
            f"No vocabulary {name}: it is neither shipped with the project, nor a file or folder, nor could it be read "
            "from the Hugging Face hub; set encoder.text.vocabulary to a vocab.txt or a local model folder, or to "
            "radiology_wordpiece."
        ) from error
    backend = getattr(tokenizer, "backend_tokenizer", None)
    marks = (tokenizer.cls_token, tokenizer.sep_token, tokenizer.pad_token)
    if backend is None or None in marks:
        raise UserError(f"The tokenizer of {name} has no begin, end or padding mark: name a BERT-like model.")
    return ReportTokenizer(backend=backend, cls_token=marks[0], sep_token=marks[1], pad_token=marks[2])


def _unknown_id(backend: "Tokenizer") -> int | None:
    """The token of what the vocabulary does not know; None for one that spells everything, as of bytes."""
    token = getattr(backend.model, "unk_token", None)
    # sentencepiece's model names its token by number alone
    names = (token,) if isinstance(token, str) else ("[UNK]", "<unk>")
    return next((index for name in names if (index := backend.token_to_id(name)) is not None), None)


def _id_of(backend: "Tokenizer", token: str) -> int:
    index: int | None = backend.token_to_id(token)
    if index is None:
        raise UserError(f"The vocabulary lacks the mark {token}: name a vocabulary made for a BERT-like model.")
    return index


def _word_mark(vocabulary: dict[str, int]) -> str:
    for mark in ("Ġ", "▁"):
        if sum(token.startswith(mark) for token in vocabulary) > len(vocabulary) // 20:
            return mark
    return ""


def _continues(token: str, word_mark: str) -> bool:
    return not token.startswith(word_mark) if word_mark else token.startswith("##")
