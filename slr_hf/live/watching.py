"""A video or a camera, watched frame by frame for signs."""

from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np

from slr_hf.model.extraction_slr import ASSUMED_FPS, TimedFrame
from slr_hf.model.pipeline_slr import SignRecognitionPipeline
from slr_hf.model.streaming_slr import Segment

#: Seconds between two frames whose times do not rise, as in a damaged file.
_LEAST_STEP = 1e-3


@dataclass(frozen=True)
class Moment:
    """What is known when a frame has been seen.

    Args:
        index: The frame's place, from 0.
        picture: The frame, RGB uint8 `(height, width, 3)`.
        coordinates: Its landmarks, `(543, 3)`; see `Landmarks`.
        signs: The signs that ended with it.
    """

    index: int
    picture: np.ndarray
    coordinates: np.ndarray
    signs: tuple[Segment, ...]


def watch(
    recognize: SignRecognitionPipeline, frames: Iterable[TimedFrame], fps: float | None = None, **settings: Any
) -> Generator[Moment, None, None]:
    """Watches frames for signs; in memory are those of one window of the stream.

    Args:
        recognize: The pipeline.
        frames: Frames as they come.
        fps: Frames a second, where they carry no time.
        **settings: Fields of `StreamSettings`.

    Yields:
        A moment a frame. The last frame comes twice where a sign was under way when the frames ended.

    Raises:
        LandmarkerError: If the landmark models are missing or unusable.
    """
    fps = fps or ASSUMED_FPS
    pictures: list[np.ndarray] = []  # the one that the landmarker has now

    def kept() -> Iterator[TimedFrame]:
        for time, picture in frames:
            pictures[:] = [picture]
            yield time, picture

    stream, last = None, -1.0
    with closing(recognize.extractor.detect(kept(), fps)) as detections:
        for index, (time, coordinates) in enumerate(detections):
            height, width = pictures[0].shape[:2]
            stream = stream or recognize.stream(fps, width, height, **settings)
            last = max(last + _LEAST_STEP, index / fps if time is None else time)
            yield Moment(index, pictures[0], coordinates, tuple(stream.add(coordinates, last)))
    if stream is not None and (signs := stream.finish()):
        yield Moment(index, pictures[0], coordinates, tuple(signs))


__all__ = ["Moment", "watch"]
