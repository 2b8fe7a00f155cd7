from collections.abc import Iterable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from slr_hf.live.watching import watch
from slr_hf.model.landmarks_slr import LEFT_SHOULDER, NUM_LANDMARKS, RIGHT_HAND, RIGHT_SHOULDER
from slr_hf.model.streaming_slr import StreamingRecognizer, StreamSettings


def signer(busy: bool) -> np.ndarray:
    """A body, with a raised hand or none."""
    frame = np.full((NUM_LANDMARKS, 3), np.nan, np.float32)
    frame[LEFT_SHOULDER], frame[RIGHT_SHOULDER] = (0.6, 0.4, 0), (0.4, 0.4, 0)
    if busy:
        frame[list(RIGHT_HAND)] = (0.5, 0.4, 0)
    return frame


def pipeline_that_sees(frames: list[np.ndarray]) -> Any:
    """A pipeline whose landmarker finds what it is told; the recognizer of its streams is the real one."""

    def detect(pictures: Iterable[Any], fps: float) -> Iterator[Any]:
        for (time, _), frame in zip(pictures, frames, strict=True):
            yield time, frame

    def stream(fps: float, width: int, height: int, **settings: Any) -> StreamingRecognizer:
        answer = {"predictions": [{"label": "hello", "score": 0.9}], "confidence": 0.95}
        return StreamingRecognizer(lambda clip: answer, fps, width, height, settings=StreamSettings(**settings))

    return SimpleNamespace(extractor=SimpleNamespace(detect=detect), stream=stream)


def pictures(times: list[float | None]) -> list[tuple[float | None, np.ndarray]]:
    return [(time, np.full((2, 4, 3), number, np.uint8)) for number, time in enumerate(times)]


def test_every_frame_is_a_moment_with_its_own_picture() -> None:
    frames = [signer(busy) for busy in (False, True, False)]
    moments = list(watch(pipeline_that_sees(frames), pictures([None] * 3)))
    assert [moment.index for moment in moments] == [0, 1, 2]
    assert [int(moment.picture[0, 0, 0]) for moment in moments] == [0, 1, 2]
    assert all(moment.coordinates is frame for moment, frame in zip(moments, frames, strict=True))


def test_a_sign_under_way_at_the_end_is_told_with_the_last_frame_again() -> None:
    moments = list(watch(pipeline_that_sees([signer(True)] * 60), pictures([None] * 60)))
    assert [moment.index for moment in moments] == [*range(60), 59]
    assert [sign.gloss for sign in moments[-1].signs] == ["hello"]
    assert not any(moment.signs for moment in moments[:-1])


@pytest.mark.parametrize("times", [[0.0, 1.0, 0.5, 0.5], [None, None, None, None]])
def test_times_that_fall_back_stop_nothing(times: list[float | None]) -> None:
    assert len(list(watch(pipeline_that_sees([signer(False)] * 4), pictures(times)))) == 4


def test_nothing_is_told_of_no_frames() -> None:
    assert list(watch(pipeline_that_sees([]), [])) == []
