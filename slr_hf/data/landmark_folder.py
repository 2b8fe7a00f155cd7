"""A folder of extracted landmarks: what is done, what failed, and the dataset.

    extraction.json         how the landmarks were found, and the shards that make up the dataset
    part-*.parquet          the shards, in the order of the input
    failed.jsonl            the clips that failed, one a line, with the reason
    unfinished/*.parquet    one file for each clip that is in no shard yet

Every file is written under another name and then renamed, so that a file with its own name is whole. A clip is done
once it is in a shard that extraction.json names, or has a file of its own. New shards count from the moment
extraction.json names them; only then are the files they replace deleted. So a run may be killed anywhere: the next one
goes on.
"""

import hashlib
import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.dataset as parquet_files  # type: ignore[import-untyped]
import pyarrow.parquet as parquet  # type: ignore[import-untyped]
from datasets import Dataset, Features, List, Value
from datasets.exceptions import DatasetGenerationError
from filelock import FileLock, Timeout

from slr_hf.commands import first_line
from slr_hf.data.clip_columns import check_texts
from slr_hf.data.clip_lists import MADE_COLUMNS, Clip, ClipList, clip_key
from slr_hf.model.landmarks_slr import Landmarks
from slr_hf.whole_files import remove_unfinished, whole_file, write_json, write_text, writing

MANIFEST, FAILED, UNFINISHED = "extraction.json", "failed.jsonl", "unfinished"

#: Clips of one shard: about 50 MB.
CLIPS_A_PART = 1000

_FORM = "slr_hf extracted landmarks"
_RANGE = (("begin", pa.int32()), ("end", pa.int32()))
_MADE = (
    ("landmarks", pa.list_(pa.float16())),
    ("points", pa.list_(pa.int16())),
    ("fps", pa.float32()),
    ("width", pa.int32()),
    ("height", pa.int32()),
    ("num_frames", pa.int32()),
)
_CLIP_SCHEMA = pa.schema([("clip_id", pa.string()), *_RANGE, *_MADE])
_FEATURES = {
    "clip_id": Value("string"),
    "begin": Value("int32"),
    "end": Value("int32"),
    "landmarks": List(Value("float16")),
    "points": List(Value("int16")),
    "fps": Value("float32"),
    "width": Value("int32"),
    "height": Value("int32"),
    "num_frames": Value("int32"),
}


@dataclass(frozen=True)
class ExtractionSettings:
    """What the landmarks of a clip depend on. Landmarks of other settings do not belong in one dataset.

    Args:
        extractor: The name of the extractor.
        mediapipe: The version of MediaPipe.
        landmarker_sha256: Fingerprint of the bundle of landmark models.
        frame_size: See `HolisticExtractor`.
        min_confidence: See `HolisticExtractor`.
    """

    extractor: str
    mediapipe: str
    landmarker_sha256: str
    frame_size: int
    min_confidence: float


@dataclass(frozen=True)
class Failure:
    """A clip whose landmarks could not be found.

    Args:
        clip_id: Its name.
        path: The video file.
        begin: Its first frame.
        end: The frame after its last one, or `None`.
        reason: Why, in one line.
    """

    clip_id: str
    path: str
    begin: int
    end: int | None
    reason: str

    @classmethod
    def of(cls, clip: Clip, reason: str) -> "Failure":
        """Makes the record of a clip."""
        return cls(clip.clip_id, str(clip.path), clip.begin, clip.end, reason)

    def concerns(self, clip: Clip) -> bool:
        """Whether the clip still is what failed: the same range of the same file."""
        return self == Failure.of(clip, self.reason)


class LandmarkFolder:
    """A folder of extracted landmarks that is being filled, by one run at a time. Close it, or use it in `with`.

    Args:
        path: The folder; it is made where it is missing.
        settings: How landmarks are found.
        version: The version of slr_hf, for the record.

    Raises:
        NotADirectoryError: If the path is a file.
        ValueError: If the folder holds something else or landmarks of other settings, or another run is filling it.
    """

    def __init__(self, path: str | Path, settings: ExtractionSettings, version: str) -> None:
        self.path = Path(path)
        self._settings, self._version = settings, version
        self._parts: list[str] | None = None
        if self.path.exists() and not self.path.is_dir():
            raise NotADirectoryError(f"{self.path} is a file. Name a folder for the landmarks.")
        manifest_path = self.path / MANIFEST
        if (
            self.path.is_dir()
            and not manifest_path.is_file()
            and any(not item.name.startswith(".") for item in self.path.iterdir())
        ):
            raise ValueError(f"The folder {self.path} holds other files, but no {MANIFEST}. Name a new folder.")
        self.path.mkdir(parents=True, exist_ok=True)
        # The system frees this lock when a process dies.
        self._lock = FileLock(self.path / ".lock")
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise ValueError(f"Another run is filling {self.path}. Wait for it, or name another folder.") from None
        try:
            self._open()
        except BaseException:
            self.close()
            raise

    def _open(self) -> None:
        if (self.path / MANIFEST).is_file():
            manifest = read_manifest(self.path)
            _check_settings(self.path, manifest, self._settings)
            self._parts = manifest["parts"]
        # First, since a folder with other files and without a manifest is taken for somebody else's.
        if self._parts is None:
            self._write_manifest(clips=0)
        (self.path / UNFINISHED).mkdir(exist_ok=True)
        for folder in (self.path, self.path / UNFINISHED):
            remove_unfinished(folder)
        self._in_parts = {key: clip_id for part in self._parts or () for key, clip_id in _part_keys(self.path / part)}
        self._single = {path.stem for path in (self.path / UNFINISHED).glob("*.parquet")}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Lets other runs fill the folder."""
        self._lock.release()

    def done(self, clips: ClipList) -> set[str]:
        """The keys of the clips whose landmarks are stored.

        Args:
            clips: The input.

        Raises:
            ValueError: If the folder holds landmarks of clips that the input does not name. They are not thrown away.
        """
        wanted = {clip.clip_id for clip in clips.clips}
        stored = self._in_parts.keys() | self._single
        for key in stored - {clip.key for clip in clips.clips}:
            clip_id = self._in_parts.get(key) or next(_part_keys(self._single_path(key)))[1]
            # A clip of the input whose range has changed is extracted again.
            if clip_id not in wanted:
                raise ValueError(
                    f"{self.path} holds landmarks of the clip '{clip_id}', which the input does not name. Name another "
                    "folder for this input, or add the clip to it."
                )
        return stored & {clip.key for clip in clips.clips}

    def failures(self, clips: ClipList) -> dict[str, Failure]:
        """The failures of clips of the input, by key. The file is left with no others, and in the input's order."""
        found = _read_failures(self.path)
        done = self._in_parts.keys() | self._single
        kept = {
            clip.key: found[clip.clip_id]
            for clip in clips.clips
            if clip.clip_id in found and found[clip.clip_id].concerns(clip) and clip.key not in done
        }
        write_text(self.path / FAILED, "".join(_line(failure) for failure in kept.values()))
        return kept

    def add(self, clip: Clip, landmarks: Landmarks) -> None:
        """Stores the landmarks of a clip. From here on they survive whatever ends the run.

        Args:
            clip: The clip.
            landmarks: Its landmarks, of the points to store.
        """
        row = {
            "clip_id": clip.clip_id,
            "begin": clip.begin,
            "end": clip.end,
            "landmarks": landmarks.coordinates.astype(np.float16, copy=False).reshape(-1),
            "points": list(landmarks.points),
            "fps": landmarks.fps,
            "width": landmarks.width,
            "height": landmarks.height,
            "num_frames": landmarks.num_frames,
        }
        arrays = [pa.array([row[field.name]], field.type) for field in _CLIP_SCHEMA]
        _write_table(self._single_path(clip.key), pa.table(arrays, _CLIP_SCHEMA))
        self._single.add(clip.key)

    def add_failure(self, failure: Failure) -> None:
        """Records that a clip failed."""
        path = self.path / FAILED
        with writing(path), path.open("a", encoding="utf-8") as file:
            file.write(_line(failure))

    def finish(self, clips: ClipList) -> int:
        """Makes the shards of all clips of the input that are done, in its order.

        Args:
            clips: The input; its columns are carried along as it has them now.

        Returns:
            The number of clips in the dataset.
        """
        done = self.done(clips)
        rows = [clip for clip in clips.clips if clip.key in done]
        parts = _shards(rows, clips)
        for name, chosen in parts.items():
            # A shard that an interrupted run left is the one that would be written now.
            if not (self.path / name).is_file():
                _write_table(self.path / name, self._table(chosen, clips))
        self._parts = list(parts)
        self._write_manifest(clips=len(rows))
        for path in self.path.glob("part-*.parquet"):
            if path.name not in parts:
                path.unlink()
        shutil.rmtree(self.path / UNFINISHED)
        self._in_parts, self._single = {clip.key: clip.clip_id for clip in rows}, set()
        return len(rows)

    def _table(self, chosen: Sequence[Clip], clips: ClipList) -> pa.Table:
        files = [self._single_path(clip.key) for clip in chosen if clip.key in self._single]
        if any(clip.key in self._in_parts for clip in chosen):
            files += [self.path / part for part in self._parts or ()]
        ids = pa.array([clip.clip_id for clip in chosen])
        stored = parquet_files.dataset([str(file) for file in files], schema=_CLIP_SCHEMA, format="parquet")
        table = stored.to_table(filter=parquet_files.field("clip_id").isin(ids))
        row = {key: index for index, key in enumerate(_keys(table))}
        # In one piece, so that the bytes of a shard do not depend on the files that its rows come from.
        table = table.take([row[clip.key] for clip in chosen]).combine_chunks()
        # Shards of an input without ranges do not hold them.
        table = table.drop_columns([name for name, _ in _RANGE])
        if clips.has_ranges:
            for place, (name, kind) in enumerate(_RANGE, start=1):
                table = table.add_column(place, name, pa.array([getattr(clip, name) for clip in chosen], kind))
        for name in clips.columns:
            table = table.append_column(name, pa.array([clip.columns[name] for clip in chosen], pa.string()))
        return table

    def _single_path(self, key: str) -> Path:
        return self.path / UNFINISHED / f"{key}.parquet"

    def _write_manifest(self, clips: int) -> None:
        manifest = {
            "form": _FORM,
            **asdict(self._settings),
            "slr_hf": self._version,
            "clips": clips,
            "parts": self._parts,
        }
        write_json(self.path / MANIFEST, manifest)


def find_finished(folder: str | Path, settings: ExtractionSettings, clips: ClipList) -> dict[str, Failure] | None:
    """Finds out whether a folder holds all that an extraction would put there.

    It is only read, so that any number of processes may ask at once, even while one of them holds the folder.

    Args:
        folder: The folder.
        settings: How landmarks are found.
        clips: The input.

    Returns:
        The failures of clips of the input, by name and in the input's order, or `None` where something is to be done.

    Raises:
        ValueError: If the folder holds landmarks of other settings, or a file of it cannot be read.
    """
    folder = Path(folder)
    if not (folder / MANIFEST).is_file() or (folder / UNFINISHED).exists():
        return None
    manifest = read_manifest(folder)
    _check_settings(folder, manifest, settings)
    found = _read_failures(folder)
    failures = {
        clip.clip_id: found[clip.clip_id]
        for clip in clips.clips
        if clip.clip_id in found and found[clip.clip_id].concerns(clip)
    }
    parts = list(_shards([clip for clip in clips.clips if clip.clip_id not in failures], clips))
    if manifest["parts"] != parts:
        return None
    for part in parts:
        _part_keys(folder / part)  # raises where it is damaged
    return failures


def read_manifest(folder: str | Path) -> dict[str, Any]:
    """Reads what a folder of extracted landmarks says of itself.

    Args:
        folder: The folder.

    Raises:
        FileNotFoundError: If there is no such folder.
        ValueError: If it is no folder of extracted landmarks.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"There is no folder {folder}. Pass one that scripts/extract.py has made.")
    path = folder / MANIFEST
    if not path.is_file():
        raise ValueError(f"{folder} is no folder of extracted landmarks: it has no {MANIFEST}.")
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is no JSON ({error}).") from error
    if not isinstance(manifest, dict) or manifest.get("form") != _FORM or "parts" not in manifest:
        raise ValueError(f'{path} is of another form: it must say "form": "{_FORM}" and name its parts.')
    for part in manifest["parts"] or ():
        if not isinstance(part, str) or Path(part).name != part:
            raise ValueError(f"{path} names the part {part!r}, which is no file of its folder.")
    return manifest


def load_extracted(folder: str | Path) -> Dataset:
    """Loads extracted landmarks, memory-mapped.

    Args:
        folder: A folder that `scripts/extract.py` has finished.

    Returns:
        A dataset in numpy format with a row for each clip, in the order of the input:

        - clip_id: its name.
        - begin, end: the frames of the video that were kept, `end` not among them; only where the input named any.
        - landmarks: flat float16 `(num_frames * points * 3)`, NaN = not detected; points, fps, width, height: see
          `Landmarks`; `to_landmarks` rebuilds it.
        - num_frames: the number of frames.
        - All further columns of the input, as texts.

    Raises:
        FileNotFoundError: If there is no such folder, or a shard is missing.
        ValueError: If it is no folder of extracted landmarks, it is damaged, the extraction is not finished, or it
            found nothing.
    """
    folder = Path(folder)
    parts = read_manifest(folder)["parts"]
    if parts is None:
        raise ValueError(f"The extraction into {folder} is not finished. Run the same scripts/extract.py again.")
    if not parts:
        raise ValueError(f"{folder} holds no clip. {FAILED} in it says why each failed.")
    columns: list[str] = []
    for part in parts:
        if not (folder / part).is_file():
            raise FileNotFoundError(f"{folder} lacks {part}, which its {MANIFEST} names. Copy the whole folder.")
        try:
            schema = parquet.read_schema(folder / part)
        except (pa.ArrowException, OSError) as error:
            raise ValueError(
                f"{folder / part} is no Parquet file ({first_line(error)}). Copy or extract again."
            ) from error
        types = {field.name: field.type for field in schema}
        expected = {field.name: field.type for field in _CLIP_SCHEMA}
        wrong = [name for name in ("clip_id", *MADE_COLUMNS) if types.get(name) != expected[name]]
        if wrong:
            raise ValueError(
                f"{folder / part} is of another form: the column {wrong[0]} must be {expected[wrong[0]]}, but is "
                f"{types.get(wrong[0], 'missing')}."
            )
        columns = columns or schema.names
    features = Features({name: _FEATURES.get(name, Value("string")) for name in columns})
    try:
        dataset = Dataset.from_parquet([str(folder / part) for part in parts], features=features)
    except (DatasetGenerationError, pa.ArrowException) as error:
        reason = first_line(error.__cause__ or error)
        raise ValueError(f"{folder} is damaged ({reason}). Copy or extract it again.") from error
    check_texts(dataset, folder)
    return dataset.with_format("numpy")


def _check_settings(folder: Path, manifest: dict[str, Any], settings: ExtractionSettings) -> None:
    for name, value in asdict(settings).items():
        if manifest.get(name) != value:
            raise ValueError(
                f"{folder} was extracted with {name} {manifest.get(name)}, but now it is {value}, and landmarks of "
                "both do not belong together. Use the same again, or name another folder."
            )


def _read_failures(folder: Path) -> dict[str, Failure]:
    """All failures on record, by the names of the clips."""
    path, found = folder / FAILED, {}
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    # A killed run may leave half a line at the end.
    for line in text.split("\n")[:-1]:
        try:
            failure = Failure(**json.loads(line))
        except (ValueError, TypeError) as error:
            raise ValueError(f"{path}: a line has another form ({error}): {line[:80]}. Delete the file.") from error
        found[failure.clip_id] = failure
    return found


def _shards(rows: Sequence[Clip], clips: ClipList) -> dict[str, Sequence[Clip]]:
    """The shards that clips are stored in, named by their content."""
    chosen = [rows[start : start + CLIPS_A_PART] for start in range(0, len(rows), CLIPS_A_PART)]
    return {f"part-{number:05d}-{_digest(some, clips)}.parquet": some for number, some in enumerate(chosen)}


def _keys(table: pa.Table) -> Iterator[str]:
    columns = (table.column(name).to_pylist() for name in ("clip_id", "begin", "end"))
    return (clip_key(*values) for values in zip(*columns, strict=True))


def _part_keys(path: Path) -> Iterator[tuple[str, str]]:
    """The keys and names of the clips in a file."""
    try:
        stored = parquet_files.dataset(str(path), schema=_CLIP_SCHEMA, format="parquet")
        table = stored.to_table(columns=["clip_id", "begin", "end"])
        table.validate(full=True)  # or bytes that are no text would fail where they are used
    except (pa.ArrowInvalid, OSError) as error:
        raise ValueError(f"{path} cannot be read ({error}). Put it back, or extract into a new folder.") from error
    return zip(_keys(table), table.column("clip_id").to_pylist(), strict=True)


def _digest(chosen: Sequence[Clip], clips: ClipList) -> str:
    content = [[clip.key, *clip.columns.values()] for clip in chosen]
    header = [clips.has_ranges, *clips.columns]
    return hashlib.sha256(json.dumps([header, content]).encode()).hexdigest()[:12]


def _line(failure: Failure) -> str:
    return json.dumps(asdict(failure), ensure_ascii=False) + "\n"


def _write_table(path: Path, table: pa.Table) -> None:
    with whole_file(path) as unfinished:
        parquet.write_table(table, unfinished)


__all__ = ["ExtractionSettings", "Failure", "LandmarkFolder", "find_finished", "load_extracted", "read_manifest"]
