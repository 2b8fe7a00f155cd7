"""Full disks and read-only folders: one line that names the file, exit code 2, and nothing half-written.

Real disks of some kilobytes, where mounting is allowed; else a limit on the size of files (Python ignores its signal),
and folders without the right to write.
"""

import os
import resource
import runpy
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pyarrow.parquet as parquet
import pytest

from slr_hf.whole_files import whole_file, whole_folder

MEGABYTE = 2**20


class Disk:
    """A folder on a disk of its own that holds so many bytes, or in which files cannot grow larger than that."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.folder.mkdir()
        self.mounted = self._mount(f"size={MEGABYTE}")

    def resize(self, size: int) -> None:
        if self.mounted:
            self._mount(f"remount,size={size}")
        else:
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))

    def make_read_only(self) -> None:
        if self.mounted:
            self._mount("remount,ro")
        elif os.geteuid():
            self.folder.chmod(0o555)
        else:
            pytest.skip("root may write to any folder, and mounting a read-only one is not allowed here")

    def close(self) -> None:
        if self.mounted:
            subprocess.run(["umount", "--lazy", self.folder], check=True)
        else:
            self.folder.chmod(0o755)
            hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
            resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))

    def _mount(self, options: str) -> bool:
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", self.folder]
        return os.geteuid() == 0 and subprocess.run(command, capture_output=True, check=False).returncode == 0


class Done(NamedTuple):
    """What a run of a script left."""

    returncode: int
    stderr: str


Run = Callable[..., Done]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    disk = Disk(tmp_path / "disk")
    yield disk
    disk.close()


@pytest.fixture
def run(repository: Path, capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs the `main` of a script."""

    def run(script: str, *arguments: str | Path) -> Done:
        capfd.readouterr()
        code = runpy.run_path(str(repository / f"scripts/{script}.py"))["main"]([str(item) for item in arguments])
        return Done(code, capfd.readouterr().err)

    return run


@pytest.fixture
def train(run: Run, few_clips: Path, quick: list[str], disk: Disk) -> Callable[[Path], Done]:
    """Trains a stage for an epoch."""
    arguments = ["--recipe", "ksl13", "--stage", "it", "--held-out-session", "2", *quick]
    return lambda output: run("train", "--dataset", few_clips, "--output", output, *arguments)


@pytest.fixture
def extract(
    run: Run, clip_paths: dict[str, Path], landmarker_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Path], Done]:
    """Finds the landmarks of four clips of two frames."""
    monkeypatch.setenv("SLR_LANDMARKER", str(landmarker_path))
    table = tmp_path / "clips.csv"
    rows = [f"{index},{clip_paths['wave']},{2 * index},{2 * index + 2}" for index in range(4)]
    table.write_text("\n".join(["clip_id,path,begin,end", *rows]) + "\n")
    return lambda output: run("extract", table, output)


def complaint(done: Done, script: str) -> str:
    """The one line in which a script says why it stopped."""
    assert done.returncode == 2, done
    assert "Traceback" not in done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith(f"{script}.py: ")]
    return line


def weights(folder: Path) -> bytes:
    return (folder / "it/best/model.safetensors").read_bytes()


@pytest.mark.integration
def test_a_training_that_fills_the_disk_goes_on_when_there_is_room(
    train: Callable[[Path], Done], disk: Disk, tmp_path: Path
) -> None:
    assert train(tmp_path / "undisturbed").returncode == 0
    output = disk.folder / "run"
    # The record of the clips, the weights, the state of the optimizer, and the finished stage find no room.
    for size in (4, 280, 600, 1400):
        disk.resize(size * 1024)
        if not disk.mounted and size > 600:
            break  # no single file is that large
        assert str(output) in complaint(train(output), "train")
        assert not (output / "it/best").exists()
        assert not list(output.rglob("*.unfinished"))
    disk.resize(20 * MEGABYTE)
    assert train(output).returncode == 0
    assert weights(output) == weights(tmp_path / "undisturbed")
    assert not list(output.rglob("checkpoint-*"))


@pytest.mark.integration
def test_an_extraction_that_fills_the_disk_keeps_what_is_done(extract: Callable[[Path], Done], disk: Disk) -> None:
    output = disk.folder / "landmarks"
    # Room for the manifest, and for two clips where it is the disk that is full.
    disk.resize((8 + 2 * 12) * 1024 if disk.mounted else 2 * 1024)
    line = complaint(extract(output), "extract")
    assert str(output / "unfinished") in line
    done = list((output / "unfinished").iterdir())
    assert all(parquet.read_table(path).num_rows == 1 for path in done)
    assert len(done) in (range(1, 4) if disk.mounted else range(1))
    disk.resize(20 * MEGABYTE)
    assert f" {len(done)}/4 " in extract(output).stderr  # the bar begins with what is done
    (part,) = output.glob("part-*.parquet")
    assert parquet.read_table(part).num_rows == 4


@pytest.mark.integration
@pytest.mark.parametrize("script", ["train", "extract"])
def test_a_read_only_folder_is_named(request: pytest.FixtureRequest, disk: Disk, script: str) -> None:
    command = request.getfixturevalue(script)
    disk.make_read_only()
    line = complaint(command(disk.folder / "run"), script)
    assert str(disk.folder / "run") in line
    assert "Read-only" in line or "Permission denied" in line
    assert not list(disk.folder.iterdir())


def fill_file(path: Path) -> None:
    with whole_file(path) as unfinished:
        unfinished.write_bytes(b"new" * MEGABYTE)


def fill_folder(path: Path) -> None:
    with whole_folder(path) as unfinished:
        (unfinished / "a").write_bytes(b"new")
        (unfinished / "b").write_bytes(b"new" * MEGABYTE)


@pytest.mark.parametrize(("fill", "old"), [(fill_file, "place"), (fill_folder, "place/a")])
def test_what_was_there_stays_where_the_disk_is_full(disk: Disk, fill: Callable[[Path], None], old: str) -> None:
    (disk.folder / old).parent.mkdir(exist_ok=True)
    (disk.folder / old).write_bytes(b"old")
    disk.resize(MEGABYTE)
    with pytest.raises(OSError, match="place"):
        fill(disk.folder / "place")
    assert [path for path in disk.folder.rglob("*") if path.is_file()] == [disk.folder / old]
    assert (disk.folder / old).read_bytes() == b"old"
    disk.resize(20 * MEGABYTE)
    fill(disk.folder / "place")
    assert (disk.folder / old).read_bytes().startswith(b"new")
