"""One clip in many forms: whatever holds it, its frames are read as they were before."""

from fractions import Fraction
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hostile_videos import write_video
from hypothesis import given, settings
from hypothesis import strategies as st

from slr_hf.model.extraction_slr import HolisticExtractor, probe_video, read_frames
from slr_hf.model.landmarks_slr import DETECTED_GROUPS

#: What players show has this shape, however the pixels are stored.
WIDTH, HEIGHT = 256, 144
FRAMES = 30

#: Endings and codecs of which the file, or the frames, can tell what shape pixels have.
SHAPED = [
    ("mp4", "libx264"),
    ("mp4", "mpeg4"),
    ("mov", "mjpeg"),
    ("mkv", "libx264"),
    ("avi", "mpeg4"),
    ("ts", "libx264"),
    ("ts", "mpeg2video"),
    ("mpg", "mpeg2video"),
]
SQUARE = [("mkv", "ffv1"), ("webm", "libvpx"), ("webm", "libvpx-vp9"), ("mp4", "libx265"), ("mxf", "mpeg2video")]

#: Numbers a, b, c and d of a display matrix, for all the ways to lay a picture.
MATRICES = [
    (1, 0, 0, 1),
    (-1, 0, 0, 1),
    (1, 0, 0, -1),
    (-1, 0, 0, -1),
    (0, 1, 1, 0),
    (0, -1, 1, 0),
    (0, 1, -1, 0),
    (0, -1, -1, 0),
]


def scene(time: float, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """Red tells where a pixel is from left to right, green from above to below, and blue when."""
    x, y = np.meshgrid((np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height)
    blue = 0.5 + 0.4 * np.sin(2 * np.pi * (time + 0.5 * x))
    return np.rint(255 * np.stack([x, y, blue], axis=-1)).astype(np.uint8)


def laid(shown: np.ndarray, matrix: tuple[int, int, int, int]) -> np.ndarray:
    """The frame that a display matrix turns into what is shown."""
    (a, b, c, d), (height, width) = matrix, shown.shape[:2]
    stored = np.empty((width, height, 3) if b else (height, width, 3), np.uint8)
    rows, columns = np.indices(stored.shape[:2])
    x, y = a * columns + c * rows, b * columns + d * rows
    return shown[y - y.min(), x - x.min()]


def check_read(path: Path, rate: int) -> None:
    """Asserts that a file is read as the scene."""
    info, found = probe_video(path), list(read_frames(path, 1000))
    assert len(found) == FRAMES
    assert info.frames in (None, FRAMES)
    assert info.width / info.height == pytest.approx(WIDTH / HEIGHT, rel=0.01)
    assert info.fps == pytest.approx(rate, rel=0.01)
    assert [time for time, _ in found] == pytest.approx([index / rate for index in range(FRAMES)], abs=0.002)
    for index, (_, picture) in enumerate(found):
        wanted = scene(index / rate, picture.shape[1], picture.shape[0]).astype(int)
        assert np.abs(picture - wanted).mean() < 8, f"frame {index}"


@settings(max_examples=15, deadline=None)
@given(
    form=st.sampled_from(SHAPED),
    rate=st.sampled_from([24, 25, 30, 50]),
    size=st.tuples(st.sampled_from([96, 180, 256, 480]), st.sampled_from([72, 144, 240])),
)
def test_containers_codecs_rates_and_shapes_of_pixels(form: tuple[str, str], rate: int, size: tuple[int, int]) -> None:
    (suffix, codec), (width, height) = form, size
    with TemporaryDirectory() as folder:
        frames = [scene(index / rate, width, height) for index in range(FRAMES)]
        shape = Fraction(WIDTH * height, HEIGHT * width)
        layout = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        path = Path(folder) / f"clip.{suffix}"
        write_video(path, frames, rate=rate, codec=codec, pixel_shape=shape, pixel_format=layout)
        check_read(path, rate)


@pytest.mark.parametrize(("suffix", "codec"), SQUARE)
def test_further_codecs(tmp_path: Path, suffix: str, codec: str) -> None:
    frames = [scene(index / 25) for index in range(FRAMES)]
    check_read(write_video(tmp_path / f"clip.{suffix}", frames, rate=25, codec=codec), 25)


@settings(max_examples=15, deadline=None)
@given(
    form=st.sampled_from([("mp4", "libx264"), ("mov", "mpeg4")]),
    matrix=st.sampled_from(MATRICES),
    degrees=st.floats(-1, 1),
    squeezed=st.booleans(),
)
def test_ways_to_lay_a_picture(
    form: tuple[str, str], matrix: tuple[int, int, int, int], degrees: float, squeezed: bool
) -> None:
    (suffix, codec), (a, b, c, d) = form, matrix
    sine, cosine = np.sin(np.radians(degrees)), np.cos(np.radians(degrees))
    turned = (a * cosine - b * sine, a * sine + b * cosine, c * cosine - d * sine, c * sine + d * cosine)
    with TemporaryDirectory() as folder:
        frames = [laid(scene(index / 25), matrix)[:, :: 2 if squeezed else 1] for index in range(FRAMES)]
        path = Path(folder) / f"clip.{suffix}"
        shape = Fraction(2) if squeezed else None
        write_video(path, frames, rate=25, codec=codec, matrix=turned, pixel_shape=shape)
        check_read(path, 25)


@pytest.mark.integration
def test_hands_are_found_where_they_were_in_a_clip_that_is_stored_squeezed_and_mirrored(
    landmarker_path: Path, clip_paths: dict[str, Path], tmp_path: Path
) -> None:
    extract = HolisticExtractor(landmarker_path)
    frames = [picture for _, picture in islice(read_frames(clip_paths["ambulancia"], 360), 10, 20)]
    path = tmp_path / "clip.mp4"
    write_video(path, [frame[::2, ::-1] for frame in frames], pixel_shape=Fraction(1, 2), matrix=(-1, 0, 0, 1))
    wanted, found = extract(frames), extract(path)
    assert (found.width, found.height) == (wanted.width, wanted.height)
    for group in ("pose", "left_hand", "right_hand"):
        points = list(DETECTED_GROUPS[group])
        assert found.detected(points).mean() == pytest.approx(wanted.detected(points).mean(), abs=0.1)
        assert np.nanmedian(np.abs(found.coordinates - wanted.coordinates)[:, points, :2]) < 0.02
