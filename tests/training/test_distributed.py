"""Two processes that train together, started by torchrun as a user starts them."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from slr_hf.data import load_landmark_arrays, prepare_dataset
from slr_hf.model.modeling_slr import SLRForSignClassification
from slr_hf.model.processing_slr import KeypointProcessor
from slr_hf.training.evaluation import evaluate
from slr_hf.training.trainer import METRICS

SCRIPT = Path(__file__).parents[1] / "training_ranks.py"

#: Training clips, of 10, 11, ... frames; two ranks share them evenly.
TRAINING = 48

#: Frames of the validation clips: as many as make uneven shares.
VALIDATION = 13

#: Optimizer steps of an epoch: 48 clips in batches of 6 on 2 ranks.
STEPS = 4


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two glosses, told apart by which hand moves; every clip has a length of its own."""
    generator = np.random.default_rng(0)
    lengths = [*range(10, 10 + TRAINING), *range(20, 20 + VALIDATION)]
    points = np.arange(468, 543)  # hands and body
    frames = []
    for number, length in enumerate(lengths):
        still = generator.normal(0.5, 0.02, (1, len(points), 3))
        landmarks = still + generator.normal(0, 0.003, (length, len(points), 3))
        landmarks[:, 21 + 11] += (0.2, 0, 0)  # a shoulder
        landmarks[:, 21 + 12] -= (0.2, 0, 0)
        hand = slice(0, 21) if number % 2 else slice(54, 75)
        landmarks[:, hand, 1] -= 0.2 * np.sin(np.linspace(0, np.pi, length))[:, None]
        frames.append(landmarks)
    path = tmp_path_factory.mktemp("clips") / "clips.npz"
    np.savez(
        path,
        landmarks=np.concatenate(frames).astype(np.float16),
        offsets=np.cumsum([0, *lengths]),
        points=points.astype(np.int16),
        label=np.array(["right" if number % 2 else "left" for number in range(len(lengths))]),
        session=np.array(["train"] * TRAINING + ["validation"] * VALIDATION),
        clip_id=np.array([f"clip-{number}" for number in range(len(lengths))]),
    )
    return path


def torchrun(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Runs the script in two processes."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(SCRIPT)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    return subprocess.run(
        [*command, *map(str, arguments)], capture_output=True, text=True, env=environment, timeout=600, check=False
    )


def read_notes(output: Path) -> list[dict[str, Any]]:
    """What each rank has noted."""
    return [json.loads((output / f"rank-{rank}.json").read_text()) for rank in range(2)]


@pytest.fixture(scope="module")
def output(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output of an undisturbed training."""
    folder = tmp_path_factory.mktemp("ranks")
    done = torchrun(clips, folder)
    assert done.returncode == 0, done.stderr
    return folder


def test_every_clip_is_shown_once_an_epoch_to_one_of_the_ranks(output: Path) -> None:
    first, second = read_notes(output)
    assert list(first["clips"]) == list(second["clips"]) == ["1", "2"]
    orders = []
    for epoch, shown in first["clips"].items():
        assert sorted(shown + second["clips"][epoch]) == list(range(10, 10 + TRAINING))
        orders.append(shown)
    assert orders[0] != orders[1]


def test_no_two_clips_are_augmented_alike(output: Path) -> None:
    shifts = [shift for notes in read_notes(output) for shift in notes["shifts"]]
    assert len(shifts) == 2 * TRAINING
    assert len(set(shifts)) == len(shifts)


def test_weights_and_figures_agree(output: Path, clips: Path) -> None:
    first, second = read_notes(output)
    assert first["weights"] == second["weights"]
    assert first["metrics"] == second["metrics"]
    # And they are those of one process, which reads what was saved.
    best = output / "it/best"
    processor = KeypointProcessor.from_pretrained(best)
    dataset = load_landmark_arrays(clips)
    validation = dataset.select(range(TRAINING, TRAINING + VALIDATION))
    model = SLRForSignClassification.from_pretrained(best)
    alone = evaluate(model, processor, prepare_dataset(validation, processor)).summary()
    assert first["metrics"]["validation"]["accuracy"] == pytest.approx(alone["top1"])
    assert first["metrics"]["validation"]["loss"] == pytest.approx(alone["cross_entropy"], rel=1e-4)


def test_the_log_is_complete(output: Path) -> None:
    curve = json.loads((output / "it/best/learning_curves.json").read_text())["it"]
    assert [epoch["epoch"] for epoch in curve] == [1.0, 2.0]
    assert all(set(METRICS) == epoch[split].keys() for epoch in curve for split in ("train", "validation"))
    first, second = ([entry["loss"] for entry in notes["log"] if "loss" in entry] for notes in read_notes(output))
    assert len(first) == 2
    assert first == second


def test_no_process_is_left(output: Path) -> None:
    assert [notes["children"] for notes in read_notes(output)] == [0, 0]
    commands = [" ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"])]
    assert not [command for command in commands if str(output) in command]


def test_a_training_goes_on_after_a_rank_was_killed(output: Path, clips: Path, tmp_path: Path) -> None:
    killed = torchrun(clips, tmp_path, STEPS + 2)  # in the second epoch
    assert killed.returncode != 0
    assert f"{-signal.SIGKILL}" in killed.stderr
    assert not (tmp_path / "it/best").exists()
    assert [path.name for path in (tmp_path / "it").glob("checkpoint-*")] == [f"checkpoint-{STEPS}"]
    resumed = torchrun(clips, tmp_path)
    assert resumed.returncode == 0, resumed.stderr
    assert read_notes(output)[0]["metrics"]["best_step"] > STEPS  # so the weights are of the second epoch
    assert [notes["weights"] for notes in read_notes(tmp_path)] == [notes["weights"] for notes in read_notes(output)]
