import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import isolated_work
import numpy as np
import pytest
from isolation import Isolation, Refused, run_here

SOON = 120.0


def ask(work: Any, *arguments: Any, seconds: float = SOON, megabytes: int = 1000) -> Any:
    deadline = time.monotonic() + seconds
    return Isolation(megabytes)(work, *arguments, progress=lambda *_: None, deadline=deadline)


def is_gone(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.parametrize("run", [Isolation(), run_here])
def test_work_gives_values_and_numbers_and_tells_how_far_it_is(run: Any) -> None:
    steps: list[Any] = []
    numbers = np.array([[1, np.nan, 3]], np.float32)
    values, doubled = run(
        isolated_work.double, numbers, progress=lambda *step: steps.append(step), deadline=time.monotonic() + SOON
    )
    np.testing.assert_array_equal(doubled, numbers * 2)
    assert values["name"] == "Привет"
    assert (values["process"] == os.getpid()) == (run is run_here)
    assert steps == [("finding", 1, 2), ("finding", 2, None)]


def test_a_refusal_comes_back_as_one() -> None:
    with pytest.raises(Refused, match="too_long"):
        ask(isolated_work.refuse)


def test_a_fault_of_the_code_is_told_and_not_taken_for_a_bad_video() -> None:
    with pytest.raises(RuntimeError, match=r"LookupError: There is no such thing\."):
        ask(isolated_work.fail)


@pytest.mark.parametrize("work", [isolated_work.die, isolated_work.fill_memory])
def test_a_process_that_crashes_or_fills_the_memory_ends_alone(work: Any) -> None:
    with pytest.raises(Refused, match="unreadable"):
        ask(work)
    assert ask(isolated_work.double, np.ones(1, np.float32))[1] == 2


def test_a_process_cannot_fill_the_disk(tmp_path: Path) -> None:
    with pytest.raises((Refused, RuntimeError)):
        ask(isolated_work.fill_disk, str(tmp_path / "large"), megabytes=500)
    assert (tmp_path / "large").stat().st_size <= 500 * 1024**2


def test_work_that_takes_too_long_is_ended() -> None:
    processes: list[int] = []

    def note(_: str, process: int, __: Any) -> None:
        processes.append(process)

    with pytest.raises(Refused, match="too_slow"):
        Isolation(1000)(isolated_work.sleep, progress=note, deadline=time.monotonic() + 5)
    assert all(is_gone(process) for process in processes)


def test_work_whose_visitor_has_gone_is_ended() -> None:
    processes: list[int] = []

    def leave(_: str, process: int, __: Any) -> None:
        processes.append(process)
        raise ConnectionAbortedError

    with pytest.raises(ConnectionAbortedError):
        Isolation(1000)(isolated_work.sleep, progress=leave, deadline=time.monotonic() + SOON)
    assert is_gone(processes[0])


def test_what_work_is_given_is_imported_once_for_all_processes() -> None:
    """In a program of its own, since a process has prepared once, if at all."""
    code = (
        "import isolated_work, json, time; from isolation import Isolation; Isolation.prepare(isolated_work.double); "
        "print(json.dumps([Isolation()(isolated_work.tell_importer, progress=print, deadline=time.monotonic() + 120)[0]"
        " for _ in range(2)]))"
    )
    path = os.pathsep.join(sys.path)
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": path}, check=True, stdout=subprocess.PIPE
    )
    first, second = json.loads(done.stdout)
    assert first["importer"] == second["importer"]
    assert len({first["importer"], first["process"], second["process"]}) == 3


def test_a_process_holds_no_connection_of_the_page() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        os.set_inheritable(server.fileno(), True)
        ours = str(Path(f"/proc/self/fd/{server.fileno()}").readlink())
        assert ours.startswith("socket:[")
        theirs = ask(isolated_work.open_files)[0]["open"]
        assert any(name.startswith("pipe:[") for name in theirs), "it was looked at the right place"
        assert ours not in theirs


def test_the_page_goes_on_when_a_process_is_killed_from_outside() -> None:
    def kill(_: str, process: int, __: Any) -> None:
        os.kill(process, signal.SIGKILL)

    with pytest.raises(Refused, match="unreadable"):
        Isolation(1000)(isolated_work.sleep, progress=kill, deadline=time.monotonic() + SOON)
