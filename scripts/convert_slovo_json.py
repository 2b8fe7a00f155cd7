"""Converts the hand landmarks that SLOVO's authors publish (slovo_mediapipe.json) into Parquet shards.

    python scripts/convert_slovo_json.py slovo_mediapipe.json slovo/landmarks

The file is read as a stream, so memory stays small. Which hand is the left one is told from place, fold and continuity;
the file does not say. The folder must be new or empty, and is there once all shards are written. The exit code is 2
where the file is malformed or cannot be read; the message names the place.
"""

import argparse
import sys
from pathlib import Path

from slr_hf.commands import make_parser, run_command, tell


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Reads the command line."""
    parser = make_parser(__doc__)
    parser.add_argument("input", type=Path, metavar="INPUT.json", help="the landmark JSON")
    parser.add_argument("output", type=Path, metavar="OUTPUT", help="folder of the shards, new or without any")
    parser.add_argument("--quiet", action="store_true", help="show no progress")
    return parser.parse_args(arguments)


def convert(options: argparse.Namespace) -> int:
    """Converts as the command line asks; returns the exit code."""
    # Imported here, so that --help and a mistyped flag are answered at once.
    from tqdm import tqdm

    from slr_hf.data import convert_slovo_json

    size = options.input.stat().st_size if options.input.is_file() else None
    with tqdm(total=size, unit="B", unit_scale=True, unit_divisor=1024, file=sys.stderr, disable=options.quiet) as bar:
        made = convert_slovo_json(options.input, options.output, bar.update)
    if made.empty:
        tell(__file__, f"{len(made.empty)} clips have no frames and are left out: {', '.join(made.empty)}")
    print(f"{made.clips} clips, {made.frames} frames, {made.shards} shards: {options.output}")
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Converts; returns the exit code."""
    return run_command(convert, parse_arguments(arguments), __file__)


if __name__ == "__main__":
    sys.exit(main())
