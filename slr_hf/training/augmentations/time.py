"""Augmentations of time."""

import math
from dataclasses import dataclass

import torch
from torch.nn import functional as F

from slr_hf.training.augmentations.batch import (
    Batch,
    Layout,
    check_ranges,
    choose,
    draw,
    gather_frames,
    lengths,
    with_lengths,
)


@dataclass(frozen=True)
class TimeWarp:
    """Signs faster or slower, evenly (speed) and unevenly (bend); frames are interpolated where a part is in both.

    Args:
        probability: Share of the clips that are changed.
        speed: Range of the speed; 2 is twice as fast.
        bend: How uneven the speed may get, from 0 (even) to below 1.

    Raises:
        ValueError: If a value is out of its range.
    """

    probability: float = 0.5
    speed: tuple[float, float] = (0.75, 1.35)
    bend: float = 0.4

    def __post_init__(self) -> None:
        check_ranges(self, probability=(0, 1), speed=(0.1, 10), bend=(0, 0.95))

    def __call__(self, batch: Batch, layout: Layout) -> Batch:
        """Warps a batch; no clip gets longer than the layout's `input_size`."""
        chosen, count = choose(batch, self.probability), lengths(batch)
        speed = torch.where(chosen, draw(batch, *self.speed), 1)
        bend = torch.where(chosen, draw(batch, -self.bend, self.bend), 0)
        # An unchanged clip keeps its length; a warped one has two frames at least, so that it keeps its ends.
        warped = (count / speed).round().clamp(min=2, max=layout.input_size).to(count.dtype)
        warped = torch.where(chosen & (count > 1), warped, count)
        share = torch.arange(int(warped.max()), device=count.device) / (warped[:, None] - 1).clamp(min=1)
        last = (count[:, None] - 1).to(share.dtype)
        even = share * last
        source = _snapped(even + last * bend[:, None] * torch.sin(2 * math.pi * share) / (2 * math.pi))
        resampled = {
            **batch,
            **_interpolate_parts(batch, source.clamp(min=0).minimum(last), layout),
            # The gaps that dropped frames left stay where they were in the new time.
            "positions": _interpolate(batch["positions"], _snapped(even).minimum(last)) / speed[:, None],
            "attention_mask": torch.ones_like(share, dtype=batch["attention_mask"].dtype),
        }
        return with_lengths(resampled, warped)


@dataclass(frozen=True)
class TemporalCrop:
    """Cuts off the beginning and the end.

    Args:
        probability: Share of the clips that are changed.
        smallest: Smallest share of the frames that is left, above 0.

    Raises:
        ValueError: If a value is out of its range.
    """

    probability: float = 0.3
    smallest: float = 0.8

    def __post_init__(self) -> None:
        check_ranges(self, probability=(0, 1), smallest=(0.01, 1))

    def __call__(self, batch: Batch, layout: Layout) -> Batch:
        """Crops a batch."""
        chosen, count = choose(batch, self.probability), lengths(batch)
        kept = torch.where(chosen, (count * draw(batch, self.smallest, 1)).ceil().to(count.dtype), count)
        first = (draw(batch, 0, 1) * (count - kept + 1)).long().minimum(count - kept)
        frames = batch["attention_mask"].shape[1]
        index = (torch.arange(frames, device=count.device) + first[:, None]).clamp(max=frames - 1)
        cropped = {name: gather_frames(batch[name], index) for name in ("keypoints", "part_mask", "positions")}
        return with_lengths({**batch, **cropped}, kept)


@dataclass(frozen=True)
class IdleEnds:
    """Holds the first and the last frame for a while, or lets the hands come up to the one and go down after the other.

    Whether a clip is cut close to its sign or shows the way to it and back is the recording's doing, not the sign's.

    Args:
        probability: Share of the clips that are changed.
        longest: Longest addition at either end, as a share of the clip.
        drop: How far below their places the hands come from and go to at most, in units of the keypoints.

    Raises:
        ValueError: If a value is out of its range.
    """

    probability: float = 0.3
    longest: float = 0.3
    drop: float = 0.0

    def __post_init__(self) -> None:
        check_ranges(self, probability=(0, 1), longest=(0, 10), drop=(0, 10))

    def __call__(self, batch: Batch, layout: Layout) -> Batch:
        """Lengthens a batch; no clip gets longer than the layout's `input_size`."""
        count, longest = lengths(batch), self.longest * choose(batch, self.probability)
        free = layout.input_size - count
        before = (draw(batch, 0, 1) * longest * count).long().minimum(free)
        after = (draw(batch, 0, 1) * longest * count).long().minimum(free - before)
        held = before + count + after
        frame = torch.arange(int(held.max()), device=count.device) - before[:, None]
        index = frame.clamp(min=0).minimum(count[:, None] - 1)
        lengthened = {name: gather_frames(batch[name], index) for name in ("keypoints", "part_mask", "positions")}
        if self.drop and layout.hands:
            # From 0 at the clip's own first and last frame to 1 at the new ends, slow at both.
            early, late = (-frame).clamp(min=0) / before[:, None].clamp(min=1), frame - count[:, None] + 1
            way = (1 - torch.cos(math.pi * torch.cat([early, late.clamp(min=0) / after[:, None].clamp(min=1)]))) / 2
            drops = draw(batch, 0, self.drop, 2)
            down = (way * drops.T.reshape(-1, 1)).view(2, *frame.shape).sum(dim=0)
            hands = torch.zeros(len(layout.sizes), dtype=torch.bool, device=count.device)
            hands[list(layout.hands)] = True
            moved = down.unsqueeze(-1) * layout.by_point(lengthened["part_mask"] & hands).squeeze(-1)
            lengthened["keypoints"] = lengthened["keypoints"] + F.pad(moved.unsqueeze(-1), (1, 1))
        # The added frames take time too: a frame each, which moves what follows.
        positions = lengthened["positions"] + (frame - index).clamp(min=0) + before[:, None] + frame.clamp(max=0)
        mask = torch.ones_like(index, dtype=batch["attention_mask"].dtype)
        return with_lengths({**batch, **lengthened, "positions": positions, "attention_mask": mask}, held)


@dataclass(frozen=True)
class FrameDrop:
    """Leaves out single frames, as a slow camera does; the others keep their times.

    Args:
        probability: Share of the clips that are changed.
        share: Share of the frames that is left out; one frame always stays.

    Raises:
        ValueError: If a value is out of its range.
    """

    probability: float = 0.3
    share: float = 0.15

    def __post_init__(self) -> None:
        check_ranges(self, probability=(0, 1), share=(0, 1))

    def __call__(self, batch: Batch, layout: Layout) -> Batch:
        """Drops frames of a batch."""
        frames = batch["attention_mask"].shape[1]
        valid = batch["attention_mask"].bool()
        lots = draw(batch, 0, 1, frames)
        kept = (lots >= self.share) | ~choose(batch, self.probability)[:, None]
        # The frame with the luckiest lot stays whatever happens.
        lucky = lots.masked_fill(~valid, -1).argmax(dim=1, keepdim=True)
        kept = (kept | (torch.arange(frames, device=kept.device) == lucky)) & valid
        index = torch.argsort(~kept, dim=1, stable=True)
        left = {name: gather_frames(batch[name], index) for name in ("keypoints", "part_mask", "positions")}
        return with_lengths({**batch, **left}, kept.sum(dim=1))


def _snapped(frames: torch.Tensor) -> torch.Tensor:
    """Rounds fractional frames, so that no rounding error blends a frame that is not moved with its neighbour."""
    return (frames * 4096).round() / 4096


def _interpolate(values: torch.Tensor, source: torch.Tensor) -> torch.Tensor:
    """Reads `(batch, frames)` at the fractional frames `source` `(batch, new frames)`."""
    before, after = (gather_frames(values, index.long()) for index in (source.floor(), source.ceil()))
    return torch.lerp(before, after, source.frac())


def _interpolate_parts(batch: Batch, source: torch.Tensor, layout: Layout) -> Batch:
    """Reads keypoints at fractional frames; between a frame with and one without a part, the nearer one decides."""
    (before, before_mask), (after, after_mask) = (
        [gather_frames(batch[name], index.long()) for name in ("keypoints", "part_mask")]
        for index in (source.floor(), source.ceil())
    )
    share = source.frac().unsqueeze(-1)
    share = torch.where(before_mask & after_mask, share, share.round())
    return {
        "keypoints": torch.addcmul(before, after - before, layout.by_point(share)),
        "part_mask": torch.where(share > 0.5, after_mask, before_mask),
    }


__all__ = ["FrameDrop", "IdleEnds", "TemporalCrop", "TimeWarp"]
