"""Trains the small uncased WordPiece vocabulary that the project ships: `python -m src.data.phantom.vocabulary OUT`.

The text is the phantom's reports and a list of radiology terms. The same call writes the same bytes each time.
"""

import string
import sys
from pathlib import Path

from src.core.errors import UserError
from src.data.phantom.study import make_study
from src.data.phantom.terms import terms

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
VOCABULARY_SIZE = 2000
_SEED = 20221128
_REPORTS = 3000
_TERM_WEIGHT = 20


def train_vocabulary() -> list[str]:
    """The pieces in the order of their ids: special ones, letters and digits with their ``##`` forms, the rest.

    The alphabet goes in as special tokens so that it has fixed ids, by which the trainer settles ties.
    """
    from tokenizers import Tokenizer
    from tokenizers.models import WordPiece
    from tokenizers.normalizers import BertNormalizer
    from tokenizers.pre_tokenizers import BertPreTokenizer
    from tokenizers.trainers import WordPieceTrainer

    characters = string.ascii_lowercase + string.digits
    base = [*SPECIAL, *characters, *("##" + character for character in characters)]
    tokenizer = Tokenizer(WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = BertPreTokenizer()
    trainer = WordPieceTrainer(vocab_size=VOCABULARY_SIZE, special_tokens=base, min_frequency=2, show_progress=False)
    words = terms()
    reports = [make_study(seed=_SEED, index=index, prevalence=0.16).report for index in range(_REPORTS)]
    tokenizer.train_from_iterator([*reports, *(words * _TERM_WEIGHT)], trainer)
    known = set(base)
    vocabulary = tokenizer.get_vocab()
    learned = sorted(
        (piece for piece in vocabulary if piece not in known), key=lambda piece: (piece[:2] == "##", piece)
    )
    whole = [word for word in words if word not in known and word not in vocabulary]
    return [*base, *learned, *whole]


def main(arguments: list[str]) -> None:
    """Write the vocabulary, one piece a line, to the file named by the one argument."""
    if len(arguments) != 1:
        raise UserError("vocabulary: give one argument, the file to write")
    out = Path(arguments[0])
    temporary = out.with_name(out.name + ".part")
    temporary.write_text("\n".join(train_vocabulary()) + "\n", encoding="ascii", newline="\n")
    temporary.replace(out)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except UserError as error:
        sys.exit(str(error))
