"""Processes that try mutations, with limits of time and memory, so that what dies is one mutation and not the test."""

import logging
import multiprocessing
import resource
import signal
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path

from process_status import status_bytes

logger = logging.getLogger(__name__)

#: Seconds that a mutation may take, and bytes that it may take beside what the process has when it begins.
SECONDS, MEMORY = 30, 2 * 2**30

#: How many times as much a mutation may take at a second try, after it was refused for lack of memory: what wants more
#: takes it then, and what refuses an absurd size unasked, as FFmpeg does, refuses it again.
GENEROUS = 4

#: Does with a mutated file, in a folder of its own, what the program would do. What it raises beside `expected` is a
#: fault.
Check = Callable[[bytes, Path], object]


@dataclass(frozen=True)
class Trial:
    """What is tried, and on what. It travels to another process, so its functions stand at the top of a module.

    Args:
        check: What is done with a mutated file.
        mutate: Makes the mutation with a number.
        content: The file that is mutated.
        expected: The errors that may come of it. A `MemoryError` never may.
    """

    check: Check
    mutate: Callable[[bytes, int], bytes]
    content: bytes
    expected: tuple[type[Exception], ...]


@dataclass
class Tried:
    """What became of mutations.

    Args:
        outcomes: How many were accepted and how many refused.
        faults: What went wrong, by the number of the mutation.
        dead: How many processes have died.
        memory: The most bytes that a process has had beyond those it began with.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    faults: dict[int, str] = field(default_factory=dict)
    dead: int = 0
    memory: int = 0


def try_mutations(trial: Trial, numbers: range, folder: Path, seconds: float = SECONDS, memory: int = MEMORY) -> Tried:
    """Tries mutations in a process of their own. If it dies, another goes on with the next mutation.

    Args:
        trial: What is tried.
        numbers: The numbers of the mutations.
        folder: Where to put mutated files.
        seconds: What a mutation may take.
        memory: The bytes that the process may take beside what it has when it begins.
    """
    # Not forked: the process of the tests has threads.
    context = multiprocessing.get_context("spawn")
    tried, begin = Tried(), 0
    while begin < len(numbers):
        results, sender = context.Pipe(duplex=False)
        worker = context.Process(target=_work, args=(trial, numbers[begin:], folder, seconds, memory, sender))
        worker.start()
        sender.close()
        try:
            original = results.recv()
            assert original == "accepted", f"The file is not accepted before it is mutated: {original}"
            while begin < len(numbers):
                outcome, fault, used = results.recv()
                tried.memory = max(tried.memory, used)
                if fault:
                    tried.faults[numbers[begin]] = fault
                else:
                    tried.outcomes[outcome] += 1
                begin += 1
                if begin % 1000 == 0:
                    logger.info("%d mutations: %s, %d faults", begin, dict(tried.outcomes), len(tried.faults))
        except EOFError:
            worker.join()
            tried.dead += 1
            tried.faults[numbers[begin]] = f"the process died ({_cause(worker.exitcode)})"
            begin += 1
        finally:
            results.close()
            worker.join()
    return tried


def _cause(exitcode: int | None) -> str:
    if exitcode == -signal.SIGALRM:
        return "it took too long"
    return signal.Signals(-exitcode).name if exitcode is not None and exitcode < 0 else f"exit code {exitcode}"


def _work(trial: Trial, numbers: range, folder: Path, seconds: float, memory: int, sender: Connection) -> None:
    # Before the limits, so that what it imports and keeps does not count.
    outcome, fault = _outcome(trial, trial.content, folder)
    sender.send(outcome or fault)
    began, peak = status_bytes("VmData"), status_bytes("VmHWM")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for number in numbers:
        # Its default ends the process, in the middle of a decoder that hangs too.
        signal.setitimer(signal.ITIMER_REAL, seconds)
        outcome, fault = _outcome_within(trial, trial.mutate(trial.content, number), folder, began, memory)
        signal.setitimer(signal.ITIMER_REAL, 0)
        sender.send((outcome, fault, status_bytes("VmHWM") - peak))


def _outcome_within(trial: Trial, content: bytes, folder: Path, began: int, memory: int) -> tuple[str, str]:
    """The outcome for a process that had `began` bytes at its begin and may have `memory` more."""
    resource.setrlimit(resource.RLIMIT_DATA, (began + memory, resource.RLIM_INFINITY))
    outcome, fault = _outcome(trial, content, folder)
    if not (outcome and fault):
        return outcome, fault
    resource.setrlimit(resource.RLIMIT_DATA, (began + GENEROUS * memory, resource.RLIM_INFINITY))
    size = status_bytes("VmSize")
    outcome, again = _outcome(trial, content, folder)
    if status_bytes("VmPeak") - size > memory:
        return outcome, fault
    return outcome, "" if outcome else again


def _outcome(trial: Trial, content: bytes, folder: Path) -> tuple[str, str]:
    """Whether a file was accepted or refused, and what went wrong; both where it was refused for lack of memory."""
    try:
        trial.check(content, folder)
    except MemoryError as error:
        return "", f"it took too much memory ({error})"
    except trial.expected as error:
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, MemoryError):
                return "refused", f"it took too much memory ({error})"
            cause = cause.__cause__
        return ("refused", "") if str(error).strip() else ("", f"{type(error).__name__} without a message")
    except Exception as error:  # noqa: BLE001 - a fault is what is looked for
        return "", f"{type(error).__name__}: {error}"
    return "accepted", ""


__all__ = ["Check", "Trial", "Tried", "try_mutations"]
