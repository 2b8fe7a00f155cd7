"""Accuracy by people."""

import pytest
import torch

from slr_hf.training.evaluation import Evaluation
from slr_hf.training.people import find_group, summarize_people

#: Two right answers of four by Ana, both of two by Eva.
LABELS = torch.tensor([0, 0, 1, 1, 1, 0])
ANSWERS = torch.tensor([0, 1, 1, 0, 1, 0])
SESSIONS = ["signs-Ana"] * 4 + ["signs-Eva"] * 2


def evaluation(**changes: object) -> Evaluation:
    fields = {
        "glosses": ["yes", "no"],
        "clip_ids": [f"clip-{number}" for number in range(6)],
        "sessions": SESSIONS,
        "frames": torch.full((6,), 30),
        "labels": LABELS,
        "logits": torch.eye(2)[ANSWERS],
        "confidence": torch.full((6,), 0.5),
    }
    return Evaluation(**{**fields, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("clip", "session", "group"),
    [
        ("new", "signs-Eva", "strangers"),
        ("new", "signs-Ana", "same_recorder"),
        ("old", "signs-Ana", None),
        ("new", "signs-?", None),  # may be Ana
        ("new", "others-?", "strangers"),
        ("new", "signs-2-?", "strangers"),  # a file whose name begins like that of another
    ],
)
def test_a_stranger_is_somebody_whom_training_has_not_seen(clip: str, session: str, group: str | None) -> None:
    assert find_group(clip, session, {"old"}, {"signs-Ana"}) == group


def test_every_person_counts_alike_in_the_mean_over_people() -> None:
    figures = summarize_people(torch.eye(2)[ANSWERS], LABELS, SESSIONS)
    assert (figures["clips"], figures["sessions"]) == (6, 2)
    assert figures["top1"] == pytest.approx(4 / 6)
    assert figures["mean_over_people"] == pytest.approx(3 / 4)
    assert "nearest_neighbour" not in figures


def test_the_interval_is_over_people_where_they_are_three_and_else_over_their_clips() -> None:
    two = summarize_people(torch.eye(2)[ANSWERS], LABELS, SESSIONS)["interval"]
    assert two["over"] == "clips"
    # Of Ana's four clips, none to four may be right; Eva's are always.
    assert (two["low"], two["high"]) == (0.5, 1.0)
    alike = summarize_people(torch.eye(2)[ANSWERS], LABELS, ["a", "a", "b", "b", "c", "c"])["interval"]
    assert alike["over"] == "people"
    assert alike["low"] == pytest.approx(0.5)
    assert alike["high"] == pytest.approx(1.0)
    assert alike == summarize_people(torch.eye(2)[ANSWERS], LABELS, ["a", "a", "b", "b", "c", "c"])["interval"]


def test_strangers_and_the_same_recorder_are_told_apart_with_the_neighbour_beside_them() -> None:
    summary = evaluation(neighbour=torch.eye(2)[LABELS]).summary({"clip-0"}, {"signs-Ana"})
    strangers, same = summary["people"]["strangers"], summary["people"]["same_recorder"]
    assert (strangers["clips"], strangers["sessions"], strangers["top1"]) == (2, 1, 1.0)
    assert strangers["glosses"] == {
        "no": {"clips": 1, "top1": 1.0, "people": 1, "mean_over_people": 1.0},
        "yes": {"clips": 1, "top1": 1.0, "people": 1, "mean_over_people": 1.0},
    }
    assert (same["clips"], same["top1"]) == (3, pytest.approx(1 / 3))  # clip 0 was in training
    assert same["nearest_neighbour"] == {"top1": 1.0, "top5": 1.0, "mean_over_people": 1.0}
    assert summary["sessions"]["signs-Ana"] == {"clips": 4, "top1": 0.5, "nearest_neighbour": {"top1": 1.0}}
    assert summary["glosses"]["no"]["people"] == 2
    # Eva's one clip counts as much as all of Ana's.
    assert summary["glosses"]["yes"]["top1"] == pytest.approx(2 / 3)
    assert summary["glosses"]["yes"]["mean_over_people"] == pytest.approx((1 / 2 + 1) / 2)
    assert next(iter(summary)) == "people"


def test_a_group_without_clips_and_people_who_are_not_known_have_no_figures() -> None:
    assert evaluation().summary((), ())["people"]["same_recorder"] is None
    assert evaluation().summary(())["people"] is None
    assert evaluation().summary(None, ())["people"] is None


def test_the_answers_of_several_models_are_put_together() -> None:
    with_neighbour = evaluation(neighbour=torch.eye(2)[LABELS])
    pooled = Evaluation.pool([with_neighbour, with_neighbour])
    assert pooled.sessions == SESSIONS * 2
    assert pooled.neighbour is not None
    assert pooled.summary()["top1"] == pytest.approx(4 / 6)
    assert Evaluation.pool([with_neighbour, evaluation()]).neighbour is None
    with pytest.raises(ValueError, match="different glosses"):
        Evaluation.pool([with_neighbour, evaluation(glosses=["no", "yes"])])
