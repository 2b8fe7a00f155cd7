"""Evaluates a model on clips.

    python scripts/evaluate.py --model runs/ksl13/ft2/best --dataset ksl13.npz --held-out-session 2 --output evaluation

A dataset is whatever scripts/train.py takes. Where it has a split `test` of its own (SLOVO, the Hub), that is
evaluated, unless --split or --held-out-... asks for other clips.

OUTPUT/metrics.json holds top-1, top-5 and mean class accuracy, calibration error and AUROC of the confidence, the
accuracy of each session, gloss and clip length, and the most frequent confusions. OUTPUT/report.md shows them with the
plots in OUTPUT/plots, and the learning curves where the model's folder has learning_curves.json; the plots need
matplotlib. Only the clips that are asked for are evaluated; how many of them the model saw in training, validation
included, is part of the figures. The exit code is 2 where an argument or a file cannot be used, or matplotlib is not
installed.
"""

import argparse
import logging
import sys
from pathlib import Path
from typing import Any

from slr_hf.commands import make_parser, run_command

#: The name that stands for all clips of a dataset.
ALL_SPLITS = "all"

logger = logging.getLogger("evaluate")


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Reads the command line."""
    parser = make_parser(__doc__)
    parser.add_argument("--model", type=Path, required=True, metavar="DIR", help="folder of a saved model")
    parser.add_argument("--dataset", required=True, nargs="+", metavar="DATASET", help="what to evaluate on")
    parser.add_argument("--vocabulary", metavar="NAME", help="keep only the glosses of a vocabulary of slr_hf.data")
    parser.add_argument("--split", metavar="NAME", help="this split of the dataset's own, or 'all' its clips")
    parser.add_argument("--num-glosses", type=int, metavar="N", help="only the first N glosses; see scripts/train.py")
    parser.add_argument(
        "--slovo-split",
        choices=["official", "signers"],
        default="official",
        help="SLOVO: how it was split for training (default: official)",
    )
    parser.add_argument("--skip-missing", action="store_true", help="leave out clips without usable landmarks")
    parser.add_argument("--landmarks", type=Path, metavar="DIR", help="where the landmarks of videos are kept")
    parser.add_argument("--held-out-session", metavar="NAME", help="only this session, such as ksl13-2 or just 2")
    parser.add_argument(
        "--held-out-fraction",
        type=float,
        default=0.0,
        metavar="F",
        help="only the last clips of each gloss; with --held-out-session, of the other files, beside that session",
    )
    parser.add_argument(
        "--ignore-unknown-glosses", action="store_true", help="leave out clips of glosses that the model does not know"
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        help="where to write metrics.json and the report (default: MODEL/evaluation)",
    )
    parser.add_argument("--batch-size", type=int, default=64, metavar="N", help="clips of a batch (default: 64)")
    parser.add_argument(
        "--device", choices=["auto", "cpu"], default="auto", help="auto: an accelerator where there is one (default)"
    )
    parsed = parser.parse_args(arguments)
    if parsed.batch_size < 1:
        parser.error(f"--batch-size must be at least 1, but is {parsed.batch_size}")
    if parsed.split is not None and (parsed.held_out_session is not None or parsed.held_out_fraction):
        parser.error("--split goes with no --held-out-session or --held-out-fraction")
    # Not in the model's own folder, whose metrics.json is the record of its training.
    parsed.output = parsed.output or parsed.model / "evaluation"
    return parsed


def evaluate_model(options: argparse.Namespace) -> dict[str, Any]:
    """Evaluates as the command line asks; writes and returns the figures."""
    # Imported here, so that --help and a mistyped flag are answered at once.
    import numpy as np
    import torch

    from slr_hf.data import OpeningOptions, get_vocabulary, join_splits, open_dataset, prepare_dataset, split
    from slr_hf.model.loading_slr import load_model
    from slr_hf.training.evaluation import (
        check_clips,
        evaluate,
        match_labels,
        model_glosses,
        read_training_clips,
    )
    from slr_hf.training.report import REPORT, read_learning_curves, require_matplotlib, write_report
    from slr_hf.training.stages import TRAINING_CLIPS
    from slr_hf.whole_files import write_json

    # First, so that what is missing is answered at once.
    require_matplotlib()
    model, processor = load_model(options.model)
    seen = read_training_clips(options.model)
    curves = read_learning_curves(options.model)
    vocabulary = None if options.vocabulary is None else get_vocabulary(options.vocabulary)
    clips = open_dataset(
        options.dataset,
        glosses=vocabulary and vocabulary.glosses,
        rename=vocabulary and vocabulary.rename,
        options=OpeningOptions(
            num_glosses=options.num_glosses,
            slovo_split=options.slovo_split,
            missing="skip" if options.skip_missing else "raise",
            landmarks=options.landmarks,
        ),
    )
    if options.held_out_session is not None or options.held_out_fraction:
        dataset = split(
            join_splits(clips),
            test_session=options.held_out_session,
            test_fraction=options.held_out_fraction,
            validation_fraction=0,
        )["test"]
    else:
        dataset = find_split(clips, options.split)
    glosses = model_glosses(model)
    if options.ignore_unknown_glosses:
        dataset = dataset.select(np.flatnonzero(match_labels(dataset, glosses) >= 0))
    # Checked before the clips are prepared, so that a wrong file is answered at once.
    check_clips(dataset, glosses)
    prepared = prepare_dataset(dataset, processor)
    on_accelerator = options.device == "auto" and torch.accelerator.is_available()
    device = torch.accelerator.current_accelerator() if on_accelerator else "cpu"
    evaluation = evaluate(model, processor, prepared, options.batch_size, device)
    metrics = evaluation.summary(seen)
    if metrics["seen_in_training"]:
        logger.warning(
            "%d of the %d clips were seen in training, so these figures say little about new clips. Choose clips with "
            "--held-out-session or --held-out-fraction.",
            metrics["seen_in_training"],
            metrics["clips"],
        )
    elif seen is None:
        logger.warning("%s does not say which clips it was trained on (%s).", options.model, TRAINING_CLIPS)
    write_json(options.output / "metrics.json", metrics)
    write_report(evaluation, metrics, options.output, str(options.model), curves)
    logger.info("The report is %s.", options.output / REPORT)
    return metrics


def find_split(clips: Any, name: str | None) -> Any:
    """The clips to evaluate.

    Args:
        clips: The dataset's own splits.
        name: The split that is asked for, or "all"; by default `test` where there is one, else all.

    Raises:
        ValueError: If there is no such split.
    """
    from slr_hf.data import join_splits

    name = name or ("test" if "test" in clips else ALL_SPLITS)
    if name == ALL_SPLITS:
        return join_splits(clips)
    if name not in clips:
        raise ValueError(f"The dataset has no split {name!r}. Choose one of {[*clips, ALL_SPLITS]}.")
    return clips[name]


def run(options: argparse.Namespace) -> int:
    """Evaluates, and prints the most important figures."""
    metrics = evaluate_model(options)
    auroc = metrics["confidence"]["auroc"]
    seen = metrics["seen_in_training"]
    print(f"clips                {metrics['clips']}")
    print(f"seen in training     {'unknown' if seen is None else seen}")
    print(f"top-1                {metrics['top1']:.4f}")
    print(f"top-5                {metrics['top5']:.4f}")
    print(f"mean class accuracy  {metrics['mean_class_accuracy']:.4f}")
    print(f"calibration error    {metrics['calibration_error']:.4f}")
    print(f"confidence AUROC     {'-' if auroc is None else format(auroc, '.4f')}")
    for session, figures in metrics["sessions"].items():
        print(f"{session:<20} {figures['top1']:.4f} of {figures['clips']} clips")
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Evaluates; returns the exit code."""
    options = parse_arguments(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    return run_command(run, options, __file__)


if __name__ == "__main__":
    sys.exit(main())
