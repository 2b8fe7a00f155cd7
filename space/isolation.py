"""Work on visitors' files in a process of its own, with limits of memory and time.

A video that crashes its decoder or fills the memory takes that process with it, not the page. What comes back is JSON
and plain numbers, never a pickle: a video that has taken the process over cannot make the page run its code.
"""

import json
import logging
import multiprocessing
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, Protocol

import limits
import numpy as np

logger = logging.getLogger(__name__)

#: Called with the key of the step's text, what of it is done, and the total where it is known.
Progress = Callable[[str, int, int | None], None]

#: What work gives: values that JSON can hold, and one array of float32.
Product = tuple[dict[str, Any], np.ndarray]

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
        context = multiprocessing.get_context("forkserver")
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(
            target=_serve, args=(sender, self.megabytes, self.seconds, work, arguments), daemon=True
        )
        process.start()
        sender.close()
        try:
            while True:
                message, numbers = self._receive(receiver, process, deadline)
                if "refused" in message:
                    raise Refused(message["refused"])
                if "failed" in message:
                    raise RuntimeError(message["failed"])
                if "values" in message:
                    return message["values"], numbers
                progress(*message["progress"])
        finally:
            receiver.close()
            process.kill()
            process.join()
            process.close()

    @staticmethod
    def _receive(receiver: Connection, process: BaseProcess, deadline: float) -> tuple[dict[str, Any], np.ndarray]:
        """Waits for the next message, and for the numbers that follow the last one."""
        if not receiver.poll(max(deadline - time.monotonic(), 0)):
            raise Refused("too_slow")
        try:
            message = json.loads(receiver.recv_bytes(_LARGEST_MESSAGE))
            numbers = receiver.recv_bytes(_LARGEST_MESSAGE) if "values" in message else b""
            return message, np.frombuffer(numbers, np.float32).reshape(message.get("shape", -1))
        except (OSError, EOFError, ValueError) as error:  # it has ended without a result, or sends nonsense
            process.join(1)
            logger.warning("A process that worked on a video ended with the code %s.", process.exitcode)
            raise Refused("unreadable") from error


def _serve(
    sender: Connection, megabytes: int, seconds: int, work: Callable[..., Product], arguments: tuple[Any, ...]
) -> None:
    """What the process does."""
    size = megabytes * 1024**2
    for kind, limit in (
        (resource.RLIMIT_DATA, size),
        (resource.RLIMIT_FSIZE, size),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (limit, limit))

    def send(**message: Any) -> None:
        sender.send_bytes(json.dumps(message).encode())

    def report(step: str, done: int, total: int | None) -> None:
        send(progress=(step, done, total))

    try:
        values, numbers = work(*arguments, report)
    except Refused as refused:
        send(refused=str(refused))
    except MemoryError:
        logger.warning("A video needs more than %d MB.", megabytes)
        send(refused="unreadable")
    except Exception as error:
        send(failed=f"{type(error).__name__}: {error}")
        raise  # so that its traceback is logged
    else:
        send(values=values, shape=numbers.shape)
        sender.send_bytes(np.ascontiguousarray(numbers, np.float32).tobytes())
