"""scripts/extract.py as its user meets it: it can be killed, interrupted and run again."""

import json
import os
import runpy
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest

pytestmark = pytest.mark.integration

CLIPS = 8


class Done(NamedTuple):
    """What a run of the script left."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture(scope="module")
def table(clip_paths: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight short clips and one that fails."""
    path = tmp_path_factory.mktemp("input") / "clips.tsv"
    rows = [f"{index}\t{clip_paths['wave']}\t{4 * index}\t{4 * index + 4}\tg{index}" for index in range(CLIPS)]
    rows.insert(3, "missing\tmissing.mp4\t\t\tg")
    path.write_text("\n".join(["clip_id\tpath\tbegin\tend\tgloss", *rows]) + "\n")
    return path


@pytest.fixture
def extract(
    repository: Path, landmarker_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., Done]:
    """Runs the script's `main` with arguments."""
    monkeypatch.setenv("SLR_LANDMARKER", str(landmarker_path))
    main = runpy.run_path(str(repository / "scripts/extract.py"))["main"]

    def run(*arguments: str | Path) -> Done:
        capfd.readouterr()
        try:
            returncode = main([str(argument) for argument in arguments])
        except SystemExit as ended:
            returncode = ended.code
        return Done(returncode, *capfd.readouterr())

    return run


@pytest.fixture
def start(repository: Path, landmarker_path: Path, table: Path) -> Callable[..., subprocess.Popen[str]]:
    """Starts a run as its user does."""

    def run(output: Path, source: Path = table) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, repository / "scripts/extract.py", source, output, "--num-proc", "2"],
            env={**os.environ, "SLR_LANDMARKER": str(landmarker_path), "PYTHONPATH": str(repository)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # A shell that runs the tests in the background has them ignore Ctrl-C.
            preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
        )

    return run


def finished(output: Path) -> set[str]:
    return {path.name for path in output.glob("unfinished/*.parquet")}


def wait_for(number: int, output: Path, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 60
    while len(finished(output)) < number and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)


def test_ctrl_c_stops_at_once_without_a_traceback(
    start: Callable[..., subprocess.Popen[str]], clip_paths: dict[str, Path], tmp_path: Path
) -> None:
    # A short clip to begin with, and then more than can be done before the signal comes.
    rows = [f"{index}\t{clip_paths['wave']}\t0\t{60 if index else 4}" for index in range(20)]
    table = tmp_path / "clips.tsv"
    table.write_text("\n".join(["clip_id\tpath\tbegin\tend", *rows]) + "\n")
    process = start(tmp_path / "out", table)
    wait_for(1, tmp_path / "out", process)
    workers = psutil.Process(process.pid).children(recursive=True)
    # As a terminal does, to all of them.
    for pid in (*(worker.pid for worker in workers), process.pid):
        os.kill(pid, signal.SIGINT)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == 130, stderr
    assert "Traceback" not in stderr
    assert stderr.strip().splitlines()[-1] == "extract.py: interrupted. The same command goes on from here."
    assert len(finished(tmp_path / "out")) >= 1
    assert not psutil.wait_procs(workers, timeout=10)[1]


def test_failures_are_listed_and_told_again(
    extract: Callable[..., Done], clip_paths: dict[str, Path], tmp_path: Path
) -> None:
    videos = tmp_path / "videos"
    videos.mkdir()
    (videos / "letter.mp4").write_text("This is a letter, not a film.\n")
    (videos / "damaged.mp4").write_bytes(clip_paths["wave"].read_bytes()[:20_000])
    for _ in range(2):
        done = extract(videos, tmp_path / "out")
        assert done.returncode == 1
        assert done.stdout == "clips   0\nfailed  2\n"
        assert "extract.py: letter failed: " in done.stderr
        assert "Traceback" not in done.stderr
        records = [json.loads(line) for line in (tmp_path / "out/failed.jsonl").read_text().splitlines()]
        assert [record["clip_id"] for record in records] == ["damaged", "letter"]
        assert all("cannot be " in record["reason"] for record in records)


def test_a_run_without_failures_ends_with_zero_and_says_how_it_was_done(
    extract: Callable[..., Done], clip_paths: dict[str, Path], tmp_path: Path
) -> None:
    table = tmp_path / "clips.csv"
    table.write_text(f"clip_id,path,end\na,{clip_paths['wave']},2\n")
    assert extract(table, tmp_path / "out").returncode == 0
    manifest = json.loads((tmp_path / "out/extraction.json").read_text())
    assert manifest["extractor"] == "MediaPipe Holistic"
    assert manifest["mediapipe"] == "0.10.33"
    assert len(manifest["landmarker_sha256"]) == 64
    assert (manifest["frame_size"], manifest["clips"], len(manifest["parts"])) == (640, 1, 1)
    refused = extract(table, tmp_path / "out", "--frame-size", "480")
    assert refused.returncode == 2
    assert "extract.py: " in refused.stderr
    assert "extracted with frame_size 640, but now it is 480" in refused.stderr


def test_unusable_input_is_named_in_one_line(extract: Callable[..., Done], tmp_path: Path) -> None:
    done = extract(tmp_path / "none", tmp_path / "out")
    assert done.returncode == 2
    assert done.stderr.strip() == (
        f"extract.py: There is no folder or table {tmp_path / 'none'}. Pass a folder of videos, a CSV or a TSV."
    )
    assert not (tmp_path / "out").exists()
    assert extract(tmp_path, tmp_path / "out", "--num-proc", "0").returncode == 2
    assert extract(tmp_path, tmp_path / "out", "--engine", "steam").returncode == 2
    with pytest.raises(FileNotFoundError):
        extract(tmp_path / "none", tmp_path / "out", "--debug")
