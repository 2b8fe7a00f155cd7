"""Clips and settings with which a script trains in seconds."""

from pathlib import Path

import pytest
from fixtures_arrays import write_signs

#: Fields of `SLRConfig` of the smallest model that has every kind of layer.
SMALLEST = {
    "patch_width": 16,
    "hidden_size": 32,
    "intermediate_size": 32,
    "num_attention_heads": 2,
    "num_local_layers": 1,
    "num_global_layers": 1,
}


@pytest.fixture
def quick() -> list[str]:
    """Arguments of scripts/train.py for the smallest model and one epoch."""
    sizes = (f"config.{name}={value}" for name, value in SMALLEST.items())
    return ["--device", "cpu", "--set", "epochs=1", "batch_size=16", *sizes]


@pytest.fixture(scope="session")
def few_clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six clips of each of two glosses in the sessions few-0 and few-2."""
    return write_signs(tmp_path_factory.mktemp("data") / "few.npz", ("good", "yes"), ("0", "2"), clips=6)
