"""The demo model that the Space brings along."""

import json
from pathlib import Path

import numpy as np
import pytest

from slr_hf.model.landmarks_slr import Landmarks
from slr_hf.model.pipeline_slr import SignRecognitionPipeline


@pytest.fixture(scope="module")
def folder(repository: Path) -> Path:
    return repository / "space" / "model"


def test_it_carries_the_code_of_this_package(folder, repository):
    travelling = sorted((repository / "slr_hf" / "model").glob("*_slr.py"))
    assert sorted(path.name for path in folder.glob("*.py")) == [path.name for path in travelling]
    changed = [path.name for path in travelling if path.read_bytes() != (folder / path.name).read_bytes()]
    assert changed == [], "run scripts/package_model.py again, or copy these files into space/model"


def test_it_is_small_and_free_of_pickles(folder):
    files = [path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert sum(path.stat().st_size for path in files) <= 8_000_000
    assert [path.name for path in files if path.suffix not in {".py", ".json", ".safetensors", ".md", ".png"}] == []


def test_its_figures_are_of_clips_it_has_not_seen(folder):
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["seen_in_training"] == 0
    assert f"| all held out | {metrics['clips']} | {metrics['top1']:.3f} |" in (folder / "README.md").read_text()


def test_the_readme_lists_every_sign_it_knows(folder, repository):
    readme = (repository / "README.md").read_text(encoding="utf-8")
    listed = readme[readme.index("## The demo model") : readme.index("## Training on SLOVO")]
    glosses = json.loads((folder / "config.json").read_text())["id2label"].values()
    assert f"{len(glosses)} glosses" in listed
    assert [gloss for gloss in glosses if gloss not in listed] == []


@pytest.mark.integration
def test_it_recognises_held_out_clips(folder, data_dir):
    """Three held-out clips of every gloss of ksl13's session 2."""
    with np.load(data_dir / "ksl13.npz", allow_pickle=False) as store:
        landmarks, offsets, points = store["landmarks"], store["offsets"], tuple(store["points"].tolist())
        labels, sessions = store["label"], store["session"]
    recognize = SignRecognitionPipeline.from_pretrained(folder, device="cpu")
    right = []
    for gloss in np.unique(labels):
        for clip in np.flatnonzero((labels == gloss) & (sessions == "2"))[[5, 20, 35]]:
            values = landmarks[offsets[clip] : offsets[clip + 1]].astype(np.float32)
            answer = recognize(Landmarks(values, points, width=640, height=480), top_k=1)
            right.append(answer["predictions"][0]["label"] == gloss)
    assert np.mean(right) >= 0.9
