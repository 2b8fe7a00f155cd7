"""The landmark layout: the numbers that every other room relies on."""

import numpy as np
import pytest

from slr_hf.model.landmarks_slr import (
    DETECTED_GROUPS,
    LIPS,
    MIRRORED,
    NUM_LANDMARKS,
    SKELETON_EDGES,
    STORED_POINTS,
    Landmarks,
    default_parts,
    input_points,
    mirror_order,
    validate_parts,
)

DESIGNED_LIPS = (
    "61 185 40 39 37 0 267 269 270 409 291 146 91 181 84 17 314 405 321 375 "
    "78 191 80 81 82 13 312 311 310 415 95 88 178 87 14 317 402 318 324 308"
)


def clip(frames: int = 3, points: tuple[int, ...] = tuple(range(NUM_LANDMARKS)), seed: int = 0) -> Landmarks:
    values = np.random.default_rng(seed).random((frames, len(points), 3), np.float32)
    return Landmarks(values, points, fps=30, width=640, height=480)


def test_groups_cover_all_landmarks_once():
    indices = [index for group in DETECTED_GROUPS.values() for index in group]
    assert sorted(indices) == list(range(NUM_LANDMARKS))
    assert {name: len(group) for name, group in DETECTED_GROUPS.items()} == {
        "face": 468,
        "left_hand": 21,
        "pose": 33,
        "right_hand": 21,
    }


def test_lips_are_the_forty_points_in_order():
    assert tuple(map(int, DESIGNED_LIPS.split())) == LIPS


def test_a_store_keeps_115_points():
    assert len(STORED_POINTS) == len(set(STORED_POINTS)) == 115


def test_default_parts_have_87_points():
    parts = default_parts()
    validate_parts(parts)
    assert {part["name"]: len(part["points"]) for part in parts} == {
        "lips": 40,
        "left_hand": 21,
        "right_hand": 21,
        "pose": 5,
    }


def test_each_finger_is_a_patch():
    hand = default_parts()[1]
    assert hand["patches"] == [[0], [1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12], [13, 14, 15, 16], [17, 18, 19, 20]]


def test_mirror_pairs_are_mutual():
    known = [point for point in range(NUM_LANDMARKS) if MIRRORED[point] >= 0]
    assert set(STORED_POINTS) <= set(known)
    assert all(MIRRORED[MIRRORED[point]] == point for point in known)
    # Only points on the midline stand for themselves: the middles of the four arcs of the lips, and the nose.
    assert [point for point in known if MIRRORED[point] == point] == [0, 13, 14, 17, 489]


def test_mirror_order_is_its_own_inverse():
    points, parts = mirror_order(default_parts())
    assert [points[column] for column in points] == list(range(87))
    assert parts == [0, 2, 1, 3]


def test_mirror_order_needs_the_counterpart():
    parts = default_parts()
    parts[3]["points"][1] = 505  # a wrist in place of a shoulder
    with pytest.raises(ValueError, match="landmark 505"):
        mirror_order(parts)


def test_skeleton_edges_join_points_of_the_store():
    assert {point for edges in SKELETON_EDGES.values() for edge in edges for point in edge} <= set(STORED_POINTS)
    assert {edge[0] for edge in SKELETON_EDGES["lips"]} <= set(LIPS)


def test_mirroring_twice_is_the_identity():
    original = clip().select(STORED_POINTS)
    np.testing.assert_allclose(original.mirrored().mirrored().coordinates, original.coordinates, atol=1e-6)


def test_a_mirrored_clip_has_its_sides_swapped():
    original = clip()
    mirrored = original.mirrored()
    left = original.take([468])[..., 0]
    np.testing.assert_allclose(mirrored.take([522])[..., 0], 1 - left)
    np.testing.assert_allclose(mirrored.take([522])[..., 1], original.take([468])[..., 1])


def test_points_that_are_not_stored_are_missing():
    stored = clip(points=(0, 468))
    taken = stored.take([468, 5, 0])
    assert np.isnan(taken[:, 1]).all()
    np.testing.assert_array_equal(taken[:, [0, 2]], stored.coordinates[:, [1, 0]])


def test_detected_needs_all_points():
    values = np.zeros((2, 2, 3), np.float32)
    values[1, 0] = np.nan
    assert Landmarks(values, (468, 469)).detected((468, 469)).tolist() == [True, False]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"coordinates": np.zeros((3, 543), np.float32)}, r"\(3, 543\)"),
        ({"coordinates": np.zeros((3, 543, 3), np.int64)}, "int64"),
        ({"coordinates": np.zeros((3, 75, 3), np.float32)}, "75 columns"),
        ({"coordinates": np.full((3, 543, 3), np.inf, np.float32)}, "infinite"),
        ({"coordinates": np.zeros((3, 2, 3), np.float32), "points": (7, 7)}, "distinct"),
        ({"coordinates": np.zeros((3, 1, 3), np.float32), "points": (543,)}, "0 to 542"),
        ({"fps": 0.0}, "fps"),
        ({"width": 0}, "width"),
    ],
)
def test_unusable_landmarks_are_refused(changes, message):
    usable = {"coordinates": np.zeros((3, 543, 3), np.float32)}
    with pytest.raises(ValueError, match=message):
        Landmarks(**{**usable, **changes})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda parts: parts.clear(), "empty"),
        (lambda parts: parts[0].pop("patches"), "lacks"),
        (lambda parts: parts[1].update(name="lips"), "twice"),
        (lambda parts: parts[0]["points"].append(700), "'lips'"),
        (lambda parts: parts[0]["patches"].pop(), "'lips'"),
        (lambda parts: parts[0].update(mirror="tail"), "'tail'"),
        (lambda parts: parts[1].update(anchor=30), "'left_hand'"),
        (lambda parts: parts[1].update(anchor=False), "'left_hand' names False as a point"),
        (lambda parts: parts[1].update(span=[5, True]), "'left_hand' names True as a point"),
        (lambda parts: parts[1].update(points=[float(point) for point in parts[1]["points"]]), "no integer"),
        (lambda parts: parts[1]["patches"][0].__setitem__(0, None), "names None as a point"),
        (lambda parts: parts[1].update(span=[]), "'left_hand'"),
        (lambda parts: parts[1].pop("span"), "'left_hand'"),
    ],
)
def test_a_malformed_table_of_parts_is_refused(change, message):
    parts = default_parts()
    change(parts)
    with pytest.raises(ValueError, match=message):
        validate_parts(parts)


def test_a_model_needs_only_the_points_that_stores_keep_where_they_hold_its_parts():
    assert input_points(default_parts()) == STORED_POINTS
    face = {"name": "face", "points": [1], "patches": [[0]], "mirror": "face"}
    assert input_points([face]) == tuple(range(NUM_LANDMARKS))
