"""The sentences that stand for a finding's presence and absence in zero-shot classification."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from src.core.errors import UserError

_SIDES = ("positive", "negative")


class PromptPair(NamedTuple):
    """Sentences that say a finding is there, and sentences that say it is not."""

    positive: tuple[str, ...]
    negative: tuple[str, ...]


class Prompts:
    """Prompts by finding, and a template for findings that have none of their own.

    ``template``: ``positive`` and ``negative`` sentences in which ``{finding}`` stands for the finding's name, its
    underscores read as spaces. ``findings``: the same two lists for each finding by name.
    Raises UserError where a list is missing or empty.
    """

    def __init__(
        self, *, template: Mapping[str, Sequence[str]], findings: Mapping[str, Mapping[str, Sequence[str]]]
    ) -> None:
        self._template = _pair("prompts.template", template)
        self._findings = {name: _pair(f"prompts.findings.{name}", lists) for name, lists in findings.items()}

    def for_findings(self, finding_names: Sequence[str]) -> dict[str, PromptPair]:
        """The prompts of each finding, in the order given.

        Raises UserError where there are prompts for a finding that the data set does not know.
        """
        unknown = [name for name in self._findings if name not in finding_names]
        if unknown:
            raise UserError(
                f"prompts.findings.{unknown[0]}: the data set has no finding of this name; its findings are "
                f"{', '.join(finding_names) or 'none'}. Correct the name, or choose prompts=generic."
            )
        return {name: self._findings.get(name) or self._from_template(name) for name in finding_names}

    def _from_template(self, name: str) -> PromptPair:
        spoken = name.replace("_", " ")
        return PromptPair(*(tuple(text.replace("{finding}", spoken) for text in texts) for texts in self._template))


def _pair(key: str, lists: Mapping[str, Sequence[str]]) -> PromptPair:
    unknown = set(lists) - set(_SIDES)
    if unknown:
        raise UserError(f"{key}.{min(unknown)}: no such list; prompts are either positive or negative.")
    for side in _SIDES:
        if not lists.get(side):
            raise UserError(f"{key}.{side} is missing or empty; give at least one sentence.")
    return PromptPair(*(tuple(lists[side]) for side in _SIDES))
