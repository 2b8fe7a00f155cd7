"""What the commands in scripts/ have in common, and how errors are told in one line.

Nothing heavy is imported here, so that `--help` is answered at once.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tqdm import tqdm

#: The exit codes for input that cannot be used, such as a model or a video that cannot be read, and after Ctrl-C.
UNUSABLE, INTERRUPTED = 2, 130

#: What is wrong with input or machine, and not with the program: told in one line. The package's own errors are among
#: them. All else shows where it comes from.
EXPECTED = (OSError, ValueError, ImportError, RuntimeError, MemoryError)


def make_parser(document: str | None) -> argparse.ArgumentParser:
    """Makes a parser of the command line whose help is the script's own document.

    Args:
        document: The script's `__doc__`: a line that says what it does, an empty line, and the details.
    """
    description, _, details = (document or "").partition("\n\n")
    parser = argparse.ArgumentParser(
        description=description, epilog=details, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--debug", action="store_true", help="show where an error comes from")
    return parser


def run_command(
    command: Callable[[argparse.Namespace], int], options: argparse.Namespace, script: str, interrupted: str = ""
) -> int:
    """Runs what a script does. An expected error becomes one line on standard error, unless `options.debug` is set.

    Args:
        command: Does it, and returns the exit code.
        options: The command line, read by a parser of `make_parser`.
        script: The script's `__file__`.
        interrupted: What to say after Ctrl-C, beside that.

    Returns:
        The exit code: that of the command, `UNUSABLE` or `INTERRUPTED`.
    """
    try:
        return command(options)
    except KeyboardInterrupt:
        tell(script, f"interrupted. {interrupted}".strip())
        return INTERRUPTED
    except EXPECTED as error:
        if options.debug:
            raise
        tell(script, error)
        return UNUSABLE


def tell(script: str, message: object) -> None:
    """Tells the user something in one line on standard error.

    Args:
        script: The script's `__file__`.
        message: A text, or an error, of which the first line is told.
    """
    text = first_line(message) if isinstance(message, BaseException) else message
    print(f"{Path(script).name}: {text}", file=sys.stderr)  # noqa: T201 - what commands are for


def first_line(error: BaseException) -> str:
    """The first line of an error's message, or its name where it has none."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


@contextmanager
def frame_bar(video: str | Path) -> Iterator[Callable[[int, int | None], None]]:
    """A bar on standard error that counts the frames of a video.

    Args:
        video: The video, whose name the bar shows.

    Yields:
        What to call with the frames done, and their total where it is known.
    """
    # The delay spares a file that is refused at once its bar.
    with tqdm(desc=Path(video).name, unit=" frames", file=sys.stderr, leave=False, delay=0.1) as bar:

        def show(done: int, total: int | None) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield show


__all__ = ["EXPECTED", "INTERRUPTED", "UNUSABLE", "first_line", "frame_bar", "make_parser", "run_command", "tell"]
