"""Tries every idea of a recipe: trains with it turned off, or on, and compares the accuracy on held-out clips.

    python scripts/ablate.py --output ablation --seeds 0 1 2 --jobs 2 -- \
        --dataset ksl13.npz --recipe few_clips --train-session 1 --set it.epochs=4

What follows `--` goes to scripts/train.py as it is. Every run is a process of its own in OUTPUT/SEED/VARIATION; the
same command goes on where it was interrupted. OUTPUT/ablation.json and ablation.md hold the table, after every run. The
exit code is 2 where an argument cannot be used, and 1 where a run failed.
"""

import argparse
import json
import logging
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from slr_hf.commands import make_parser, run_command

_TRAIN = Path(__file__).with_name("train.py")

logger = logging.getLogger("ablate")


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Reads the command line; `training` is what follows `--`."""
    arguments = sys.argv[1:] if arguments is None else arguments
    cut = arguments.index("--") if "--" in arguments else len(arguments)
    parser = make_parser(__doc__)
    parser.add_argument("--output", required=True, type=Path, metavar="DIR", help="folder of the runs and the table")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0], metavar="N", help="seeds to run with (default: 0)")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="runs at a time, each on one thread")
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="only these variations, and the recipe")
    parser.add_argument("--list", action="store_true", help="print the variations of the recipe and stop")
    parsed = parser.parse_args(arguments[:cut])
    parsed.training = arguments[cut + 1 :]
    if parsed.jobs < 1:
        parser.error(f"--jobs must be at least 1, but is {parsed.jobs}")
    taken = {"--output", "--seed"} & {argument.partition("=")[0] for argument in parsed.training}
    if taken:
        parser.error(f"{', '.join(sorted(taken))} cannot follow --: every run has its own")
    return parsed


def find_recipe(training: list[str]) -> str:
    """Finds the recipe's name among the arguments of scripts/train.py.

    Raises:
        ValueError: If there is none.
    """
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--recipe")
    name = parser.parse_known_args(training)[0].recipe
    if name is None:
        raise ValueError("After --, pass the arguments of scripts/train.py, with --dataset and --recipe.")
    return name


def run(name: str, assignments: tuple[str, ...], seed: int, output: Path, training: list[str]) -> float:
    """Trains one variation; returns its accuracy on the test clips after the last stage.

    Raises:
        RuntimeError: If the training fails, or measures no test clips.
    """
    folder = output / f"seed-{seed}" / re.sub(r"\W+", "-", name)
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, str(_TRAIN), *training, "--output", str(folder / "run"), "--seed", str(seed)]
    # Last, so that it wins over what the caller set for the same field.
    command += ["--set", *assignments] if assignments else []
    # One thread a run: several processes of many threads wait for each other more than they compute.
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with (folder / "train.log").open("a", encoding="utf-8") as log:
        process = subprocess.run(command, stdout=subprocess.PIPE, stderr=log, text=True, env=environment, check=False)
    if process.returncode:
        raise RuntimeError(f"{name!r} with seed {seed} failed: see {folder / 'train.log'}.")
    stages = json.loads(process.stdout)
    metrics = stages[list(stages)[-1]]
    if "test" not in metrics:
        raise RuntimeError("The training measured no test clips. Hold some out, for example by --held-out-session.")
    return metrics["test"]["accuracy"]


def ablate(options: argparse.Namespace) -> int:
    """Runs all variations; returns the exit code."""
    # Imported here, so that --help and a mistyped flag are answered at once.
    from tqdm.auto import tqdm

    from slr_hf.training.ablation import Ablation, choose, variations
    from slr_hf.training.recipes import get_recipe
    from slr_hf.whole_files import write_json, write_text

    known = variations(get_recipe(find_recipe(options.training), "it"))
    chosen = choose(known, options.only) if options.only else known
    if options.list:
        for name, assignments in chosen.items():
            print(f"{name:<36} {' '.join(assignments)}")
        return 0
    table, failures = Ablation(), []
    with ThreadPoolExecutor(options.jobs) as pool:
        # Seed by seed: a table of one seed is of more use than half a table of three.
        runs = {
            pool.submit(run, name, assignments, seed, options.output, options.training): (name, seed)
            for seed in options.seeds
            for name, assignments in chosen.items()
        }
        for future in tqdm(as_completed(runs), total=len(runs), desc="Ablation", unit="run"):
            name, seed = runs[future]
            try:
                table.accuracies.setdefault(name, {})[seed] = future.result()
            except RuntimeError as error:
                logger.error("%s", error)
                failures.append(name)
                continue
            record = {"training": options.training, "accuracies": table.accuracies, "table": table.rows()}
            write_json(options.output / "ablation.json", record)
            write_text(options.output / "ablation.md", table.to_markdown())
    print(table.to_markdown(), end="")
    return 1 if failures else 0


def main(arguments: list[str] | None = None) -> int:
    """Runs all variations; returns the exit code."""
    options = parse_arguments(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    return run_command(ablate, options, __file__)


if __name__ == "__main__":
    sys.exit(main())
