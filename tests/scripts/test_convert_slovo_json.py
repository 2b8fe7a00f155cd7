"""scripts/convert_slovo_json.py as its user meets it: arguments, files and an exit code."""

import json
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow.parquet as parquet
import pytest
from fixtures_slovo import slovo_json


class Done(NamedTuple):
    """What a run of the script left."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def convert(repository: Path, capfd: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """Runs the script's `main` with arguments."""
    main = runpy.run_path(str(repository / "scripts/convert_slovo_json.py"))["main"]

    def run(*arguments: str | Path) -> Done:
        capfd.readouterr()
        try:
            returncode = main([str(argument) for argument in arguments])
        except SystemExit as ended:
            returncode = ended.code
        return Done(returncode, *capfd.readouterr())

    return run


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A file of two clips, one of which has no frames."""
    path = tmp_path / "slovo_mediapipe.json"
    path.write_text(json.dumps(slovo_json({"clip": [[np.full((21, 3), 0.5)]] * 3, "empty": []})))
    return path


def test_it_writes_shards_and_says_how_many(convert: Callable[..., Done], source: Path, tmp_path: Path) -> None:
    done = convert(source, tmp_path / "shards")
    assert done.returncode == 0
    assert done.stdout == f"1 clips, 3 frames, 1 shards: {tmp_path / 'shards'}\n"
    assert "100%" in done.stderr
    assert "1 clips have no frames and are left out: empty" in done.stderr
    assert parquet.read_table(tmp_path / "shards")["clip_id"].to_pylist() == ["clip"]


def test_quiet_shows_no_progress(convert: Callable[..., Done], source: Path, tmp_path: Path) -> None:
    assert "%" not in convert(source, tmp_path / "shards", "--quiet").stderr


def test_malformed_json_ends_with_2_and_the_place(convert: Callable[..., Done], source: Path, tmp_path: Path) -> None:
    source.write_text(source.read_text().replace('"z"', '"w"'))
    done = convert(source, tmp_path / "shards", "--quiet")
    assert done.returncode == 2
    assert done.stderr == (f"convert_slovo_json.py: {source}, clip 'clip', frame 0, hand 1: point 0 lacks x, y or z.\n")
    assert not (tmp_path / "shards").exists()


@pytest.mark.parametrize("cut", [0, 1, 40, -1])
def test_a_file_that_is_cut_off_ends_with_2_and_one_line(
    convert: Callable[..., Done], source: Path, tmp_path: Path, cut: int
) -> None:
    source.write_text(source.read_text()[:cut])
    done = convert(source, tmp_path / "shards", "--quiet")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "no JSON before byte" in done.stderr


def test_files_that_cannot_be_used_end_with_2(convert: Callable[..., Done], source: Path, tmp_path: Path) -> None:
    assert "There is no file nowhere.json" in convert("nowhere.json", tmp_path / "shards", "--quiet").stderr
    assert convert(source, source, "--quiet").returncode == 2
    assert convert(source).returncode == 2


def test_debug_shows_where_an_error_comes_from(convert: Callable[..., Done], tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        convert("nowhere.json", tmp_path / "shards", "--debug")


def test_it_runs_from_the_command_line(repository: Path, source: Path, tmp_path: Path) -> None:
    command = [sys.executable, repository / "scripts/convert_slovo_json.py", source, tmp_path / "shards"]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
