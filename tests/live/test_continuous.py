from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from slr_hf.live.continuous import gloss_error_rate, join_clips, match, measure_stream
from slr_hf.model.landmarks_slr import LEFT_SHOULDER, RIGHT_HAND, RIGHT_SHOULDER, Landmarks
from slr_hf.model.pipeline_slr import SignRecognitionPipeline
from slr_hf.model.streaming_slr import Segment


def clip(frames: int, middle: float = 0.5, width: float = 0.2, hand: bool = True) -> Landmarks:
    """Shoulders around a place, and a hand between them."""
    coordinates = np.full((frames, 543, 3), np.nan, np.float32)
    coordinates[:, LEFT_SHOULDER] = (middle + width / 2, 0.5, 0)
    coordinates[:, RIGHT_SHOULDER] = (middle - width / 2, 0.5, 0)
    if hand:
        coordinates[:, list(RIGHT_HAND)] = (middle, 0.5, 0)
    return Landmarks(coordinates, fps=30, width=640, height=480)


def sign(gloss: str, begin: float, end: float) -> Segment:
    return Segment(gloss, begin, end, 1.0, 1.0)


def test_every_sign_is_in_the_stream_once_with_idle_moments_around_it() -> None:
    signs = [(f"g{number}", clip(20 + number)) for number in range(5)]
    signing = join_clips(signs, [clip(12, hand=False)], seed=1)
    assert sorted(part.gloss for part in signing.signs) == [gloss for gloss, _ in signs]
    assert [part.gloss for part in signing.signs] != [gloss for gloss, _ in signs]
    ends = [0.0, *(part.end for part in signing.signs)]
    begins = [*(part.begin for part in signing.signs), signing.landmarks.num_frames / 30]
    for end, begin in zip(ends, begins, strict=True):
        assert 0.3 < begin - end < 3
    for part in signing.signs:
        assert round((part.end - part.begin) * 30) == 20 + int(part.gloss[1:])


def test_signs_can_follow_each_other_without_an_idle_moment() -> None:
    signing = join_clips([("a", clip(20)), ("b", clip(25))], [clip(12)], idle_seconds=(0, 0))
    first, second = signing.signs
    assert first.begin == 0
    assert second.begin - first.end == pytest.approx(0.2)  # the movement that joins them
    assert second.end == pytest.approx(signing.landmarks.num_frames / 30)


def test_all_are_brought_to_one_place_and_scale() -> None:
    signing = join_clips([("near", clip(20, 0.4, 0.3)), ("far", clip(20, 0.7, 0.1))], [clip(12, 0.2, 0.2)])
    shoulders = signing.landmarks.take((LEFT_SHOULDER, RIGHT_SHOULDER))
    assert np.ptp(shoulders[..., :2], axis=0).max() == pytest.approx(0, abs=1e-5)


def test_the_same_seed_gives_the_same_stream() -> None:
    signs, idle = [("a", clip(20)), ("b", clip(25))], [clip(12)]
    first, again, other = (join_clips(signs, idle, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.landmarks.coordinates, again.landmarks.coordinates)
    assert first.signs == again.signs
    assert first.signs != other.signs


def test_clips_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="0 and 1"):
        join_clips([], [clip(5)])
    with pytest.raises(ValueError, match="one known rate"):
        join_clips([("a", clip(5))], [replace(clip(5), fps=25)])


def test_signs_are_matched_by_their_overlap() -> None:
    true = [sign("a", 0, 1), sign("b", 2, 3)]
    told = [sign("x", 0.2, 1.0), sign("b", 2.6, 3.6), sign("b", 5, 6)]
    assert match(true, told) == [(true[0], 0)]
    assert match(true, told, overlap=0.2) == [(true[0], 0), (true[1], 1)]
    assert match([true[0], true[0]], [told[0]]) == [(true[0], 0)]


def test_errors_are_counted_in_glosses_not_words() -> None:
    true = [sign("thank you", 0, 1), sign("no", 1, 2)]
    assert gloss_error_rate(true, true) == 0
    assert gloss_error_rate([sign("thank you", 0, 1)], true) == 0.5
    assert gloss_error_rate([], true) == 1


def test_a_stream_is_measured_with_the_real_recogniser(model_dir: Path) -> None:
    recognize = SignRecognitionPipeline.from_pretrained(model_dir, device="cpu")
    signing = join_clips([("a", clip(30)), ("b", clip(30))], [clip(30, hand=False)])
    found = measure_stream(recognize, signing, confidence=0.0)
    # Random weights name anything, but hands that come and go tell where.
    assert found["signs"] == found["told"] == 2
    assert found["boundary_f1"] == 1
    assert found["latency"]["median"] < 0.5
    assert found["frames_a_second"] == 30


def test_a_slow_camera_finds_the_same_places(model_dir: Path) -> None:
    recognize = SignRecognitionPipeline.from_pretrained(model_dir, device="cpu")
    signing = join_clips([("a", clip(30)), ("b", clip(30))], [clip(30, hand=False)])
    found = measure_stream(recognize, signing, every=4, confidence=0.0)
    assert found["frames_a_second"] == 7.5
    assert found["boundary_f1"] == 1
    assert found["latency"]["percentile_95"] <= 0.5
    assert found["looks_a_second"] > 0
    with pytest.raises(ValueError, match="every"):
        measure_stream(recognize, signing, every=0)
