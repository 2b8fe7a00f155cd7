"""The skeleton that was found, drawn on the frames of a clip."""

import numpy as np

from .landmarks_slr import SKELETON_EDGES, Landmarks

#: A colour for each group of `SKELETON_EDGES`, RGB. Apart for colour-blind eyes too (Okabe and Ito 2008,
#: https://jfly.uni-koeln.de/color/).
COLOURS: dict[str, tuple[int, int, int]] = {
    "pose": (240, 228, 66),
    "lips": (204, 121, 167),
    "left_hand": (86, 180, 233),
    "right_hand": (230, 159, 0),
}

#: Lines are drawn on a dark border, so that they are seen on bright and dark clothes.
_BORDER = (20, 20, 20)

#: Width of a line as a share of the frame's shorter side.
_LINE = 1 / 160

#: The points of each group, and of all groups in turn.
_POINTS = {group: sorted({point for edge in SKELETON_EDGES[group] for point in edge}) for group in COLOURS}
_ALL_POINTS = [point for points in _POINTS.values() for point in points]

#: Bits of a pixel's fraction in OpenCV's coordinates.
_SHIFT = 4


def draw_skeleton(picture: np.ndarray, landmarks: Landmarks, index: int) -> np.ndarray:
    """Draws the landmarks of one frame: body, lips, and both hands with their joints.

    Args:
        picture: The frame as RGB uint8 `(height, width, 3)`, of any size.
        landmarks: The clip.
        index: The frame's place in the clip, from 0.

    Returns:
        A new picture. What was not detected, or lies far outside of the frame, is left out.

    Raises:
        IndexError: If the clip has no such frame.
        ImportError: If OpenCV is not installed.
    """
    try:
        import cv2  # comes with mediapipe
    except ImportError as error:
        raise ImportError("Drawing needs OpenCV: pip install opencv-python-headless") from error

    if not 0 <= index < landmarks.num_frames:
        raise IndexError(f"The clip has {landmarks.num_frames} frames, so there is no frame {index}.")
    drawn = np.array(picture)
    height, width = drawn.shape[:2]
    line = max(round(min(height, width) * _LINE), 1)
    seen = {
        point: (round(x * 2**_SHIFT), round(y * 2**_SHIFT))
        for point, (x, y) in _seen(landmarks.take(_ALL_POINTS, slice(index, index + 1))[0], width, height).items()
    }
    for group, colour in COLOURS.items():
        place = {point: seen[point] for point in _POINTS[group] if point in seen}
        lines = [(place[a], place[b]) for a, b in SKELETON_EDGES[group] if a in place and b in place]
        thickness = line if group != "lips" else max(line // 2, 1)
        for colour_now, wider in ((_BORDER, 2), (colour, 0)):
            for start, end in lines:
                cv2.line(drawn, start, end, colour_now, thickness + wider, cv2.LINE_AA, _SHIFT)
        if group.endswith("hand"):
            for centre in place.values():
                cv2.circle(drawn, centre, line << _SHIFT, colour, -1, cv2.LINE_AA, _SHIFT)
    return drawn


def skeleton_svg(coordinates: np.ndarray, width: int, height: int) -> str:
    """Draws the landmarks of one frame as an SVG image of some kilobytes, to lie over the frame in a browser.

    Args:
        coordinates: All landmarks of the frame, `(543, 3)`, NaN where not detected.
        width: Width of the frame in pixels.
        height: Height of the frame in pixels.

    Returns:
        An `svg` element, hidden from screen readers. What was not detected, or lies far outside of the frame, is left
        out.
    """
    seen = _seen(coordinates[_ALL_POINTS], width, height)
    line = max(min(height, width) * _LINE, 1.0)
    paths = []
    for group, colour in COLOURS.items():
        lines = [(*seen[a], *seen[b]) for a, b in SKELETON_EDGES[group] if a in seen and b in seen]
        if lines:
            data = "".join(f"M{x:.0f} {y:.0f}L{to_x:.0f} {to_y:.0f}" for x, y, to_x, to_y in lines)
            thickness = line if group != "lips" else line / 2
            for colour_now, wider in ((_BORDER, 2), (colour, 0)):
                paths.append(f'<path d="{data}" stroke="rgb{colour_now}" stroke-width="{thickness + wider:.1f}"/>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" aria-hidden="true" fill="none" '
        f'stroke-linecap="round">{"".join(paths)}</svg>'
    )


def _seen(places: np.ndarray, width: int, height: int) -> dict[int, tuple[float, float]]:
    """The pixels of the points of `_ALL_POINTS` that were detected, and do not lie far outside of the frame.

    Far outside, coordinates would not fit OpenCV's integers.
    """
    pixels = places[:, :2].astype(float) * (width, height)
    near = np.asarray((np.abs(pixels) < 10 * max(width, height)).all(axis=1))  # NaN is not
    return {point: (pixels[row, 0].item(), pixels[row, 1].item()) for row, point in enumerate(_ALL_POINTS) if near[row]}


__all__ = ["COLOURS", "draw_skeleton", "skeleton_svg"]
