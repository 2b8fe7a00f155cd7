"""Teaches a model other signs without training: it compares a clip with the clips it was shown.

    python scripts/enroll.py --model space/model --dataset my_signs/ --output outputs/my_signs

A dataset is whatever scripts/train.py takes, such as a folder with a folder of videos for each gloss; where it has a
split `train` of its own, only that is enrolled. OUTPUT is a complete model that knows these glosses alone:
scripts/predict.py and `SignRecognitionPipeline.from_pretrained` recognise them as with any other model. The exit code
is 2 where an argument or a file cannot be used.
"""

import argparse
import logging
import sys
from pathlib import Path

from slr_hf.commands import make_parser, run_command


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Reads the command line."""
    parser = make_parser(__doc__)
    parser.add_argument("--model", required=True, metavar="MODEL", help="folder or Hub id of a saved model")
    parser.add_argument("--dataset", required=True, nargs="+", metavar="DATASET", help="the clips to enrol")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="folder of the new model")
    parser.add_argument(
        "--copies", type=int, default=15, metavar="N", help="augmented copies of each clip (default: 15)"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the augmentations (default: 0)")
    parser.add_argument("--skip-missing", action="store_true", help="leave out clips without usable landmarks")
    parser.add_argument("--landmarks", type=Path, metavar="DIR", help="where the landmarks of videos are kept")
    parser.add_argument("--num-proc", type=int, default=1, metavar="N", help="processes of an extraction (default: 1)")
    return parser.parse_args(arguments)


def enroll(options: argparse.Namespace) -> dict[str, int]:
    """Enrols as the command line asks; returns the number of clips of each gloss."""
    # Imported here, so that --help and a mistyped flag are answered at once.
    from slr_hf.data import OpeningOptions, open_dataset, prepare_dataset, read_column
    from slr_hf.model.loading_slr import load_model
    from slr_hf.training.enrolment import ENROLMENT, enrol, save_enrolled

    if options.output.exists() and not (options.output / ENROLMENT).is_file():
        raise ValueError(f"{options.output} is there already and is no enrolled model. Name a new folder.")
    model, processor = load_model(options.model)
    opened = open_dataset(
        options.dataset,
        options=OpeningOptions(
            missing="skip" if options.skip_missing else "raise",
            landmarks=options.landmarks,
            num_proc=options.num_proc,
        ),
    )
    if "train" not in opened:
        raise ValueError(f"The dataset has the splits {list(opened)}, but none called train.")
    clips = prepare_dataset(opened["train"], processor)
    enrolled = enrol(model, processor, clips, options.copies, seed=options.seed)
    save_enrolled(enrolled, processor, clips, options.model, options.output)
    labels = read_column(clips, "label").tolist()
    return {gloss: labels.count(index) for index, gloss in enumerate(clips.features["label"].names)}


def run(options: argparse.Namespace) -> int:
    """Enrols, and prints the number of clips of each gloss."""
    for gloss, count in enroll(options).items():
        print(f"{gloss}: {count} clip{'s' if count != 1 else ''}")
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Enrols; returns the exit code."""
    options = parse_arguments(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    return run_command(run, options, __file__)


if __name__ == "__main__":
    sys.exit(main())
