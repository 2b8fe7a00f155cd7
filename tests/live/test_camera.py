import sys
import types

import numpy as np
import pytest

from slr_hf.live.camera import Camera


class Scene:
    """A camera of five pictures, each of one brightness, in BGR as OpenCV gives them."""

    released = 0

    def __init__(self, index: int) -> None:
        self.index, self.pictures = index, iter(range(1, 6))

    def isOpened(self) -> bool:  # noqa: N802
        return self.index == 0

    def read(self) -> tuple[bool, np.ndarray | None]:
        level = next(self.pictures, None)
        return (False, None) if level is None else (True, np.full((4, 6, 3), (level, 0, 0), np.uint8))

    def release(self) -> None:
        Scene.released += 1


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> type[Scene]:
    """OpenCV with such a camera: this machine has none."""
    Scene.released = 0
    monkeypatch.setitem(sys.modules, "cv2", types.SimpleNamespace(VideoCapture=Scene))
    return Scene


def test_the_newest_picture_comes_in_rgb_with_rising_times(scene: type[Scene]) -> None:
    with Camera() as camera:
        frames = list(camera.frames())
    assert frames, "at least the last one is seen"
    times = [time for time, _ in frames]
    assert times == sorted(times)
    last = frames[-1][1]
    assert last.shape == (4, 6, 3)
    assert (last == (0, 0, 5)).all()
    assert scene.released == 1


def test_a_camera_that_is_not_there_is_named(scene: type[Scene]) -> None:
    with pytest.raises(OSError, match="no camera 3"):
        Camera(3)
    assert scene.released == 1


def test_a_camera_can_be_left_at_any_time(scene: type[Scene]) -> None:
    with Camera() as camera:
        next(camera.frames(), None)
    assert scene.released == 1
