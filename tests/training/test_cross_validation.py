import json
from dataclasses import replace
from pathlib import Path

from datasets import Dataset

from slr_hf.model.processing_slr import KeypointProcessor
from slr_hf.training.cross_validation import cross_validate, summarize
from slr_hf.training.recipes import Recipe


def test_a_summary_has_mean_and_worst() -> None:
    assert summarize({"a-0": 0.5, "a-1": 1.0}) == {"folds": {"a-0": 0.5, "a-1": 1.0}, "mean": 0.75, "worst": 0.5}


def test_every_session_is_tested_by_a_model_that_never_saw_it(clips: Dataset, recipe: Recipe, tmp_path: Path) -> None:
    recipes = {"it": replace(recipe, epochs=1), "ft1": replace(recipe, epochs=1, learning_rate=1e-4)}
    summary = cross_validate(clips, recipes, tmp_path, KeypointProcessor(), device="cpu")
    assert json.loads((tmp_path / "folds.json").read_text()) == summary
    for session in ("made-0", "made-2"):
        for stage in ("it", "ft1"):
            used = json.loads((tmp_path / session / stage / "clips.json").read_text())["clips"]
            assert list(used["test"]) == [session]
            assert session not in used["train"].keys() | used["validation"].keys()
            metrics = json.loads((tmp_path / session / stage / "best/metrics.json").read_text())
            assert summary["stages"][stage]["folds"][session] == metrics["test"]["accuracy"]
    assert summary["folds"] == summary["stages"]["ft1"]["folds"]


def test_folds_are_trained_where_they_are_named_and_say_whom_they_test(
    clips: Dataset, recipe: Recipe, tmp_path: Path
) -> None:
    recipes = {"it": replace(recipe, epochs=1)}
    folds = {"fold-1": ["made-2"], "fold-2": ["made-0"]}
    summary = cross_validate(clips, recipes, tmp_path, KeypointProcessor(), device="cpu", folds=folds)
    assert summary["sessions"] == folds
    assert list(summary["folds"]) == ["fold-1", "fold-2"]
    seen = json.loads((tmp_path / "fold-1/it/best/training_sessions.json").read_text())
    assert seen == {"train": ["made-0"], "validation": ["made-0"]}
