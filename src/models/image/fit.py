"""Whether an image fits an encoder, and how its patches lie."""

from src.core.errors import UserError


def patch_grid(patches: int, height: int, width: int) -> tuple[int, int]:
    """Rows and columns of square patches that cover an image of ``height`` x ``width`` pixels."""
    rows = max(round((patches * height / width) ** 0.5), 1)
    return rows, patches // rows


def wrong_size(size: tuple[int, ...], built: tuple[int, ...]) -> UserError:
    """What to say where images are not of the size that the encoder is built for."""
    return UserError(
        f"Images of {size[0]} x {size[1]} pixels do not fit an image encoder built for {built[0]} x {built[1]}"
        f": set encoder.image.image_size={size[0]} or change the transform's size."
    )
