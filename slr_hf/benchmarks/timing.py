"""Times of calls, and the fixed workload that they are compared with."""

import platform
import resource
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import psutil
import torch


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


def median_ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The median of the ratios of times that were measured in turn: what a noisy machine leaves comparable."""
    return round(statistics.median(a / b for a, b in zip(ours, theirs, strict=True)), 3)


def median_ms(times: Sequence[float]) -> float:
    """The median of times in seconds, in milliseconds."""
    return round(statistics.median(times) * 1e3, 3)


def matrix_products(flops: float, rows: int = 512, width: int = 512) -> Callable[[], None]:
    """Plain matrix products `(rows, width) x (width, width)` of about `flops` floating point operations."""
    left, right = torch.randn(rows, width), torch.randn(width, width)
    repeats = max(round(flops / (2 * rows * width * width)), 1)

    def run() -> None:
        for _ in range(repeats):
            left @ right

    return run


def peak_memory_mb() -> float:
    """The most memory that this process has held so far, in megabytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (1e6 if sys.platform == "darwin" else 1e3), 1)


def resident_memory_mb() -> float:
    """The memory that this process holds now, in megabytes."""
    return round(psutil.Process().memory_info().rss / 1e6, 1)


def machine() -> dict[str, Any]:
    """What the times were measured on."""
    found: dict[str, Any] = {
        "processor": platform.processor() or platform.machine(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
    }
    if torch.cuda.is_available():
        found["accelerator"] = torch.cuda.get_device_name()
    return found


__all__ = [
    "machine",
    "matrix_products",
    "measure",
    "median_ms",
    "median_ratio",
    "peak_memory_mb",
    "resident_memory_mb",
]
