"""What the tables of bad input are tried on."""

import runpy
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from slr_hf.model.pipeline_slr import SignRecognitionPipeline


class Done(NamedTuple):
    """What a run of a script left."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture(scope="session")
def recognizer(model_dir: Path) -> SignRecognitionPipeline:
    """A small model with random weights."""
    return SignRecognitionPipeline.from_pretrained(model_dir)


@pytest.fixture
def run(repository: Path, capfd: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """Runs a script in this process: its name, and its arguments."""

    def run_script(name: str, *arguments: str | Path) -> Done:
        main = runpy.run_path(str(repository / "scripts" / name))["main"]
        capfd.readouterr()
        try:
            returncode = main([str(argument) for argument in arguments])
        except SystemExit as ended:
            returncode = ended.code
        return Done(returncode, *capfd.readouterr())

    return run_script
