"""Work on visitors' files in a process of its own, with limits of memory and time, and confined to the files it needs.

A video that crashes its decoder or fills the memory takes that process with it, not the page. What comes back is JSON
and plain numbers, never a pickle: a video that has taken the process over cannot make the page run its code. Nor can it
do much else, see `confinement`; and the page's environment, where secrets are, is not that of the process.
"""

import json
import logging
import multiprocessing
import os
import resource
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from typing import Any, Protocol

import confinement
import limits
import numpy as np

logger = logging.getLogger(__name__)

#: Called with the key of the step's text, what of it is done, and the total where it is known.
Progress = Callable[[str, int, int | None], None]

#: What work gives: values that JSON can hold, and one array of float32.
Product = tuple[dict[str, Any], np.ndarray]

#: Answers a message: values that JSON can hold, and bytes.
Answer = Callable[[dict[str, Any], bytes], Product]

#: A file.
File = str | os.PathLike[str]

#: What the processes get of the page's environment; and by what they know that they have got no more.
_PASSED = ("HOME", "LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH", "OMP_NUM_THREADS", "PATH", "TMPDIR")
_SEPARATE = "SLR_SEPARATE_ENVIRONMENT"

#: The largest message that is taken from a process, in bytes.
_LARGEST_MESSAGE = 256 * 1024**2


class Refused(Exception):  # noqa: N818 - a friendly no, not a fault
    """There is no answer. Its text is the key of a text of the page."""


class Run(Protocol):
    """How work is done: in a process of its own (`Isolation`), or here (`run_here`)."""

    def __call__(
        self,
        work: Callable[..., Product],
        *arguments: Any,
        progress: Progress,
        deadline: float,
        reads: tuple[File, ...] = (),
        writes: tuple[File, ...] = (),
    ) -> Product:
        """Does the work.

        Args:
            work: A function of a module; it is called with `arguments` and `progress`.
            *arguments: Its arguments.
            progress: Told how far it is.
            deadline: When to give up, as `time.monotonic` counts.
            reads: The files that it reads.
            writes: The files that it writes.

        Raises:
            Refused: If the work refuses, is not done in time, or its process is ended by a limit or a crash.
            RuntimeError: If the work fails for another reason.
        """


def run_here(
    work: Callable[..., Product],
    *arguments: Any,
    progress: Progress,
    deadline: float,
    reads: tuple[File, ...] = (),
    writes: tuple[File, ...] = (),
) -> Product:
    """Does the work in this process, where videos are trusted; see `Run`."""

    def report(step: str, done: int, total: int | None) -> None:
        if time.monotonic() > deadline:
            raise Refused("too_slow")
        progress(step, done, total)

    return work(*arguments, report)


@dataclass(frozen=True)
class Bounds:
    """What a process may use.

    Args:
        megabytes: Memory, and the size of a file.
        seconds: Processor time.
        reads: Files that it may read, beside those that Python consists of.
        writes: Files that it may write.
    """

    megabytes: int
    seconds: int
    reads: tuple[File, ...] = ()
    writes: tuple[File, ...] = ()

    def keep(self) -> None:
        """Has this process keep within them for good.

        Raises:
            RuntimeError: If it has the page's environment, or threads that would stay free.
            OSError: If the system refuses.
        """
        if _SEPARATE not in os.environ:
            raise RuntimeError(
                "The process that visitors' processes are forked from has ended, and multiprocessing has started it "
                "anew with the page's environment, secrets included. Start the page anew."
            )
        size = self.megabytes * 1024**2
        for kind, limit in (
            (resource.RLIMIT_DATA, size),
            (resource.RLIMIT_FSIZE, size),
            (resource.RLIMIT_CPU, self.seconds),
            (resource.RLIMIT_CORE, 0),
        ):
            resource.setrlimit(kind, (limit, limit))
        confinement.confine(self.reads, self.writes)


@dataclass(frozen=True)
class Isolation:
    """Does work in a process of its own.

    The processes are forked from one that has only imported what they need, so each is there in some tens of
    milliseconds and knows nothing of other visitors.

    Args:
        megabytes: Memory that a process may take.
        seconds: Processor time that it may take.
    """

    megabytes: int = limits.MOST_MEGABYTES
    seconds: int = limits.LONGEST_ANSWER * 2

    @staticmethod
    def prepare(*used: Any) -> None:
        """Starts the process that the others are forked from, with what they need already imported, and hides this one.

        It must be called before the first work. The main module is not among that: each process imports it anew. What
        the system cannot keep the processes from is logged.

        Args:
            *used: Classes and functions that work is given.

        Raises:
            OSError: If the system refuses to hide this process.
        """
        confinement.hide()
        modules = ["av", "mediapipe.tasks.python.vision", "recognition", *(one.__module__ for one in used)]
        multiprocessing.get_context("forkserver").set_forkserver_preload(modules)
        _start_fork_server()
        if powers := confinement.powers_left():
            logger.warning(
                "A video that took over its decoder could %s. This system cannot prevent it; see SECURITY.md.",
                ", ".join(powers),
            )

    def __call__(
        self,
        work: Callable[..., Product],
        *arguments: Any,
        progress: Progress,
        deadline: float,
        reads: tuple[File, ...] = (),
        writes: tuple[File, ...] = (),
    ) -> Product:
        """Does the work; see `Run`."""
        bounds = Bounds(self.megabytes, self.seconds, reads, writes)
        with closing(IsolatedProcess(_do, bounds, work, arguments)) as process:
            while True:
                message, numbers = process.receive(deadline)
                if "values" in message:
                    return message["values"], numbers
                progress(*message["progress"])

    def open(self, begin: Callable[..., Answer], *arguments: Any, reads: tuple[File, ...] = ()) -> "IsolatedProcess":
        """Starts a process that answers one message after another.

        Args:
            begin: A function of a module. The process calls it with `arguments` at the first message.
            *arguments: Its arguments.
            reads: The files that it reads.
        """
        return IsolatedProcess(_converse, Bounds(self.megabytes, self.seconds, reads), begin, arguments)


class IsolatedProcess:
    """A process with bounds, and the line to it.

    Args:
        serve: What the process does with its end of the line, its bounds, `work` and `arguments`.
        bounds: What it may use.
        work: A function of a module.
        arguments: Its arguments.
    """

    def __init__(
        self,
        serve: Callable[..., None],
        bounds: Bounds,
        work: Callable[..., Any],
        arguments: tuple[Any, ...],
    ) -> None:
        _start_fork_server()
        context = multiprocessing.get_context("forkserver")
        self._line, theirs = context.Pipe()
        self._process = context.Process(target=serve, args=(theirs, bounds, work, arguments), daemon=True)
        self._process.start()
        theirs.close()

    def ask(self, values: dict[str, Any], content: bytes, deadline: float) -> Product:
        """Sends a message, and waits for the answer to it.

        Args:
            values: Values that JSON can hold.
            content: What goes with them.
            deadline: When to give up, as `time.monotonic` counts.

        Raises:
            Refused: If the message is refused, is not answered in time, or the process is ended by a limit or a crash.
            RuntimeError: If the work fails for another reason.
        """
        with self._ended_after(deadline):
            try:
                _send(self._line, values)
                self._line.send_bytes(content)
            except OSError as error:
                raise self._lost(deadline) from error
        message, numbers = self.receive(deadline)
        return message["values"], numbers

    def receive(self, deadline: float) -> tuple[dict[str, Any], np.ndarray]:
        """Waits for the next message, and for the numbers that follow values.

        Args:
            deadline: When to give up, as `time.monotonic` counts.

        Raises:
            Refused: If the work refuses, there is no message in time, or the process is ended by a limit or a crash.
            RuntimeError: If the work fails for another reason.
        """
        if not self._line.poll(max(deadline - time.monotonic(), 0)):
            raise Refused("too_slow")
        with self._ended_after(deadline):
            try:
                message = json.loads(self._line.recv_bytes(_LARGEST_MESSAGE))
                numbers = self._line.recv_bytes(_LARGEST_MESSAGE) if "values" in message else b""
                array = np.frombuffer(numbers, np.float32).reshape(message.get("shape", -1))
            except (OSError, EOFError, ValueError) as error:  # it has ended without a result, or sends nonsense
                raise self._lost(deadline) from error
        if "refused" in message:
            raise Refused(message["refused"])
        if "failed" in message:
            raise RuntimeError(message["failed"])
        return message, array

    def close(self) -> None:
        """Ends the process."""
        self._line.close()
        self._process.kill()
        self._process.join()
        self._process.close()

    @contextmanager
    def _ended_after(self, deadline: float) -> Iterator[None]:
        """Ends the process a second after the deadline, so that one which hangs in half a message is not waited for."""
        watch = threading.Timer(max(deadline - time.monotonic(), 0) + 1, self._process.kill)
        watch.daemon = True
        watch.start()
        try:
            yield
        finally:
            watch.cancel()

    def _lost(self, deadline: float) -> Refused:
        """What became of a process that does not answer any more."""
        self._process.join(1)
        logger.warning("A process that worked on a video ended with the code %s.", self._process.exitcode)
        return Refused("unreadable" if time.monotonic() < deadline else "too_slow")


@cache
def _start_fork_server() -> None:
    """Starts the process that the others are forked from, with little of this one's environment; once is enough."""
    before = dict(os.environ)
    passed = {name: before[name] for name in _PASSED if name in before}
    os.environ.clear()
    # It imports modules from where this process does, which Python 3.11 does not tell it in another way.
    os.environ.update(passed | {"PYTHONPATH": os.pathsep.join(sys.path), _SEPARATE: "1"})
    try:
        forkserver.ensure_running()
    finally:
        os.environ.clear()
        os.environ.update(before)


def _do(line: Connection, bounds: Bounds, work: Callable[..., Product], arguments: tuple[Any, ...]) -> None:
    """What a process does that is started for one work."""

    def report(step: str, done: int, total: int | None) -> None:
        _send(line, {"progress": (step, done, total)})

    def do() -> Product:
        bounds.keep()
        return work(*arguments, report)

    _tell(line, do)


def _converse(line: Connection, bounds: Bounds, begin: Callable[..., Answer], arguments: tuple[Any, ...]) -> None:
    """What a process does that answers messages."""
    answer: Answer | None = None

    def answer_next() -> Product:
        nonlocal answer
        if answer is None:
            bounds.keep()
            answer = begin(*arguments)
        return answer(values, content)

    with suppress(EOFError):  # the page has closed the line
        while True:
            values, content = json.loads(line.recv_bytes()), line.recv_bytes()
            _tell(line, answer_next)


def _tell(line: Connection, work: Callable[[], Product]) -> None:
    """Does the work, and tells the page what came of it."""
    try:
        values, numbers = work()
    except Refused as refused:
        _send(line, {"refused": str(refused)})
    except MemoryError:
        logger.warning("A video needs more memory than it may have.")
        _send(line, {"refused": "unreadable"})
    except Exception as error:
        _send(line, {"failed": f"{type(error).__name__}: {error}"})
        raise  # so that its traceback is logged
    else:
        _send(line, {"values": values, "shape": numbers.shape})
        line.send_bytes(np.ascontiguousarray(numbers, np.float32).tobytes())


def _send(line: Connection, message: dict[str, Any]) -> None:
    line.send_bytes(json.dumps(message).encode())
