"""The page of a report, in Markdown."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from slr_hf.training.report.curves import LEARNING_CURVES, LearningCurves
from slr_hf.training.report.plots import format_length

#: What the groups of people are called.
PEOPLE = {"strangers": "strangers", "same_recorder": "same recorder"}

#: Glosses in the table of the worst ones.
_MOST_GLOSSES = 30


def render_report(
    metrics: Mapping[str, Any],
    model: str,
    plots: Mapping[str, str],
    curves: LearningCurves | None = None,
    numbered_glosses: Mapping[int, str] | None = None,
    numbered_sessions: Mapping[int, str] | None = None,
) -> str:
    """Renders the page.

    Args:
        metrics: What `Evaluation.summary` returns.
        model: What the model is called, such as its folder.
        plots: Path of each plot from the page, by the plot's name without ending.
        curves: Learning curves of the training; without them the page says that there are none.
        numbered_glosses: The glosses that the plots show as a number.
        numbered_sessions: The sessions that the plots show as a number.
    """
    sections = [
        f"# Evaluation of {escape(model)}",
        *_people(metrics["people"]),
        "## All clips",
        _seen(metrics["clips"], metrics["seen_in_training"]),
        _figures(metrics),
        *_learning_curves(curves, plots),
        *_glosses(metrics, plots, numbered_glosses or {}),
        "## Reliability",
        "How often the first answer is right, against the probability that is claimed for it, in 15 bins.",
        _image("Reliability diagram", plots["reliability"]),
        *_sessions(metrics, plots, numbered_sessions or {}),
        "## Clip lengths",
        "Frames after preparation: frames without hands are dropped, and long clips are shortened.",
        _image("Accuracy of each length", plots["lengths"]),
        _table(
            ("frames", "clips", "top-1"),
            ((format_length(group), group["clips"], _number(group["top1"])) for group in metrics["lengths"]),
        ),
    ]
    return "\n\n".join(sections) + "\n"


def escape(text: str) -> str:
    """Writes text on one line so that Markdown, tables included, shows it as it is."""
    return re.sub(r"([\\`*_~\[\]<>|&$#])", r"\\\1", " ".join(text.split()))


def _people(people: Mapping[str, Any] | None) -> list[str]:
    title = "## People"
    if people is None:
        return [title, "Whom the model saw in training is not known, so no clip counts as a stranger's."]
    rows = []
    for group, name in PEOPLE.items():
        figures = people[group]
        if figures is None:
            rows.append((name, 0, *["-"] * 7))
            continue
        interval, other = figures["interval"], figures.get("nearest_neighbour", {})
        rows.append(
            (
                *(name, figures["clips"], figures["sessions"]),
                *map(_number, (figures["top1"], figures["top5"], figures["mean_over_people"])),
                f"{interval['low']:.4f}–{interval['high']:.4f} (over {interval['over']})",
                *map(_number, (other.get("top1"), other.get("mean_over_people"))),
            )
        )
    return [
        title,
        "Strangers are people whom training has not seen. Of the same recorder, training saw other clips, so those "
        "figures say little about anybody else. The nearest neighbour compares each clip with clips of the training.",
        _table(
            (
                *("clips of", "clips", "people", "top-1", "top-5", "mean over people", "95% interval of the mean"),
                *("nearest neighbour, top-1", "nearest neighbour, mean over people"),
            ),
            rows,
        ),
        *_strangers_by_gloss(people["strangers"]),
    ]


def _strangers_by_gloss(strangers: Mapping[str, Any] | None) -> list[str]:
    if strangers is None:
        return []
    glosses = sorted(strangers["glosses"].items(), key=lambda item: (item[1]["top1"], -item[1]["clips"], item[0]))
    shown = glosses[:_MOST_GLOSSES]
    return [
        "### Strangers by gloss"
        + ("" if len(shown) == len(glosses) else f": the worst {len(shown)} of {len(glosses)}"),
        _table(
            ("gloss", "clips", "people", "top-1"),
            ((escape(name), item["clips"], item["people"], _number(item["top1"])) for name, item in shown),
        ),
    ]


def _seen(clips: int, seen: int | None) -> str:
    if seen is None:
        return f"{clips} clips. Whether the model saw any of them in training is not known."
    if not seen:
        return f"{clips} clips. The model saw none of them in training."
    return f"{clips} clips. **The model saw {seen} of them in training**, so the figures say little about new clips."


def _figures(metrics: Mapping[str, Any]) -> str:
    confidence = metrics["confidence"]
    return _table(
        ("figure", "value"),
        [
            ("clips", metrics["clips"]),
            ("seen in training", "unknown" if metrics["seen_in_training"] is None else metrics["seen_in_training"]),
            ("top-1 accuracy", _number(metrics["top1"])),
            ("top-5 accuracy", _number(metrics["top5"])),
            ("mean class accuracy", _number(metrics["mean_class_accuracy"])),
            ("cross entropy", _number(metrics["cross_entropy"])),
            ("calibration error", _number(metrics["calibration_error"])),
            ("mean confidence", _number(confidence["mean"])),
            ("AUROC of the confidence", _number(confidence["auroc"])),
        ],
    )


def _learning_curves(curves: LearningCurves | None, plots: Mapping[str, str]) -> list[str]:
    if curves is None:
        return ["## Learning curves", f"The model's folder holds no {LEARNING_CURVES}, so they cannot be shown."]
    rows = []
    for stage, measurements in curves.stages.items():
        last = measurements[-1]
        accuracies = (last.figures.get(split, {}).get("accuracy") for split in curves.splits)
        gap = curves.gap(stage)
        rows.append((stage, f"{last.epoch:g}", *map(_number, accuracies), "-" if gap is None else f"{gap:+.4f}"))
    heads = ("stage", "epochs", *curves.splits, f"gap train − {curves.compared}" if curves.compared else "gap")
    return [
        "## Learning curves",
        "Accuracy after the last epoch of each stage, without augmentation. A stage starts from the best epoch of the "
        "one before, which need not be its last.",
        _image("Learning curves", plots["learning_curves"]),
        _table(heads, rows),
    ]


def _glosses(metrics: Mapping[str, Any], plots: Mapping[str, str], numbered: Mapping[int, str]) -> list[str]:
    glosses, confusions = metrics["glosses"], metrics["confusions"]
    imperfect = {name: figures for name, figures in glosses.items() if figures["top1"] < 1}
    worst = sorted(imperfect, key=lambda name: (imperfect[name]["top1"], -imperfect[name]["clips"]))[:_MOST_GLOSSES]
    parts = [
        "## Glosses",
        f"Glosses without a wrong answer: {len(glosses) - len(imperfect)} of {len(glosses)}. The plot shows the worst "
        "ones: a row for each gloss, a column for each answer; numbers are clips, colours their share of the row.",
        _image("Confusion matrix", plots["confusion"]),
        *_legend(numbered),
    ]
    if not confusions:
        return [*parts, "No clip was answered wrongly."]
    return [
        *parts,
        "### Worst glosses",
        _table(
            ("gloss", "clips", "top-1"),
            ((escape(name), glosses[name]["clips"], _number(glosses[name]["top1"])) for name in worst),
        ),
        "### Most frequent confusions",
        _table(
            ("gloss", "answer", "clips"),
            ((escape(item["gloss"]), escape(item["answer"]), item["clips"]) for item in confusions),
        ),
    ]


def _sessions(metrics: Mapping[str, Any], plots: Mapping[str, str], numbered: Mapping[int, str]) -> list[str]:
    return [
        "## Sessions",
        _image("Accuracy of each session", plots["sessions"]),
        *_legend(numbered),
        _table(
            ("session", "clips", "top-1", "nearest neighbour"),
            (
                (escape(name), item["clips"], _number(item["top1"]), _number(_neighbour(item)))
                for name, item in metrics["sessions"].items()
            ),
        ),
    ]


def _neighbour(figures: Mapping[str, Any]) -> float | None:
    return figures.get("nearest_neighbour", {}).get("top1")


def _legend(numbered: Mapping[int, str]) -> list[str]:
    """Tells what the numbers in a plot stand for."""
    if not numbered:
        return []
    names = ", ".join(f"\\#{number} {escape(name)}" for number, name in sorted(numbered.items()))
    return [f"The plot's font lacks these names: {names}."]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _image(title: str, path: str) -> str:
    return f"![{title}]({path})"


def _table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Writes a table whose cells are escaped already."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(map(str, cells))} |" for cells in lines)


__all__ = ["PEOPLE", "escape", "render_report"]
