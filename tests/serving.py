"""The Space's app in a process of its own, as on a Space."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Served:
    """An app that answers.

    Args:
        address: Its address, without a slash at the end.
        process: Its process.
        uploads: The folder where it keeps what visitors upload.
        log: What it has printed.
    """

    address: str
    process: subprocess.Popen[bytes]
    uploads: Path
    log: Path


@contextmanager
def serve_space(folder: Path, landmarker: Path, model: Path) -> Iterator[Served]:
    """Serves the Space's app until the block ends.

    Args:
        folder: An empty folder for its log, its uploads and what it caches.
        landmarker: The landmark models.
        model: A saved model, for where the Space has none of its own.
    """
    trained = ROOT / "space/model"
    uploads, log = folder / "uploads", folder / "log.txt"
    uploads.mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        **os.environ,
        "SLR_MODEL": str(trained if (trained / "config.json").is_file() else model),
        "SLR_LANDMARKER": str(landmarker),
        "GRADIO_TEMP_DIR": str(uploads),
        "HF_HOME": str(folder / "hub"),
    }
    with log.open("w") as output:
        command = [sys.executable, str(ROOT / "space/app.py"), "--port", str(port)]
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.STDOUT)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(240):
            assert process.poll() is None, f"The app ended:\n{log.read_text()}"
            try:
                urllib.request.urlopen(address, timeout=5).close()
                break
            except (urllib.error.URLError, TimeoutError):
                time.sleep(0.5)
        else:
            pytest.fail(f"The app does not answer:\n{log.read_text()}")
        yield Served(address, process, uploads, log)
    finally:
        process.terminate()
        process.wait(timeout=20)


def workers(served: Served) -> list[psutil.Process]:
    """The processes that look at what visitors send: the children of the one that they are forked from."""
    page = psutil.Process(served.process.pid)
    return [worker for child in page.children() for worker in child.children()]
