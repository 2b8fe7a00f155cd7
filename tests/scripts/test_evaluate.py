"""scripts/evaluate.py as its user meets it: arguments, files and an exit code."""

import json
import logging
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch

from slr_hf.model.configuration_slr import SLRConfig
from slr_hf.model.modeling_slr import SLRForSignClassification
from slr_hf.model.processing_slr import KeypointProcessor

#: Three of the five glosses of the made signs, not in the order of their labels.
GLOSSES = ["yes", "no", "sorry"]

FIGURES = {
    *("clips", "seen_in_training", "top1", "top5", "mean_class_accuracy", "cross_entropy", "calibration_error"),
    *("people", "confidence", "sessions", "glosses", "lengths", "confusions"),
}

PLOTS = {"confusion.png", "reliability.png", "sessions.png", "lengths.png"}


class Done(NamedTuple):
    """What a run of the script left."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """The folder of a model that knows three glosses and has seen one clip of the made signs."""
    torch.manual_seed(0)
    config = SLRConfig.from_size(
        "tiny", id2label=dict(enumerate(GLOSSES)), num_local_layers=1, num_global_layers=1, hidden_size=32
    )
    folder = tmp_path / "best"
    SLRForSignClassification(config).save_pretrained(folder)
    KeypointProcessor().save_pretrained(folder)
    (folder / "training_clips.json").write_text('{"train": ["made-1-yes-0"], "validation": []}')
    (folder / "metrics.json").write_text('{"epochs": 3}')
    return folder


@pytest.fixture
def evaluate(repository: Path, model: Path, capfd: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """Runs the script's `main` on the model with arguments."""
    main = runpy.run_path(str(repository / "scripts/evaluate.py"))["main"]

    def run(*arguments: str | Path) -> Done:
        capfd.readouterr()
        try:
            returncode = main([str(argument) for argument in ("--model", model, "--device", "cpu", *arguments)])
        except SystemExit as ended:
            returncode = ended.code
        return Done(returncode, *capfd.readouterr())

    return run


@pytest.fixture
def one_session(made_signs: Path) -> list[str]:
    """Arguments for the thirty clips of session 1 whose glosses the model knows."""
    return ["--dataset", str(made_signs), "--held-out-session", "1", "--ignore-unknown-glosses"]


def test_only_what_is_asked_for_is_evaluated(
    evaluate: Callable[..., Done], one_session: list[str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        done = evaluate(*one_session, "--output", tmp_path / "figures")
    assert done.returncode == 0, done.stderr
    metrics = json.loads((tmp_path / "figures/metrics.json").read_text())
    assert metrics.keys() == FIGURES
    assert metrics["sessions"].keys() == {"made-1"}
    assert {gloss: figures["clips"] for gloss, figures in metrics["glosses"].items()} == dict.fromkeys(GLOSSES, 10)
    assert metrics["seen_in_training"] == 1
    assert "1 of the 30 clips were seen in training" in caplog.text
    assert f"top-1                {metrics['top1']:.4f}" in done.stdout.splitlines()


def test_the_record_of_the_training_is_not_overwritten(
    evaluate: Callable[..., Done], one_session: list[str], model: Path
) -> None:
    assert evaluate(*one_session).returncode == 0
    assert json.loads((model / "metrics.json").read_text()) == {"epochs": 3}
    assert json.loads((model / "evaluation/metrics.json").read_text()).keys() == FIGURES


def test_a_report_shows_the_figures_and_its_plots(
    evaluate: Callable[..., Done], one_session: list[str], tmp_path: Path
) -> None:
    assert evaluate(*one_session, "--output", tmp_path / "figures").returncode == 0
    page = (tmp_path / "figures/report.md").read_text(encoding="utf-8")
    top1 = json.loads((tmp_path / "figures/metrics.json").read_text())["top1"]
    assert f"| top-1 accuracy | {top1:.4f} |" in page
    assert "| made-1 | 30 |" in page
    assert "The model saw 1 of them in training" in page
    assert "holds no learning_curves.json" in page
    assert {path.name for path in (tmp_path / "figures/plots").iterdir()} == PLOTS


def test_learning_curves_beside_the_model_are_shown(
    evaluate: Callable[..., Done], one_session: list[str], model: Path
) -> None:
    figures = {"loss": 0.7, "accuracy": 0.8, "top5_accuracy": 1.0, "mean_class_accuracy": 0.8}
    (model / "learning_curves.json").write_text(json.dumps({"it": [{"epoch": 1.0, "train": figures}]}))
    assert evaluate(*one_session).returncode == 0
    assert "![Learning curves](plots/learning_curves.png)" in (model / "evaluation/report.md").read_text()
    assert {path.name for path in (model / "evaluation/plots").iterdir()} == {*PLOTS, "learning_curves.png"}


def test_learning_curves_that_cannot_be_read_are_answered_at_once(
    evaluate: Callable[..., Done], one_session: list[str], model: Path
) -> None:
    (model / "learning_curves.json").write_text('{"it": 3}')
    done = evaluate(*one_session)
    assert done.returncode == 2
    assert "learning_curves.json holds no learning curves" in done.stderr
    assert not (model / "evaluation").exists()


def test_without_matplotlib_it_says_what_to_install(
    evaluate: Callable[..., Done], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)  # as Python itself marks a module that cannot be imported
    done = evaluate("--dataset", "nowhere.npz")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("evaluate.py: The plots of the report need matplotlib")
    assert "pip install 'slr_hf[train]'" in done.stderr


def test_a_model_that_does_not_say_what_it_has_seen_is_noted(
    evaluate: Callable[..., Done], one_session: list[str], model: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (model / "training_clips.json").unlink()
    with caplog.at_level(logging.WARNING):
        done = evaluate(*one_session)
    assert json.loads((model / "evaluation/metrics.json").read_text())["seen_in_training"] is None
    assert "does not say which clips it was trained on" in caplog.text
    assert "seen in training     unknown" in done.stdout.splitlines()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "The model does not know the glosses ['bad', 'good']"),
        (["--held-out-session", "9"], "There is no session '9'."),
        (["--held-out-fraction", "1.5"], "must be above 0 and below 1, but is 1.5"),
        (["--vocabulary", "latin"], "There is no vocabulary 'latin'."),
        (["--model", "nowhere"], "There is no model in nowhere: it has no config.json."),
        (["--dataset", "nowhere.npz"], "There is no file"),
    ],
)
def test_what_cannot_be_used_is_answered_in_one_line(
    evaluate: Callable[..., Done], made_signs: Path, model: Path, arguments: list[str], message: str
) -> None:
    done = evaluate("--dataset", made_signs, *arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("evaluate.py: ")]
    assert message in line
    assert "Traceback" not in done.stderr
    assert not (model / "evaluation").exists()


def test_debug_shows_where_an_error_comes_from(evaluate: Callable[..., Done], made_signs: Path) -> None:
    with pytest.raises(ValueError, match="does not know the glosses"):
        evaluate("--dataset", made_signs, "--debug")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "required: --dataset"),
        (["--dataset", "a.npz", "--batch-size", "0"], "--batch-size must be at least 1, but is 0"),
        (["--dataset", "a.npz", "--device", "gpu"], "argument --device: invalid choice: 'gpu'"),
    ],
)
def test_usage_errors_exit_with_2(evaluate: Callable[..., Done], arguments: list[str], message: str) -> None:
    done = evaluate(*arguments)
    assert done.returncode == 2
    assert message in done.stderr.splitlines()[-1]


def test_it_runs_as_a_command(repository: Path, model: Path, one_session: list[str]) -> None:
    command = [sys.executable, "scripts/evaluate.py", "--model", model, "--device", "cpu", *one_session]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    assert "1 of the 30 clips were seen in training" in done.stderr
    assert done.stdout.startswith("clips                30\n")


def test_strangers_come_first_beside_the_nearest_neighbour(
    evaluate: Callable[..., Done], few_clips: Path, model: Path
) -> None:
    see(model, few_clips, "0")
    done = evaluate("--dataset", few_clips, "--held-out-session", "2", "--ignore-unknown-glosses")
    assert done.returncode == 0, done.stderr
    people = json.loads((model / "evaluation/metrics.json").read_text())["people"]
    assert people["strangers"]["clips"] == 6
    assert people["strangers"]["interval"]["over"] == "clips"
    assert people["same_recorder"] is None
    lines = done.stdout.splitlines()
    assert lines[0] == "strangers            6 clips of 1 people"
    assert lines[2].startswith("  nearest neighbour  top-1 ")
    assert "nearest neighbour" in lines[-1]


def test_the_neighbour_can_be_left_out(evaluate: Callable[..., Done], few_clips: Path, model: Path) -> None:
    see(model, few_clips, "0")
    done = evaluate("--dataset", few_clips, "--ignore-unknown-glosses", "--no-nearest-neighbour")
    assert "nearest neighbour" not in done.stdout
    people = json.loads((model / "evaluation/metrics.json").read_text())["people"]
    assert "nearest_neighbour" not in people["strangers"]


def test_only_glosses_that_are_asked_for_are_evaluated(
    evaluate: Callable[..., Done], few_clips: Path, model: Path, made_signs: Path, tmp_path: Path
) -> None:
    arrays = ("--dataset", few_clips, made_signs, "--ignore-unknown-glosses", "--held-out-session", "few-2")
    assert evaluate(*arrays, "--shared-glosses").returncode == 0
    assert json.loads((model / "evaluation/metrics.json").read_text())["clips"] == 6
    assert evaluate(*arrays, "--only-glosses", "yes").returncode == 0
    assert list(json.loads((model / "evaluation/metrics.json").read_text())["glosses"]) == ["yes"]
    done = evaluate(*arrays, "--leave-out-glosses", "yes", "good")
    assert done.returncode == 2
    assert "There is no clip to evaluate" in done.stderr
    done = evaluate(*arrays, "--leave-out-glosses", "maybe")
    assert done.returncode == 2
    assert "`--leave-out-glosses` names ['maybe']" in done.stderr
    done = evaluate(*arrays, "--only-glosses", "maybe")
    assert "`--only-glosses` names ['maybe']" in done.stderr


def see(folder: Path, arrays: Path, session: str) -> None:
    """Makes a model's folder say that it was trained on a session of landmark arrays."""
    with np.load(arrays) as store:
        clips = store["clip_id"][store["session"] == session].tolist()
    (folder / "training_clips.json").write_text(json.dumps({"train": clips}))
    (folder / "training_sessions.json").write_text(json.dumps({"train": [f"{arrays.stem}-{session}"]}))


@pytest.fixture
def folds(model: Path, few_clips: Path, tmp_path: Path) -> Path:
    """A cross-validation in which each of two sessions is held out of a model that knows two glosses."""
    held_out = {"few-0": ["few-0"], "few-2": ["few-2"]}
    torch.manual_seed(0)
    config = SLRConfig.from_size(
        "tiny", id2label={0: "good", 1: "yes"}, num_local_layers=1, num_global_layers=1, hidden_size=32
    )
    for fold, trained in (("few-0", "2"), ("few-2", "0")):
        best = tmp_path / "folds" / fold / "it/best"
        SLRForSignClassification(config).save_pretrained(best)
        KeypointProcessor().save_pretrained(best)
        see(best, few_clips, trained)
    (tmp_path / "folds/folds.json").write_text(json.dumps({"stages": {"it": {}}, "sessions": held_out}))
    return tmp_path / "folds"


@pytest.fixture
def evaluate_folds(
    repository: Path, folds: Path, few_clips: Path, capfd: pytest.CaptureFixture[str]
) -> Callable[..., Done]:
    """Runs the script's `main` on the folds with arguments."""
    main = runpy.run_path(str(repository / "scripts/evaluate.py"))["main"]

    def run(*arguments: str) -> Done:
        capfd.readouterr()
        try:
            returncode = main(["--folds", str(folds), "--dataset", str(few_clips), "--device", "cpu", *arguments])
        except SystemExit as ended:
            returncode = ended.code
        return Done(returncode, *capfd.readouterr())

    return run


def test_each_fold_answers_the_clips_of_those_it_has_not_seen(evaluate_folds: Callable[..., Done], folds: Path) -> None:
    done = evaluate_folds()
    assert done.returncode == 0, done.stderr
    metrics = json.loads((folds / "evaluation/metrics.json").read_text())
    strangers = metrics["people"]["strangers"]
    assert (strangers["clips"], strangers["sessions"], strangers["folds"]) == (24, 2, 2)
    assert strangers["nearest_neighbour"]["top1"] == strangers["nearest_neighbour"]["mean_over_people"]
    assert metrics["people"]["same_recorder"] is None
    assert metrics["seen_in_training"] == 0
    assert set(metrics["sessions"]) == {"few-0", "few-2"}
    assert "| strangers | 24 | 2 |" in (folds / "evaluation/report.md").read_text()


def test_a_fold_that_has_seen_the_people_it_tests_is_refused(
    evaluate_folds: Callable[..., Done], folds: Path, few_clips: Path
) -> None:
    see(folds / "few-0/it/best", few_clips, "0")
    done = evaluate_folds()
    assert done.returncode == 2
    assert "has seen ['few-0'] in training" in done.stderr


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "There is no "), ("{", "does not say which sessions"), ('{"stages": {}}', "does not say which sessions")],
)
def test_folds_that_cannot_be_read_are_answered_in_one_line(
    evaluate_folds: Callable[..., Done], folds: Path, content: str | None, message: str
) -> None:
    (folds / "folds.json").unlink()
    if content is not None:
        (folds / "folds.json").write_text(content)
    done = evaluate_folds()
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("evaluate.py: ")
    assert message in done.stderr


def test_folds_name_their_clips_themselves(evaluate_folds: Callable[..., Done]) -> None:
    done = evaluate_folds("--held-out-session", "0")
    assert done.returncode == 2
    assert "--folds goes with no" in done.stderr
