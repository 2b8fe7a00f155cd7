"""Learning curves: what a training measured after each epoch of its stages."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from slr_hf.training.recipes import STAGES
from slr_hf.training.trainer import TRAIN, VALIDATION

#: In the folder of a model, what its training measured.
LEARNING_CURVES = "learning_curves.json"

#: What is read of each split; the loss is cross entropy.
FIGURES = ("accuracy", "loss")

#: The splits that are measured; only the first one must be.
SPLITS = (TRAIN, VALIDATION)


@dataclass(frozen=True)
class Measurement:
    """What was measured at one time of a stage.

    Args:
        epoch: Epochs since the stage began.
        figures: For each split that was measured, its `FIGURES`.
    """

    epoch: float
    figures: dict[str, dict[str, float]]


@dataclass(frozen=True)
class LearningCurves:
    """The measurements of one or more stages.

    Args:
        stages: The measurements of each stage, at least one, by rising epoch; the stages in their order.
    """

    stages: dict[str, list[Measurement]]

    @property
    def splits(self) -> list[str]:
        """The splits that were measured in any stage."""
        present = {split for stage in self.stages.values() for item in stage for split in item.figures}
        return [split for split in SPLITS if split in present]

    @property
    def starts(self) -> dict[str, float]:
        """When each stage begins, in epochs, if the stages run one after the other."""
        starts, time = {}, 0.0
        for stage, measurements in self.stages.items():
            starts[stage] = time
            time += measurements[-1].epoch
        return starts

    @property
    def compared(self) -> str | None:
        """The split that training clips are compared with: `validation`, or `None` where it was not measured."""
        return VALIDATION if VALIDATION in self.splits else None

    def series(self, split: str, metric: str) -> tuple[np.ndarray, np.ndarray]:
        """One figure of one split over the time of all stages.

        Args:
            split: One of `SPLITS`.
            metric: One of `FIGURES`.

        Returns:
            Time in epochs and the figure, both `(measurements + stages,)`; the figure is NaN where it was not measured
            and once after each stage, because the next one need not start from its last epoch.
        """
        time, values = [], []
        for stage, measurements in self.stages.items():
            for measurement in measurements:
                time.append(self.starts[stage] + measurement.epoch)
                values.append(measurement.figures.get(split, {}).get(metric, np.nan))
            time.append(time[-1])
            values.append(np.nan)
        return np.array(time), np.array(values)

    def gap(self, stage: str) -> float | None:
        """By how much the accuracy on training clips is above that on `compared`, at the end of a stage.

        Args:
            stage: One of `stages`.

        Returns:
            From -1 to 1; `None` where the last measurement lacks the other split.
        """
        figures = self.stages[stage][-1].figures
        if self.compared not in figures:
            return None
        return figures[TRAIN]["accuracy"] - figures[self.compared]["accuracy"]


def read_learning_curves(folder: str | Path) -> LearningCurves | None:
    """Reads the learning curves beside a model.

    Args:
        folder: Folder of the model, with the file `learning_curves.json`: for each stage a list of
            `{"epoch": 1.0, "train": {"loss": ..., "accuracy": ..., ...}, "validation": {...}}`.

    Returns:
        The curves; `None` where the folder has none, or they are empty.

    Raises:
        ValueError: If the file cannot be read.
    """
    path = Path(folder) / LEARNING_CURVES
    if not path.is_file():
        return None
    try:
        stages = json.loads(path.read_text(encoding="utf-8"))
        unknown = sorted(stages.keys() - set(STAGES))
        if unknown:
            raise ValueError(f"it names the stages {unknown}, expected some of {list(STAGES)}")
        curves = {stage: _measurements(stages[stage], stage) for stage in STAGES if stages.get(stage)}
    except (ValueError, AttributeError, KeyError, TypeError) as error:
        raise ValueError(
            f"{path} holds no learning curves ({error!r}). Train again, or delete it to evaluate without them."
        ) from error
    return LearningCurves(curves) if curves else None


def _measurements(records: Sequence[dict[str, Any]], stage: str) -> list[Measurement]:
    """Checks what a stage measured."""
    measurements = []
    for record in records:
        figures = {
            split: {metric: float(record[split][metric]) for metric in FIGURES}
            for split in SPLITS
            if split in record or split == TRAIN
        }
        measurements.append(Measurement(float(record["epoch"]), figures))
    epochs = [measurement.epoch for measurement in measurements]
    if epochs != sorted(set(epochs)) or epochs[0] < 0:
        raise ValueError(f"the epochs of {stage} do not rise")
    return measurements


__all__ = ["FIGURES", "LEARNING_CURVES", "SPLITS", "LearningCurves", "Measurement", "read_learning_curves"]
