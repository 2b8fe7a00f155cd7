"""How long the steps around the model take: keypoints, imports, and the way from a video to its gloss."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from slr_hf.benchmarks.timing import measure, median_ms, median_ratio, peak_memory_mb
from slr_hf.model.extraction_slr import ASSUMED_FPS, HolisticExtractor, probe_video, read_frames
from slr_hf.model.landmarks_slr import NUM_LANDMARKS, Landmarks
from slr_hf.model.pipeline_slr import SignRecognitionPipeline
from slr_hf.model.processing_slr import KeypointProcessor

#: What a fresh process does, step by step; it prints the seconds of each.
_START = """
import json, sys, time
times = [time.perf_counter()]
import torch; times.append(time.perf_counter())
import slr_hf; times.append(time.perf_counter())
from slr_hf.model.pipeline_slr import SignRecognitionPipeline; times.append(time.perf_counter())
recognize = SignRecognitionPipeline.from_pretrained(sys.argv[1]); times.append(time.perf_counter())
import numpy as np
from slr_hf.model.landmarks_slr import Landmarks
recognize(Landmarks(np.random.default_rng(0).random((50, 543, 3), np.float32), fps=30, width=640, height=480))
times.append(time.perf_counter())
print(json.dumps([after - before for before, after in zip(times, times[1:])]))
"""


def benchmark_processor(frames: int, batch_size: int, runs: int) -> dict[str, Any]:
    """Times the processor on a batch of clips, all 543 landmarks seen."""
    processor = KeypointProcessor()
    generator = np.random.default_rng(0)
    clips = [
        Landmarks(generator.random((frames, NUM_LANDMARKS, 3), np.float32), fps=30, width=640, height=480)
        for _ in range(batch_size)
    ]
    (times,) = measure(runs, lambda: processor(clips))
    return {
        "what": "processor",
        "frames": frames,
        "batch_size": batch_size,
        "median_ms": median_ms(times),
        "clips_per_second": round(float(batch_size / np.median(times)), 1),
    }


def benchmark_start(model: str | Path, runs: int) -> dict[str, Any]:
    """Times imports, loading and the first answer, each run in a process of its own."""
    found = []
    for _ in range(runs):
        answer = subprocess.run(
            [sys.executable, "-c", _START, str(model)], capture_output=True, text=True, check=True, timeout=300
        )
        found.append(json.loads(answer.stdout.splitlines()[-1]))
    steps = ("import_torch", "import_slr_hf", "import_pipeline", "load_pipeline", "first_answer")
    medians = np.median(found, axis=0)
    return {"what": "start", **{f"{step}_ms": round(float(s) * 1e3, 1) for step, s in zip(steps, medians, strict=True)}}


def benchmark_video(model: str | Path, video: str | Path, runs: int) -> dict[str, Any]:
    """Times the way from a video to its gloss beside decoding and bare MediaPipe on the same frames.

    The bare way decodes all frames first and then hands each to the landmarker, which does nothing with the result.
    """
    recognize = SignRecognitionPipeline.from_pretrained(model)
    extractor = recognize.extractor

    count = 0

    def bare() -> None:
        nonlocal count
        frames = list(read_frames(video, extractor.frame_size))
        count = len(frames)
        _run_landmarker(extractor, frames, probe_video(video).fps or ASSUMED_FPS)

    ours, theirs = measure(runs, lambda: recognize(str(video)), bare)
    return {
        "what": "video to gloss",
        "video": Path(video).name,
        "frames": count,
        "median_ms": median_ms(ours),
        "decoding_and_mediapipe_ms": median_ms(theirs),
        "ratio": median_ratio(ours, theirs),
    }


def _run_landmarker(extractor: HolisticExtractor, frames: list[Any], fps: float) -> None:
    import mediapipe as mp
    from mediapipe.tasks.python.core.base_options import BaseOptions
    from mediapipe.tasks.python.vision import HolisticLandmarker, HolisticLandmarkerOptions, RunningMode

    from slr_hf.model.landmarker_slr import resolve_landmarker

    options = HolisticLandmarkerOptions(
        base_options=BaseOptions(model_asset_path=str(resolve_landmarker(extractor.model_path))),
        running_mode=RunningMode.VIDEO,
    )
    with HolisticLandmarker.create_from_options(options) as landmarker:
        for index, (_, picture) in enumerate(frames):
            image = mp.Image(image_format=mp.ImageFormat.SRGB, data=picture)
            landmarker.detect_for_video(image, round(index * 1000 / fps))


def benchmark_memory(model: str | Path, seconds: int) -> dict[str, Any]:
    """Answers ever longer clips of frames that are made as they are read; reports the most memory held.

    Args:
        model: Folder or Hub id.
        seconds: Length of the longest clip at 30 frames a second.
    """
    recognize = SignRecognitionPipeline.from_pretrained(model)
    picture = np.full((240, 320, 3), 128, np.uint8)
    peaks = {}
    for length in (seconds // 8, seconds):
        start = time.perf_counter()
        # Frames one by one go to the landmarks first; the pipeline itself would take a generator for many clips.
        landmarks = recognize.find_landmarks((picture for _ in range(length * 30)), fps=30)
        recognize(landmarks)
        peaks[length] = {"peak_memory_mb": peak_memory_mb(), "seconds": round(time.perf_counter() - start, 2)}
    first, last = peaks.values()
    frames, values = (seconds - seconds // 8) * 30, 3 * landmarks.coordinates.itemsize
    return {
        "what": "memory of long videos",
        "peaks": peaks,
        "growth_mb": round(last["peak_memory_mb"] - first["peak_memory_mb"], 1),
        "growth_of_landmarks_mb": round(frames * NUM_LANDMARKS * values / 1e6, 1),
        "growth_of_kept_landmarks_mb": round(frames * len(landmarks.points) * values / 1e6, 1),
    }


__all__ = ["benchmark_memory", "benchmark_processor", "benchmark_start", "benchmark_video"]
