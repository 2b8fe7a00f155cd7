"""Augmentations of place and shape."""

import math
from dataclasses import dataclass

import torch

from slr_hf.training.augmentations.batch import Batch, Layout, check_ranges, choose, draw


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
        largest = batch["keypoints"].new_tensor([self.pitch, self.yaw, self.roll]) * (math.pi / 180)
        angles = draw(batch, -1, 1, 3) * largest * chosen[:, None]
        cosine, sine = angles.cos(), angles.sin()
        turn = torch.eye(3, device=angles.device).expand(len(angles), 3, 3)
        # One rotation in the plane of two axes after the other: pitch (y, z), yaw (x, z), roll (x, y).
        for index, (first, second) in enumerate(((1, 2), (0, 2), (0, 1))):
            step = torch.eye(3, device=angles.device).repeat(len(angles), 1, 1)
            step[:, first, first] = step[:, second, second] = cosine[:, index]
            step[:, first, second], step[:, second, first] = -sine[:, index], sine[:, index]
            turn = step @ turn
        weight = turn.new_tensor([1, 1, self.depth])
        turn = turn * weight / weight[:, None]
        return {**batch, "keypoints": torch.einsum("bfpi,bji->bfpj", batch["keypoints"], turn)}


@dataclass(frozen=True)
class Scaling:
    """Makes the signer larger or smaller, and stretches it.

    Args:
        probability: Share of the clips that are changed.
        factor: Range of the size.
        stretch: Largest change of width against height; 0.1 is 10 percent.

    Raises:
        ValueError: If a value is out of its range.
    """

    probability: float = 0.5
    factor: tuple[float, float] = (0.8, 1.25)
    stretch: float = 0.1

    def __post_init__(self) -> None:
        check_ranges(self, probability=(0, 1), factor=(0.01, 100), stretch=(0, 0.9))

    def __call__(self, batch: Batch, layout: Layout) -> Batch:
        """Scales a batch about the origin between the shoulders."""
        factor, stretch = draw(batch, *self.factor), draw(batch, 1 - self.stretch, 1 + self.stretch)
        scale = torch.stack([factor * stretch, factor, factor], dim=-1)
        scale = torch.where(choose(batch, self.probability)[:, None], scale, 1)
        return {**batch, "keypoints": batch["keypoints"] * scale[:, None, None]}


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
class HandDistortion:
    """Makes fingers longer and shorter and turns hands about their wrists: the same sign is made with other hands.

    Args:
        probability: Share of the clips that are changed.
        stretch: Largest change of a finger's length; 0.3 is 30 percent.
        turn: Largest turn of a hand in the picture, in degrees.

    Raises:
        ValueError: If a value is out of its range.
    """

    probability: float = 0.5
    stretch: float = 0.4
    turn: float = 20.0

    def __post_init__(self) -> None:
        check_ranges(self, probability=(0, 1), stretch=(0, 1), turn=(0, 180))

    def __call__(self, batch: Batch, layout: Layout) -> Batch:
        """Distorts the hands of a batch; wrists and other parts stay where they are."""
        keypoints, chosen = batch["keypoints"], choose(batch, self.probability)[:, None]
        device = keypoints.device
        origin = keypoints.index_select(2, torch.tensor(layout.origins, device=device))
        lengths = draw(batch, 1 - self.stretch, 1 + self.stretch, max(layout.patches) + 1)
        lengths = torch.where(chosen, lengths, 1)[:, torch.tensor(layout.patches, device=device)]
        angles = draw(batch, -1, 1, len(layout.sizes)) * (self.turn * math.pi / 180) * chosen
        angles = layout.by_point(angles).squeeze(-1)
        cosine, sine = (lengths * angles.cos())[:, None], (lengths * angles.sin())[:, None]
        x, y, z = (keypoints - origin).unbind(dim=-1)
        turned = torch.stack([cosine * x - sine * y, sine * x + cosine * y, lengths[:, None] * z], dim=-1)
        # Clips that are not chosen stay exactly as they are: taking the wrist off and adding it again rounds.
        return {**batch, "keypoints": torch.where(chosen[:, :, None, None], origin + turned, keypoints)}


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


__all__ = ["HandDistortion", "Noise", "Rotation", "Scaling", "Shift"]
