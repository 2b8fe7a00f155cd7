"""Evaluates a model on clips, people whom training has not seen first.

    python scripts/evaluate.py --model runs/ksl13/ft2/best --dataset ksl13.npz --held-out-session 2 --output evaluation
    python scripts/evaluate.py --folds runs/folds --dataset asl33.npz asl11.npz asl12.npz --shared-glosses

A dataset is whatever scripts/train.py takes. Where it has a split `test` of its own (SLOVO, the Hub), that is
evaluated, unless --split or --held-out-... asks for other clips. With --folds, the output of a cross-validation, each
model answers the clips of the people it was trained without, and the answers are put together; --dataset, --vocabulary
and --num-glosses must be those of the training.

Strangers are people whom training has not seen; figures of the same recorder are of other clips of people whom it has
seen. Beside the model stands a nearest neighbour, whose references are the clips of the datasets that training saw; it
takes about a minute for a thousand clips and a thousand references.

OUTPUT/metrics.json holds, of strangers and of the same recorder, top-1 and top-5 accuracy, the mean over people and
its interval; then top-1, top-5 and mean class accuracy, calibration error and AUROC of the confidence of all clips, the
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
from typing import TYPE_CHECKING, Any

from slr_hf.commands import make_parser, run_command

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict

    from slr_hf.model.modeling_slr import SLRForSignClassification
    from slr_hf.model.processing_slr import KeypointProcessor
    from slr_hf.training.evaluation import Evaluation

#: The name that stands for all clips of a dataset.
ALL_SPLITS = "all"

logger = logging.getLogger("evaluate")


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Reads the command line."""
    parser = make_parser(__doc__)
    answering = parser.add_mutually_exclusive_group(required=True)
    answering.add_argument("--model", type=Path, metavar="DIR", help="folder of a saved model")
    answering.add_argument(
        "--folds", type=Path, metavar="DIR", help="output of scripts/train.py with --signer-folds or several sessions"
    )
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
    parser.add_argument(
        "--held-out-session", nargs="+", metavar="NAME", help="only these sessions, such as ksl13-2 or just 2"
    )
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
        "--shared-glosses", action="store_true", help="only glosses that at least two sessions of the datasets show"
    )
    parser.add_argument(
        "--leave-out-glosses", nargs="+", default=[], metavar="GLOSS", help="leave out clips of these glosses"
    )
    parser.add_argument("--only-glosses", nargs="+", metavar="GLOSS", help="leave out clips of all other glosses")
    parser.add_argument(
        "--no-nearest-neighbour", dest="nearest_neighbour", action="store_false", help="measure the model alone"
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        help="where to write metrics.json and the report (default: evaluation in the folder of the model or the folds)",
    )
    parser.add_argument("--batch-size", type=int, default=64, metavar="N", help="clips of a batch (default: 64)")
    parser.add_argument(
        "--device", choices=["auto", "cpu"], default="auto", help="auto: an accelerator where there is one (default)"
    )
    parsed = parser.parse_args(arguments)
    if parsed.batch_size < 1:
        parser.error(f"--batch-size must be at least 1, but is {parsed.batch_size}")
    held_out = parsed.held_out_session is not None or parsed.held_out_fraction
    if parsed.split is not None and held_out:
        parser.error("--split goes with no --held-out-session or --held-out-fraction")
    if parsed.folds is not None and (parsed.split is not None or held_out):
        parser.error(
            "--folds goes with no --split, --held-out-session or --held-out-fraction: the folds name the clips"
        )
    # Not in the model's own folder, whose metrics.json is the record of its training.
    parsed.output = parsed.output or (parsed.model or parsed.folds) / "evaluation"
    return parsed


def evaluate_clips(options: argparse.Namespace) -> dict[str, Any]:
    """Evaluates as the command line asks; writes and returns the figures."""
    # Imported here, so that --help and a mistyped flag are answered at once.
    from slr_hf.training.report import REPORT, read_learning_curves, require_matplotlib, write_report
    from slr_hf.whole_files import write_json

    # First, so that what is missing is answered at once.
    require_matplotlib()
    curves = None if options.model is None else read_learning_curves(options.model)
    evaluation, metrics = evaluate_model(options) if options.folds is None else evaluate_folds(options)
    write_json(options.output / "metrics.json", metrics)
    write_report(evaluation, metrics, options.output, str(options.model or options.folds), curves)
    logger.info("The report is %s.", options.output / REPORT)
    return metrics


def evaluate_model(options: argparse.Namespace) -> tuple["Evaluation", dict[str, Any]]:
    """Lets one model answer the clips that the command line asks for; returns the answers and the figures."""
    from slr_hf.data import join_splits, split
    from slr_hf.model.loading_slr import load_model
    from slr_hf.training.evaluation import read_training_clips, read_training_sessions
    from slr_hf.training.stages import TRAINING_CLIPS, TRAINING_SESSIONS

    model, processor = load_model(options.model)
    seen, seen_sessions = read_training_clips(options.model), read_training_sessions(options.model)
    clips = open_clips(options)
    if options.held_out_session is not None or options.held_out_fraction:
        dataset = split(
            join_splits(clips),
            test_session=options.held_out_session,
            test_fraction=options.held_out_fraction,
            validation_fraction=0,
        )["test"]
    else:
        dataset = find_split(clips, options.split)
    joined = join_splits(clips)
    dataset = keep_glosses(dataset, joined, options)
    evaluation = answer(model, processor, dataset, trained_clips(joined, seen), options)
    metrics = evaluation.summary(seen, seen_sessions)
    if metrics["seen_in_training"]:
        logger.warning(
            "%d of the %d clips were seen in training, so these figures say little about new clips. Choose clips with "
            "--held-out-session or --held-out-fraction.",
            metrics["seen_in_training"],
            metrics["clips"],
        )
    elif seen is None:
        logger.warning("%s does not say which clips it was trained on (%s).", options.model, TRAINING_CLIPS)
    if metrics["people"] is None:
        logger.warning(
            "%s does not say whom it has seen in training (%s), so no clip counts as a stranger's.",
            options.model,
            TRAINING_SESSIONS,
        )
    return evaluation, metrics


def evaluate_folds(options: argparse.Namespace) -> tuple["Evaluation", dict[str, Any]]:
    """Lets the model of each fold answer the clips of the people it was trained without.

    Raises:
        ValueError: If a model has seen somebody whom its fold holds out, or the folds cannot be read.
    """
    from slr_hf.data import join_splits
    from slr_hf.model.loading_slr import load_model
    from slr_hf.training.cross_validation import read_folds, split_fold
    from slr_hf.training.evaluation import Evaluation, read_training_clips, read_training_sessions
    from slr_hf.training.people import STRANGERS

    folds = read_folds(options.folds)
    clips = join_splits(open_clips(options))
    evaluations, known = [], True
    for fold in folds.values():
        seen = read_training_sessions(fold.model)
        known = known and seen is not None
        met = sorted((seen or set()) & set(fold.sessions))
        if met:
            raise ValueError(f"{fold.model} has seen {met} in training, whom its fold holds out.")
        held_out = keep_glosses(split_fold(clips, fold.sessions)["test"], clips, options)
        # A fold may hold out only people whose glosses are left out here.
        if len(held_out):
            trained = trained_clips(clips, read_training_clips(fold.model))
            evaluations.append(answer(*load_model(fold.model), held_out, trained, options))
    if not evaluations:
        raise ValueError("No held-out clip shows a gloss that is asked for. Leave fewer glosses out.")
    evaluation = Evaluation.pool(evaluations)
    # To the model that answered it, each clip is a stranger's.
    metrics = evaluation.summary((), () if known else None)
    if known:
        metrics["people"][STRANGERS]["folds"] = len(folds)
    else:
        logger.warning("The models of %s do not all say whom they have seen in training.", options.folds)
    return evaluation, metrics


def open_clips(options: argparse.Namespace) -> "DatasetDict":
    """Opens the datasets of the command line."""
    from slr_hf.data import OpeningOptions, get_vocabulary, open_dataset

    vocabulary = None if options.vocabulary is None else get_vocabulary(options.vocabulary)
    return open_dataset(
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


def keep_glosses(dataset: "Dataset", clips: "Dataset", options: argparse.Namespace) -> "Dataset":
    """Keeps the clips of the glosses that are asked for.

    Args:
        dataset: The clips to evaluate.
        clips: All clips of the opened datasets.
        options: The command line.

    Raises:
        ValueError: If a gloss to keep or to leave out does not exist.
    """
    import numpy as np

    from slr_hf.data import read_column, shared_labels
    from slr_hf.data.landmark_arrays import check_known

    names = clips.features["label"].names
    only = names if options.only_glosses is None else options.only_glosses
    check_known(options.leave_out_glosses, set(names), "--leave-out-glosses")
    check_known(only, set(names), "--only-glosses")
    labels = read_column(dataset, "label")
    kept = np.isin(labels, [names.index(gloss) for gloss in set(only) - set(options.leave_out_glosses)])
    if options.shared_glosses:
        kept &= np.isin(labels, shared_labels(clips))
    return dataset if kept.all() else dataset.select(np.flatnonzero(kept))


def trained_clips(clips: "Dataset", seen: set[str] | None) -> "Dataset":
    """The clips that training saw, none where that is not known."""
    import numpy as np

    from slr_hf.data import read_column

    return clips.select(np.flatnonzero(np.isin(read_column(clips, "clip_id").astype(np.str_), sorted(seen or ()))))


def answer(
    model: "SLRForSignClassification",
    processor: "KeypointProcessor",
    dataset: "Dataset",
    trained: "Dataset",
    options: argparse.Namespace,
) -> "Evaluation":
    """Lets a model answer clips, and a nearest neighbour beside it.

    Args:
        model: The model.
        processor: The processor that is saved beside it.
        dataset: The clips to answer.
        trained: The clips that training saw, of which the neighbour's references are chosen.
        options: The command line.

    Raises:
        ValueError: If there is no clip, or the model does not know a gloss.
    """
    from dataclasses import replace

    import numpy as np
    import torch

    from slr_hf.benchmarks.nearest_neighbour import NearestNeighbour, Sequences, choose_references
    from slr_hf.data import prepare_dataset
    from slr_hf.training.evaluation import check_clips, evaluate, match_labels, model_glosses

    glosses = model_glosses(model)
    if options.ignore_unknown_glosses:
        dataset = dataset.select(np.flatnonzero(match_labels(dataset, glosses) >= 0))
    # Checked before the clips are prepared, so that a wrong file is answered at once.
    check_clips(dataset, glosses)
    prepared = prepare_dataset(dataset, processor)
    on_accelerator = options.device == "auto" and torch.accelerator.is_available()
    device = torch.accelerator.current_accelerator() if on_accelerator else "cpu"
    evaluation = evaluate(model, processor, prepared, options.batch_size, device)
    trained = trained.select(np.flatnonzero(match_labels(trained, glosses) >= 0))
    if not options.nearest_neighbour:
        return evaluation
    if not len(trained):
        logger.info("The datasets hold no clip that training saw, so there is no nearest neighbour to compare with.")
        return evaluation
    references = prepare_dataset(trained.select(choose_references(trained)), processor)
    neighbour = NearestNeighbour(Sequences.of(references, processor), match_labels(references, glosses), len(glosses))
    return replace(evaluation, neighbour=neighbour.scores(Sequences.of(prepared, processor)))


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
    from slr_hf.training.report import PEOPLE

    metrics = evaluate_clips(options)
    for group, name in PEOPLE.items():
        print_people(name, (metrics["people"] or {}).get(group))
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
        neighbour = figures.get("nearest_neighbour")
        beside = "" if neighbour is None else f", nearest neighbour {neighbour['top1']:.4f}"
        print(f"{session:<20} {figures['top1']:.4f} of {figures['clips']} clips{beside}")
    return 0


def print_people(name: str, figures: dict[str, Any] | None) -> None:
    """Prints the figures of a group of people, where it has clips."""
    if figures is None:
        return
    interval = figures["interval"]
    print(f"{name:<20} {figures['clips']} clips of {figures['sessions']} people")
    for who, accuracies in (("model", figures), ("nearest neighbour", figures.get("nearest_neighbour"))):
        if accuracies is not None:
            print(
                f"  {who:<18} top-1 {accuracies['top1']:.4f}, top-5 {accuracies['top5']:.4f}, "
                f"mean over people {accuracies['mean_over_people']:.4f}"
            )
    print(f"  95% interval       {interval['low']:.4f} to {interval['high']:.4f}, over {interval['over']}")


def main(arguments: list[str] | None = None) -> int:
    """Evaluates; returns the exit code."""
    options = parse_arguments(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    return run_command(run, options, __file__)


if __name__ == "__main__":
    sys.exit(main())
