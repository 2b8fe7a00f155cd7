import re
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from slr_hf.model.drawing_slr import COLOURS, draw_skeleton, skeleton_svg
from slr_hf.model.landmarks_slr import LEFT_HAND, POSE, SKELETON_EDGES, STORED_POINTS, Landmarks
from slr_hf.model.pipeline_slr import SignRecognitionPipeline

WIDTH, HEIGHT = 320, 240


def clip(frames: int = 2, seed: int = 0, low: float = 0.3, high: float = 0.7) -> Landmarks:
    """Landmarks in the middle of the frame."""
    coordinates = np.random.default_rng(seed).uniform(low, high, (frames, 543, 3)).astype(np.float32)
    return Landmarks(coordinates, fps=30, width=WIDTH, height=HEIGHT)


def picture(height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    return np.full((height, width, 3), 128, np.uint8)


def only(landmarks: Landmarks, points: range) -> Landmarks:
    kept = np.full_like(landmarks.coordinates, np.nan)
    kept[:, list(points)] = landmarks.coordinates[:, list(points)]
    return Landmarks(kept, fps=30, width=WIDTH, height=HEIGHT)


def test_every_group_of_the_skeleton_has_a_colour_of_its_own() -> None:
    assert COLOURS.keys() == SKELETON_EDGES.keys()
    assert len(set(COLOURS.values())) == len(COLOURS)


def test_the_frame_stays_as_it_was_and_the_skeleton_lies_where_the_landmarks_are() -> None:
    frame = picture()
    drawn = draw_skeleton(frame, clip(), 0)
    assert (frame == 128).all()
    assert drawn.shape == frame.shape
    assert drawn.dtype == np.uint8
    changed = (drawn != frame).any(axis=2)
    assert changed[72:168, 96:224].mean() > 0.2
    changed[66:174, 90:230] = False  # lines have a width
    assert not changed.any()


def test_a_hand_is_drawn_in_its_colour() -> None:
    drawn = draw_skeleton(picture(), only(clip(), LEFT_HAND), 0)
    assert (drawn == COLOURS["left_hand"]).all(axis=2).sum() > 50
    assert not (drawn == COLOURS["right_hand"]).all(axis=2).any()


def test_what_was_not_detected_is_left_out() -> None:
    nothing = Landmarks(np.full((1, 543, 3), np.nan, np.float32), width=WIDTH, height=HEIGHT)
    np.testing.assert_array_equal(draw_skeleton(picture(), nothing, 0), picture())


def test_landmarks_far_outside_do_no_harm() -> None:
    far = Landmarks(np.full((1, 543, 3), 6e4, np.float32), width=WIDTH, height=HEIGHT)
    np.testing.assert_array_equal(draw_skeleton(picture(), far, 0), picture())


@pytest.mark.parametrize(("height", "width"), [(1, 1), (7, 300), (1080, 1920)])
def test_frames_of_any_size_are_drawn_on(height: int, width: int) -> None:
    assert draw_skeleton(picture(height, width), clip(), 0).shape == (height, width, 3)


def test_each_frame_has_its_own_skeleton() -> None:
    landmarks = clip()
    assert (draw_skeleton(picture(), landmarks, 0) != draw_skeleton(picture(), landmarks, 1)).any()
    with pytest.raises(IndexError, match="no frame 2"):
        draw_skeleton(picture(), landmarks, 2)


def test_a_store_of_fewer_points_draws_the_same_but_for_what_it_lacks() -> None:
    whole, stored = only(clip(), LEFT_HAND), clip().select(STORED_POINTS)
    stored = Landmarks(
        np.where(np.isin(STORED_POINTS, LEFT_HAND)[:, None], stored.coordinates, np.nan).astype(np.float32),
        points=STORED_POINTS,
        width=WIDTH,
        height=HEIGHT,
    )
    np.testing.assert_array_equal(draw_skeleton(picture(), stored, 0), draw_skeleton(picture(), whole, 0))


def test_the_pipeline_draws_without_being_made() -> None:
    body = only(clip(), POSE)
    drawn = SignRecognitionPipeline.draw(picture(), body, 1)
    np.testing.assert_array_equal(drawn, draw_skeleton(picture(), body, 1))


def svg_paths(coordinates: np.ndarray) -> dict[str, str]:
    """The path of each colour."""
    svg = ET.fromstring(skeleton_svg(coordinates, WIDTH, HEIGHT))
    assert svg.get("viewBox") == f"0 0 {WIDTH} {HEIGHT}"
    assert svg.get("aria-hidden") == "true"
    return {path.get("stroke", ""): path.get("d", "") for path in svg}


def test_the_svg_has_the_same_lines_in_the_same_colours() -> None:
    paths = svg_paths(clip().coordinates[0])
    for group, colour in COLOURS.items():
        numbers = [float(number) for number in re.findall(r"[\d.]+", paths[f"rgb{colour}"])]
        assert len(numbers) == 4 * len(SKELETON_EDGES[group])
        assert all(0.3 * WIDTH - 1 <= x <= 0.7 * WIDTH + 1 for x in numbers[::2])
        assert all(0.3 * HEIGHT - 1 <= y <= 0.7 * HEIGHT + 1 for y in numbers[1::2])


def test_the_svg_is_small_and_leaves_out_what_was_not_detected() -> None:
    assert len(skeleton_svg(clip().coordinates[0], WIDTH, HEIGHT)) < 10_000
    assert svg_paths(np.full((543, 3), np.nan, np.float32)) == {}
    assert svg_paths(np.full((543, 3), 1e30, np.float32)) == {}
    hand = svg_paths(only(clip(), LEFT_HAND).coordinates[0])
    assert f"rgb{COLOURS['left_hand']}" in hand
    assert f"rgb{COLOURS['pose']}" not in hand
