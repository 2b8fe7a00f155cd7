"""Trains a model on landmark arrays, stage by stage.

    python scripts/train.py --dataset ksl13.npz --recipe ksl13 --stage all --held-out-session 2 --output runs/ksl13

Each stage leaves OUTPUT/STAGE/best: a folder in the form of the Hub, with recipe.json and metrics.json. The same
command goes on where it was interrupted and does not repeat what is finished. Held-out clips are measured after each
stage and have no say in it: validation clips, taken out of the training clips, choose the best checkpoint.

With `--held-out-session all` every session is held out in turn, and OUTPUT/folds.json holds the accuracy of each, their
mean and the worst. On several devices: `accelerate launch scripts/train.py ...`. The exit code is 2 where an argument
or a file cannot be used.
"""

import argparse
import contextlib
import json
import logging
import sys
from pathlib import Path
from typing import Any

#: The name that stands for every session in turn.
ALL_SESSIONS = "all"

#: The exit code for arguments and files that cannot be used.
UNUSABLE = 2


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Reads the command line."""
    description, _, details = (__doc__ or "").partition("\n\n")
    parser = argparse.ArgumentParser(
        description=description, epilog=details, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    data = parser.add_argument_group("data")
    data.add_argument(
        "--dataset", required=True, nargs="+", type=Path, metavar="FILE.npz", help="landmark arrays; one label space"
    )
    data.add_argument(
        "--vocabulary", metavar="NAME", help="keep only the glosses of a vocabulary of slr_hf.data (default: all)"
    )
    data.add_argument(
        "--held-out-session", metavar="NAME", help="test on this recording session, such as ksl13-2 or just 2, or 'all'"
    )
    data.add_argument(
        "--held-out-fraction",
        type=float,
        default=0.0,
        metavar="F",
        help="test on the last clips of each gloss, such as 0.2; with --held-out-session, of the other files",
    )
    data.add_argument(
        "--train-session", metavar="NAME", help="train on this session alone; if no test is named, test on all others"
    )
    data.add_argument("--validation-session", metavar="NAME", help="choose the best checkpoint on this session")
    data.add_argument(
        "--validation-fraction",
        type=float,
        default=0.1,
        metavar="F",
        help="choose it on the last clips of each gloss (default: 0.1); 0: keep the last checkpoint",
    )
    training = parser.add_argument_group("training")
    training.add_argument("--recipe", required=True, metavar="NAME", help="a recipe of slr_hf/training/recipes")
    training.add_argument("--stage", choices=["it", "ft1", "ft2", "all"], default="all", help="default: all")
    training.add_argument("--output", required=True, type=Path, metavar="DIR", help="folder of the training")
    training.add_argument(
        "--set",
        nargs="+",
        default=[],
        action="extend",
        metavar="FIELD=VALUE",
        help="change the recipe of every stage that runs, or of one: learning_rate=1e-3 ft1.epochs=5 "
        "schedule.kind=one_cycle",
    )
    training.add_argument("--seed", type=int, help="seed of all that is random (default: the recipe's)")
    training.add_argument(
        "--device", choices=["auto", "cpu"], default="auto", help="auto: an accelerator where there is one (default)"
    )
    training.add_argument(
        "--report-to",
        choices=["none", "tensorboard", "trackio"],
        default="none",
        help="log the figures there too; the package has to be installed (default: none)",
    )
    parser.add_argument("--debug", action="store_true", help="show where an error comes from")
    parsed = parser.parse_args(arguments)
    if parsed.held_out_session == ALL_SESSIONS and (
        parsed.held_out_fraction or parsed.validation_session or parsed.train_session
    ):
        parser.error("--held-out-session all goes with no --held-out-fraction, --validation-session or --train-session")
    return parsed


def train(options: argparse.Namespace) -> dict[str, Any]:
    """Trains as the command line asks; returns the metrics that the stages or the folds leave."""
    # Imported here, so that --help and a mistyped flag are answered at once.
    from datasets import DatasetDict
    from transformers.integrations import get_available_reporting_integrations

    from slr_hf.data import get_vocabulary, load_landmark_arrays, prepare_dataset, sessions, split
    from slr_hf.training.cross_validation import cross_validate
    from slr_hf.training.recipes import STAGES, get_recipes
    from slr_hf.training.stages import run_stages, stage_processor

    if options.report_to not in ("none", *get_available_reporting_integrations()):
        raise ModuleNotFoundError(
            f"{options.report_to} is not installed, so --report-to cannot log to it. "
            "Run: pip install 'slr_hf[tracking]'"
        )
    stages = STAGES if options.stage == "all" else (options.stage,)
    assignments = [*options.set, *([] if options.seed is None else [f"seed={options.seed}"])]
    recipes = get_recipes(options.recipe, stages, assignments)
    vocabulary = None if options.vocabulary is None else get_vocabulary(options.vocabulary)
    dataset = load_landmark_arrays(
        options.dataset, glosses=vocabulary and vocabulary.glosses, rename=vocabulary and vocabulary.rename
    )
    if options.held_out_session == ALL_SESSIONS:
        processor = stage_processor(recipes, options.output / sessions(dataset)[0])
        prepared = prepare_dataset(dataset, processor)
        return cross_validate(
            prepared,
            recipes,
            options.output,
            processor,
            options.validation_fraction,
            options.device,
            options.report_to,
        )
    processor = stage_processor(recipes, options.output)
    splits = split(
        dataset,
        test_session=options.held_out_session,
        test_fraction=options.held_out_fraction,
        validation_session=options.validation_session,
        validation_fraction=options.validation_fraction,
        train_session=options.train_session,
    )
    # Prepared after the split, so that a mistyped session is answered at once.
    prepared = DatasetDict({name: prepare_dataset(clips, processor) for name, clips in splits.items()})
    return run_stages(prepared, recipes, options.output, processor, options.device, options.report_to)


def main(arguments: list[str] | None = None) -> int:
    """Trains; returns the exit code."""
    options = parse_arguments(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")

    from accelerate import PartialState

    from slr_hf.training.stages import StageError

    try:
        # Standard output holds only the metrics; progress goes to standard error.
        with contextlib.redirect_stdout(sys.stderr):
            metrics = train(options)
    except (OSError, ValueError, ModuleNotFoundError, StageError) as error:
        if options.debug:
            raise
        print(f"train.py: {next(iter(str(error).splitlines()), type(error).__name__)}", file=sys.stderr)
        return UNUSABLE
    if PartialState().is_main_process:
        print(json.dumps(metrics, ensure_ascii=False, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
