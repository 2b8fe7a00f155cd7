"""How well signs are found in continuous signing, and at what cost."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from slr_hf.benchmarks.timing import peak_memory_mb, resident_memory_mb
from slr_hf.data import find_session, load_landmark_arrays, read_column, to_landmarks
from slr_hf.live.continuous import ContinuousSigning, join_clips, measure_stream
from slr_hf.model.landmarks_slr import Landmarks
from slr_hf.model.pipeline_slr import SignRecognitionPipeline

_FPS = 30.0

#: The gloss of clips without a sign in asl33.
_IDLE_GLOSS = "-"


def make_signing(
    signs: str | Path,
    session: str,
    idle: str | Path,
    clips: int,
    idle_seconds: tuple[float, float] = (0.5, 2.0),
    last_idle: float = 0.2,
    seed: int = 0,
) -> ContinuousSigning:
    """Joins clips of landmark arrays to a stream.

    Args:
        signs: Landmark arrays of signs, such as ksl13.
        session: Their recording session; see `find_session`.
        idle: Landmark arrays with clips without a sign, such as asl33.
        clips: How many clips of signs to take.
        idle_seconds: See `join_clips`.
        last_idle: Share of the idle clips to take, the last ones: the demo model has not seen the last fifth.
        seed: Seed of all that is random.
    """
    dataset = load_landmark_arrays([signs])
    rows = np.flatnonzero(read_column(dataset, "session").astype(np.str_) == find_session(dataset, session))
    chosen = np.random.default_rng(seed).choice(rows, min(clips, len(rows)), replace=False)
    glosses = dataset.features["label"]
    labels = read_column(dataset, "label")
    named = [
        (glosses.int2str(int(labels[row])), clip) for row, clip in zip(chosen, _clips(dataset, chosen), strict=True)
    ]
    others = load_landmark_arrays([idle])
    still = np.flatnonzero(read_column(others, "label") == others.features["label"].str2int(_IDLE_GLOSS))
    kept = still[len(still) - max(round(last_idle * len(still)), 1) :]
    return join_clips(named, _clips(others, kept), seed, idle_seconds)


def _clips(dataset: Any, rows: Sequence[int] | np.ndarray) -> list[Landmarks]:
    """Clips without their first frame, which in ksl13 and asl33 shows the end of the clip before."""
    clips = [to_landmarks(row) for row in dataset.with_format("numpy").select(rows)]
    return [replace(clip, coordinates=clip.coordinates[1:], fps=_FPS) for clip in clips]


def benchmark_live(
    model: str | Path,
    signs: str | Path,
    session: str,
    idle: str | Path,
    clips: int,
    idle_seconds: tuple[float, float] = (0.5, 2.0),
    every: int = 1,
    repeats: int = 1,
    seed: int = 0,
) -> Iterator[dict[str, Any]]:
    """Measures the signs that a model finds in such a stream, and the memory of a long one.

    Args:
        model: Folder or Hub id.
        signs: See `make_signing`; the model must not have seen the session.
        session: See `make_signing`.
        idle: See `make_signing`.
        clips: See `make_signing`.
        idle_seconds: See `join_clips`.
        every: See `measure_stream`.
        repeats: How often the stream is repeated, for the memory of long ones.
        seed: Seed of all that is random.
    """
    recognize = SignRecognitionPipeline.from_pretrained(model, device="cpu")
    signing = make_signing(signs, session, idle, clips, idle_seconds, seed=seed)
    conditions = {"session": session, "seed": seed, "idle_seconds": idle_seconds}
    yield {"what": "signs in a stream", **conditions, **measure_stream(recognize, signing, every)}
    if repeats > 1:
        yield {"what": "memory of a long stream", **conditions, **measure_memory(recognize, signing, repeats)}


def measure_memory(recognize: SignRecognitionPipeline, signing: ContinuousSigning, repeats: int) -> dict[str, Any]:
    """Repeats a stream without a break, as one long stream.

    Args:
        recognize: The pipeline.
        signing: The stream.
        repeats: How often.

    Returns:
        - hours: of the stream; told: how many signs.
        - resident_mb: resident memory when each hour of it had passed, the rest of the last one too.
        - growth_mb: from the end of the first hour, when all is loaded, to the end.
        - peak_growth_mb: the same of the most memory held so far.
    """
    landmarks = signing.landmarks
    stream = recognize.stream(_FPS, landmarks.width, landmarks.height, landmarks.points)
    resident, peaks, told = [], [], 0
    hour = round(3600 * _FPS)
    frames = repeats * landmarks.num_frames
    with tqdm(total=frames, unit=" frames", file=sys.stderr, mininterval=60) as bar:
        for index in range(frames):
            told += len(stream.add(landmarks.coordinates[index % landmarks.num_frames]))
            if (index + 1) % hour == 0 or index + 1 == frames:
                resident.append(resident_memory_mb())
                peaks.append(peak_memory_mb())
                bar.set_postfix(resident_mb=resident)
            bar.update()
    return {
        "hours": round(frames / hour, 2),
        "told": told + len(stream.finish()),
        "resident_mb": resident,
        "growth_mb": round(resident[-1] - resident[0], 1),
        "peak_growth_mb": round(peaks[-1] - peaks[0], 1),
    }


__all__ = ["benchmark_live", "make_signing", "measure_memory"]
