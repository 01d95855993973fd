"""Which of an encoder's maps a head reads."""

from collections.abc import Mapping, Sequence

from src.core.errors import UserError


def channels_of(strides: Sequence[int], channels: Mapping[int, int]) -> tuple[int, ...]:
    """The channels of the maps of ``strides``, which are in pixels and finest first.

    Raises UserError where the encoder has no map of one of them, or they are not in order.
    """
    if not strides or list(strides) != sorted(set(strides)):
        raise UserError(f"head.strides={list(strides)} will not do; list each stride once, finest first.")
    for stride in strides:
        if stride not in channels:
            raise UserError(
                f"head.strides asks for a map of stride {stride}, which this encoder does not give; it gives "
                f"{', '.join(map(str, sorted(channels)))}."
            )
    return tuple(channels[stride] for stride in strides)
