"""What a process may still do that opens visitors' files. Linux itself holds it to that, whoever has taken it over.

It may read what Python and its packages consist of, read and write the files that it is given, and compute. It opens no
other file and no connection, starts no program and no process, and does not reach into other processes. That needs no
privilege, so a container can have it too: files are left to Landlock, which is a part of Linux, and calls of the system
to libseccomp. Namespaces would do as well, but most containers may make none.
"""

import ctypes
import errno
import os
import stat
import struct
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

#: What a process may still do where the system cannot take it away, and what is missing there.
FILES = "open and change files, and reach into other processes (no Landlock: Linux 5.13, switched on)"
EMPTYING = "empty files (an old Landlock: Linux 6.2)"
SIGNALS = "end other processes (an old Landlock: Linux 6.12)"
CALLS = "open connections and start processes (no libseccomp)"

#: What any process reads: libraries, and what the system tells of itself.
_SYSTEM = (
    *("/usr", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/localtime", "/etc/glvnd", "/dev/null", "/dev/urandom"),
    *("/sys/devices/system/cpu", "/sys/fs/cgroup", "/proc/self", "/proc/cpuinfo", "/proc/meminfo", "/proc/stat"),
)

# Of linux/prctl.h and linux/capability.h.
_SET_DUMPABLE, _GET_SECCOMP, _SET_NO_NEW_PRIVILEGES = 4, 21, 38
_CAPABILITIES = 0x20080522  # the form of their header

# Of linux/landlock.h. Its calls have the same numbers on every machine.
_CREATE_RULES, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_ASK_VERSION, _RULE_ON_FILES = 1, 1
_WRITE_FILE, _READ_FILE, _READ_FOLDER, _TRUNCATE = 1 << 1, 1 << 2, 1 << 3, 1 << 14
#: How many rights on files the versions know, from 1 on; later ones know as many as the last.
_RIGHTS = (13, 14, 15, 15, 16)
#: Of version 6: no sockets without a file, and no signals, to processes outside.
_SCOPES = 0b11

# Of seccomp.h and linux/sched.h.
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000
_MASKED_EQUAL, _CLONE_THREAD = 7, 0x10000
#: `io_uring_setup` would be another way to sockets.
_REFUSED = ("socket", "io_uring_setup", "fork", "vfork", "ptrace", "process_vm_readv", "process_vm_writev")


def powers_left() -> list[str]:
    """Which of `FILES`, `EMPTYING`, `SIGNALS` and `CALLS` this system cannot take from a process."""
    version = _landlock_version()
    is_left = {FILES: version < 1, EMPTYING: version < 3, SIGNALS: version < 6, CALLS: _find_seccomp() is None}
    return [power for power, left in is_left.items() if left]


def hide() -> None:
    """Hides this process's memory, and the environment that it was started with, from others of the same user.

    Raises:
        OSError: If the system refuses.
    """
    _checked(_libc().prctl(_SET_DUMPABLE, 0, 0, 0, 0))


def confine(reads: Iterable[str | os.PathLike[str]], writes: Iterable[str | os.PathLike[str]]) -> None:
    """Takes from this process, for good, all that the system can take; see `powers_left`.

    Args:
        reads: Files that it may read, beside the system's and Python's.
        writes: Files that it may write and read, made where there are none.

    Raises:
        RuntimeError: If it has threads already, which would stay free.
        OSError: If the system refuses.
    """
    threads = len(list(Path("/proc/self/task").iterdir()))
    if threads > 1:
        raise RuntimeError(f"A process must be confined before it starts threads, but has {threads}.")
    hide()
    _checked(_libc().prctl(_SET_NO_NEW_PRIVILEGES, 1, 0, 0, 0))
    _checked(_libc().capset(struct.pack("=Ii", _CAPABILITIES, 0), bytes(24)))  # none is left, also of root's
    if version := _landlock_version():
        _confine_files(version, reads, writes)
    if library := _find_seccomp():
        _confine_calls(library)


def _confine_files(
    version: int, reads: Iterable[str | os.PathLike[str]], writes: Iterable[str | os.PathLike[str]]
) -> None:
    known = (1 << _RIGHTS[min(version, len(_RIGHTS)) - 1]) - 1
    # Rights on files, on the network, and scopes: what is named here is refused, but for the rules that follow.
    handled = struct.pack("=QQQ", known, 0, _SCOPES if version >= 6 else 0)
    rules = _call(_CREATE_RULES, handled, len(handled), 0)

    def allow(path: str | os.PathLike[str], flags: int, rights: int) -> None:
        file = os.open(path, flags | os.O_CLOEXEC, 0o600)
        try:
            rights &= known if stat.S_ISDIR(os.fstat(file).st_mode) else known & ~_READ_FOLDER
            _call(_ADD_RULE, rules, _RULE_ON_FILES, struct.pack("=Qi", rights, file), 0)
        finally:
            os.close(file)

    try:
        for path in (*_SYSTEM, sys.prefix, sys.base_prefix, *filter(None, sys.path), *reads):
            with suppress(FileNotFoundError):  # whoever needs it will say so better
                allow(path, os.O_PATH, _READ_FILE | _READ_FOLDER)
        for path in writes:
            allow(path, os.O_WRONLY | os.O_CREAT, _READ_FILE | _WRITE_FILE | _TRUNCATE)
        _call(_RESTRICT_SELF, rules, 0)
    finally:
        os.close(rules)


def _confine_calls(library: ctypes.CDLL) -> None:
    rules = library.seccomp_init(_ALLOW)
    if not rules:
        raise MemoryError("libseccomp has no memory for its rules.")

    def refuse(name: str, number: int = errno.EPERM, conditions: int = 0, condition: bytes = b"") -> None:
        call = library.seccomp_syscall_resolve_name(name.encode())
        _done(library.seccomp_rule_add_array(rules, _REFUSE | number, call, conditions, condition))

    try:
        for name in _REFUSED:
            refuse(name)
        # New threads are let through. What `clone3` makes stands where no rule can look; without it, `clone` is called.
        refuse("clone3", errno.ENOSYS)
        refuse("clone", errno.EPERM, 1, struct.pack("=IiQQ", 0, _MASKED_EQUAL, _CLONE_THREAD, 0))
        _done(library.seccomp_load(rules))
    finally:
        library.seccomp_release(rules)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _find_seccomp() -> ctypes.CDLL | None:
    """The library, where it is installed and Linux can do what it asks for."""
    if _libc().prctl(_GET_SECCOMP, 0, 0, 0, 0) < 0:
        return None
    try:
        library = ctypes.CDLL("libseccomp.so.2")
    except OSError:
        return None
    library.seccomp_init.restype = ctypes.c_void_p
    library.seccomp_release.argtypes = library.seccomp_load.argtypes = [ctypes.c_void_p]
    library.seccomp_rule_add_array.argtypes = [
        *(ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int, ctypes.c_uint, ctypes.c_char_p)
    ]
    return library


def _landlock_version() -> int:
    """The version of Landlock; 0 where there is none, it is switched off, or a container does not let it through."""
    try:
        return _call(_CREATE_RULES, None, 0, _ASK_VERSION)
    except OSError:
        return 0


def _call(number: int, *arguments: int | bytes | None) -> int:
    """Makes a call of the system that has no name in libc."""
    words = (ctypes.c_long(argument) if isinstance(argument, int) else argument for argument in arguments)
    return _checked(_libc().syscall(ctypes.c_long(number), *words))


def _checked(result: int) -> int:
    """What libc returns, unless it is a fault."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def _done(result: int) -> None:
    """Raises the fault that libseccomp returns, if it does."""
    if result < 0:
        raise OSError(-result, os.strerror(-result))
