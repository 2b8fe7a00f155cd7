"""Clips to keypoints, once, before training."""

import hashlib
import inspect
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow.compute as pc  # type: ignore[import-untyped]
from datasets import Dataset, Features, IterableDataset, List, Value

from slr_hf.data import landmark_arrays
from slr_hf.data.landmark_arrays import to_landmarks
from slr_hf.model import fitted_slr, landmarks_slr, processing_slr
from slr_hf.model.processing_slr import KeypointProcessor

#: The modules whose code decides what is prepared. What is cached is prepared anew after any change of them.
CODE = (sys.modules[__name__], landmark_arrays, processing_slr, fitted_slr, landmarks_slr)

_LANDMARK_COLUMNS = ["landmarks", "points", "fps", "width", "height"]
# Flat lists: numpy reads them in one piece.
_KEYPOINT_FEATURES = {
    "keypoints": List(Value("float32")),
    "part_mask": List(Value("bool")),
    "positions": List(Value("float32")),
}


def prepare_dataset(dataset: Dataset, processor: KeypointProcessor) -> Dataset:
    """Does the processor's `prepare` for every clip, so that training does not repeat it.

    Args:
        dataset: Clips of `open_dataset`, or a part of them.
        processor: The processor. Its mean and deviation are not used yet and may be set later.

    Returns:
        The dataset with the columns `keypoints`, `part_mask` and `positions` (each one flat list a clip, see `to_clip`)
        in the place of the landmarks, in memory where `dataset` is, else cached on disk. Only what a batch needs is
        formatted; `clip_id`, `source` and `session` are read by naming the column.
    """
    prepared = dataset.with_format("numpy").map(
        _prepare,
        batched=True,
        batch_size=256,
        remove_columns=_LANDMARK_COLUMNS,
        features=Features(
            {name: value for name, value in dataset.features.items() if name not in _LANDMARK_COLUMNS}
            | _KEYPOINT_FEATURES
        ),
        fn_kwargs={"processor": processor, "version": _code_version()},
        keep_in_memory=not dataset.cache_files,
        desc="Preparing clips",
    )
    return prepared.with_format("numpy", columns=[*_KEYPOINT_FEATURES, "label"])


def prepare_stream(stream: IterableDataset, processor: KeypointProcessor) -> Dataset:
    """Does what `prepare_dataset` does for clips as they come, and keeps nothing else of them.

    Args:
        stream: A split of `stream_dataset`.
        processor: See `prepare_dataset`.

    Returns:
        A dataset as of `prepare_dataset`, in the cache of `datasets`.
    """
    features = Features(
        {name: value for name, value in stream.features.items() if name not in _LANDMARK_COLUMNS} | _KEYPOINT_FEATURES
    )
    arguments = {"stream": stream, "processor": processor, "version": _code_version()}
    prepared = Dataset.from_generator(_prepare_each, features=features, gen_kwargs=arguments)
    return prepared.with_format("numpy", columns=[*_KEYPOINT_FEATURES, "label"])


def _code_version() -> str:
    """Names the code of `CODE` by its content. `datasets` knows a cached result by the arguments, so it must be one."""
    return hashlib.sha256("".join(inspect.getsource(module) for module in CODE).encode()).hexdigest()


def _prepare_each(stream: IterableDataset, processor: KeypointProcessor, version: str) -> Iterator[dict[str, Any]]:
    for row in stream:
        clip = _prepare({name: [row[name]] for name in _LANDMARK_COLUMNS}, processor, version)
        others = {name: value for name, value in row.items() if name not in _LANDMARK_COLUMNS}
        yield {**others, **{name: values[0] for name, values in clip.items()}}


def _prepare(
    rows: Mapping[str, Sequence[Any]], processor: KeypointProcessor, version: str
) -> dict[str, list[np.ndarray]]:
    clips = [
        processor.prepare(to_landmarks(dict(zip(_LANDMARK_COLUMNS, values, strict=True))))
        for values in zip(*(rows[name] for name in _LANDMARK_COLUMNS), strict=True)
    ]
    return {name: [clip[name].reshape(-1) for clip in clips] for name in _KEYPOINT_FEATURES}


def to_clip(row: Mapping[str, Any], processor: KeypointProcessor) -> dict[str, np.ndarray]:
    """Gives a prepared row the shape that `KeypointProcessor.prepare` gave it.

    Args:
        row: A row of `prepare_dataset`.
        processor: The processor that prepared it.

    Returns:
        `keypoints` float32 `(frames, points, 3)`, `part_mask` bool `(frames, parts)`, `positions` float32 `(frames,)`.
    """
    positions = np.asarray(row["positions"], np.float32)
    return {
        "keypoints": np.asarray(row["keypoints"], np.float32).reshape(len(positions), processor.num_points, 3),
        "part_mask": np.asarray(row["part_mask"], bool).reshape(len(positions), len(processor.parts)),
        "positions": positions,
    }


def sort_by_length(prepared: Dataset) -> Dataset:
    """Orders clips by their number of frames, so that in batches of neighbours little is padding.

    Args:
        prepared: Clips of `prepare_dataset`, or a part of them.
    """
    return prepared.select(np.argsort(count_frames(prepared), kind="stable"))


def count_frames(prepared: Dataset) -> np.ndarray:
    """Counts the frames of each clip: int64 `(clips,)`.

    Args:
        prepared: Clips of `prepare_dataset`, or a part of them.
    """
    positions = prepared.with_format("arrow", columns=["positions"])[:]["positions"]
    return pc.list_value_length(positions).to_numpy().astype(np.int64)


__all__ = ["count_frames", "prepare_dataset", "prepare_stream", "sort_by_length", "to_clip"]
