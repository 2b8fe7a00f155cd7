"""What SECURITY.md promises of a decoder that a video has taken over: its process tries what it must not do."""

import json
import math
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import confinement
import hostile_code
import isolated_work
import isolation
import pytest
from confinement import CALLS, EMPTYING, FILES, SIGNALS
from isolation import Isolation

import slr_hf

SOON = 120.0
SECRET = "hf_ASecretOfThePage"


def attempt(name: str, *arguments: Any, reads: tuple[Path, ...] = (), writes: tuple[Path, ...] = ()) -> dict[str, Any]:
    """What came of an attempt in a visitor's process."""
    return Isolation(1000)(
        *(hostile_code.attempt, name, arguments),
        progress=lambda *_: None,
        deadline=time.monotonic() + SOON,
        reads=reads,
        writes=writes,
    )[0]


def is_refused(name: str, *arguments: Any, without: str) -> bool:
    """Whether an attempt fails that succeeds in this process; skips where the system lacks what is needed."""
    if without in confinement.powers_left():
        pytest.skip(f"this system cannot prevent it: a process may {without}")
    seen = attempt(name, *arguments)
    assert set(seen) in ({"got"}, {"refused"})
    return "refused" in seen


def run_page(code: str, *arguments: Any, path: tuple[Path, ...] = ()) -> subprocess.CompletedProcess[str]:
    """Runs a page in a program of its own, which has a secret in its environment."""
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([*map(str, path), *sys.path]), "HF_TOKEN": SECRET},
        check=True,
        capture_output=True,
        text=True,
        timeout=SOON,
    )


@pytest.fixture(scope="module")
def page() -> subprocess.CompletedProcess[str]:
    """A page that takes its system for an older one; a visitor's process has looked for its secret."""
    return run_page(
        "import confinement, hostile_code, json, os, sys, time; from isolation import Isolation; "
        "confinement._landlock_version = lambda: 2; confinement._find_seccomp = lambda: None; Isolation.prepare(); "
        "assert os.environ['HF_TOKEN'] == sys.argv[1]; "
        "work = (hostile_code.attempt, 'find_in_environments', sys.argv[1:]); "
        "print(json.dumps(Isolation()(*work, progress=print, deadline=time.monotonic() + 120)[0]))",
        SECRET,
    )


def test_it_finds_the_secrets_of_no_environment(page: subprocess.CompletedProcess[str]) -> None:
    """Not even where there is no Landlock: the page hides its own, and has others started with less."""
    assert json.loads(page.stdout) == {"got": []}


def test_what_the_system_cannot_prevent_is_logged_once(page: subprocess.CompletedProcess[str]) -> None:
    for power in (EMPTYING, SIGNALS, CALLS):
        assert page.stderr.count(power) == 1
    assert FILES not in page.stderr


def test_a_hidden_page_is_not_looked_into_without_landlock_either() -> None:
    page = "import confinement, sys; confinement.hide(); print('ready', flush=True); sys.stdin.read()"
    decoder = (
        "import confinement, hostile_code, json, sys; confinement._landlock_version = lambda: 0; "
        "confinement._find_seccomp = lambda: None; confinement.confine([], []); page = int(sys.argv[1]); "
        "attempts = (('read_file', [f'/proc/{page}/environ']), ('read_memory', [page]), ('seize', [page])); "
        "print(json.dumps([hostile_code.attempt(*attempt, print)[0] for attempt in attempts]))"
    )
    variables = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", page]
    with subprocess.Popen(command, env=variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        seen = json.loads(run_page(decoder, process.pid).stdout)
    assert [set(one) for one in seen] == [{"refused"}] * 3


@pytest.mark.parametrize("path", [isolation.__file__, slr_hf.__file__, os.__file__, pytest.__file__])
@pytest.mark.parametrize("name", ["open_to_write", "replace"])
def test_it_changes_no_code(name: str, path: str) -> None:
    assert is_refused(name, path, without=FILES)


def test_it_empties_no_code() -> None:
    assert is_refused("empty", isolation.__file__, without=EMPTYING)


@pytest.mark.parametrize("name", ["delete", "link", "overwrite", "read_file"])
def test_it_has_no_access_to_other_files_of_the_page(name: str, tmp_path: Path) -> None:
    """Such as what another visitor has uploaded."""
    other = tmp_path / "other.mp4"
    if name != "link":
        other.write_text("of another visitor")
    assert is_refused(name, str(other), *(["hello"] if name == "overwrite" else []), without=FILES)
    assert name == "link" or other.read_text() == "of another visitor"


def test_it_reads_and_writes_the_files_that_it_is_given(tmp_path: Path) -> None:
    given, made = tmp_path / "given.mp4", tmp_path / "made.mp4"
    given.write_text("a video")
    assert attempt("read_file", str(given), reads=(given,)) == {"got": "a video"}
    assert attempt("overwrite", str(made), "drawn", writes=(made,)) == {"got": True}
    assert made.read_text() == "drawn"


def test_a_video_is_still_read_when_somebody_uploads_the_same_one_meanwhile(tmp_path: Path) -> None:
    """Gradio replaces the file then. Who was given the file, and not its folder, could not open the new one."""
    video, again = tmp_path / "upload/clip.mp4", tmp_path / "again.mp4"
    video.parent.mkdir()
    for file in (video, again):
        file.write_text("a video")
    with closing(Isolation(1000).open(isolated_work.read_when_asked, reads=(video.parent,))) as process:
        ask = partial(process.ask, {"path": str(video)}, b"", time.monotonic() + SOON)
        assert ask()[0] == {"text": "a video"}
        again.replace(video)
        assert ask()[0] == {"text": "a video"}


def test_a_file_to_read_cannot_be_written(tmp_path: Path) -> None:
    if FILES in confinement.powers_left():
        pytest.skip("there is no Landlock")
    given = tmp_path / "given.mp4"
    given.write_text("a video")
    assert "refused" in attempt("overwrite", str(given), "another", reads=(given,))
    assert given.read_text() == "a video"


def test_what_it_changes_is_not_there_for_the_next_visitor(tmp_path: Path) -> None:
    """Neither in a file of code, nor in the memory that processes are forked from."""
    if FILES in confinement.powers_left():
        pytest.skip("there is no Landlock")
    prey = tmp_path / "prey.py"
    prey.write_text(
        "import os\nimport hostile_code\nimport numpy as np\nSTATE = ['clean']\n\n"
        "def attack(report):\n    STATE[0] = np.pi = 'changed'\n"
        "    return hostile_code.attempt('overwrite', (__file__, 'STATE = 1 / 0'), report)[0], np.zeros(0)\n\n"
        "def look(report):\n    return {'state': STATE[0], 'pi': np.pi}, np.zeros(0)\n"
    )
    before = prey.read_text()
    code = (
        "import json, prey, time; from isolation import Isolation; "
        "print(json.dumps([Isolation()(work, progress=print, deadline=time.monotonic() + 120)[0]"
        " for work in (prey.attack, prey.look)]))"
    )
    attacked, looked = json.loads(run_page(code, path=(tmp_path,)).stdout)
    assert "refused" in attacked
    assert looked == {"state": "clean", "pi": math.pi}
    assert prey.read_text() == before


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


@pytest.mark.parametrize("name", ["connect", "send_datagram"])
def test_it_reaches_no_network(name: str, listener: socket.socket) -> None:
    hostile_code.ATTEMPTS[name](*listener.getsockname())
    assert is_refused(name, *listener.getsockname(), without=CALLS)


@pytest.mark.parametrize("name", ["set_up_ring", "have_process_forked", "fork", "run_program"])
def test_it_has_no_way_to_an_unconfined_process(name: str) -> None:
    assert is_refused(name, without=CALLS)


def test_it_runs_no_program_in_its_place() -> None:
    assert is_refused("run_program_in_its_place", without=FILES)


@pytest.mark.parametrize("name", ["read_memory", "seize"])
def test_it_does_not_reach_into_the_page(name: str) -> None:
    assert is_refused(name, os.getpid(), without=FILES)


def test_it_cannot_end_the_page() -> None:
    assert is_refused("end", os.getpid(), without=SIGNALS)


def test_it_cannot_use_the_rights_of_root() -> None:
    if os.getuid():
        pytest.skip("this test does not run as root")
    assert "refused" in attempt("become", 12345)


def test_a_process_with_threads_is_not_taken_for_confined() -> None:
    code = (
        "import confinement, threading; threading.Thread(target=threading.Event().wait, daemon=True).start()\n"
        "try:\n    confinement.confine([], [])\nexcept RuntimeError as error:\n    print(error)"
    )
    assert "before it starts threads, but has 2" in run_page(code).stdout


def test_a_process_with_the_environment_of_the_page_does_no_work() -> None:
    """Python starts the process that others are forked from anew when it has ended, and with the whole environment."""
    code = (
        "import hostile_code, os, signal, time; from multiprocessing import forkserver; "
        "from isolation import Isolation; "
        "ask = lambda *work: Isolation()(*work, progress=print, deadline=time.monotonic() + 120); "
        "ask(hostile_code.attempt, 'fork', ()); os.kill(forkserver._forkserver._forkserver_pid, signal.SIGKILL); "
        "time.sleep(1)\n"
        "try:\n    ask(hostile_code.attempt, 'find_in_environments', ('x',))\n"
        "except RuntimeError as error:\n    print(error)"
    )
    assert "Start the page anew." in run_page(code).stdout
