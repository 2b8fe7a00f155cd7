"""Augmentations of place: where the camera stands and looks, how large the signer is, and which side signs."""

import math
from dataclasses import dataclass

import torch
from torch.nn import functional as F

from slr_hf.training.augmentations.batch import Batch, Layout, check_ranges, choose, draw

#: How far in front of the shoulders hands are taken to be where landmarks have no z, in shoulder widths.
ASSUMED_DEPTH = 1.0


@dataclass(frozen=True)
class Rotation:
    """Turns the signer about all three axes, as another camera angle would.

    Args:
        probability: Share of the clips that are changed.
        yaw: Largest turn to the side, in degrees.
        pitch: Largest nod, in degrees.
        roll: Largest tilt in the picture, in degrees.
        depth: Weight of z, which MediaPipe estimates poorly and for each part from another origin.

    Raises:
        ValueError: If a value is out of its range.
    """

    probability: float = 0.5
    yaw: float = 20.0
    pitch: float = 15.0
    roll: float = 10.0
    depth: float = 0.3

    def __post_init__(self) -> None:
        check_ranges(self, probability=(0, 1), yaw=(0, 90), pitch=(0, 90), roll=(0, 180), depth=(0.01, 10))

    def __call__(self, batch: Batch, layout: Layout) -> Batch:
        """Rotates a batch about the origin between the shoulders."""
        chosen = choose(batch, self.probability)
        largest = batch["keypoints"].new_tensor([self.pitch, self.yaw, self.roll])
        turn = _turn(draw(batch, -1, 1, 3) * largest * chosen[:, None], self.depth)
        keypoints = with_depth(batch, layout)
        turned = torch.einsum("bfpi,bji->bfpj", keypoints, turn)
        return {**batch, "keypoints": torch.where(chosen[:, None, None, None], turned, batch["keypoints"])}


@dataclass(frozen=True)
class Perspective:
    """Shows the signer as a camera does that is near, and looks from the side, from above or from below.

    Unlike `Rotation`, what is nearer to the camera gets larger: a pinhole camera.

    Args:
        probability: Share of the clips that are changed.
        angle: Largest angle of the camera, to the side as well as up and down, in degrees.
        distance: Range of the distance of the camera, in shoulder widths.
        depth: Weight of z, which MediaPipe estimates poorly and for each part from another origin.

    Raises:
        ValueError: If a value is out of its range.
    """

    probability: float = 0.3
    angle: float = 15.0
    distance: tuple[float, float] = (4.0, 10.0)
    depth: float = 0.3

    def __post_init__(self) -> None:
        check_ranges(self, probability=(0, 1), angle=(0, 90), distance=(3, 1000), depth=(0.01, 10))

    def __call__(self, batch: Batch, layout: Layout) -> Batch:
        """Projects a batch; the origin between the shoulders stays where it is."""
        keypoints, chosen = with_depth(batch, layout), choose(batch, self.probability)
        angles = draw(batch, -self.angle, self.angle, 3) * keypoints.new_tensor([1, 1, 0])
        turned = torch.einsum("bfpi,bji->bfpj", keypoints, _turn(angles, self.depth))
        distance = draw(batch, *self.distance)[:, None, None]
        # A point is at most half as near as the origin: MediaPipe's z has outliers, and nothing may pass the camera.
        nearness = distance / (distance + self.depth * turned[..., 2]).maximum(distance / 2)
        projected = turned * torch.stack([nearness, nearness, torch.ones_like(nearness)], dim=-1)
        return {**batch, "keypoints": torch.where(chosen[:, None, None, None], projected, batch["keypoints"])}


@dataclass(frozen=True)
class Scaling:
    """Makes the signer larger or smaller, stretches it, and shears it.

    Args:
        probability: Share of the clips that are changed.
        factor: Range of the size.
        stretch: Largest change of width against height; 0.1 is 10 percent.
        shear: Largest sideways move of a point, as a share of its height above or below the origin.

    Raises:
        ValueError: If a value is out of its range.
    """

    probability: float = 0.5
    factor: tuple[float, float] = (0.8, 1.25)
    stretch: float = 0.1
    shear: float = 0.0

    def __post_init__(self) -> None:
        check_ranges(self, probability=(0, 1), factor=(0.01, 100), stretch=(0, 0.9), shear=(0, 2))

    def __call__(self, batch: Batch, layout: Layout) -> Batch:
        """Scales a batch about the origin between the shoulders."""
        factor, stretch = draw(batch, *self.factor), draw(batch, 1 - self.stretch, 1 + self.stretch)
        chosen = choose(batch, self.probability)
        scale = torch.stack([factor * stretch, factor, factor], dim=-1)
        keypoints = batch["keypoints"] * torch.where(chosen[:, None], scale, 1)[:, None, None]
        if self.shear:
            shear = draw(batch, -self.shear, self.shear) * chosen
            keypoints = keypoints + F.pad(keypoints[..., 1:2] * shear[:, None, None, None], (0, 2))
        return {**batch, "keypoints": keypoints}


@dataclass(frozen=True)
class Shift:
    """Moves the signer, and each part against the others: people sign the same sign in different places.

    Args:
        probability: Share of the clips that are changed.
        signer: Deviation of the move of the whole signer, in shoulder widths.
        parts: Deviation of the move of a part, in shoulder widths.

    Raises:
        ValueError: If a value is out of its range.
    """

    probability: float = 0.5
    signer: float = 0.1
    parts: float = 0.1

    def __post_init__(self) -> None:
        check_ranges(self, probability=(0, 1), signer=(0, math.inf), parts=(0, math.inf))

    def __call__(self, batch: Batch, layout: Layout) -> Batch:
        """Shifts a batch; points that are missing stay 0."""
        keypoints, chosen = batch["keypoints"], choose(batch, self.probability)
        moves = self.signer * torch.randn(len(keypoints), 1, 3, device=keypoints.device)
        moves = moves + self.parts * torch.randn(len(keypoints), len(layout.sizes), 3, device=keypoints.device)
        moves = moves * chosen[:, None, None]
        by_point = layout.by_point(moves.transpose(1, 2)).squeeze(-1).transpose(1, 2)
        return {**batch, "keypoints": (keypoints + by_point[:, None]) * layout.by_point(batch["part_mask"])}


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


def with_depth(batch: Batch, layout: Layout) -> torch.Tensor:
    """Gives depth to clips that have none.

    Args:
        batch: The batch.
        layout: The layout of its parts.

    Returns:
        The keypoints. Of clips whose z is 0 throughout, the hands stand `ASSUMED_DEPTH` in front of the shoulders.
    """
    keypoints, part_mask = batch["keypoints"], batch["part_mask"]
    flat = (keypoints[..., 2] == 0).flatten(1).all(dim=1)
    hands = torch.zeros(len(layout.sizes), dtype=torch.bool, device=keypoints.device)
    hands[list(layout.hands)] = True
    assumed = -ASSUMED_DEPTH * layout.by_point(part_mask & hands & flat[:, None, None])
    return keypoints + F.pad(assumed, (2, 0))


def _turn(angles: torch.Tensor, depth: float) -> torch.Tensor:
    """Makes rotations from pitch, yaw and roll in degrees `(batch, 3)`, with z weighted by `depth`: `(batch, 3, 3)`."""
    angles = angles * (math.pi / 180)
    cosine, sine = angles.cos(), angles.sin()
    turn = torch.eye(3, device=angles.device).expand(len(angles), 3, 3)
    # One rotation in the plane of two axes after the other: pitch (y, z), yaw (x, z), roll (x, y).
    for index, (first, second) in enumerate(((1, 2), (0, 2), (0, 1))):
        step = torch.eye(3, device=angles.device).repeat(len(angles), 1, 1)
        step[:, first, first] = step[:, second, second] = cosine[:, index]
        step[:, first, second], step[:, second, first] = -sine[:, index], sine[:, index]
        turn = step @ turn
    weight = turn.new_tensor([1, 1, depth])
    return turn * weight / weight[:, None]


__all__ = ["ASSUMED_DEPTH", "Mirror", "Perspective", "Rotation", "Scaling", "Shift", "with_depth"]
