"""Augmentations that join two clips."""

from dataclasses import dataclass

import torch

from slr_hf.training.augmentations.batch import Batch, Layout, check_ranges, choose


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


__all__ = ["MixUp"]
