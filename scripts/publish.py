"""Publishes a packaged model on the Hugging Face Hub, and a Space that shows it.

    python scripts/publish.py --model space/model --repo-id user/name --space-id user/space --dry-run

The model goes up in one commit: weights, configuration, processor, code, records and card. The Space goes up in
another, after the model, and brings a copy of it along. Files that are there already are not sent again, and where
nothing has changed, no commit is made. A dry run needs neither token nor network; it lists the files and their sizes.
The token is the one of `hf auth login`, or HF_TOKEN. The exit code is 2 where a folder cannot be used, or the Hub
refuses or cannot be reached; then the repository is as it was before, and one that was created for this is deleted
again.
"""

import argparse
import sys
from pathlib import Path

from slr_hf.commands import make_parser, run_command

SPACE = Path(__file__).resolve().parents[1] / "space"


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Reads the command line."""
    parser = make_parser(__doc__)
    parser.add_argument(
        "--model", type=Path, required=True, metavar="DIR", help="packaged model, see scripts/package_model.py"
    )
    parser.add_argument("--repo-id", required=True, metavar="USER/NAME", help="the model's repository on the Hub")
    parser.add_argument("--space-id", metavar="USER/NAME", help="publish the demo page too, as this Space")
    parser.add_argument("--private", action="store_true", help="make new repositories private")
    parser.add_argument("--dry-run", action="store_true", help="only list what would go up, and where")
    return parser.parse_args(arguments)


def run(options: argparse.Namespace) -> int:
    """Publishes, or lists what would go up; returns the exit code."""
    # Imported here, so that --help and a mistyped flag are answered at once.
    from slr_hf.hub.published_files import collect_model, collect_space
    from slr_hf.hub.publishing import publish

    publications = [collect_model(options.model, options.repo_id)]
    if options.space_id is not None:
        publications.append(collect_space(SPACE, options.space_id, publications[0]))
    if options.dry_run:
        visibility = "private" if options.private else "public"
        for publication in publications:
            files = publication.files
            print(f"{publication}, {visibility} if new: {len(files)} files, {publication.size:,} bytes, one commit")
            for file in files:
                print(f"{file.size:>14,}  {file.path}")
        print("Nothing was uploaded. Files that are on the Hub already would not be sent again.")
        return 0
    for published in publish(publications, private=options.private):
        outcome = f"{published.changed} files changed" if published.changed else "nothing has changed, no commit"
        print(f"{published.publication}: {outcome}: {published.commit}")
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Publishes; returns the exit code."""
    return run_command(run, parse_arguments(arguments), __file__)


if __name__ == "__main__":
    sys.exit(main())
