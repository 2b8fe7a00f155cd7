"""The pictures of a camera, as they come."""

import threading
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

import numpy as np


class Camera:
    """Gives the newest picture of a camera; what was not asked for in time is left out. Use it in `with`.

    Args:
        index: The camera's number, from 0.

    Raises:
        OSError: If there is no such camera, or another program uses it.
        ImportError: If OpenCV is not installed.
    """

    def __init__(self, index: int = 0) -> None:
        try:
            import cv2  # comes with mediapipe
        except ImportError as error:
            raise ImportError("Cameras need OpenCV: pip install opencv-python") from error
        self._capture: Any = cv2.VideoCapture(index)
        if not self._capture.isOpened():
            self._capture.release()
            raise OSError(f"There is no camera {index}, or another program uses it.")
        self._start = time.monotonic()
        self._newest: tuple[float, np.ndarray] | None = None
        self._changed = threading.Condition()
        self._open = True
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Lets the camera go."""
        with self._changed:
            self._open = False
            self._changed.notify_all()
        self._reader.join()
        self._capture.release()

    def frames(self) -> Iterator[tuple[float, np.ndarray]]:
        """Yields pictures until the camera is closed or gone.

        Yields:
            The time in seconds since the start, and the newest picture as RGB uint8 `(height, width, 3)`.
        """
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._newest is not None or not self._open)
                frame, self._newest = self._newest, None
            if frame is None:
                return
            yield frame[0], np.ascontiguousarray(frame[1][..., ::-1])

    def _read(self) -> None:
        while self._open:
            there, picture = self._capture.read()
            with self._changed:
                if there:
                    self._newest = (time.monotonic() - self._start, picture)
                else:
                    self._open = False
                self._changed.notify_all()


__all__ = ["Camera"]
