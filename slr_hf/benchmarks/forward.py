"""How long the model takes to classify clips."""

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from slr_hf.benchmarks.timing import matrix_products, measure, median_ms, median_ratio
from slr_hf.model.configuration_slr import SLRConfig
from slr_hf.model.modeling_slr import SLRForSignClassification


def make_model(size: str, num_labels: int) -> SLRForSignClassification:
    """A model of random weights, ready to classify."""
    return SLRForSignClassification(SLRConfig.from_size(size, num_labels=num_labels)).eval()


def count_flops(model: SLRForSignClassification, keypoints: torch.Tensor) -> dict[str, int]:
    """Floating point operations of matrix products, convolutions and attention.

    Args:
        model: The model.
        keypoints: `(batch, frames, points, channels)`.

    Returns:
        The sum under `total`, and that of each block: `embedding`, `transformer`, `pooling` and `classifier`.
    """
    with torch.inference_mode(), FlopCounterMode(display=False, depth=2) as counter:
        model(keypoints)
    by_module = {
        name.removeprefix(f"{type(model).__name__}."): sum(flops.values())
        for name, flops in counter.get_flop_counts().items()
    }
    blocks = {
        "embedding": "slr.embedding",
        "transformer": "slr.transformer",
        "pooling": "slr.pooling",
        "classifier": "classifier",
    }
    found = {block: by_module.get(name, 0) for block, name in blocks.items()}
    return {"total": counter.get_total_flops(), **found}


def benchmark_forward(
    size: str, frames: int, batch_size: int, num_labels: int, runs: int, compiled: bool = False
) -> dict[str, Any]:
    """Times the classification of a batch of clips of one length.

    Args:
        size: Size of the model.
        frames: Frames of each clip.
        batch_size: Clips of the batch.
        num_labels: Glosses.
        runs: Measured runs.
        compiled: Whether to compile the model first (`torch.compile`), which needs a C++ compiler.
    """
    model = make_model(size, num_labels)
    keypoints = torch.randn(batch_size, frames, model.config.num_points, model.config.num_channels)
    flops = count_flops(model, keypoints)
    compiling = 0.0
    with torch.inference_mode():
        if compiled:
            model.compile()
            start = time.perf_counter()
            model(keypoints)
            compiling = time.perf_counter() - start
        reference = matrix_products(flops["total"])
        ours, theirs = measure(runs, lambda: model(keypoints), reference)
    return {
        "what": "forward",
        "size": size,
        "parameters": model.num_parameters(),
        "frames": frames,
        "batch_size": batch_size,
        "num_labels": num_labels,
        "compiled": compiled,
        "first_call_s": round(compiling, 1),
        "gflops": {block: round(number / 1e9, 4) for block, number in flops.items()},
        "median_ms": median_ms(ours),
        "fastest_ms": round(min(ours) * 1e3, 3),
        "clips_per_second": round(float(batch_size / np.median(ours)), 1),
        "ratio_to_matrix_products": median_ratio(ours, theirs),
    }


def real_lengths(clips: int, seed: int = 0) -> np.ndarray:
    """Lengths of clips as SLOVO has them: 50 frames in the mean, few above 128, 270 at most.

    A log-normal distribution with the mean and deviation of the logarithms, and the extremes, of SLOVO's annotation.

    Args:
        clips: How many.
        seed: Seed of the draw.
    """
    lengths = np.random.default_rng(seed).lognormal(3.868, 0.307, clips)
    return np.clip(np.round(lengths), 17, 270).astype(int)


def batches_of_like_length(lengths: Sequence[int] | np.ndarray, batch_size: int) -> list[np.ndarray]:
    """Indices of clips in batches of about the same length, so that little is padding.

    Args:
        lengths: Frames of each clip.
        batch_size: Clips of a batch.
    """
    order = np.argsort(lengths, kind="stable")
    return [order[start : start + batch_size] for start in range(0, len(order), batch_size)]


def benchmark_batches(
    size: str, clips: int, batch_size: int, num_labels: int, runs: int, device: str | torch.device = "cpu"
) -> dict[str, Any]:
    """Times the classification of many clips of real lengths, in batches of like length.

    Args:
        size: Size of the model.
        clips: How many clips.
        batch_size: Clips of a batch.
        num_labels: Glosses.
        runs: Measured runs.
        device: Where the model and the batches are. On an accelerator it computes in bf16.
    """
    device = torch.device(device)
    model = make_model(size, num_labels).to(device)  # type: ignore[arg-type]
    config = model.config
    lengths = np.minimum(real_lengths(clips), config.input_size)
    batches = []
    for indices in batches_of_like_length(lengths, batch_size):
        frames = torch.from_numpy(lengths[indices])
        mask = (torch.arange(int(frames.max())) < frames[:, None]).long()
        keypoints = torch.randn(*mask.shape, config.num_points, config.num_channels)
        batches.append({"keypoints": keypoints.to(device), "attention_mask": mask.to(device)})

    def classify() -> None:
        with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=device.type != "cpu"):
            logits = [model(**batch).logits for batch in batches]
        logits[-1].cpu()  # waits for the device

    (times,) = measure(runs, classify)
    return {
        "what": "batches of real lengths",
        "size": size,
        "clips": clips,
        "batch_size": batch_size,
        "mean_frames": round(float(lengths.mean()), 1),
        "num_labels": num_labels,
        "device": str(device),
        "batches_per_second": round(float(len(batches) / np.median(times)), 2),
        "clips_per_second": round(float(clips / np.median(times)), 1),
    }


__all__ = [
    "batches_of_like_length",
    "benchmark_batches",
    "benchmark_forward",
    "count_flops",
    "make_model",
    "real_lengths",
]
