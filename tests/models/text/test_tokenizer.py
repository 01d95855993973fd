"""Reports to token ids and back to words."""

import pickle
from pathlib import Path

import pytest

from src.core.errors import UserError
from src.models.text.tokenizer import ReportTokenizer, load_tokenizer

MARKS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]


@pytest.fixture
def small(tmp_path: Path) -> ReportTokenizer:
    path = tmp_path / "vocab.txt"
    path.write_text("\n".join([*MARKS, "no", "pneumo", "##thorax", "##th", "Heart", "heart"]), encoding="utf-8")
    return load_tokenizer(str(path), lowercase=True)


@pytest.fixture(scope="module")
def shipped() -> ReportTokenizer:
    return load_tokenizer("radiology_wordpiece", lowercase=True)


def test_pieces_marks_and_words(small: ReportTokenizer) -> None:
    (tokens,) = small.encode(["No pneumothorax heart"], max_tokens=20)
    assert tokens == [2, 4, 5, 6, 9, 3]
    assert small.words([*tokens, 0, 0]) == ["no", "pneumothorax", "heart", "[SEP]"]
    assert [index for index, piece in enumerate(small.piece) if piece] == [6, 7]
    assert (small.cls_id, small.sep_id, small.pad_id, small.vocab_size) == (2, 3, 0, 10)


def test_case_is_kept_where_asked(tmp_path: Path) -> None:
    path = tmp_path / "vocab.txt"
    path.write_text("\n".join([*MARKS, "Heart"]), encoding="utf-8")
    assert load_tokenizer(str(path), lowercase=False).encode(["Heart heart"], max_tokens=9) == [[2, 4, 1, 3]]


def test_truncation_keeps_the_end_mark(small: ReportTokenizer) -> None:
    short, long = small.encode(["no", "no heart no heart"], max_tokens=4)
    assert short == [2, 4, 3]
    assert long == [2, 4, 9, 3]


@pytest.mark.parametrize("text", ["", " ", "no " * 100_000, "心臓は正常です", "\x00\u200b", "x" * 100_000])
def test_any_text_encodes(shipped: ReportTokenizer, text: str) -> None:
    (tokens,) = shipped.encode([text], max_tokens=112)
    assert len(tokens) <= 112
    assert (tokens[0], tokens[-1]) == (shipped.cls_id, shipped.sep_id)


def test_shipped_vocabulary_knows_radiology(shipped: ReportTokenizer) -> None:
    report = "the heart size is normal with no pleural effusion or pneumothorax"
    (tokens,) = shipped.encode([report.upper()], max_tokens=112)
    assert shipped.words(tokens) == [*report.split(), "[SEP]"]
    unknown = shipped.encode(["[UNK]"], max_tokens=3)[0][1]
    assert unknown not in tokens


def test_pickles(small: ReportTokenizer) -> None:
    copy = pickle.loads(pickle.dumps(small))
    assert copy.encode(["heart"], max_tokens=5) == small.encode(["heart"], max_tokens=5)


def test_byte_level_folder(tmp_path: Path) -> None:
    from tokenizers import ByteLevelBPETokenizer
    from transformers import PreTrainedTokenizerFast

    trained = ByteLevelBPETokenizer()
    trained.train_from_iterator(
        ["the heart is enlarged and the lungs are clear"] * 3, special_tokens=["<s>", "<pad>", "</s>"]
    )
    from tokenizers.processors import TemplateProcessing

    trained._tokenizer.post_processor = TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=trained._tokenizer, cls_token="<s>", sep_token="</s>", pad_token="<pad>"
    ).save_pretrained(tmp_path)
    tokenizer = load_tokenizer(str(tmp_path), lowercase=True)
    (tokens,) = tokenizer.encode(["heart enlargedlungs"], max_tokens=50)
    assert not tokenizer.piece[tokens[1]]
    assert tokenizer.words(tokens) == ["heart", "enlargedlungs", "</s>"]


def test_vocabulary_without_marks(tmp_path: Path) -> None:
    path = tmp_path / "vocab.txt"
    path.write_text("[PAD]\n[UNK]\nheart\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"lacks \[CLS\], \[SEP\]"):
        load_tokenizer(str(path), lowercase=True)


def test_absent_vocabulary(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("src.models.text.tokenizer.hub_reachable", lambda: False)
    with pytest.raises(UserError, match=r"No vocabulary nobody/nothing.*encoder\.text\.vocabulary"):
        load_tokenizer("nobody/nothing", lowercase=True)


@pytest.mark.parametrize("lowercase", [True, False])
@pytest.mark.parametrize(
    "text", ["हृदय का आकार बढ़ा हुआ है", "หัวใจโต มีน้ำในช่องเยื่อหุ้มปอด", "οι πνεύμονες είναι καθαροί", "হৃৎপিণ্ড বড়"]
)
def test_marks_that_the_vocabulary_spells_stay(tmp_path: Path, text: str, lowercase: bool) -> None:
    path = tmp_path / "vocab.txt"
    path.write_text("\n".join([*MARKS, *text.split(), "heart"]), encoding="utf-8")
    tokenizer = load_tokenizer(str(path), lowercase=lowercase)
    (tokens,) = tokenizer.encode([text], max_tokens=40)
    assert tokens == [2, *range(4, 4 + len(text.split())), 3]
    assert tokenizer.words(tokens) == [*text.split(), "[SEP]"]


def test_accents_of_latin_letters_are_dropped_with_the_capitals(tmp_path: Path) -> None:
    for others in ([], ["है"]):
        path = tmp_path / "vocab.txt"
        path.write_text("\n".join([*MARKS, "heart", "viet", *others]), encoding="utf-8")
        assert load_tokenizer(str(path), lowercase=True).encode(["Héart Việt"], max_tokens=9) == [[2, 4, 5, 3]]


def test_the_token_of_unknown_words(small: ReportTokenizer, shipped: ReportTokenizer) -> None:
    assert small.unknown_id == 1
    (tokens,) = shipped.encode(["心影大小正常"], max_tokens=20)
    assert tokens[1:-1] == [shipped.unknown_id] * 6
