import csv
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from slr_hf.benchmarks.synthetic_slovo import benchmark_slovo, write_synthetic_slovo
from slr_hf.data import load_slovo, to_landmarks


@pytest.mark.integration
def test_the_real_annotation_with_made_up_landmarks_is_loaded_as_slovo(data_dir: Path, tmp_path: Path) -> None:
    with (data_dir / "slovo/annotations.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file, delimiter="\t"))
    annotations = tmp_path / "annotations.csv"
    with annotations.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter="\t").writerows([rows[0], *rows[1::500]])
    root = write_synthetic_slovo(annotations, data_dir / "ksl13.npz", tmp_path / "slovo")
    splits = load_slovo(root, num_glosses=None, cache_dir=tmp_path / "cache")
    assert sum(map(len, splits.values())) == len(rows[1::500])
    for clip in splits["train"]:
        landmarks = to_landmarks(clip)
        assert landmarks.num_frames == clip["num_frames"]
        # Hands as in the material, lips as little as there.
        assert np.isfinite(landmarks.coordinates).any()


@pytest.mark.integration
def test_a_training_on_it_is_told_with_its_curve_and_its_processes(data_dir: Path, tmp_path: Path) -> None:
    with (data_dir / "slovo/annotations.csv").open(encoding="utf-8", newline="") as file:
        head, *rows = csv.reader(file, delimiter="\t")
    common = [gloss for gloss, _ in Counter(row[1] for row in rows).most_common(4)[1:]]  # without no_event
    annotations = tmp_path / "annotations.csv"
    with annotations.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter="\t").writerows([head, *[row for row in rows if row[1] in common]])
    results = benchmark_slovo(
        annotations, data_dir / "ksl13.npz", tmp_path, "tiny", num_glosses=None, device="cpu", epochs=1
    )
    *_, training = results
    assert training["what"] == "training and its evaluation"
    assert [epoch["epoch"] for epoch in training["learning_curve"]] == [1.0]
    assert 0 <= training["accuracy"]["test"] <= 1
    assert training["processes"]["left"] == 0
