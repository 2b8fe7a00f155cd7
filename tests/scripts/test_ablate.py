"""scripts/ablate.py as its user meets it."""

import json
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def ablate(repository: Path) -> Callable[..., int]:
    """Runs the script's `main` with arguments and returns the exit code."""
    main = runpy.run_path(str(repository / "scripts/ablate.py"))["main"]

    def run(*arguments: str | Path) -> int:
        try:
            return main([str(argument) for argument in arguments])
        except SystemExit as ended:
            return ended.code

    return run


def test_variations_are_listed_with_what_they_change(
    ablate: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ablate("--output", tmp_path, "--list", "--", "--recipe", "ksl13") == 0
    lines = dict(line.split("  ", 1) for line in capsys.readouterr().out.splitlines() if "  " in line)
    assert lines["without mirror"].strip() == "augmentations.mirror.probability=0"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--", "--dataset", "a.npz"], "pass the arguments of scripts/train.py"),
        (["--", "--recipe", "bsl"], "There is no recipe 'bsl'"),
        (["--only", "without mirrors", "--", "--recipe", "ksl13"], "There is no variation ['without mirrors']"),
        (["--jobs", "0", "--", "--recipe", "ksl13"], "--jobs must be at least 1"),
        (["--", "--recipe", "ksl13", "--seed=3"], "--seed cannot follow --"),
    ],
)
def test_arguments_that_cannot_be_used_are_named(
    ablate: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert ablate("--output", tmp_path, *arguments) == 2
    assert message in capsys.readouterr().err


def test_a_variation_is_compared_with_the_recipe_and_nothing_runs_twice(
    repository: Path, few_clips: Path, quick: list[str], tmp_path: Path
) -> None:
    command = [sys.executable, repository / "scripts/ablate.py", "--output", tmp_path, "--only", "without mirror"]
    command += ["--jobs", "2", "--", "--dataset", few_clips, "--recipe", "ksl13", "--held-out-session", "2"]
    command += ["--stage", "it", *quick]
    done = subprocess.run(command, capture_output=True, text=True, timeout=250, check=False)
    assert done.returncode == 0, done.stderr
    record = json.loads((tmp_path / "ablation.json").read_text())
    assert record["accuracies"].keys() == {"recipe", "without mirror"}
    assert (tmp_path / "ablation.md").read_text() == done.stdout
    recipes = [
        json.loads((tmp_path / "seed-0" / name / "run/it/recipe.json").read_text())
        for name in ("recipe", "without-mirror")
    ]
    assert recipes[1]["augmentations"].pop("mirror")["probability"] == 0
    assert recipes[0]["augmentations"].pop("mirror")["probability"] > 0
    assert recipes[0] == recipes[1]

    weights = tmp_path / "seed-0/recipe/run/it/best/model.safetensors"
    written = weights.stat().st_mtime_ns
    again = subprocess.run(command, capture_output=True, text=True, timeout=250, check=False)
    assert again.stdout == done.stdout
    assert weights.stat().st_mtime_ns == written


def test_a_run_that_fails_is_reported_with_its_log(
    ablate: Callable[..., int], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    missing = tmp_path / "nowhere.npz"
    arguments = ("--only", "without mirror", "--", "--dataset", missing, "--recipe", "ksl13")
    assert ablate("--output", tmp_path / "runs", *arguments) == 1
    assert "train.log" in caplog.text
    assert "nowhere.npz" in (tmp_path / "runs/seed-0/recipe/train.log").read_text()
