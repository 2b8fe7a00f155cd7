"""Curriculum of the focal loss."""


def curriculum_gamma(gamma: float, share: float, progress: float) -> float:
    """The focus at a point of the training: it grows from 0, so that hard clips count more once easy ones are learned.

    After curriculum learning (Bengio et al. 2009): with a large gamma from the start, the few clips that a fresh model
    happens to get right would hardly be trained on, and mislabelled clips would lead.

    Args:
        gamma: The focus at the end, at least 0.
        share: Share of the training in which the focus grows, from 0 (it is full at once) to 1.
        progress: Share of the training that is done, from 0 to 1.

    Returns:
        From 0 to `gamma`.
    """
    return gamma if progress >= share else gamma * progress / share


__all__ = ["curriculum_gamma"]
