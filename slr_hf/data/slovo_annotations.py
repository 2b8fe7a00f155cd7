"""The annotation of SLOVO: one line for each clip, checked field by field."""

import csv
import io
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

#: The name of the file in SLOVO's folder.
ANNOTATIONS = "annotations.csv"

#: The gloss of clips without a sign; the last class.
NO_EVENT = "no_event"

#: What the empty gloss is called in the authors' files.
_EMPTY_GLOSSES = (NO_EVENT, "---")

_COLUMNS = ("attachment_id", "text", "user_id", "height", "width", "length", "train")
_FLAGS = {"true": True, "1": True, "false": False, "0": False}
# Names become file names and folder names, so they must not lead elsewhere.
_PLAIN_NAME = re.compile(r"\w[\w.-]{0,199}", re.ASCII)


@dataclass(frozen=True)
class SlovoClip:
    """One line of the annotation.

    Args:
        clip_id: The name of the clip, and of its video without `.mp4`.
        gloss: The sign's gloss; `NO_EVENT` where none is shown.
        signer: The signer's name.
        width: Width of the frames in pixels.
        height: Height of the frames in pixels.
        num_frames: Length of the trimmed video in frames.
        is_training: Whether the authors count the clip among the training clips.
        begin: The first frame of the sign in the original, untrimmed video; `None` where the file does not say.
        end: The frame after its last one, likewise.
        line: The line in the file, from 1.
    """

    clip_id: str
    gloss: str
    signer: str
    width: int
    height: int
    num_frames: int
    is_training: bool
    begin: int | None
    end: int | None
    line: int


def read_annotation_file(root: str | Path) -> list[SlovoClip]:
    """Reads `annotations.csv` of a SLOVO folder.

    Args:
        root: The folder. The file is separated by tabs or commas, in UTF-8 with or without a byte order mark; the
            columns `begin` and `end` may be absent, others are ignored.

    Returns:
        The clips in the order of the file.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If a column is missing, a field cannot be used, or two lines name one clip. The message names the
            file, the line and the column.
    """
    path = Path(root) / ANNOTATIONS
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}. Pass the folder of SLOVO, which holds {ANNOTATIONS}.")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is no text in UTF-8 ({error}). Save it as UTF-8.") from error
    header_line = next(iter(text.splitlines()), "")
    separator = "\t" if "\t" in header_line else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    clips: list[SlovoClip] = []
    lines: dict[str, int] = {}
    try:
        columns = _columns(next(reader, []), path)
        for fields in reader:
            if not fields:
                continue
            row = _Row(path, reader.line_num, columns, fields)
            clip = row.to_clip()
            if clip.clip_id in lines:
                raise row.error("attachment_id", f"'{clip.clip_id}' stands in line {lines[clip.clip_id]} too")
            lines[clip.clip_id] = clip.line
            clips.append(clip)
    except csv.Error as error:
        raise ValueError(f"{path}, line {reader.line_num}: {error}.") from error
    if not clips:
        raise ValueError(f"{path} names no clip, only the columns {columns}.")
    return clips


def is_plain_name(name: str) -> bool:
    """Whether a name can be that of a file: Latin letters, digits and `. _ -`, not starting with a dot or dash."""
    return _PLAIN_NAME.fullmatch(name) is not None


def slovo_glosses(clips: Sequence[SlovoClip], num_glosses: int | None = None) -> list[str]:
    """The label space, in the order of the class indices.

    Args:
        clips: The clips of the annotation.
        num_glosses: How many glosses to keep, `NO_EVENT` not counted; all by default.

    Returns:
        The glosses sorted by the code points of their letters, so that the order does not depend on that of the file;
        the first `num_glosses` of them; and `NO_EVENT` as the last one where the annotation has it. So the class
        indices of 500 glosses are those of the same glosses among 1000.

    Raises:
        ValueError: If the annotation has fewer glosses.
    """
    found = sorted({clip.gloss for clip in clips} - {NO_EVENT})
    if num_glosses is not None and not 1 <= num_glosses <= len(found):
        raise ValueError(f"`num_glosses` must be from 1 to the {len(found)} of {ANNOTATIONS}, but is {num_glosses}.")
    empty = [NO_EVENT] if any(clip.gloss == NO_EVENT for clip in clips) else []
    return [*found[:num_glosses], *empty]


def _columns(header: list[str], path: Path) -> list[str]:
    columns = [name.strip() for name in header]
    missing = [name for name in _COLUMNS if name not in columns]
    if missing:
        raise ValueError(
            f"{path}, line 1: the column {missing[0]} is missing. Found {columns}; expected {list(_COLUMNS)}, "
            "separated by tabs or commas."
        )
    twice = [name for name in columns if columns.count(name) > 1]
    if twice:
        raise ValueError(f"{path}, line 1: the column {twice[0]} stands there twice.")
    return columns


@dataclass(frozen=True)
class _Row:
    """One line, still as text."""

    path: Path
    line: int
    columns: list[str]
    fields: list[str]

    def error(self, column: str, problem: str) -> ValueError:
        return ValueError(f"{self.path}, line {self.line}, column {column}: {problem}.")

    def to_clip(self) -> SlovoClip:
        if len(self.fields) != len(self.columns):
            # The first column that is short of a field, or the last one, after which there are too many.
            column = self.columns[min(len(self.fields), len(self.columns) - 1)]
            raise self.error(column, f"the line has {len(self.fields)} fields, but the header {len(self.columns)}")
        begin, end = self.number("begin", least=0), self.number("end", least=1)
        if begin is not None and end is not None and begin >= end:
            raise self.error("end", f"it must be more than begin, but they are {end} and {begin}")
        gloss = self.text("text")
        return SlovoClip(
            clip_id=self.name("attachment_id"),
            gloss=NO_EVENT if gloss in _EMPTY_GLOSSES else gloss,
            signer=self.name("user_id"),
            width=self.required_number("width"),
            height=self.required_number("height"),
            num_frames=self.required_number("length"),
            is_training=self.flag("train"),
            begin=begin,
            end=end,
            line=self.line,
        )

    def text(self, column: str) -> str:
        text = self.fields[self.columns.index(column)].strip()
        if not text:
            raise self.error(column, "it is empty")
        return text

    def name(self, column: str) -> str:
        name = self.text(column)
        if not is_plain_name(name):
            raise self.error(column, f"{name[:80]!r} is no plain name of Latin letters, digits and . _ -")
        return name

    def flag(self, column: str) -> bool:
        text = self.text(column)
        if text.lower() not in _FLAGS:
            raise self.error(column, f"it must be True or False, but is {text[:80]!r}")
        return _FLAGS[text.lower()]

    def number(self, column: str, least: int) -> int | None:
        """A whole number; `None` where there is no such column, or nothing in it."""
        if column not in self.columns or not self.fields[self.columns.index(column)].strip():
            return None
        text = self.text(column)
        try:
            # Tables that passed through pandas hold "12.0".
            number = float(text)
        except ValueError:
            number = math.nan
        if not (least <= number < 2**31 and number.is_integer()):
            raise self.error(column, f"it must be a whole number of at least {least}, but is {text[:80]!r}")
        return int(number)

    def required_number(self, column: str) -> int:
        number = self.number(column, least=1)
        if number is None:
            raise self.error(column, "it is empty")
        return number


__all__ = ["ANNOTATIONS", "NO_EVENT", "SlovoClip", "is_plain_name", "read_annotation_file", "slovo_glosses"]
