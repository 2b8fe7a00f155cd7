"""The plots of a report, each a figure of matplotlib's Agg canvas.

matplotlib is imported only where a plot is drawn, because only reports need it.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torchmetrics.functional.classification import multiclass_confusion_matrix

from slr_hf.training.evaluation import Evaluation
from slr_hf.training.metrics import Reliability
from slr_hf.training.report.curves import FIGURES, LearningCurves

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: The font that comes with matplotlib. It has Latin, Greek, Cyrillic and Arabic letters, but no Korean ones.
_FONT = "DejaVu Sans"

#: Glosses and sessions that a plot can show without becoming unreadable.
_MOST_GLOSSES, _MOST_OTHER_ANSWERS, _MOST_SESSIONS = 30, 10, 40

#: Characters of a name in a plot.
_NAME_LENGTH = 22

_COLOURS = {"train": "#1f77b4", "validation": "#d62728"}
#: Behind the numbers of bars, so that no line crosses them.
_PLATE = {"facecolor": "white", "edgecolor": "none", "pad": 0.8}

_BAR, _LINE, _WRONG = "#6a9fc9", "#444444", "#d62728"


@dataclass(frozen=True)
class ConfusionMatrix:
    """The answers to the clips of the glosses that are recognised worst.

    Args:
        glosses: Class indices of the rows, the worst gloss first.
        answers: Class indices of the columns: the same glosses, then the most frequent other answers.
        clips: Clips `(glosses, answers + 1)`; the last column counts all other answers.
    """

    glosses: list[int]
    answers: list[int]
    clips: np.ndarray

    @classmethod
    def of(cls, evaluation: Evaluation) -> "ConfusionMatrix":
        """Counts the answers of an evaluation."""
        labels, answers = evaluation.labels, evaluation.logits.argmax(dim=-1)
        right, clips = Counter(labels[evaluation.right].tolist()), Counter(labels.tolist())
        # Of equally bad glosses, those with more clips say more.
        worst = sorted(clips, key=lambda label: (right[label] / clips[label], -clips[label], label))
        rows = worst[:_MOST_GLOSSES]
        shown = torch.isin(labels, torch.tensor(rows))
        labels, answers = labels[shown], answers[shown]
        others = Counter(answers[~torch.isin(answers, torch.tensor(rows))].tolist())
        columns = [*rows, *(answer for answer, _ in others.most_common(_MOST_OTHER_ANSWERS))]
        place = torch.full((len(evaluation.glosses),), len(columns))
        place[columns] = torch.arange(len(columns))
        matrix = multiclass_confusion_matrix(place[answers], place[labels], num_classes=len(columns) + 1)
        return cls(rows, columns, matrix[: len(rows)].numpy())


def can_draw(name: str) -> bool:
    """Whether the plots' font has all characters of a name."""
    from matplotlib import font_manager

    font = font_manager.get_font(font_manager.findfont(_FONT))
    return all(font.get_char_index(ord(character)) for character in _one_line(name))


def plot_name(name: str, number: int) -> str:
    """What stands for a name in a plot: its beginning, or its number where the font lacks a character.

    Args:
        name: A gloss or session.
        number: The gloss's class index, or the session's place among the sessions.
    """
    if not can_draw(name):
        return f"#{number}"
    name = _one_line(name)
    return name if len(name) <= _NAME_LENGTH else f"{name[: _NAME_LENGTH - 1]}…"


def shown_sessions(sessions: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The sessions that the plot shows: all, or where they are too many the worst ones.

    Args:
        sessions: `clips` and `top1` of each session.
    """
    if len(sessions) <= _MOST_SESSIONS:
        return list(sessions)
    return sorted(sessions, key=lambda name: (sessions[name]["top1"], -sessions[name]["clips"]))[:_MOST_SESSIONS]


def plot_learning_curves(curves: LearningCurves) -> "Figure":
    """Draws accuracy and loss of all stages on one axis of time, and the gap between train and test.

    Args:
        curves: The learning curves.
    """
    figure = _figure(9, 6.5)
    axes = figure.subplots(2, 1, sharex=True, height_ratios=[3, 2])
    for panel, metric in zip(axes, FIGURES, strict=True):
        for split in curves.splits:
            panel.plot(
                *curves.series(split, metric),
                color=_COLOURS[split],
                marker=".",  # a stage that was measured once has no line
                markersize=5,
                label=f"{split} clips",
            )
        panel.grid(alpha=0.3)
    upper, lower = axes
    if curves.compared is not None:
        time, train = curves.series("train", "accuracy")
        other = curves.series(curves.compared, "accuracy")[1]
        upper.fill_between(
            *(time, train, other),
            color=_COLOURS[curves.compared],
            alpha=0.12,
            linewidth=0,
            label=f"gap train − {curves.compared}",
        )
        gaps = ((stage, curves.gap(stage)) for stage in curves.stages)
        printed = ", ".join(f"{stage} {gap:+.3f}" for stage, gap in gaps if gap is not None)
        if printed:
            figure.suptitle(f"Gap train − {curves.compared} at the end of: {printed}", fontsize=10)
    upper.set_ylabel("accuracy")
    figure.legend(*upper.get_legend_handles_labels(), loc="outside lower center", ncols=4, fontsize=8)
    losses = np.concatenate([curves.series(split, "loss")[1] for split in curves.splits])
    if (losses[np.isfinite(losses)] > 0).all():
        _logarithmic(lower)
    lower.set_ylabel("cross entropy")
    lower.set_xlabel("epochs, the stages one after the other")
    _mark_stages(upper, lower, curves)
    return figure


def _mark_stages(upper: "Axes", lower: "Axes", curves: LearningCurves) -> None:
    """Draws the borders of the stages and names them above the plot."""
    starts = curves.starts
    ends = {stage: starts[stage] + measurements[-1].epoch for stage, measurements in curves.stages.items()}
    whole = max(ends.values()) or 1.0
    upper.set_xlim(-0.01 * whole, 1.01 * whole)
    narrow = any(ends[stage] - starts[stage] < whole / 20 for stage in starts)
    for number, stage in enumerate(starts):
        if number:
            for axes in (upper, lower):
                axes.axvline(starts[stage], color=_LINE, linestyle="--", linewidth=0.8)
        upper.annotate(
            stage,
            ((starts[stage] + ends[stage]) / 2, 1),
            xycoords=("data", "axes fraction"),
            # On lines of their own where two short stages would share a place.
            xytext=(0, 3 + (11 * number if narrow else 0)),
            textcoords="offset points",
            ha="center",
            fontsize=9,
        )


def plot_confusion(matrix: ConfusionMatrix, glosses: Sequence[str]) -> "Figure":
    """Draws the answers to the clips of the worst glosses: right ones blue, wrong ones red.

    Args:
        matrix: The confusion matrix.
        glosses: The model's glosses.
    """
    rows, columns = matrix.clips.shape
    figure = _figure(max(4.5, 2.8 + 0.27 * columns), max(2.8, 2.4 + 0.27 * rows))
    axes = figure.subplots()
    shares = matrix.clips / matrix.clips.sum(axis=1, keepdims=True)
    # The columns begin with the glosses of the rows.
    right = np.eye(rows, columns, dtype=bool)
    for colours, cells in (("Blues", right), ("Reds", ~right)):
        # The root, so that a single wrong clip of many is seen.
        visible = np.ma.masked_where(~cells | (shares == 0), np.sqrt(shares))
        axes.imshow(visible, cmap=colours, vmin=0, vmax=1, aspect="auto")
    for row, column in np.argwhere(matrix.clips > 0).tolist():
        axes.text(
            *(column, row, str(matrix.clips[row, column])),
            color="white" if shares[row, column] > 0.4 else "black",
            ha="center",
            va="center",
            fontsize=6.5,
        )
    counts = matrix.clips.sum(axis=1)
    row_names = [
        f"{plot_name(glosses[label], label)} ({count})" for label, count in zip(matrix.glosses, counts, strict=True)
    ]
    column_names = [*(plot_name(glosses[label], label) for label in matrix.answers), "other"]
    axes.set_yticks(range(rows), row_names, fontsize=8, parse_math=False)
    axes.set_xticks(range(columns), column_names, fontsize=8, parse_math=False, rotation=90)
    axes.set_xticks(np.arange(columns + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(rows + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="#dddddd", linewidth=0.5)
    axes.tick_params(which="both", length=0)
    # What stands to the right of this line is wrong whatever the row.
    axes.axvline(rows - 0.5, color=_LINE, linewidth=0.8)
    axes.set_xlabel("answer")
    axes.set_ylabel("gloss (clips)")
    return figure


def plot_reliability(diagrams: Mapping[str, Reliability]) -> "Figure":
    """Draws how often answers are right against the probability that they claim.

    Args:
        diagrams: What is drawn side by side, by its title.
    """
    figure = _figure(4.6 * len(diagrams), 5.6)
    panels = figure.subplots(
        2, len(diagrams), sharex=True, sharey="row", squeeze=False, height_ratios=[3, 1], gridspec_kw={"wspace": 0.12}
    )
    for (upper, lower), (title, diagram) in zip(panels.T, diagrams.items(), strict=True):
        bins = len(diagram.share)
        left, width = np.arange(bins) / bins, 1 / bins
        accuracy, probability = diagram.accuracy.numpy(), diagram.probability.numpy()
        upper.bar(left, accuracy, width, align="edge", color=_BAR, edgecolor="white", label="right answers")
        upper.plot([0, 1], [0, 1], color=_LINE, linestyle="--", linewidth=0.8, label="as often as claimed")
        upper.plot(probability, accuracy, "o", color=_WRONG, markersize=4, label="mean of the bin", clip_on=False)
        upper.set_title(f"{title}\ncalibration error {diagram.error:.3f}", fontsize=10)
        upper.set_ylim(0, 1)
        lower.bar(left, diagram.share.numpy(), width, align="edge", color=_LINE, edgecolor="white")
        lower.set_xlim(0, 1)
        lower.set_xlabel("claimed probability")
    panels[0, 0].set_ylabel("share of right answers")
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=8)
    # Most clips often share one bin; the others would not be seen on a linear axis.
    smallest = min(float(diagram.share[diagram.share > 0].min()) for diagram in diagrams.values())
    panels[1, 0].set_ylim(min(smallest / 2, 0.05), 1)
    _logarithmic(panels[1, 0])
    panels[1, 0].set_ylabel("share of clips")
    return figure


def plot_sessions(sessions: Mapping[str, Mapping[str, Any]], mean: float) -> "Figure":
    """Draws the accuracy of each session, or where they are too many of the worst ones.

    Args:
        sessions: `clips` and `top1` of each session.
        mean: Accuracy of all clips.
    """
    shown = shown_sessions(sessions)
    number = {name: place for place, name in enumerate(sessions)}
    figure = _figure(7, 1.3 + 0.28 * len(shown))
    axes = figure.subplots()
    bars = axes.barh(range(len(shown)), [sessions[name]["top1"] for name in shown], color=_BAR)
    axes.bar_label(bars, fmt="{:.3f}", padding=3, fontsize=8, bbox=_PLATE)
    axes.axvline(mean, color=_LINE, linestyle="--", linewidth=0.8, zorder=0)
    labels = [f"{plot_name(name, number[name])} ({sessions[name]['clips']})" for name in shown]
    axes.set_yticks(range(len(shown)), labels, fontsize=8, parse_math=False)
    axes.set_ylim(len(shown) - 0.5, -0.5)
    axes.set_xlim(0, 1.1)
    axes.set_xticks(np.linspace(0, 1, 6))
    axes.set_ylabel("session (clips)" if len(shown) == len(sessions) else f"worst of {len(sessions)} sessions (clips)")
    axes.set_xlabel(f"accuracy; dashed: all clips, {mean:.3f}")
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def plot_lengths(lengths: Sequence[Mapping[str, Any]], mean: float) -> "Figure":
    """Draws the accuracy by the clips' length.

    Args:
        lengths: `from`, `to` (frames), `clips` and `top1` of each group.
        mean: Accuracy of all clips.
    """
    figure = _figure(7, 3.6)
    axes = figure.subplots()
    bars = axes.bar(range(len(lengths)), [group["top1"] for group in lengths], color=_BAR, width=0.8)
    axes.bar_label(bars, fmt="{:.3f}", padding=3, fontsize=8, bbox=_PLATE)
    axes.axhline(mean, color=_LINE, linestyle="--", linewidth=0.8, zorder=0)
    axes.set_xticks(
        range(len(lengths)), [f"{format_length(group)}\n({group['clips']})" for group in lengths], fontsize=8
    )
    # One bar of a single group would fill the plot.
    axes.set_xlim(min(-0.6, len(lengths) / 2 - 2.5), max(len(lengths) - 0.4, len(lengths) / 2 + 1.5))
    axes.set_ylim(0, 1.1)
    axes.set_yticks(np.linspace(0, 1, 6))
    axes.set_xlabel("frames (clips)")
    axes.set_ylabel(f"accuracy; dashed: all clips, {mean:.3f}")
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def format_length(group: Mapping[str, Any]) -> str:
    """Writes the lengths of a group of clips, such as `12–18`."""
    return str(group["from"]) if group["from"] == group["to"] else f"{group['from']}–{group['to']}"


def _figure(width: float, height: float) -> "Figure":
    """Makes an empty figure without the state of pyplot; width and height in inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained", dpi=120)


def _logarithmic(axes: "Axes") -> None:
    """Makes the vertical axis logarithmic, with plain numbers such as 0.2 in the place of powers of ten."""
    from matplotlib.ticker import LogLocator, NullFormatter

    axes.set_yscale("log")
    low, high = axes.get_ylim()
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high / low < 100 else (1,), numticks=20))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter(NullFormatter())


def _one_line(name: str) -> str:
    return " ".join(name.split())


__all__ = [
    "ConfusionMatrix",
    "can_draw",
    "format_length",
    "plot_confusion",
    "plot_learning_curves",
    "plot_lengths",
    "plot_name",
    "plot_reliability",
    "plot_sessions",
    "shown_sessions",
]
