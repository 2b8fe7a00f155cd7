"""A few made clips and a recipe small enough to train in a second."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from datasets import Dataset
from fixtures_training import SMALLEST

from slr_hf.data import load_landmark_arrays, prepare_dataset, read_column
from slr_hf.model.configuration_slr import SLRConfig
from slr_hf.model.modeling_slr import SLRForSignClassification
from slr_hf.model.processing_slr import KeypointProcessor
from slr_hf.training.recipes import Recipe

GLOSSES = ["bad", "good", "yes"]

#: The smallest model, without dropout.
STILL = {**SMALLEST, "hidden_dropout": 0.0, "classifier_dropout": 0.0, "drop_path_rate": 0.0}


@pytest.fixture(scope="session")
def clips(made_signs: Path) -> Dataset:
    """Nine clips of each of three glosses in two sessions, prepared."""
    dataset = load_landmark_arrays(made_signs, glosses=GLOSSES)
    session, label = read_column(dataset, "session"), read_column(dataset, "label")
    chosen = [
        np.flatnonzero((session == name) & (label == index))[:9]
        for name in ("made-0", "made-2")
        for index in range(len(GLOSSES))
    ]
    return prepare_dataset(dataset.select(np.concatenate(chosen)), KeypointProcessor())


@pytest.fixture(scope="session")
def recipe() -> Recipe:
    """A recipe for the smallest model: two epochs of six batches."""
    return Recipe(config=STILL, epochs=2, batch_size=8, learning_rate=3e-3)


@pytest.fixture
def make_model() -> Callable[..., SLRForSignClassification]:
    """Makes the smallest model, always with the same weights."""

    def make(**config: float) -> SLRForSignClassification:
        torch.manual_seed(0)
        labels = dict(enumerate(GLOSSES))
        return SLRForSignClassification(SLRConfig(**{**STILL, **config}, id2label=labels))

    return make
