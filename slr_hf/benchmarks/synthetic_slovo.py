"""A SLOVO of full size with made-up landmarks: the real annotation, and the movements of other clips."""

import json
import shutil
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as parquet  # type: ignore[import-untyped]
from tqdm import tqdm

from slr_hf.benchmarks.timing import peak_memory_mb
from slr_hf.data import load_landmark_arrays, load_slovo, prepare_dataset, to_landmarks
from slr_hf.data.landmark_arrays import flat_lists
from slr_hf.data.slovo_annotations import ANNOTATIONS, SlovoClip, read_annotation_file
from slr_hf.model.landmarks_slr import STORED_POINTS, Landmarks
from slr_hf.training.recipes import get_recipes
from slr_hf.training.stages import BEST, LEARNING_CURVES, run_stages, stage_processor

_CLIPS_A_SHARD = 1000
_FPS = 30.0
#: Standard deviation of what makes two clips of a gloss differ, as a fraction of the frame.
_NOISE = 0.01

_SECONDS_BETWEEN_COUNTS = 0.5


def write_synthetic_slovo(annotations: str | Path, material: str | Path, folder: str | Path, seed: int = 0) -> Path:
    """Writes a folder that `load_slovo` reads: the annotation as it is, and landmarks for each of its clips.

    A gloss is the movement of one clip of the material, brought to the length that the annotation gives, with noise.

    Args:
        annotations: SLOVO's `annotations.csv`.
        material: Landmark arrays (`.npz`) to take movements from.
        folder: Where to write; made where it is missing.
        seed: Seed of the noise.

    Returns:
        The folder.
    """
    folder = Path(folder)
    (folder / "landmarks").mkdir(parents=True, exist_ok=True)
    shutil.copyfile(annotations, folder / ANNOTATIONS)
    clips = read_annotation_file(folder)
    movements = [to_landmarks(row) for row in load_landmark_arrays([material]).with_format("numpy")]
    place = {gloss: index % len(movements) for index, gloss in enumerate(sorted({clip.gloss for clip in clips}))}
    generator = np.random.default_rng(seed)
    for number, start in enumerate(tqdm(range(0, len(clips), _CLIPS_A_SHARD), desc="Writing shards", unit="shard")):
        shard = clips[start : start + _CLIPS_A_SHARD]
        made = [_move(movements[place[clip.gloss]], clip.num_frames, generator) for clip in shard]
        parquet.write_table(_table(shard, made), folder / "landmarks" / f"part-{number:03d}.parquet")
    return folder


def _move(movement: Landmarks, num_frames: int, generator: np.random.Generator) -> np.ndarray:
    """The movement in `num_frames` frames of the stored points, `(frames, points, 3)`."""
    frames = np.round(np.linspace(0, len(movement.coordinates) - 1, num_frames)).astype(int)
    stored = movement.take(STORED_POINTS)[frames]
    return (stored + generator.normal(0, _NOISE, stored.shape)).astype(np.float16)


def _table(clips: Sequence[SlovoClip], made: Sequence[np.ndarray]) -> pa.Table:
    lengths = [coordinates.size for coordinates in made]
    points = np.tile(np.array(STORED_POINTS, np.int16), len(clips))
    return pa.table(
        {
            "clip_id": pa.array([clip.clip_id for clip in clips], pa.string()),
            "landmarks": flat_lists(np.concatenate([one.ravel() for one in made]), np.cumsum([0, *lengths])),
            "points": flat_lists(points, np.arange(len(clips) + 1) * len(STORED_POINTS)),
            "fps": pa.array([_FPS] * len(clips), pa.float32()),
            "width": pa.array([clip.width for clip in clips], pa.int32()),
            "height": pa.array([clip.height for clip in clips], pa.int32()),
        }
    )


def benchmark_slovo(
    annotations: str | Path,
    material: str | Path,
    folder: str | Path,
    size: str = "tiny",
    num_glosses: int = 1000,
    device: str = "auto",
    epochs: int = 1,
) -> Iterator[dict[str, Any]]:
    """Loads the whole set, prepares it and trains the stage `it` of the recipe `slovo_1000`.

    Args:
        annotations: See `write_synthetic_slovo`.
        material: See `write_synthetic_slovo`.
        folder: Where the set, the cache and the training are written.
        size: Size of the model.
        num_glosses: See `load_slovo`.
        device: "cpu", or "auto" for an accelerator where there is one.
        epochs: Epochs of the stage.

    Yields:
        A result a step, with its seconds and the most memory the process has held so far, in MB. The training's also
        has its learning curve, the accuracy of each split, and how many processes it had started: the most at a time,
        and those that were left.
    """
    root = write_synthetic_slovo(annotations, material, Path(folder) / "slovo")
    start = time.perf_counter()

    def result(what: str, **figures: Any) -> dict[str, Any]:
        nonlocal start
        seconds, start = time.perf_counter() - start, time.perf_counter()
        return {"what": what, "seconds": round(seconds, 1), **figures, "peak_memory_mb": peak_memory_mb()}

    yield result("memory before")
    splits = load_slovo(root, num_glosses=num_glosses, cache_dir=Path(folder) / "cache")
    yield result("load", clips={name: len(split) for name, split in splits.items()})
    splits = load_slovo(root, num_glosses=num_glosses, cache_dir=Path(folder) / "cache")
    yield result("load again")

    recipes = get_recipes("slovo_1000", ("it",), [f"size={size}", f"epochs={epochs}"])
    processor = stage_processor(recipes, Path(folder) / "training", None)
    for name in splits:
        splits[name] = prepare_dataset(splits[name], processor)
    yield result("prepare")
    with _CountProcesses() as processes:
        metrics = run_stages(splits, recipes, Path(folder) / "training", processor, device)["it"]
    curves = json.loads((Path(folder) / "training/it" / BEST / LEARNING_CURVES).read_text(encoding="utf-8"))
    yield result(
        "training and its evaluation",
        size=size,
        training_clips=len(splits["train"]),
        learning_curve=curves["it"],
        accuracy={name: round(metrics[name]["accuracy"], 4) for name in splits},
        processes={"most": processes.most, "left": processes.left},
    )


class _CountProcesses:
    """Counts the processes that this one has started, while a block runs."""

    def __enter__(self) -> "_CountProcesses":
        self._before = set(psutil.Process().children(recursive=True))
        self.most = self.left = 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def _watch(self) -> None:
        while not self._done.wait(_SECONDS_BETWEEN_COUNTS):
            self.most = max(self.most, self._count())

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        self.left = self._count()

    def _count(self) -> int:
        # Not a difference of numbers: some of those before may have ended.
        return len(set(psutil.Process().children(recursive=True)) - self._before)


__all__ = ["benchmark_slovo", "write_synthetic_slovo"]
