"""Work that the tests of the Space's isolation have done in a process of its own, which imports this file."""

import os
import signal
import time
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
from isolation import Answer, Product, Progress, Refused

#: The process that has imported this file.
IMPORTER = os.getpid()


def tell_importer(report: Progress) -> Product:
    return {"importer": IMPORTER, "process": os.getpid()}, np.empty(0)


def double(numbers: np.ndarray, report: Progress) -> Product:
    report("finding", 1, 2)
    report("finding", 2, None)
    return {"process": os.getpid(), "name": "Привет"}, numbers * 2


def refuse(report: Progress) -> Product:
    raise Refused("too_long")


def fail(report: Progress) -> Product:
    raise LookupError("There is no such thing.")


def die(report: Progress) -> Product:
    os.kill(os.getpid(), signal.SIGSEGV)
    raise AssertionError


def fill_memory(report: Progress) -> Product:
    kept = [np.ones(10_000_000) for _ in range(100)]  # 8 GB
    return {}, kept[0]


def fill_disk(path: str, report: Progress) -> Product:
    with open(path, "wb") as file:  # noqa: PTH123 - the plainest way
        for _ in range(1000):
            file.write(bytes(1_000_000))
    return {}, np.empty(0, np.float32)


def sleep(report: Progress) -> Product:
    report("finding", os.getpid(), None)
    time.sleep(600)
    raise AssertionError


def open_files(report: Progress) -> Product:
    targets = []
    for entry in list(Path("/proc/self/fd").iterdir()):
        with suppress(FileNotFoundError):  # that of the listing itself
            targets.append(str(entry.readlink()))
    return {"open": targets}, np.empty(0)


def count_from(first: int) -> Answer:
    """Answers with the number of each message; some are not answered."""
    number = first - 1

    def answer(values: dict[str, Any], content: bytes) -> Product:
        nonlocal number
        number += 1
        if values.get("do") == "refuse":
            raise Refused("too_large")
        if values.get("do") == "fail":
            raise LookupError("There is no such thing.")
        if values.get("do") == "die":
            os.kill(os.getpid(), signal.SIGSEGV)
        if values.get("do") == "sleep":
            time.sleep(600)
        if values.get("do") == "fill_memory":
            return {}, np.ones(10**9)
        return {"process": os.getpid(), "number": number}, np.frombuffer(content, np.uint8).astype(np.float32)

    return answer


def read_when_asked() -> Answer:
    """Answers with the text of the file that each message names."""
    return lambda values, content: ({"text": Path(values["path"]).read_text()}, np.empty(0))


def stop_in_the_middle(line: Connection, *_: Any) -> None:
    """A process that was taken over: it begins a message, and never ends it."""
    line.recv_bytes()
    os.write(line.fileno(), (100).to_bytes(4, "big"))
    time.sleep(600)
