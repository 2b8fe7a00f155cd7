"""What Linux tells of a process's memory, and psutil does not."""

from pathlib import Path


def status_bytes(name: str, process: int | str = "self") -> int:
    """A number of bytes of `/proc/PROCESS/status`.

    Args:
        name: Its name there, such as "VmHWM", the most memory that was held, and "VmPeak", the most addresses.
        process: The process's number; this one by default.
    """
    lines = Path(f"/proc/{process}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:"))
