"""Augmentations of detection: what the detector sees, misses and gets wrong."""

import math
from dataclasses import dataclass

import torch
from torch.nn import functional as F

from slr_hf.training.augmentations.batch import Batch, Layout, check_ranges, choose, draw, lengths


@dataclass(frozen=True)
class IdleHand:
    """Shows a hand that hangs idle where the clip shows none: the camera of another recording sees more of the signer.

    Whether the idle hand is in the picture depends on camera and posture, and is no part of the sign. The hand is that
    of another clip of the batch in its lowest frame, held still, in the manner of copy-paste (Ghiasi et al. 2021,
    https://arxiv.org/abs/2012.07177).

    Args:
        probability: Share of the clips without a hand that are changed.
        drop: How far below its lowest place the hand may hang, in shoulder widths.

    Raises:
        ValueError: If a value is out of its range.
    """

    probability: float = 0.3
    drop: float = 0.8

    def __post_init__(self) -> None:
        check_ranges(self, probability=(0, 1), drop=(0, 10))

    def __call__(self, batch: Batch, layout: Layout) -> Batch:
        """Adds hands to the clips of a batch in which they are never seen, while the other hand is."""
        keypoints, part_mask = batch["keypoints"].clone(), batch["part_mask"].clone()
        seen, clips = part_mask.any(dim=1), torch.arange(len(part_mask), device=part_mask.device)
        # Without any hand there is no sign that an idle hand could stand beside.
        changed = choose(batch, self.probability) & seen[:, list(layout.hands)].any(dim=1)
        for hand in layout.hands:
            start = sum(layout.sizes[:hand])
            columns = slice(start, start + layout.sizes[hand])
            heights = batch["keypoints"][:, :, columns, 1].mean(dim=-1)
            lowest = heights.masked_fill(~batch["part_mask"][:, :, hand], -torch.inf).argmax(dim=1)
            hanging = batch["keypoints"][clips, lowest, columns].clone()
            hanging[..., 1] += draw(batch, 0, self.drop, 1)
            donor = (draw(batch, 0.5, 1, len(seen)) * seen[:, hand]).argmax(dim=1)
            shown = (changed & ~seen[:, hand] & seen[donor, hand])[:, None] & batch["attention_mask"].bool()
            part_mask[:, :, hand] |= shown
            keypoints[:, :, columns] = torch.where(
                shown[:, :, None, None], hanging[donor][:, None], keypoints[:, :, columns]
            )
        return {**batch, "keypoints": keypoints, "part_mask": part_mask}


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
        device = batch["part_mask"].device
        part = torch.tensor(layout.hands, device=device)[draw(batch, 0, len(layout.hands)).long()]
        inside = _some_frames(batch, self.longest) & choose(batch, self.probability)[:, None]
        parts = torch.arange(len(layout.sizes), device=device) == part[:, None]
        return _hidden(batch, inside[:, :, None] & parts[:, None], layout)


@dataclass(frozen=True)
class HandSwap:
    """Takes one hand for the other for some frames in a row, as the detector does where hands cross.

    Args:
        probability: Share of the clips that are changed.
        longest: Longest confusion, as a share of the clip.

    Raises:
        ValueError: If a value is out of its range.
    """

    probability: float = 0.1
    longest: float = 0.2

    def __post_init__(self) -> None:
        check_ranges(self, probability=(0, 1), longest=(0, 1))

    def __call__(self, batch: Batch, layout: Layout) -> Batch:
        """Swaps the hands of a batch; they stay in their places."""
        keypoints, part_mask = batch["keypoints"], batch["part_mask"]
        swapped = _some_frames(batch, self.longest) & choose(batch, self.probability)[:, None]
        parts = [other if part in layout.hands else part for part, other in enumerate(layout.mirrored_parts)]
        hand = [part in layout.hands for part, size in enumerate(layout.sizes) for _ in range(size)]
        points = [layout.mirrored_points[point] if of_hand else point for point, of_hand in enumerate(hand)]
        order = torch.tensor(points, device=keypoints.device)
        return {
            **batch,
            "keypoints": torch.where(swapped[:, :, None, None], keypoints.index_select(2, order), keypoints),
            "part_mask": torch.where(swapped[:, :, None], part_mask[:, :, parts], part_mask),
        }


@dataclass(frozen=True)
class PartDropout:
    """Hides parts for the whole clip, each by a lot of its own: which parts are seen is the camera's doing.

    The last hand that is seen is never hidden, and of two hands only the one that is seen less often: the sign may be
    in the other alone. Where no hand is seen, nothing is hidden.

    Args:
        probability: Share of the clips that are changed.
        body: In these, the probability that a part which is no hand is hidden.
        hand: Likewise, that the hand which is seen less often is hidden, where both are seen.

    Raises:
        ValueError: If a value is out of its range.
    """

    probability: float = 0.15
    body: float = 0.7
    hand: float = 0.3

    def __post_init__(self) -> None:
        check_ranges(self, probability=(0, 1), body=(0, 1), hand=(0, 1))

    def __call__(self, batch: Batch, layout: Layout) -> Batch:
        """Hides parts of a batch."""
        hands, frames = list(layout.hands), batch["part_mask"].sum(dim=1)
        if not hands:
            return batch
        most = frames[:, hands].amax(dim=1, keepdim=True)
        rate = torch.full((len(layout.sizes),), self.body, device=frames.device)
        rate[hands] = self.hand
        lesser = frames < most
        lesser[:, [part for part in range(len(layout.sizes)) if part not in hands]] = True
        lots = draw(batch, 0, 1, len(layout.sizes))
        hide = (lots < rate) & lesser & (most > 0) & choose(batch, self.probability)[:, None]
        return _hidden(batch, hide[:, None], layout)


@dataclass(frozen=True)
class OtherBody:
    """Puts the body of another clip behind the hands, held still: that a body is seen must not name the sign.

    Data sets of hands alone share a model with data sets of whole bodies. Without this, a body in the picture would
    mean that the gloss is none of those that were only ever shown by hands. After copy-paste (Ghiasi et al. 2021,
    https://arxiv.org/abs/2012.07177).

    Args:
        probability: Share of the clips that are changed, of those that show a hand and no body.
        exchange: For clips that show a body, the share of `probability` that gets another one, so that a strange body
            tells nothing either.

    Raises:
        ValueError: If a value is out of its range.
    """

    probability: float = 0.5
    exchange: float = 0.2

    def __post_init__(self) -> None:
        check_ranges(self, probability=(0, 1), exchange=(0, 1))

    def __call__(self, batch: Batch, layout: Layout) -> Batch:
        """Adds the parts that are no hands to clips of a batch, from clips in which they are seen."""
        bodies = [part for part in range(len(layout.sizes)) if part not in layout.hands]
        keypoints, part_mask = batch["keypoints"].clone(), batch["part_mask"].clone()
        frames, seen = batch["attention_mask"].bool(), batch["part_mask"].any(dim=1)
        whole, hands = seen[:, bodies].any(dim=1), seen[:, list(layout.hands)].any(dim=1)
        donor = (draw(batch, 0.5, 1, len(whole)) * whole).argmax(dim=1)
        rate = self.probability * torch.where(whole, self.exchange, 1.0)
        changed = (draw(batch, 0, 1) < rate) & hands & whole[donor]
        for part in bodies:
            start = sum(layout.sizes[:part])
            columns = slice(start, start + layout.sizes[part])
            count = batch["part_mask"][:, :, part].sum(dim=1).clamp(min=1)
            still = batch["keypoints"][:, :, columns].sum(dim=1) / count[:, None, None]
            shown = seen[donor, part][:, None] & frames
            pasted = still[donor][:, None] * shown[:, :, None, None]
            part_mask[:, :, part] = torch.where(changed[:, None], shown, part_mask[:, :, part])
            keypoints[:, :, columns] = torch.where(changed[:, None, None, None], pasted, keypoints[:, :, columns])
        return {**batch, "keypoints": keypoints, "part_mask": part_mask}


@dataclass(frozen=True)
class KeypointDropout:
    """Takes single points out for the whole clip: they lie in the middle of their part and so tell nothing.

    Masks know whole parts only, since MediaPipe finds all points of a part or none; so a point cannot be missing.

    Args:
        probability: Share of the clips that are changed.
        share: Share of the points that are taken out.

    Raises:
        ValueError: If a value is out of its range.
    """

    probability: float = 0.2
    share: float = 0.1

    def __post_init__(self) -> None:
        check_ranges(self, probability=(0, 1), share=(0, 1))

    def __call__(self, batch: Batch, layout: Layout) -> Batch:
        """Takes points of a batch out."""
        keypoints = batch["keypoints"]
        out = (draw(batch, 0, 1, keypoints.shape[2]) < self.share) & choose(batch, self.probability)[:, None]
        middles = [
            columns.mean(dim=2, keepdim=True).expand_as(columns) for columns in keypoints.split(layout.sizes, dim=2)
        ]
        return {**batch, "keypoints": torch.where(out[:, None, :, None], torch.cat(middles, dim=2), keypoints)}


@dataclass(frozen=True)
class Noise:
    """Gaussian noise on every point of every frame.

    Args:
        probability: Share of the clips that are changed.
        deviation: Its deviation, in shoulder widths.

    Raises:
        ValueError: If a value is out of its range.
    """

    probability: float = 0.5
    deviation: float = 0.01

    def __post_init__(self) -> None:
        check_ranges(self, probability=(0, 1), deviation=(0, math.inf))

    def __call__(self, batch: Batch, layout: Layout) -> Batch:
        """Adds noise to a batch; points that are missing stay 0."""
        strength = self.deviation * choose(batch, self.probability)
        noise = torch.randn_like(batch["keypoints"]) * strength[:, None, None, None]
        return {**batch, "keypoints": (batch["keypoints"] + noise) * layout.by_point(batch["part_mask"])}


@dataclass(frozen=True)
class SpeedJitter:
    """Noise that grows with speed: motion blur makes the detector unsure.

    Args:
        probability: Share of the clips that are changed.
        strength: Deviation of the noise on a point, as a share of how far it moved since the frame before.

    Raises:
        ValueError: If a value is out of its range.
    """

    probability: float = 0.3
    strength: float = 0.3

    def __post_init__(self) -> None:
        check_ranges(self, probability=(0, 1), strength=(0, 10))

    def __call__(self, batch: Batch, layout: Layout) -> Batch:
        """Adds noise to points that were seen in the frame before too."""
        keypoints, part_mask = batch["keypoints"], batch["part_mask"]
        seen = layout.by_point(F.pad(part_mask[:, 1:] & part_mask[:, :-1], (0, 0, 1, 0)))
        moved = F.pad(keypoints.diff(dim=1), (0, 0, 0, 0, 1, 0))[..., :2].norm(dim=-1, keepdim=True) * seen
        strength = self.strength * choose(batch, self.probability)
        noise = torch.randn_like(keypoints) * moved * strength[:, None, None, None]
        return {**batch, "keypoints": keypoints + noise}


def _some_frames(batch: Batch, longest: float) -> torch.Tensor:
    """Draws frames in a row, at most a share `longest` of each clip: bool `(batch, frames)`."""
    count = lengths(batch)
    length = draw(batch, 0, longest) * count
    first = draw(batch, 0, 1) * (count - length)
    frames = torch.arange(batch["attention_mask"].shape[1], device=count.device)
    return (frames >= first[:, None]) & (frames < (first + length)[:, None])


def _hidden(batch: Batch, hide: torch.Tensor, layout: Layout) -> Batch:
    """Makes parts missing where `hide`, which broadcasts to `(batch, frames, parts)`."""
    part_mask = batch["part_mask"] & ~hide
    return {**batch, "keypoints": batch["keypoints"] * layout.by_point(part_mask), "part_mask": part_mask}


__all__ = [
    "HandLoss",
    "HandSwap",
    "IdleHand",
    "KeypointDropout",
    "Noise",
    "OtherBody",
    "PartDropout",
    "SpeedJitter",
]
