"""Figures of merit, each from logits and class indices."""

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional as F
from torchmetrics.functional.classification import (
    binary_auroc,
    binary_calibration_error,
    multiclass_calibration_error,
)

#: How often a bootstrap draws anew.
RESAMPLES = 10_000

#: Bins of the calibration error and of `reliability`.
_BINS = 15


@dataclass(frozen=True)
class Reliability:
    """How often answers are right that claim a certain probability, in 15 bins of equal width from 0 to 1.

    Args:
        share: Share of the clips in each bin, `(bins,)`.
        probability: Mean probability of the clips in each bin, `(bins,)`; NaN where it has none.
        accuracy: Share of right answers in each bin, `(bins,)`; NaN where it has none.
        error: The expected calibration error, from 0 to 1.
    """

    share: torch.Tensor
    probability: torch.Tensor
    accuracy: torch.Tensor
    error: float


def top_k_accuracy(logits: torch.Tensor, labels: torch.Tensor, k: int = 1) -> float:
    """The share of clips whose gloss is among the k best answers.

    Args:
        logits: `(clips, num_labels)`.
        labels: Class indices `(clips,)`.
        k: Answers that count; at most all.
    """
    best = logits.topk(min(k, logits.shape[-1]), dim=-1).indices
    return (best == labels.unsqueeze(-1)).any(dim=-1).double().mean().item()


def mean_class_accuracy(logits: torch.Tensor, labels: torch.Tensor) -> float:
    """The mean of the glosses' accuracies, so that rare glosses count as much as frequent ones.

    Args:
        logits: `(clips, num_labels)`.
        labels: Class indices `(clips,)`; glosses without clips do not count.
    """
    right = (logits.argmax(dim=-1) == labels).double()
    return torch.stack([right[labels == label].mean() for label in labels.unique()]).mean().item()


def cross_entropy(logits: torch.Tensor, labels: torch.Tensor) -> float:
    """The mean negative logarithm of the right gloss's probability.

    Args:
        logits: `(clips, num_labels)`.
        labels: Class indices `(clips,)`.
    """
    return F.cross_entropy(logits.float(), labels).item()


def calibration_error(logits: torch.Tensor, labels: torch.Tensor) -> float:
    """How far the best answer's probability is from how often it is right (Guo et al. 2017, arXiv 1706.04599).

    Args:
        logits: `(clips, num_labels)`.
        labels: Class indices `(clips,)`.

    Returns:
        The expected calibration error over 15 bins, from 0 to 1.
    """
    probabilities = logits.float().softmax(dim=-1)
    if probabilities.shape[-1] == 1:
        return 0.0
    return multiclass_calibration_error(probabilities, labels, probabilities.shape[-1], n_bins=_BINS).item()


def confidence_auroc(confidence: torch.Tensor, right: torch.Tensor) -> float | None:
    """How well the confidence tells right from wrong answers: the area under the ROC curve.

    Args:
        confidence: `(clips,)`, larger is surer.
        right: Bool `(clips,)`, whether the first answer is right.

    Returns:
        From 0 to 1, 0.5 by chance; `None` where all answers are right or all are wrong.
    """
    if bool(right.all()) or not bool(right.any()):
        return None
    return binary_auroc(confidence.float(), right.long()).item()


def bootstrap_interval(values: np.ndarray) -> tuple[float, float]:
    """The bootstrap's 95% interval of a mean (Efron 1979).

    Args:
        values: What the mean is over: one number for each person, or each clip, that could have been another.

    Returns:
        The lower and the upper end.
    """
    random = np.random.default_rng(0)
    # One draw at a time: all at once would take gigabytes for ten thousand clips.
    means = [values[random.integers(len(values), size=len(values))].mean() for _ in range(RESAMPLES)]
    low, high = np.percentile(means, [2.5, 97.5]).tolist()
    return low, high


def reliability(probability: torch.Tensor, right: torch.Tensor) -> Reliability:
    """Compares the probability that answers claim with how often they are right.

    Args:
        probability: Probability of each clip's first answer, `(clips,)`, from 0 to 1.
        right: Bool `(clips,)`, whether the first answer is right.
    """
    probability = probability.float()
    # A bin holds its lower bound, as in torchmetrics; the last one holds 1 too.
    inner_bounds = torch.linspace(0, 1, _BINS + 1)[1:-1]
    number = torch.bucketize(probability, inner_bounds, right=True)
    clips = torch.bincount(number, minlength=_BINS)
    return Reliability(
        share=clips / len(probability),
        probability=torch.bincount(number, weights=probability, minlength=_BINS) / clips,
        accuracy=torch.bincount(number, weights=right.float(), minlength=_BINS) / clips,
        error=binary_calibration_error(probability, right.long(), n_bins=_BINS).item(),
    )


__all__ = [
    "RESAMPLES",
    "Reliability",
    "bootstrap_interval",
    "calibration_error",
    "confidence_auroc",
    "cross_entropy",
    "mean_class_accuracy",
    "reliability",
    "top_k_accuracy",
]
