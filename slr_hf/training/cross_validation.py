"""Train without some recording sessions and test on them, then without others, so that all clips of strangers count."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from datasets import Dataset, DatasetDict

from slr_hf.data.folds import session_folds
from slr_hf.data.splits import split
from slr_hf.model.processing_slr import KeypointProcessor
from slr_hf.training.processes import is_main_process
from slr_hf.training.recipes.recipe import STAGES, Recipe
from slr_hf.training.stages import BEST, run_stages
from slr_hf.whole_files import write_json

#: In the folder of a cross-validation, what `cross_validate` returns.
FOLDS = "folds.json"


@dataclass(frozen=True)
class Fold:
    """A finished fold of a cross-validation.

    Args:
        model: Folder of its last stage's best model.
        sessions: The held-out sessions.
    """

    model: Path
    sessions: list[str]


def cross_validate(
    dataset: Dataset,
    recipes: Mapping[str, Recipe],
    output: str | Path,
    processor: KeypointProcessor,
    validation_fraction: float = 0.1,
    device: str = "auto",
    report_to: str = "none",
    from_model: str | Path | None = None,
    folds: Mapping[str, Sequence[str]] | None = None,
) -> dict[str, Any]:
    """Trains and tests once for every fold. Called again, finished folds and stages are not repeated.

    Args:
        dataset: Clips of `prepare_dataset` from at least two sessions.
        recipes: The recipe of each stage to run, the same for every fold.
        output: Folder of the folds, OUTPUT/FOLD, and of `folds.json`.
        processor: The processor that prepared the clips.
        validation_fraction: See `slr_hf.data.splits.split`.
        device: See `run_stages`.
        report_to: See `run_stages`.
        from_model: See `run_stages`.
        folds: The held-out sessions of each fold; see `session_folds`, which gives the default, and `signer_folds`.

    Returns:
        What `folds.json` holds. Of the last stage, the test accuracy of each fold (`folds`), their `mean` and the
        `worst`; the same of every stage under `stages`; the held-out `sessions` of each fold.
    """
    output = Path(output)
    accuracies: dict[str, dict[str, float]] = {stage: {} for stage in sorted(recipes, key=STAGES.index)}
    summary: dict[str, Any] = {}
    held_out = session_folds(dataset) if folds is None else folds
    for fold, sessions in held_out.items():
        splits = split_fold(dataset, sessions, validation_fraction)
        results = run_stages(splits, recipes, output / fold, processor, device, report_to, from_model)
        for stage, metrics in results.items():
            accuracies[stage][fold] = metrics["test"]["accuracy"]
        stages = {stage: summarize(measured) for stage, measured in accuracies.items()}
        finished = list(stages)[-1]
        summary = {
            **stages[finished],
            "stages": stages,
            "sessions": {name: list(held_out[name]) for name in accuracies[finished]},
        }
        # After every fold, so that what is known can be read before the last one is done.
        if is_main_process():
            write_json(output / FOLDS, summary)
    return summary


def split_fold(dataset: Dataset, sessions: Sequence[str], validation_fraction: float = 0.0) -> DatasetDict:
    """Splits the clips of one fold: test clips whose gloss no training clip of the fold shows are left out.

    Args:
        dataset: The clips of all folds.
        sessions: The held-out sessions of the fold.
        validation_fraction: See `slr_hf.data.splits.split`.
    """
    return split(dataset, test_session=sessions, validation_fraction=validation_fraction, drop_unseen_glosses=True)


def read_folds(folder: str | Path) -> dict[str, Fold]:
    """Finds the finished folds of a cross-validation.

    Args:
        folder: The `output` of `cross_validate`.

    Returns:
        The folds by their name.

    Raises:
        FileNotFoundError: If the folder has no `folds.json`.
        ValueError: If that file cannot be read, or does not say who was held out.
    """
    path = Path(folder) / FOLDS
    if not path.is_file():
        raise FileNotFoundError(f"There is no {path}. Pass the output folder of scripts/train.py --signer-folds.")
    try:
        summary = json.loads(path.read_text(encoding="utf-8"))
        stage = list(summary["stages"])[-1]
        return {
            name: Fold(path.parent / name / stage / BEST, [str(session) for session in sessions])
            for name, sessions in summary["sessions"].items()
        }
    except (ValueError, KeyError, IndexError, AttributeError, TypeError) as error:
        raise ValueError(f"{path} does not say which sessions each fold held out ({error!r}). Train again.") from error


def summarize(folds: Mapping[str, float]) -> dict[str, Any]:
    """Gives the accuracies of the folds their mean and their minimum.

    Args:
        folds: The accuracy of each fold.
    """
    return {"folds": dict(folds), "mean": sum(folds.values()) / len(folds), "worst": min(folds.values())}


__all__ = ["FOLDS", "Fold", "cross_validate", "read_folds", "split_fold", "summarize"]
