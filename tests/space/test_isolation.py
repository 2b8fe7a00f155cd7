import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import isolated_work
import numpy as np
import pytest
from isolation import Bounds, IsolatedProcess, Isolation, Refused, run_here

SOON = 120.0


def ask(work: Any, *arguments: Any, megabytes: int = 1000, **files: Any) -> Any:
    deadline = time.monotonic() + SOON
    return Isolation(megabytes)(work, *arguments, progress=lambda *_: None, deadline=deadline, **files)


def run_program(code: str) -> bytes:
    """Runs Python in a program of its own, which finds the same modules; returns what it prints."""
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run([sys.executable, "-c", code], env=variables, check=True, stdout=subprocess.PIPE).stdout


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
        ask(isolated_work.fill_disk, str(tmp_path / "large"), megabytes=500, writes=(tmp_path / "large",))
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
    first, second = json.loads(run_program(code))
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


@pytest.fixture
def counter() -> Iterator[IsolatedProcess]:
    with closing(Isolation(1000).open(isolated_work.count_from, 7)) as process:
        yield process


def tell(process: IsolatedProcess, content: bytes = b"", seconds: float = SOON, **values: Any) -> Any:
    return process.ask(values, content, time.monotonic() + seconds)


def test_a_process_answers_one_message_after_another(counter: IsolatedProcess) -> None:
    large = bytes(range(256)) * 10_000
    for number in (7, 8):
        values, array = tell(counter, large)
        assert values["number"] == number
        assert values["process"] != os.getpid()
        np.testing.assert_array_equal(array, np.frombuffer(large, np.uint8))


def test_after_a_refusal_a_process_goes_on(counter: IsolatedProcess) -> None:
    with pytest.raises(Refused, match="too_large"):
        tell(counter, do="refuse")
    assert tell(counter)[0]["number"] == 8


@pytest.mark.parametrize(
    ("do", "seconds", "error", "message"),
    [
        ("die", SOON, Refused, "unreadable"),
        ("fill_memory", SOON, Refused, "unreadable"),
        ("sleep", 1, Refused, "too_slow"),
        ("fail", SOON, RuntimeError, r"LookupError: There is no such thing\."),
    ],
)
def test_a_message_that_is_not_answered_is_told(do: str, seconds: float, error: type[Exception], message: str) -> None:
    with closing(Isolation(1000).open(isolated_work.count_from, 7)) as process:
        worker = tell(process)[0]["process"]
        with pytest.raises(error, match=message):
            tell(process, seconds=seconds, do=do)
    assert is_gone(worker)


def test_a_process_that_is_gone_takes_no_message(counter: IsolatedProcess) -> None:
    with pytest.raises(Refused):
        tell(counter, do="die")
    with pytest.raises(Refused, match="unreadable"):
        tell(counter, bytes(10**7))


def test_half_a_message_is_not_waited_for() -> None:
    process = IsolatedProcess(isolated_work.stop_in_the_middle, Bounds(1000, 60), isolated_work.double, ())
    # More than the line holds, so it is sent in pieces.
    with closing(process), pytest.raises(Refused, match="too_slow"):
        tell(process, bytes(10**7), seconds=2)


def test_a_page_that_is_gone_leaves_no_process() -> None:
    code = (
        "import isolated_work, os, time; from isolation import Isolation; "
        "process = Isolation(1000).open(isolated_work.count_from, 0); "
        "print(process.ask({}, b'', time.monotonic() + 120)[0]['process'], flush=True); os._exit(0)"
    )
    process = int(run_program(code))
    deadline = time.monotonic() + SOON
    while not is_gone(process) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert is_gone(process)
