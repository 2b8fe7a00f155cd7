"""Splits of a dataset into training, validation and test clips.

A random split would put clips of the same person in the same minute on both sides, and so measure little. These splits
take out whole recording sessions, or the last clips of each session.
"""

import logging
import re
from collections import Counter, defaultdict
from collections.abc import Iterable

import numpy as np
from datasets import Dataset, DatasetDict

from slr_hf.data.clip_columns import join_splits

logger = logging.getLogger(__name__)

#: The name, within its file, of the session that holds the clips of signers whom nobody can name.
UNKNOWN_SIGNER = "?"


def read_column(dataset: Dataset, name: str) -> np.ndarray:
    """Reads one column as an array, without the others and whatever columns the dataset's format shows.

    Args:
        dataset: A dataset.
        name: One of its columns.
    """
    return np.asarray(dataset.with_format("numpy", columns=[name])[:][name])


def sessions(dataset: Dataset) -> list[str]:
    """The recording sessions of a dataset, sorted."""
    return np.unique(_strings(dataset, "session")).tolist()


def shared_labels(dataset: Dataset) -> list[int]:
    """The class indices of the glosses that at least two sessions show, sorted."""
    shown = set(zip(read_column(dataset, "label").tolist(), _strings(dataset, "session").tolist(), strict=True))
    counts = Counter(label for label, _ in shown)
    return sorted(label for label, count in counts.items() if count > 1)


def find_session(dataset: Dataset, name: str) -> str:
    """Finds a session by its full name, or by its name within its file where only one file has such a session.

    Args:
        dataset: A dataset with the columns `session` and `source`.
        name: "ksl13-2", or just "2".

    Raises:
        ValueError: If there is none, or more than one.
    """
    pairs = sorted(set(zip(_strings(dataset, "session"), _strings(dataset, "source"), strict=True)))
    found = [session for session, source in pairs if name in (session, session.removeprefix(f"{source}-"))]
    if len(found) != 1:
        problem = f"Several sessions are called {name!r}: {found}" if found else f"There is no session {name!r}"
        raise ValueError(f"{problem}. Choose one of {sessions(dataset)}.")
    return found[0]


def mark_unknown_signers(dataset: Dataset) -> np.ndarray:
    """Marks the clips whose signer is unknown.

    Args:
        dataset: A dataset with the columns `session` and `source`.

    Returns:
        Bool `(clips,)`.
    """
    return _strings(dataset, "session") == np.char.add(_strings(dataset, "source"), f"-{UNKNOWN_SIGNER}")


def hold_out(dataset: Dataset, session: str) -> DatasetDict:
    """Takes one recording session out as the test set.

    Args:
        dataset: A dataset with the columns `session` and `source`.
        session: The session; see `find_session`.

    Returns:
        The splits `train` and `test`.

    Raises:
        ValueError: If there is no such session, or no other.
    """
    return _split(dataset, _strings(dataset, "session") == find_session(dataset, session))


def hold_out_last(dataset: Dataset, fraction: float = 0.2) -> DatasetDict:
    """Takes the last clips of every gloss in every session out as the test set.

    The order is that of the numbers at the end of the clips' names, or where a name has none, that of the dataset.
    Clips on both sides are of the same people, so report figures on such a test set as same-recorder figures.

    Args:
        dataset: A dataset with the columns `session`, `label` and `clip_id`.
        fraction: Share of the clips of each gloss to take out, above 0 and below 1; at least one clip of each that
            has two.

    Returns:
        The splits `train` and `test`.

    Raises:
        ValueError: If the fraction is out of range, or no clip can be taken out.
    """
    return _split(dataset, _last(dataset, fraction))


def split(
    dataset: Dataset,
    test_session: str | Iterable[str] | None = None,
    test_fraction: float = 0.0,
    validation_session: str | None = None,
    validation_fraction: float = 0.1,
    train_session: str | None = None,
    drop_unseen_glosses: bool = False,
) -> DatasetDict:
    """Splits a dataset for training with an honest choice of the best checkpoint.

    The test clips are taken out first. The validation clips, which choose the checkpoint, are then taken from what is
    left, so the test clips have no say in it. Clips of unknown signers are not used where signers of the same source
    are tested, since they may show the same people.

    Args:
        dataset: A dataset with the columns `session`, `source`, `label` and `clip_id`.
        test_session: Session to test on, or several that are tested together; see `find_session`.
        test_fraction: Share of the last clips of each gloss to test on; see `hold_out_last`. With `test_session` too,
            it is taken from the other files only, whose sessions are not tested yet.
        validation_session: Session to validate on.
        validation_fraction: Share of the last clips of each gloss to validate on, where no session is given.
            0 = no validation.
        train_session: Session to train on alone. Without a test session or fraction, all others are tested on.
        drop_unseen_glosses: Whether test clips of glosses that no training clip shows are left out.

    Returns:
        The splits `train`, and where asked for, `validation` and `test`.

    Raises:
        ValueError: If a session or fraction cannot be used; see `hold_out` and `hold_out_last`.
    """
    unknown = mark_unknown_signers(dataset)
    held_out = np.zeros(len(dataset), bool)
    if test_session is not None:
        names = [test_session] if isinstance(test_session, str) else test_session
        held_out = np.isin(_strings(dataset, "session"), [find_session(dataset, name) for name in names])
        if (held_out & unknown).any():
            raise ValueError(f"{names} names clips of unknown signers, whom training may have seen. Test on others.")
    source = _strings(dataset, "source")
    dropped = unknown & np.isin(source, source[held_out])
    if dropped.any():
        logger.info("Left out %d clips of unknown signers, who may be among those held out.", dropped.sum())
        kept = np.flatnonzero(~dropped)
        dataset, held_out, unknown, source = dataset.select(kept), held_out[kept], unknown[kept], source[kept]
    if test_fraction:
        others = np.flatnonzero(~np.isin(source, source[held_out]))
        held_out[others] = _last(dataset.select(others), test_fraction)
    wanted = test_session is not None or bool(test_fraction)
    if train_session is not None:
        trained = (_strings(dataset, "session") == find_session(dataset, train_session)) & ~held_out
        held_out = held_out if wanted else ~trained & ~unknown
        used, wanted = trained | held_out, True
        dataset, held_out = dataset.select(np.flatnonzero(used)), held_out[used]
    splits = _split(dataset, held_out, drop_unseen_glosses) if wanted else DatasetDict(train=dataset)
    train = splits.pop("train")
    if validation_session is not None:
        inner = hold_out(train, validation_session)
    elif validation_fraction:
        inner = hold_out_last(train, validation_fraction)
    else:
        return DatasetDict(train=train, **splits)
    return DatasetDict(train=inner["train"], validation=inner["test"], **splits)


def choose_splits(
    clips: DatasetDict,
    test_session: str | None = None,
    test_fraction: float = 0.0,
    validation_session: str | None = None,
    validation_fraction: float = 0.1,
    train_session: str | None = None,
) -> DatasetDict:
    """Splits what `open_dataset` gives: by the arguments where they name test clips, else by the dataset's own splits.

    1. With `test_session`, `test_fraction` or `train_session`, or where there is only one split, the clips of all
       splits are joined and split anew; see `split`.
    2. Else the dataset's own `train` and `test` stay. Its own `validation` stays too, unless `validation_session` is
       given; where it has none, validation clips are taken out of `train`.

    Args:
        clips: The dataset's own splits.
        test_session: See `split`.
        test_fraction: See `split`.
        validation_session: See `split`.
        validation_fraction: See `split`. It does not change a dataset's own `validation`, but 0 keeps that from
            choosing a checkpoint: it becomes the `test` of a dataset that has none, else it is left out.
        train_session: See `split`.

    Returns:
        The splits `train`, and where asked for, `validation` and `test`.

    Raises:
        ValueError: If there is no split `train`, or a session or fraction cannot be used.
    """
    if test_session is not None or test_fraction or train_session is not None or len(clips) == 1:
        joined = join_splits(clips)
        return split(joined, test_session, test_fraction, validation_session, validation_fraction, train_session)
    if "train" not in clips:
        raise ValueError(f"The dataset has the splits {list(clips)}, but none called train. Name the test clips.")
    train = {"train": clips["train"]}
    test = {name: clips[name] for name in ("test",) if name in clips}
    own = {name: clips[name] for name in ("validation",) if name in clips}
    if validation_session is not None:
        train, own = {"train": join_splits({**train, **own})}, {}
    if not own:
        inner = split(train["train"], validation_session=validation_session, validation_fraction=validation_fraction)
        return DatasetDict(**inner, **test)
    if not validation_fraction:
        return DatasetDict(**train, test=test.get("test", own["validation"]))
    return DatasetDict(**train, **own, **test)


def _last(dataset: Dataset, fraction: float) -> np.ndarray:
    """Marks the last clips of every gloss in every session."""
    if not 0 < fraction < 1:
        raise ValueError(f"The fraction of clips to hold out must be above 0 and below 1, but is {fraction}.")
    clip_ids = _strings(dataset, "clip_id").tolist()
    groups: dict[tuple[str, int], list[int]] = defaultdict(list)
    keys = zip(_strings(dataset, "session").tolist(), read_column(dataset, "label").tolist(), strict=True)
    for row, key in enumerate(keys):
        groups[key].append(row)
    last = np.zeros(len(dataset), bool)
    for rows in groups.values():
        ordered = _in_time(rows, clip_ids)
        count = min(max(round(fraction * len(rows)), 1), len(rows) - 1)
        last[ordered[len(rows) - count :]] = True
    return last


def _split(dataset: Dataset, held_out: np.ndarray, drop_unseen_glosses: bool = False) -> DatasetDict:
    if held_out.all() or not held_out.any():
        side = "training" if held_out.all() else "held-out"
        raise ValueError(f"The split leaves no {side} clips of {len(dataset)}. Choose another session or fraction.")
    splits = DatasetDict(train=dataset.select(np.flatnonzero(~held_out)), test=dataset.select(np.flatnonzero(held_out)))
    tested = read_column(splits["test"], "label")
    shown = np.isin(tested, read_column(splits["train"], "label"))
    if drop_unseen_glosses and not shown.all():
        if not shown.any():
            raise ValueError("No held-out clip shows a gloss that training clips show. Choose another session.")
        logger.info("Left out %d of %d held-out clips: no training clip shows their gloss.", sum(~shown), len(shown))
        splits["test"] = splits["test"].select(np.flatnonzero(shown))
    elif not shown.all():
        names = dataset.features["label"].int2str(np.unique(tested[~shown]).tolist())
        logger.warning("Held-out clips show glosses that no training clip shows: %s.", names)
    return splits


def _strings(dataset: Dataset, column: str) -> np.ndarray:
    return read_column(dataset, column).astype(np.str_)


def _in_time(rows: list[int], clip_ids: list[str]) -> list[int]:
    """Sorts the rows of a group by the numbers of its clips, or by place where a clip has none."""
    found = [re.search(r"(\d+)$", clip_ids[row]) for row in rows]
    numbers = {row: int(match[1]) for row, match in zip(rows, found, strict=True) if match is not None}
    return sorted(rows, key=lambda row: numbers[row]) if len(numbers) == len(rows) else rows


__all__ = [
    "UNKNOWN_SIGNER",
    "choose_splits",
    "find_session",
    "hold_out",
    "hold_out_last",
    "mark_unknown_signers",
    "read_column",
    "sessions",
    "shared_labels",
    "split",
]
