"""What code tries that a hostile video runs in the place of a decoder: work for the Space's isolation.

No attempt harms what it is tried on, even where it succeeds.
"""

import ctypes
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

import numpy as np
from isolation import Product, Progress

#: Of linux/ptrace.h: to attach without stopping the other process; and a call of the system.
_SEIZE, _IO_URING_SETUP = 0x4206, 425


def attempt(name: str, arguments: tuple[Any, ...], report: Progress) -> Product:
    """Tells what came of an attempt: what it "got", or why it was "refused"."""
    try:
        return {"got": ATTEMPTS[name](*arguments)}, np.empty(0)
    except (OSError, EOFError) as error:
        return {"refused": f"{type(error).__name__}: {error}"}, np.empty(0)


def find_in_environments(secret: str) -> list[str]:
    """Looks into its own environment, and into that of every process."""
    found = ["os.environ"] if secret in str(dict(os.environ)) else []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            environment = (process / "environ").read_bytes()
        except OSError:
            continue
        if secret.encode() in environment:
            found.append(str(process))
    own = Path("/proc/self/environ").read_bytes()
    return [*found, *(["/proc/self"] if secret.encode() in own else [])]


def read_file(path: str) -> str:
    return Path(path).read_bytes()[:100].decode("latin-1")


def open_to_write(path: str) -> bool:
    with open(path, "r+b"):  # noqa: PTH123 - the plainest way
        return True


def overwrite(path: str, text: str) -> bool:
    Path(path).write_text(text)
    return True


def empty(path: str) -> None:
    os.truncate(path, Path(path).stat().st_size)  # to the size that it has


def replace(path: str) -> None:
    Path(path).replace(path)


def delete(path: str) -> None:
    Path(path).unlink()


def link(path: str) -> None:
    Path(path).symlink_to("/etc/passwd")


def connect(host: str, port: int) -> None:
    socket.create_connection((host, port), timeout=10).close()


def send_datagram(host: str, port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"a secret", (host, port))


def set_up_ring() -> int:
    return _checked(ctypes.CDLL(None, use_errno=True).syscall(_IO_URING_SETUP, 1, bytes(120)))


def have_process_forked() -> None:
    """The server that forks processes would run what this one sends it, unconfined."""
    for descriptor in forkserver.connect_to_new_process([]):
        os.close(descriptor)


def fork() -> int:
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    return child


def run_program() -> int:
    return subprocess.run([sys.executable, "--version"], check=True, capture_output=True).returncode


def run_program_in_its_place() -> None:
    os.execv("/bin/true", ["true"])


def read_memory(process: int) -> None:
    with Path(f"/proc/{process}/mem").open("rb"):
        pass


def seize(process: int) -> int:
    return _checked(ctypes.CDLL(None, use_errno=True).ptrace(_SEIZE, process, None, None))


def end(process: int) -> None:
    os.kill(process, 0)  # whether it might


def become(user: int) -> None:
    os.setuid(user)


def _checked(result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


ATTEMPTS: dict[str, Callable[..., Any]] = {
    attempt.__name__: attempt
    for attempt in (
        *(find_in_environments, read_file, open_to_write, overwrite, empty, replace, delete, link),
        *(connect, send_datagram, set_up_ring, have_process_forked, fork, run_program, run_program_in_its_place),
        *(read_memory, seize, end, become),
    )
}
