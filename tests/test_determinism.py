"""The same seed gives the same weights, and the same clip the same answer, in whichever process."""

import os
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from slr_hf.data.landmark_arrays import FRAME_HEIGHT, FRAME_WIDTH, LandmarkArrays
from slr_hf.model.extraction_slr import HolisticExtractor
from slr_hf.model.landmarks_slr import Landmarks
from slr_hf.model.pipeline_slr import SignRecognitionPipeline

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[1]

#: Runs a function of this file in a process of its own.
PROGRAM = "import runpy, sys; runpy.run_path(sys.argv[1])[sys.argv[2]](*sys.argv[3:])"


def answer(output: str, arrays: str, video: str, landmarker: str) -> None:
    """Stores the landmarks of a video, and the demo model's logits of it and of clips, with one thread and with two."""
    read = LandmarkArrays.read(Path(arrays))
    chosen = range(0, len(read.label), len(read.label) // 20)
    clips = [
        Landmarks(
            read.landmarks[read.offsets[clip] : read.offsets[clip + 1]].astype(np.float32),
            tuple(read.points.tolist()),
            fps=30.0,
            width=FRAME_WIDTH,
            height=FRAME_HEIGHT,
        )
        for clip in chosen
    ]
    found = HolisticExtractor(landmarker)(video)
    recognizer = SignRecognitionPipeline.from_pretrained(ROOT / "space/model")

    def logits(*of: Landmarks) -> np.ndarray:
        with torch.no_grad():
            return recognizer.model(**recognizer.feature_extractor(list(of), return_tensors="pt")).logits.numpy()

    stored = {"landmarks": found.coordinates}
    for threads in (2, 1):
        torch.set_num_threads(threads)
        stored[f"alone-{threads}"] = np.concatenate([logits(clip) for clip in (*clips, found)])
        stored[f"together-{threads}"] = logits(*clips, found)
        stored[f"reversed-{threads}"] = logits(found, *clips[::-1])
    np.savez(output, **stored)


def train(output: str, *arguments: str) -> None:
    """Trains a stage."""
    main = runpy.run_path(str(ROOT / "scripts/train.py"))["main"]
    assert main(["--output", output, "--recipe", "ksl13", "--stage", "it", *arguments]) == 0


def run_elsewhere(function: Callable[..., None], *arguments: str, hash_seed: str) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": hash_seed, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", PROGRAM, __file__, function.__name__, *arguments]
    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, timeout=240)


@pytest.fixture(scope="module")
def answers(
    data_dir: Path, clip_paths: dict[str, Path], landmarker_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> list[dict[str, np.ndarray]]:
    """The same clips in this process and in another."""
    folder = tmp_path_factory.mktemp("answers")
    arguments = [str(data_dir / "ksl13.npz"), str(clip_paths["no7a7812b1"]), str(landmarker_path)]
    answer(str(folder / "here.npz"), *arguments)
    run_elsewhere(answer, str(folder / "there.npz"), *arguments, hash_seed="1")
    return [dict(np.load(folder / f"{name}.npz")) for name in ("here", "there")]


def test_the_same_clip_has_the_same_landmarks_and_logits_in_every_process(
    answers: list[dict[str, np.ndarray]],
) -> None:
    here, there = answers
    assert np.isfinite(here["landmarks"]).any()
    for name, value in here.items():
        np.testing.assert_array_equal(there[name], value, err_msg=name)


def test_the_order_of_a_batch_changes_nothing(answers: list[dict[str, np.ndarray]]) -> None:
    here, _ = answers
    np.testing.assert_array_equal(here["reversed-1"][::-1], here["together-1"])


@pytest.mark.parametrize("other", ["together-1", "alone-2", "together-2"])
def test_its_size_and_the_number_of_threads_change_only_the_last_digits(
    answers: list[dict[str, np.ndarray]], other: str
) -> None:
    """Products of matrices are then summed in another order."""
    here, _ = answers
    np.testing.assert_allclose(here[other], here["alone-1"], rtol=0, atol=1e-4)
    np.testing.assert_array_equal(here[other].argmax(-1), here["alone-1"].argmax(-1))
    assert np.ptp(here["alone-1"]) > 5


def test_the_same_seed_gives_the_same_files_in_every_process(few_clips: Path, quick: list[str], tmp_path: Path) -> None:
    chance = ["config.hidden_dropout=0.2", "config.layer_drop=0.2", "average_decay=0.9", "group_by_length=true"]
    arguments = ["--dataset", str(few_clips), "--held-out-session", "2", *quick, "--set", *chance]
    train(str(tmp_path / "here"), *arguments, "--seed", "3")
    run_elsewhere(train, str(tmp_path / "there"), *arguments, "--seed", "3", hash_seed="1")
    here, there = (
        {path.name: path.read_bytes() for path in (tmp_path / place / "it/best").iterdir()}
        for place in ("here", "there")
    )
    assert "model.safetensors" in here
    assert there == here
    train(str(tmp_path / "other"), *arguments, "--seed", "4")
    assert (tmp_path / "other/it/best/model.safetensors").read_bytes() != here["model.safetensors"]
