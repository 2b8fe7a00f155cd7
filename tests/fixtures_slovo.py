"""SLOVO folders made by hand: an annotation, empty videos, and shards of landmarks."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

COLUMNS = ("attachment_id", "text", "user_id", "height", "width", "length", "train")


def make_rows(signers: int = 8, glosses: Iterable[str] = ("нет", "да", "дом", "no_event")) -> list[dict[str, str]]:
    """One clip of each gloss by each signer; every fourth signer is in the official test set."""
    return [
        {
            "attachment_id": f"clip{number}-{signer}",
            "text": gloss,
            "user_id": f"user{signer}",
            "height": "1920",
            "width": "1080",
            "length": "4.0",
            "train": str(signer % 4 != 3),
        }
        for number, gloss in enumerate(glosses)
        for signer in range(signers)
    ]


def write_annotation(
    folder: Path, rows: list[dict[str, str]], separator: str = "\t", encoding: str = "utf-8", ending: str = "\n"
) -> Path:
    """Writes `annotations.csv`; the columns are those of the first row."""
    lines = [list(rows[0])] + [list(row.values()) for row in rows]
    path = folder / "annotations.csv"
    path.write_bytes("".join(separator.join(line) + ending for line in lines).encode(encoding))
    return path


def shard_table(clip_ids: Iterable[str], **changes: Any) -> pa.Table:
    """Landmarks of four frames and three points for each clip, in which the first number tells the clip's place."""
    names = list(clip_ids)
    clips = [np.full(4 * 3 * 3, 0.5, np.float16) for _ in names]
    for place, clip in enumerate(clips):
        clip[0] = place
    columns = {
        "clip_id": pa.array(names, pa.string()),
        "landmarks": pa.array(clips, pa.list_(pa.float16())),
        "points": pa.array([[468, 500, 522]] * len(names), pa.list_(pa.int16())),
        "fps": pa.array([30.0] * len(names), pa.float32()),
        "width": pa.array([360] * len(names), pa.int32()),
        "height": pa.array([640] * len(names), pa.int32()),
    }
    return pa.table({name: column for name, column in (columns | changes).items() if column is not None})


@pytest.fixture
def slovo(tmp_path: Path) -> Callable[..., Path]:
    """Makes a SLOVO folder of rows with the landmarks of all clips but those left out."""

    def make(rows: list[dict[str, str]] | None = None, without: Iterable[str] = (), **changes: Any) -> Path:
        rows = make_rows() if rows is None else rows
        write_annotation(tmp_path, rows)
        names = [row["attachment_id"] for row in rows if row["attachment_id"] not in set(without)]
        (tmp_path / "landmarks").mkdir()
        half = len(names) // 2
        # In no particular order.
        for shard, clips in (("b", names[:half]), ("a", names[half:][::-1])):
            parquet.write_table(shard_table(clips, **changes), tmp_path / "landmarks" / f"{shard}.parquet")
        return tmp_path

    return make


def slovo_json(clips: Mapping[str, list[Any]]) -> dict[str, Any]:
    """The authors' form of clips: each a list of frames, each a list of arrays `(21, 3)`."""
    return {
        name: [
            {
                f"hand {number}": [dict(zip("xyz", map(float, point), strict=True)) for point in hand]
                for number, hand in enumerate(hands, start=1)
            }
            for hands in frames
        ]
        for name, frames in clips.items()
    }
