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
        patches: For each point, the number of its patch; a finger is a patch.
        origins: For each point of a hand, the column of its wrist; for other points, their own column.
        mirrored_points: For each point, the column that a mirror puts in its place.
        mirrored_parts: For each part likewise.
        input_size: The largest number of frames of a clip.
    """

    sizes: tuple[int, ...]
    hands: tuple[int, ...]
    patches: tuple[int, ...]
    origins: tuple[int, ...]
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
        patches, origins = [0] * sum(sizes), list(range(sum(sizes)))
        number = 0
        for part, columns in zip(processor.parts, processor.part_slices, strict=True):
            for patch in part["patches"]:
                for offset in patch:
                    patches[columns.start + offset] = number
                number += 1
            if part.get("anchor") is not None:
                origins[columns] = [columns.start + part["anchor"]] * sizes[processor.parts.index(part)]
        return cls(
            sizes=sizes,
            hands=tuple(processor.hand_indices),
            patches=tuple(patches),
            origins=tuple(origins),
            mirrored_points=tuple(points),
            mirrored_parts=tuple(parts),
            input_size=processor.input_size,
        )

    def by_point(self, values: torch.Tensor) -> torch.Tensor:
        """Spreads values of parts `(..., parts)` over their points: `(..., points, 1)`."""
        sizes = torch.tensor(self.sizes, device=values.device)
        return values.repeat_interleave(sizes, dim=-1, output_size=sum(self.sizes)).unsqueeze(-1)


def check_ranges(augmentation: object, **ranges: tuple[float, float]) -> None:
    """Checks the strengths of an augmentation.

    Args:
        augmentation: The augmentation.
        **ranges: For each of its fields, the lowest and the highest value; for both ends where the field is a range.

    Raises:
        ValueError: If a field is out of its range.
    """
    for name, (low, high) in ranges.items():
        value = getattr(augmentation, name)
        if not all(low <= end <= high for end in (value if isinstance(value, tuple) else (value,))):
            place = f"{type(augmentation).__name__}.{name}"
            raise ValueError(f"`{place}` must lie between {low:g} and {high:g}, but is {value}.")


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
    # Whole frames by `index_select`: ten times as fast as `gather`, which goes number by number.
    rows = index + values.shape[1] * torch.arange(len(values), device=values.device)[:, None]
    return values.flatten(0, 1).index_select(0, rows.flatten()).unflatten(0, index.shape)


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


__all__ = ["Batch", "Layout", "check_ranges", "choose", "draw", "gather_frames", "lengths", "with_lengths"]
