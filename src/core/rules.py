"""Which reading of the method a component follows."""

from typing import Literal

Rules = Literal["published", "corrected"]
"""``published`` reproduces the released code, its numbers and checkpoints; ``corrected`` is what the paper means."""
