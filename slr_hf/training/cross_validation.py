"""Leave one session out: train without each recording session in turn, and test on it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from datasets import Dataset

from slr_hf.data.splits import sessions, split
from slr_hf.model.processing_slr import KeypointProcessor
from slr_hf.training.recipes.recipe import STAGES, Recipe
from slr_hf.training.stages import run_stages
from slr_hf.whole_files import write_json


def cross_validate(
    dataset: Dataset,
    recipes: Mapping[str, Recipe],
    output: str | Path,
    processor: KeypointProcessor,
    validation_fraction: float = 0.1,
    device: str = "auto",
    report_to: str = "none",
    from_model: str | Path | None = None,
) -> dict[str, Any]:
    """Trains and tests once for every session. Called again, finished folds and stages are not repeated.

    Args:
        dataset: Clips of `prepare_dataset` from at least two sessions.
        recipes: The recipe of each stage to run, the same for every fold.
        output: Folder of the folds, OUTPUT/SESSION, and of `folds.json`.
        processor: The processor that prepared the clips.
        validation_fraction: See `slr_hf.data.splits.split`.
        device: See `run_stages`.
        report_to: See `run_stages`.
        from_model: See `run_stages`.

    Returns:
        What `folds.json` holds. Of the last stage, the test accuracy of each session (`folds`), their `mean` and the
        `worst`; the same of every stage under `stages`.
    """
    output = Path(output)
    accuracies: dict[str, dict[str, float]] = {stage: {} for stage in sorted(recipes, key=STAGES.index)}
    summary: dict[str, Any] = {}
    for session in sessions(dataset):
        splits = split(dataset, test_session=session, validation_fraction=validation_fraction)
        folds = run_stages(splits, recipes, output / session, processor, device, report_to, from_model)
        for stage, metrics in folds.items():
            accuracies[stage][session] = metrics["test"]["accuracy"]
        stages = {stage: summarize(folds) for stage, folds in accuracies.items()}
        summary = {**stages[list(stages)[-1]], "stages": stages}
        # After every fold, so that what is known can be read before the last one is done.
        write_json(output / "folds.json", summary)
    return summary


def summarize(folds: Mapping[str, float]) -> dict[str, Any]:
    """Gives the accuracies of the folds their mean and their minimum.

    Args:
        folds: The accuracy of each held-out session.
    """
    return {"folds": dict(folds), "mean": sum(folds.values()) / len(folds), "worst": min(folds.values())}


__all__ = ["cross_validate", "summarize"]
