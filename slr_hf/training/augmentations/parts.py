"""Augmentations of parts: which side signs, and what the detector misses."""

from dataclasses import dataclass

import torch

from slr_hf.training.augmentations.batch import Batch, Layout, check_ranges, choose, draw, lengths


@dataclass(frozen=True)
class Mirror:
    """Shows the signer in a mirror: x is flipped and the sides are swapped. Makes left- and right-handed signers equal.

    Args:
        probability: Share of the clips that are changed.

    Raises:
        ValueError: If a value is out of its range.
    """

    probability: float = 0.5

    def __post_init__(self) -> None:
        check_ranges(self, probability=(0, 1))

    def __call__(self, batch: Batch, layout: Layout) -> Batch:
        """Mirrors a batch."""
        chosen = choose(batch, self.probability)
        keypoints, part_mask = batch["keypoints"], batch["part_mask"]
        flip = keypoints.new_tensor([-1, 1, 1])
        order = torch.tensor(layout.mirrored_points, device=keypoints.device)
        mirrored = keypoints.index_select(2, order) * flip
        return {
            **batch,
            "keypoints": torch.where(chosen[:, None, None, None], mirrored, keypoints),
            "part_mask": torch.where(chosen[:, None, None], part_mask[:, :, list(layout.mirrored_parts)], part_mask),
        }


@dataclass(frozen=True)
class PartDropout:
    """Hides one part for the whole clip. The last part that is seen is never hidden.

    Args:
        probability: Share of the clips that are changed.

    Raises:
        ValueError: If a value is out of its range.
    """

    probability: float = 0.15

    def __post_init__(self) -> None:
        check_ranges(self, probability=(0, 1))

    def __call__(self, batch: Batch, layout: Layout) -> Batch:
        """Hides parts of a batch."""
        part_mask = batch["part_mask"]
        seen = part_mask.any(dim=1)
        hidden = (draw(batch, 0, 1, len(layout.sizes)) * seen).argmax(dim=1, keepdim=True)
        chosen = choose(batch, self.probability) & (seen.sum(dim=1) > 1)
        hide = (torch.arange(len(layout.sizes), device=hidden.device) == hidden) & chosen[:, None]
        return _hidden(batch, hide[:, None], layout)


@dataclass(frozen=True)
class HandLoss:
    """Loses one hand for some frames in a row, as the detector does with a fast hand.

    Args:
        probability: Share of the clips that are changed.
        longest: Longest loss, as a share of the clip.

    Raises:
        ValueError: If a value is out of its range.
    """

    probability: float = 0.2
    longest: float = 0.3

    def __post_init__(self) -> None:
        check_ranges(self, probability=(0, 1), longest=(0, 1))

    def __call__(self, batch: Batch, layout: Layout) -> Batch:
        """Loses hands of a batch."""
        if not layout.hands:
            return batch
        count = lengths(batch)
        part = torch.tensor(layout.hands, device=count.device)[(draw(batch, 0, len(layout.hands))).long()]
        lost = draw(batch, 0, self.longest) * count
        first = draw(batch, 0, 1) * (count - lost)
        frames = torch.arange(batch["attention_mask"].shape[1], device=count.device)
        inside = (frames >= first[:, None]) & (frames < (first + lost)[:, None])
        inside = inside & choose(batch, self.probability)[:, None]
        parts = torch.arange(len(layout.sizes), device=count.device) == part[:, None]
        return _hidden(batch, inside[:, :, None] & parts[:, None], layout)


def _hidden(batch: Batch, hide: torch.Tensor, layout: Layout) -> Batch:
    """Makes parts missing where `hide`, which broadcasts to `(batch, frames, parts)`."""
    part_mask = batch["part_mask"] & ~hide
    return {**batch, "keypoints": batch["keypoints"] * layout.by_point(part_mask), "part_mask": part_mask}


__all__ = ["HandLoss", "Mirror", "PartDropout"]
