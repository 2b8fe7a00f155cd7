"""What all augmentations share: the form of a batch, and drawing and gathering for all clips at once."""

from dataclasses import dataclass

import torch

from slr_hf.model.landmarks_slr import mirror_order
from slr_hf.model.processing_slr import KeypointProcessor

#: A batch of `KeypointProcessor.pad`: keypoints `(batch, frames, points, 3)` in signer units (0 where missing),
#: part_mask `(batch, frames, parts)`, positions `(batch, frames)`, attention_mask `(batch, frames)` (frames first, then
#: padding), and labels, soft targets `(batch, num_labels)`.
Batch = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Layout:
    """What augmentations know of the parts.

    Args:
        sizes: Points of each part.
        hands: Indices of the parts that are hands.
        mirrored_points: For each point, the column that a mirror puts in its place.
        mirrored_parts: For each part likewise.
        input_size: The largest number of frames of a clip.
    """

    sizes: tuple[int, ...]
    hands: tuple[int, ...]
    mirrored_points: tuple[int, ...]
    mirrored_parts: tuple[int, ...]
    input_size: int

    @classmethod
    def of(cls, processor: KeypointProcessor) -> "Layout":
        """The layout of a processor's parts.

        Raises:
            ValueError: If the parts have no mirror image; see `mirror_order`.
        """
        points, parts = mirror_order(processor.parts)
        sizes = tuple(len(part["points"]) for part in processor.parts)
        return cls(sizes, tuple(processor.hand_indices), tuple(points), tuple(parts), processor.input_size)

    def by_point(self, values: torch.Tensor) -> torch.Tensor:
        """Spreads values of parts `(..., parts)` over their points: `(..., points, 1)`."""
        sizes = torch.tensor(self.sizes, device=values.device)
        return values.repeat_interleave(sizes, dim=-1, output_size=sum(self.sizes)).unsqueeze(-1)


def draw(batch: Batch, low: float, high: float, *shape: int) -> torch.Tensor:
    """Draws uniform numbers for each clip, from torch's default generator, whose state checkpoints keep.

    Args:
        batch: The batch.
        low: Lower end.
        high: Upper end.
        *shape: Numbers a clip; one by default.

    Returns:
        `(batch, *shape)`.
    """
    keypoints = batch["keypoints"]
    return low + (high - low) * torch.rand(len(keypoints), *shape, device=keypoints.device)


def choose(batch: Batch, probability: float) -> torch.Tensor:
    """Draws the clips that an augmentation changes: bool `(batch,)`."""
    return draw(batch, 0, 1) < probability


def lengths(batch: Batch) -> torch.Tensor:
    """The number of frames of each clip: `(batch,)`."""
    return batch["attention_mask"].sum(dim=1)


def gather_frames(values: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    """Takes frames out of each clip.

    Args:
        values: `(batch, frames, ...)`.
        index: `(batch, new frames)`.

    Returns:
        `(batch, new frames, ...)`.
    """
    expanded = index.view(*index.shape, *[1] * (values.dim() - 2))
    return values.gather(1, expanded.expand(*index.shape, *values.shape[2:]))


def with_lengths(batch: Batch, counts: torch.Tensor) -> Batch:
    """Cuts each clip off after its first `counts` frames, and the batch after its longest clip."""
    frames = torch.arange(batch["attention_mask"].shape[1], device=counts.device) < counts[:, None]
    longest = int(counts.max())
    return {
        **batch,
        "keypoints": batch["keypoints"][:, :longest] * frames[:, :longest, None, None],
        "part_mask": batch["part_mask"][:, :longest] & frames[:, :longest, None],
        "positions": batch["positions"][:, :longest] * frames[:, :longest],
        "attention_mask": frames[:, :longest].to(batch["attention_mask"].dtype),
    }


__all__ = ["Batch", "Layout", "choose", "draw", "gather_frames", "lengths", "with_lengths"]
