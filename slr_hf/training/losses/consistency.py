"""Cross-modal consistency."""

import torch
from torch.nn import functional as F


def consistency_loss(logits: torch.Tensor, view_logits: torch.Tensor) -> torch.Tensor:
    """Wants the same answer from two views of a clip, of which one lacks a part: the parts have to agree.

    The mean of both Kullback-Leibler divergences, after R-Drop (Liang et al. 2021, https://arxiv.org/abs/2106.14448).

    Args:
        logits: Answers to the first view, `(batch, num_labels)`.
        view_logits: Answers to the second view, `(batch, num_labels)`.

    Returns:
        The loss of each clip, float32 `(batch,)`.
    """
    first, second = logits.float().log_softmax(dim=-1), view_logits.float().log_softmax(dim=-1)
    divergences = [F.kl_div(a, b, reduction="none", log_target=True) for a, b in ((first, second), (second, first))]
    return sum(divergences, torch.zeros_like(first)).sum(dim=-1) / 2


__all__ = ["consistency_loss"]
