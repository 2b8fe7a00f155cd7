"""Finds the landmarks of many videos, in parallel, and stores them as a dataset.

    python scripts/extract.py videos/ landmarks/ --num-proc 4
    python scripts/extract.py clips.csv landmarks/ --num-proc 4

INPUT is a folder of videos, searched at any depth, or a CSV or TSV with the columns clip_id, path (relative to the
table), optional begin and end (frames; only that range is kept) and any others, which are carried along. OUTPUT becomes
a folder of Parquet files for `slr_hf.data.load_extracted`. Clips that fail are listed in OUTPUT/failed.jsonl with the
reason. However a run ends, the same command goes on where it stopped. The exit code is 0 if all clips are extracted, 1
if some failed, now or in an earlier run, 2 where an argument or a file cannot be used, and 130 after Ctrl-C.
"""

import argparse
import logging
import sys
from pathlib import Path

from slr_hf.commands import make_parser, run_command, tell

#: The exit code where some clips failed.
SOME_FAILED = 1


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Reads the command line."""
    parser = make_parser(__doc__)
    parser.add_argument("input", type=Path, metavar="INPUT", help="folder of videos, or a CSV or TSV of clips")
    parser.add_argument("output", type=Path, metavar="OUTPUT", help="folder of the dataset")
    parser.add_argument("--num-proc", type=int, default=1, metavar="N", help="number of processes (default: 1)")
    parser.add_argument(
        "--engine", choices=["local", "ray"], default="local", help="ray: work on a Ray cluster (default: local)"
    )
    parser.add_argument("--retry-failed", action="store_true", help="try clips again that failed in an earlier run")
    parser.add_argument(
        "--frame-size",
        type=int,
        default=640,
        metavar="PIXELS",
        help="shorter side to which larger frames are scaled down (default: 640)",
    )
    parser.add_argument("--time-limit", type=float, metavar="S", help="seconds after which a clip counts as failed")
    return parser.parse_args(arguments)


def extract(options: argparse.Namespace) -> int:
    """Extracts as the command line asks; returns the exit code."""
    # Imported here, so that --help and a mistyped flag are answered at once.
    from slr_hf.data.extraction import extract_clips

    done = extract_clips(
        options.input,
        options.output,
        num_proc=options.num_proc,
        engine=options.engine,
        retry_failed=options.retry_failed,
        frame_size=options.frame_size,
        time_limit=options.time_limit,
    )
    for failure in done.failures:
        tell(__file__, f"{failure.clip_id} failed: {failure.reason}")
    print(f"clips   {done.clips}")
    print(f"failed  {len(done.failures)}")
    return SOME_FAILED if done.failures else 0


def main(arguments: list[str] | None = None) -> int:
    """Extracts; returns the exit code."""
    options = parse_arguments(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    return run_command(extract, options, __file__, interrupted="The same command goes on from here.")


if __name__ == "__main__":
    sys.exit(main())
