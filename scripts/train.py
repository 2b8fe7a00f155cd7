"""Trains a model on clips, stage by stage.

    python scripts/train.py --dataset ksl13.npz --recipe ksl13 --stage all --held-out-session 2 --output runs/ksl13
    python scripts/train.py --dataset my_signs/ --recipe own_signs --from-model space/model --output runs/my_signs

A dataset is a .npz file of landmark arrays, a folder that scripts/extract.py has written, SLOVO's folder, a folder of
videos (one folder for each gloss) or a CSV of them, whose landmarks are extracted first, or a name on the Hub.

Each stage leaves OUTPUT/STAGE/best: a folder in the form of the Hub, with recipe.json and metrics.json. The same
command goes on where it was interrupted and does not repeat what is finished. Held-out clips are measured after each
stage and have no say in it: validation clips, taken out of the training clips, choose the best checkpoint.

Where a dataset has splits of its own (SLOVO, the Hub, some arrays), they are used, unless --held-out-session,
--signer-folds, --held-out-fraction or --train-session names the test clips.

A session is one person's recording, so held-out sessions are people whom training has not seen. With several names, or
`all`, each session is held out in turn; with `--signer-folds K` all sessions are held out in K folds. Each fold is
trained in OUTPUT/FOLD, and OUTPUT/folds.json holds the accuracy of each, their mean and the worst; `scripts/evaluate.py
--folds OUTPUT` puts their answers together.

On several devices: `accelerate launch scripts/train.py ...`. The first process opens, extracts and prepares the clips,
then the others read them. The exit code is 2 where an argument or a file cannot be used.
"""

import argparse
import contextlib
import json
import logging
import sys
from pathlib import Path
from typing import Any

from slr_hf.commands import make_parser, run_command

#: The name that stands for every session in turn.
ALL_SESSIONS = "all"


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Reads the command line."""
    parser = make_parser(__doc__)
    data = parser.add_argument_group("data")
    data.add_argument(
        "--dataset", required=True, nargs="+", metavar="DATASET", help="what to train on; several make one label space"
    )
    data.add_argument(
        "--vocabulary", metavar="NAME", help="keep only the glosses of a vocabulary of slr_hf.data (default: all)"
    )
    data.add_argument(
        "--held-out-session",
        nargs="+",
        metavar="NAME",
        help="test on this session, such as ksl13-2 or just 2; of several, or 'all', each is left out in turn",
    )
    data.add_argument(
        "--signer-folds", type=int, metavar="K", help="test on the signers of all sessions, left out in K folds"
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
    data.add_argument(
        "--num-glosses",
        type=int,
        metavar="N",
        help="the first N glosses of SLOVO (and no_event) or of arrays with class_index",
    )
    data.add_argument(
        "--slovo-split",
        choices=["official", "signers"],
        default="official",
        help="SLOVO: test on the clips that its annotation marks (default), or on signers who are held out",
    )
    data.add_argument("--skip-missing", action="store_true", help="leave out clips without usable landmarks")
    data.add_argument("--landmarks", type=Path, metavar="DIR", help="where the landmarks of videos are kept")
    data.add_argument("--num-proc", type=int, default=1, metavar="N", help="processes of an extraction (default: 1)")
    data.add_argument(
        "--streaming", action="store_true", help="a name on the Hub: keep no landmarks, only the keypoints made of them"
    )
    training = parser.add_argument_group("training")
    training.add_argument("--recipe", required=True, metavar="NAME", help="a recipe of slr_hf/training/recipes")
    training.add_argument(
        "--from-model",
        metavar="MODEL",
        help="start from this saved model, a folder or Hub id, with a new head for the glosses of the dataset",
    )
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
    parsed = parser.parse_args(arguments)
    names = parsed.held_out_session or []
    if names and parsed.signer_folds is not None:
        parser.error("--signer-folds goes with no --held-out-session")
    parsed.in_turn = parsed.signer_folds is not None or len(names) > 1 or names == [ALL_SESSIONS]
    if parsed.in_turn and (parsed.held_out_fraction or parsed.validation_session or parsed.train_session):
        parser.error(
            "--signer-folds and several sessions (--held-out-session all) go with no --held-out-fraction, "
            "--validation-session or --train-session"
        )
    if parsed.streaming and (parsed.vocabulary is not None or len(parsed.dataset) > 1):
        parser.error("--streaming goes with one dataset and no --vocabulary")
    return parsed


def train(options: argparse.Namespace) -> dict[str, Any]:
    """Trains as the command line asks; returns the metrics that the stages or the folds leave."""
    # Imported here, so that --help and a mistyped flag are answered at once.
    from datasets import DatasetDict
    from transformers.integrations import get_available_reporting_integrations

    from slr_hf.data import (
        OpeningOptions,
        choose_splits,
        get_vocabulary,
        join_splits,
        open_dataset,
        prepare_dataset,
        prepare_stream,
        session_folds,
        signer_folds,
        stream_dataset,
    )
    from slr_hf.training.cross_validation import cross_validate
    from slr_hf.training.processes import main_process_first
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
    splits_named = (
        options.held_out_session,
        options.signer_folds,
        options.held_out_fraction,
        options.train_session,
        options.validation_session,
    )
    with main_process_first(options.device):
        if options.streaming:
            processor = stage_processor(recipes, options.output, options.from_model)
            streams = stream_dataset(options.dataset[0])
            clips = DatasetDict({name: prepare_stream(stream, processor) for name, stream in streams.items()})
        else:
            clips = open_dataset(
                options.dataset,
                glosses=vocabulary and vocabulary.glosses,
                rename=vocabulary and vocabulary.rename,
                options=OpeningOptions(
                    num_glosses=options.num_glosses,
                    slovo_split=options.slovo_split,
                    # SLOVO's validation clips are those of signers; others are chosen after the datasets are joined.
                    validation_fraction=options.validation_fraction if not any(splits_named) else 0.0,
                    missing="skip" if options.skip_missing else "raise",
                    landmarks=options.landmarks,
                    num_proc=options.num_proc,
                ),
            )
        if options.in_turn:
            dataset = join_splits(clips)
            if options.signer_folds is not None:
                folds = signer_folds(dataset, options.signer_folds)
            else:
                names = options.held_out_session
                folds = session_folds(dataset, None if names == [ALL_SESSIONS] else names)
            processor = stage_processor(recipes, options.output / next(iter(folds)), options.from_model)
            if not options.streaming:
                dataset = prepare_dataset(dataset, processor)
        else:
            processor = stage_processor(recipes, options.output, options.from_model)
            splits = choose_splits(
                clips,
                test_session=options.held_out_session and options.held_out_session[0],
                test_fraction=options.held_out_fraction,
                validation_session=options.validation_session,
                validation_fraction=options.validation_fraction,
                train_session=options.train_session,
            )
            if not options.streaming:
                # Prepared after the split, so that a mistyped session is answered at once.
                splits = DatasetDict({name: prepare_dataset(part, processor) for name, part in splits.items()})
    if options.in_turn:
        return cross_validate(
            dataset,
            recipes,
            options.output,
            processor,
            options.validation_fraction,
            options.device,
            options.report_to,
            options.from_model,
            folds,
        )
    return run_stages(splits, recipes, options.output, processor, options.device, options.report_to, options.from_model)


def run(options: argparse.Namespace) -> int:
    """Trains, and prints the metrics."""
    # Standard output holds only the metrics; progress goes to standard error.
    with contextlib.redirect_stdout(sys.stderr):
        metrics = train(options)
    # Imported here, so that --help and a mistyped flag are answered at once.
    from slr_hf.training.processes import is_main_process

    if is_main_process():
        print(json.dumps(metrics, ensure_ascii=False, indent=2))
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Trains; returns the exit code."""
    options = parse_arguments(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    return run_command(run, options, __file__, interrupted="The same command goes on from the last checkpoint.")


if __name__ == "__main__":
    sys.exit(main())
