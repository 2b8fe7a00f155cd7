"""Files and folders that are whole or not there, at whatever step the process that writes them is killed."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from slr_hf.whole_files import remove_unfinished, whole_file, whole_folder, write_json

#: Writes in two steps, and dies before its n-th change of the disk; see `os` and `shutil` in Python's audit events.
PROGRAM = """
import os, signal, sys
from pathlib import Path
from slr_hf.whole_files import whole_file, whole_folder

kind, place, left = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])

def die_in_time(event, arguments):
    global left
    if event in ("open", "os.mkdir", "os.remove", "os.rename", "os.rmdir"):
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1

def write(path):
    for half in ("ne", "w"):
        with path.open("a") as file:
            file.write(half)

sys.addaudithook(die_in_time)
if kind == "file":
    with whole_file(place) as unfinished:
        unfinished.write_text("")
        write(unfinished)
else:
    with whole_folder(place) as unfinished:
        (unfinished / "inner").mkdir()
        for name in ("a", "inner/b"):
            write(unfinished / name)
"""

OLD, NEW = {"a": "old", "inner/b": "old"}, {"a": "new", "inner/b": "new"}


def run(kind: str, place: Path, steps: int) -> int:
    command = [sys.executable, "-c", PROGRAM, kind, str(place), str(steps)]
    return subprocess.run(command, cwd=Path(__file__).parents[1], timeout=60, check=False).returncode


def content(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*") if path.is_file()}


def fill(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def test_a_file_is_the_old_or_the_new_one_wherever_its_writer_is_killed(tmp_path: Path) -> None:
    seen = set()
    for step in range(100):
        place = tmp_path / str(step) / "file"
        fill(place.parent, {"file": "old"})
        code = run("file", place, step)
        seen.add(place.read_text())
        if code == 0:
            break
        assert code == -signal.SIGKILL
        with whole_file(place) as unfinished:
            unfinished.write_text("newer")
        assert content(place.parent) == {"file": "newer"}
    assert code == 0
    assert step > 4
    assert seen == {"old", "new"}


def test_a_folder_is_the_old_or_the_new_one_wherever_its_writer_is_killed(tmp_path: Path) -> None:
    seen = []
    for step in range(100):
        place = tmp_path / str(step) / "folder"
        fill(place, OLD)
        code = run("folder", place, step)
        if place.is_dir():
            seen.append(content(place))
        else:
            # Between the two renames the old one lies beside.
            assert content(place.with_name(".folder.replaced")) == OLD
        if code == 0:
            break
        assert code == -signal.SIGKILL
        # The next writer puts things right, even where it fails itself.
        with pytest.raises(RuntimeError), whole_folder(place):
            raise RuntimeError
        assert content(place) in (OLD, NEW)
        with whole_folder(place) as unfinished:
            fill(unfinished, {"c": "newer"})
        assert content(place.parent) == {"folder/c": "newer"}
    assert code == 0
    assert len(seen) == step  # just one step finds no folder
    assert seen == sorted(seen, key=[OLD, NEW].index)
    assert seen[0] == OLD
    assert seen[-1] == NEW


def test_an_error_leaves_what_was_there_and_nothing_else(tmp_path: Path) -> None:
    def fail_in_a_file() -> None:
        with whole_file(tmp_path / "file") as unfinished:
            unfinished.write_text("half")
            raise ZeroDivisionError

    def fail_in_a_folder() -> None:
        with whole_folder(tmp_path / "folder") as unfinished:
            fill(unfinished, NEW)
            raise ZeroDivisionError

    fill(tmp_path, {"file": "old", "folder/a": "old"})
    for fail in (fail_in_a_file, fail_in_a_folder):
        with pytest.raises(ZeroDivisionError):
            fail()
    assert content(tmp_path) == {"file": "old", "folder/a": "old"}


def test_folders_above_are_made(tmp_path: Path) -> None:
    write_json(tmp_path / "some/where/file.json", {"gloss": "Привет"})
    assert json.loads((tmp_path / "some/where/file.json").read_text(encoding="utf-8")) == {"gloss": "Привет"}
    with whole_folder(tmp_path / "else/where/folder") as unfinished:
        fill(unfinished, NEW)
    assert content(tmp_path / "else") == {f"where/folder/{name}": text for name, text in NEW.items()}


def test_an_empty_folder_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with whole_folder(tmp_path / "folder") as unfinished:
        fill(unfinished, NEW)
    assert content(tmp_path) == {f"folder/{name}": text for name, text in NEW.items()}


def test_leftovers_of_names_that_nobody_writes_again_can_be_deleted(tmp_path: Path) -> None:
    fill(tmp_path, {".a.parquet.unfinished": "half", "a.parquet": "whole", ".lock": ""})
    remove_unfinished(tmp_path)
    assert content(tmp_path) == {"a.parquet": "whole", ".lock": ""}
