"""Batches of image-report pairs for Lightning. Imported when a run starts, not before: lightning is heavy.

Axes: N pairs of a split, K kept pairs.
"""

from typing import Annotated, Any, Literal

import numpy as np
import torch
from pydantic import Field, PositiveInt
from torch.utils.data import DataLoader

from src.core.case_keys import CaseKeys
from src.core.errors import UserError
from src.core.ranges import Fraction, PositiveFraction, Seed
from src.core.rules import Rules
from src.core.torchvision_ops import ensure_torchvision
from src.data.collate import PairCollate
from src.data.loader import drops_last, make_loader
from src.data.memory_cache import fill_store, missing_files
from src.data.packed_table import PackedTable
from src.data.pair_split import PairSplit
from src.data.sampler import EpochSampler, val_batches
from src.data.sides import warn_of_mirroring
from src.data.sources import (
    SPLITS,
    AdvisingSource,
    CocoIdTable,
    IdentifiedTable,
    PairSource,
    PairTable,
    Split,
    SubsetTable,
    Tokenizer,
)
from src.data.split_counts import SplitCounts
from src.data.subset import Sampling, choose_subset
from src.data.transforms import ImageTransform, mix_seed
from src.data.unknown_tokens import refuse_unknown, unknown_share
from src.data.unusable_images import Skipped, refuse_enlarging, skipped_images
from src.data.usable import NO_LABEL, UsableReports, read_reports, usable_labels

ensure_torchvision()

from lightning import LightningDataModule  # noqa: E402

STAGES: dict[str | None, tuple[Split, ...]] = {"fit": ("train", "val"), "validate": ("val",), "test": ("test",)}


class PairDataModule(LightningDataModule):
    """Train, validation and test batches of any ``PairSource``: ``PixelBatch``, ``PairBatch`` once on the device.

    Without a ``tokenizer`` reports are not read, and tokens are of length 0; images whose labels say nothing are
    left out in their place: all unknown, or none of the classes that exclude one another.

    Pairs whose report holds nothing usable, and pairs whose image is missing or unreadable, are left out and counted
    in one message a split; the latter are listed in ``skipped``. With ``cache="none"`` only missing files are found
    beforehand, and an image that turns out unreadable stops the run with its row and file. ``drop_last``: training and
    validation leave out the last incomplete batch, unless it is the only one. Reports of which the vocabulary does not
    know a larger share of the tokens than ``max_unknown_tokens`` are refused.
    The order and the augmentation of the training pairs follow from ``seed`` and the epoch alone.
    """

    def __init__(
        self,
        *,
        source: PairSource,
        tokenizer: Tokenizer | None,
        train_transform: ImageTransform,
        eval_transform: ImageTransform,
        batch_size: PositiveInt,
        drop_last: bool,
        num_workers: Annotated[int, Field(ge=0, le=512)],
        max_tokens: Annotated[int, Field(ge=3)],
        pad_to: Literal["longest", "max_tokens"],
        rules: Rules,
        cache: Literal["memory", "none"],
        fraction: PositiveFraction,
        sampling: Sampling,
        max_unreadable: Fraction,
        max_unknown_tokens: Fraction,
        seed: Seed,
    ) -> None:
        super().__init__()
        counts = (("batch_size", batch_size, 1), ("num_workers", num_workers, 0), ("max_tokens", max_tokens, 3))
        for name, value, least in counts:
            if value < least:
                raise UserError(f"datamodule.{name} is {value}, but must be at least {least}")
        if not 0 <= max_unknown_tokens <= 1:
            raise UserError(f"datamodule.max_unknown_tokens is {max_unknown_tokens}, but must be from 0 to 1")
        if not 0 < fraction <= 1:
            raise UserError(f"datamodule.fraction is {fraction}, but must be above 0 and at most 1")
        self.source = source
        self.tokenizer = tokenizer
        self.train_transform = train_transform
        self.eval_transform = eval_transform
        self.batch_size = batch_size
        self.drop_last = drop_last
        self.num_workers = num_workers
        self.max_tokens = max_tokens
        self.pad_to = pad_to
        self.rules: Rules = rules
        self.cache = cache
        self.fraction = fraction
        self.sampling: Sampling = sampling
        self.max_unreadable = max_unreadable
        self.max_unknown_tokens = max_unknown_tokens
        self.seed = seed
        self.skipped: list[Skipped] = []
        self._splits: dict[Split, PairSplit] = {}
        self._warned = False
        self._counts: dict[Split, SplitCounts] = {}

    def setup(self, stage: str | None = None) -> None:
        """Prepare the splits that ``stage`` needs, once; see ``split``."""
        for name in STAGES.get(stage, SPLITS):
            self.split(name)

    def split(self, name: Split) -> PairSplit:
        """One split, prepared when first asked for: reports cleaned and tokenised, images read where they are cached.

        Raises ``UserError`` where the training split ends up empty, or where a larger share of a
        split's images than ``max_unreadable`` is missing or unreadable.
        """
        if name not in self._splits:
            self._splits[name] = self._prepare(name)
        return self._splits[name]

    def counts(self, name: Split) -> SplitCounts:
        """How many pairs of a split are used, and why the others are not."""
        self.split(name)
        return self._counts[name]

    def captions(self, split: Split) -> list[str]:
        """The cleaned reports of the kept pairs, in the order of the split."""
        return self.split(split).captions

    def case_keys(self, name: Split) -> CaseKeys:
        """Who the kept pairs of a split are, in the order of ``judging_dataloader``."""
        split = self.split(name)
        table, index_K = split.table, split.index_K
        row_N = torch.tensor([table.row(int(index)) for index in index_K], dtype=torch.int64)
        if not isinstance(table, IdentifiedTable):
            return CaseKeys.of(row_N)
        ids = table.image_ids()
        numbers = table.coco_image_ids() if isinstance(table, CocoIdTable) else None
        return CaseKeys(
            row_N=row_N,
            group_N=torch.from_numpy(table.groups()[index_K]),
            image_id_N=None if ids is None else [ids[index] for index in index_K],
            coco_id_N=None if numbers is None else [numbers[index] for index in index_K],
        )

    def training_subset(self, fraction: float, seed: int) -> np.ndarray:
        """Which of the kept training pairs, by position, train at another fraction and seed."""
        split = self.split("train")
        return np.flatnonzero(np.isin(split.index_K, self._chosen(split.table, fraction, seed)))

    def warn_of_mirroring(self) -> None:
        """Say once where training images are mirrored, and findings or reports speak of left and right."""
        if not self._warned:
            self._warned = True
            transform = self.train_transform
            warn_of_mirroring(
                horizontal_flip=transform.horizontal_flip,
                others=transform.swapping_ops,
                names=self.source.finding_names,
                captions=self.captions("train"),
            )

    def train_dataloader(self) -> DataLoader:
        split = self.split("train")
        self.warn_of_mirroring()
        replicas, rank = self._processes()
        contrasts = self.tokenizer is not None
        if contrasts and len(split) // replicas < self.batch_size:
            raise UserError(
                f"datamodule.batch_size is {self.batch_size} for each of {replicas} process(es), but the training "
                f"split has {len(split)} pairs; set a smaller datamodule.batch_size"
            )
        sampler = EpochSampler(split=split, replicas=replicas, rank=rank, seed=self.seed)
        # contrasts need batches of one size
        drop = contrasts or drops_last(len(sampler), self.batch_size, wanted=self.drop_last, split="train")
        return self._loader(split, sampler=sampler, drop_last=drop)

    def val_dataloader(self) -> DataLoader:
        split = self.split("val")
        if not len(split):
            raise UserError(
                "the validation split has no pair with a usable image and report, so no checkpoint can be chosen; "
                "check dataset, rules and splits"
            )
        replicas, rank = self._processes()
        batches = val_batches(len(split), self.batch_size, replicas=replicas, rank=rank, drop_last=self.drop_last)
        return self._loader(split, batch_sampler=batches)

    def test_dataloader(self) -> DataLoader:
        return self._loader(self.split("test"))

    def judging_dataloader(self, name: Split, *, drop_last: bool = False) -> DataLoader:
        """Every pair of a split, once and in order, without augmentation: what judging reads."""
        return self._loader(self.split(name).with_transform(self.eval_transform), drop_last=drop_last)

    def _processes(self) -> tuple[int, int]:
        """How many processes share the data, and which of them this one is."""
        return (self.trainer.world_size, self.trainer.global_rank) if self.trainer else (1, 0)

    def _loader(self, split: PairSplit, **options: Any) -> DataLoader:
        pad_id = self.tokenizer.pad_id if self.tokenizer else 0
        width = self.max_tokens if self.tokenizer and self.pad_to == "max_tokens" else None
        collate = PairCollate(transform=split.transform, pad_id=pad_id, width=width)
        return make_loader(
            split,
            collate=collate,
            batch_size=self.batch_size,
            num_workers=self.num_workers,
            seed=self.seed,
            **options,
        )

    def _prepare(self, name: Split) -> PairSplit:
        table = self.source.table(name)
        transform = self.train_transform if name == "train" else self.eval_transform
        index_K = self._chosen(table, self.fraction, self.seed) if name == "train" else np.arange(len(table))
        listed = len(index_K)
        captions, index_K, left_out = self._usable(name, table, index_K)
        image_KSS, reasons = self._read_images(name, table, index_K, transform)
        keep = [position for position in range(len(index_K)) if position not in reasons]
        self.skipped += skipped_images(name, table, index_K, reasons, limit=self.max_unreadable)
        captions = [captions[position] for position in keep]
        if name == "train" and not captions:
            needed = "label" if self.tokenizer is None or NO_LABEL in left_out else "report"
            raise UserError(f"the training split has no pair with a usable {needed}; check dataset, rules and splits")
        if reasons:
            left_out["image missing or unreadable"] = len(reasons)
        tokens, unknown = self._encode(name, captions)
        self._counts[name] = SplitCounts(
            split=name, listed=listed, kept=len(keep), left_out=left_out, unknown_share=unknown
        )
        return PairSplit(
            table=table,
            index_K=index_K[keep],
            captions=captions,
            tokens=tokens,
            transform=transform,
            seed=mix_seed(self.seed, SPLITS.index(name)),
            image_KSS=image_KSS,
        )

    def _usable(self, name: Split, table: PairTable, index_N: np.ndarray) -> UsableReports:
        if self.tokenizer:
            advice = self.source.report_advice if isinstance(self.source, AdvisingSource) else ""
            return read_reports(name, table, index_N, self.rules, advice=advice)
        index_K = usable_labels(name, table, index_N, exclusive=self.source.exclusive)
        dropped = len(index_N) - len(index_K)
        return UsableReports([""] * len(index_K), index_K, {NO_LABEL: dropped} if dropped else {})

    def _read_images(
        self, name: Split, table: PairTable, index_K: np.ndarray, transform: ImageTransform
    ) -> tuple[torch.Tensor | None, dict[int, str]]:
        """The images, where they are kept in memory, and why some cannot be used, by position."""
        if isinstance(table, PackedTable):
            refuse_enlarging(table, transform)
            return None, {}
        if self.cache == "memory":
            store = fill_store(table, index_K, transform, num_workers=self.num_workers, title=f"reading {name} images")
            return store.image_KSS, store.reasons
        return None, missing_files(table, index_K)

    def _encode(self, name: Split, captions: list[str]) -> tuple[list[list[int]], float | None]:
        """The tokens of each caption, and the share of them that is unknown. UserError where it is above the limit."""
        if self.tokenizer is None or not captions:
            return [[] for _ in captions], None
        tokens = self.tokenizer.encode(captions, max_tokens=self.max_tokens)
        share = unknown_share(tokens, self.tokenizer)
        refuse_unknown(f"the {name} reports", share, self.max_unknown_tokens)
        return tokens, share

    def _chosen(self, table: PairTable, fraction: float, seed: int) -> np.ndarray:
        given = table.given_subset(fraction) if isinstance(table, SubsetTable) else None
        if given is not None:
            return given
        return choose_subset(table.label_NF, fraction, sampling=self.sampling, seed=seed)
