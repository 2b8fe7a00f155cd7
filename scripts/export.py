"""Exports a saved model to ONNX: raw landmarks in, probabilities out.

    python scripts/export.py --model space/model --output outputs/onnx --quantize int8

OUTPUT/model.onnx (model_int8.onnx, model_fp16.onnx) is the whole recogniser but for the video: the processor's steps
are part of it, and its metadata holds the glosses. It takes any number of clips and frames.

It is compared with PyTorch first, on real clips where `--dataset` names some; where a probability in fp32 is off by
more than 1e-4, nothing is written. Standard output holds one JSON object: the file, its size, the largest difference,
the share of clips with the same first answer, and the time for a clip of 50 frames. The exit code is 2 where an
argument or a file cannot be used, or the extra `export` is not installed.
"""

import argparse
import json
import logging
import sys
from pathlib import Path
from typing import Any

from slr_hf.commands import make_parser, run_command


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Reads the command line."""
    parser = make_parser(__doc__)
    parser.add_argument("--model", type=Path, required=True, metavar="DIR", help="folder of a saved model")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="folder to write to")
    parser.add_argument(
        "--quantize", choices=["int8", "fp16"], help="smaller weights: int8 for processors, fp16 for accelerators"
    )
    parser.add_argument(
        "--dataset",
        nargs="+",
        type=Path,
        metavar="FILE.npz",
        help="landmark arrays to check on (default: made up clips)",
    )
    parser.add_argument(
        "--clips", type=int, default=100, metavar="N", help="check on N clips of the dataset; 0 = all (default: 100)"
    )
    parser.add_argument("--threads", type=int, default=2, metavar="N", help="threads to measure with (default: 2)")
    parsed = parser.parse_args(arguments)
    if parsed.clips < 0:
        parser.error(f"--clips must not be negative, but is {parsed.clips}")
    if parsed.threads < 1:
        parser.error(f"--threads must be at least 1, but is {parsed.threads}")
    return parsed


def read_clips(paths: list[Path], count: int) -> list[Any]:
    """Reads clips from landmark arrays.

    Args:
        paths: The `.npz` files.
        count: How many clips, evenly spread over the files; 0 = all.

    Returns:
        A list of `Landmarks`.
    """
    import numpy as np

    from slr_hf.data.landmark_arrays import FRAME_HEIGHT, FRAME_WIDTH, LandmarkArrays
    from slr_hf.model.landmarks_slr import Landmarks

    files = [LandmarkArrays.read(path) for path in paths]
    places = [(file, clip) for file in files for clip in range(len(file.label))]
    chosen = np.linspace(0, len(places) - 1, min(count or len(places), len(places))).round().astype(int)
    return [
        Landmarks(
            file.landmarks[file.offsets[clip] : file.offsets[clip + 1]].astype(np.float32),
            points=tuple(file.points.tolist()),
            width=FRAME_WIDTH,
            height=FRAME_HEIGHT,
        )
        for file, clip in (places[place] for place in chosen)
    ]


def export(options: argparse.Namespace) -> int:
    """Exports, and prints what was written and measured."""
    # Imported here, so that --help and a mistyped flag are answered at once.
    from slr_hf.hub.export import export_model, require_packages

    require_packages()
    clips = read_clips(options.dataset, options.clips) if options.dataset else None
    report = export_model(options.model, options.output, options.quantize or "fp32", clips, options.threads)
    print(json.dumps(report, ensure_ascii=False, indent=2))
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Exports; returns the exit code."""
    options = parse_arguments(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    return run_command(export, options, __file__)


if __name__ == "__main__":
    sys.exit(main())
