"""Clips and settings with which a script trains in seconds."""

from pathlib import Path

import pytest
from fixtures_arrays import write_signs


@pytest.fixture
def quick() -> list[str]:
    """Arguments of scripts/train.py for the smallest model and one epoch."""
    sizes = ("config.patch_width=16", "config.hidden_size=32", "config.intermediate_size=32")
    layers = ("config.num_local_layers=1", "config.num_global_layers=1")
    return ["--device", "cpu", "--set", "epochs=1", "batch_size=16", *sizes, *layers]


@pytest.fixture(scope="session")
def few_clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six clips of each of two glosses in the sessions few-0 and few-2."""
    return write_signs(tmp_path_factory.mktemp("data") / "few.npz", ("good", "yes"), ("0", "2"), clips=6)
