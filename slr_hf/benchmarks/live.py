"""How well signs are found in continuous signing, and at what cost."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from slr_hf.benchmarks.timing import peak_memory_mb
from slr_hf.data import find_session, load_landmark_arrays, read_column, to_landmarks
from slr_hf.live.continuous import ContinuousSigning, join_clips, measure_stream
from slr_hf.model.landmarks_slr import Landmarks
from slr_hf.model.pipeline_slr import SignRecognitionPipeline

_FPS = 30.0

#: The gloss of clips without a sign in asl33.
_IDLE_GLOSS = "-"


def make_signing(
    signs: str | Path, session: str, idle: str | Path, clips: int, last_idle: float = 0.2, seed: int = 0
) -> ContinuousSigning:
    """Joins clips of landmark arrays to a stream.

    Args:
        signs: Landmark arrays of signs, such as ksl13.
        session: Their recording session; see `find_session`.
        idle: Landmark arrays with clips without a sign, such as asl33.
        clips: How many clips of signs to take.
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
    return join_clips(named, _clips(others, kept), seed)


def _clips(dataset: Any, rows: Sequence[int] | np.ndarray) -> list[Landmarks]:
    """Clips without their first frame, which in ksl13 and asl33 shows the end of the clip before."""
    clips = [to_landmarks(row) for row in dataset.with_format("numpy").select(rows)]
    return [replace(clip, coordinates=clip.coordinates[1:], fps=_FPS) for clip in clips]


def benchmark_live(
    model: str | Path, signs: str | Path, session: str, idle: str | Path, clips: int, repeats: int = 1, seed: int = 0
) -> dict[str, Any]:
    """Measures the signs that a model finds in such a stream.

    Args:
        model: Folder or Hub id.
        signs: See `make_signing`; the model must not have seen the session.
        session: See `make_signing`.
        idle: See `make_signing`.
        clips: See `make_signing`.
        repeats: How often the stream is repeated, for the memory of long ones.
        seed: Seed of all that is random.
    """
    recognize = SignRecognitionPipeline.from_pretrained(model, device="cpu")
    signing = make_signing(signs, session, idle, clips, seed=seed)
    result = {"what": "signs in a stream", "session": session, **measure_stream(recognize, signing)}
    if repeats > 1:
        stream = recognize.stream(_FPS, signing.landmarks.width, signing.landmarks.height, signing.landmarks.points)
        peaks = []
        for _ in range(repeats):
            for frame in signing.landmarks.coordinates:
                stream.add(frame)
            peaks.append(peak_memory_mb())
        result["hours"] = round(repeats * signing.landmarks.num_frames / _FPS / 3600, 2)
        # The first tenth is for what is loaded and kept for good.
        result["growth_mb"] = round(peaks[-1] - peaks[len(peaks) // 10], 1)
    return result


__all__ = ["benchmark_live", "make_signing"]
