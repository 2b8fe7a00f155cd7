import ast
import importlib.util
import inspect
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from datasets import Dataset, load_dataset, load_from_disk

from slr_hf.data import (
    load_landmark_arrays,
    preparation,
    prepare_dataset,
    prepare_stream,
    read_column,
    sort_by_length,
    to_clip,
    to_landmarks,
)
from slr_hf.model.processing_slr import KeypointProcessor


@pytest.fixture(scope="module")
def processor() -> KeypointProcessor:
    return KeypointProcessor()


@pytest.mark.integration
def test_a_prepared_clip_is_what_the_processor_makes_of_it(data_dir: Path, processor: KeypointProcessor) -> None:
    clips = load_landmark_arrays(data_dir / "lips3b.npz").select(range(0, 90, 9))
    prepared = prepare_dataset(clips, processor)
    for clip, row in zip(clips, prepared, strict=True):
        expected = processor.prepare(to_landmarks(clip))
        stored = to_clip(row, processor)
        assert stored.keys() == expected.keys()
        for name, array in expected.items():
            np.testing.assert_array_equal(stored[name], array)
            assert stored[name].dtype == array.dtype


def test_clips_of_different_lengths_keep_their_own(
    write_arrays: Callable[..., Path], processor: KeypointProcessor
) -> None:
    prepared = prepare_dataset(load_landmark_arrays(write_arrays()), processor)
    assert [to_clip(row, processor)["keypoints"].shape for row in prepared] == [(2, 87, 3), (3, 87, 3), (1, 87, 3)]


def test_clips_of_a_part_can_be_ordered_by_length(
    write_arrays: Callable[..., Path], processor: KeypointProcessor
) -> None:
    prepared = prepare_dataset(load_landmark_arrays(write_arrays()), processor)  # 2, 3 and 1 frames long
    assert [len(row["positions"]) for row in sort_by_length(prepared)] == [1, 2, 3]
    assert read_column(sort_by_length(prepared.select([1, 2])), "clip_id").tolist() == ["b-yes-0", "a-no-0"]


def test_what_names_a_clip_stays_and_the_landmarks_go(
    write_arrays: Callable[..., Path], processor: KeypointProcessor
) -> None:
    prepared = prepare_dataset(load_landmark_arrays(write_arrays()), processor)
    assert "landmarks" not in prepared.column_names
    assert read_column(prepared, "clip_id").tolist() == ["a-yes-0", "a-no-0", "b-yes-0"]
    assert prepared.features["label"].names == ["no", "yes"]
    # What a batch needs, and no more: strings would slow it down.
    assert prepared[0].keys() == {"keypoints", "part_mask", "positions", "label"}


def test_a_part_of_a_dataset_is_prepared_alone(write_arrays: Callable[..., Path], processor: KeypointProcessor) -> None:
    prepared = prepare_dataset(load_landmark_arrays(write_arrays()).select([2, 0]), processor)
    assert read_column(prepared, "clip_id").tolist() == ["b-yes-0", "a-yes-0"]


def test_clips_on_disk_are_prepared_once(
    write_arrays: Callable[..., Path], tmp_path: Path, processor: KeypointProcessor
) -> None:
    load_landmark_arrays(write_arrays()).save_to_disk(tmp_path / "clips")
    first = prepare_dataset(load_from_disk(tmp_path / "clips"), processor)
    written = Path(first.cache_files[0]["filename"]).stat().st_mtime_ns
    second = prepare_dataset(load_from_disk(tmp_path / "clips"), processor)
    assert second.cache_files == first.cache_files
    assert Path(second.cache_files[0]["filename"]).stat().st_mtime_ns == written
    np.testing.assert_array_equal(first[1]["keypoints"], second[1]["keypoints"])


def prepare_stored(folder: Path, processor: KeypointProcessor) -> Dataset:
    return prepare_dataset(load_from_disk(folder / "clips"), processor)


def prepare_streamed(folder: Path, processor: KeypointProcessor) -> Dataset:
    streamed = load_dataset("parquet", data_files=str(folder / "clips.parquet"), split="train", streaming=True)
    return prepare_stream(streamed, processor)


@pytest.mark.parametrize("prepare", [prepare_stored, prepare_streamed])
def test_clips_are_prepared_anew_after_a_change_of_the_code_and_only_then(
    prepare: Callable[[Path, KeypointProcessor], Dataset],
    write_arrays: Callable[..., Path],
    tmp_path: Path,
    processor: KeypointProcessor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clips = load_landmark_arrays(write_arrays())
    clips.save_to_disk(tmp_path / "clips")
    clips.to_parquet(tmp_path / "clips.parquet")
    source = tmp_path / "changing.py"

    def prepared_with(code: str) -> list[dict[str, str]]:
        source.write_text(code)
        return prepare(tmp_path, processor).cache_files

    specification = importlib.util.spec_from_file_location("changing", source)
    assert specification is not None
    monkeypatch.setattr(preparation, "CODE", (*preparation.CODE, importlib.util.module_from_spec(specification)))
    first, same, other = (prepared_with(code) for code in ("SCALE = 1.0\n", "SCALE = 1.0\n", "SCALE = 2.50\n"))
    assert first
    assert same == first
    assert not {file["filename"] for file in other} & {file["filename"] for file in first}


def test_all_code_that_prepares_clips_counts() -> None:
    assert preparation in preparation.CODE
    for module in preparation.CODE:
        assert imported_from_here(module) <= set(preparation.CODE), module


def imported_from_here(module: ModuleType) -> set[ModuleType]:
    """The modules of slr_hf that a module imports from."""
    nodes = [node for node in ast.walk(ast.parse(inspect.getsource(module))) if isinstance(node, ast.ImportFrom)]
    names = []
    for node in nodes:
        name = importlib.util.resolve_name("." * node.level + (node.module or ""), module.__package__)
        names += [name, *(f"{name}.{alias.name}" for alias in node.names)]
    return {sys.modules[name] for name in names if name.startswith("slr_hf.") and is_code(name)}


def is_code(name: str) -> bool:
    """Whether this names a module, and no package or anything else."""
    return name in sys.modules and not hasattr(sys.modules[name], "__path__")


@pytest.mark.alone
@pytest.mark.integration
def test_reading_is_no_bottleneck_of_training(data_dir: Path, processor: KeypointProcessor) -> None:
    prepared = prepare_dataset(load_landmark_arrays(data_dir / "asl11.npz"), processor)
    rows = np.random.default_rng(0).permutation(len(prepared))[:512].tolist()
    start = time.perf_counter()
    prepared.__getitems__(rows)
    # Training a small model takes some milliseconds a clip; reading is to take far less.
    assert (time.perf_counter() - start) / len(rows) < 1e-3
