"""scripts/predict.py as its user meets it: a process with arguments, two streams and an exit code."""

import json
import os
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from slr_hf.model.extraction_slr import VideoError

pytestmark = pytest.mark.integration

CLIP = "videos/msl150_yo_001.mp4"


class Done(NamedTuple):
    """What a run of the script left."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture(scope="module")
def script(repository: Path) -> Path:
    return repository / "scripts/predict.py"


@pytest.fixture
def predict(
    script: Path,
    model_dir: Path,
    landmarker_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Callable[..., Done]:
    """Runs the script's `main` with arguments, on the small model unless they name another."""
    monkeypatch.setenv("SLR_LANDMARKER", str(landmarker_path))
    main = runpy.run_path(str(script))["main"]

    def run(*arguments: str | Path) -> Done:
        model = [] if "--model" in arguments else ["--model", model_dir]
        capfd.readouterr()
        try:
            returncode = main([str(argument) for argument in (*arguments, *model)])
        except SystemExit as ended:
            returncode = ended.code
        return Done(returncode, *capfd.readouterr())

    return run


@pytest.fixture(scope="module")
def json_run(script: Path, model_dir: Path, landmarker_path: Path, data_dir: Path) -> subprocess.CompletedProcess[str]:
    """A run as its user starts it."""
    return subprocess.run(
        [sys.executable, script, data_dir / CLIP, "--model", model_dir, "--json", "--top-k", "3"],
        env={**os.environ, "SLR_LANDMARKER": str(landmarker_path)},
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_json_goes_to_standard_output_and_progress_to_standard_error(
    json_run: subprocess.CompletedProcess[str], data_dir: Path
) -> None:
    assert json_run.returncode == 0, json_run.stderr
    (answer,) = json.loads(json_run.stdout)
    assert answer["video"] == str(data_dir / CLIP)
    scores = [prediction["score"] for prediction in answer["predictions"]]
    assert len(scores) == 3
    assert scores == sorted(scores, reverse=True)
    assert 0 <= answer["confidence"] <= 1
    assert isinstance(answer["warnings"], list)
    assert "msl150_yo_001.mp4" in json_run.stderr
    assert "frames" in json_run.stderr


def test_mirroring_changes_the_answer(
    predict: Callable[..., Done], json_run: subprocess.CompletedProcess[str], data_dir: Path
) -> None:
    mirrored = predict(data_dir / CLIP, "--json", "--top-k", "3", "--mirror")
    assert json.loads(mirrored.stdout)[0]["predictions"] != json.loads(json_run.stdout)[0]["predictions"]


def test_without_json_each_video_gets_a_table_of_five(predict: Callable[..., Done], data_dir: Path) -> None:
    done = predict(data_dir / CLIP)
    assert done.returncode == 0, done.stderr
    title, *rows = done.stdout.strip().splitlines()
    assert title.startswith(str(data_dir / CLIP))
    assert [row.split()[0] for row in rows[:5]] == ["1.", "2.", "3.", "4.", "5."]
    assert all(row.endswith("%") for row in rows[:5])


def test_unreadable_videos_are_named_in_one_line_each_and_the_others_answered(
    predict: Callable[..., Done], data_dir: Path, tmp_path: Path
) -> None:
    text = tmp_path / "letter.mp4"
    text.write_text("This is a letter, not a film.\n")
    done = predict(tmp_path / "missing.mp4", text, data_dir / CLIP, "--json")
    assert done.returncode == 2
    missing, unreadable, answered = json.loads(done.stdout)
    assert "error" in missing
    assert "error" in unreadable
    assert len(answered["predictions"]) == 5
    complaints = [line for line in done.stderr.splitlines() if line.startswith("predict.py: ")]
    assert len(complaints) == 2
    assert "missing.mp4" in complaints[0]
    assert "letter.mp4" in complaints[1]
    assert "Traceback" not in done.stderr


def test_a_missing_model_is_named_in_one_line(predict: Callable[..., Done], data_dir: Path, tmp_path: Path) -> None:
    done = predict(data_dir / CLIP, "--model", tmp_path / "nothing")
    assert done.returncode == 2
    assert done.stdout == ""
    assert f"predict.py: There is no folder {tmp_path / 'nothing'}, and as a name on the Hub: " in done.stderr
    assert "Traceback" not in done.stderr


def test_debug_shows_where_an_error_comes_from(predict: Callable[..., Done], tmp_path: Path) -> None:
    with pytest.raises(VideoError, match=r"missing\.mp4"):
        predict(tmp_path / "missing.mp4", "--debug")


def test_top_k_below_one_is_refused(predict: Callable[..., Done]) -> None:
    done = predict("clip.mp4", "--top-k", "0")
    assert done.returncode == 2
    assert "--top-k must be at least 1" in done.stderr
