"""The signs of a long video, and the files that annotation tools read."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

from slr_hf.live.watching import watch
from slr_hf.model.extraction_slr import Progress, probe_video
from slr_hf.model.pipeline_slr import SignRecognitionPipeline
from slr_hf.model.streaming_slr import Segment
from slr_hf.whole_files import whole_file

#: The name of the tier in files for ELAN.
TIER = "gloss"


def find_signs(
    recognize: SignRecognitionPipeline,
    video: str | Path,
    progress: Progress | None = None,
    **settings: Any,
) -> Iterator[Segment]:
    """Finds the signs of a video of any length; in memory is one window of the stream.

    Args:
        recognize: The pipeline.
        video: A video file.
        progress: Called with the frames done, and their total where it is known.
        **settings: Fields of `StreamSettings`.

    Yields:
        Each sign when it has ended, its times in seconds from the start of the video.

    Raises:
        VideoError: If the file cannot be read as a video.
        LandmarkerError: If the landmark models are missing or unusable.
    """
    info = probe_video(video)
    frames = recognize.extractor.frames(video)
    with closing(frames), closing(watch(recognize, frames, info.fps, **settings)) as moments:
        for moment in moments:
            yield from moment.signs
            if progress is not None:
                progress(moment.index + 1, info.frames)


def write_json_lines(signs: Iterable[Segment], path: Path, video: Path) -> None:
    """Writes one JSON object a line: `video`, and the fields of `Segment`."""
    lines = [json.dumps({"video": str(video), **asdict(sign)}, ensure_ascii=False) + "\n" for sign in signs]
    path.write_text("".join(lines), encoding="utf-8")


def write_subtitles(signs: Iterable[Segment], path: Path, video: Path) -> None:
    """Writes subtitles in the SubRip form (`.srt`), which players and video editors show."""
    blocks = [
        f"{number}\n{_clock(sign.begin)} --> {_clock(sign.end)}\n{sign.gloss}\n\n"
        for number, sign in enumerate(signs, start=1)
    ]
    path.write_text("".join(blocks), encoding="utf-8")


def write_elan(signs: Iterable[Segment], path: Path, video: Path) -> None:
    """Writes a file for ELAN (`.eaf`, https://archive.mpi.nl/tla/elan) with a tier `gloss`, linked to the video.

    Raises:
        ModuleNotFoundError: If pympi is not installed.
    """
    try:
        from pympi import Eaf
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("Files for ELAN need pympi: pip install 'slr_hf[annotation]'") from error
    document = Eaf(author="slr_hf")
    document.remove_tier("default")
    document.add_tier(TIER)
    document.add_linked_file(video.resolve().as_uri(), relpath=video.name, mimetype="video/mp4")
    for sign in signs:
        begin = round(sign.begin * 1000)
        # A tier's annotations have a length, and do not overlap.
        document.add_annotation(TIER, begin, max(round(sign.end * 1000), begin + 1), sign.gloss)
    document.to_file(str(path))


#: How to write each form, by the ending of its files.
WRITERS: dict[str, Callable[[Iterable[Segment], Path, Path], None]] = {
    ".jsonl": write_json_lines,
    ".srt": write_subtitles,
    ".eaf": write_elan,
}


def write_signs(signs: Sequence[Segment], path: str | Path, video: str | Path) -> None:
    """Writes the signs of a video in the form that the file's ending names, all of them or nothing.

    Args:
        signs: The signs, in the order of their begins.
        path: The file: `.jsonl`, `.srt` or `.eaf`.
        video: The video that they were found in.

    Raises:
        ValueError: If the ending names no form.
        ModuleNotFoundError: If the form needs a package that is not installed.
    """
    path = Path(path)
    if path.suffix not in WRITERS:
        raise ValueError(f"{path}: there is no form {path.suffix!r}. Choose one of {', '.join(WRITERS)}.")
    with whole_file(path) as unfinished:
        WRITERS[path.suffix](signs, unfinished, Path(video))


def _clock(seconds: float) -> str:
    """Hours, minutes, seconds and milliseconds as SubRip writes them."""
    total = round(seconds * 1000)
    return f"{total // 3_600_000:02}:{total // 60_000 % 60:02}:{total // 1000 % 60:02},{total % 1000:03}"


__all__ = ["TIER", "WRITERS", "find_signs", "write_elan", "write_json_lines", "write_signs", "write_subtitles"]
