"""The columns of a dataset of clips, and one label space over several datasets."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pyarrow as pa  # type: ignore[import-untyped]
from datasets import ClassLabel, Dataset, DatasetDict, Value, concatenate_datasets

from slr_hf.commands import first_line
from slr_hf.data.landmark_arrays import check_known

#: What training and evaluation read, as `load_landmark_arrays` describes it. A dataset may have further columns.
CLIP_COLUMNS = ("clip_id", "source", "session", "label", "landmarks", "points", "fps", "width", "height")

_STORED = ("clip_id", "landmarks", "points", "fps", "width", "height")


def check_texts(dataset: Dataset, source: str | Path) -> None:
    """Checks that all texts of a dataset are texts. Arrow takes any bytes from a file, and fails where one is used.

    Args:
        dataset: The dataset.
        source: What it was read from.

    Raises:
        ValueError: If a text holds bytes that are no UTF-8.
    """
    table = dataset.data
    for field in table.schema:
        if pa.types.is_string(field.type) or pa.types.is_large_string(field.type):
            try:
                table.column(field.name).validate(full=True)
            except pa.ArrowInvalid as error:
                raise ValueError(
                    f"{source} is damaged: the column {field.name} holds bytes that are no text ({first_line(error)}). "
                    "Copy or make it again."
                ) from error


def to_clips(splits: Mapping[str, Dataset], source: str) -> DatasetDict:
    """Gives stored landmarks the columns of `CLIP_COLUMNS`, where they do not have them already.

    Args:
        splits: Landmarks of `load_extracted`, or of a published dataset, with any further columns.

            - The gloss is the column `gloss`, else the first folder in the clip's name: "hello/clip 1".
            - The session is the column `session`, else `signer`; without either, all clips count as one session.

        source: What the sessions' names begin with.

    Returns:
        The splits in numpy format, with one label space: the glosses of all splits, sorted. A `label` that is a class
        index already stays as it is.

    Raises:
        ValueError: If a column is missing, a text holds bytes that are no UTF-8, or a clip has no gloss.
    """
    for name, dataset in splits.items():
        missing = [column for column in _STORED if column not in dataset.column_names]
        if missing:
            raise ValueError(
                f"{source}: the split {name} lacks the columns {missing}. Its columns are those of landmarks."
            )
        check_texts(dataset, source)
    labelled = dict(splits)
    if not all(isinstance(dataset.features.get("label"), ClassLabel) for dataset in splits.values()):
        glosses = {name: _glosses(dataset, source) for name, dataset in splits.items()}
        names = sorted({gloss for found in glosses.values() for gloss in found})
        labelled = {name: _with_labels(dataset, glosses[name], names) for name, dataset in splits.items()}
    return DatasetDict(
        {name: _with_session(dataset, source).with_format("numpy") for name, dataset in labelled.items()}
    )


def join_clips(
    parts: Sequence[DatasetDict], glosses: Iterable[str] | None = None, rename: Mapping[str, str] | None = None
) -> DatasetDict:
    """Joins datasets, split by split, into one label space.

    Args:
        parts: Datasets of clips with `CLIP_COLUMNS`.
        glosses: The glosses to keep, as they are called after renaming; all by default.
        rename: New names of glosses. Glosses that get the same name become one class.

    Returns:
        The splits that any of the parts has. A single dataset of which nothing is asked keeps its order of glosses and
        its further columns; else the glosses are sorted.

    Raises:
        ValueError: If two parts share a source, so that their sessions cannot be told apart, or `glosses` or `rename`
            name a gloss that no clip shows.
    """
    if len(parts) == 1 and glosses is None and not rename:
        return parts[0]
    rename = dict(rename or {})
    old = {gloss for part in parts for dataset in part.values() for gloss in dataset.features["label"].names}
    check_known(rename, old, "rename")
    found = {rename.get(gloss, gloss) for gloss in old}
    kept = found if glosses is None else set(glosses)
    check_known(kept, found, "glosses")
    if not kept:
        raise ValueError("No gloss is left. Name at least one in `glosses`.")
    _check_sources(parts)
    joined: dict[str, list[Dataset]] = {}
    for part in parts:
        for name, dataset in part.items():
            joined.setdefault(name, []).append(_relabelled(dataset, sorted(kept), rename))
    return DatasetDict({name: concatenate_datasets(datasets) for name, datasets in joined.items()})


def join_splits(splits: Mapping[str, Dataset]) -> Dataset:
    """Puts the clips of all splits into one dataset.

    Args:
        splits: Splits of one label space.
    """
    return concatenate_datasets(list(splits.values())) if len(splits) > 1 else next(iter(splits.values()))


def _check_sources(parts: Sequence[DatasetDict]) -> None:
    known: set[str] = set()
    for part in parts:
        own = {source for dataset in part.values() for source in dataset.unique("source")}
        if own & known:
            raise ValueError(
                f"Two datasets share a name, so their sessions cannot be told apart: {sorted(own & known)}. Rename one."
            )
        known |= own


def _relabelled(dataset: Dataset, names: Sequence[str], rename: Mapping[str, str]) -> Dataset:
    """Keeps the clips of some glosses, with new class indices."""
    old = dataset.features["label"].names
    index = {gloss: number for number, gloss in enumerate(names)}
    table = [index.get(rename.get(gloss, gloss), -1) for gloss in old]
    label = [table[number] for number in dataset.with_format("arrow", columns=["label"])[:]["label"].to_pylist()]
    columns = [name for name in CLIP_COLUMNS if name != "label"]
    relabelled = dataset.select_columns(columns).add_column(
        "label", [max(number, 0) for number in label], feature=ClassLabel(names=list(names))
    )
    relabelled = relabelled.select_columns(list(CLIP_COLUMNS)).with_format("numpy")
    if min(label, default=0) >= 0:
        return relabelled
    return relabelled.select([row for row, number in enumerate(label) if number >= 0])


def _glosses(dataset: Dataset, source: str) -> list[str]:
    if "gloss" in dataset.column_names:
        found = _texts(dataset, "gloss")
    else:
        found = [clip_id.rpartition("/")[0].partition("/")[0] for clip_id in _texts(dataset, "clip_id")]
    for clip_id, gloss in zip(_texts(dataset, "clip_id"), found, strict=True):
        if not gloss:
            raise ValueError(
                f"{source}: the clip '{clip_id}' has no gloss. Name it in a column `gloss`, or put the video into a "
                "folder with the gloss as its name."
            )
    return found


def _with_labels(dataset: Dataset, glosses: Sequence[str], names: Sequence[str]) -> Dataset:
    index = {gloss: number for number, gloss in enumerate(names)}
    kept = dataset.remove_columns([name for name in ("label",) if name in dataset.column_names])
    return kept.add_column("label", [index[gloss] for gloss in glosses], feature=ClassLabel(names=list(names)))


def _with_session(dataset: Dataset, source: str) -> Dataset:
    """Adds the columns source and session, and the types that stored columns must have."""
    if {"source", "session"} <= set(dataset.column_names):
        return dataset
    column = next((name for name in ("session", "signer") if name in dataset.column_names), None)
    own = ["0"] * len(dataset) if column is None else _texts(dataset, column)
    kept = dataset.remove_columns([name for name in ("source", "session") if name in dataset.column_names])
    kept = kept.add_column("source", pa.array([source] * len(dataset), pa.string()), feature=Value("string"))
    session = pa.array([f"{source}-{name}" for name in own], pa.string())
    return kept.add_column("session", session, feature=Value("string"))


def _texts(dataset: Dataset, column: str) -> list[str]:
    values = dataset.with_format("arrow", columns=[column])[:][column].to_pylist()
    return ["" if value is None else str(value) for value in values]


__all__ = ["CLIP_COLUMNS", "check_texts", "join_clips", "join_splits", "to_clips"]
