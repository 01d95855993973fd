"""The shipped WordPiece vocabulary is what its script makes, and knows every word of the phantom."""

import string
from pathlib import Path

import pytest
from tokenizers import BertWordPieceTokenizer

from src.core.errors import UserError
from src.data.phantom.study import make_study
from src.data.phantom.vocabulary import SPECIAL, main

SHIPPED = Path(__file__).resolve().parents[3] / "src" / "assets" / "radiology_wordpiece.txt"


def test_the_script_makes_the_shipped_file(tmp_path: Path) -> None:
    main([str(tmp_path / "vocabulary.txt")])
    assert (tmp_path / "vocabulary.txt").read_bytes() == SHIPPED.read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["vocabulary.txt"]


def test_it_is_small_and_covers_letters_and_digits() -> None:
    pieces = SHIPPED.read_text().split("\n")[:-1]
    assert 1500 <= len(pieces) <= 2500
    assert len(set(pieces)) == len(pieces)
    assert tuple(pieces[:5]) == SPECIAL
    for character in string.ascii_lowercase + string.digits:
        assert {character, "##" + character} <= set(pieces)


def test_no_report_has_an_unknown_word() -> None:
    tokenizer = BertWordPieceTokenizer(str(SHIPPED), lowercase=True)
    unknown = tokenizer.token_to_id("[UNK]")
    for index in range(400):
        encoding = tokenizer.encode(make_study(seed=30, index=index, prevalence=0.3).report)
        assert unknown not in encoding.ids


def test_any_latin_word_is_spelt_out() -> None:
    tokenizer = BertWordPieceTokenizer(str(SHIPPED), lowercase=True)
    assert "[UNK]" not in tokenizer.encode("zyqwxj Hyperlipoproteinaemia 12x9 kv").tokens


@pytest.mark.parametrize("arguments", [[], ["a", "b"]])
def test_it_wants_one_file_name(arguments: list[str]) -> None:
    with pytest.raises(UserError, match="one argument"):
        main(arguments)
