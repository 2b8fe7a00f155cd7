"""Accuracy by people: what a model is worth to somebody whom training has not seen."""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import torch

from slr_hf.data.splits import UNKNOWN_SIGNER
from slr_hf.training.metrics import RESAMPLES, bootstrap_interval, top_k_accuracy

#: Clips of people whom training has not seen, and other clips of people whom it has seen.
STRANGERS, SAME_RECORDER = "strangers", "same_recorder"

#: From this many people on, an interval says what other people would give; with fewer, what other clips would.
_FEWEST_PEOPLE = 3


def find_group(clip: str, session: str, seen_clips: Collection[str], seen_sessions: Collection[str]) -> str | None:
    """Tells whose clip it is to a model.

    Args:
        clip: Name of the clip.
        session: Its recording session.
        seen_clips: The clips that training saw.
        seen_sessions: The sessions that training saw.

    Returns:
        `STRANGERS` or `SAME_RECORDER`; `None` where training saw the clip, or its signer is unknown and training saw
        signers of the same source.
    """
    if clip in seen_clips:
        return None
    if session in seen_sessions:
        return SAME_RECORDER
    source, separator, name = session.rpartition("-")
    if name == UNKNOWN_SIGNER and any(seen.startswith(source + separator) for seen in seen_sessions):
        return None
    return STRANGERS


def summarize_people(
    logits: torch.Tensor, labels: torch.Tensor, sessions: Sequence[str], neighbour: torch.Tensor | None = None
) -> dict[str, Any]:
    """Computes the figures of a group of people.

    Args:
        logits: `(clips, num_labels)`, of at least one clip.
        labels: Class indices `(clips,)`.
        sessions: The session of each clip.
        neighbour: The scores of a nearest neighbour, `(clips, num_labels)`.

    Returns:
        `clips`, `sessions` (their number), `top1`, `top5`; `mean_over_people`, the mean over sessions of top-1, and its
        95% `interval` with `low`, `high` and what was drawn anew to find it, `over`: "people", or "clips" where there
        are fewer than three sessions; with a neighbour, the same accuracies of it under `nearest_neighbour`.
    """
    right = (logits.argmax(dim=-1) == labels).numpy()
    accuracies, counts = _by_session(right, sessions)
    figures = {
        "clips": len(labels),
        "sessions": len(counts),
        **_accuracies(logits, labels, sessions),
        "interval": _interval(accuracies, counts),
    }
    return figures if neighbour is None else {**figures, "nearest_neighbour": _accuracies(neighbour, labels, sessions)}


def _accuracies(logits: torch.Tensor, labels: torch.Tensor, sessions: Sequence[str]) -> dict[str, float]:
    right = (logits.argmax(dim=-1) == labels).numpy()
    return {
        "top1": top_k_accuracy(logits, labels, 1),
        "top5": top_k_accuracy(logits, labels, 5),
        "mean_over_people": float(_by_session(right, sessions)[0].mean()),
    }


def _by_session(right: np.ndarray, sessions: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """The accuracy of each session and its number of clips."""
    _, group, counts = np.unique(np.asarray(sessions), return_inverse=True, return_counts=True)
    return np.bincount(group, weights=right) / counts, counts


def _interval(accuracies: np.ndarray, counts: np.ndarray) -> dict[str, Any]:
    """The bootstrap's 95% interval of the mean over sessions."""
    if len(counts) >= _FEWEST_PEOPLE:
        low, high = bootstrap_interval(accuracies)
        return {"low": low, "high": high, "over": "people"}
    # To draw a session's clips anew is to draw how many of them are right.
    drawn = np.random.default_rng(0).binomial(counts, accuracies, size=(RESAMPLES, len(counts))) / counts
    low, high = np.percentile(drawn.mean(axis=1), [2.5, 97.5]).tolist()
    return {"low": low, "high": high, "over": "clips"}


__all__ = ["SAME_RECORDER", "STRANGERS", "find_group", "summarize_people"]
