"""Odd command lines end in one sentence; the command that the sentence gives is read."""

import re
import shlex
from collections.abc import Callable

import pytest

from src.core.errors import UserError
from src.engine.command import hydra_arguments


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("--experiment=demo", ["--experiment=demo is no option", "here +experiment=demo."]),
        ("--experiment demo", ["here +experiment=demo."]),
        ("--seed=3", ["here seed=3."]),
        ("-seed 3", ["here seed=3."]),
        ("--foo", ["--foo is no option"]),
        ("--multi-run", ["did you mean --multirun?"]),
        ("--cfg", ["expected one argument"]),
        ("--cfg jobs", ["invalid choice: 'jobs'"]),
        ("--cfg job -m seed=1,2", ["-m and --cfg cannot be given together"]),
        ("--resolve", ["--cfg job --resolve"]),
        ("seed", ["give seed=VALUE."]),
        ("seed 3", ["give seed=3."]),
        ("seed = 3", ["give seed=3."]),
        ("seed =3", ["give seed=3."]),
        ("seed= 3", ["give seed=3."]),
        ("'seed: 3'", ["give seed=3."]),
        ("'seed=3 rules=published'", ["several settings in one word", "give seed=3 rules=published without"]),
        ("=x", ["no key before the equals sign"]),
        ("''", ["an empty word"]),
        ("/trainer=cpu", ["give trainer=cpu."]),
        ("trainer/max_epochs=3", ["give trainer.max_epochs=3."]),
        ("encoder.image=resnet50", ["give encoder/image=resnet50."]),
        ("encoder=resnet50", ["give encoder/image=resnet50."]),
        ("experiment=demo", ["give +experiment=demo."]),
        ("task=", ["task= names no option", "pretrain"]),
        ("dataset=/d/Röntgen.csv", ["dataset=pairs 'dataset.table=\"/d/Röntgen.csv\"'"]),
        ("loss=ita,cta", ["give 'loss=[ita,cta]' for a list, or -m loss=ita,cta"]),
        ("seed=1,2", ["give -m seed=1,2 for"]),
        ("loss=[ita", ["[ and ] do not match"]),
        ("'dataset.size=\"64'", ['the quote " is not closed']),
    ],
)
def test_an_odd_command_is_one_sentence(command: str, words: list[str]) -> None:
    with pytest.raises(UserError) as caught:
        hydra_arguments(shlex.split(command))
    message = str(caught.value)
    assert "\n" not in message
    assert message.endswith((".", "?"))
    for word in words:
        assert word in message


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["--hydra-help"],
        ["--cfg", "job"],
        ["-c", "job", "--resolve"],
        ["-m", "seed=1,2", "+sweep=seeds"],
        ["~head", "task=pretrain"],
        ["loss=[ita,cta]", "++a.b=1"],
        [],
    ],
)
def test_a_right_command_stays(words: list[str]) -> None:
    assert hydra_arguments(words) == words


def test_settings_between_options_keep_their_places() -> None:
    found = hydra_arguments(["--cfg", "job", "dataset=pairs", "dataset.table=/ä.csv", "-p", "dataset"])
    assert found == ["--cfg", "job", "dataset=pairs", 'dataset.table="/ä.csv"', "-p", "dataset"]


def test_a_report_takes_what_its_table_prints() -> None:
    found = hydra_arguments(["task=report", "sweep=out/s", "task.baseline=max_epochs=1"])
    assert found == ["task=report", "task.sweep=out/s", 'task.baseline="max_epochs=1"']


def test_a_key_given_twice_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert hydra_arguments(["seed=1", "seed=2"]) == ["seed=1", "seed=2"]
    assert capsys.readouterr().err == "Warning: seed is given twice; the last one counts: seed=2\n"


FOLLOWED = [
    "trainer.max_epoch=3",
    "encoder.image.nmae=resnet10t",
    "loss.itta.weight=2",
    "callbacks.earlystopping.patience=3",
    "datamodule.bach_size=4",
    "seeed=3",
    "+seed=3",
    "+trainer=gpu",
    "loss=[itta]",
    "+experiment=mgca_vitt",
    "+experiment=detect/rsnaa",
    "encoder/image=resnet5",
    "--experiment=demo",
    "seed 3",
    "trainer/max_epochs=3",
    "encoder.image=resnet50",
    "experiment=demo",
    "loss=ita,cta",
    "dataset=/d/Röntgen.csv",
    "dataset.table=/d/a.csv",
    "task.baseline=x",
]


@pytest.mark.parametrize("command", FOLLOWED)
def test_following_the_message_composes(command: str, run_cli: Callable) -> None:
    words = shlex.split(command)
    answer = run_cli("--cfg", "job", *words)
    assert answer.code == 1
    assert answer.err.count("Error: ") == 1, answer.err
    assert "Traceback" not in answer.err
    assert run_cli("--cfg", "job", *_followed(words, answer.err)).code == 0, answer.err


def _followed(words: list[str], message: str) -> list[str]:
    """The words with what the message gives in place of the last ones, as a reader would type it."""
    message = " ".join(message.split("Error: ")[1].split())
    if meant := re.search(r"\(did you mean (\S+?)(?: or \S+)?\?\)", message):
        key, _, value = words[0].partition("=")
        group = re.search(r"config group (\S+) has no option '([^']+)'", message)
        return [f"{key}={value.replace(group[2], meant[1])}" if group else f"{meant[1]}={value}"]
    if option := re.search(r"\((\S+=\S+)(?: and .*)? ha(?:s|ve) it\)", message):
        return [option[1], *words]
    given = re.search(r"(?:give|here|is read with) (.*?)(?:\.$| for a list|, or| without)", message)
    assert given is not None, message
    return shlex.split(given[1])


def test_two_experiments_are_refused() -> None:
    with pytest.raises(UserError, match=r"^\+experiment=demo and \+experiment=pairs: a command takes one experiment"):
        hydra_arguments(["+experiment=demo", "+experiment=pairs"])
