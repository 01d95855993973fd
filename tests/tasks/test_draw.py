import torch

from src.tasks.draw import choose_words


def test_finding_words_first_then_the_most_pointed_each_once_in_text_order() -> None:
    words = ["the", "heart", "nodule", "is", "clear", "nodule", "left", "lungs", "3.5", "upper"]
    peak_T = torch.tensor([0.9, 0.2, 0.1, 0.9, 0.5, 0.3, 0.4, 0.6, 0.9, 0.15])
    weight_TP = torch.stack([peak_T, (1 - peak_T) / 20], dim=1)
    chosen = choose_words(weight_TP, words, {"nodule"})
    assert [words[index] for index in chosen] == ["clear", "nodule", "left", "lungs"]
    assert chosen == [4, 5, 6, 7]


def test_fewer_words_than_wanted() -> None:
    assert choose_words(torch.ones(2, 3), ["no", "effusion"], set()) == [1]
