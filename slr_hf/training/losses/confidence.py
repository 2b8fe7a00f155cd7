"""Loss of the confidence head."""

import torch
from torch.nn import functional as F


def confidence_loss(confidence_logits: torch.Tensor, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Binary cross entropy between the confidence and whether the first answer is right.

    The first answer is right if no class has a larger target. So for a mixture of two clips it is right if it names
    the one with the larger share, and either of them where the shares are equal.

    Args:
        confidence_logits: `(batch,)`.
        logits: `(batch, num_labels)`; no gradient flows into them.
        targets: Probabilities `(batch, num_labels)`.

    Returns:
        The loss of each clip, float32 `(batch,)`.
    """
    answers = logits.argmax(dim=-1, keepdim=True)
    right = targets.gather(-1, answers).squeeze(-1) >= targets.amax(dim=-1)
    return F.binary_cross_entropy_with_logits(confidence_logits.float(), right.float(), reduction="none")


__all__ = ["confidence_loss"]
