"""Signs in a stream: told once, when they end."""

import itertools
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


def signing(count: int) -> list[np.ndarray]:
    return frames(count, lambda index: (0.4 + 0.05 * np.sin(index), 0.3))


def absent(count: int) -> list[np.ndarray]:
    return frames(count, None)


def resting(count: int) -> list[np.ndarray]:
    return frames(count, lambda _: (0.4, 0.9))


def answering(*glosses: str, confidence: float = 0.9) -> Callable[[Landmarks], dict[str, Any]]:
    """Answers with the glosses in turn, and keeps the clips it was asked for in `clips`."""
    turn = itertools.cycle(glosses)

    def recognize(clip: Landmarks) -> dict[str, Any]:
        recognize.clips.append(clip)
        return {"predictions": [{"label": next(turn), "score": 0.8}], "confidence": confidence}

    recognize.clips = []
    return recognize


def run(stream: StreamingRecognizer, given: list[np.ndarray]) -> list[Segment]:
    return [segment for frame in given for segment in stream.add(frame)] + stream.finish()


@pytest.mark.parametrize("pause", [absent, resting], ids=["absent", "at rest"])
def test_signs_between_pauses_are_told_with_their_times(pause):
    stream = StreamingRecognizer(answering("hello", "bye"), FPS)
    found = run(stream, [*pause(30), *signing(30), *pause(30), *signing(45), *pause(30)])
    assert [segment.gloss for segment in found] == ["hello", "bye"]
    # A hand that comes to rest still moves in the frame in which it arrives.
    assert found[0].begin == pytest.approx(1, abs=0.05)
    assert found[0].end == pytest.approx(2, abs=0.05)
    assert found[1].begin == pytest.approx(3, abs=0.05)
    assert found[1].end == pytest.approx(4.5, abs=0.05)


def test_a_sign_is_told_half_a_second_after_its_end_at_the_latest():
    stream = StreamingRecognizer(answering("hello"), FPS)
    told = [index for index, frame in enumerate([*signing(30), *absent(60)]) if stream.add(frame)]
    assert len(told) == 1
    assert 30 <= told[0] < 30 + FPS / 2


def test_a_hand_lost_for_a_moment_does_not_end_a_sign():
    recognize = answering("hello")
    found = run(StreamingRecognizer(recognize, FPS), [*signing(15), *absent(5), *signing(15), *absent(30)])
    assert [segment.gloss for segment in found] == ["hello"]
    assert [clip.num_frames for clip in recognize.clips] == [35]


def test_the_clip_is_what_came_in():
    recognize = answering("hello")
    given = signing(30)
    run(StreamingRecognizer(recognize, FPS, width=640, height=480), given)
    (clip,) = recognize.clips
    np.testing.assert_array_equal(clip.coordinates, np.stack(given))
    assert (clip.width, clip.height) == (640, 480)
    assert clip.fps == pytest.approx(FPS)


def test_a_stream_that_leaves_frames_out_tells_true_times():
    recognize = answering("hello")
    stream = StreamingRecognizer(recognize, FPS)
    given = [*signing(60), *absent(60)]
    kept = sorted(np.random.default_rng(0).choice(120, 60, replace=False))
    found = [segment for index in kept for segment in stream.add(given[index], 10 + index / FPS)]
    assert found[0].begin == pytest.approx(10, abs=0.1)
    assert found[0].end == pytest.approx(12, abs=0.1)
    assert recognize.clips[0].fps == pytest.approx(FPS / 2, abs=2)


def test_times_must_rise():
    stream = StreamingRecognizer(answering("hello"), FPS)
    stream.add(signing(1)[0], 1.0)
    with pytest.raises(ValueError, match="cannot follow"):
        stream.add(signing(1)[0], 1.0)


def test_short_movements_are_no_signs():
    recognize = answering("hello")
    assert run(StreamingRecognizer(recognize, FPS), [*absent(9), *signing(5), *absent(30)]) == []
    assert recognize.clips == []


def test_no_event_and_what_is_unsure_are_not_told():
    given = [*signing(30), *absent(30)]
    assert run(StreamingRecognizer(answering(NO_EVENT), FPS), given) == []
    assert run(StreamingRecognizer(answering("hello", confidence=0.4), FPS), given) == []
    settings = StreamSettings(confidence=0.3)
    assert run(StreamingRecognizer(answering("hello", confidence=0.4), FPS, settings=settings), given)


def test_a_sign_without_end_is_cut_and_told_once():
    recognize = answering("hello")
    found = run(StreamingRecognizer(recognize, FPS), signing(1000))
    assert [segment.gloss for segment in found][:1] == ["hello"]
    assert max(clip.num_frames for clip in recognize.clips) <= 4 * FPS
    assert len(found) == 1


def test_memory_does_not_grow():
    stream = StreamingRecognizer(answering("hello"), FPS)
    sizes = []
    for frame in itertools.islice(itertools.cycle([*signing(200), *resting(100), *absent(100)]), 20_000):
        stream.add(frame)
        sizes.append(len(stream._frames))
    assert max(sizes) <= 4 * FPS


def test_a_frame_of_another_shape_is_refused():
    with pytest.raises(ValueError, match=r"must have the shape \(543, 3\), but has \(115, 3\)"):
        StreamingRecognizer(answering("hello"), FPS).add(np.zeros((115, 3), np.float32))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rest": 0}, "`rest` must be positive"),
        ({"longest": 0.2}, "`longest` must be above"),
        ({"confidence": 2}, "from 0 to 1"),
    ],
)
def test_impossible_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        StreamSettings(**settings)
