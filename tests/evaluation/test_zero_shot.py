"""Zero-shot classification with a tiny model and a tokenizer that splits at spaces."""

import logging

import numpy as np
import pytest
import torch

from src.core.case_keys import CaseKeys
from src.core.errors import UserError
from src.evaluation import zero_shot
from src.evaluation.measure import measure
from src.evaluation.prompts import Prompts
from src.evaluation.zero_shot import PromptEmbeddings, ZeroShot, prompt_embeddings, similarities, zero_shot_cases

TEMPLATE = {"positive": ["{finding} there", "surely {finding}"], "negative": ["no {finding}"]}


class Spaces:
    pad_id = 0

    def __init__(self) -> None:
        self.ids: dict[str, int] = {}

    def encode(self, captions, *, max_tokens):
        return [[1, *(self.ids.setdefault(w, 3 + len(self.ids)) for w in c.split()), 2][:max_tokens] for c in captions]


def embed(model, findings, clean=str.lower, max_tokens=10):
    prompts = Prompts(template=TEMPLATE, findings={})
    return prompt_embeddings(model, prompts, findings, known=(), tokenizer=Spaces(), clean=clean, max_tokens=max_tokens)


def how(**settings):
    return ZeroShot(
        **{"compare": "pairs", "ensemble": "embeddings", "temperature": None, "standardise": False, **settings}
    )


def cases_of(image, label, prompt, *, exclusive=False, **settings):
    label = torch.as_tensor(label)
    return zero_shot_cases(
        image, label, CaseKeys.of(torch.arange(len(label))), prompt, exclusive=exclusive, how=how(**settings)
    )


def unit(*shape, seed):
    return torch.nn.functional.normalize(torch.randn(*shape, generator=torch.Generator().manual_seed(seed)), dim=-1)


def some_prompts(findings: int, sentences: int, seed: int = 5) -> PromptEmbeddings:
    draw = torch.Generator().manual_seed(seed)
    # each side at least one sentence, in no order
    groups = torch.cat([torch.arange(2 * findings), torch.randint(0, 2 * findings, (sentences,), generator=draw)])
    groups = groups[torch.randperm(len(groups), generator=draw)]
    return PromptEmbeddings(tuple("abcdefgh"[:findings]), unit(len(groups), 6, seed=seed), groups)


def test_every_sentence_is_embedded_in_its_group(stand_in, monkeypatch):
    stand_in.train()
    prompt = embed(stand_in, ["a", "b"])
    assert stand_in.training
    assert prompt.names == ("a", "b")
    assert prompt.group_S.tolist() == [0, 0, 1, 2, 2, 3]
    words = stand_in.words.weight.detach()
    # ids: a 3, there 4, surely 5, no 6, b 7
    tokens = [[1, 3, 4, 2], [1, 5, 3, 2], [1, 6, 3, 2], [1, 7, 4, 2], [1, 5, 7, 2], [1, 6, 7, 2]]
    expected = torch.nn.functional.normalize(torch.stack([words[ids].sum(0) for ids in tokens]), dim=1)
    torch.testing.assert_close(prompt.sentence_SD, expected)
    monkeypatch.setattr(zero_shot, "_SENTENCES_AT_ONCE", 4)
    torch.testing.assert_close(embed(stand_in, ["a", "b"]).sentence_SD, expected)


def test_a_sentence_lost_to_cleaning_is_named(stand_in):
    with pytest.raises(UserError, match=r'prompts\.findings\.a\.negative.*"no a"'):
        embed(stand_in, ["a"], clean=lambda text: None if text.startswith("no") else text)


def test_a_data_set_without_findings(stand_in):
    assert embed(stand_in, []).names == ()


@pytest.mark.parametrize("ensemble", ["embeddings", "mean", "max"])
def test_ensembles_against_a_loop_in_float64(ensemble: str, monkeypatch: pytest.MonkeyPatch):
    image, prompt = unit(7, 6, seed=0), some_prompts(3, 20)
    monkeypatch.setattr(zero_shot, "_SCORES_AT_ONCE", 2 * len(prompt.group_S))
    sides = similarities(image, prompt, ensemble)
    sentence, pixels = prompt.sentence_SD.double().numpy(), image.double().numpy()
    for denies, side in enumerate(sides):
        assert side.dtype == torch.float64
        for f in range(3):
            own = sentence[prompt.group_S.numpy() == 2 * f + denies]
            if ensemble == "embeddings":
                mean = own.mean(axis=0)
                expected = pixels @ (mean / np.linalg.norm(mean))
            else:
                expected = getattr(np, ensemble)(pixels @ own.T, axis=1)
            np.testing.assert_allclose(side[:, f].numpy(), expected, atol=1e-12)


def test_pairs_by_hand():
    # one sentence that states edema, one that denies it
    prompt = PromptEmbeddings(("edema",), torch.eye(2), torch.tensor([0, 1]))
    image = torch.tensor([[0.8, 0.6], [0.6, 0.8], [1.0, 0.0], [0.0, 1.0]])
    label = [[0.0], [1.0], [1.0], [0.0]]
    plain = cases_of(image, label, prompt)
    assert not plain.probabilities
    torch.testing.assert_close(plain.score_NF, torch.tensor([[0.2], [-0.2], [1.0], [-1.0]]).double())
    figures = measure(plain, group="zero_shot", resamples=0)
    assert figures["zero_shot/auroc/edema"].value == 0.75
    likely = cases_of(image, label, prompt, temperature=1.0)
    assert likely.probabilities
    # e^0.8 / (e^0.8 + e^0.6), and so on
    expected = [[0.549833997], [0.450166003], [0.731058579], [0.268941421]]
    torch.testing.assert_close(likely.score_NF, torch.tensor(expected).double())


@pytest.mark.parametrize("temperature", [0.05, 0.07, 1.0, 100.0])
def test_pairs_rank_alike_at_any_temperature(temperature: float):
    image, prompt = unit(200, 6, seed=0), some_prompts(2, 9)
    label = torch.zeros(200, 2)
    plain = cases_of(image, label, prompt).score_NF
    likely = cases_of(image, label, prompt, temperature=temperature).score_NF
    assert torch.equal(plain.argsort(dim=0), likely.argsort(dim=0))
    assert all(len(column.unique()) == len(plain) for column in likely.T)


def test_classes_by_hand(caplog: pytest.LogCaptureFixture):
    # the sentences that deny do not matter
    prompt = PromptEmbeddings(("a", "b"), torch.eye(2)[[0, 0, 1, 1]], torch.tensor([0, 1, 2, 3]))
    image = torch.tensor([[1.0, 0.0], [0.6, 0.8], [0.8, 0.6], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]])
    label = [[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [0.0, 0.0]]
    with caplog.at_level(logging.WARNING):
        cases = cases_of(image, label, prompt, compare="classes", temperature=0.5)
    assert "2 of 6 images do not have exactly one" in caplog.text
    assert cases.exclusive
    assert cases.keys.row_N.tolist() == [0, 1, 2, 3]
    torch.testing.assert_close(cases.score_NF.sum(dim=1), torch.ones(4).double())
    # e^2 / (e^2 + 1)
    assert cases.score_NF[0, 0].item() == pytest.approx(0.880797078)
    figures = measure(cases, group="zero_shot", resamples=0)
    assert figures["zero_shot/accuracy"].value == 0.75


def test_an_unknown_label_may_be_a_second_finding():
    prompt = some_prompts(2, 0)
    cases = cases_of(unit(2, 6, seed=1), [[1.0, torch.nan], [0.0, 1.0]], prompt, compare="classes")
    assert cases.keys.row_N.tolist() == [1]


def test_auto_is_classes_where_findings_exclude_one_another():
    image, prompt, label = unit(2, 6, seed=1), some_prompts(2, 0), [[1.0, 0.0], [0.0, 1.0]]
    assert cases_of(image, label, prompt, compare="auto", exclusive=True).exclusive
    assert not cases_of(image, label, prompt, compare="auto", exclusive=False).exclusive
    assert not cases_of(image, label, prompt, compare="pairs", exclusive=True).exclusive


def test_standardised_classes_against_numpy():
    image, prompt = unit(30, 6, seed=2), some_prompts(3, 12)
    label = torch.eye(3)[torch.arange(30) % 3]
    cases = cases_of(image, label, prompt, compare="classes", ensemble="max", standardise=True, temperature=0.07)
    close = similarities(image, prompt, "max")[0].numpy()
    np.testing.assert_allclose(cases.score_NF.numpy(), (close - close.mean(0)) / close.std(0), atol=1e-12)
    assert not cases.probabilities


def test_a_class_that_is_always_as_close_does_not_divide_by_zero():
    prompt = PromptEmbeddings(("a", "b"), torch.eye(4)[[0, 0, 3, 3]], torch.tensor([0, 1, 2, 3]))
    image = torch.nn.functional.pad(unit(5, 3, seed=0), (0, 1))
    cases = cases_of(image, torch.eye(2)[[0, 1, 0, 1, 0]], prompt, compare="classes", standardise=True)
    assert cases.score_NF[:, 1].tolist() == [0.0] * 5


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"temperature": 0.0}, "task.temperature is 0.0, but must be at least 0.05"),
        ({"temperature": float("nan")}, "task.temperature is nan"),
        ({"standardise": True}, "task.standardise=true goes with task.compare=classes"),
    ],
)
def test_settings_that_will_not_do(settings: dict, message: str):
    with pytest.raises(UserError, match=message):
        cases_of(unit(2, 6, seed=0), torch.eye(2), some_prompts(2, 0), **settings)


def test_classes_that_cannot_be_compared():
    image = unit(2, 6, seed=0)
    with pytest.raises(UserError, match="needs two findings or more, but there is only a"):
        cases_of(image, torch.ones(2, 1), some_prompts(1, 0), compare="classes")
    with pytest.raises(UserError, match="no judged image has exactly one"):
        cases_of(image, torch.ones(2, 2), some_prompts(2, 0), compare="classes")
