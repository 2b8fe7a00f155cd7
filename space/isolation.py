"""Work on visitors' files in a process of its own, with limits of memory and time.

A video that crashes its decoder or fills the memory takes that process with it, not the page. What comes back is JSON
and plain numbers, never a pickle: a video that has taken the process over cannot make the page run its code.
"""

import json
import logging
import multiprocessing
import resource
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from typing import Any, Protocol

import limits
import numpy as np

logger = logging.getLogger(__name__)

#: Called with the key of the step's text, what of it is done, and the total where it is known.
Progress = Callable[[str, int, int | None], None]

#: What work gives: values that JSON can hold, and one array of float32.
Product = tuple[dict[str, Any], np.ndarray]

#: Answers a message: values that JSON can hold, and bytes.
Answer = Callable[[dict[str, Any], bytes], Product]

#: The largest message that is taken from a process, in bytes.
_LARGEST_MESSAGE = 256 * 1024**2


class Refused(Exception):  # noqa: N818 - a friendly no, not a fault
    """There is no answer. Its text is the key of a text of the page."""


class Run(Protocol):
    """How work is done: in a process of its own (`Isolation`), or here (`run_here`)."""

    def __call__(self, work: Callable[..., Product], *arguments: Any, progress: Progress, deadline: float) -> Product:
        """Does the work.

        Args:
            work: A function of a module; it is called with `arguments` and `progress`.
            *arguments: Its arguments.
            progress: Told how far it is.
            deadline: When to give up, as `time.monotonic` counts.

        Raises:
            Refused: If the work refuses, is not done in time, or its process is ended by a limit or a crash.
            RuntimeError: If the work fails for another reason.
        """


def run_here(work: Callable[..., Product], *arguments: Any, progress: Progress, deadline: float) -> Product:
    """Does the work in this process, where videos are trusted."""

    def report(step: str, done: int, total: int | None) -> None:
        if time.monotonic() > deadline:
            raise Refused("too_slow")
        progress(step, done, total)

    return work(*arguments, report)


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
        """Starts the process that the others are forked from, with what they need already imported.

        It must be called before the first work. The main module is not among that: each process imports it anew.

        Args:
            *used: Classes and functions that work is given.
        """
        modules = ["av", "mediapipe.tasks.python.vision", "recognition", *(one.__module__ for one in used)]
        multiprocessing.get_context("forkserver").set_forkserver_preload(modules)
        forkserver.ensure_running()

    def __call__(self, work: Callable[..., Product], *arguments: Any, progress: Progress, deadline: float) -> Product:
        """Does the work; see `Run`."""
        with closing(IsolatedProcess(_do, self.megabytes, self.seconds, work, arguments)) as process:
            while True:
                message, numbers = process.receive(deadline)
                if "values" in message:
                    return message["values"], numbers
                progress(*message["progress"])

    def open(self, begin: Callable[..., Answer], *arguments: Any) -> "IsolatedProcess":
        """Starts a process that answers one message after another.

        Args:
            begin: A function of a module. The process calls it with `arguments` at the first message.
            *arguments: Its arguments.
        """
        return IsolatedProcess(_converse, self.megabytes, self.seconds, begin, arguments)


class IsolatedProcess:
    """A process with limits, and the line to it.

    Args:
        serve: What the process does with its end of the line, its limits, `work` and `arguments`.
        megabytes: Memory that it may take.
        seconds: Processor time that it may take.
        work: A function of a module.
        arguments: Its arguments.
    """

    def __init__(
        self,
        serve: Callable[..., None],
        megabytes: int,
        seconds: int,
        work: Callable[..., Any],
        arguments: tuple[Any, ...],
    ) -> None:
        context = multiprocessing.get_context("forkserver")
        self._line, theirs = context.Pipe()
        self._process = context.Process(target=serve, args=(theirs, megabytes, seconds, work, arguments), daemon=True)
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


def _do(
    line: Connection, megabytes: int, seconds: int, work: Callable[..., Product], arguments: tuple[Any, ...]
) -> None:
    """What a process does that is started for one work."""
    _limit(megabytes, seconds)

    def report(step: str, done: int, total: int | None) -> None:
        _send(line, {"progress": (step, done, total)})

    _tell(line, lambda: work(*arguments, report))


def _converse(
    line: Connection, megabytes: int, seconds: int, begin: Callable[..., Answer], arguments: tuple[Any, ...]
) -> None:
    """What a process does that answers messages."""
    _limit(megabytes, seconds)
    answer: Answer | None = None

    def answer_next() -> Product:
        nonlocal answer
        answer = answer or begin(*arguments)
        return answer(values, content)

    with suppress(EOFError):  # the page has closed the line
        while True:
            values, content = json.loads(line.recv_bytes()), line.recv_bytes()
            _tell(line, answer_next)


def _limit(megabytes: int, seconds: int) -> None:
    size = megabytes * 1024**2
    for kind, limit in (
        (resource.RLIMIT_DATA, size),
        (resource.RLIMIT_FSIZE, size),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (limit, limit))


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
