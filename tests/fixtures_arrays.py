"""Landmark arrays made by hand, small enough to check every number."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest


def make_arrays(**changes: Any) -> dict[str, np.ndarray]:
    """Three clips of 2, 3 and 1 frames with four points, in which every number is different."""
    arrays: dict[str, Any] = {
        "landmarks": (np.arange(6 * 4 * 3).reshape(6, 4, 3) / 128).astype(np.float16),
        "offsets": np.array([0, 2, 5, 6]),
        "points": np.array([0, 468, 489, 522], np.int16),
        "label": np.array(["yes", "no", "yes"]),
        "session": np.array(["0", "0", "1"]),
        "clip_id": np.array(["a-yes-0", "a-no-0", "b-yes-0"]),
    }
    return {name: array for name, array in (arrays | changes).items() if array is not None}


@pytest.fixture
def write_arrays(tmp_path: Path) -> Callable[..., Path]:
    """Writes `make_arrays` with some arrays changed, or left out where None."""

    def write(name: str = "set", **changes: Any) -> Path:
        path = tmp_path / f"{name}.npz"
        np.savez(path, **make_arrays(**changes))
        return path

    return write
