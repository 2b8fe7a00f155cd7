"""The hand landmarks that SLOVO's authors publish as one JSON file, as Parquet shards.

The file maps each clip to its frames: `{"CLIP": [{"hand 1": [{"x": 0.5, "y": 0.5, "z": 0.0}, ... 21], "hand 2": []},
{}, ...], ...}`. It is read as a stream, one clip in memory at a time.
"""

import codecs
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as parquet  # type: ignore[import-untyped]

from slr_hf.data.handedness import tell_hands_apart
from slr_hf.data.landmark_arrays import flat_lists
from slr_hf.data.slovo_annotations import is_plain_name
from slr_hf.model.landmarks_slr import LEFT_HAND, RIGHT_HAND
from slr_hf.whole_files import whole_folder

#: The points of the shards: left hand, then right hand. Lips and pose are not in the file.
HAND_POINTS: tuple[int, ...] = (*LEFT_HAND, *RIGHT_HAND)

#: Clips, and numbers of landmarks (2 bytes each), that a shard holds at most, unless one clip alone has more.
CLIPS_A_SHARD, NUMBERS_A_SHARD = 1000, 32_000_000

#: Frames that a clip may have, so that memory stays bounded: half an hour of video. SLOVO's longest has 270.
MOST_FRAMES = 50_000

_HANDS = ("hand 1", "hand 2")
_POINTS_A_HAND = 21
_NO_HAND = array("f", [float("nan")] * (3 * _POINTS_A_HAND))
_SCHEMA = pa.schema(
    [
        ("clip_id", pa.string()),
        ("landmarks", pa.list_(pa.float16())),
        ("points", pa.list_(pa.int16())),
        ("fps", pa.float32()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("num_frames", pa.int32()),
    ]
)

#: Called with the number of bytes read since the last call.
Progress = Callable[[int], object]


class SlovoJsonError(ValueError):
    """The file is no landmark JSON of SLOVO. The message names the place."""


@dataclass(frozen=True)
class SlovoConversion:
    """What a conversion has made.

    Args:
        clips: The number of clips in the shards.
        frames: The number of their frames.
        shards: The number of shards.
        empty: The clips without any frame. They are in no shard.
    """

    clips: int
    frames: int
    shards: int
    empty: tuple[str, ...]


def convert_slovo_json(source: str | Path, output: str | Path, progress: Progress | None = None) -> SlovoConversion:
    """Converts the landmark JSON into Parquet shards that `load_slovo` reads.

    Left and right are not given in the file; `tell_hands_apart` finds them. Frame rate and frame size are not given
    either and stay null: `load_slovo` takes the size from the annotation.

    Args:
        source: The JSON file.
        output: The folder of the shards, `part-00000.parquet` and so on, in the order of the file. It is there only
            when all are written.
        progress: Is told of the bytes that are read.

    Raises:
        FileNotFoundError: If there is no such file.
        FileExistsError: If the folder holds something already, or is a file.
        SlovoJsonError: If the file is malformed; no shard is left then.
        ImportError: If ijson is not installed.
    """
    source, output = Path(source), Path(output)
    if not source.is_file():
        raise FileNotFoundError(f"There is no file {source}. Pass the landmark JSON of SLOVO.")
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise FileExistsError(f"{output} holds something already, or is a file. Name a new folder.")
    empty = []
    with whole_folder(output) as unfinished:
        writer = _ShardWriter(unfinished)
        for clip_id, hands in read_slovo_json(source, progress):
            if len(hands):
                writer.add(clip_id, hands)
            else:
                empty.append(clip_id)
        writer.finish()
    return SlovoConversion(writer.clips, writer.frames, writer.shards, tuple(empty))


def read_slovo_json(source: str | Path, progress: Progress | None = None) -> Iterator[tuple[str, np.ndarray]]:
    """Reads the landmark JSON clip by clip.

    Args:
        source: The JSON file.
        progress: Is told of the bytes that are read.

    Yields:
        The clip's name, and float16 `(frames, 2, 21, 3)`: the signer's left hand, then the right; NaN = not detected.

    Raises:
        SlovoJsonError: If the file is malformed.
        ImportError: If ijson is not installed.
    """
    ijson = _import_ijson()
    place = _Place(Path(source))
    with Path(source).open("rb") as file:
        stream = _CountedFile(file, progress)
        events = ijson.basic_parse(stream, use_float=True)
        names: set[str] = set()
        try:
            for clip_id, hands in _read_clips(events, place):
                if clip_id in names:
                    raise place.error("the clip stands there twice")
                names.add(clip_id)
                if np.nanmax(np.abs(hands), initial=0) > np.finfo(np.float16).max:
                    raise place.error("a coordinate is no fraction of the frame: it is beyond 65504")
                yield clip_id, tell_hands_apart(hands).astype(np.float16)
        except ijson.JSONError as error:
            problem = " ".join(str(error).split())
            raise place.error(f"no JSON before byte {stream.read_bytes:,}: {problem[:200]}") from error


@dataclass
class _Place:
    """Where in the file the reading stands, for messages."""

    path: Path
    clip_id: str = ""
    frame: int = -1
    hand: str = ""

    def error(self, problem: str) -> SlovoJsonError:
        parts = [f"clip {self.clip_id[:80]!r}"] if self.clip_id else []
        parts += [f"frame {self.frame}"] if self.frame >= 0 else []
        parts += [self.hand] if self.hand else []
        return SlovoJsonError(f"{', '.join([str(self.path), *parts])}: {problem}.")


def _read_clips(events: Iterator[tuple[str, Any]], place: _Place) -> Iterator[tuple[str, np.ndarray]]:
    """Reads the outermost object; the hands are in the file's order."""
    _expect(next(events), "start_map", "an object that maps clips to their frames", place)
    for event, name in events:
        if event == "end_map":
            place.clip_id = ""
            # The parser still checks that nothing follows.
            next(events, None)
            return
        place.clip_id = name
        if not is_plain_name(name):
            raise place.error("the clip's name is no plain name of Latin letters, digits and . _ -")
        _expect(next(events), "start_array", "a list of frames", place)
        yield name, _read_frames(events, place)


def _read_frames(events: Iterator[tuple[str, Any]], place: _Place) -> np.ndarray:
    """Reads the frames of a clip, after the start of the list: float32 `(frames, 2, 21, 3)`."""
    # Plain numbers, since objects of a long clip would take fifty times as much memory.
    numbers = array("f")
    for event, value in events:
        if event == "end_array":
            break
        place.frame += 1
        if place.frame >= MOST_FRAMES:
            raise place.error(f"the clip has more than {MOST_FRAMES:,} frames")
        _expect((event, value), "start_map", 'an object with "hand 1" and "hand 2"', place)
        hands = [_NO_HAND, _NO_HAND]
        for hand_event, name in events:
            if hand_event == "end_map":
                break
            if name not in _HANDS:
                raise place.error(f"found {name[:80]!r}, expected one of {list(_HANDS)}")
            place.hand = name
            hands[_HANDS.index(name)] = _read_hand(events, place)
            place.hand = ""
        numbers.extend(hands[0])
        numbers.extend(hands[1])
    place.frame = -1
    return np.frombuffer(numbers, np.float32).reshape(-1, 2, _POINTS_A_HAND, 3)


def _read_hand(events: Iterator[tuple[str, Any]], place: _Place) -> array:
    """Reads a hand: its 21 points, or an empty list."""
    first = next(events)
    if first[0] == "null":
        return _NO_HAND
    _expect(first, "start_array", "a list of points", place)
    numbers = array("f")
    for event, value in events:
        if event == "end_array":
            break
        _expect((event, value), "start_map", "a point with x, y and z", place)
        x = y = z = None
        for key_event, key in events:
            if key_event == "end_map":
                break
            event, value = next(events)
            if event != "number":
                _expect((event, value), "number", f"a number as {key[:80]!r}", place)
            if key == "x":
                x = value
            elif key == "y":
                y = value
            elif key == "z":
                z = value
        if x is None or y is None or z is None:
            raise place.error(f"point {len(numbers) // 3} lacks x, y or z")
        numbers.extend((x, y, z))
        if len(numbers) > 3 * _POINTS_A_HAND:
            break
    if not numbers:
        return _NO_HAND
    if len(numbers) != 3 * _POINTS_A_HAND:
        more = "more than" if len(numbers) > 3 * _POINTS_A_HAND else "only"
        raise place.error(
            f"a hand has {_POINTS_A_HAND} points, but here are {more} {min(len(numbers) // 3, _POINTS_A_HAND)}"
        )
    return numbers


def _expect(found: tuple[str, Any], event: str, description: str, place: _Place) -> None:
    if found[0] != event:
        name = found[0].removeprefix("start_").replace("map", "object").replace("array", "list")
        raise place.error(f"found {name}, expected {description}")


class _CountedFile:
    """A binary file that tells how far it is read, and leaves out a byte order mark."""

    def __init__(self, file: BinaryIO, progress: Progress | None) -> None:
        self._file, self._progress = file, progress
        self.read_bytes = 0

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        start, self.read_bytes = self.read_bytes, self.read_bytes + len(data)
        if self._progress is not None:
            self._progress(len(data))
        return data.removeprefix(codecs.BOM_UTF8) if start == 0 else data


class _ShardWriter:
    """Writes clips into shards of bounded size."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._pending: list[tuple[str, np.ndarray]] = []
        self._numbers = 0
        self.clips = self.frames = self.shards = 0

    def add(self, clip_id: str, hands: np.ndarray) -> None:
        """Adds a clip, float16 `(frames, 2, 21, 3)`."""
        if self._pending and (len(self._pending) == CLIPS_A_SHARD or self._numbers + hands.size > NUMBERS_A_SHARD):
            self._flush()
        self._pending.append((clip_id, hands))
        self._numbers += hands.size

    def finish(self) -> None:
        """Writes what is left."""
        if self._pending:
            self._flush()

    def _flush(self) -> None:
        clips = len(self._pending)
        hands = [hands.reshape(-1) for _, hands in self._pending]
        offsets = np.concatenate([[0], np.cumsum([len(values) for values in hands])])
        columns = {
            "clip_id": pa.array([clip_id for clip_id, _ in self._pending]),
            "landmarks": flat_lists(np.concatenate(hands), offsets),
            "points": flat_lists(
                np.tile(np.array(HAND_POINTS, np.int16), clips), np.arange(clips + 1) * len(HAND_POINTS)
            ),
            "fps": pa.nulls(clips, pa.float32()),
            "width": pa.nulls(clips, pa.int32()),
            "height": pa.nulls(clips, pa.int32()),
            "num_frames": pa.array([len(hands) for _, hands in self._pending], pa.int32()),
        }
        parquet.write_table(pa.table(columns, schema=_SCHEMA), self._folder / f"part-{self.shards:05d}.parquet")
        self.clips += clips
        self.frames += sum(len(hands) for _, hands in self._pending)
        self.shards += 1
        self._pending, self._numbers = [], 0


def _import_ijson() -> Any:
    try:
        import ijson
    except ImportError as error:
        raise ImportError("Reading the landmark JSON needs ijson: pip install 'slr_hf[slovo]'.") from error
    return ijson


__all__ = [
    "HAND_POINTS",
    "SlovoConversion",
    "SlovoJsonError",
    "convert_slovo_json",
    "read_slovo_json",
]
