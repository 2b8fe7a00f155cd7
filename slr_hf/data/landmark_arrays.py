"""Landmark arrays (`.npz` files) as `datasets`."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
from datasets import ClassLabel, Dataset, DatasetDict, Features, List, Value, concatenate_datasets

from slr_hf.model.landmarks_slr import LARGEST_COORDINATE, NUM_LANDMARKS, Landmarks

#: Size in pixels of the cameras that landmark arrays were recorded with; the files do not store it.
FRAME_WIDTH, FRAME_HEIGHT = 640, 480

#: Real landmarks are packed to a third at best. A file that unpacks to more bytes than this, and to this many times its
#: own, was made to take memory.
_SMALL, _LARGEST_RATIO = 256 * 2**20, 100

_KEYS = ("landmarks", "offsets", "points", "label", "session", "clip_id")
_OPTIONAL_KEYS = ("split", "class_index")

#: The splits that a file may name, and what they are called here.
_SPLITS = {"train": "train", "val": "validation", "test": "test"}


@dataclass(frozen=True)
class LandmarkArrays:
    """The content of one `.npz` file of landmarks.

    Args:
        source: The file's name without its ending.
        landmarks: Float16 `(all frames, points, 3)`; NaN = not detected.
        offsets: Integers `(clips + 1)`: clip i is `landmarks[offsets[i]:offsets[i + 1]]`.
        points: The Holistic index (0-542) of each column, `(points)`.
        label: The gloss of each clip, `(clips)`.
        session: The recording session of each clip, `(clips)`.
        clip_id: The name of each clip, `(clips)`.
        split: Which of the source's own splits each clip is in, "train", "val" or "test", `(clips)`.
        class_index: Place of each clip's gloss in the source's own order of glosses, integers `(clips)`.
    """

    source: str
    landmarks: np.ndarray
    offsets: np.ndarray
    points: np.ndarray
    label: np.ndarray
    session: np.ndarray
    clip_id: np.ndarray
    split: np.ndarray | None = None
    class_index: np.ndarray | None = None

    @classmethod
    def read(cls, path: str | Path) -> "LandmarkArrays":
        """Reads a file and checks its form.

        Args:
            path: A `.npz` file with the keys `landmarks`, `offsets`, `points`, `label`, `session` and `clip_id`, and
                perhaps `split` and `class_index`. Others are ignored.

        Raises:
            FileNotFoundError: If there is no such file.
            ValueError: If it is no `.npz` file, lacks a key, or an array has a wrong shape, type or range.
        """
        path = Path(path)
        if not path.is_file():
            raise FileNotFoundError(f"There is no file {path}. Pass the .npz files of landmarks to load.")
        arrays = _read_archive(path)
        missing = [key for key in _KEYS if key not in arrays]
        if missing:
            raise ValueError(f"{path} lacks {missing}. A file of landmarks has the keys {list(_KEYS)}.")
        try:
            return cls(path.stem, **arrays)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error

    def __post_init__(self) -> None:
        landmarks, offsets, points = self.landmarks, self.offsets, self.points
        if (
            landmarks.ndim != 3
            or landmarks.shape[2] != 3
            or not landmarks.size
            or not np.issubdtype(landmarks.dtype, np.floating)
        ):
            raise ValueError(
                "`landmarks` must be floats of the shape (frames, points, 3), at least one, but are "
                f"{landmarks.dtype} {landmarks.shape}."
            )
        if points.shape != landmarks.shape[1:2] or not np.issubdtype(points.dtype, np.integer):
            raise ValueError(
                f"`points` must name the {landmarks.shape[1]} columns of `landmarks` by their Holistic index, but is "
                f"{points.dtype} {points.shape}."
            )
        if len(np.unique(points)) != len(points) or points.min() < 0 or points.max() >= NUM_LANDMARKS:
            raise ValueError(f"`points` must be distinct Holistic indices from 0 to {NUM_LANDMARKS - 1}.")
        clips = self.label.size
        for name in ("label", "session", "clip_id", "split"):
            array = getattr(self, name)
            if array is None:
                continue
            if array.shape != (clips,) or array.dtype.kind != "U":
                raise ValueError(f"`{name}` must be {clips} strings, but is {array.dtype} {array.shape}.")
            if not _is_text(array):
                raise ValueError(f"`{name}` holds characters that do not exist.")
        strange = [] if self.split is None else sorted(set(self.split.tolist()) - _SPLITS.keys())
        if strange:
            raise ValueError(f"`split` must name {list(_SPLITS)}, but names {strange}.")
        places = self.class_index
        if places is not None and (places.shape != (clips,) or not np.issubdtype(places.dtype, np.integer)):
            raise ValueError(f"`class_index` must be {clips} integers, but is {places.dtype} {places.shape}.")
        if offsets.shape != (clips + 1,) or not np.issubdtype(offsets.dtype, np.integer):
            raise ValueError(
                f"`offsets` must be {clips + 1} integers, one more than clips, but is {offsets.dtype} {offsets.shape}."
            )
        if offsets[0] != 0 or offsets[-1] != len(landmarks):
            raise ValueError(
                f"`offsets` must run from 0 to the {len(landmarks)} frames of `landmarks`, but run from {offsets[0]} "
                f"to {offsets[-1]}."
            )
        lengths = np.diff(offsets)
        if clips and lengths.min() < 1:
            raise ValueError(f"Clip '{self.clip_id[lengths.argmin()]}' has no frames: `offsets` must rise.")
        too_large = (np.abs(landmarks) > LARGEST_COORDINATE).any(axis=(1, 2))
        if too_large.any():
            clip = self.clip_id[np.searchsorted(offsets, too_large.argmax(), side="right") - 1]
            raise ValueError(
                f"Clip '{clip}' has infinite landmarks, or some over {LARGEST_COORDINATE:,}. They are fractions of the "
                "frame's size; mark points that were not detected with NaN."
            )

    def select(self, kept: np.ndarray) -> "LandmarkArrays":
        """Keeps some clips.

        Args:
            kept: Bool `(clips)`.
        """
        if kept.all():
            return self
        lengths = np.diff(self.offsets)
        return LandmarkArrays(
            source=self.source,
            landmarks=self.landmarks[np.repeat(kept, lengths)],
            offsets=np.concatenate([[0], np.cumsum(lengths[kept])]),
            points=self.points,
            label=self.label[kept],
            session=self.session[kept],
            clip_id=self.clip_id[kept],
            split=None if self.split is None else self.split[kept],
            class_index=None if self.class_index is None else self.class_index[kept],
        )

    def to_dataset(self, glosses: list[str]) -> Dataset:
        """Makes a dataset of the clips; see `load_landmark_arrays` for its columns.

        Args:
            glosses: All glosses of the label space, in the order of their class indices.
        """
        clips, width = len(self.label), self.landmarks[0].size
        index = {gloss: number for number, gloss in enumerate(glosses)}
        features = Features(
            {
                "clip_id": Value("string"),
                "source": Value("string"),
                "session": Value("string"),
                "label": ClassLabel(names=glosses),
                # One flat list a clip: numpy reads it in one piece, nested lists take ten times as long.
                "landmarks": List(Value("float16")),
                "points": List(Value("int16")),
                "fps": Value("float32"),
                "width": Value("int32"),
                "height": Value("int32"),
            }
        )
        columns = {
            "clip_id": pa.array(self.clip_id.tolist()),
            "source": pa.array([self.source] * clips),
            "session": pa.array([f"{self.source}-{session}" for session in self.session]),
            "label": pa.array([index[gloss] for gloss in self.label], pa.int64()),
            "landmarks": flat_lists(self.landmarks.astype(np.float16, copy=False), self.offsets * width),
            "points": flat_lists(np.tile(self.points.astype(np.int16), clips), np.arange(clips + 1) * len(self.points)),
            "fps": pa.nulls(clips, pa.float32()),
            "width": pa.array([FRAME_WIDTH] * clips, pa.int32()),
            "height": pa.array([FRAME_HEIGHT] * clips, pa.int32()),
        }
        return Dataset.from_dict(columns, features=features).with_format("numpy")


def _is_text(array: np.ndarray) -> bool:
    """Whether all characters of an array of strings exist; numpy does not look."""
    codes = np.frombuffer(array.astype(array.dtype.newbyteorder("=")).tobytes(), np.uint32)
    return not ((codes > 0x10FFFF) | ((codes >= 0xD800) & (codes <= 0xDFFF))).any()


def _read_archive(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a `.npz` file, which may come from a stranger: no pickles, and no more than their sizes say."""
    size = path.stat().st_size
    try:
        # Opened here, so that a file that turns out to be no archive is closed again.
        with path.open("rb") as file:
            archive = np.load(file, allow_pickle=False)
            unpacked = sum(member.file_size for member in archive.zip.infolist())
            if unpacked > max(_SMALL, _LARGEST_RATIO * size):
                raise ValueError(f"its {size:,} bytes would unpack to {unpacked:,}")
            arrays = {key: archive[key] for key in (*_KEYS, *_OPTIONAL_KEYS) if key in archive.files}
    # What numpy, zipfile and zlib raise on damaged files has no class in common.
    except Exception as error:
        reason = str(error) or type(error).__name__
        raise ValueError(f"{path} is no .npz file of plain arrays ({reason}).") from error
    strange = [key for key, array in arrays.items() if not isinstance(array, np.ndarray)]
    if strange:
        raise ValueError(f"{path} is no .npz file of plain arrays: '{strange[0]}' is none.")
    return arrays


def flat_lists(values: np.ndarray, offsets: np.ndarray) -> pa.ListArray:
    """Makes a column of lists from one array, without a copy.

    Args:
        values: Array of any shape; the lists are cut from its flat form.
        offsets: Where each list starts, and where the last one ends, `(lists + 1)`.

    Raises:
        ValueError: If there are more values than 32-bit offsets can count.
    """
    if offsets[-1] > np.iinfo(np.int32).max:
        raise ValueError(f"One file holds {offsets[-1]:,} numbers, more than fit. Split it into several files.")
    return pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), pa.array(values.reshape(-1)))


def load_landmark_arrays(
    files: str | Path | Iterable[str | Path],
    glosses: Iterable[str] | None = None,
    rename: Mapping[str, str] | None = None,
) -> Dataset:
    """Loads clips from landmark arrays into one dataset with one label space.

    Args:
        files: One or more `.npz` files; `LandmarkArrays` describes their content.
        glosses: The glosses to keep, as they are called after renaming; all by default.
        rename: New names of glosses. Glosses that get the same name become one class.

    Returns:
        A dataset in numpy format with a row for each clip:

        - clip_id: its name; source: its file's name without the ending; session: "<source>-<session>".
        - label: class index, over the glosses of all files in alphabetical order.
        - landmarks: flat float16 `(frames * points * 3)`; points, fps, width, height: see `Landmarks`.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If a file is malformed, two files share a name, or `glosses` or `rename` name an unknown gloss.
    """
    paths = [Path(file) for file in ([files] if isinstance(files, str | Path) else files)]
    if not paths:
        raise ValueError("There is no file to load. Pass at least one .npz file of landmarks.")
    stems = [path.stem for path in paths]
    if len(set(stems)) < len(stems):
        raise ValueError(f"Two files share a name, so their sessions cannot be told apart: {stems}. Rename one.")
    rename = dict(rename or {})
    arrays = [LandmarkArrays.read(path) for path in paths]
    check_known(rename, {gloss for array in arrays for gloss in array.label.tolist()}, "rename")
    arrays = [_renamed(array, rename) for array in arrays]
    found = {gloss for array in arrays for gloss in array.label.tolist()}
    kept = found if glosses is None else set(glosses)
    check_known(kept, found, "glosses")
    if not kept:
        raise ValueError("No gloss is left. Name at least one in `glosses`.")
    arrays = [array.select(np.isin(array.label, sorted(kept))) for array in arrays]
    return concatenate_datasets([array.to_dataset(sorted(kept)) for array in arrays if len(array.label)])


def load_landmark_splits(file: str | Path, num_glosses: int | None = None) -> DatasetDict:
    """Loads a file of landmark arrays with the splits that it names.

    Args:
        file: See `LandmarkArrays`.
        num_glosses: Where the file has `class_index`: how many glosses to keep, the first in that order.

    Returns:
        Datasets as of `load_landmark_arrays`: `train`, `validation` and `test`, as far as the file has them. All clips
        are `train` where it names no splits.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is malformed, or no gloss is left.
    """
    array = LandmarkArrays.read(file)
    if num_glosses is not None and array.class_index is not None:
        if num_glosses < 1:
            raise ValueError(f"The number of glosses must be at least 1, but is {num_glosses}.")
        array = array.select(array.class_index < num_glosses)
    glosses = sorted(set(array.label.tolist()))
    if array.split is None:
        return DatasetDict(train=array.to_dataset(glosses))
    parts = {name: array.select(array.split == own) for own, name in _SPLITS.items() if own in array.split}
    return DatasetDict({name: part.to_dataset(glosses) for name, part in parts.items()})


def _renamed(array: LandmarkArrays, rename: Mapping[str, str]) -> LandmarkArrays:
    label = np.array([rename.get(gloss, gloss) for gloss in array.label.tolist()], dtype=np.str_)
    return LandmarkArrays(**{**vars(array), "label": label})


def check_known(named: Iterable[str], known: set[str], argument: str) -> None:
    """Makes sure that glosses exist.

    Args:
        named: The glosses that are asked for.
        known: The glosses that there are.
        argument: The argument that names them, for the message.

    Raises:
        ValueError: If one is unknown.
    """
    unknown = sorted(set(named) - known)
    if unknown:
        raise ValueError(f"`{argument}` names {unknown}, but the files hold only the glosses {sorted(known)}.")


def to_landmarks(row: Mapping[str, Any]) -> Landmarks:
    """Rebuilds the landmarks of one clip.

    Args:
        row: A row of `load_landmark_arrays`.
    """
    fps = row["fps"]
    return Landmarks(
        np.asarray(row["landmarks"], np.float32).reshape(-1, len(row["points"]), 3),
        points=tuple(row["points"]),
        fps=None if fps is None or np.isnan(fps) else float(fps),
        width=int(row["width"]),
        height=int(row["height"]),
    )


__all__ = [
    "LandmarkArrays",
    "check_known",
    "flat_lists",
    "load_landmark_arrays",
    "load_landmark_splits",
    "to_landmarks",
]
