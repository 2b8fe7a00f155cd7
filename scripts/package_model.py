"""Packages a trained model as the folder that is published: weights, code, records and card.

    python scripts/package_model.py --model runs/demo/ft2/best --metrics runs/demo/evaluation/metrics.json \
        --dataset ksl13.npz asl33.npz asl11.npz --vocabulary demo --name "slr_hf demo" --output space/model

The card's first figure is that of people whom training has not seen: of --metrics, or of --strangers, where a
cross-validation has measured it. A dataset is what scripts/train.py takes. The exit code is 2 where a folder or file
cannot be used.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from slr_hf.commands import make_parser, run_command


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Reads the command line."""
    parser = make_parser(__doc__)
    parser.add_argument("--model", type=Path, required=True, metavar="DIR", help="folder `best` of the last stage")
    parser.add_argument(
        "--metrics", type=Path, required=True, metavar="FILE", help="metrics.json of the evaluation; plots beside it"
    )
    parser.add_argument(
        "--strangers",
        type=Path,
        metavar="FILE",
        help="metrics.json of scripts/evaluate.py --folds: figures of people whom training has not seen, "
        "where the model itself was trained on all",
    )
    parser.add_argument("--dataset", required=True, nargs="+", metavar="DATASET", help="what it learned from")
    parser.add_argument("--num-glosses", type=int, metavar="N", help="only the first N glosses; see scripts/train.py")
    parser.add_argument("--vocabulary", metavar="NAME", help="the vocabulary it was trained with")
    parser.add_argument("--name", required=True, help="the model's name")
    parser.add_argument("--repository", help="Hub id to load it from (default: the output folder)")
    parser.add_argument("--held-out", default="", metavar="TEXT", help="one sentence on which clips were held out")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="the folder to write")
    return parser.parse_args(arguments)


def read_metrics(path: Path) -> dict[str, Any]:
    """Reads the figures of an evaluation.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it holds no JSON object.
    """
    try:
        metrics = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is no JSON ({error}). Pass the metrics.json of scripts/evaluate.py.") from error
    if not isinstance(metrics, dict):
        raise ValueError(f"{path} holds no JSON object. Pass the metrics.json of scripts/evaluate.py.")
    return metrics


def package(options: argparse.Namespace) -> int:
    """Packages as the command line asks, and prints the folder."""
    # Imported here, so that --help and a mistyped flag are answered at once.
    from slr_hf.data import OpeningOptions, get_vocabulary, join_splits, open_dataset, read_column
    from slr_hf.hub.packaging import glosses_by_language, package_model, with_strangers

    vocabulary = None if options.vocabulary is None else get_vocabulary(options.vocabulary)
    clips = open_dataset(
        options.dataset,
        glosses=vocabulary and vocabulary.glosses,
        rename=vocabulary and vocabulary.rename,
        # Of clips without landmarks, training has told.
        options=OpeningOptions(num_glosses=options.num_glosses, missing="skip"),
    )
    dataset = join_splits(clips)
    metrics = read_metrics(options.metrics)
    if options.strangers is not None:
        metrics = with_strangers(metrics, read_metrics(options.strangers))
    package_model(
        options.model,
        options.output,
        metrics=metrics,
        name=options.name,
        repository=options.repository or str(options.output),
        glosses=glosses_by_language(dataset),
        sources=dict.fromkeys(read_column(dataset, "source").tolist()),
        held_out=options.held_out,
        plots=options.metrics.parent / "plots",
    )
    print(options.output)
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Packages; returns the exit code."""
    return run_command(package, parse_arguments(arguments), __file__)


if __name__ == "__main__":
    sys.exit(main())
