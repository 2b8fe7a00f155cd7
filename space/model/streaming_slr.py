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

# Share of the window on each side of a sign that the first and last look at it do not see.
_EDGE = 0.3


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
    """When a sign begins and ends, and when it is told. All times are in seconds of the stream, at any frame rate.

    Args:
        window: What the model looks at: the last moments of the stream.
        check: How often it looks, while a hand is busy.
        agreement: How long looks in a row must name the same gloss, from the first to the last; 0 where one look will
            do.
        rest: How long hands must be absent or at rest for a sign to end at once.
        shortest: How long hands must have been busy before the model looks, from the first busy frame to the last.
        rest_height: Hands rest where their wrists are this far below the shoulders, in shoulder widths, and slow.
        rest_speed: The fastest movement of a wrist at rest, in shoulder widths a second.
        confidence: Looks of a lower confidence name nothing.

    Raises:
        ValueError: If `agreement` is negative, another time, a height or a speed is not positive, or `confidence` is
            not from 0 to 1.
    """

    window: float = 0.6
    check: float = 0.1
    agreement: float = 0.25
    rest: float = 0.3
    shortest: float = 0.25
    rest_height: float = 1.2
    rest_speed: float = 0.5
    confidence: float = 0.85

    def __post_init__(self) -> None:
        for name in ("window", "check", "rest", "shortest", "rest_height", "rest_speed"):
            if not getattr(self, name) > 0:
                raise ValueError(f"`{name}` must be positive, but is {getattr(self, name)}.")
        if not self.agreement >= 0:
            raise ValueError(f"`agreement` must not be negative, but is {self.agreement}.")
        if not 0 <= self.confidence <= 1:
            raise ValueError(f"`confidence` must be from 0 to 1, but is {self.confidence}.")


@dataclass
class _Run:
    """Looks in a row that name the same gloss."""

    gloss: str
    busy_since: float
    first: float
    last: float
    score: float = 0.0
    confidence: float = 0.0


class StreamingRecognizer:
    """Finds the signs in a stream and names them.

    While a hand is busy, the model looks at the last moments again and again. Looks in a row that agree are a sign; it
    ends when a look sees something else or nothing (`no_event`, or too little confidence), or when hands have been
    absent or at rest for a while, or when no frame has come for a window. Only the frames of a window are kept.

    Args:
        recognize: Answers a clip as `SignRecognitionPipeline` does; the pipeline itself will do.
        fps: Frames a second of the stream, where they come without times.
        width: Width of the frames in pixels.
        height: Height of the frames in pixels.
        points: Holistic index (0-542) of each column of a frame; all 543 by default.
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
        self._last_wrists = np.full((2, 2), np.nan, np.float32)
        self._shoulder_line, self._shoulder_width = np.nan, np.nan
        self._count = 0  # frames of the stream so far
        self._time = -np.inf  # of the last one
        self._frames: deque[np.ndarray] = deque()  # of the window
        self._times: deque[float] = deque()  # of these frames
        self._busy_since: float | None = None  # when the first frame came with a busy hand; none while hands rest
        self._last_busy = -np.inf
        self._next_look = -np.inf
        self._run: _Run | None = None

    @property
    def under_way(self) -> str | None:
        """The gloss of the sign that seems under way, which may yet turn out to be none."""
        return None if self._run is None else self._run.gloss

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
        time = self._count / self.fps if time is None else float(time)
        if not time > self._time:
            raise ValueError(f"A frame at {time} s cannot follow one at {self._time} s. Times must rise.")
        settings = self.settings
        busy = self._is_busy(frame, time - self._time)
        rested = not busy and time - self._last_busy >= settings.rest - _TOLERANCE
        broken_off = time - self._time >= settings.window - _TOLERANCE
        ended = self._end() if rested or broken_off else []
        if rested or broken_off:
            self._busy_since = None
        self._count += 1
        self._time = time
        self._frames.append(np.array(frame, np.float32))
        self._times.append(time)
        while time - self._times[0] >= settings.window - _TOLERANCE:
            self._frames.popleft()
            self._times.popleft()
        if busy:
            self._busy_since = time if self._busy_since is None else self._busy_since
            self._last_busy = time
        if self._busy_since is None or time < self._next_look - _TOLERANCE:
            return ended
        if self._last_busy - self._busy_since < settings.shortest - _TOLERANCE:
            return ended
        self._next_look = time + settings.check
        return ended + self._look(self._busy_since)

    def finish(self) -> list[Segment]:
        """Ends the stream.

        Returns:
            The sign that was under way, or nothing.
        """
        return self._end()

    def _look(self, busy_since: float) -> list[Segment]:
        """Has the model look at the window; returns the sign that has ended thereby."""
        clip = Landmarks(np.stack(self._frames), self.points, 1 / self._frame_seconds(), self.width, self.height)
        answer = self.recognize(clip)
        best = next(iter(answer["predictions"]), None)
        sure = best is not None and answer["confidence"] >= self.settings.confidence
        gloss = best["label"] if best is not None and sure and best["label"] != NO_EVENT else None
        ended = self._end() if self._run is not None and gloss != self._run.gloss else []
        if best is None or gloss is None:
            return ended
        run = self._run = self._run or _Run(gloss, busy_since, self._time, self._time)
        run.last = self._time
        run.score = max(run.score, best["score"])
        run.confidence = max(run.confidence, answer["confidence"])
        return ended

    def _end(self) -> list[Segment]:
        """Ends the run under way; returns its sign if enough looks agreed."""
        run, self._run = self._run, None
        if run is None or run.last - run.first < self.settings.agreement - _TOLERANCE:
            return []
        # A look that agrees sees the sign in about two thirds of its window.
        edge = _EDGE * self.settings.window
        begin = max(run.first - self.settings.window + edge, run.busy_since)
        frame = self._frame_seconds()
        end = max(min(run.last - edge, self._last_busy), begin) + frame
        return [Segment(run.gloss, begin, end, run.score, run.confidence)]

    def _frame_seconds(self) -> float:
        """How long a frame of the window stands for the stream."""
        span = self._times[-1] - self._times[0]
        return span / (len(self._times) - 1) if span > 0 else 1 / self.fps

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


__all__ = ["NO_EVENT", "Segment", "StreamSettings", "StreamingRecognizer"]
