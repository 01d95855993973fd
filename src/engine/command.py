"""The words of a command as Hydra takes them; what cannot be one is said in a sentence that gives the right word."""

import argparse
import difflib
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from hydra._internal.utils import get_args_parser

from src.core.errors import UserError
from src.engine.quoting import for_shell, is_choice, parsed, quoted_text, readable_word
from src.engine.say import CONF, composed_config, options_of

_ADDED = ("experiment", "sweep")
"""Config groups that no default names, so that they are given with a plus."""
_LISTS = ("loss", "logger")
"""Config groups of which a run has several options."""
_KEY = re.compile(r"(?P<prefix>~|\+\+|\+)?(?P<key>[\w./@-]+)")


def hydra_arguments(arguments: Sequence[str]) -> list[str]:
    """Return the command's words as Hydra takes them: paths quoted, ``~/`` expanded, keys of a checkpoint added.

    Raises UserError for the first word that is no option and no ``KEY=VALUE``. Warns of keys that are given twice.
    """
    words = list(arguments)
    _check_options(words)
    options = _parsed_options(words)
    _check_modes(options)
    sweep = bool(options.multirun)
    settings: list[str] = list(options.overrides)
    # Hydra would look for the folder of a report's sweep among the sweeps of conf/sweep
    named = [f"task.{word}" if "task=report" in settings and word.startswith("sweep=") else word for word in settings]
    ready = [_setting(word, named[:place], named[place + 1 :], sweep=sweep) for place, word in enumerate(named)]
    _warn_of_doubles(ready)
    given = iter(_as_composed(ready))
    # the settings come in the order of the words, options and their values between them
    left = iter([*settings, None])
    expected = next(left)
    found = []
    for word in words:
        if word == expected:
            found.append(next(given))
            expected = next(left)
        else:
            found.append(word)
    return found


def _check_options(words: Sequence[str]) -> None:
    parser = get_args_parser()
    known = parser._option_string_actions
    for place, word in enumerate(words):
        name, _, value = word.partition("=")
        if not word.startswith("-") or name in known or re.fullmatch(r"-c(job|hydra|all)", word) or word == "--":
            continue
        key = name.lstrip("-")
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.8)
        if near:
            raise UserError(f"{word} is no option of this command; did you mean {near[0]}?")
        following = words[place + 1] if not value and place + 1 < len(words) else ""
        given = value or (following if "=" not in following and not following.startswith("-") else "") or "VALUE"
        plus = "+" if key in _ADDED else ""
        raise UserError(
            f"{word} is no option of this command; settings are given as KEY=VALUE without dashes, here "
            f"{for_shell(f'{plus}{key}={given}')}."
        )


def _parsed_options(words: Sequence[str]) -> argparse.Namespace:
    parser = get_args_parser()

    def refuse(message: str) -> NoReturn:
        raise UserError(f"{message}; --hydra-help lists the options.")

    parser.error = refuse  # type: ignore[method-assign]
    return parser.parse_args(list(words))


def _check_modes(options: argparse.Namespace) -> None:
    modes = {"-m": options.multirun, "--cfg": options.cfg, "--info": options.info, "--run": options.run}
    chosen = [name for name, value in modes.items() if value]
    if len(chosen) > 1:
        raise UserError(
            f"{' and '.join(chosen)} cannot be given together; leave out {chosen[0]}"
            + (", and give one value for each setting, to see the config of one job." if "-m" in chosen else ".")
        )
    if options.resolve and not options.cfg and not options.help:
        raise UserError("--resolve belongs to --cfg; give --cfg job --resolve.")


def _setting(word: str, before: Sequence[str], following: Sequence[str], *, sweep: bool) -> str:
    """One ``KEY=VALUE`` as Hydra reads it; raises UserError where it is none."""
    if not word.strip():
        raise UserError("the command has an empty word, perhaps of a variable that is not set; leave it out.")
    if word.startswith("="):
        raise UserError(f"{word} has no key before the equals sign; give KEY{word}.")
    _check_shape(word, before, following)
    found = _KEY.match(word)
    key = found["key"] if found else ""
    if word.startswith("/"):
        raise UserError(f"{word}: a key does not begin with a slash; give {for_shell(word.lstrip('/'))}.")
    value = word.partition("=")[2]
    _check_group(word, key, value)
    ready = readable_word(word)
    override = parsed(ready)
    if override is None:
        raise UserError(f"{word} cannot be read: {_unreadable(value)}.")
    if is_choice(override) and not sweep and not _is_group(key) and re.match(r"(\.{0,2}|~)/", value):
        ready = quoted_text(word) or word
        override = parsed(ready)
    if override is not None and is_choice(override) and not sweep:
        _refuse_choice(key, value)
    return ready


def _check_shape(word: str, before: Sequence[str], following: Sequence[str]) -> None:
    """Refuse what has no ``=`` where it belongs."""
    found = re.fullmatch(r"((?:\+\+|\+)?[\w./@-]+)\s*(?::\s+|\s+=\s*|=\s*(?=\s\S))\s*(.*)", word)
    if found and not word.startswith("~"):
        raise UserError(f"{word}: a setting is KEY=VALUE without blanks; give {for_shell(f'{found[1]}={found[2]}')}.")
    if two := re.fullmatch(r"(\S+=\S+)\s+((?:[~+]*[\w./@-]+=\S*\s*)+)", word):
        raise UserError(
            f"{word} holds several settings in one word; give {two[1]} {two[2].strip()} without quotes around."
        )
    if "=" in word or word.startswith("~"):
        return
    if before and before[-1].endswith("="):
        raise UserError(
            f"{before[-1]} {word}: a setting is KEY=VALUE without blanks; give {for_shell(before[-1] + word)}."
        )
    rest = list(following)
    if rest[:1] == ["="]:
        rest = rest[1:]
    value = rest[0].lstrip("=") if rest and ("=" not in rest[0].lstrip("=")) else "VALUE"
    raise UserError(f"{word} is no KEY=VALUE; give {for_shell(f'{word}={value or chr(34) * 2}')}.")


def _check_group(word: str, key: str, value: str) -> None:
    """Refuse an option for what is no config group, and a key below a group that is written as a group."""
    below = key.replace(".", "/")
    if word.startswith("~"):
        return
    if "." in key and _is_group(below) and not value.startswith(("{", "null")):
        raise UserError(f"{key} is a config group; give {for_shell(f'{below}={value}')}.")
    if key in _ADDED and not word.startswith("+"):
        raise UserError(f"{word}: {key} is added to the defaults; give {for_shell(f'+{word}')}.")
    if (CONF / key).is_dir() and not _is_group(key):
        inner = sorted(f"{key}/{one.name}" for one in (CONF / key).iterdir())
        raise UserError(f"{key} has the config groups {', '.join(inner)}; give {for_shell(f'{inner[0]}={value}')}.")
    if not _is_group(key):
        group = key.partition("/")[0]
        if "/" in key and _is_group(group) and not (CONF / key).is_dir():
            raise UserError(f"{key}: a setting is named with dots; give {for_shell(word.replace('/', '.', 1))}.")
        return
    if value.strip(" '\"") == "":
        raise UserError(f"{word} names no option of the config group {key}; it has {', '.join(options_of(key))}.")
    if key == "dataset" and ("/" in value or Path(value).suffix):
        table = for_shell(readable_word(f"dataset.table={value}"))
        raise UserError(
            f"{word}: the config group dataset has {', '.join(options_of(key))}; a table of your own is read with "
            f"dataset=pairs {table}."
        )


def _refuse_choice(key: str, value: str) -> NoReturn:
    present: Any = composed_config()
    for name in key.split("."):
        present = present.get(name) if isinstance(present, Mapping) else None
    advice = []
    if key in _LISTS or isinstance(present, list) or (present is None and not _is_group(key)):
        advice.append(f"{for_shell(f'{key}=[{value}]')} for a list")
    if not _is_group(key) and (present is None or isinstance(present, str)):
        advice.append(f"{for_shell(quoted_text(f'{key}={value}') or '')} for one text")
    advice.append(f"-m {for_shell(f'{key}={value}')} for a run with each")
    raise UserError(f"{key}={value} has several values; give {', or '.join(advice)}.")


def _unreadable(value: str) -> str:
    for opening, closing in (("[", "]"), ("{", "}"), ("(", ")")):
        if value.count(opening) != value.count(closing):
            return f"{opening} and {closing} do not match; close what is open, and put quotes around the word"
    for quote in ("'", '"'):
        if value.startswith(quote) and (len(value) == 1 or not value.endswith(quote)):
            return f"the quote {quote} is not closed; close it"
    return 'put double quotes around each text inside, and single quotes around the word, as in \'KEY=["a b","c"]\''


def _warn_of_doubles(words: Sequence[str]) -> None:
    last: dict[str, str] = {}
    for word in words:
        key = word.partition("=")[0].lstrip("+")
        if key in last and key in _ADDED:
            several = "" if key == "experiment" else f", or give both in one list: '+{key}=[A,B]'"
            raise UserError(f"{last[key]} and {word}: a command takes one {key}; leave out one of them{several}.")
        if last.get(key, word) != word and not word.startswith("~"):
            sys.stderr.write(f"Warning: {key} is given twice; the last one counts: {word}\n")
        last[key] = word


def _as_composed(words: list[str]) -> list[str]:
    """Keys of what a checkpoint brings with ``++``: Hydra composes other encoders than the checkpoint's."""
    names = {word.partition("=")[0].lstrip("+") for word in words}
    brought: tuple[str, ...] = ("encoder.", "transform.") if "checkpoint" in names else ()
    brought += ("dataset.",) if brought and not names & {"dataset", "experiment"} else ()
    return [f"++{word}" if word.startswith(brought) else word for word in words]


def _is_group(key: str) -> bool:
    return (CONF / key).is_dir() and any((CONF / key).glob("*.yaml"))
