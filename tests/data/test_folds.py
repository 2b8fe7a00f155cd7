"""Folds: whose clips are held out together."""

import logging

import pytest
from datasets import Dataset
from fixtures_clips import make_dataset, numbered

from slr_hf.data import read_column, session_folds, signer_folds, split


@pytest.fixture
def many() -> Dataset:
    """Three recordings of one person each, and a source of four signers and unknown ones."""
    return make_dataset(
        [
            *(clip for source in ("a", "b", "c") for clip in numbered(source, "0", 9)),
            *(
                clip
                for session, count in (("1", 6), ("2", 5), ("3", 2), ("4", 2))
                for clip in numbered("w", session, count)
            ),
            *numbered("w", "?", 7),
        ]
    )


def test_each_session_is_left_out_in_turn_but_not_that_of_unknown_signers(many: Dataset) -> None:
    assert list(session_folds(many)) == ["a-0", "b-0", "c-0", "w-1", "w-2", "w-3", "w-4"]
    assert session_folds(many, ["c-0", "1"]) == {"c-0": ["c-0"], "w-1": ["w-1"]}
    with pytest.raises(ValueError, match="no session 'd-0'"):
        session_folds(many, ["a-0", "d-0"])


def test_single_sessions_land_in_different_folds_and_signers_are_spread_evenly(many: Dataset) -> None:
    assert signer_folds(many, 3) == {
        "fold-1": ["a-0", "w-1"],
        "fold-2": ["b-0", "w-2"],
        "fold-3": ["c-0", "w-3", "w-4"],
    }


def test_the_order_of_the_clips_does_not_matter(many: Dataset) -> None:
    assert signer_folds(many.shuffle(seed=1), 3) == signer_folds(many, 3)


@pytest.mark.parametrize("count", [1, 8])
def test_folds_without_sessions_are_refused(many: Dataset, count: int) -> None:
    with pytest.raises(ValueError, match=f"from 2 to the 7 sessions, but is {count}"):
        signer_folds(many, count)


def test_unknown_signers_are_not_used_where_signers_of_their_source_are_tested(
    many: Dataset, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        splits = split(many, test_session=["w-1", "a-0"], validation_fraction=0)
    assert set(read_column(splits["test"], "session")) == {"a-0", "w-1"}
    assert set(read_column(splits["train"], "session")) == {"b-0", "c-0", "w-2", "w-3", "w-4"}
    assert "Left out 7 clips of unknown signers" in caplog.text


def test_unknown_signers_are_trained_on_where_others_are_tested(many: Dataset) -> None:
    splits = split(many, test_session="a-0", validation_fraction=0)
    assert "w-?" in read_column(splits["train"], "session")
    assert len(splits["train"]) + len(splits["test"]) == len(many)


def test_unknown_signers_are_never_tested(many: Dataset) -> None:
    with pytest.raises(ValueError, match="unknown signers"):
        split(many, test_session="?")
    assert "w-?" not in read_column(split(many, train_session="w-1")["test"], "session")


def test_held_out_clips_of_glosses_that_nobody_else_shows_can_be_left_out(caplog: pytest.LogCaptureFixture) -> None:
    dataset = make_dataset([*numbered("a", "0", 2), *numbered("a", "1", 3), *numbered("a", "1", 4, "no")])
    with caplog.at_level(logging.INFO):
        splits = split(dataset, test_session="1", validation_fraction=0, drop_unseen_glosses=True)
    assert len(splits["test"]) == 3
    assert splits["test"].features["label"].names == ["no", "yes"]  # all folds share a label space
    assert "Left out 4 of 7 held-out clips" in caplog.text
    with pytest.raises(ValueError, match="No held-out clip shows a gloss"):
        split(
            make_dataset([*numbered("a", "0", 2), *numbered("a", "1", 3, "no")]),
            test_session="1",
            drop_unseen_glosses=True,
        )
