"""Signs in a stream of landmarks: frames in as they come, glosses out when a sign ends."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .landmarks_slr import (
    LEFT_HAND,
    LEFT_SHOULDER,
    NUM_LANDMARKS,
    RIGHT_HAND,
    RIGHT_SHOULDER,
    Landmarks,
)

#: The gloss that means "no sign".
NO_EVENT = "no_event"

# Seconds by which sums of times may be off.
_TOLERANCE = 1e-6


@dataclass(frozen=True)
class Segment:
    """A sign that was found in a stream.

    Args:
        gloss: Its gloss.
        begin: Its first moment, in seconds from the start of the stream.
        end: Its last moment likewise.
        score: The probability of the gloss.
        confidence: The probability that the gloss is right.
    """

    gloss: str
    begin: float
    end: float
    score: float
    confidence: float


@dataclass(frozen=True)
class StreamSettings:
    """When a sign begins and ends, and when it is told. All times are in seconds of the stream.

    Args:
        rest: How long hands must be absent or at rest for a sign to end. It is the delay of an answer.
        shortest: Shorter movements are no signs.
        longest: Longer signs are cut, so that memory and delay have a bound.
        rest_height: Hands rest where their wrists are this far below the shoulders, in shoulder widths, and slow.
        rest_speed: The fastest movement of a wrist at rest, in shoulder widths a second.
        confidence: Signs of a lower confidence are not told.

    Raises:
        ValueError: If a time, height or speed is not positive, `longest` is not above `shortest`, or `confidence` is
            not from 0 to 1.
    """

    rest: float = 0.3
    shortest: float = 0.3
    longest: float = 4.0
    rest_height: float = 1.2
    rest_speed: float = 0.5
    confidence: float = 0.5

    def __post_init__(self) -> None:
        for name in ("rest", "shortest", "longest", "rest_height", "rest_speed"):
            if not getattr(self, name) > 0:
                raise ValueError(f"`{name}` must be positive, but is {getattr(self, name)}.")
        if not self.longest > self.shortest:
            raise ValueError(f"`longest` must be above `shortest` ({self.shortest}), but is {self.longest}.")
        if not 0 <= self.confidence <= 1:
            raise ValueError(f"`confidence` must be from 0 to 1, but is {self.confidence}.")


class StreamingRecognizer:
    """Finds the signs in a stream and names them.

    A sign lasts from the first frame in which a hand is seen and does not rest until hands have been absent or at rest
    for a while. Only the frames of the sign under way are kept, and each sign is recognised once, when it ends.

    Args:
        recognize: Answers a clip as `SignRecognitionPipeline` does; the pipeline itself will do.
        fps: Frames a second of the stream.
        width: Width of the frames in pixels.
        height: Height of the frames in pixels.
        points: The Holistic index (0-542) of each column of a frame; all 543 by default.
        settings: When a sign begins and ends.

    Raises:
        ValueError: If `fps`, `width` or `height` is not positive.

    Example:
        >>> stream = StreamingRecognizer(lambda clip: {"predictions": [], "confidence": 0.0}, fps=30)
        >>> stream.add(np.full((543, 3), np.nan, np.float32))
        []
    """

    def __init__(
        self,
        recognize: Callable[[Landmarks], dict[str, Any]],
        fps: float,
        width: int = 1,
        height: int = 1,
        points: tuple[int, ...] = tuple(range(NUM_LANDMARKS)),
        settings: StreamSettings | None = None,
    ) -> None:
        if not (fps > 0 and width > 0 and height > 0):
            raise ValueError(f"`fps`, `width` and `height` must be positive, but are {fps}, {width} and {height}.")
        self.recognize = recognize
        self.fps, self.width, self.height, self.points = fps, width, height, points
        self.settings = StreamSettings() if settings is None else settings
        self._scale = np.array([width / height, 1], np.float32)
        column = {point: index for index, point in enumerate(points)}
        self._wrists = [column.get(LEFT_HAND[0]), column.get(RIGHT_HAND[0])]
        self._shoulders = [column.get(LEFT_SHOULDER), column.get(RIGHT_SHOULDER)]
        self._count = 0  # frames of the stream so far
        self._time = -np.inf  # of the last one
        self._frames: deque[np.ndarray] = deque()  # of the sign under way
        self._times: deque[float] = deque()  # of these frames
        self._busy = 0  # how many of them there are up to the last one with a moving hand
        self._last_wrists = np.full((2, 2), np.nan, np.float32)
        self._shoulder_line, self._shoulder_width = np.nan, np.nan
        self._cut: str | None = None  # the gloss of a sign that was cut because it lasts too long

    def add(self, frame: np.ndarray, time: float | None = None) -> list[Segment]:
        """Takes the next frame.

        Args:
            frame: `(points, 3)` with NaN where not detected.
            time: When it was taken, in seconds, where frames come unevenly or are left out; by default they come at
                `fps`.

        Returns:
            The sign that ended with this frame, or nothing.

        Raises:
            ValueError: If the frame has another shape, or is not later than the one before.
        """
        if frame.shape != (len(self.points), 3):
            raise ValueError(f"A frame must have the shape ({len(self.points)}, 3), but has {frame.shape}.")
        time = self._count / self.fps if time is None else time
        if not time > self._time:
            raise ValueError(f"A frame at {time} s cannot follow one at {self._time} s. Times must rise.")
        busy = self._is_busy(frame, time - self._time)
        self._count += 1
        self._time = time
        if not busy and not self._frames:
            return []
        self._frames.append(np.array(frame, np.float32))
        self._times.append(time)
        if busy:
            self._busy = len(self._frames)
        elif self._lasting(self._busy - 1) >= self.settings.rest - _TOLERANCE:
            return self._end(rested=True)
        if self._lasting(0) + 1 / self.fps >= self.settings.longest - _TOLERANCE:
            return self._end(rested=False)
        return []

    def _lasting(self, first: int) -> float:
        """Seconds from a frame of the sign under way to the newest one."""
        return self._times[-1] - self._times[first]

    def finish(self) -> list[Segment]:
        """Ends the stream.

        Returns:
            The sign that was under way, or nothing.
        """
        return self._end(rested=True)

    def _is_busy(self, frame: np.ndarray, step: float) -> bool:
        """Whether a hand is seen that does not rest, `step` seconds after the frame before."""
        places = self._places(frame, self._wrists)
        shoulders = self._places(frame, self._shoulders)
        if not np.isnan(shoulders).any():
            # Kept while the shoulders are not seen.
            self._shoulder_line = float(shoulders[:, 1].mean())
            self._shoulder_width = max(float(np.linalg.norm(shoulders[0] - shoulders[1])), 1e-3)
        speeds = np.linalg.norm(places - self._last_wrists, axis=1) / step
        self._last_wrists = places
        seen = ~np.isnan(places[:, 0])
        # Comparisons with NaN are false: a hand that just appeared, or a body that was never seen, does not rest.
        low = places[:, 1] - self._shoulder_line > self.settings.rest_height * self._shoulder_width
        slow = speeds < self.settings.rest_speed * self._shoulder_width
        return bool((seen & ~(low & slow)).any())

    def _places(self, frame: np.ndarray, columns: list[int | None]) -> np.ndarray:
        """Places `(columns, 2)` in units of the frame's height."""
        rows = [np.full(2, np.nan, np.float32) if column is None else frame[column, :2] for column in columns]
        return np.stack(rows) * self._scale

    def _end(self, rested: bool) -> list[Segment]:
        """Ends the sign under way and names it."""
        signed, times, cut = list(self._frames)[: self._busy], list(self._times)[: self._busy], self._cut
        self._frames.clear()
        self._times.clear()
        self._busy, self._cut = 0, None
        if not signed or times[-1] - times[0] + 1 / self.fps < self.settings.shortest - _TOLERANCE:
            return []
        fps = (len(times) - 1) / (times[-1] - times[0]) if len(times) > 1 else self.fps
        clip = Landmarks(np.stack(signed), self.points, fps, self.width, self.height)
        answer = self.recognize(clip)
        if not answer["predictions"]:
            return []
        best = answer["predictions"][0]
        sure = answer["confidence"] >= self.settings.confidence
        if not rested and sure:
            self._cut = best["label"]
        # The rest of a sign that was cut is the same sign.
        if best["label"] in (NO_EVENT, cut) or not sure:
            return []
        return [Segment(best["label"], times[0], times[-1] + 1 / self.fps, best["score"], answer["confidence"])]


__all__ = ["NO_EVENT", "Segment", "StreamSettings", "StreamingRecognizer"]
