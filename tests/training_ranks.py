"""Trains a stage in the processes of torchrun, and notes what each of them has seen.

    torchrun --nproc-per-node 2 training_ranks.py CLIPS.npz OUTPUT [STEP]

Each training clip of CLIPS.npz has a length of its own, which names it. Rank N leaves OUTPUT/rank-N.json. With STEP,
rank 1 is killed in that step.
"""

import hashlib
import json
import multiprocessing
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from accelerate import PartialState
from datasets import DatasetDict
from fixtures_training import SMALLEST
from torch import nn

from slr_hf.data import load_landmark_arrays, prepare_dataset, read_column
from slr_hf.model.modeling_slr import SLRForSignClassification
from slr_hf.model.processing_slr import KeypointProcessor
from slr_hf.training import stages
from slr_hf.training.augmentations import Augmentations, Shift
from slr_hf.training.recipes import Recipe
from slr_hf.training.trainer import SignTrainer, training_arguments

RECIPE = Recipe(
    config={**SMALLEST, "hidden_dropout": 0.1},  # which draws numbers, more of them for longer clips
    epochs=2,
    patience=2,
    batch_size=6,
    group_by_length=True,
    learning_rate=3e-3,
    average_decay=0.9,
    augmentations=replace(Augmentations.none(), shift=Shift(probability=1.0, signer=0.1, parts=0.0)),
)


class WatchedTrainer(SignTrainer):
    """Notes the clips of each step, by their lengths, and by how much each was shifted."""

    kill_in: int | None = None
    notes: dict[str, Any]

    def training_step(self, model: nn.Module, inputs: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        if self.state.global_step == self.kill_in and self.args.process_index == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        epoch = str(int(self.state.epoch or 0) + 1)
        clips = self.notes["clips"].setdefault(epoch, [])
        clips += inputs["attention_mask"].sum(dim=1).tolist()
        plain = self.augment

        def augment(batch: dict[str, Any]) -> dict[str, Any]:
            shifted = plain(batch)
            self.notes["shifts"] += (shifted["keypoints"] - batch["keypoints"])[:, 0].sum(dim=(1, 2)).tolist()
            return shifted

        self.augment = augment
        try:
            return super().training_step(model, inputs, *args, **kwargs)
        finally:
            self.augment = plain
            self.notes["log"] = self.state.log_history


def digest(model: nn.Module) -> str:
    """A fingerprint of all weights."""
    values = [value.detach().numpy().tobytes() for value in model.state_dict().values()]
    return hashlib.sha256(b"".join(values)).hexdigest()


def main(clips: str, output: str, kill_in: str | None = None) -> None:
    """Trains, and writes the notes of this rank."""
    rank = PartialState(cpu=True).process_index
    processor = KeypointProcessor()
    prepared = prepare_dataset(load_landmark_arrays(clips), processor)
    sessions = read_column(prepared, "session")
    splits = DatasetDict(
        {
            name: prepared.select(np.flatnonzero(np.char.endswith(sessions.astype(str), name)))
            for name in ("train", "validation")
        }
    )
    WatchedTrainer.kill_in = None if kill_in is None else int(kill_in)
    notes: dict[str, Any] = {"clips": {}, "shifts": [], "log": []}
    WatchedTrainer.notes = notes
    trained: list[nn.Module] = []

    def make_trainer(model: SLRForSignClassification, *args: Any, **kwargs: Any) -> SignTrainer:
        trained.append(model)
        return WatchedTrainer(model, *args, **kwargs)

    def with_workers(*args: Any, **kwargs: Any) -> Any:
        arguments = training_arguments(*args, **kwargs)
        arguments.dataloader_num_workers, arguments.dataloader_persistent_workers = 1, True
        return arguments

    stages.SignTrainer, stages.training_arguments = make_trainer, with_workers  # type: ignore[misc, assignment]
    notes["metrics"] = stages.run_stages(splits, {"it": RECIPE}, output, processor, device="cpu")["it"]
    notes["weights"] = digest(trained[-1])
    notes["children"] = len(multiprocessing.active_children())
    Path(output, f"rank-{rank}.json").write_text(json.dumps(notes))


if __name__ == "__main__":
    main(*sys.argv[1:])
