"""Which clips to extract: a folder of videos, or a table that names them."""

import csv
import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from slr_hf.data.slovo_annotations import ANNOTATIONS
from slr_hf.model.extraction_slr import VideoError, count_frames

#: Suffixes of the files that count as videos in a folder.
VIDEO_SUFFIXES = frozenset(
    ".3gp .avi .flv .m2ts .m4v .mkv .mov .mp4 .mpeg .mpg .mts .mxf .ogv .webm .wmv".split()  # noqa: SIM905
)

#: Columns that the extraction makes itself, so that a table cannot carry them along.
MADE_COLUMNS = ("landmarks", "points", "fps", "width", "height", "num_frames")

#: Those of them that the extraction measures anew; in a table, they are passed over.
_MEASURED_COLUMNS = ("fps", "width", "height", "num_frames")

_OWN_COLUMNS = ("clip_id", "path", "begin", "end")


@dataclass(frozen=True)
class Clip:
    """A clip to extract: a video, or a range of its frames.

    Args:
        clip_id: Its name, unlike all others.
        path: The video file.
        begin: The first frame to keep, from 0.
        end: The frame after the last one to keep; `None` keeps all to the video's end.
        columns: What else is known of it, such as gloss and signer: texts by column name.
    """

    clip_id: str
    path: Path
    begin: int = 0
    end: int | None = None
    columns: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """Names the clip and its range; fit for a file name. A video may move without becoming another clip."""
        return clip_key(self.clip_id, self.begin, self.end)

    @property
    def is_whole(self) -> bool:
        """Whether all frames of the video are kept."""
        return self.begin == 0 and self.end is None


@dataclass(frozen=True)
class ClipList:
    """Clips in the order in which the dataset will hold them.

    Args:
        clips: The clips.
        columns: The names of the columns that are carried along.
        has_ranges: Whether the table names frames to keep, so that the dataset tells them too.
    """

    clips: tuple[Clip, ...]
    columns: tuple[str, ...] = ()
    has_ranges: bool = False


def clip_key(clip_id: str, begin: int | None, end: int | None) -> str:
    """The key of a clip and its range; see `Clip`."""
    return hashlib.sha256(json.dumps([clip_id, begin or 0, end]).encode()).hexdigest()[:32]


def read_clip_list(source: str | Path) -> ClipList:
    """Reads which clips to extract.

    Args:
        source: A folder, in which videos are searched at any depth; a clip is then called by its path in the folder,
            without suffix. Or a table in CSV or TSV (UTF-8, with a header) with the columns `clip_id`, `path` (relative
            to the table), optional `begin` and `end` (frames; `end` is not kept), and any further ones; fps, width,
            height and num_frames are measured anew. Or SLOVO's folder; see `read_slovo_clips`.

    Raises:
        FileNotFoundError: If there is no such folder or file.
        ValueError: If there is no clip, two have one name, or the table is malformed.
    """
    source = Path(source)
    if (source / ANNOTATIONS).is_file():
        found = read_slovo_clips(source)
    elif source.is_dir():
        found = _folder_clips(source)
    elif source.is_file():
        found = _table_clips(source)
    else:
        raise FileNotFoundError(f"There is no folder or table {source}. Pass a folder of videos, a CSV or a TSV.")
    named: dict[str, Clip] = {}
    for clip in found.clips:
        if clip.clip_id in named:
            raise ValueError(
                f"{source}: two clips are called '{clip.clip_id}': {named[clip.clip_id].path} and {clip.path}. "
                "Rename one."
            )
        named[clip.clip_id] = clip
    return found


def read_slovo_clips(root: str | Path) -> ClipList:
    """Lists the clips of SLOVO whose videos are there.

    `begin` and `end` of the annotation belong to the original videos. A video that is longer than the annotation's
    length and reaches to `end` is such an original, and only the sign is kept. Others are trimmed already and kept
    whole.

    Args:
        root: SLOVO's folder; see `read_slovo_annotations`.

    Returns:
        The clips in the order of the annotation, with gloss and signer. Videos that are missing are named in one
        warning.
    """
    # Imported here: the processes that extract need no `datasets`.
    from slr_hf.data.slovo import read_slovo_annotations

    rows = read_slovo_annotations(root, missing="skip")
    if not len(rows):
        raise ValueError(f"{root} holds none of the videos that its {ANNOTATIONS} names. Put them into train and test.")
    clips = []
    for row in rows:
        path, begin, end = Path(row["path"]), row["begin"], row["end"]
        if begin is None or end is None or not max(row["num_frames"] + 1, end) <= _count_frames(path):
            begin, end = 0, None
        clips.append(Clip(row["clip_id"], path, begin, end, {"gloss": row["gloss"], "signer": row["signer"]}))
    return ClipList(tuple(clips), ("gloss", "signer"), has_ranges=not all(clip.is_whole for clip in clips))


def _count_frames(path: Path) -> int:
    """The frames that a video says it has; 0 where it does not, or is unreadable, which the extraction then reports."""
    try:
        return count_frames(path) or 0
    except VideoError:
        return 0


def _folder_clips(folder: Path) -> ClipList:
    # The hidden files that some systems put beside a video have its suffix.
    paths = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in VIDEO_SUFFIXES and not path.name.startswith(".") and path.is_file()
    )
    if not paths:
        raise ValueError(f"The folder {folder} holds no video ({', '.join(sorted(VIDEO_SUFFIXES))}).")
    return ClipList(tuple(Clip(path.relative_to(folder).with_suffix("").as_posix(), path) for path in paths))


def _table_clips(table: Path) -> ClipList:
    try:
        text = table.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{table} is no text in UTF-8 ({error}). Pass a folder of videos, a CSV or a TSV.") from error
    # The header tells, not the suffix: tables called .csv are often separated by tabs.
    delimiter = "\t" if "\t" in text.partition("\n")[0] else ","
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        header = list(reader.fieldnames or ())
    except csv.Error as error:
        raise ValueError(f"{table}: the header, its first line, cannot be read ({error}).") from error
    missing = [name for name in ("clip_id", "path") if name not in header]
    if missing:
        raise ValueError(f"{table} lacks the column {missing[0]}; its columns are {header}.")
    if len(set(header)) < len(header) or "" in header:
        raise ValueError(f"{table}: a column has no name, or two have the same: {header}.")
    carried = tuple(name for name in header if name not in (*_OWN_COLUMNS, *_MEASURED_COLUMNS))
    for name in carried:
        if name in MADE_COLUMNS:
            raise ValueError(f"{table}: the column {name} is made by the extraction. Rename or remove it.")
    clips = []
    try:
        for row in reader:
            where = f"{table}, line {reader.line_num}"
            if None in row or None in row.values():
                raise ValueError(f"{where}: the row does not have the {len(header)} fields of the header.")
            clips.append(_table_clip(row, carried, table.parent, where))
    except csv.Error as error:
        raise ValueError(f"{table}, line {reader.line_num}: {error}.") from error
    if not clips:
        raise ValueError(f"{table} names no clip, only the columns {header}.")
    return ClipList(tuple(clips), carried, has_ranges="begin" in header or "end" in header)


def _table_clip(row: Mapping[str, str], carried: tuple[str, ...], folder: Path, where: str) -> Clip:
    for name in ("clip_id", "path"):
        if not row[name]:
            raise ValueError(f"{where}: {name} is empty.")
        if "\0" in row[name]:
            raise ValueError(f"{where}: {name} holds a zero byte.")
    begin = _frame(row.get("begin", ""), "begin", where) or 0
    end = _frame(row.get("end", ""), "end", where)
    if end is not None and end <= begin:
        raise ValueError(f"{where}: end must be more than begin, but they are {end} and {begin}.")
    return Clip(row["clip_id"], folder / row["path"], begin, end, {name: row[name] for name in carried})


def _frame(text: str, name: str, where: str) -> int | None:
    if not text.strip():
        return None
    try:
        # Tables that passed through pandas hold "12.0".
        number = float(text)
        if not 0 <= number < 2**31 or not number.is_integer():
            raise ValueError
    except ValueError:
        raise ValueError(f"{where}: {name} must be the number of a frame, from 0, but is '{text}'.") from None
    return int(number)


__all__ = ["MADE_COLUMNS", "VIDEO_SUFFIXES", "Clip", "ClipList", "clip_key", "read_clip_list", "read_slovo_clips"]
