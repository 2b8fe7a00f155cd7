"""Finds the signs of long videos: where each begins and ends, and which it is.

    python scripts/annotate.py lecture.mp4 --model space/model
    python scripts/annotate.py day1.mp4 day2.mp4 --model space/model --format eaf --output annotations

Standard output holds one JSON object a sign: `video`, `gloss`, `begin` and `end` in seconds, `score`, `confidence`.
With `--output` a file for each video is written instead: JSON lines, subtitles (srt), or for ELAN (eaf). A file that is
there already is left as it is. Progress and errors go to standard error. The exit code is 2 where the model or any
video could not be read; the other videos are still annotated.
"""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from slr_hf.commands import EXPECTED, UNUSABLE, first_line, frame_bar, make_parser, run_command, tell
from slr_hf.model.streaming_slr import StreamSettings


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Reads the command line."""
    parser = make_parser(__doc__)
    parser.add_argument("videos", nargs="+", metavar="VIDEO", help="video file of any length")
    parser.add_argument("--model", required=True, metavar="DIR", help="folder or Hub id of a saved model")
    parser.add_argument("--output", type=Path, metavar="DIR", help="folder of the files (default: standard output)")
    parser.add_argument(
        "--format", choices=["jsonl", "srt", "eaf"], default="jsonl", help="form of the files (default: jsonl)"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace files that are there already")
    parser.add_argument(
        "--confidence",
        type=float,
        default=StreamSettings.confidence,
        metavar="P",
        help="looks of a lower confidence name nothing (default: %(default)s)",
    )
    parsed = parser.parse_args(arguments)
    if not 0 <= parsed.confidence <= 1:
        parser.error(f"--confidence must be from 0 to 1, but is {parsed.confidence}")
    if parsed.format != "jsonl" and parsed.output is None:
        parser.error(f"--format {parsed.format} needs --output, a folder for its files")
    names = [Path(video).stem for video in parsed.videos]
    if parsed.output is not None and len(set(names)) < len(names):
        parser.error("two videos have the same name, and so would their files: annotate them into different folders")
    return parsed


def annotate(options: argparse.Namespace) -> int:
    """Annotates each video; returns the exit code."""
    # Imported here, so that --help and a mistyped flag are answered at once.
    from transformers.utils.logging import disable_progress_bar

    from slr_hf.live.annotation import find_signs, write_signs
    from slr_hf.model.pipeline_slr import SignRecognitionPipeline

    disable_progress_bar()
    recognize = SignRecognitionPipeline.from_pretrained(options.model)
    if options.output is not None:
        options.output.mkdir(parents=True, exist_ok=True)
    failed = False
    for video in options.videos:
        path = None if options.output is None else options.output / f"{Path(video).stem}.{options.format}"
        try:
            if path is not None and path.exists() and not options.overwrite:
                raise FileExistsError(f"{path} is there already. Move it away, or pass --overwrite.")
            with frame_bar(video) as progress:
                signs = list(find_signs(recognize, video, progress, confidence=options.confidence))
            if path is not None:
                write_signs(signs, path, video)
                print(f"{path}: {len(signs)} signs")
                continue
            for sign in signs:
                print(json.dumps({"video": video, **asdict(sign)}, ensure_ascii=False), flush=True)
        except EXPECTED as error:
            if options.debug:
                raise
            failed = True
            tell(__file__, f"{video}: {first_line(error)}")
    return UNUSABLE if failed else 0


def main(arguments: list[str] | None = None) -> int:
    """Annotates each video; returns the exit code."""
    return run_command(annotate, parse_arguments(arguments), __file__)


if __name__ == "__main__":
    sys.exit(main())
