"""What the commands in scripts/ have in common, and how errors are told in one line.

Nothing heavy is imported here, so that `--help` is answered at once.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tqdm import tqdm

#: The exit code for input that cannot be used, such as a model or a video that cannot be read.
UNUSABLE = 2


def make_parser(document: str | None) -> argparse.ArgumentParser:
    """Makes a parser of the command line whose help is the script's own document.

    Args:
        document: The script's `__doc__`: a line that says what it does, an empty line, and the details.
    """
    description, _, details = (document or "").partition("\n\n")
    return argparse.ArgumentParser(
        description=description, epilog=details, formatter_class=argparse.RawDescriptionHelpFormatter
    )


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


__all__ = ["UNUSABLE", "first_line", "frame_bar", "make_parser"]
