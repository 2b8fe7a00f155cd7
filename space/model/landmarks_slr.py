"""The landmark layout: MediaPipe Holistic's 543 points, the parts a model sees, mirror pairs and skeleton edges.

Every landmark index of the project stands in this file.

Source of the numbering: MediaPipe Holistic, Face Mesh, Hands and Pose topologies
(https://ai.google.dev/edge/mediapipe/solutions/vision/holistic_landmarker).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

NUM_LANDMARKS = 543

FACE = range(0, 468)
LEFT_HAND = range(468, 489)
POSE = range(489, 522)
RIGHT_HAND = range(522, 543)

#: The four groups that MediaPipe detects, each as a whole or not at all.
DETECTED_GROUPS: dict[str, range] = {"face": FACE, "pose": POSE, "left_hand": LEFT_HAND, "right_hand": RIGHT_HAND}

# Lips: four arcs from the corner at the image's left to the corner at its right.
_OUTER_UPPER_LIP = (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291)
_OUTER_LOWER_LIP = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291)
_INNER_UPPER_LIP = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
_INNER_LOWER_LIP = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
_LIP_ARCS = (_OUTER_UPPER_LIP, _OUTER_LOWER_LIP, _INNER_UPPER_LIP, _INNER_LOWER_LIP)

LIPS: tuple[int, ...] = (
    *_OUTER_UPPER_LIP,
    *_OUTER_LOWER_LIP[1:-1],
    *_INNER_UPPER_LIP[:-1],
    *_INNER_LOWER_LIP[1:],
)

#: Within the lips: the two outer corners.
_LIP_CORNERS = (0, len(_OUTER_UPPER_LIP) - 1)

NOSE = POSE[0]
LEFT_SHOULDER, RIGHT_SHOULDER = POSE[11], POSE[12]
LEFT_ELBOW, RIGHT_ELBOW = POSE[13], POSE[14]

#: The wrists as the pose has them, which it estimates where no hand is detected too.
POSE_WRISTS = (POSE[15], POSE[16])

#: Within a hand: the wrist, and the knuckles whose distance to it gives the hand's size.
_WRIST, _KNUCKLES = 0, (5, 9, 13, 17)

#: The points a store keeps when it does not keep all: 40 lips, 2 x 21 hands, 33 pose, in ascending order.
STORED_POINTS: tuple[int, ...] = tuple(sorted({*LIPS, *LEFT_HAND, *POSE, *RIGHT_HAND}))

# Pose landmarks: 0 is the nose; 1-3 and 4-6 the eyes; from 7 on left and right alternate.
_POSE_PAIRS = ((1, 4), (2, 5), (3, 6), *((left, left + 1) for left in range(7, 33, 2)))


def _mirror_table() -> tuple[int, ...]:
    table = [-1] * NUM_LANDMARKS
    for arc in _LIP_ARCS:
        for point, other in zip(arc, reversed(arc), strict=True):
            table[point] = other
    table[NOSE] = NOSE
    for left, right in _POSE_PAIRS:
        table[POSE[left]], table[POSE[right]] = POSE[right], POSE[left]
    for left, right in zip(LEFT_HAND, RIGHT_HAND, strict=True):
        table[left], table[right] = right, left
    return tuple(table)


#: For each landmark the landmark on the signer's other side; -1 for points of the face outside the lips.
MIRRORED: tuple[int, ...] = _mirror_table()

_HAND_EDGES = (
    *((0, 1), (1, 2), (2, 3), (3, 4)),
    *((0, 5), (5, 6), (6, 7), (7, 8)),
    *((5, 9), (9, 10), (10, 11), (11, 12)),
    *((9, 13), (13, 14), (14, 15), (15, 16)),
    *((13, 17), (0, 17), (17, 18), (18, 19), (19, 20)),
)
_ARM_AND_BODY_EDGES = ((11, 12), (11, 13), (13, 15), (12, 14), (14, 16), (11, 23), (12, 24), (23, 24))

#: Pairs of landmarks to join with a line when a skeleton is drawn, by group.
SKELETON_EDGES: dict[str, tuple[tuple[int, int], ...]] = {
    "lips": tuple((arc[i], arc[i + 1]) for arc in _LIP_ARCS for i in range(len(arc) - 1)),
    "left_hand": tuple((LEFT_HAND[a], LEFT_HAND[b]) for a, b in _HAND_EDGES),
    "pose": tuple((POSE[a], POSE[b]) for a, b in _ARM_AND_BODY_EDGES),
    "right_hand": tuple((RIGHT_HAND[a], RIGHT_HAND[b]) for a, b in _HAND_EDGES),
}


@lru_cache(maxsize=64)
def _columns(stored: tuple[int, ...], points: tuple[int, ...]) -> np.ndarray:
    """The place of each of `points` among those stored, -1 where it is not. Clips of a dataset share it."""
    place = {point: index for index, point in enumerate(stored)}
    return np.array([place.get(point, -1) for point in points], np.intp)


#: The largest number that half precision holds, in which landmarks are stored.
LARGEST_COORDINATE = 65504


@dataclass(frozen=True)
class Landmarks:
    """The landmarks of one clip.

    Args:
        coordinates: Float array of shape `(frames, points, 3)`. x and y are fractions of the frame's width and height,
            z has the scale of x. NaN means "not detected".
        points: The Holistic index (0-542) of each column; all 543 by default.
        fps: Frames per second, or `None` where unknown.
        width: Width of the frames in pixels.
        height: Height of the frames in pixels.

    Raises:
        ValueError: If the shape is not `(frames, points, 3)`, `points` does not fit it or names an index twice or out
            of range, a coordinate is infinite or over `LARGEST_COORDINATE`, or fps, width or height is not positive.
    """

    coordinates: np.ndarray
    points: tuple[int, ...] = tuple(range(NUM_LANDMARKS))
    fps: float | None = None
    width: int = 1
    height: int = 1

    def __post_init__(self) -> None:
        coordinates = np.asarray(self.coordinates)
        if coordinates.ndim != 3 or coordinates.shape[-1] != 3:
            raise ValueError(f"Landmarks must have the shape (frames, points, 3), but have {coordinates.shape}.")
        if not np.issubdtype(coordinates.dtype, np.floating):
            raise ValueError(f"Landmarks must be floating point numbers (NaN = not detected), not {coordinates.dtype}.")
        points = tuple(int(point) for point in self.points)
        if len(points) != coordinates.shape[1]:
            raise ValueError(
                f"Landmarks have {coordinates.shape[1]} columns, but `points` names {len(points)}. "
                f"Pass the Holistic index (0-{NUM_LANDMARKS - 1}) of each column as `points`."
            )
        if len(set(points)) != len(points) or not all(0 <= point < NUM_LANDMARKS for point in points):
            raise ValueError(f"`points` must be distinct Holistic indices from 0 to {NUM_LANDMARKS - 1}.")
        if (np.abs(coordinates) > LARGEST_COORDINATE).any():
            raise ValueError(
                f"Landmarks contain infinite values, or some over {LARGEST_COORDINATE:,}. They are fractions of the "
                "frame's size; mark points that were not detected with NaN."
            )
        if self.fps is not None and not self.fps > 0:
            raise ValueError(f"`fps` must be positive, but is {self.fps}. Pass None where it is unknown.")
        if not (self.width > 0 and self.height > 0):
            raise ValueError(f"`width` and `height` must be positive, but are {self.width} and {self.height}.")
        object.__setattr__(self, "coordinates", coordinates)
        object.__setattr__(self, "points", points)

    @property
    def num_frames(self) -> int:
        """The number of frames."""
        return self.coordinates.shape[0]

    def take(self, points: Sequence[int], frames: slice = slice(None)) -> np.ndarray:
        """Returns the coordinates of `points`, in that order; NaN where a point is not stored.

        Args:
            points: Holistic indices; one may stand more than once.
            frames: Which frames; all by default.

        Returns:
            A new float32 array of shape `(frames, len(points), 3)`.
        """
        coordinates = self.coordinates[frames]
        columns = _columns(self.points, tuple(points))
        missing = columns < 0
        if missing.all():  # there may be no column at all
            return np.full((len(coordinates), len(columns), 3), np.nan, np.float32)
        taken = coordinates.take(columns, axis=1).astype(np.float32, copy=False)
        if missing.any():
            taken[:, missing] = np.nan
        return taken

    def select(self, points: Sequence[int]) -> "Landmarks":
        """Returns the landmarks with `points` as the columns; see `take`."""
        return replace(self, coordinates=self.take(points), points=tuple(points))

    def detected(self, points: Iterable[int]) -> np.ndarray:
        """Tells in which frames all of `points` were detected.

        Args:
            points: Holistic indices.

        Returns:
            Boolean array of shape `(frames,)`.
        """
        return ~np.isnan(self.take(tuple(points))[..., 0]).any(axis=1)

    def mirrored(self) -> "Landmarks":
        """Returns the clip as a mirror shows it: x flipped, left and right swapped.

        Points of the face outside the lips are dropped, since `MIRRORED` knows no counterpart for them.
        """
        keep = [point for point in self.points if MIRRORED[point] >= 0]
        flipped = self.take([MIRRORED[point] for point in keep])
        flipped[..., 0] = 1 - flipped[..., 0]
        return replace(self, coordinates=flipped, points=tuple(keep))


def _hand(name: str, points: range, mirror: str) -> dict[str, Any]:
    fingers = [list(range(start, start + 4)) for start in range(1, 21, 4)]
    return {
        "name": name,
        "points": list(points),
        "patches": [[_WRIST], *fingers],
        "mirror": mirror,
        "anchor": _WRIST,
        "span": list(_KNUCKLES),
    }


def default_parts() -> list[dict[str, Any]]:
    """The default table of parts: lips 40, left hand 21, right hand 21, pose 5.

    Each entry holds:

    - `name`: the part's name.
    - `points`: the Holistic indices of its keypoints.
    - `patches`: neighbouring points that are embedded together, as offsets into `points`.
    - `mirror`: the part that takes its place in a mirror.
    - `span` (optional): offsets into `points` of those whose mean distance from the part's origin is the part's size.
      The shape of a part with a span is seen apart from its place.
    - `anchor` (hands only): offset into `points` of the wrist, the hand's origin; the origin of other parts is the
      mean of their points. A part with an anchor is a hand: a frame with no hand carries no sign.

    Returns:
        A new list, free to be changed.
    """
    lips = [list(range(start, start + 4)) for start in range(0, len(LIPS), 4)]
    pose = [NOSE, LEFT_SHOULDER, LEFT_ELBOW, RIGHT_SHOULDER, RIGHT_ELBOW]
    return [
        {"name": "lips", "points": list(LIPS), "patches": lips, "mirror": "lips", "span": list(_LIP_CORNERS)},
        _hand("left_hand", LEFT_HAND, mirror="right_hand"),
        _hand("right_hand", RIGHT_HAND, mirror="left_hand"),
        {"name": "pose", "points": pose, "patches": [[0], [1, 2], [3, 4]], "mirror": "pose"},
    ]


def input_points(parts: list[dict[str, Any]]) -> tuple[int, ...]:
    """The Holistic indices (0-542) of the landmarks from which a model's answer and its warnings follow.

    Args:
        parts: The model's table of parts.

    Returns:
        The 115 points that a store keeps, where they hold all that the parts need; else all 543.
    """
    needed = {LEFT_SHOULDER, RIGHT_SHOULDER, *(point for part in parts for point in part["points"])}
    return STORED_POINTS if needed <= set(STORED_POINTS) else tuple(range(NUM_LANDMARKS))


def validate_parts(parts: Sequence[dict[str, Any]]) -> None:
    """Checks a table of parts.

    Args:
        parts: A table as `default_parts` describes it.

    Raises:
        ValueError: If the table is empty or an entry breaks its form; the message names the part and the field.
    """
    if not parts:
        raise ValueError("`parts` is empty. Name at least one part; see `default_parts`.")
    names = [part.get("name") for part in parts]
    if len(set(names)) != len(names):
        raise ValueError(f"`parts` names a part twice: {names}.")
    for part in parts:
        name = part.get("name")
        missing = {"name", "points", "patches", "mirror"} - part.keys()
        if missing:
            raise ValueError(f"Part {name!r} lacks {sorted(missing)}. See `default_parts` for the form of an entry.")
        points, anchor, span = part["points"], part.get("anchor"), part.get("span")
        offsets = [*([] if anchor is None else [anchor]), *(span or [])]
        patched = [offset for patch in part["patches"] for offset in patch]
        # JSON's true and false count as numbers, but select otherwise than 1 and 0.
        numbers = (*points, *patched, *offsets)
        wrong = [number for number in numbers if isinstance(number, bool) or not isinstance(number, int | np.integer)]
        if wrong:
            raise ValueError(f"Part {name!r} names {wrong[0]!r:.80} as a point, which is no integer.")
        if not points or len(set(points)) != len(points) or not all(0 <= point < NUM_LANDMARKS for point in points):
            raise ValueError(f"Part {name!r}: `points` must be distinct Holistic indices (0-{NUM_LANDMARKS - 1}).")
        if sorted(patched) != list(range(len(points))):
            raise ValueError(f"Part {name!r}: `patches` must hold each offset 0-{len(points) - 1} exactly once.")
        if part["mirror"] not in names:
            raise ValueError(f"Part {name!r}: `mirror` is {part['mirror']!r}, which is none of {names}.")
        if not all(0 <= offset < len(points) for offset in offsets):
            raise ValueError(f"Part {name!r}: `anchor` and `span` must be offsets into its {len(points)} points.")
        if (anchor is not None or span is not None) and not set(span or []) - {anchor}:
            raise ValueError(f"Part {name!r}: `span` must name points that tell the part's size.")


def mirror_order(parts: Sequence[dict[str, Any]]) -> tuple[list[int], list[int]]:
    """How the columns of keypoints and of part masks change places in a mirror.

    Args:
        parts: A table of parts.

    Returns:
        `(points, parts)`: for each keypoint, and for each part, the column whose value it takes.

    Raises:
        ValueError: If the mirrored counterpart of a point is not in the mirrored part.
    """
    names = [part["name"] for part in parts]
    start = dict(zip(names, np.cumsum([0, *(len(part["points"]) for part in parts)])[:-1].tolist(), strict=True))
    by_name = {part["name"]: part["points"] for part in parts}
    order = []
    for part in parts:
        other = part["mirror"]
        for point in part["points"]:
            if MIRRORED[point] not in by_name[other]:
                raise ValueError(
                    f"Part {part['name']!r}: the mirror counterpart of landmark {point} is not in part {other!r}, "
                    "so clips of this layout cannot be mirrored."
                )
            order.append(start[other] + by_name[other].index(MIRRORED[point]))
    return order, [names.index(part["mirror"]) for part in parts]


__all__ = [
    "DETECTED_GROUPS",
    "FACE",
    "LARGEST_COORDINATE",
    "LEFT_HAND",
    "LEFT_SHOULDER",
    "LIPS",
    "MIRRORED",
    "NUM_LANDMARKS",
    "POSE",
    "POSE_WRISTS",
    "RIGHT_HAND",
    "RIGHT_SHOULDER",
    "SKELETON_EDGES",
    "STORED_POINTS",
    "Landmarks",
    "default_parts",
    "input_points",
    "mirror_order",
    "validate_parts",
]
