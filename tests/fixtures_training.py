"""Clips and settings with which a script trains in seconds."""

from pathlib import Path

import numpy as np
import pytest


@pytest.fixture
def quick() -> list[str]:
    """Arguments of scripts/train.py for the smallest model and one epoch."""
    sizes = ("config.patch_width=16", "config.hidden_size=32", "config.intermediate_size=32")
    layers = ("config.num_local_layers=1", "config.num_global_layers=1")
    return ["--device", "cpu", "--set", "epochs=1", "batch_size=16", *sizes, *layers]


@pytest.fixture(scope="session")
def few_clips(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six clips of each of two glosses in sessions 0 and 2 of ksl13."""
    arrays = dict(np.load(data_dir / "ksl13.npz"))
    chosen = np.concatenate(
        [
            np.flatnonzero((arrays["session"] == session) & (arrays["label"] == gloss))[:6]
            for session in ("0", "2")
            for gloss in ("good", "yes")
        ]
    )
    frames = [arrays["landmarks"][arrays["offsets"][clip] : arrays["offsets"][clip + 1]] for clip in chosen]
    path = tmp_path_factory.mktemp("data") / "few.npz"
    np.savez(
        path,
        landmarks=np.concatenate(frames),
        offsets=np.cumsum([0, *map(len, frames)]),
        points=arrays["points"],
        **{name: arrays[name][chosen] for name in ("label", "session", "clip_id")},
    )
    return path
