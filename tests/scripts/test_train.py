"""scripts/train.py as its user meets it: arguments, files and an exit code."""

import json
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

#: The smallest model, for one epoch.
QUICK = [
    *("--device", "cpu", "--set", "epochs=1", "batch_size=16", "config.patch_width=16", "config.hidden_size=32"),
    *("config.intermediate_size=32", "config.num_local_layers=1", "config.num_global_layers=1"),
]


class Done(NamedTuple):
    """What a run of the script left."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def train(repository: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """Runs the script's `main` with arguments; its output goes to the folder `run`."""
    main = runpy.run_path(str(repository / "scripts/train.py"))["main"]

    def run(*arguments: str | Path) -> Done:
        capfd.readouterr()
        try:
            returncode = main([str(argument) for argument in (*arguments, "--output", tmp_path / "run")])
        except SystemExit as ended:
            returncode = ended.code
        return Done(returncode, *capfd.readouterr())

    return run


@pytest.fixture(scope="module")
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


@pytest.mark.integration
def test_all_stages_are_trained_and_the_held_out_session_is_measured(
    train: Callable[..., Done], few_clips: Path, tmp_path: Path
) -> None:
    done = train("--dataset", few_clips, "--recipe", "ksl13", "--held-out-session", "2", "--seed", "5", *QUICK)
    assert done.returncode == 0, done.stderr
    metrics = json.loads(done.stdout)
    assert list(metrics) == ["it", "ft1", "ft2"]
    for stage in metrics:
        best = tmp_path / "run" / stage / "best"
        assert json.loads((best / "metrics.json").read_text()) == metrics[stage]
        assert json.loads((best / "recipe.json").read_text())["seed"] == 5
        clips = json.loads((tmp_path / "run" / stage / "clips.json").read_text())["clips"]
        assert clips == {"train": {"few-0": 10}, "validation": {"few-0": 2}, "test": {"few-2": 12}}


@pytest.mark.integration
def test_every_session_is_held_out_in_turn(train: Callable[..., Done], few_clips: Path, tmp_path: Path) -> None:
    done = train(
        *("--dataset", few_clips, "--recipe", "ksl13", "--stage", "it", "--held-out-session", "all"),
        *(*QUICK, "--validation-fraction", "0"),
    )
    assert done.returncode == 0, done.stderr
    folds = json.loads((tmp_path / "run/folds.json").read_text())
    assert json.loads(done.stdout) == folds
    assert list(folds["folds"]) == ["few-0", "few-2"]
    assert folds["worst"] <= folds["mean"] <= 1


@pytest.mark.integration
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--recipe", "bsl"], "There is no recipe 'bsl'. Choose one of demo, ksl13, slovo_500, slovo_1000."),
        (["--recipe", "ksl13", "--set", "epoch=3"], "There is no field 'epoch'."),
        (["--recipe", "ksl13", "--set", "epochs=many"], "epochs='many' has the wrong type"),
        (["--recipe", "ksl13", "--set", "config.hidden_size=97"], "`hidden_size` must be a multiple"),
        (
            ["--recipe", "ksl13", "--held-out-session", "9"],
            "There is no session '9'. Choose one of ['few-0', 'few-2'].",
        ),
        (["--recipe", "ksl13", "--held-out-fraction", "1.5"], "must be above 0 and below 1, but is 1.5"),
        (["--recipe", "ksl13", "--vocabulary", "demo"], "`rename` names"),
        (["--recipe", "ksl13", "--vocabulary", "latin"], "There is no vocabulary 'latin'."),
        (["--recipe", "ksl13", "--stage", "ft1"], "Run the stage before this one first"),
    ],
)
def test_an_argument_that_cannot_be_used_is_answered_in_one_line(
    train: Callable[..., Done], few_clips: Path, tmp_path: Path, arguments: list[str], message: str
) -> None:
    done = train("--dataset", few_clips, *arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("train.py: ")]
    assert message in line
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "run").exists()


def test_a_missing_file_is_answered_in_one_line(train: Callable[..., Done], tmp_path: Path) -> None:
    done = train("--dataset", tmp_path / "nowhere.npz", "--recipe", "ksl13")
    assert done.returncode == 2
    assert done.stderr.startswith("train.py: There is no file")
    assert "nowhere.npz" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [["--recipe", "ksl13"], ["--dataset", "a.npz"], ["--dataset", "a.npz", "--recipe", "ksl13", "--stage", "ft3"]],
)
def test_usage_errors_exit_with_2(train: Callable[..., Done], arguments: list[str]) -> None:
    done = train(*arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("usage:")


def test_holding_every_session_out_leaves_no_choice_of_sessions(train: Callable[..., Done]) -> None:
    done = train(*("--dataset", "a.npz", "--recipe", "ksl13", "--held-out-session", "all", "--validation-session", "1"))
    assert done.returncode == 2
    assert "--held-out-session all" in done.stderr


def test_help_is_quick_and_tells_how_to_start(repository: Path) -> None:
    done = subprocess.run(
        [sys.executable, repository / "scripts/train.py", "--help"],
        capture_output=True,
        text=True,
        timeout=5,
        check=True,
    )
    assert "python scripts/train.py --dataset ksl13.npz" in done.stdout
    assert "--held-out-session" in done.stdout


@pytest.mark.integration
def test_stages_of_all_folds_may_be_trained_one_after_the_other(
    train: Callable[..., Done], few_clips: Path, tmp_path: Path
) -> None:
    arguments = ["--dataset", few_clips, "--recipe", "ksl13", "--held-out-session", "all", *QUICK]
    assert train(*arguments, "--stage", "it").returncode == 0
    done = train(*arguments, "--stage", "ft1")
    assert done.returncode == 0, done.stderr
    assert list(json.loads(done.stdout)["stages"]) == ["ft1"]
