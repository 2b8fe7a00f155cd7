"""The report: what its plots and its page show, and how it comes to its place."""

import json
import re
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image

from slr_hf.training.evaluation import Evaluation
from slr_hf.training.metrics import reliability
from slr_hf.training.report import LearningCurves, read_learning_curves, write_report
from slr_hf.training.report.markdown import escape, render_report
from slr_hf.training.report.plots import (
    ConfusionMatrix,
    can_draw,
    plot_confusion,
    plot_learning_curves,
    plot_lengths,
    plot_name,
    plot_reliability,
    plot_sessions,
    shown_sessions,
)

PLOTS = {"confusion", "reliability", "sessions", "lengths"}


def answers(labels: list[int], best: list[int], glosses: list[str], sessions: list[str] | None = None) -> Evaluation:
    """An evaluation with the given first answers, 20 frames in the first clip, 21 in the next, and so on."""
    count = len(labels)
    return Evaluation(
        glosses=glosses,
        clip_ids=[f"clip-{number}" for number in range(count)],
        sessions=sessions or ["a"] * count,
        frames=torch.arange(20, 20 + count),
        labels=torch.tensor(labels),
        logits=torch.eye(len(glosses))[best] * 3,
        confidence=torch.linspace(0, 1, count),
    )


def numbered(count: int) -> list[str]:
    return [f"gloss {number}" for number in range(count)]


def measured(epoch: float, **accuracies: float) -> dict[str, Any]:
    """A record of learning_curves.json."""
    splits = {
        split: {"loss": 1.5 - accuracy, "accuracy": accuracy, "top5_accuracy": 1.0, "mean_class_accuracy": accuracy}
        for split, accuracy in accuracies.items()
    }
    return {"epoch": epoch, **splits}


STAGES = {
    "it": [
        measured(1.0, train=0.5, validation=0.45),
        measured(2.0, train=0.8, validation=0.75),
    ],
    "ft1": [measured(1.0, train=0.9, validation=0.8)],
    "ft2": [measured(1.0, train=0.95, validation=0.85)],
}


def curves(folder: Path, stages: Any) -> LearningCurves | None:
    (folder / "learning_curves.json").write_text(json.dumps(stages))
    return read_learning_curves(folder)


def texts(figure: Figure) -> list[str]:
    """All words of a drawn figure."""
    figure.draw_without_rendering()
    return [text.get_text() for text in figure.findobj(lambda item: hasattr(item, "get_text"))]


# Learning curves


def test_the_stages_follow_each_other_in_their_order(tmp_path: Path) -> None:
    read = curves(tmp_path, dict(reversed(STAGES.items())))
    assert read is not None
    assert read.starts == {"it": 0, "ft1": 2, "ft2": 3}
    time, accuracy = read.series("validation", "accuracy")
    np.testing.assert_equal(time, [1, 2, 2, 3, 3, 4, 4])
    np.testing.assert_equal(accuracy, [0.45, 0.75, np.nan, 0.8, np.nan, 0.85, np.nan])
    assert [read.gap(stage) for stage in STAGES] == pytest.approx([0.05, 0.1, 0.1])


def test_training_is_compared_with_validation_where_it_was_measured(tmp_path: Path) -> None:
    read = curves(tmp_path, {"it": [measured(1.0, train=0.9, validation=0.5)]})
    assert read is not None
    assert (read.splits, read.compared, read.gap("it")) == (["train", "validation"], "validation", pytest.approx(0.4))
    alone = curves(tmp_path, {"it": [measured(1.0, train=0.9)]})
    assert alone is not None
    assert (alone.splits, alone.compared, alone.gap("it")) == (["train"], None, None)


@pytest.mark.parametrize("stages", [None, {}, {"it": []}])
def test_no_learning_curves_are_none(tmp_path: Path, stages: dict[str, Any] | None) -> None:
    assert (read_learning_curves(tmp_path) if stages is None else curves(tmp_path, stages)) is None


@pytest.mark.parametrize(
    ("stages", "message"),
    [
        ([], "AttributeError"),
        ({"it": 3}, "not iterable"),
        ({"ft9": []}, r"stages \['ft9'\], expected some of \['it', 'ft1', 'ft2'\]"),
        ({"it": [{"epoch": 1}]}, "KeyError.*'train'"),
        ({"it": [{"epoch": 1, "train": {"loss": 1}}]}, "KeyError.*'accuracy'"),
        ({"it": [measured(2, train=1), measured(1, train=1)]}, "epochs of it do not rise"),
    ],
)
def test_learning_curves_that_make_no_sense_are_refused(tmp_path: Path, stages: Any, message: str) -> None:
    with pytest.raises(ValueError, match=rf"learning_curves\.json holds no learning curves.*{message}"):
        curves(tmp_path, stages)


def test_the_plot_of_learning_curves_names_stages_splits_and_the_gap(tmp_path: Path) -> None:
    read = curves(tmp_path, STAGES)
    assert read is not None
    figure = plot_learning_curves(read)
    shown = texts(figure)
    assert {"it", "ft1", "ft2", "train clips", "validation clips", "gap train − validation"} <= set(shown)
    assert "Gap train − validation at the end of: it +0.050, ft1 +0.100, ft2 +0.100" in shown
    upper, lower = figure.axes
    assert len(upper.get_lines()) == len(lower.get_lines()) == 2 + 2  # splits and borders
    assert len(upper.collections) == 1


@pytest.mark.parametrize(
    "stages",
    [
        {"ft2": [measured(1.0, train=0.9)]},
        {"it": [measured(0.0, train=0.9)]},
        {"it": [measured(1.0, train=0.9), measured(2.0, train=0.9)]},
        {"it": [measured(1.0, train=float("nan"))]},
        {"it": [measured(1.0, train=1.5)]},
        {"it": [measured(epoch, train=0.9) for epoch in range(1, 300)], "ft1": [measured(1, train=0.9)]},
    ],
    ids=["one stage", "before the first epoch", "measured twice", "diverged", "no loss", "a long stage"],
)
def test_learning_curves_with_gaps_are_drawn(tmp_path: Path, stages: dict[str, Any]) -> None:
    read = curves(tmp_path, stages)
    assert read is not None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        texts(plot_learning_curves(read))


# Confusions


def test_the_worst_glosses_come_first_and_of_equal_ones_those_with_more_clips() -> None:
    matrix = ConfusionMatrix.of(answers([0, 0, 1, 2, 2, 2, 3], [0, 1, 1, 0, 0, 1, 0], numbered(4)))
    assert matrix.glosses == [2, 3, 0, 1]
    assert matrix.answers == matrix.glosses
    np.testing.assert_array_equal(matrix.clips, [[0, 0, 2, 1, 0], [0, 0, 1, 0, 0], [0, 0, 1, 1, 0], [0, 0, 0, 1, 0]])


def test_of_many_glosses_the_worst_thirty_are_shown_and_rare_answers_are_other() -> None:
    torch.manual_seed(0)
    labels = torch.randint(1001, (4000,)).tolist()
    best = [(label * 7 + number) % 1001 if number % 3 else label for number, label in enumerate(labels)]
    evaluation = answers(labels, best, numbered(1001))
    matrix = ConfusionMatrix.of(evaluation)
    assert matrix.clips.shape == (30, 41)
    assert matrix.answers[:30] == matrix.glosses
    assert not np.diagonal(matrix.clips).any()
    for gloss, row in zip(matrix.glosses, matrix.clips, strict=True):
        assert row.sum() == labels.count(gloss)
        given = [answer for label, answer in zip(labels, best, strict=True) if label == gloss]
        for answer, clips in zip(matrix.answers, row, strict=False):
            assert given.count(answer) == clips
    assert "other" in texts(plot_confusion(matrix, evaluation.glosses))


def test_a_model_of_one_gloss_has_a_confusion_matrix() -> None:
    matrix = ConfusionMatrix.of(answers([0], [0], ["only"]))
    np.testing.assert_array_equal(matrix.clips, [[1, 0]])
    assert {"only (1)", "only", "other"} <= set(texts(plot_confusion(matrix, ["only"])))


def test_glosses_without_clips_have_no_row_but_may_be_answers() -> None:
    matrix = ConfusionMatrix.of(answers([1, 1], [2, 2], numbered(5)))
    assert (matrix.glosses, matrix.answers, matrix.clips.tolist()) == ([1], [1, 2], [[0, 2, 0]])


# Names


@pytest.mark.parametrize(
    ("name", "drawn"),
    [
        ("Привет", "Привет"),
        ("a|b *c* $x$ _d_", "a|b *c* $x$ _d_"),
        ("two\nlines", "two lines"),
        ("안녕", "#7"),
        ("hello 안녕", "#7"),
        ("a gloss that is far too long", "a gloss that is far t…"),
    ],
)
def test_a_name_is_drawn_as_it_is_or_by_its_number(name: str, drawn: str) -> None:
    assert plot_name(name, 7) == drawn
    assert can_draw(name) == (drawn != "#7")


def test_no_name_is_taken_for_a_formula() -> None:
    glosses = [r"$\frac$", "$x"]
    matrix = ConfusionMatrix.of(answers([0, 1], [1, 1], glosses))
    assert set(glosses) <= set(texts(plot_confusion(matrix, glosses)))
    assert r"$\frac$ (1)" in texts(plot_sessions({r"$\frac$": {"clips": 1, "top1": 0.0}}, 0.0))


@pytest.mark.parametrize(
    ("name", "escaped"),
    [
        ("a|b", r"a\|b"),
        ("*no*_event_", r"\*no\*\_event\_"),
        ("a\\|b", r"a\\\|b"),
        ("<b>&amp; [x](y) `z`", r"\<b\>\&amp; \[x\](y) \`z\`"),
        ("two\nlines", "two lines"),
        ("Привет 안녕", "Привет 안녕"),
    ],
)
def test_no_name_is_taken_for_markdown(name: str, escaped: str) -> None:
    assert escape(name) == escaped


# Other plots


def test_of_many_sessions_the_worst_are_shown() -> None:
    sessions = {f"signer {number}": {"clips": 10, "top1": number / 200} for number in range(194, -1, -1)}
    assert shown_sessions(sessions) == [f"signer {number}" for number in range(40)]
    assert "worst of 195 sessions (clips)" in texts(plot_sessions(sessions, 0.5))
    few = dict(list(sessions.items())[:3])
    assert shown_sessions(few) == list(few)
    assert {"signer 194 (10)", "0.970"} <= set(texts(plot_sessions(few, 0.9)))


def test_the_lengths_show_frames_clips_and_accuracy() -> None:
    groups = [{"from": 12, "to": 18, "clips": 4, "top1": 0.25}, {"from": 30, "to": 30, "clips": 9, "top1": 1.0}]
    assert {"12–18\n(4)", "30\n(9)", "0.250", "1.000"} <= set(texts(plot_lengths(groups, 0.5)))


def test_reliability_draws_a_bar_for_every_bin() -> None:
    diagram = reliability(torch.linspace(0, 1, 31), torch.arange(31) % 2 == 0)
    figure = plot_reliability({"confidence": diagram})
    assert f"confidence\ncalibration error {diagram.error:.3f}" in texts(figure)
    upper, lower = figure.axes
    np.testing.assert_allclose([bar.get_height() for bar in upper.patches], diagram.accuracy)
    np.testing.assert_allclose([bar.get_height() for bar in lower.patches], diagram.share)


# The page


def test_the_page_holds_the_figures_the_worst_glosses_and_the_confusions() -> None:
    evaluation = answers([0, 0, 1, 2], [0, 1, 1, 0], ["Привет", "a|b", "안녕"], ["s*1", "s*1", "s*1", "s*2"])
    metrics = evaluation.summary(["clip-0"])
    page = render_report(metrics, "runs/my_model", {name: f"plots/{name}.png" for name in PLOTS}, None, {2: "안녕"})
    assert page.startswith("# Evaluation of runs/my\\_model\n")
    for line in (
        "4 clips. **The model saw 1 of them in training**, so the figures say little about new clips.",
        "| top-1 accuracy | 0.5000 |",
        "The model's folder holds no learning_curves.json, so they cannot be shown.",
        "The plot's font lacks these names: \\#2 안녕.",
        "| 안녕 | 1 | 0.0000 |\n| Привет | 2 | 0.5000 |\n\n",
        "| Привет | a\\|b | 1 |",
        "| s\\*2 | 1 | 0.0000 | - |",
        "| 20 | 1 | 1.0000 |",
    ):
        assert line in page
    assert set(re.findall(r"!\[.*\]\(plots/(\w+)\.png\)", page)) == PLOTS


def test_the_page_says_what_is_not_known_or_did_not_happen() -> None:
    metrics = answers([0, 1], [0, 1], ["yes", "no"]).summary()
    page = render_report(metrics, "best", dict.fromkeys(PLOTS, "x.png"))
    assert "Whether the model saw any of them in training is not known." in page
    assert "| AUROC of the confidence | - |" in page
    assert "No clip was answered wrongly." in page
    assert "Worst glosses" not in page
    page = render_report({**metrics, "seen_in_training": 0}, "best", dict.fromkeys(PLOTS, "x.png"))
    assert "The model saw none of them in training." in page


def test_strangers_come_first_with_the_nearest_neighbour_beside_them() -> None:
    evaluation = answers([0, 0, 1, 1], [0, 1, 1, 0], ["yes", "no"], ["s-1", "s-2", "s-2", "s-3"])
    metrics = replace(evaluation, neighbour=torch.eye(2)[[0, 0, 1, 1]]).summary((), {"s-3"})
    page = render_report(metrics, "best", dict.fromkeys(PLOTS, "x.png"))
    assert page.index("## People") < page.index("## All clips") < page.index("## Sessions")
    assert "| strangers | 3 | 2 | 0.6667 | 1.0000 | 0.7500 | 0.5000–1.0000 (over clips) | 1.0000 | 1.0000 |" in page
    assert "| same recorder | 1 | 1 | 0.0000 |" in page
    assert "| yes | 2 | 2 | 0.5000 |\n| no | 1 | 1 | 1.0000 |" in page
    assert "| s-2 | 2 | 0.5000 | 1.0000 |" in page


def test_whom_training_saw_may_not_be_known() -> None:
    page = render_report(answers([0, 1], [0, 1], ["yes", "no"]).summary(), "best", dict.fromkeys(PLOTS, "x.png"))
    assert "Whom the model saw in training is not known" in page
    page = render_report(answers([0, 1], [0, 1], ["yes", "no"]).summary((), ()), "best", dict.fromkeys(PLOTS, "x.png"))
    assert "| same recorder | 0 | - |" in page


def test_the_page_tells_the_gap_of_each_stage(tmp_path: Path) -> None:
    metrics = answers([0, 1], [0, 1], ["yes", "no"]).summary()
    plots = dict.fromkeys({*PLOTS, "learning_curves"}, "x.png")
    page = render_report(metrics, "best", plots, curves(tmp_path, STAGES))
    assert "| stage | epochs | train | validation | gap train − validation |" in page
    assert "| it | 2 | 0.8000 | 0.7500 | +0.0500 |" in page
    page = render_report(metrics, "best", plots, curves(tmp_path, {"it": [measured(3.0, train=0.5)]}))
    assert "| it | 3 | 0.5000 | - |" in page


# Files


@pytest.mark.parametrize(
    ("labels", "best", "glosses"),
    [
        ([0], [0], ["only"]),
        ([0], [1], ["yes", "no"]),
        ([0, 1] * 20, [0, 1] * 20, ["안녕", "Привет"]),
        (list(range(1001)), [*range(1, 1001), 0], numbered(1001)),
    ],
    ids=["one gloss", "one clip, wrong", "all right", "1001 glosses, all wrong"],
)
def test_every_evaluation_has_a_report(tmp_path: Path, labels: list[int], best: list[int], glosses: list[str]) -> None:
    evaluation = answers(labels, best, glosses)
    # A warning would tell of a missing letter or a plot without room.
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        write_report(evaluation, evaluation.summary(), tmp_path / "evaluation", "best")
    page = (tmp_path / "evaluation/report.md").read_text(encoding="utf-8")
    shown = re.findall(r"!\[.*\]\((.*)\)", page)
    assert {Path(path).stem for path in shown} == PLOTS
    for path in shown:
        with Image.open(tmp_path / "evaluation" / path) as image:
            image.verify()
            assert min(image.size) > 150
            assert max(image.size) < 3000
    assert sorted(path.name for path in (tmp_path / "evaluation").iterdir()) == ["plots", "report.md"]


def test_a_model_without_confidence_head_has_one_reliability_diagram(tmp_path: Path) -> None:
    both = answers([0, 1], [0, 0], ["yes", "no"])
    alone = Evaluation(**{**vars(both), "confidence": both.logits.softmax(dim=-1).amax(dim=-1)})
    widths = []
    for evaluation in (both, alone):
        write_report(evaluation, evaluation.summary(), tmp_path, "best")
        with Image.open(tmp_path / "plots/reliability.png") as image:
            widths.append(image.width)
    assert widths[0] == 2 * widths[1]


def test_a_second_report_replaces_the_first_and_leaves_other_files(tmp_path: Path) -> None:
    evaluation = answers([0, 1], [0, 0], ["yes", "no"])
    write_report(evaluation, evaluation.summary(), tmp_path / "evaluation", "first", curves(tmp_path, STAGES))
    assert (tmp_path / "evaluation/plots/learning_curves.png").is_file()
    (tmp_path / "evaluation/metrics.json").write_text("{}")
    (tmp_path / "evaluation/plots/mine.png").write_text("mine")
    (tmp_path / "evaluation/.plots").mkdir()  # what an interrupted run leaves
    (tmp_path / "evaluation/.plots/confusion.png").write_text("half")
    write_report(evaluation, evaluation.summary(), tmp_path / "evaluation", "second")
    assert (tmp_path / "evaluation/report.md").read_text().startswith("# Evaluation of second\n")
    names = {str(path.relative_to(tmp_path / "evaluation")) for path in (tmp_path / "evaluation").rglob("*")}
    assert names == {"metrics.json", "report.md", "plots", "plots/mine.png", *(f"plots/{name}.png" for name in PLOTS)}


def test_a_report_that_fails_leaves_the_one_before(tmp_path: Path) -> None:
    evaluation = answers([0, 1], [0, 0], ["yes", "no"])
    metrics = evaluation.summary()
    write_report(evaluation, metrics, tmp_path, "first")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.*")}
    # Missed only when all plots are drawn.
    del metrics["confusions"]
    with pytest.raises(KeyError):
        write_report(evaluation, metrics, tmp_path, "second")
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.*")} == before


def test_a_user_s_settings_of_matplotlib_do_not_matter_and_are_kept(tmp_path: Path) -> None:
    import matplotlib as mpl

    evaluation = answers([0, 1], [0, 0], ["yes", "no"])
    write_report(evaluation, evaluation.summary(), tmp_path / "plain", "best")
    with mpl.rc_context({"font.size": 30, "axes.facecolor": "black"}):
        write_report(evaluation, evaluation.summary(), tmp_path / "own", "best")
        assert mpl.rcParams["font.size"] == 30
    for name in PLOTS:
        plain, own = (tmp_path / folder / "plots" / f"{name}.png" for folder in ("plain", "own"))
        assert plain.read_bytes() == own.read_bytes()


def test_pyplot_is_not_touched(tmp_path: Path) -> None:
    import matplotlib.pyplot as plt

    evaluation = answers([0, 1], [0, 0], ["yes", "no"])
    write_report(evaluation, evaluation.summary(), tmp_path, "best")
    assert plt.get_fignums() == []
