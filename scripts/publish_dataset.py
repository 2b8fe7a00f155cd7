"""Writes landmarks as a dataset for the Hub, with a card, and uploads it on request.

    python scripts/publish_dataset.py --dataset my_signs.landmarks --repository user/my-signs --output my-signs --push

A dataset is whatever scripts/train.py takes. OUTPUT holds Parquet files for each split and README.md, the card:
licence, clips and how the landmarks were found. `--dataset OUTPUT` loads it, and after the upload `--dataset
user/my-signs`. The upload needs a token of the Hub (`hf auth login`); a new repository is private unless --public is
given. The exit code is 2 where an argument or a file cannot be used, or the Hub refuses.
"""

import argparse
import logging
import sys
from pathlib import Path

from slr_hf.commands import make_parser, run_command

#: The template of the card.
TEMPLATE = Path(__file__).resolve().parents[1] / "dataset_card.md"


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Reads the command line."""
    parser = make_parser(__doc__)
    parser.add_argument("--dataset", required=True, nargs="+", metavar="DATASET", help="what to publish")
    parser.add_argument("--repository", required=True, metavar="USER/NAME", help="its name on the Hub")
    parser.add_argument("--output", required=True, type=Path, metavar="DIR", help="folder to write")
    parser.add_argument("--name", help="its name in the card (default: that on the Hub, without the user)")
    parser.add_argument(
        "--licence",
        metavar="ID",
        help="SPDX identifier, or LicenseRef-NAME (default: that of the data, where slr_hf knows it)",
    )
    parser.add_argument("--skip-missing", action="store_true", help="leave out clips without usable landmarks")
    parser.add_argument("--landmarks", type=Path, metavar="DIR", help="where the landmarks of videos are kept")
    parser.add_argument("--push", action="store_true", help="upload the folder")
    parser.add_argument("--public", action="store_true", help="make a new repository public")
    return parser.parse_args(arguments)


def publish(options: argparse.Namespace) -> str:
    """Writes and uploads as the command line asks; returns where the dataset is."""
    # Imported here, so that --help and a mistyped flag are answered at once.
    from slr_hf.data import OpeningOptions, open_dataset
    from slr_hf.data.opening import read_extractions
    from slr_hf.hub.dataset_publishing import push_dataset, write_dataset

    opening = OpeningOptions(missing="skip" if options.skip_missing else "raise", landmarks=options.landmarks)
    splits = open_dataset(options.dataset, options=opening)
    folder = write_dataset(
        splits,
        options.output,
        TEMPLATE,
        options.name or options.repository.rpartition("/")[2],
        options.repository,
        options.licence,
        read_extractions(options.dataset, opening),
    )
    return push_dataset(folder, options.repository, private=not options.public) if options.push else str(folder)


def run(options: argparse.Namespace) -> int:
    """Publishes, and prints the place."""
    print(publish(options))
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Publishes; returns the exit code."""
    options = parse_arguments(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    return run_command(run, options, __file__)


if __name__ == "__main__":
    sys.exit(main())
