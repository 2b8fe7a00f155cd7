"""scripts/publish_dataset.py as its user meets it, and training on what it writes."""

import json
import runpy
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def run(repository: Path) -> Callable[..., int]:
    """Runs the `main` of a script with arguments."""

    def run(name: str, *arguments: str | Path) -> int:
        return runpy.run_path(str(repository / "scripts" / name))["main"]([str(argument) for argument in arguments])

    return run


def test_what_is_written_is_trained_on_streamed_too(
    run: Callable[..., int], few_clips: Path, quick: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "published"
    publish = ("--dataset", few_clips, "--repository", "user/few", "--output", folder, "--licence", "apache-2.0")
    assert run("publish_dataset.py", *publish) == 0
    assert capsys.readouterr().out == f"{folder}\n"
    train = ("--dataset", folder, "--recipe", "few_clips", "--stage", "it", "--held-out-session", "few-2", *quick)
    figures = []
    for name, flags in (("whole", ()), ("streamed", ("--streaming",))):
        assert run("train.py", *train, "--set", "repeats=1", "--output", tmp_path / name, *flags) == 0
        figures.append(json.loads(capsys.readouterr().out))
    assert figures[0] == figures[1]


def test_a_hub_that_cannot_be_reached_is_told_in_one_line(
    run: Callable[..., int], few_clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # The tests are offline.
    publish = ("--dataset", few_clips, "--repository", "user/few", "--output", tmp_path / "published")
    assert run("publish_dataset.py", *publish, "--licence", "mit", "--push") == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("publish_dataset.py: ")]
    assert "offline" in line.lower()


def test_an_unknown_licence_is_asked_for(
    run: Callable[..., int], few_clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    publish = ("--dataset", few_clips, "--repository", "user/few", "--output", tmp_path / "published")
    assert run("publish_dataset.py", *publish) == 2
    assert "--licence" in capsys.readouterr().err
