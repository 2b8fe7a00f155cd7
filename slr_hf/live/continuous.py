"""Continuous signing made of single clips, and how well a stream's signs are found in it.

Clips of signs follow each other in random order, with idle moments between them. All are brought to one place and scale
of the signer, and short straight movements join them. Cuts are smoothed so, not hidden: real signers move otherwise.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torchmetrics.functional.text import word_error_rate

from slr_hf.model.extraction_slr import ASSUMED_FPS
from slr_hf.model.landmarks_slr import LEFT_SHOULDER, RIGHT_SHOULDER, Landmarks
from slr_hf.model.pipeline_slr import SignRecognitionPipeline
from slr_hf.model.streaming_slr import Segment

#: Where every signer is brought: between the shoulders, and the shoulder width, in heights of the frame.
_ORIGIN, _UNIT = (0.66, 0.55), 0.4

#: Frames of the movement from one clip to the next.
_JOIN = 6


@dataclass(frozen=True)
class ContinuousSigning:
    """A stream and what is signed in it.

    Args:
        landmarks: The stream.
        signs: What is signed when; their score and confidence are 1.
    """

    landmarks: Landmarks
    signs: tuple[Segment, ...]


def join_clips(
    signs: Sequence[tuple[str, Landmarks]],
    idle: Sequence[Landmarks],
    seed: int = 0,
    idle_seconds: tuple[float, float] = (0.5, 2.0),
) -> ContinuousSigning:
    """Makes a stream: idle, a sign, idle, the next sign, and idle at the end.

    Args:
        signs: Glosses and clips, of one rate, frame size and set of points; they come in random order.
        idle: Clips without a sign, of the same form.
        seed: Seed of all that is random.
        idle_seconds: The shortest and longest idle moment between two signs, chosen evenly.

    Raises:
        ValueError: If there is no clip of either kind, or they differ in form.
    """
    if not signs or not idle:
        raise ValueError(f"A stream needs signs and idle clips, but there are {len(signs)} and {len(idle)}.")
    first = signs[0][1]
    form = (first.points, first.fps, first.width, first.height)
    others = [
        clip
        for clip in (*(clip for _, clip in signs), *idle)
        if (clip.points, clip.fps, clip.width, clip.height) != form
    ]
    if others or first.fps is None:
        raise ValueError("Clips of a stream must have one set of points, one known rate and one frame size.")
    fps, generator = float(first.fps), np.random.default_rng(seed)
    frames: list[np.ndarray] = []
    truth: list[Segment] = []

    def append(clip: np.ndarray) -> tuple[float, float]:
        if frames:
            share = (np.arange(1, _JOIN + 1) / (_JOIN + 1))[:, None, None].astype(np.float32)
            frames.extend((1 - share) * frames[-1] + share * clip[0])  # NaN where either lacks the point
        begin = len(frames) / fps
        frames.extend(clip)
        return begin, len(frames) / fps

    def append_idle() -> None:
        left = round(generator.uniform(*idle_seconds) * fps)
        while left > 0:
            clip = _placed(idle[int(generator.integers(len(idle)))])[:left]
            append(clip)
            left -= len(clip) + _JOIN

    append_idle()
    for index in generator.permutation(len(signs)):
        gloss, clip = signs[index]
        begin, end = append(_placed(clip))
        truth.append(Segment(gloss, begin, end, 1.0, 1.0))
        append_idle()
    stream = Landmarks(np.stack(frames), first.points, fps, first.width, first.height)
    return ContinuousSigning(stream, tuple(truth))


def _placed(clip: Landmarks) -> np.ndarray:
    """The clip's coordinates with the shoulders where every signer's are."""
    aspect = clip.width / clip.height
    scale = np.array([aspect, 1, aspect], np.float32)
    coordinates = clip.coordinates.astype(np.float32) * scale
    shoulders = clip.take((LEFT_SHOULDER, RIGHT_SHOULDER)) * scale
    if np.isnan(shoulders).all():
        return coordinates / scale
    middle = np.nanmedian(shoulders.mean(axis=1)[:, :2], axis=0)
    width = max(float(np.nanmedian(np.linalg.norm((shoulders[:, 0] - shoulders[:, 1])[:, :2], axis=1))), 1e-3)
    coordinates -= np.append(middle, 0).astype(np.float32)
    coordinates *= _UNIT / width
    coordinates += np.array([*_ORIGIN, 0], np.float32)
    return coordinates / scale


def measure_stream(
    recognize: SignRecognitionPipeline, signing: ContinuousSigning, every: int = 1, **settings: Any
) -> dict[str, Any]:
    """Runs a stream and compares what is told with what is signed.

    Args:
        recognize: The pipeline.
        signing: The stream.
        every: Take every n-th frame alone, as where a camera or the line is slow.
        **settings: Fields of `StreamSettings`.

    Returns:
        - minutes, frames_a_second: of the stream.
        - signs, told: how many there are, and were told.
        - segment_f1: of signs whose place (half of both together overlaps) and gloss are right; boundary_f1: place.
        - gloss_error_rate: edits from the told glosses to the true ones, a true gloss.
        - latency: seconds of the stream from a sign's true end until it is told; the median and the 95th percentile.
        - milliseconds_a_frame: of computing, answers of the model included; milliseconds_a_look: of one answer.
        - looks_a_second: how often the model is asked, a second of the stream.

    Raises:
        ValueError: If `every` is less than 1.
    """
    if every < 1:
        raise ValueError(f"`every` must be at least 1, but is {every}.")
    landmarks = signing.landmarks
    stream = recognize.stream(
        float(landmarks.fps or ASSUMED_FPS), landmarks.width, landmarks.height, landmarks.points, **settings
    )
    looks: list[float] = []

    def timed(clip: Landmarks) -> dict[str, Any]:
        before = time.process_time()
        answer: dict[str, Any] = recognize(clip)
        looks.append(time.process_time() - before)
        return answer

    stream.recognize = timed
    told: list[tuple[float, Segment]] = []
    frames = range(0, landmarks.num_frames, every)
    start = time.process_time()
    for index in frames:
        signs = stream.add(landmarks.coordinates[index], index / stream.fps)
        told.extend(((index + 1) / stream.fps, sign) for sign in signs)
    told.extend((landmarks.num_frames / stream.fps, sign) for sign in stream.finish())
    seconds = time.process_time() - start
    length = landmarks.num_frames / stream.fps
    pairs = match(signing.signs, [sign for _, sign in told])
    right = sum(true.gloss == told[index][1].gloss for true, index in pairs)
    delays = [told[index][0] - true.end for true, index in pairs]
    both = max(len(signing.signs) + len(told), 1)
    return {
        "minutes": round(length / 60, 1),
        "frames_a_second": stream.fps / every,
        "signs": len(signing.signs),
        "told": len(told),
        "segment_f1": round(2 * right / both, 3),
        "boundary_f1": round(2 * len(pairs) / both, 3),
        "gloss_error_rate": gloss_error_rate((sign for _, sign in told), signing.signs),
        "latency": {
            "median": round(float(np.median(delays)), 3) if delays else None,
            "percentile_95": round(float(np.percentile(delays, 95)), 3) if delays else None,
        },
        "milliseconds_a_frame": round(seconds * 1e3 / len(frames), 2),
        "milliseconds_a_look": round(float(np.mean(looks)) * 1e3, 2) if looks else None,
        "looks_a_second": round(len(looks) / length, 1),
    }


def match(true: Sequence[Segment], told: Sequence[Segment], overlap: float = 0.5) -> list[tuple[Segment, int]]:
    """Pairs true signs with told ones in their order, each at most once.

    Args:
        true: What is signed.
        told: What was told.
        overlap: The least share of the time of either that is the time of both.

    Returns:
        The true signs that have a partner, each with its index in `told`.
    """
    pairs, taken = [], set()
    for sign in true:
        shares = {
            index: _overlap(sign, other)
            for index, other in enumerate(told)
            if index not in taken and other.begin < sign.end and sign.begin < other.end
        }
        best = max(shares, key=lambda index: shares[index], default=None)
        if best is not None and shares[best] >= overlap:
            taken.add(best)
            pairs.append((sign, best))
    return pairs


def _overlap(first: Segment, second: Segment) -> float:
    both = min(first.end, second.end) - max(first.begin, second.begin)
    return both / (max(first.end, second.end) - min(first.begin, second.begin))


def gloss_error_rate(told: Iterable[Segment], true: Iterable[Segment]) -> float:
    """Edits (a gloss too much, too little or wrong) from what was told to what is signed, a true gloss."""

    def sentence(signs: Iterable[Segment]) -> str:
        return " ".join(sign.gloss.replace(" ", "_") for sign in signs)

    return round(float(word_error_rate(sentence(told), sentence(true))), 3)


__all__ = ["ContinuousSigning", "gloss_error_rate", "join_clips", "match", "measure_stream"]
