"""Telling the signer's left hand from the right one."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from slr_hf.data.handedness import tell_hands_apart
from slr_hf.model.landmarks_slr import LEFT_HAND, RIGHT_HAND


def make_hand(x: float, is_left: bool) -> np.ndarray:
    """An open hand `(21, 3)` with its palm to the camera, the wrist at x; thumb and fingers bend forwards a little."""
    across = np.repeat([-0.04, -0.02, 0.0, 0.02, 0.04], 4)
    along = np.tile([0.05, 0.08, 0.1, 0.12], 5)
    forwards = np.tile([0.0, 0.01, 0.02, 0.04], 5)
    # Seen from the front, the thumb of a left hand with the palm to the camera is at its left.
    points = np.stack([across if is_left else -across, -along, -forwards], axis=1)
    return np.concatenate([[[0, 0, 0]], points]).astype(np.float32) + np.float32([x, 0.5, 0])


LEFT, RIGHT, NO_HAND = make_hand(0.7, True), make_hand(0.3, False), np.full((21, 3), np.nan, np.float32)


def test_of_two_hands_the_left_one_is_further_right_in_the_picture() -> None:
    clip = np.array([[LEFT, RIGHT], [RIGHT, LEFT], [RIGHT, LEFT]])
    np.testing.assert_array_equal(tell_hands_apart(clip), [[LEFT, RIGHT]] * 3)


@pytest.mark.parametrize("slot", [0, 1])
@pytest.mark.parametrize("x", [0.2, 0.8])
def test_a_hand_alone_is_known_by_its_fold_wherever_it_is(slot: int, x: float) -> None:
    for is_left in (True, False):
        hand = make_hand(x, is_left)
        clip = np.array([[hand, NO_HAND] if slot == 0 else [NO_HAND, hand]] * 5)
        expected = [hand, NO_HAND] if is_left else [NO_HAND, hand]
        np.testing.assert_array_equal(tell_hands_apart(clip), [expected] * 5)


def test_hands_whose_wrists_meet_are_told_apart_by_their_fold() -> None:
    left, right = make_hand(0.5, True), make_hand(0.5, False)
    clip = np.array([[left, right], [right, left], [left, right]])
    np.testing.assert_array_equal(tell_hands_apart(clip), [[left, right]] * 3)


def test_a_mirrored_clip_has_its_hands_swapped() -> None:
    mirrored = np.array([[LEFT, RIGHT]] * 3)
    mirrored[..., 0] = 1 - mirrored[..., 0]
    np.testing.assert_array_equal(tell_hands_apart(mirrored), mirrored[:, ::-1])


def test_a_hand_that_looks_like_the_other_for_a_frame_keeps_its_name() -> None:
    clip = np.array([[LEFT, NO_HAND]] * 4 + [[make_hand(0.7, False), NO_HAND]] + [[LEFT, NO_HAND]] * 4)
    np.testing.assert_array_equal(tell_hands_apart(clip), clip)


def test_frames_without_hands_stay_empty() -> None:
    clip = np.array([[NO_HAND, NO_HAND], [RIGHT, LEFT], [NO_HAND, NO_HAND], [NO_HAND, LEFT]])
    expected = [[NO_HAND, NO_HAND], [LEFT, RIGHT], [NO_HAND, NO_HAND], [LEFT, NO_HAND]]
    np.testing.assert_array_equal(tell_hands_apart(clip), expected)


@pytest.mark.parametrize("frames", [0, 1, 5])
def test_a_clip_without_hands_stays_as_it_is(frames: int) -> None:
    clip = np.full((frames, 2, 21, 3), np.nan, np.float16)
    np.testing.assert_array_equal(tell_hands_apart(clip), clip)


def test_a_hand_without_extent_is_no_error() -> None:
    assert tell_hands_apart(np.zeros((3, 2, 21, 3), np.float32)).shape == (3, 2, 21, 3)


@pytest.mark.integration
@pytest.mark.parametrize(("name", "least"), [("ksl13", 0.985), ("asl33", 0.985), ("asl11", 0.98)])
def test_most_hands_of_real_clips_get_the_name_that_mediapipe_gave_them(
    data_dir: Path, name: str, least: float
) -> None:
    with np.load(data_dir / f"{name}.npz") as arrays:
        landmarks, offsets, points = arrays["landmarks"], arrays["offsets"], arrays["points"].tolist()
    columns = [[points.index(point) for point in hand] for hand in (LEFT_HAND, RIGHT_HAND)]
    random = np.random.default_rng(0)
    right = total = 0
    for start, end in pairwise(offsets):
        clip = np.stack([landmarks[start:end, hand] for hand in columns], axis=1)
        mixed = clip.copy()
        swapped = random.random(len(clip)) < 0.5
        mixed[swapped] = clip[swapped, ::-1]
        seen = ~np.isnan(clip[:, :, 0, 0])
        right += ((tell_hands_apart(mixed)[:, :, 0, 0] == clip[:, :, 0, 0]) & seen).sum()
        total += seen.sum()
    assert right / total > least
