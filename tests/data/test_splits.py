import logging

import numpy as np
import pytest
from datasets import Dataset, DatasetDict
from fixtures_clips import make_dataset
from hypothesis import given
from hypothesis import strategies as st

from slr_hf.data import choose_splits, find_session, hold_out, hold_out_last, read_column, sessions, split


def clip_ids(dataset: Dataset) -> list[str]:
    return read_column(dataset, "clip_id").tolist()


@pytest.fixture
def two_files() -> Dataset:
    """The file ksl has sessions 0 and 1, the file asl only 0; ten clips of each of two glosses in each session."""
    return make_dataset(
        [
            (source, session, gloss, number)
            for source, session in (("ksl", "0"), ("ksl", "1"), ("asl", "0"))
            for gloss in ("no", "yes")
            for number in range(10)
        ]
    )


def test_sessions_are_listed_once_and_sorted(two_files: Dataset) -> None:
    assert sessions(two_files) == ["asl-0", "ksl-0", "ksl-1"]


def test_a_session_is_found_by_its_full_name_or_its_own_where_that_is_unique(two_files: Dataset) -> None:
    assert find_session(two_files, "ksl-1") == "ksl-1"
    assert find_session(two_files, "1") == "ksl-1"
    with pytest.raises(ValueError, match=r"Several sessions are called '0'.*asl-0.*ksl-0"):
        find_session(two_files, "0")
    with pytest.raises(ValueError, match=r"no session '7'. Choose one of \['asl-0', 'ksl-0', 'ksl-1'\]"):
        find_session(two_files, "7")


def test_holding_out_a_session_takes_all_its_clips_and_no_others(two_files: Dataset) -> None:
    splits = hold_out(two_files, "1")
    assert set(read_column(splits["test"], "session")) == {"ksl-1"}
    assert set(read_column(splits["train"], "session")) == {"ksl-0", "asl-0"}
    assert len(splits["train"]) + len(splits["test"]) == len(two_files)


def test_the_only_session_cannot_be_held_out() -> None:
    dataset = make_dataset([("asl", "0", "yes", number) for number in range(3)])
    with pytest.raises(ValueError, match="leaves no training clips of 3"):
        hold_out(dataset, "0")


def test_glosses_that_only_held_out_clips_show_are_reported(caplog: pytest.LogCaptureFixture) -> None:
    dataset = make_dataset([("asl", "0", "yes", 0), ("asl", "1", "yes", 0), ("asl", "1", "no", 0)])
    with caplog.at_level(logging.WARNING):
        hold_out(dataset, "1")
    assert "no training clip shows: ['no']" in caplog.text


def test_the_last_clips_are_those_with_the_highest_numbers() -> None:
    # As text, 9 comes after 10.
    dataset = make_dataset([("asl", "0", "yes", number) for number in (10, 2, 9, 1, 3)])
    splits = hold_out_last(dataset, 0.4)
    assert clip_ids(splits["test"]) == ["asl-0-yes-10", "asl-0-yes-9"]
    assert clip_ids(splits["train"]) == ["asl-0-yes-2", "asl-0-yes-1", "asl-0-yes-3"]


@given(
    counts=st.lists(st.integers(1, 12), min_size=1, max_size=4).filter(lambda counts: max(counts) > 1),
    fraction=st.floats(0.01, 0.99),
)
def test_every_gloss_keeps_a_training_clip_and_the_sides_never_overlap(counts: list[int], fraction: float) -> None:
    dataset = make_dataset(
        [("asl", "0", f"gloss{gloss}", number) for gloss, count in enumerate(counts) for number in range(count)]
    )
    splits = hold_out_last(dataset, fraction)
    train, test = clip_ids(splits["train"]), clip_ids(splits["test"])
    assert sorted(train + test) == sorted(clip_ids(dataset))
    assert set(read_column(splits["train"], "label")) == set(range(len(counts)))
    for gloss, count in enumerate(counts):
        taken = [name for name in test if f"gloss{gloss}-" in name]
        assert abs(len(taken) - fraction * count) <= 1


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.5, 2.0])
def test_a_fraction_out_of_range_is_refused(two_files: Dataset, fraction: float) -> None:
    with pytest.raises(ValueError, match="above 0 and below 1"):
        hold_out_last(two_files, fraction)


def test_clips_without_numbers_count_in_the_order_of_the_dataset(two_files: Dataset) -> None:
    unnumbered = two_files.map(lambda row: {"clip_id": row["clip_id"] + "x"})
    held_out = clip_ids(hold_out_last(unnumbered, 0.2)["test"])
    assert held_out[:4] == ["ksl-0-no-8x", "ksl-0-no-9x", "ksl-0-yes-8x", "ksl-0-yes-9x"]


@pytest.fixture
def own_splits(two_files: Dataset) -> DatasetDict:
    """The session ksl-0 to train, ksl-1 to test."""
    splits = hold_out(two_files, "ksl-1")
    return DatasetDict(train=splits["train"], test=splits["test"])


def sizes(splits: DatasetDict) -> dict[str, int]:
    return {name: len(dataset) for name, dataset in splits.items()}


def test_own_splits_are_kept_and_validation_is_taken_out_of_train(own_splits: DatasetDict) -> None:
    chosen = choose_splits(own_splits, validation_fraction=0.2)
    assert sizes(chosen) == {"train": 32, "validation": 8, "test": 20}
    assert clip_ids(chosen["test"]) == clip_ids(own_splits["test"])


def test_validation_clips_of_the_datasets_own_stay_unless_a_session_is_named(own_splits: DatasetDict) -> None:
    halves = hold_out(own_splits["train"], "asl-0")
    own = DatasetDict(train=halves["train"], validation=halves["test"], test=own_splits["test"])
    assert sizes(choose_splits(own, validation_fraction=0.5)) == {"train": 20, "validation": 20, "test": 20}
    assert sessions(choose_splits(own, validation_session="ksl-0")["validation"]) == ["ksl-0"]


def test_without_validation_a_datasets_own_validation_clips_choose_nothing(own_splits: DatasetDict) -> None:
    halves = hold_out(own_splits["train"], "asl-0")
    own = DatasetDict(train=halves["train"], validation=halves["test"])
    chosen = choose_splits(own, validation_fraction=0)
    assert sizes(chosen) == {"train": 20, "test": 20}
    assert clip_ids(chosen["test"]) == clip_ids(own["validation"])
    tested = choose_splits(DatasetDict(**own, test=own_splits["test"]), validation_fraction=0)
    assert clip_ids(tested["test"]) == clip_ids(own_splits["test"])


@pytest.mark.parametrize("test", [{"test_session": "asl-0"}, {"test_fraction": 0.3}, {"train_session": "ksl-1"}])
def test_a_named_test_splits_all_clips_anew(
    two_files: Dataset, own_splits: DatasetDict, test: dict[str, str | float]
) -> None:
    chosen = choose_splits(own_splits, **test)
    expected = split(two_files, **test)
    assert {name: set(clip_ids(part)) for name, part in chosen.items()} == {
        name: set(clip_ids(part)) for name, part in expected.items()
    }


def test_one_split_alone_counts_as_none(two_files: Dataset) -> None:
    assert sizes(choose_splits(DatasetDict(train=two_files), validation_fraction=0)) == {"train": 60}


def test_splits_without_training_clips_are_refused(own_splits: DatasetDict) -> None:
    with pytest.raises(ValueError, match="none called train"):
        choose_splits(DatasetDict(test=own_splits["test"], validation=own_splits["train"]))


def test_test_clips_never_choose_the_checkpoint(two_files: Dataset) -> None:
    splits = split(two_files, test_session="ksl-1", validation_fraction=0.2)
    assert {name: len(dataset) for name, dataset in splits.items()} == {"train": 32, "validation": 8, "test": 20}
    assert set(read_column(splits["test"], "session")) == {"ksl-1"}
    assert "ksl-1" not in read_column(splits["validation"], "session")
    assert {name[-1] for name in clip_ids(splits["validation"])} == {"8", "9"}


def test_a_session_can_choose_the_checkpoint(two_files: Dataset) -> None:
    splits = split(two_files, test_session="ksl-1", validation_session="ksl-0")
    assert {name: sessions(dataset) for name, dataset in splits.items()} == {
        "train": ["asl-0"],
        "validation": ["ksl-0"],
        "test": ["ksl-1"],
    }


def test_with_a_session_too_the_fraction_comes_from_the_other_files(two_files: Dataset) -> None:
    splits = split(two_files, test_session="ksl-1", test_fraction=0.2, validation_fraction=0)
    tested = np.unique(read_column(splits["test"], "session"), return_counts=True)
    assert dict(zip(*(values.tolist() for values in tested), strict=True)) == {"ksl-1": 20, "asl-0": 4}
    assert set(splits) == {"train", "test"}
    assert len(splits["train"]) == 36


def test_without_test_and_validation_all_clips_train(two_files: Dataset) -> None:
    splits = split(two_files, validation_fraction=0)
    assert {name: len(dataset) for name, dataset in splits.items()} == {"train": len(two_files)}


def test_training_may_be_on_one_session_and_the_test_on_all_others(two_files: Dataset) -> None:
    splits = split(two_files, train_session="ksl-0", validation_fraction=0)
    assert set(read_column(splits["train"], "session")) == {"ksl-0"}
    assert set(read_column(splits["test"], "session")) == {"ksl-1", "asl-0"}
    assert len(splits["train"]) + len(splits["test"]) == len(two_files)


def test_validation_clips_come_from_the_session_of_training(two_files: Dataset) -> None:
    splits = split(two_files, train_session="1", validation_fraction=0.2)
    assert set(read_column(splits["validation"], "session")) == {"ksl-1"}
    assert len(splits["validation"]) == 4


def test_one_session_may_train_and_another_test(two_files: Dataset) -> None:
    splits = split(two_files, train_session="1", test_session="asl-0", validation_fraction=0)
    assert {name: set(read_column(part, "session")) for name, part in splits.items()} == {
        "train": {"ksl-1"},
        "test": {"asl-0"},
    }
