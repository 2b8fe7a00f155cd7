"""Commands that are killed at random moments: the same command, run again, leaves what an undisturbed run leaves.

`SLR_KILLS=20` kills each of them twenty times, exports too (`make soak-faults`); `SLR_SEED` chooses other moments.
"""

import logging
import math
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from shutil import copytree, ignore_patterns
from typing import Any

import psutil
import pyarrow.parquet as parquet
import pytest
from fixtures_hub import USER, Hub

KILLS = int(os.environ.get("SLR_KILLS", "1"))

#: One thread each: on a busy machine, more wait for one another.
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300 + 300 * KILLS)]

logger = logging.getLogger(__name__)

Files = dict[str, bytes]


@dataclass(frozen=True)
class Command:
    """A command that writes to a folder, or to a Hub of its own for each folder.

    Args:
        line: The command line for a folder.
        result: What is finished there, by name.
        environment: The variables for a folder.
        check: Raises where something is amiss after a kill, apart from what `result` names.
        progress: How far a process is with a folder, in any unit.
        code: The exit code of a run that nothing disturbs.
    """

    line: Callable[[Path], list[Any]]
    result: Callable[[Path], Files]
    environment: Callable[[Path], dict[str, str]] = lambda folder: ENVIRONMENT
    check: Callable[[Path], None] = lambda folder: None
    progress: Callable[[subprocess.Popen[bytes], Path], float] = lambda process, folder: processor_time(process)
    code: int = 0

    def start(self, folder: Path, root: Path) -> subprocess.Popen[bytes]:
        """Starts the command; what it says goes to a log beside the folder."""
        variables = {**self.environment(folder), "PYTHONPATH": str(root)}
        with folder.with_suffix(".log").open("wb") as log:
            return subprocess.Popen(
                [sys.executable, *self.line(folder)], cwd=root, env=variables, stdout=log, stderr=log
            )

    def finish(self, folder: Path, root: Path) -> tuple[Files, float]:
        """Runs the command undisturbed; returns its result, and its progress at the end."""
        process = self.start(folder, root)
        end = self.wait(process, folder)
        assert process.returncode == self.code, folder.with_suffix(".log").read_text()
        assert not list(folder.rglob("*.unfinished"))
        return self.result(folder), end

    def wait(self, process: subprocess.Popen[bytes], folder: Path, limit: float = math.inf) -> float:
        """Waits until a process ends or is so far; returns how far it was."""
        start = self.progress(process, folder)
        reached = 0.0
        while process.poll() is None and reached < limit:
            time.sleep(0.01)
            reached = max(reached, self.progress(process, folder) - start)
        return reached


def files_of(folder: Path, pattern: str = "*") -> Files:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.glob(pattern) if path.is_file()}


@pytest.fixture
def train(few_clips: Path, quick: list[str]) -> Command:
    """Three stages with all that has a state of its own: dropout, repeated clips, early stopping, averaged weights."""
    settings = ["epochs=3", "repeats=4", "average_decay=0.9", "config.hidden_dropout=0.2", "config.layer_drop=0.2"]
    arguments = ["--recipe", "ksl13", "--held-out-session", "2", *quick, "--set", *settings, "group_by_length=true"]
    return Command(
        lambda folder: ["scripts/train.py", "--dataset", few_clips, "--output", folder, *arguments],
        result=lambda folder: files_of(folder, "*/best/*"),
    )


@pytest.fixture
def extract(clip_paths: dict[str, Path], landmarker_path: Path, tmp_path: Path) -> Command:
    """Eight short clips, and one that fails."""
    rows = [f"{index}\t{clip_paths['wave']}\t{4 * index}\t{4 * index + 4}\tg{index}" for index in range(8)]
    rows.insert(3, "missing\tmissing.mp4\t\t\tg")
    table = tmp_path / "clips.tsv"
    table.write_text("\n".join(["clip_id\tpath\tbegin\tend\tgloss", *rows]) + "\n")
    written: dict[Path, int] = {}

    def check(folder: Path) -> None:
        for path in folder.rglob("*.parquet"):
            assert parquet.read_table(path).num_rows in (1, 8)
            # What is done is not done again.
            assert written.setdefault(path, path.stat().st_mtime_ns) == path.stat().st_mtime_ns

    def result(folder: Path) -> Files:
        # The shards and what names them; before that, nothing counts as a dataset.
        return files_of(folder) if list(folder.glob("part-*.parquet")) and not (folder / "unfinished").exists() else {}

    return Command(
        lambda folder: ["scripts/extract.py", table, folder, "--num-proc", "2"],
        result,
        environment=lambda folder: {**ENVIRONMENT, "SLR_LANDMARKER": str(landmarker_path)},
        check=check,
        code=1,
    )


@pytest.fixture
def export(small_model_dir: Path) -> Command:
    pytest.importorskip("onnxscript")
    return Command(lambda folder: ["scripts/export.py", "--model", small_model_dir, "--output", folder], files_of)


@pytest.fixture
def publish(repository: Path, tmp_path: Path) -> Command:
    """A model and a Space that go to a slow Hub."""
    model = copytree(repository / "space/model", tmp_path / "packaged", ignore=ignore_patterns(".*", "__pycache__"))
    hubs: dict[Path, Hub] = {}

    def environment(folder: Path) -> dict[str, str]:
        return hubs.setdefault(folder, Hub(pause=0.1)).environment(tmp_path / "home")

    def result(folder: Path) -> Files:
        # The server may still be at work on what a killed process has asked for.
        time.sleep(0.3)
        published = [repository for repository in hubs[folder].repositories.values() if repository.messages]
        assert all(repository.messages == ["Publish with slr_hf"] for repository in published)
        return {
            f"{repository.kind}/{path}": content
            for repository in published
            for path, content in repository.files.items()
        }

    names = ["--repo-id", f"{USER}/name", "--space-id", f"{USER}/space"]
    return Command(
        lambda folder: ["scripts/publish.py", "--model", model, *names],
        result,
        environment,
        progress=lambda process, folder: hubs[folder].asked.total(),
    )


def processor_time(process: subprocess.Popen[bytes]) -> float:
    """Seconds of a process and those it has started; a clock would run on while the machine does something else."""
    with suppress(psutil.NoSuchProcess):
        main = psutil.Process(process.pid)
        times = [one.cpu_times() for one in (main, *main.children(recursive=True))]
        return sum(spent.user + spent.system for spent in times)
    return 0.0


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kills a process; whatever it has started ends too."""
    others = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.wait()
    assert not psutil.wait_procs(others, timeout=30)[1]


def is_part(result: Files, expected: Files) -> bool:
    """Whether whole groups of what is expected are there, and nothing else: a stage, a repository, or all files."""
    groups = {name.split("/")[0] for name in result} if any("/" in name for name in expected) else set()
    wanted = {name: content for name, content in expected.items() if not groups or name.split("/")[0] in groups}
    return not result or result == wanted


@pytest.mark.parametrize(
    "name",
    [
        "train",
        "extract",
        "publish",
        pytest.param(
            "export",
            marks=pytest.mark.skipif(
                "SLR_KILLS" not in os.environ,
                reason="exports take minutes: set SLR_KILLS (test_whole_files.py kills at every step of writing)",
            ),
        ),
    ],
)
def test_a_killed_command_is_completed_by_the_next_and_nothing_half_written_is_taken_for_whole(
    name: str, request: pytest.FixtureRequest, repository: Path, tmp_path: Path
) -> None:
    command: Command = request.getfixturevalue(name)
    chance = random.Random(f"{name} {os.environ.get('SLR_SEED', '0')}")
    expected, end = command.finish(tmp_path / "undisturbed", repository)
    assert expected
    killed, folder, folders = 0, tmp_path / "killed-0", 1
    while killed < KILLS:
        process = command.start(folder, repository)
        # The first part of a run is imports. The last step may take a while.
        reached = command.wait(process, folder, chance.uniform(0.3, 1) * end)
        time.sleep(chance.uniform(0, 0.2))
        if process.poll() is None:
            kill(process)
        command.check(folder)
        if process.returncode == -signal.SIGKILL:
            killed += 1
            result = command.result(folder)
            assert is_part(result, expected)
            logger.info("%s: killed at %.2f of %.2f, %d files were finished", name, reached, end, len(result))
        else:
            # What is left of the work was done before the kill: another one begins.
            assert process.returncode == command.code, folder.with_suffix(".log").read_text()
            assert command.result(folder) == expected
            folder, folders = tmp_path / f"killed-{folders}", folders + 1
    assert command.finish(folder, repository)[0] == expected
    logger.info("%s: killed %d times in %d folders, each as after an undisturbed run", name, killed, folders)
