"""Live recognition: the camera of each visitor, picture by picture."""

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import limits
from isolation import IsolatedProcess, Isolation, Refused
from recognition import open_camera

#: Seconds between two pictures that seem to come at the same time.
_LEAST_STEP = 1e-3


@dataclass(frozen=True)
class View:
    """What is known when a picture has been seen.

    Args:
        signs: The last signs that have ended, the newest first; each a `Segment`, its times in seconds from the start.
        under_way: The gloss of the sign that seems under way, if any.
        skeleton: What was found in the picture, as an SVG image.
        pictures: How many pictures were seen.
        problem: The key of the text that says why the picture was not looked at; empty where it was.
    """

    signs: tuple[Any, ...] = ()
    under_way: str | None = None
    skeleton: str = ""
    pictures: int = 0
    problem: str = ""


def start_camera(extractor: Any) -> IsolatedProcess:
    """Starts the process that decodes the pictures of one camera and finds landmarks in them.

    Args:
        extractor: A `HolisticExtractor`.
    """
    extractor.fetch()  # here, since that process has no network
    # Its threads take the time of several cores.
    return Isolation(seconds=limits.LIVE_SECONDS * 4).open(open_camera, extractor, reads=(extractor.model_path,))


class LiveSession:
    """The camera of one visitor, from its first picture on.

    Args:
        recognizer: A `SignRecognitionPipeline`.
        begin: When the first picture came, in seconds of any clock.
        start: Starts the process of a camera.
    """

    def __init__(self, recognizer: Any, begin: float, start: Callable[[Any], IsolatedProcess]) -> None:
        self.begin = self.last = begin
        self.closed = False
        self._recognizer = recognizer
        self._start = start
        self._camera: IsolatedProcess | None = None
        self._stream: Any = None
        self._time = -1.0  # of the last picture, in seconds from the beginning
        self._pictures = 0
        self._signs: deque[Any] = deque(maxlen=limits.LIVE_SIGNS)
        self._lock = threading.Lock()  # pictures come in threads of their own

    def see(self, picture: bytes, now: float) -> View:
        """Looks at the next picture.

        Args:
            picture: A JPEG, PNG or WebP file.
            now: When it came.

        Returns:
            What is known now; nothing where the session was closed meanwhile.

        Raises:
            Refused: If the picture is too large, or cannot be looked at.
        """
        with self._lock:
            if self.closed:
                return View()
            if self._camera is None:
                self._camera = self._start(self._recognizer.extractor)
            self._time = max(self._time + _LEAST_STEP, now - self.begin)
            deadline = time.monotonic() + limits.LIVE_PICTURE
            size, coordinates = self._camera.ask({"time": self._time}, picture, deadline)
            width, height = size["width"], size["height"]
            if self._stream is None:
                self._stream = self._recognizer.stream(limits.LIVE_FRAME_RATE, width, height)
            self._signs.extendleft(self._stream.add(coordinates, self._time))
            self._pictures += 1
            skeleton = self._recognizer.draw_svg(coordinates, width, height)
            return View(tuple(self._signs), self._stream.under_way, skeleton, self._pictures)

    def close(self) -> None:
        """Lets the landmarker go; closing again does nothing."""
        with self._lock:
            self.closed = True
            camera, self._camera, self._stream = self._camera, None, None
            if camera is not None:
                camera.close()


class LiveSessions:
    """The sessions of all visitors. One begins with a visitor's first picture, and ends when no more come.

    A visitor who stops, leaves or loses the connection sends no more pictures: so all of them are found.

    Args:
        recognizer: A `SignRecognitionPipeline`.
        clock: Tells the time in seconds.
        start: Starts the process of a camera.
    """

    def __init__(
        self,
        recognizer: Any,
        clock: Callable[[], float] = time.monotonic,
        start: Callable[[Any], IsolatedProcess] = start_camera,
    ) -> None:
        self._recognizer = recognizer
        self._clock = clock
        self._start = start
        self._sessions: dict[str, LiveSession] = {}
        #: When each visitor was answered last, also where the answer was a refusal; never yet where it is infinite.
        self._answered: dict[str, float] = {}
        self._lock = threading.Lock()
        self._watch: threading.Timer | None = None

    def see(self, visitor: str, picture: bytes) -> View:
        """Looks at the next picture of a visitor.

        Args:
            visitor: The visitor's session.
            picture: A JPEG, PNG or WebP file.

        Raises:
            Refused: If the picture is too large or cannot be looked at, too many visitors are here, or this one has
                been for too long. After a pause in which the session ends, the visitor may come again.
        """
        now = self._clock()
        with self._lock:
            session = self._sessions.get(visitor)
            if session is None:
                if sum(not other.closed for other in self._sessions.values()) >= limits.LIVE_AT_A_TIME:
                    raise Refused("live_full")
                session = self._sessions[visitor] = LiveSession(self._recognizer, now, self._start)
                self._keep_watch()
            session.last = now
        if now - session.begin > limits.LIVE_SECONDS:
            session.close()
            raise Refused("live_over")
        try:
            return session.see(picture, now)
        except BaseException as error:
            self.leave(visitor)
            if isinstance(error, Refused) and str(error) in ("unreadable", "too_slow"):
                raise Refused("live_failed") from error
            raise

    @contextmanager
    def answering(self, visitor: str) -> Iterator[None]:
        """Notes that a visitor is being answered, until the block ends."""
        self._answered[visitor] = math.inf
        try:
            yield
        finally:
            self._answered[visitor] = self._clock()

    def waiting(self, visitors: Collection[str]) -> set[str]:
        """Finds those who were answered and have sent nothing for a while.

        Args:
            visitors: All whose cameras are on. Others are forgotten.
        """
        for visitor in list(self._answered):
            if visitor not in visitors:
                self._answered.pop(visitor, None)
        now = self._clock()
        return {visitor for visitor, answered in list(self._answered.items()) if now - answered >= limits.LIVE_IDLE}

    def leave(self, visitor: str) -> None:
        """Ends the session of a visitor, if there is one."""
        with self._lock:
            session = self._sessions.pop(visitor, None)
        if session is not None:
            session.close()

    def close_idle(self) -> None:
        """Ends the sessions in which no picture came for a while."""
        now = self._clock()
        with self._lock:
            idle = [visitor for visitor, session in self._sessions.items() if now - session.last >= limits.LIVE_IDLE]
        for visitor in idle:
            self.leave(visitor)
        with self._lock:
            self._watch = None
            if self._sessions:
                self._keep_watch()

    def _keep_watch(self) -> None:
        """Has idle sessions looked for, as long as there is any session; called with the lock held."""
        if self._watch is None:
            self._watch = threading.Timer(limits.LIVE_IDLE, self.close_idle)
            self._watch.daemon = True
            self._watch.start()
