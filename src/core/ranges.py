"""Types of settings that have a range, beside pydantic's. The config check reads them in constructors' signatures."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

Seed = Annotated[int, Field(ge=0, le=2**32 - 1)]
"""What numpy and torch both take."""
Fraction = Annotated[float, Field(ge=0, le=1)]
PositiveFraction = Annotated[float, Field(gt=0, le=1)]
SplitFraction = Annotated[float, Field(ge=0, lt=1)]
"""The share of the rows that validation or test has; some are left to train on."""
Betas = Annotated[Sequence[Annotated[float, Field(ge=0, lt=1)]], Field(min_length=2, max_length=2)]
"""The two decay rates of Adam."""
