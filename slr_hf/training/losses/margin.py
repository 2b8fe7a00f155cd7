"""Pairwise margin for glosses that are easily confused."""

import torch


def margin_loss(logits: torch.Tensor, targets: torch.Tensor, margin: float = 1.0, rivals: int = 3) -> torch.Tensor:
    """Wants the logit of the right gloss above those of its strongest rivals by a margin.

    The rivals of a clip are the wrong glosses that the model finds most likely: those it confuses. A pairwise hinge
    loss (Weston & Watkins 1999) on these pairs alone, so that pairs that are told apart long since do not count.

    Args:
        logits: `(batch, num_labels)`.
        targets: Probabilities `(batch, num_labels)`. The right gloss is the one with the largest; for a mixture the
            loss counts by how much larger it is than the next.
        margin: Distance of the logits that is enough, above 0.
        rivals: Rivals of a clip, at least 1; fewer where there are fewer glosses.

    Returns:
        The loss of each clip, float32 `(batch,)`.
    """
    logits = logits.float()
    right = targets.argmax(dim=-1, keepdim=True)
    others = logits.scatter(-1, right, -torch.inf)
    strongest = others.topk(min(rivals, max(logits.shape[-1] - 1, 1)), dim=-1).values
    hinge = (margin - (logits.gather(-1, right) - strongest)).clamp(min=0)
    best = targets.topk(min(2, targets.shape[-1]), dim=-1).values
    certainty = best[:, 0] - best[:, 1:].sum(dim=-1)
    return hinge.mean(dim=-1) * certainty


__all__ = ["margin_loss"]
