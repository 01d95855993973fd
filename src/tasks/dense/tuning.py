"""How a dense head is trained, and how much of the encoder with it; an option of ``conf/tuning``."""

from pydantic import NonNegativeInt, PositiveInt

from src.core.errors import UserError
from src.models.features import ImageEncoder
from src.models.freeze import BatchNormMode, train_last_blocks
from src.tasks.recipes import OptimizerRecipe, SchedulerRecipe


class Tuning:
    """Trains for at most ``max_epochs`` of ``batch_size`` images, and stops ``patience`` epochs after the best one.

    ``trained_blocks``: how many of the encoder's last blocks learn with the head: 0 freezes it, None trains it whole.
    ``batch_norm``: how the BatchNorms of the layers that do not learn behave; those of layers that learn always
    normalise by the batch. ``drop_last``: leave out the last incomplete batch of the training and validation images.

    Raises UserError for settings that train nothing, and ``batch_norm="published"`` where no layer is frozen.
    """

    def __init__(
        self,
        *,
        trained_blocks: NonNegativeInt | None,
        batch_norm: BatchNormMode,
        batch_size: PositiveInt,
        drop_last: bool,
        max_epochs: PositiveInt,
        patience: PositiveInt,
        optimizer: OptimizerRecipe,
        scheduler: SchedulerRecipe,
    ) -> None:
        if trained_blocks is not None and trained_blocks < 0:
            raise UserError(
                f"tuning.trained_blocks={trained_blocks} is below 0; give 0 to freeze the encoder, or more."
            )
        for name, value in (("batch_size", batch_size), ("max_epochs", max_epochs)):
            if value < 1:
                raise UserError(f"tuning.{name}={value} trains nothing; give 1 or more.")
        if batch_norm == "published" and trained_blocks is None:
            raise UserError(
                "tuning.batch_norm=published is about frozen layers, and tuning.trained_blocks=null freezes none; give "
                "tuning.batch_norm=held."
            )
        self.trained_blocks = trained_blocks
        self.batch_norm: BatchNormMode = batch_norm
        self.drop_last = drop_last
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.patience = patience
        self.optimizer = optimizer
        self.scheduler = scheduler

    @property
    def frozen(self) -> bool:
        """Whether nothing of the encoder learns."""
        return self.trained_blocks == 0

    @property
    def said(self) -> str:
        """What learnt, as a sentence for the heading of a table."""
        if self.trained_blocks is None:
            return "The whole encoder was trained with the head, from the weights named above."
        if self.trained_blocks == 0:
            moving = ", but for the running statistics of any BatchNorm" if self.batch_norm == "published" else ""
            return f"The encoder was frozen{moving}; the head alone was trained."
        return f"The encoder's last {self.trained_blocks} block(s) were trained with the head, from the weights above."

    def prepare(self, encoder: ImageEncoder) -> None:
        """Choose which of the encoder's parameters learn."""
        if self.trained_blocks is None:
            encoder.requires_grad_(True)
        elif self.trained_blocks == 0:
            encoder.requires_grad_(False)
        else:
            train_last_blocks(encoder.model, self.trained_blocks)
