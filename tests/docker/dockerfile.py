"""A Dockerfile as stages of instructions, and what our own rules, beyond hadolint's, find wrong with it."""

import json
import re
from typing import NamedTuple

PINNED = re.compile(r"[\w./-]+:\d+\.\d+\.\d+[\w.-]*@sha256:[0-9a-f]{64}")
SECRET = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL")


class Instruction(NamedTuple):
    """One instruction: its name in capitals, and the rest of its joined lines."""

    name: str
    value: str


class Stage(NamedTuple):
    """One stage: its name, what it is built from (arguments filled in), its instructions after FROM."""

    name: str
    base: str
    instructions: list[Instruction]

    def values(self, name: str) -> list[str]:
        """The values of all instructions of one name, in their order."""
        return [instruction.value for instruction in self.instructions if instruction.name == name]

    def commands(self) -> list[str]:
        """The shell commands of all RUN instructions, taken apart at &&."""
        return [command.strip() for value in self.values("RUN") for command in value.split("&&")]


def parse(text: str) -> dict[str, Stage]:
    """The stages of a Dockerfile by name, in their order."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    arguments: dict[str, str] = {}
    stages: dict[str, Stage] = {}
    for line in re.sub(r"\\\n", " ", "\n".join(lines)).splitlines():
        name, _, value = line.strip().partition(" ")
        if name == "FROM":
            base, _, stage = re.sub(r"\$\{(\w+)\}", lambda found: arguments[found[1]], value).partition(" AS ")
            stages[stage] = Stage(stage, base, [])
        elif not stages:
            key, _, default = value.partition("=")
            arguments[key] = default
        else:
            list(stages.values())[-1].instructions.append(Instruction(name, value.strip()))
    return stages


def final(stages: dict[str, Stage]) -> list[Stage]:
    """The stages that no other is built from: those that become images."""
    return [stage for stage in stages.values() if stage.name not in {other.base for other in stages.values()}]


def complaints(stages: dict[str, Stage]) -> list[str]:
    """What is wrong, as ``stage: what``."""
    found = []
    for stage in stages.values():
        if stage.base not in stages and not PINNED.fullmatch(stage.base):
            found.append(f"{stage.name}: base without full version and digest")
        found += [f"{stage.name}: {what}" for what in (*_of_installs(stage), *_of_names(stage))]
    return found + [f"{stage.name}: {what}" for stage in final(stages) for what in _of_image(stage)]


def _of_installs(stage: Stage) -> list[str]:
    found = []
    if stage.values("ADD"):
        found.append("ADD")
    for run in stage.values("RUN"):
        if "apt-get install" in run and not re.search(r"&& rm -rf /var/lib/apt/lists/\*", run):
            found.append("apt lists kept")
    for command in stage.commands():
        words = command.split()[2:] if command.startswith("pip install ") else []
        if words and "--constraint constraints.txt" not in command and not all("==" in word for word in words):
            found.append("pip without constraints")
    return found


def _of_names(stage: Stage) -> list[str]:
    values = [*stage.values("ENV"), *stage.values("ARG")]
    names = {word.partition("=")[0] for value in values for word in value.split()}
    return [f"secret {name}" for name in sorted(names) if SECRET.search(name)]


def _of_image(stage: Stage) -> list[str]:
    found = []
    names = [instruction.name for instruction in stage.instructions]
    user = (stage.values("USER") or ["0"])[-1]
    if not user.isdigit() or int(user) == 0:
        found.append("runs as root or by a name")
    elif {"RUN", "COPY"} & set(names[names.index("USER") :]):
        found.append("code that its own user could change")
    for name in ("ENTRYPOINT", "CMD"):
        if not all(_is_list(value) for value in stage.values(name) or [""]):
            found.append(f"{name} not in exec form")
    return found


def _is_list(value: str) -> bool:
    try:
        return isinstance(json.loads(value), list)
    except ValueError:
        return False
