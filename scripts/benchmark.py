"""Measures how fast the model and the processor are, and prints the figures as JSON.

Times are medians of repeated runs. Machines differ and are noisy, so each time of a model comes with its ratio to plain
matrix products of as many floating point operations, measured in turn with it.

    python scripts/benchmark.py --size base --frames 50 --num-labels 1001
"""

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from slr_hf.model.configuration_slr import SIZES, SLRConfig
from slr_hf.model.landmarks_slr import NUM_LANDMARKS, Landmarks
from slr_hf.model.modeling_slr import SLRForSignClassification
from slr_hf.model.processing_slr import KeypointProcessor


def measure(runs: int, *calls: Callable[[], Any]) -> list[list[float]]:
    """Times several calls in turn, after one unmeasured run of each.

    Args:
        runs: Measured runs of each call.
        *calls: What to time.

    Returns:
        For each call, its times in seconds.
    """
    for call in calls:
        call()
    times: list[list[float]] = [[] for _ in calls]
    for _ in range(runs):
        for call, measured in zip(calls, times, strict=True):
            start = time.perf_counter()
            call()
            measured.append(time.perf_counter() - start)
    return times


def matrix_products(flops: int, rows: int, width: int = 512) -> Callable[[], None]:
    """Plain matrix products `(rows, width) x (width, width)` of about `flops` floating point operations."""
    left, right = torch.randn(rows, width), torch.randn(width, width)
    repeats = max(round(flops / (2 * rows * width * width)), 1)

    def run() -> None:
        for _ in range(repeats):
            left @ right

    return run


def benchmark_forward(size: str, frames: int, batch_size: int, num_labels: int, runs: int) -> dict[str, Any]:
    """Times the classification of a batch of clips without padding."""
    model = SLRForSignClassification(SLRConfig.from_size(size, num_labels=num_labels)).eval()
    keypoints = torch.randn(batch_size, frames, model.config.num_points, model.config.num_channels)
    with torch.inference_mode():
        with FlopCounterMode(display=False) as counter:
            model(keypoints)
        flops = counter.get_total_flops()
        reference = matrix_products(flops, rows=batch_size * frames)
        ours, theirs = measure(runs, lambda: model(keypoints), reference)
    return {
        "what": "forward",
        "size": size,
        "parameters": model.num_parameters(),
        "frames": frames,
        "batch_size": batch_size,
        "num_labels": num_labels,
        "gflops": round(flops / 1e9, 3),
        "median_ms": round(statistics.median(ours) * 1e3, 2),
        "clips_per_second": round(batch_size / statistics.median(ours), 1),
        "ratio_to_matrix_products": round(
            statistics.median(a / b for a, b in zip(ours, theirs, strict=True)),
            2,
        ),
    }


def benchmark_processor(frames: int, batch_size: int, runs: int) -> dict[str, Any]:
    """Times the processor on a batch of clips."""
    processor = KeypointProcessor()
    generator = np.random.default_rng(0)
    clips = [
        Landmarks(generator.random((frames, NUM_LANDMARKS, 3), np.float32), fps=30, width=640, height=480)
        for _ in range(batch_size)
    ]
    (times,) = measure(runs, lambda: processor(clips))
    median = statistics.median(times)
    return {
        "what": "processor",
        "frames": frames,
        "batch_size": batch_size,
        "median_ms": round(median * 1e3, 2),
        "clips_per_second": round(batch_size / median, 1),
    }


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=SIZES, nargs="+", default=["tiny", "base"], help="sizes of the model")
    parser.add_argument("--frames", type=int, default=50, help="frames of a clip")
    parser.add_argument("--batch-size", type=int, default=1, help="clips in a batch")
    parser.add_argument("--num-labels", type=int, default=1001, help="glosses")
    parser.add_argument("--runs", type=int, default=20, help="measured runs")
    parser.add_argument("--threads", type=int, default=2, help="threads of torch")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> None:
    """Runs the command."""
    args = parse_arguments(arguments)
    torch.manual_seed(0)
    torch.set_num_threads(args.threads)
    results = [benchmark_forward(size, args.frames, args.batch_size, args.num_labels, args.runs) for size in args.size]
    results.append(benchmark_processor(args.frames, max(args.batch_size, 32), args.runs))
    machine = {"processor": platform.processor() or platform.machine(), "torch": torch.__version__}
    print(json.dumps({"machine": {**machine, "threads": args.threads}, "results": results}, indent=2))


if __name__ == "__main__":
    main()
