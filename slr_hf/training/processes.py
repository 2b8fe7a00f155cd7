"""The processes of one training, as torchrun and `accelerate launch` start them."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import torch
from accelerate import PartialState  # type: ignore[import-untyped]
from accelerate.utils import parse_flag_from_env  # type: ignore[import-untyped]

#: The others wait while the first process extracts landmarks, which takes hours for thousands of videos.
_LONGEST_WAIT = timedelta(days=1)


def uses_cpu(device: str) -> bool:
    """Whether training runs on the CPU. Processes that expect an accelerator where none is do not find one another.

    Args:
        device: "cpu", or "auto" for an accelerator where there is one.
    """
    asked_for = device == "cpu" or bool(parse_flag_from_env("ACCELERATE_USE_CPU"))
    return asked_for or not torch.accelerator.is_available()


@contextmanager
def main_process_first(device: str = "auto") -> Iterator[None]:
    """Lets the main process do what is in the block before all others, which then find on the disk what it has left.

    Then the first process of each other machine goes, since its disk may be another, and then all that are left. If the
    main process fails, none of the others begins.

    Args:
        device: See `uses_cpu`.
    """
    state = PartialState(cpu=uses_cpu(device), timeout=_LONGEST_WAIT)
    # Each process waits once in each of the two, so that they may stand in one another.
    with state.main_process_first(), state.local_main_process_first():
        yield


def is_main_process() -> bool:
    """Whether this is the process that writes what all have found."""
    return bool(PartialState().is_main_process)


__all__ = ["is_main_process", "main_process_first", "uses_cpu"]
