"""Every script on bad input: one line that names the thing, exit code 2, no traceback, and nothing left behind."""

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fixtures_arrays import make_arrays
from hostile_videos import HOSTILE_VIDEOS

from slr_hf.commands import run_command

#: Runs a script by its name, and tells what it left; see conftest.py.
Run = Callable[..., Any]

#: What the arguments below name, in the folder of the test.
TEXT, MISSING, OUTPUT = "letter.txt", "missing", "output"
MODEL = ("--model", "model")

CASES: dict[str, tuple[str, tuple[str, ...], str]] = {
    # script, arguments, what the line says
    "extract: no input": ("extract.py", (MISSING, OUTPUT), "There is no folder or table missing"),
    "extract: a folder without videos": ("extract.py", ("empty", OUTPUT), "The folder empty holds no video"),
    "extract: a table of another form": ("extract.py", (TEXT, OUTPUT), "letter.txt lacks the column clip_id"),
    "extract: a file as the output": ("extract.py", ("videos", TEXT), "letter.txt"),
    "extract: no process": ("extract.py", ("videos", OUTPUT, "--num-proc", "0"), "`num_proc` must be at least 1"),
    "extract: no pixels": ("extract.py", ("videos", OUTPUT, "--frame-size", "0"), "`frame_size` must be at least 1"),
    "extract: no time": ("extract.py", ("videos", OUTPUT, "--time-limit", "-1"), "`time_limit` must be positive"),
    "train: no dataset": (
        "train.py",
        ("--dataset", MISSING, "--recipe", "ksl13", "--output", OUTPUT),
        "There is no file or folder missing",
    ),
    "train: text as arrays": (
        "train.py",
        ("--dataset", "broken.npz", "--recipe", "ksl13", "--output", OUTPUT),
        "broken.npz is no .npz file",
    ),
    "train: an unknown recipe": (
        "train.py",
        ("--dataset", "set.npz", "--recipe", "nonsense", "--output", OUTPUT),
        "nonsense",
    ),
    "train: an unknown field": (
        "train.py",
        ("--dataset", "set.npz", "--recipe", "ksl13", "--output", OUTPUT, "--set", "speed=9"),
        "speed",
    ),
    "train: a number that is none": (
        "train.py",
        ("--dataset", "set.npz", "--recipe", "ksl13", "--output", OUTPUT, "--set", "learning_rate=fast"),
        "learning_rate",
    ),
    "train: a model that is not there": (
        "train.py",
        ("--dataset", "set.npz", "--recipe", "own_signs", "--output", OUTPUT, "--from-model", MISSING),
        "missing",
    ),
    "train: an unknown session": (
        "train.py",
        ("--dataset", "set.npz", "--recipe", "ksl13", "--output", OUTPUT, "--held-out-session", "9"),
        "There is no session '9'",
    ),
    "evaluate: no model": ("evaluate.py", ("--model", MISSING, "--dataset", "set.npz"), "There is no model in missing"),
    "evaluate: a damaged model": (
        "evaluate.py",
        ("--model", "damaged", "--dataset", "set.npz", "--output", OUTPUT),
        "damaged",
    ),
    "evaluate: unknown glosses": (
        "evaluate.py",
        (*MODEL, "--dataset", "set.npz", "--output", OUTPUT),
        "The model does not know the glosses",
    ),
    "predict: no model": ("predict.py", ("letter.txt", "--model", MISSING), "There is no folder missing"),
    "predict: a damaged model": ("predict.py", ("letter.txt", "--model", "damaged"), "The model in damaged"),
    "predict: no exported model": ("predict.py", ("letter.txt", "--model", "m.onnx"), "There is no exported model"),
    "predict: no video": ("predict.py", (MISSING, *MODEL), "cannot answer missing: There is no file"),
    "predict: a text": ("predict.py", (TEXT, *MODEL), "cannot answer letter.txt: letter.txt cannot be read as a video"),
    "predict: a folder": ("predict.py", ("empty", *MODEL), "cannot answer empty: There is no file"),
    "annotate: no model": ("annotate.py", (TEXT, "--model", MISSING), "There is no folder missing"),
    "annotate: a text": ("annotate.py", (TEXT, *MODEL), "letter.txt cannot be read as a video"),
    "live: no model": ("live.py", (TEXT, "--model", MISSING, "--no-window"), "There is no folder missing"),
    "live: a text": ("live.py", (TEXT, *MODEL, "--no-window"), "letter.txt cannot be read as a video"),
    "export: no model": ("export.py", ("--model", MISSING, "--output", OUTPUT), "There is no model in missing"),
    "export: a damaged model": ("export.py", ("--model", "damaged", "--output", OUTPUT), "The model in damaged"),
    "export: text as arrays": (
        "export.py",
        (*MODEL, "--output", OUTPUT, "--dataset", "broken.npz"),
        "broken.npz is no .npz file",
    ),
    "enroll: no model": (
        "enroll.py",
        ("--model", MISSING, "--dataset", "set.npz", "--output", OUTPUT),
        "There is no folder missing",
    ),
    "enroll: no dataset": ("enroll.py", (*MODEL, "--dataset", MISSING, "--output", OUTPUT), "There is no file"),
    "enroll: an output that is something else": (
        "enroll.py",
        (*MODEL, "--dataset", "set.npz", "--output", "empty"),
        "empty is there already",
    ),
    "package: no model": (
        "package_model.py",
        ("--model", MISSING, "--dataset", "set.npz", "--metrics", "metrics.json", "--name", "n", "--output", OUTPUT),
        "missing|set",
    ),
    "package: metrics that are none": (
        "package_model.py",
        (*MODEL, "--dataset", "set.npz", "--metrics", TEXT, "--name", "n", "--output", OUTPUT),
        "letter.txt",
    ),
    "publish: no model": (
        "publish.py",
        ("--model", MISSING, "--repo-id", "user/name", "--dry-run"),
        "missing",
    ),
    "publish: a name that is a path": (
        "publish.py",
        (*MODEL, "--repo-id", "../../name", "--dry-run"),
        r"\.\./\.\./name",
    ),
    "publish a dataset: none": (
        "publish_dataset.py",
        ("--dataset", MISSING, "--repository", "user/name", "--output", OUTPUT),
        "There is no file or folder missing",
    ),
    "publish a dataset: a name that is a path": (
        "publish_dataset.py",
        ("--dataset", "set.npz", "--repository", "../../name", "--licence", "cc-by-4.0", "--output", OUTPUT),
        r"\.\./\.\./name",
    ),
    "convert: no file": ("convert_slovo_json.py", (MISSING, OUTPUT, "--quiet"), "missing"),
    "convert: a text": ("convert_slovo_json.py", (TEXT, OUTPUT, "--quiet"), "letter.txt"),
}


@pytest.fixture
def workplace(model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with what the arguments name. Scripts run in it."""
    (tmp_path / TEXT).write_text("This is a letter, not a film.\n")
    (tmp_path / "broken.npz").write_text("no arrays")
    np.savez(tmp_path / "set.npz", **make_arrays())
    for name in ("empty", "videos"):
        (tmp_path / name).mkdir()
    (tmp_path / "videos" / "letter.mp4").write_text("This is a letter, not a film.\n")
    (tmp_path / "model").symlink_to(model_dir)
    shutil.copytree(model_dir, tmp_path / "damaged")
    os.truncate(tmp_path / "damaged" / "model.safetensors", 1000)
    (tmp_path / "metrics.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", CASES)
def test_bad_input_is_told_in_one_line(name: str, run: Run, workplace: Path, landmarker_path: Path) -> None:
    script, arguments, message = CASES[name]
    before = set(workplace.rglob("*"))
    done = run(script, *arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith(f"{script}: ")]
    assert re.search(message, line)
    assert set(workplace.rglob("*")) == before


@pytest.mark.parametrize("name", ["train: no dataset", "evaluate: no model", "predict: a text", "export: no model"])
def test_debug_shows_where_an_error_comes_from(name: str, run: Run, workplace: Path, landmarker_path: Path) -> None:
    script, arguments, _ = CASES[name]
    with pytest.raises((OSError, ValueError)):
        run(script, *arguments, "--debug")


@pytest.mark.parametrize(
    "error", [OSError("disk full"), ValueError("a field"), ImportError("a package"), RuntimeError("x"), MemoryError()]
)
def test_an_expected_error_is_one_line_and_exit_code_2(error: Exception, capsys: pytest.CaptureFixture[str]) -> None:
    def fail(options: argparse.Namespace) -> int:
        raise error

    assert run_command(fail, argparse.Namespace(debug=False), "/a/b/script.py") == 2
    assert capsys.readouterr().err == f"script.py: {str(error) or 'MemoryError'}\n"
    with pytest.raises(type(error)):
        run_command(fail, argparse.Namespace(debug=True), "/a/b/script.py")


def test_a_fault_of_the_program_shows_where_it_comes_from() -> None:
    def fail(options: argparse.Namespace) -> int:
        raise KeyError("a fault")

    with pytest.raises(KeyError):
        run_command(fail, argparse.Namespace(debug=False), "script.py")


def test_an_interrupted_script_says_so_and_ends_with_130() -> None:
    program = (
        "import argparse, sys, time; from slr_hf.commands import run_command; "
        "work = lambda options: print('ready', flush=True) or time.sleep(60); "
        "sys.exit(run_command(work, argparse.Namespace(debug=False), 'script.py'))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=30)
    assert (process.returncode, error) == (130, "script.py: interrupted.\n")


# Many videos at once: each is answered or named, whatever the others are.

#: Not the video of an hour, whose landmarks take minutes.
SHORT = {name: video for name, video in HOSTILE_VIDEOS.items() if name != "one hour"}


@pytest.fixture
def videos(workplace: Path) -> dict[str, Path]:
    paths = {}
    for number, (name, video) in enumerate(SHORT.items()):
        path = workplace / "many" / f"clip{number}" / f"clip{video.suffix}"
        path.parent.mkdir(parents=True)
        video.make(path)
        paths[name] = path
    return paths


def test_predict_answers_or_names_each_of_many_videos(run: Run, videos: dict[str, Path], landmarker_path: Path) -> None:
    done = run("predict.py", *videos.values(), *MODEL, "--json")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    answers = json.loads(done.stdout)
    assert [answer["video"] for answer in answers] == [str(path) for path in videos.values()]
    for (name, video), answer in zip(SHORT.items(), answers, strict=True):
        assert ("predictions" in answer) == video.is_readable, name
        assert video.is_readable or re.search(video.refused, answer["error"]), name
        assert "\n" not in answer.get("error", "")


def test_extract_keeps_what_can_be_read_and_lists_the_rest(
    run: Run, videos: dict[str, Path], workplace: Path, landmarker_path: Path
) -> None:
    from slr_hf.data import load_extracted

    rows = [f'"{name}",{path.relative_to(workplace)}' for name, path in videos.items()]
    (workplace / "clips.csv").write_text("\n".join(["clip_id,path", *rows]))
    done = run("extract.py", "clips.csv", OUTPUT, "--time-limit", "60")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    failed = [json.loads(line) for line in (workplace / OUTPUT / "failed.jsonl").read_text().splitlines()]
    readable = [name for name, video in SHORT.items() if video.is_readable]
    assert load_extracted(workplace / OUTPUT)["clip_id"][:].tolist() == readable
    reasons = {failure["clip_id"]: failure["reason"] for failure in failed}
    assert reasons.keys() == SHORT.keys() - set(readable)
    for name, reason in reasons.items():
        assert re.search(SHORT[name].refused, reason), name
