"""The Space's app for the tests of browsers and programs."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from serving import Served, serve_space


@pytest.fixture(scope="module")
def served(model_dir: Path, landmarker_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The app with its own model, else with random weights."""
    with serve_space(tmp_path_factory.mktemp("space"), landmarker_path, model_dir) as app:
        yield app
