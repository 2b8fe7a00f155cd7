r"""Measures how fast the package is, and prints the figures as JSON.

Times are medians of repeated runs. Machines differ and are noisy: a time of the model comes with its ratio to plain
matrix products of as many floating point operations, measured in turn with it.

    python scripts/benchmark.py forward batches processor
    python scripts/benchmark.py training processes --size base --batch-size 32 --steps 10
    python scripts/benchmark.py video --video clip.mp4
    python scripts/benchmark.py live --signs ksl13.npz --session 2 --idle asl33.npz
    python scripts/benchmark.py slovo --annotations slovo/annotations.csv --material ksl13.npz --output outputs/slovo
    python scripts/benchmark.py peers --dataset wlasl_hands.npz --num-glosses 100 --recipe demo --output outputs/peers
    python scripts/benchmark.py gpu --size tiny small base --annotations slovo/annotations.csv --material ksl13.npz \
        --output outputs/gpu

`gpu` is everything that wants an accelerator: training and inference of each size, compiled and not, and three epochs
of the recipe slovo_1000 with the last size.

`peers` trains a recipe and a plain network with each of --seeds, and lets them and a nearest neighbour answer the clips
of the dataset's own split `validation`, which has no say in the training, or of signers who are held out in folds. The
same command goes on where it was interrupted.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from itertools import product
from pathlib import Path
from typing import Any

from slr_hf.commands import make_parser, run_command
from slr_hf.model.configuration_slr import SIZES

#: Clips of a batch that keep an accelerator busy.
_GPU_BATCH = 512


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    """Reads the command line."""
    parser = make_parser(__doc__)
    parser.add_argument("what", nargs="+", choices=MEASUREMENTS, help="what to measure")
    parser.add_argument("--size", choices=SIZES, nargs="+", default=["tiny", "base"], help="sizes of the model")
    parser.add_argument("--frames", type=int, nargs="+", default=[50], help="frames of a clip (default: 50)")
    parser.add_argument(
        "--batch-size",
        type=int,
        nargs="+",
        default=[1],
        help="clips in a batch (default: 1; of the others but forward, the first one, at least 32; gpu: 512)",
    )
    parser.add_argument("--compile", action="store_true", help="forward: compile the model first")
    parser.add_argument("--clips", type=int, default=512, help="batches, live: clips (default: 512)")
    parser.add_argument("--num-labels", type=int, default=1001, help="glosses (default: 1001)")
    parser.add_argument("--runs", type=int, default=20, help="measured runs (default: 20)")
    parser.add_argument("--steps", type=int, default=20, help="training, gpu: measured steps (default: 20)")
    parser.add_argument("--threads", type=int, default=2, help="threads of torch (default: 2)")
    parser.add_argument(
        "--device",
        choices=["auto", "cpu"],
        default="auto",
        help="training, slovo, gpu, peers: the device (default: auto)",
    )
    parser.add_argument(
        "--model", default="space/model", help="start, video, memory, live: the model (default: space/model)"
    )
    parser.add_argument("--video", type=Path, help="video: the clip")
    parser.add_argument("--seconds", type=int, default=3600, help="memory: length of the longest video (default: 3600)")
    parser.add_argument("--signs", type=Path, help="live: landmark arrays (.npz) of signs")
    parser.add_argument("--session", default="2", help="live: a session that the model has not seen (default: 2)")
    parser.add_argument("--idle", type=Path, help="live: landmark arrays (.npz) with clips without a sign")
    parser.add_argument(
        "--idle-seconds",
        type=float,
        nargs=2,
        default=(0.5, 2.0),
        metavar=("LEAST", "MOST"),
        help="live: length of the idle moments between signs (default: 0.5 2)",
    )
    parser.add_argument("--every", type=int, default=1, help="live: take every n-th frame alone (default: 1)")
    parser.add_argument("--repeats", type=int, default=1, help="live: how often the stream is repeated (default: 1)")
    parser.add_argument("--seed", type=int, default=0, help="live: seed of the stream (default: 0)")
    parser.add_argument("--annotations", type=Path, help="slovo, gpu: the annotations.csv of SLOVO")
    parser.add_argument("--material", type=Path, help="slovo, gpu: landmark arrays (.npz) to take movements from")
    parser.add_argument("--output", type=Path, help="slovo, gpu, peers: folder of the set, its cache and the training")
    parser.add_argument("--dataset", nargs="+", help="peers: what to train on, as in scripts/train.py")
    parser.add_argument("--num-glosses", type=int, metavar="N", help="peers: the first N glosses; see scripts/train.py")
    parser.add_argument("--recipe", help="peers: a recipe of slr_hf/training/recipes")
    parser.add_argument("--set", nargs="+", default=[], metavar="FIELD=VALUE", help="peers: see scripts/train.py")
    parser.add_argument("--signer-folds", type=int, metavar="K", help="peers: test on all signers, left out in K folds")
    parser.add_argument(
        "--from-model", metavar="MODEL", help="peers: what the recipe starts from; see scripts/train.py"
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], metavar="N", help="peers (default: 0 1 2)")
    parsed = parser.parse_args(arguments)
    for name, needs in (
        ("video", ["video"]),
        ("live", ["signs", "idle"]),
        ("slovo", ["annotations", "material", "output"]),
        ("gpu", ["annotations", "material", "output"]),
        ("peers", ["dataset", "recipe", "output"]),
    ):
        missing = [f"--{option}" for option in needs if getattr(parsed, option) is None]
        if name in parsed.what and missing:
            parser.error(f"{name} needs {', '.join(missing)}")
    return parsed


def _forward(options: argparse.Namespace) -> Iterable[dict[str, Any]]:
    from slr_hf.benchmarks.forward import benchmark_forward

    for size, frames, batch_size in product(options.size, options.frames, options.batch_size):
        yield benchmark_forward(size, frames, batch_size, options.num_labels, options.runs, options.compile)


def _batches(options: argparse.Namespace) -> Iterable[dict[str, Any]]:
    from slr_hf.benchmarks.forward import benchmark_batches

    for size in options.size:
        yield benchmark_batches(size, options.clips, max(options.batch_size[0], 32), options.num_labels, options.runs)


def _training(options: argparse.Namespace) -> Iterable[dict[str, Any]]:
    from slr_hf.benchmarks.training import benchmark_training

    for size in options.size:
        yield benchmark_training(
            size, max(options.batch_size[0], 32), options.steps, options.num_labels, options.device
        )


def _processes(options: argparse.Namespace) -> Iterable[dict[str, Any]]:
    """Trains in one process and in two, of one thread each, so that two cores are shared fairly."""
    for size, count in product(options.size, (1, 2)):
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={count}"]
        command += [__file__, "training", "--size", size, "--device", "cpu", "--threads", "1"]
        for option in ("batch_size", "steps", "num_labels"):
            value = getattr(options, option)
            command += [f"--{option.replace('_', '-')}", str(value[0] if isinstance(value, list) else value)]
        answer = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        yield from json.loads(answer.stdout)["results"]


def _processor(options: argparse.Namespace) -> Iterable[dict[str, Any]]:
    from slr_hf.benchmarks.processing import benchmark_processor

    yield benchmark_processor(options.frames[0], max(options.batch_size[0], 32), options.runs)


def _start(options: argparse.Namespace) -> Iterable[dict[str, Any]]:
    from slr_hf.benchmarks.processing import benchmark_start

    yield benchmark_start(options.model, options.runs)


def _video(options: argparse.Namespace) -> Iterable[dict[str, Any]]:
    from slr_hf.benchmarks.processing import benchmark_video

    yield benchmark_video(options.model, options.video, options.runs)


def _memory(options: argparse.Namespace) -> Iterable[dict[str, Any]]:
    from slr_hf.benchmarks.processing import benchmark_memory

    yield benchmark_memory(options.model, options.seconds)


def _live(options: argparse.Namespace) -> Iterable[dict[str, Any]]:
    from slr_hf.benchmarks.live import benchmark_live

    yield from benchmark_live(
        options.model,
        options.signs,
        options.session,
        options.idle,
        options.clips,
        tuple(options.idle_seconds),
        options.every,
        options.repeats,
        options.seed,
    )


def _slovo(options: argparse.Namespace) -> Iterable[dict[str, Any]]:
    from slr_hf.benchmarks.synthetic_slovo import benchmark_slovo

    yield from benchmark_slovo(
        options.annotations, options.material, options.output, options.size[0], device=options.device
    )


def _gpu(options: argparse.Namespace) -> Iterable[dict[str, Any]]:
    """All that an accelerator is measured by. With `--device cpu` it shows on small numbers that the command works."""
    import torch

    from slr_hf.benchmarks.forward import benchmark_batches
    from slr_hf.benchmarks.synthetic_slovo import benchmark_slovo
    from slr_hf.benchmarks.training import benchmark_training

    device = torch.accelerator.current_accelerator() if options.device == "auto" else torch.device(options.device)
    if device is None:
        raise ValueError("There is no accelerator. Run this where there is one, or pass --device cpu to try it.")
    batch_size = options.batch_size[0] if options.batch_size[0] > 1 else _GPU_BATCH
    for size in options.size:
        for compiler in (None, "inductor"):
            yield benchmark_training(
                size, batch_size, options.steps, options.num_labels, options.device, compiler=compiler
            )
        yield benchmark_batches(size, options.clips, batch_size, options.num_labels, options.runs, device)
    yield from benchmark_slovo(
        options.annotations,
        options.material,
        options.output,
        options.size[-1],
        num_glosses=options.num_labels - 1,  # the last one is no_event
        device=options.device,
        epochs=3,
    )


def _peers(options: argparse.Namespace) -> Iterable[dict[str, Any]]:
    from datasets import DatasetDict

    from slr_hf.benchmarks.peers import compare_peers
    from slr_hf.data import OpeningOptions, join_splits, open_dataset, prepare_dataset, signer_folds
    from slr_hf.training.cross_validation import split_fold
    from slr_hf.training.recipes import get_recipes
    from slr_hf.training.stages import stage_processor

    recipes = get_recipes(options.recipe, assignments=options.set)
    processor = stage_processor(recipes, options.output, options.from_model)
    clips = open_dataset(options.dataset, options=OpeningOptions(num_glosses=options.num_glosses))
    if options.signer_folds is not None:
        prepared = prepare_dataset(join_splits(clips), processor)
        folds = {
            name: split_fold(prepared, sessions)
            for name, sessions in signer_folds(prepared, options.signer_folds).items()
        }
    elif "validation" in clips:
        train, test = (prepare_dataset(clips[name], processor) for name in ("train", "validation"))
        folds = {"validation": DatasetDict(train=train, test=test)}
    else:
        raise ValueError(f"{options.dataset} has no split `validation` of its own. Test on signers: --signer-folds 3.")
    yield from compare_peers(
        folds, recipes, processor, options.output, options.seeds, options.device, options.from_model
    )


MEASUREMENTS: dict[str, Callable[[argparse.Namespace], Iterable[dict[str, Any]]]] = {
    "forward": _forward,
    "batches": _batches,
    "training": _training,
    "processes": _processes,
    "processor": _processor,
    "start": _start,
    "video": _video,
    "memory": _memory,
    "live": _live,
    "slovo": _slovo,
    "peers": _peers,
    "gpu": _gpu,
}


def measure(options: argparse.Namespace) -> int:
    """Measures what the command line asks for, and prints it."""
    import torch

    from slr_hf.benchmarks.timing import machine

    torch.manual_seed(0)
    torch.set_num_threads(options.threads)
    results = []
    # Standard output holds only the figures; what a training logs goes to standard error.
    with contextlib.redirect_stdout(sys.stderr):
        for what in options.what:
            for result in MEASUREMENTS[what](options):
                print(json.dumps(result), flush=True)
                results.append(result)
    if os.environ.get("RANK", "0") != "0":
        return 0  # of several processes, the first one tells
    print(json.dumps({"machine": machine(), "results": results}, indent=2))
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Measures; returns the exit code."""
    return run_command(measure, parse_arguments(arguments), __file__)


if __name__ == "__main__":
    sys.exit(main())
