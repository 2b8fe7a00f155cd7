"""What the trials rest on: a mutation that dies, hangs or swells takes only its own process with it."""

import os
from collections import Counter
from pathlib import Path

import pytest
from fuzz.mutations import mutate
from fuzz.workers import Check, Trial, Tried, try_mutations

BAD = b"3"


def die(content: bytes, folder: Path) -> None:
    if content == BAD:
        os.abort()


def hang(content: bytes, folder: Path) -> None:
    while content == BAD:
        pass


def swell(content: bytes, folder: Path) -> None:
    if content == BAD:
        bytearray(2**29)  # twice what it may take, and well within what it is given at a second try


def swell_and_refuse(content: bytes, folder: Path) -> None:
    try:
        swell(content, folder)
    except MemoryError as error:
        raise ValueError("It cannot be used.") from error


def refuse_absurd_size(content: bytes, folder: Path) -> None:
    """As FFmpeg does, which never asks for so much."""
    if content == BAD:
        raise ValueError("It cannot be used.") from MemoryError()


def fail(content: bytes, folder: Path) -> None:
    if content == BAD:
        raise KeyError("a fault of the program")


def refuse(content: bytes, folder: Path) -> None:
    if content == BAD:
        raise ValueError("It cannot be used.")


def number_as_text(content: bytes, number: int) -> bytes:
    return str(number).encode()


def try_six(check: Check, folder: Path) -> Tried:
    trial = Trial(check, number_as_text, b"original", (ValueError,))
    return try_mutations(trial, range(6), folder, seconds=1, memory=2**28)


@pytest.mark.parametrize(
    ("check", "fault", "dead"),
    [
        (die, "SIGABRT", 1),
        (hang, "it took too long", 1),
        (swell, "too much memory", 0),
        (swell_and_refuse, "too much memory", 0),
        (fail, "KeyError: 'a fault of the program'", 0),
    ],
)
def test_only_the_mutation_that_fails_is_a_fault(check: Check, fault: str, dead: int, tmp_path: Path) -> None:
    tried = try_six(check, tmp_path)
    assert tried.outcomes == Counter(accepted=5)
    assert list(tried.faults) == [3]
    assert fault in tried.faults[3]
    assert tried.dead == dead


@pytest.mark.parametrize("check", [refuse, refuse_absurd_size])
def test_what_is_refused_with_a_message_is_no_fault(check: Check, tmp_path: Path) -> None:
    tried = try_six(check, tmp_path)
    assert tried.outcomes == Counter(accepted=5, refused=1)
    assert not tried.faults


def test_a_number_names_the_same_mutation_every_time() -> None:
    content = bytes(range(256)) * 100
    assert [mutate(content, number) for number in range(50)] == [mutate(content, number) for number in range(50)]
    assert len({mutate(content, number) for number in range(50)} - {content}) > 45
