"""Files and folders that are there whole or not at all, whatever ends the process that writes them.

What is being written lies beside its place as `.NAME.unfinished` and takes its name when it is whole. A killed process
leaves that behind. Nobody takes it for anything, since the name is hidden, and the next process that writes NAME writes
over it. One process at a time writes a name.
"""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

_UNFINISHED, _REPLACED = ".unfinished", ".replaced"


#: What is in the message of a RuntimeError where torch cannot write.
_TORCH = ("inline_container", "PytorchStreamWriter")


@contextmanager
def writing(path: str | Path) -> Iterator[None]:
    """Has every failure to write be an OSError that names the path.

    Python names no file where a disk is full, and safetensors and torch raise other errors then.

    Args:
        path: The file or folder that is written.

    Raises:
        OSError: If it cannot be written.
    """
    try:
        yield
    except OSError as error:
        if error.filename is None and error.errno is not None:
            error.filename = str(path)
        raise
    except (SafetensorError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and not any(name in str(error) for name in _TORCH):
            raise
        raise OSError(f"{path} could not be written: is the disk full, or read-only? ({error})") from error


@contextmanager
def whole_file(path: str | Path) -> Iterator[Path]:
    """A file to write, which replaces `path` once it is whole, or vanishes if an error is raised.

    Args:
        path: The file to make; its folder is made too.

    Yields:
        The path to write to.

    Raises:
        OSError: If the file cannot be written.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = _beside(path, _UNFINISHED)
    try:
        with writing(path):
            yield unfinished
            _sync(unfinished)
            unfinished.replace(path)
    except BaseException:
        # A folder that cannot be written to holds nothing to delete; the error that says so goes on.
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)
        raise


@contextmanager
def whole_folder(path: str | Path) -> Iterator[Path]:
    """A folder to fill, which replaces `path` once it is whole, or vanishes if an error is raised.

    A folder that is there already is moved aside for the moment between two renames. Where a process is killed just
    then, the next one that fills the folder puts the old one back first.

    Args:
        path: The folder to make; those above it are made too.

    Yields:
        The empty folder to fill.

    Raises:
        OSError: If the folder cannot be written.
    """
    path = Path(path)
    unfinished = _beside(path, _UNFINISHED)
    _settle(path)
    try:
        with writing(path):
            unfinished.mkdir(parents=True)
            yield unfinished
            for file in unfinished.rglob("*"):
                if file.is_file():
                    _sync(file)
            if path.is_dir():
                path.rename(_beside(path, _REPLACED))
            unfinished.rename(path)
    finally:
        _settle(path)


def write_text(path: str | Path, text: str) -> None:
    """Writes a text file, whole or not at all."""
    with whole_file(path) as unfinished:
        unfinished.write_text(text, encoding="utf-8")


def write_json(path: str | Path, content: Any) -> None:
    """Writes a JSON file, whole or not at all."""
    write_text(path, json.dumps(content, ensure_ascii=False, indent=2) + "\n")


def remove_unfinished(folder: str | Path) -> None:
    """Deletes the files that killed processes have left in a folder, where nobody may write the same names again."""
    for leftover in Path(folder).glob(f".*{_UNFINISHED}"):
        leftover.unlink()


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(f".{path.name}{ending}")


def _settle(path: Path) -> None:
    """Leaves one whole folder, the new one or else the old one, and nothing beside it."""
    replaced = _beside(path, _REPLACED)
    if replaced.is_dir() and not path.exists():
        replaced.rename(path)
    for leftover in (replaced, _beside(path, _UNFINISHED)):
        shutil.rmtree(leftover, ignore_errors=True)


def _sync(path: Path) -> None:
    """Waits until a file is on the disk: a rename may get there before it, and a full disk may be told of only here."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


__all__ = ["remove_unfinished", "whole_file", "whole_folder", "write_json", "write_text", "writing"]
