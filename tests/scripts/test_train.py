"""scripts/train.py as its user meets it: arguments, files and an exit code."""

import json
import os
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from hostile_videos import write_video


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


def test_all_stages_are_trained_and_the_held_out_session_is_measured(
    train: Callable[..., Done], few_clips: Path, quick: list[str], tmp_path: Path
) -> None:
    done = train("--dataset", few_clips, "--recipe", "ksl13", "--held-out-session", "2", "--seed", "5", *quick)
    assert done.returncode == 0, done.stderr
    metrics = json.loads(done.stdout)
    assert list(metrics) == ["it", "ft1", "ft2"]
    for stage in metrics:
        best = tmp_path / "run" / stage / "best"
        assert json.loads((best / "metrics.json").read_text()) == metrics[stage]
        assert json.loads((best / "recipe.json").read_text())["seed"] == 5
        clips = json.loads((tmp_path / "run" / stage / "clips.json").read_text())["clips"]
        assert clips == {"train": {"few-0": 10}, "validation": {"few-0": 2}, "test": {"few-2": 12}}


def test_every_session_is_held_out_in_turn(
    train: Callable[..., Done], few_clips: Path, quick: list[str], tmp_path: Path
) -> None:
    done = train(
        *("--dataset", few_clips, "--recipe", "ksl13", "--stage", "it", "--held-out-session", "all"),
        *(*quick, "--validation-fraction", "0"),
    )
    assert done.returncode == 0, done.stderr
    folds = json.loads((tmp_path / "run/folds.json").read_text())
    assert json.loads(done.stdout) == folds
    assert list(folds["folds"]) == ["few-0", "few-2"]
    assert folds["worst"] <= folds["mean"] <= 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--recipe", "bsl"],
            "There is no recipe 'bsl'. Choose one of demo, few_clips, ksl13, own_signs, slovo_500, slovo_1000, "
            "wlasl_100, wlasl_300, wlasl_1000, wlasl_2000.",
        ),
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


def test_stages_of_all_folds_may_be_trained_one_after_the_other(
    train: Callable[..., Done], few_clips: Path, quick: list[str], tmp_path: Path
) -> None:
    arguments = ["--dataset", few_clips, "--recipe", "ksl13", "--held-out-session", "all", *quick]
    assert train(*arguments, "--stage", "it").returncode == 0
    done = train(*arguments, "--stage", "ft1")
    assert done.returncode == 0, done.stderr
    assert list(json.loads(done.stdout)["stages"]) == ["ft1"]


@pytest.mark.parametrize("tracker", ["tensorboard", "trackio"])
def test_figures_are_logged_where_asked_for(
    train: Callable[..., Done],
    few_clips: Path,
    quick: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    tracker: str,
) -> None:
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "trackio"))
    arguments = ("--dataset", few_clips, "--recipe", "ksl13", "--stage", "it", "--report-to", tracker)
    done = train(*arguments, *quick)
    assert done.returncode == 0, done.stderr
    # Whatever the tracker prints, standard output holds the metrics alone.
    assert list(json.loads(done.stdout)) == ["it"]
    assert list(tmp_path.rglob("events.out.tfevents.*" if tracker == "tensorboard" else "slr_hf.db"))


def test_a_tracker_that_is_not_installed_is_named_with_what_to_install(
    train: Callable[..., Done], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transformers.integrations.get_available_reporting_integrations", list)
    done = train("--dataset", tmp_path / "a.npz", "--recipe", "ksl13", "--report-to", "tensorboard")
    assert done.returncode == 2
    assert "pip install 'slr_hf[tracking]'" in done.stderr


@pytest.mark.parametrize(
    ("named", "folds"),
    [
        (["--held-out-session", "few-2", "few-0"], {"few-2": ["few-2"], "few-0": ["few-0"]}),
        (["--signer-folds", "2"], {"fold-1": ["few-0"], "fold-2": ["few-2"]}),
    ],
)
def test_people_are_left_out_in_turn_or_in_folds(
    train: Callable[..., Done],
    few_clips: Path,
    quick: list[str],
    tmp_path: Path,
    named: list[str],
    folds: dict[str, list[str]],
) -> None:
    done = train("--dataset", few_clips, "--recipe", "ksl13", "--stage", "it", *named, *quick)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["sessions"] == folds
    for fold, sessions in folds.items():
        clips = json.loads((tmp_path / "run" / fold / "it/clips.json").read_text())["clips"]
        assert list(clips["test"]) == sessions
        assert not clips["train"].keys() & set(sessions)


def test_of_several_processes_one_extracts_writes_and_prints(
    repository: Path, few_clips: Path, quick: list[str], landmarker_path: Path, tmp_path: Path
) -> None:
    # Videos to extract beside signs to learn: nobody is seen in them.
    write_video(tmp_path / "gray.mp4", [np.full((64, 64, 3), 128, np.uint8)] * 2)
    (tmp_path / "gray.csv").write_text("clip_id,path,gloss\n1,gray.mp4,good\n2,gray.mp4,yes\n")
    (tmp_path / "notes").mkdir()
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "tests/one_of_several.py"]
    named = ["--recipe", "ksl13", "--stage", "it", "--held-out-session", "few-0", "few-2", "--validation-fraction", "0"]
    done = subprocess.run(
        [
            *(sys.executable, *launch, tmp_path / "notes", "--dataset", tmp_path / "gray.csv", few_clips),
            *("--output", tmp_path / "run", *named, *quick),
        ],
        cwd=repository,
        env={**os.environ, "SLR_LANDMARKER": str(landmarker_path), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == json.loads((tmp_path / "run/folds.json").read_text())
    # Had the other process found other clips, it would have refused the folder.
    clips = json.loads((tmp_path / "run/few-0/it/clips.json").read_text())["clips"]
    assert clips == {"train": {"few-2": 12, "gray-0": 2}, "test": {"few-0": 12}}
    first, second = (Path(tmp_path / "notes" / rank).read_text() for rank in "01")
    assert f"{tmp_path}/gray.landmarks/part-00000-" in first
    assert f"{tmp_path}/run/folds.json" in first
    assert str(tmp_path) not in second
    assert "2 clips: 0 failed earlier, none to do" in done.stderr


@pytest.mark.parametrize(
    "arguments", [["--held-out-session", "1"], ["--held-out-fraction", "0.2"], ["--train-session", "1"]]
)
def test_folds_of_signers_go_with_no_other_choice_of_clips(train: Callable[..., Done], arguments: list[str]) -> None:
    done = train("--dataset", "a.npz", "--recipe", "ksl13", "--signer-folds", "3", *arguments)
    assert done.returncode == 2
    assert "--signer-folds" in done.stderr.splitlines()[-1]
