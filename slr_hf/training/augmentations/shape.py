"""Augmentations of shape: the same sign made by other bodies and hands."""

import math
from dataclasses import dataclass

import torch
from torch.nn import functional as F

from slr_hf.training.augmentations.batch import Batch, Layout, check_ranges, choose, draw

#: Waves that make up a field of moves.
_WAVES = 3


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
class LocalDistortion:
    """Bends the picture smoothly, the same in all frames: bodies, lenses and detectors differ from place to place.

    The field of moves is a sum of waves of random direction, after elastic distortion (Simard et al. 2003).

    Args:
        probability: Share of the clips that are changed.
        strength: Largest move of a point, in shoulder widths.
        wavelength: Length of the waves, in shoulder widths; short waves bend single fingers.

    Raises:
        ValueError: If a value is out of its range.
    """

    probability: float = 0.3
    strength: float = 0.05
    wavelength: float = 1.0

    def __post_init__(self) -> None:
        check_ranges(self, probability=(0, 1), strength=(0, 1), wavelength=(0.05, 100))

    def __call__(self, batch: Batch, layout: Layout) -> Batch:
        """Bends a batch; points that are missing stay 0."""
        keypoints, chosen = batch["keypoints"], choose(batch, self.probability)
        # x and y are each moved by waves of their own.
        direction, phase = draw(batch, 0, 2 * math.pi, 2, _WAVES), draw(batch, 0, 2 * math.pi, 2, _WAVES)
        waves = torch.stack([direction.cos(), direction.sin()], dim=-1) * (2 * math.pi / self.wavelength)
        moves = (torch.einsum("bfpi,bdwi->bfpdw", keypoints[..., :2], waves) + phase[:, None, None]).sin().mean(dim=-1)
        moves = moves * (self.strength * chosen)[:, None, None, None]
        return {**batch, "keypoints": keypoints + F.pad(moves, (0, 1)) * layout.by_point(batch["part_mask"])}


__all__ = ["HandDistortion", "LocalDistortion"]
