"""Sessions of visitors before their cameras."""

import threading
from typing import Any

import limits
import numpy as np
import pytest
from isolation import Refused
from live import LiveSessions, View

from slr_hf.model.drawing_slr import skeleton_svg
from slr_hf.model.landmarks_slr import LEFT_SHOULDER, NUM_LANDMARKS, RIGHT_HAND, RIGHT_SHOULDER
from slr_hf.model.streaming_slr import StreamingRecognizer

PICTURE, SIGNING = b"a picture", b"a picture of a hand"


class Camera:
    """A made-up process that sees a raised hand in some pictures."""

    def __init__(self) -> None:
        self.closed = False
        self.times: list[float] = []
        self.problem: Exception | None = None

    def ask(self, values: dict[str, Any], content: bytes, deadline: float) -> Any:
        assert not self.closed
        if self.problem is not None:
            raise self.problem
        self.times.append(values["time"])
        frame = np.full((NUM_LANDMARKS, 3), np.nan, np.float32)
        frame[LEFT_SHOULDER], frame[RIGHT_SHOULDER] = (0.6, 0.4, 0), (0.4, 0.4, 0)
        if content == SIGNING:
            frame[list(RIGHT_HAND)] = (0.5, 0.4, 0)
        return {"width": 64, "height": 48}, frame

    def close(self) -> None:
        self.closed = True


class Recognizer:
    """A pipeline with made-up cameras and model; the recognizer of its streams is the real one."""

    def __init__(self) -> None:
        self.cameras: list[Camera] = []
        self.extractor = None

    def start(self, extractor: Any) -> Any:
        self.cameras.append(Camera())
        return self.cameras[-1]

    def stream(self, fps: float, width: int, height: int) -> StreamingRecognizer:
        answer = {"predictions": [{"label": "hello", "score": 0.9}], "confidence": 0.95}
        return StreamingRecognizer(lambda clip: answer, fps, width, height)

    draw_svg = staticmethod(skeleton_svg)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def recognizer() -> Recognizer:
    return Recognizer()


@pytest.fixture
def sessions(recognizer: Recognizer, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> LiveSessions:
    """Sessions whose watch is not started by itself."""
    monkeypatch.setattr(threading.Timer, "start", lambda self: None)
    monkeypatch.setattr(limits, "LIVE_AT_A_TIME", 2)
    return LiveSessions(recognizer, clock, recognizer.start)


def show(sessions: LiveSessions, clock: Clock, seconds: float, signing: bool, rate: float = 10) -> View:
    """Shows the camera of a visitor for a while."""
    view = View()
    for _ in range(round(seconds * rate)):
        clock.now += 1 / rate
        view = sessions.see("ann", SIGNING if signing else PICTURE)
    return view


@pytest.mark.parametrize("rate", [7.5, 15, 30])
def test_a_sign_is_under_way_and_then_told_at_any_rate(sessions: LiveSessions, clock: Clock, rate: float) -> None:
    assert show(sessions, clock, 1, signing=False, rate=rate).under_way is None
    during = show(sessions, clock, 2, signing=True, rate=rate)
    assert (during.under_way, during.signs) == ("hello", ())
    assert during.skeleton.startswith("<svg")
    after = show(sessions, clock, 0.5, signing=False, rate=rate)
    assert after.under_way is None
    (sign,) = after.signs
    assert (sign.gloss, sign.confidence) == ("hello", 0.95)
    assert (sign.begin, sign.end) == pytest.approx((1, 3), abs=0.2)


def test_the_newest_sign_comes_first_and_old_ones_are_forgotten(
    sessions: LiveSessions, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "LIVE_SIGNS", 3)
    view = View()
    for _ in range(5):
        show(sessions, clock, 1, signing=True)
        view = show(sessions, clock, 1, signing=False)
    begins = [sign.begin for sign in view.signs]
    assert len(begins) == 3
    assert begins == sorted(begins, reverse=True)


def test_each_visitor_has_a_process_until_leaving(sessions: LiveSessions, recognizer: Recognizer, clock: Clock) -> None:
    sessions.see("ann", PICTURE)
    sessions.see("bob", PICTURE)
    clock.now += 0.1
    sessions.see("ann", PICTURE)
    ann, bob = recognizer.cameras
    assert [len(camera.times) for camera in (ann, bob)] == [2, 1]
    sessions.leave("ann")
    sessions.leave("stranger")
    assert (ann.closed, bob.closed) == (True, False)


def test_pictures_at_one_moment_are_seen_at_times_that_rise(sessions: LiveSessions, recognizer: Recognizer) -> None:
    for _ in range(3):
        sessions.see("ann", PICTURE)
    (camera,) = recognizer.cameras
    assert camera.times == sorted(set(camera.times))
    assert len(camera.times) == 3


def test_who_sends_no_pictures_any_more_is_let_go(sessions: LiveSessions, recognizer: Recognizer, clock: Clock) -> None:
    sessions.see("ann", PICTURE)
    clock.now += limits.LIVE_IDLE - 1
    sessions.see("bob", PICTURE)
    clock.now += 1
    sessions.close_idle()
    assert [camera.closed for camera in recognizer.cameras] == [True, False]
    sessions.see("ann", PICTURE)
    assert len(recognizer.cameras) == 3, "a session of its own"


def test_the_watch_goes_on_until_nobody_is_left(recognizer: Recognizer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "LIVE_IDLE", 0.05)
    before = threading.active_count()
    sessions = LiveSessions(recognizer, start=recognizer.start)
    sessions.see("ann", PICTURE)
    for _ in range(200):
        if recognizer.cameras[0].closed and threading.active_count() == before:
            break
        threading.Event().wait(0.05)
    assert recognizer.cameras[0].closed
    assert threading.active_count() == before


def test_no_more_visitors_than_places(sessions: LiveSessions, clock: Clock) -> None:
    sessions.see("ann", PICTURE)
    sessions.see("bob", PICTURE)
    with pytest.raises(Refused, match="live_full"):
        sessions.see("cem", PICTURE)
    sessions.leave("bob")
    sessions.see("cem", PICTURE)


def test_a_session_ends_after_a_while_and_another_begins_after_a_pause(
    sessions: LiveSessions, recognizer: Recognizer, clock: Clock
) -> None:
    sessions.see("ann", PICTURE)
    clock.now += limits.LIVE_SECONDS + 1
    for _ in range(2):
        with pytest.raises(Refused, match="live_over"):
            sessions.see("ann", PICTURE)
    assert recognizer.cameras[0].closed
    sessions.see("bob", PICTURE)
    sessions.see("cem", PICTURE)  # ann's place is free
    sessions.leave("bob")
    clock.now += limits.LIVE_IDLE
    sessions.close_idle()
    sessions.see("ann", PICTURE)


@pytest.mark.parametrize(
    ("problem", "told"),
    [
        (Refused("too_large"), "too_large"),
        (Refused("live_failed"), "live_failed"),
        # What is said of videos is not said of pictures.
        (Refused("unreadable"), "live_failed"),
        (Refused("too_slow"), "live_failed"),
    ],
)
def test_a_picture_that_cannot_be_looked_at_ends_the_session(
    sessions: LiveSessions, recognizer: Recognizer, clock: Clock, problem: Refused, told: str
) -> None:
    sessions.see("ann", PICTURE)
    recognizer.cameras[0].problem = problem
    clock.now += 1
    with pytest.raises(Refused, match=told):
        sessions.see("ann", PICTURE)
    assert recognizer.cameras[0].closed
    assert sessions.see("ann", PICTURE).pictures == 1, "another begins"


def test_a_failure_ends_the_process(sessions: LiveSessions, recognizer: Recognizer, clock: Clock) -> None:
    sessions.see("ann", PICTURE)
    clock.now += 1

    def fail(*_: Any) -> None:
        raise RuntimeError("broken")

    recognizer.draw_svg = fail  # type: ignore[method-assign]
    with pytest.raises(RuntimeError, match="broken"):
        sessions.see("ann", PICTURE)
    assert recognizer.cameras[0].closed


def test_who_was_answered_and_sends_nothing_is_waiting(sessions: LiveSessions, clock: Clock) -> None:
    with sessions.answering("ann"):
        clock.now += 60
        assert sessions.waiting({"ann"}) == set(), "an answer may take long"
    clock.now += limits.LIVE_IDLE - 1
    assert sessions.waiting({"ann", "bob"}) == set()
    clock.now += 1
    assert sessions.waiting({"ann", "bob"}) == {"ann"}
    with pytest.raises(Refused), sessions.answering("ann"):
        raise Refused("live_full")
    assert sessions.waiting({"ann"}) == set(), "another picture has come"
    clock.now += limits.LIVE_IDLE
    assert sessions.waiting({"bob"}) == set(), "her camera is off"
    assert sessions.waiting({"ann"}) == set(), "and she is forgotten"
