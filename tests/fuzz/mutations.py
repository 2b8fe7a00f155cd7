"""Damaged copies of a file, the same ones every time: a mutation is named by the file and a number."""

import io
import json
import random
import zipfile
from copy import deepcopy
from typing import Any

#: Numbers on which programs that count in 8, 16, 32 or 64 bits go wrong.
EDGES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 2**63 - 1, 2**64 - 1)

#: Most formats have what describes the rest at their begin or at their end.
EDGE_BYTES = 2048


def mutate(content: bytes, number: int) -> bytes:
    """Damages a file in one to three ways.

    Args:
        content: The file.
        number: Which mutation to make.
    """
    chance = random.Random(number)
    damaged = bytearray(content)
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        if damaged:
            chance.choice((_flip, _flip, _set_number, _set_number, _truncate, _blank, _copy, _remove))(damaged, chance)
    return bytes(damaged)


def mutate_members(archive: bytes, number: int) -> bytes:
    """Damages one member of a ZIP file, whose checksum is right again: what damage in transit is not, but malice is.

    Args:
        archive: The ZIP file.
        number: Which mutation to make.
    """
    with zipfile.ZipFile(io.BytesIO(archive)) as source:
        members = {name: source.read(name) for name in source.namelist()}
    chosen = random.Random(number).choice(sorted(members))
    members[chosen] = mutate(members[chosen], number)
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as target:
        for name, content in members.items():
            target.writestr(name, content)
    return written.getvalue()


#: What stands where something else is expected.
ODD_VALUES = (None, True, False, 0, -1, 1, 0.5, 1e308, float("nan"), float("inf"), 2**31, 2**63, 10**30, "", "a", "0")
ODD_CONTAINERS = ([], {}, [None], [[]], ["a"], [-1], [10**9], {"a": 1}, {"0": None})


def mutate_json(content: bytes, number: int) -> bytes:
    """Replaces, removes or doubles one to three values of a JSON object; it stays JSON.

    Args:
        content: The JSON object.
        number: Which mutation to make.
    """
    chance = random.Random(number)
    changed = json.loads(content)
    for _ in range(chance.choice((1, 1, 2, 3))):
        place: Any = changed
        # Half of the values lie deep in tables, the other half at the top.
        while True:
            keys = list(place) if isinstance(place, dict) else list(range(len(place)))
            key = chance.choice(keys)
            if not isinstance(place[key], dict | list) or not place[key] or chance.random() < 0.5:
                break
            place = place[key]
        odd = chance.choice(ODD_VALUES if chance.random() < 0.7 else ODD_CONTAINERS)
        if chance.random() < 0.2 and len(place) > 1:
            del place[key]
        else:
            place[key] = deepcopy(chance.choice((odd, odd, odd, place[chance.choice(keys)])))
    return json.dumps(changed).encode()


def _place(damaged: bytearray, chance: random.Random) -> int:
    """A place in a file; every other time at its begin or end."""
    size = len(damaged)
    near = min(EDGE_BYTES, size)
    return chance.choice(
        (chance.randrange(size), chance.randrange(size), chance.randrange(near), -chance.randint(1, near) % size)
    )


def _flip(damaged: bytearray, chance: random.Random) -> None:
    for _ in range(chance.choice((1, 4, 16, 64))):
        damaged[_place(damaged, chance)] ^= 1 << chance.randrange(8)


def _set_number(damaged: bytearray, chance: random.Random) -> None:
    size = chance.choice((1, 2, 4, 8))
    value = (chance.choice(EDGES) & (256**size - 1)).to_bytes(size, chance.choice(("big", "little")))
    place = _place(damaged, chance)
    damaged[place : place + size] = value


def _truncate(damaged: bytearray, chance: random.Random) -> None:
    del damaged[_place(damaged, chance) :]


def _blank(damaged: bytearray, chance: random.Random) -> None:
    begin, size = _place(damaged, chance), chance.randrange(1, 4096)
    damaged[begin : begin + size] = bytes(len(damaged[begin : begin + size]))


def _copy(damaged: bytearray, chance: random.Random) -> None:
    begin, size = _place(damaged, chance), chance.randrange(1, 4096)
    place = _place(damaged, chance)
    damaged[place:place] = damaged[begin : begin + size]


def _remove(damaged: bytearray, chance: random.Random) -> None:
    begin, size = _place(damaged, chance), chance.randrange(1, 4096)
    del damaged[begin : begin + size]


__all__ = ["mutate", "mutate_json", "mutate_members"]
