"""scripts/enroll.py as its user meets it."""

import json
import runpy
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration


@pytest.fixture
def run(repository: Path, landmarker_path: Path) -> Callable[..., int]:
    """Runs the `main` of a script with arguments."""

    def run(name: str, *arguments: str | Path) -> int:
        return runpy.run_path(str(repository / "scripts" / name))["main"]([str(argument) for argument in arguments])

    return run


def test_signs_of_a_folder_are_enrolled_and_predicted(
    run: Callable[..., int], repository: Path, data_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for gloss, name in (("yo", "msl150_yo_001"), ("dolor", "msl150_dolor_001")):
        (tmp_path / "my_signs" / gloss).mkdir(parents=True)
        shutil.copy(data_dir / f"videos/{name}.mp4", tmp_path / "my_signs" / gloss)
    enrol = ("--model", repository / "space/model", "--dataset", tmp_path / "my_signs", "--output", tmp_path / "model")
    assert run("enroll.py", *enrol) == 0
    assert capsys.readouterr().out == "dolor: 1 clip\nyo: 1 clip\n"
    assert run("predict.py", data_dir / "videos/msl150_yo_001.mp4", "--model", tmp_path / "model", "--json") == 0
    (answer,) = json.loads(capsys.readouterr().out)
    assert [prediction["label"] for prediction in answer["predictions"]] == ["yo", "dolor"]
    # Again into the same folder, but never over something else.
    assert run("enroll.py", *enrol, "--copies", "0") == 0
    assert run("enroll.py", *enrol[:-1], tmp_path / "my_signs") == 2
    assert "is there already and is no enrolled model" in capsys.readouterr().err


def test_what_cannot_be_used_is_answered_in_one_line(
    run: Callable[..., int], repository: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("--dataset", tmp_path / "nowhere", "--output", tmp_path / "model")
    assert run("enroll.py", "--model", repository / "space/model", *arguments) == 2
    assert "enroll.py: There is no file or folder" in capsys.readouterr().err
    assert run("enroll.py", "--model", tmp_path / "nowhere", *arguments) == 2
    assert "enroll.py: " in capsys.readouterr().err
    assert not (tmp_path / "model").exists()
