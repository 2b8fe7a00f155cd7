"""Prepared clips to batches."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from slr_hf.data.preparation import to_clip
from slr_hf.model.processing_slr import KeypointProcessor


@dataclass(frozen=True)
class KeypointCollator:
    """Joins prepared clips into a batch, padded to its longest clip.

    The batch is not finished: augmentations come before `KeypointProcessor.finish`, on the device of the batch.

    Args:
        processor: The processor that prepared the clips.
    """

    processor: KeypointProcessor

    def __call__(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
        """Collates rows of `prepare_dataset`.

        Returns:
            The entries of `KeypointProcessor.pad`, and `labels`, int64 `(batch,)`.
        """
        batch = self.processor.pad([to_clip(row, self.processor) for row in rows])
        return {**batch, "labels": torch.tensor([int(row["label"]) for row in rows])}


__all__ = ["KeypointCollator"]
