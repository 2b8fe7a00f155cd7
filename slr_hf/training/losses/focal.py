"""Focal loss."""

import torch
from torch.nn import functional as F


def soft_targets(labels: torch.Tensor, num_labels: int) -> torch.Tensor:
    """Makes the matrix of targets that the losses take.

    Args:
        labels: Class indices, int64 `(batch,)`.
        num_labels: The number of classes.

    Returns:
        One-hot rows, float32 `(batch, num_labels)`.
    """
    return F.one_hot(labels, num_labels).float()


def smooth(targets: torch.Tensor, label_smoothing: float) -> torch.Tensor:
    """Moves a share of every target evenly to all classes (Szegedy et al. 2016, https://arxiv.org/abs/1512.00567).

    Args:
        targets: Probabilities `(batch, num_labels)`.
        label_smoothing: The share, at least 0 and below 1.

    Returns:
        Probabilities of the same shape.
    """
    return torch.lerp(targets, torch.full_like(targets, 1 / targets.shape[-1]), label_smoothing)


def focal_loss(
    logits: torch.Tensor, targets: torch.Tensor, gamma: float = 2.0, label_smoothing: float = 0.0
) -> torch.Tensor:
    """Cross entropy that counts clips less that are already recognised (Lin et al. 2017, https://arxiv.org/abs/1708.02002).

    For soft targets it is the mean of the focal loss over the classes, weighted by the targets, so that the loss of a
    mixture of two clips is the mixture of their losses. With `gamma` 0 it is cross entropy.

    Args:
        logits: `(batch, num_labels)`.
        targets: Probabilities `(batch, num_labels)`.
        gamma: How fast the weight `(1 - p) ** gamma` falls with the probability p; at least 0.
        label_smoothing: Share of every target that is moved evenly to all classes.

    Returns:
        The loss of each clip, float32 `(batch,)`.
    """
    log_probabilities = logits.float().log_softmax(dim=-1)
    # Not 0 or less, by rounding: there the gradient of a power is infinite or NaN.
    weights = (1 - log_probabilities.exp()).clamp(min=torch.finfo(torch.float32).eps) ** gamma if gamma else 1.0
    return -(smooth(targets, label_smoothing) * weights * log_probabilities).sum(dim=-1)


__all__ = ["focal_loss", "smooth", "soft_targets"]
