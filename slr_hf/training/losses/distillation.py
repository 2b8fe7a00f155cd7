"""Self-distillation."""

import torch
from torch.nn import functional as F


def distillation_loss(logits: torch.Tensor, teacher_logits: torch.Tensor, temperature: float = 2.0) -> torch.Tensor:
    """Divergence from the answers of a teacher, here an earlier checkpoint of the model.

    After Hinton et al. 2015 (https://arxiv.org/abs/1503.02531) and born-again networks (Furlanello et al. 2018,
    https://arxiv.org/abs/1805.04770).

    Args:
        logits: `(batch, num_labels)`.
        teacher_logits: `(batch, num_labels)`; no gradient flows into them.
        temperature: How much softer both answers are made, above 0. The loss is scaled by its square, which keeps the
            size of the gradients.

    Returns:
        The Kullback-Leibler divergence of each clip, float32 `(batch,)`.
    """
    student = (logits.float() / temperature).log_softmax(dim=-1)
    teacher = (teacher_logits.detach().float() / temperature).log_softmax(dim=-1)
    return F.kl_div(student, teacher, reduction="none", log_target=True).sum(dim=-1) * temperature**2


__all__ = ["distillation_loss"]
