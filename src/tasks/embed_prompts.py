"""The zero-shot sentences of a data set, as a model sees them."""

from functools import partial

from src.data.datamodule import PairDataModule
from src.data.report import caption_of_report
from src.data.sources import known_findings
from src.data.unknown_tokens import CheckedTokenizer
from src.evaluation.prompts import Prompts
from src.evaluation.zero_shot import PromptEmbeddings, prompt_embeddings
from src.models.alignment import AlignmentModel


def embed_prompts(model: AlignmentModel, prompts: Prompts, datamodule: PairDataModule) -> PromptEmbeddings:
    """The sentences for the data set's findings, cleaned and cut as its reports are, and embedded where ``model`` is.

    Raises UserError for prompts of findings that the data set does not know, for a sentence that cleaning empties, and
    for sentences in words that the vocabulary does not know.
    """
    return prompt_embeddings(
        model,
        prompts,
        datamodule.source.finding_names,
        known=known_findings(datamodule.source),
        tokenizer=CheckedTokenizer(
            model.text_encoder.tokenizer, texts="the zero-shot sentences", limit=datamodule.max_unknown_tokens
        ),
        clean=partial(caption_of_report, rules=datamodule.rules),
        max_tokens=datamodule.max_tokens,
    )
