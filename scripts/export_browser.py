"""Exports a saved model for the static page of space/browser.

    python scripts/export_browser.py --model space/model --output space/browser/dist/model

OUTPUT holds what the page loads: the exported graph in fp32 (`model.onnx`), what the page has to know of it
(`model.json`), and the landmark models (`holistic_landmarker.task`). `make browser` does this and bundles the page.

The graph is compared with PyTorch first, as in scripts/export.py. Standard output holds one JSON object: the size of
the files, the largest difference, and the time for a clip of 50 frames. The exit code is 2 where an argument or a file
cannot be used, or the extra `export` is not installed.
"""

import argparse
import json
import logging
import sys
from pathlib import Path

from slr_hf.commands import make_parser, run_command


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Reads the command line."""
    parser = make_parser(__doc__)
    parser.add_argument("--model", type=Path, required=True, metavar="DIR", help="folder of a saved model")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="folder to write to")
    return parser.parse_args(arguments)


def export(options: argparse.Namespace) -> int:
    """Exports, and prints what was written and measured."""
    # Imported here, so that --help and a mistyped flag are answered at once.
    from slr_hf.hub.browser_model import export_for_browser

    print(json.dumps(export_for_browser(options.model, options.output), ensure_ascii=False, indent=2))
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Exports; returns the exit code."""
    options = parse_arguments(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    return run_command(export, options, __file__)


if __name__ == "__main__":
    sys.exit(main())
