"""``python -m tests.trees.make NAME DIR`` writes a small tree in the layout of the data set NAME, from the phantom."""

import importlib
import sys
from pathlib import Path


def main(arguments: list[str]) -> None:
    """Write the tree, and say how to go on."""
    names = sorted(p.stem for p in Path(__file__).parent.glob("*.py") if p.stem not in ("make", "pictures"))
    if len(arguments) != 2 or arguments[0] not in names:
        sys.exit(f"usage: python -m tests.trees.make NAME DIR, with NAME one of {', '.join(names)}")
    name, root = arguments[0], Path(arguments[1])
    tree = importlib.import_module(f"tests.trees.{name}")
    tree.make(root)
    if reads := getattr(tree, "READS", ()):
        words = [f"dataset={name}", *(word.replace("{root}", str(root)) for word in reads)]
        print(f"Made {root}. It needs no packing: python -m src.run {' '.join(words)}")  # noqa: T201
        return
    words = ["task=prepare", f"dataset={name}", f"paths.raw={root}", *getattr(tree, "OVERRIDES", ())]
    print(f"Made {root}. Pack it: python -m src.run {' '.join(words)}")  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1:])
