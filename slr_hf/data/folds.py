"""Which sessions are held out together, so that every signer is tested by a model that has not seen them."""

from collections.abc import Iterable

import numpy as np
from datasets import Dataset

from slr_hf.data.splits import find_session, mark_unknown_signers, read_column


def session_folds(dataset: Dataset, names: Iterable[str] | None = None) -> dict[str, list[str]]:
    """Leaves one session out in turn.

    Args:
        dataset: Clips with the columns `session` and `source`.
        names: The sessions to leave out; see `find_session`. By default all but those of unknown signers.

    Returns:
        The held-out sessions of each fold, one, by the name of the fold, which is that of the session.

    Raises:
        ValueError: If there is no such session.
    """
    found = _known_sessions(dataset) if names is None else [find_session(dataset, name) for name in names]
    return {session: [session] for session in found}


def signer_folds(dataset: Dataset, count: int) -> dict[str, list[str]]:
    """Spreads the sessions over folds, so that each fold tests about as many clips of each source.

    The sessions of a source go, the largest first, to the fold with the fewest clips of that source, or of those the
    one with the fewest clips of all. Sources of few sessions come first, so that sources of a single session are held
    out in different folds. The same clips always give the same folds.

    Args:
        dataset: Clips with the columns `session` and `source`. Those of unknown signers are in no fold.
        count: Number of folds, at least 2.

    Returns:
        The held-out sessions of each fold, sorted, by the name of the fold: `fold-1` and so on.

    Raises:
        ValueError: If there are fewer than two folds, or fewer sessions than folds.
    """
    known = _known_sessions(dataset)
    if not 2 <= count <= len(known):
        raise ValueError(f"The number of folds must be from 2 to the {len(known)} sessions, but is {count}.")
    by_source: dict[str, list[str]] = {}
    for session, source in known.items():
        by_source.setdefault(source, []).append(session)
    names, counts = np.unique(read_column(dataset, "session").astype(np.str_), return_counts=True)
    clips = dict(zip(names.tolist(), counts.tolist(), strict=True))
    folds: list[list[str]] = [[] for _ in range(count)]
    total = np.zeros(count, int)
    for _, found in sorted(by_source.items(), key=lambda item: (len(item[1]), item[0])):
        own = np.zeros(count, int)
        for session in sorted(found, key=lambda session: (-clips[session], session)):
            fold = min(range(count), key=lambda fold: (own[fold], total[fold]))
            folds[fold].append(session)
            own[fold] += clips[session]
            total[fold] += clips[session]
    return {f"fold-{number}": sorted(found) for number, found in enumerate(folds, start=1)}


def _known_sessions(dataset: Dataset) -> dict[str, str]:
    """The source of each session whose signer is known, sorted by session."""
    known = dataset.select(np.flatnonzero(~mark_unknown_signers(dataset)))
    columns = (read_column(known, name).astype(np.str_).tolist() for name in ("session", "source"))
    return dict(sorted(set(zip(*columns, strict=True))))


__all__ = ["session_folds", "signer_folds"]
