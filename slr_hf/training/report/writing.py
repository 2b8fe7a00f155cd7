"""Draws the plots of a report and puts it in its place."""

import shutil
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

from slr_hf.training.evaluation import Evaluation
from slr_hf.training.metrics import reliability
from slr_hf.training.report.curves import LearningCurves
from slr_hf.training.report.markdown import render_report
from slr_hf.training.report.plots import (
    ConfusionMatrix,
    can_draw,
    plot_confusion,
    plot_learning_curves,
    plot_lengths,
    plot_reliability,
    plot_sessions,
    shown_sessions,
)

#: The page, and the folder of its plots beside it.
REPORT, PLOTS = "report.md", "plots"

_NAMES = ("learning_curves", "confusion", "reliability", "sessions", "lengths")


def require_matplotlib() -> None:
    """Makes sure that plots can be drawn.

    Raises:
        ModuleNotFoundError: If matplotlib is not installed.
    """
    try:
        import_module("matplotlib")
    except ImportError as error:
        raise ModuleNotFoundError(
            "The plots of the report need matplotlib, which is not installed. Run: pip install 'slr_hf[train]'",
            name="matplotlib",
        ) from error


def write_report(
    evaluation: Evaluation,
    metrics: Mapping[str, Any],
    folder: str | Path,
    model: str,
    curves: LearningCurves | None = None,
) -> None:
    """Writes `report.md` and the folder `plots` that it shows; those of an earlier evaluation are replaced.

    Everything is drawn before the first file is replaced. Other files in the folder stay.

    Args:
        evaluation: What the model answered.
        metrics: What its `summary` returned.
        folder: Where to write.
        model: What the model is called, such as its folder.
        curves: Learning curves of the model's training.

    Raises:
        ModuleNotFoundError: If matplotlib is not installed.
        OSError: If a file cannot be written.
    """
    require_matplotlib()
    from matplotlib import style

    folder = Path(folder)
    unfinished = folder / f".{PLOTS}"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    try:
        # matplotlib's own settings, so that no setting of a user makes a plot unreadable.
        with style.context("default"):
            page = _draw(evaluation, metrics, unfinished, model, curves)
        (unfinished / REPORT).write_text(page, encoding="utf-8")
        (folder / PLOTS).mkdir(exist_ok=True)
        for name in _NAMES:
            drawn, place = unfinished / f"{name}.png", folder / PLOTS / f"{name}.png"
            if drawn.is_file():
                drawn.replace(place)
            else:
                place.unlink(missing_ok=True)
        (unfinished / REPORT).replace(folder / REPORT)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _draw(
    evaluation: Evaluation, metrics: Mapping[str, Any], folder: Path, model: str, curves: LearningCurves | None
) -> str:
    """Draws all plots into a folder and returns the page that shows them."""
    glosses, sessions = evaluation.glosses, metrics["sessions"]
    matrix = ConfusionMatrix.of(evaluation)
    probability = evaluation.logits.softmax(dim=-1).amax(dim=-1)
    diagrams = {"softmax probability": reliability(probability, evaluation.right)}
    # Equal where the model has no confidence head.
    if not torch.equal(evaluation.confidence, probability):
        diagrams["confidence"] = reliability(evaluation.confidence, evaluation.right)
    figures = {
        "confusion": plot_confusion(matrix, glosses),
        "reliability": plot_reliability(diagrams),
        "sessions": plot_sessions(sessions, metrics["top1"]),
        "lengths": plot_lengths(metrics["lengths"], metrics["top1"]),
    }
    if curves is not None:
        figures["learning_curves"] = plot_learning_curves(curves)
    for name, figure in figures.items():
        figure.savefig(folder / f"{name}.png")
    places = {name: place for place, name in enumerate(sessions)}
    return render_report(
        metrics,
        model,
        {name: f"{PLOTS}/{name}.png" for name in figures},
        curves,
        numbered_glosses={label: glosses[label] for label in matrix.answers if not can_draw(glosses[label])},
        numbered_sessions={places[name]: name for name in shown_sessions(sessions) if not can_draw(name)},
    )


__all__ = ["PLOTS", "REPORT", "require_matplotlib", "write_report"]
