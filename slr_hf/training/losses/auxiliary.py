"""Loss of the auxiliary classifiers."""

from collections.abc import Sequence

import torch

from slr_hf.training.losses.focal import focal_loss


def auxiliary_loss(
    auxiliary_logits: Sequence[torch.Tensor], targets: torch.Tensor, gamma: float = 2.0, label_smoothing: float = 0.0
) -> torch.Tensor:
    """Focal loss of the auxiliary classifiers, the later of them counting more.

    The classifier of layer i of n weighs i: early layers need not know the answer yet. The weights sum to 1. After
    deeply-supervised nets (Lee et al. 2015, https://arxiv.org/abs/1409.5185).

    Args:
        auxiliary_logits: `(batch, num_labels)` of each classifier, the earliest first.
        targets: Probabilities `(batch, num_labels)`.
        gamma: See `focal_loss`.
        label_smoothing: See `focal_loss`.

    Returns:
        The loss of each clip, float32 `(batch,)`.
    """
    losses = torch.stack([focal_loss(logits, targets, gamma, label_smoothing) for logits in auxiliary_logits])
    weights = torch.arange(1, len(losses) + 1, dtype=losses.dtype, device=losses.device)
    return weights / weights.sum() @ losses


__all__ = ["auxiliary_loss"]
