"""Landmark arrays that are made: small enough to check every number, or signs that a model can learn."""

import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from slr_hf.model.landmarks_slr import (
    LEFT_ELBOW,
    LEFT_HAND,
    LEFT_SHOULDER,
    NOSE,
    POSE,
    RIGHT_ELBOW,
    RIGHT_HAND,
    RIGHT_SHOULDER,
)

#: The points of made signs: hands and pose.
SIGN_POINTS = (*LEFT_HAND, *POSE, *RIGHT_HAND)

#: Where the body stands in the picture, before a signer stands elsewhere.
_BODY = {
    NOSE: (0.5, 0.3),
    LEFT_SHOULDER: (0.62, 0.5),
    RIGHT_SHOULDER: (0.38, 0.5),
    LEFT_ELBOW: (0.68, 0.72),
    RIGHT_ELBOW: (0.32, 0.72),
}


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


def make_sign(gloss: str, session: str, number: int) -> np.ndarray:
    """A clip of a sign, 12 to 20 frames of `SIGN_POINTS`.

    The gloss decides how the right hand moves and what shape it has, the session where the signer stands and how tall
    they are, the number the pace and the noise. The left hand hangs down, and every other clip does not show it; one
    frame in ten shows no right hand.

    Returns:
        float16 `(frames, points, 3)`, NaN = not detected.
    """
    sign, signer, clip = (_generator(*names) for names in ((gloss,), (session,), (gloss, session, number)))
    frames = int(clip.integers(12, 21))
    way = sign.uniform((0.2, 0.35), (0.8, 0.8), (4, 2))  # the places that the hand passes
    shape = sign.normal(0, 0.04, (len(RIGHT_HAND), 3))
    times = np.linspace(0, len(way) - 1, frames)
    path = np.stack([np.interp(times, range(len(way)), axis) for axis in way.T], axis=-1)
    body = np.tile(_generator("body").uniform(0.3, 0.7, (len(SIGN_POINTS), 3)), (frames, 1, 1))
    for point, place in _BODY.items():
        body[:, SIGN_POINTS.index(point), :2] = place
    left, right = slice(0, len(LEFT_HAND)), slice(-len(RIGHT_HAND), None)
    body[:, left] = _generator("left hand").normal((0.7, 0.9, 0), 0.04, (len(LEFT_HAND), 3))
    body[:, right] = shape
    body[:, right, :2] += path[:, None]
    body[..., :2] = body[..., :2] * signer.uniform(0.8, 1) + signer.uniform(-0.05, 0.1, 2)
    body += clip.normal(0, 0.005, body.shape)
    body[clip.random(frames) < 0.1, right] = np.nan
    if number % 2:
        body[:, left] = np.nan
    return body.astype(np.float16)


def _generator(*names: object) -> np.random.Generator:
    """Random numbers that depend on names, and on nothing else."""
    return np.random.default_rng(zlib.crc32(repr(names).encode()))


def write_signs(path: Path, glosses: Sequence[str], sessions: Sequence[str], clips: int) -> Path:
    """Writes a number of clips of each gloss in each session, called SESSION-GLOSS-NUMBER with the file's name before.

    Args:
        path: The `.npz` file.
        glosses: The glosses.
        sessions: The sessions, each of another signer.
        clips: Clips of each gloss in each session.
    """
    named = [(session, gloss, number) for session in sessions for gloss in glosses for number in range(clips)]
    made = [make_sign(gloss, session, number) for session, gloss, number in named]
    np.savez(
        path,
        landmarks=np.concatenate(made),
        offsets=np.cumsum([0, *map(len, made)]),
        points=np.array(SIGN_POINTS, np.int16),
        label=np.array([gloss for _, gloss, _ in named]),
        session=np.array([session for session, _, _ in named]),
        clip_id=np.array([f"{path.stem}-{session}-{gloss}-{number}" for session, gloss, number in named]),
    )
    return path


@pytest.fixture(scope="session")
def made_signs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Landmark arrays of five glosses in the sessions made-0, made-1 and made-2, ten clips each."""
    path = tmp_path_factory.mktemp("signs") / "made.npz"
    return write_signs(path, ("bad", "good", "no", "sorry", "yes"), ("0", "1", "2"), clips=10)
