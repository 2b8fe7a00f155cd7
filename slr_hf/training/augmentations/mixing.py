"""Augmentations that join two clips."""

from dataclasses import dataclass

import torch

from slr_hf.training.augmentations.batch import Batch, Layout, check_ranges, choose, draw, gather_frames, lengths


@dataclass(frozen=True)
class MixUp:
    """Mixes each chosen clip with another of the batch (Zhang et al. 2018, https://arxiv.org/abs/1710.09412).

    The heavier clip gives the frames, their times and the parts that are seen. Where a part is seen in the same frame
    of both, its keypoints are mixed; else they stay the heavier clip's, so nothing is mixed with "missing". The labels
    are mixed with the same weight.

    Args:
        probability: Share of the clips that are changed.
        alpha: Both parameters of the beta distribution of the weight; small values mix little.

    Raises:
        ValueError: If a value is out of its range.
    """

    probability: float = 0.3
    alpha: float = 0.2

    def __post_init__(self) -> None:
        check_ranges(self, probability=(0, 1), alpha=(0.01, 100))

    def __call__(self, batch: Batch, layout: Layout) -> Batch:
        """Mixes a batch, whose labels must be soft targets."""
        keypoints, part_mask, labels = batch["keypoints"], batch["part_mask"], batch["labels"]
        size = len(keypoints)
        alpha = keypoints.new_tensor(self.alpha)
        weight = torch.distributions.Beta(alpha, alpha).sample((size,))
        weight = torch.where(choose(batch, self.probability), torch.maximum(weight, 1 - weight), 1)
        other = torch.randperm(size, device=keypoints.device)
        both = layout.by_point(part_mask & part_mask[other])
        mixed = torch.lerp(keypoints[other], keypoints, weight[:, None, None, None])
        return {
            **batch,
            "keypoints": torch.where(both, mixed, keypoints),
            "labels": torch.lerp(labels[other], labels, weight[:, None].to(labels.dtype)),
        }


@dataclass(frozen=True)
class CutMix:
    """Puts a piece of another clip of the batch into each chosen clip, in time (Yun et al. 2019, arXiv 1905.04899).

    The piece comes from the same place of the other clip, with its parts seen and missing, and takes the times of the
    frames that it replaces. The labels are mixed by the share of the frames.

    Args:
        probability: Share of the clips that are changed.
        longest: Longest piece, as a share of the clip, so that 0.5 leaves every clip the most of its label.

    Raises:
        ValueError: If a value is out of its range.
    """

    probability: float = 0.2
    longest: float = 0.5

    def __post_init__(self) -> None:
        check_ranges(self, probability=(0, 1), longest=(0, 1))

    def __call__(self, batch: Batch, layout: Layout) -> Batch:
        """Cuts and mixes a batch, whose labels must be soft targets."""
        count, labels = lengths(batch), batch["labels"]
        length = (draw(batch, 0, self.longest) * count).long() * choose(batch, self.probability)
        first = (draw(batch, 0, 1) * (count - length + 1)).long().minimum(count - length)
        frames = torch.arange(batch["attention_mask"].shape[1], device=count.device)
        piece = (frames >= first[:, None]) & (frames < (first + length)[:, None])
        other = torch.randperm(len(count), device=count.device)
        # The same place of the other clip: clips differ in length.
        source = (frames * (count[other] / count.clamp(min=1))[:, None]).long().clamp(max=len(frames) - 1)
        cut = {}
        for name in ("keypoints", "part_mask"):
            values = gather_frames(batch[name][other], source)
            cut[name] = torch.where(piece.view(*piece.shape, *[1] * (values.dim() - 2)), values, batch[name])
        share = (length / count.clamp(min=1)).to(labels.dtype)[:, None]
        return {**batch, **cut, "labels": torch.lerp(labels, labels[other], share)}


__all__ = ["CutMix", "MixUp"]
