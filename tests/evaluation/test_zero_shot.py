"""Zero-shot classification with a tiny model and a tokenizer that splits at spaces."""

import pytest
import torch

from src.core.errors import UserError
from src.evaluation.prompts import Prompts
from src.evaluation.zero_shot import PromptEmbeddings, prompt_embeddings, zero_shot_auroc, zero_shot_scores

TEMPLATE = {"positive": ["{finding} there", "surely {finding}"], "negative": ["no {finding}"]}


class Spaces:
    pad_id = 0

    def __init__(self) -> None:
        self.ids: dict[str, int] = {}

    def encode(self, captions, *, max_tokens):
        return [[1, *(self.ids.setdefault(w, 3 + len(self.ids)) for w in c.split()), 2][:max_tokens] for c in captions]


def embed(model, findings, prompts=None, clean=str.lower, max_tokens=10):
    prompts = prompts or Prompts(template=TEMPLATE, findings={})
    return prompt_embeddings(model, prompts, findings, tokenizer=Spaces(), clean=clean, max_tokens=max_tokens)


def test_normalised_mean_of_the_sentences(stand_in):
    stand_in.train()
    prompt = embed(stand_in, ["a", "b"])
    assert stand_in.training
    words = stand_in.words.weight.detach()
    # ids: a 3, there 4, surely 5, no 6, b 7
    one = torch.nn.functional.normalize(words[[1, 3, 4, 2]].sum(0), dim=0)
    two = torch.nn.functional.normalize(words[[1, 5, 3, 2]].sum(0), dim=0)
    torch.testing.assert_close(prompt.positive_FD[0], torch.nn.functional.normalize(one + two, dim=0))
    torch.testing.assert_close(prompt.negative_FD[1], torch.nn.functional.normalize(words[[1, 6, 7, 2]].sum(0), dim=0))
    assert prompt.positive_FD.shape == (2, 3)


def test_a_sentence_lost_to_cleaning_is_named(stand_in):
    with pytest.raises(UserError, match=r'prompts\.findings\.a\.negative.*"no a"'):
        embed(stand_in, ["a"], clean=lambda text: None if text.startswith("no") else text)


def test_a_data_set_without_findings(stand_in):
    prompt = embed(stand_in, [])
    assert zero_shot_auroc(torch.randn(3, 3), torch.zeros(3, 0), prompt, []) == {}


def test_scores_and_auroc_by_hand():
    prompt = PromptEmbeddings(positive_FD=torch.tensor([[1.0, 0.0]]), negative_FD=torch.tensor([[0.0, 1.0]]))
    image = torch.tensor([[0.8, 0.6], [0.6, 0.8], [1.0, 0.0], [0.0, 1.0]])
    torch.testing.assert_close(zero_shot_scores(image, prompt), torch.tensor([[0.2], [-0.2], [1.0], [-1.0]]))
    label = torch.tensor([[0.0], [1.0], [1.0], [0.0]])
    figures = zero_shot_auroc(image, label, prompt, ["edema"])
    assert figures == {"zero_shot/auroc_mean": 0.75, "zero_shot/auroc/edema": 0.75, "zero_shot/findings": 1}


def test_a_softmax_at_any_temperature_ranks_alike():
    draw = torch.Generator().manual_seed(0)
    image = torch.nn.functional.normalize(torch.randn(50, 8, generator=draw), dim=1)
    both = torch.nn.functional.normalize(torch.randn(2, 1, 8, generator=draw), dim=-1)
    score = zero_shot_scores(image, PromptEmbeddings(*both)).flatten()
    pair = torch.stack([image @ both[0, 0], image @ both[1, 0]], dim=1)
    for temperature in (0.07, 1.0):
        softmax = (pair.double() / temperature).softmax(dim=1)[:, 0]
        assert torch.equal(softmax.argsort(), score.argsort())
