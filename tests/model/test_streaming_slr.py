"""Signs in a stream: told once, when they end."""

import gc
import itertools
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from slr_hf.model.landmarks_slr import LEFT_SHOULDER, NUM_LANDMARKS, RIGHT_HAND, RIGHT_SHOULDER, Landmarks
from slr_hf.model.streaming_slr import NO_EVENT, Segment, StreamingRecognizer, StreamSettings

FPS = 30


def frames(count: int, wrist: Callable[[int], tuple[float, float]] | None) -> list[np.ndarray]:
    """Frames with shoulders, and a right hand where `wrist` says; none if it is `None`."""
    made = np.full((count, NUM_LANDMARKS, 3), np.nan, np.float32)
    made[:, LEFT_SHOULDER], made[:, RIGHT_SHOULDER] = (0.6, 0.4, 0), (0.4, 0.4, 0)
    if wrist is not None:
        for index, frame in enumerate(made):
            frame[list(RIGHT_HAND)] = (*wrist(index), 0)
    return list(made)


def signing(count: int, place: float = 0.4) -> list[np.ndarray]:
    return frames(count, lambda index: (place + 0.05 * np.sin(index), 0.3))


def absent(count: int) -> list[np.ndarray]:
    return frames(count, None)


def resting(count: int) -> list[np.ndarray]:
    return frames(count, lambda _: (0.4, 0.9))


def answering(*glosses: str, confidence: float = 0.9) -> Callable[[Landmarks], dict[str, Any]]:
    """Answers by the place of the hand, one gloss a tenth of the picture from 0.4 on; keeps what it sees in `clips`."""

    def recognize(clip: Landmarks) -> dict[str, Any]:
        recognize.clips.append(clip)
        place = np.nanmedian(clip.coordinates[:, RIGHT_HAND[0], 0])
        gloss = glosses[int(np.clip(round((place - 0.4) * 10), 0, len(glosses) - 1))]
        return {"predictions": [{"label": gloss, "score": 0.8}], "confidence": confidence}

    recognize.clips = []
    return recognize


def run(stream: StreamingRecognizer, given: list[np.ndarray]) -> list[Segment]:
    return [segment for frame in given for segment in stream.add(frame)] + stream.finish()


@pytest.mark.parametrize("pause", [absent, resting], ids=["absent", "at rest"])
def test_signs_between_pauses_are_told_with_their_times(pause):
    stream = StreamingRecognizer(answering("hello", "bye"), FPS)
    found = run(stream, [*pause(30), *signing(30), *pause(30), *signing(45, place=0.5), *pause(30)])
    assert [segment.gloss for segment in found] == ["hello", "bye"]
    # A hand that comes to rest still moves in the frame in which it arrives.
    assert found[0].begin == pytest.approx(1, abs=0.05)
    assert found[0].end == pytest.approx(2, abs=0.05)
    assert found[1].begin == pytest.approx(3, abs=0.05)
    assert found[1].end == pytest.approx(4.5, abs=0.05)


def test_signs_without_a_pause_are_told_apart():
    stream = StreamingRecognizer(answering("hello", "bye"), FPS)
    found = run(stream, [*signing(30), *signing(30, place=0.5), *signing(30), *absent(30)])
    assert [segment.gloss for segment in found] == ["hello", "bye", "hello"]
    for number, segment in enumerate(found):
        assert segment.begin == pytest.approx(number, abs=0.2)
        assert segment.end == pytest.approx(number + 1, abs=0.2)


def test_the_same_sign_twice_is_told_twice():
    found = run(StreamingRecognizer(answering("hello"), FPS), [*signing(30), *absent(12), *signing(30), *absent(12)])
    assert [segment.gloss for segment in found] == ["hello", "hello"]


def test_idle_movements_between_signs_are_not_told():
    stream = StreamingRecognizer(answering("hello", NO_EVENT, "bye"), FPS)
    found = run(stream, [*signing(30), *signing(60, place=0.5), *signing(30, place=0.6), *absent(30)])
    assert [segment.gloss for segment in found] == ["hello", "bye"]


def test_a_sign_is_told_half_a_second_after_its_end_at_the_latest():
    for after in (absent(60), resting(60), signing(60, place=0.5)):
        stream = StreamingRecognizer(answering("hello", NO_EVENT), FPS)
        told = [index for index, frame in enumerate([*signing(30), *after]) if stream.add(frame)]
        assert len(told) == 1
        assert 30 <= told[0] <= 30 + FPS / 2


def test_a_hand_lost_for_a_moment_does_not_end_a_sign():
    found = run(StreamingRecognizer(answering("hello"), FPS), [*signing(15), *absent(5), *signing(15), *absent(30)])
    assert [segment.gloss for segment in found] == ["hello"]
    assert found[0].end == pytest.approx(35 / FPS, abs=0.05)


def test_a_single_look_that_differs_from_the_others_is_no_sign():
    stream = StreamingRecognizer(answering("hello", "bye"), FPS, settings=StreamSettings(agreement=0.25))
    found = run(stream, [*signing(30), *signing(9, place=0.5), *absent(30)])
    assert [segment.gloss for segment in found] == ["hello"]


def test_the_model_sees_the_last_moments_of_the_stream():
    recognize = answering("hello")
    given = signing(30)
    stream = StreamingRecognizer(recognize, FPS, width=640, height=480, settings=StreamSettings(window=0.5, check=0.1))
    for frame in given:
        stream.add(frame)
    last = recognize.clips[-1]
    assert (last.width, last.height) == (640, 480)
    assert last.fps == pytest.approx(FPS)
    assert last.num_frames == 15
    seen = next(end for end in range(30, 0, -1) if (given[end - 1] == last.coordinates[-1])[list(RIGHT_HAND)].all())
    assert seen > 26
    np.testing.assert_array_equal(last.coordinates, np.stack(given[seen - 15 : seen]))


def test_the_model_is_not_asked_while_hands_rest():
    recognize = answering("hello")
    run(StreamingRecognizer(recognize, FPS), [*absent(100), *resting(100)])
    assert recognize.clips == []
    run(StreamingRecognizer(recognize, FPS), [*signing(90), *absent(300)])
    assert 25 <= len(recognize.clips) <= 34, "ten times a second"


def test_a_stream_that_leaves_frames_out_tells_true_times():
    recognize = answering("hello")
    stream = StreamingRecognizer(recognize, FPS)
    given = [*signing(60), *absent(60)]
    kept = [index for index in range(120) if index % 4 in (0, 1)]
    found = [segment for index in kept for segment in stream.add(given[index], 10 + index / FPS)]
    assert found[0].begin == pytest.approx(10, abs=0.15)
    assert found[0].end == pytest.approx(12, abs=0.15)
    assert np.mean([clip.fps for clip in recognize.clips]) == pytest.approx(FPS / 2, abs=3)


@pytest.mark.parametrize("rate", [30, 15, 10, 7.5])
def test_signs_are_told_at_any_frame_rate_and_no_later(rate):
    given = [*absent(60), *signing(60), *absent(60), *signing(60, place=0.5), *absent(60)]
    step = round(FPS / rate)
    stream = StreamingRecognizer(answering("hello", "bye"), FPS)
    told = [(index / FPS, sign) for index in range(0, 300, step) for sign in stream.add(given[index], index / FPS)]
    assert [sign.gloss for _, sign in told] == ["hello", "bye"]
    for (moment, sign), begin in zip(told, (2, 6), strict=True):
        assert sign.begin == pytest.approx(begin, abs=1 / rate + 0.02)
        assert sign.end == pytest.approx(begin + 2, abs=1 / rate + 0.02)
        assert moment <= begin + 2.5


def test_frames_at_uneven_times_tell_the_same_as_even_ones():
    uneven = np.sort(np.random.default_rng(0).uniform(0, 10, 150))
    given = [*absent(90), *signing(60), *absent(150)]
    stream = StreamingRecognizer(answering("hello"), FPS)
    found = [sign for time in uneven for sign in stream.add(given[int(time * FPS)], time)]
    assert [sign.gloss for sign in found] == ["hello"]
    assert (found[0].begin, found[0].end) == pytest.approx((3, 5), abs=0.2)


def test_a_sign_ends_where_no_frames_come_for_a_while():
    stream = StreamingRecognizer(answering("hello"), FPS)
    for frame in signing(30):
        assert stream.add(frame) == []
    (sign,) = stream.add(signing(1)[0], 60.0)
    assert (sign.begin, sign.end) == pytest.approx((0, 1), abs=0.2)
    assert stream.finish() == []


def test_times_must_rise():
    stream = StreamingRecognizer(answering("hello"), FPS)
    stream.add(signing(1)[0], 1.0)
    with pytest.raises(ValueError, match="cannot follow"):
        stream.add(signing(1)[0], 1.0)


def test_short_movements_are_no_signs():
    assert run(StreamingRecognizer(answering("hello"), FPS), [*absent(9), *signing(5), *absent(30)]) == []


def test_no_event_and_what_is_unsure_are_not_told():
    given = [*signing(30), *absent(30)]
    assert run(StreamingRecognizer(answering(NO_EVENT), FPS), given) == []
    assert run(StreamingRecognizer(answering("hello", confidence=0.4), FPS), given) == []
    settings = StreamSettings(confidence=0.3)
    assert run(StreamingRecognizer(answering("hello", confidence=0.4), FPS, settings=settings), given)


def test_a_sign_without_end_is_told_once_and_memory_does_not_grow():
    recognize = answering("hello")
    found = run(StreamingRecognizer(recognize, FPS), signing(1000))
    assert [segment.gloss for segment in found] == ["hello"]
    assert max(clip.num_frames for clip in recognize.clips) <= 18


def test_memory_of_a_long_stream_is_flat():
    points = (LEFT_SHOULDER, RIGHT_SHOULDER, RIGHT_HAND[0])
    answer = {"predictions": [{"label": "hello", "score": 0.8}], "confidence": 0.9}
    stream = StreamingRecognizer(lambda clip: answer, FPS, points=points)
    given = itertools.cycle([frame[list(points)] for frame in [*signing(200), *resting(100), *absent(100)]])
    held, told = [], 0
    tracemalloc.start()
    try:
        for index, frame in enumerate(itertools.islice(given, 20_000), start=1):
            told += len(stream.add(frame))
            if index % 5000 == 0:
                gc.collect()
                held.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert told == 50
    assert held[-1] - held[0] < 2000, "bytes"


def test_a_frame_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"must have the shape \(543, 3\), but has \(115, 3\)"):
        StreamingRecognizer(answering("hello"), FPS).add(np.zeros((115, 3), np.float32))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rest": 0}, "`rest` must be positive"),
        ({"window": -1}, "`window` must be positive"),
        ({"agreement": -0.1}, "`agreement` must not be negative"),
        ({"confidence": 2}, "from 0 to 1"),
    ],
)
def test_impossible_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        StreamSettings(**settings)
