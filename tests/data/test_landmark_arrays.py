import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from slr_hf.data import load_landmark_arrays, read_column, to_landmarks
from slr_hf.data.landmark_arrays import load_landmark_splits

WriteArrays = Callable[..., Path]


def test_every_clip_comes_back_as_it_was_stored(write_arrays: WriteArrays) -> None:
    path = write_arrays()
    stored = np.load(path)
    dataset = load_landmark_arrays(path)
    assert len(dataset) == 3
    for index, row in enumerate(dataset):
        clip = to_landmarks(row)
        expected = stored["landmarks"][stored["offsets"][index] : stored["offsets"][index + 1]]
        np.testing.assert_array_equal(clip.coordinates, expected.astype(np.float32))
        assert clip.points == (0, 468, 489, 522)
        assert (clip.fps, clip.width, clip.height) == (None, 640, 480)


def test_missing_points_stay_missing(write_arrays: WriteArrays) -> None:
    landmarks = np.zeros((6, 4, 3), np.float16)
    landmarks[3, 1] = np.nan
    clip = to_landmarks(load_landmark_arrays(write_arrays(landmarks=landmarks))[1])
    assert np.isnan(clip.coordinates[1, 1]).all()
    assert np.isfinite(np.delete(clip.coordinates, 1, axis=0)).all()


def test_sessions_and_sources_are_named_after_the_file(write_arrays: WriteArrays) -> None:
    dataset = load_landmark_arrays(write_arrays("asl"))
    assert read_column(dataset, "source").tolist() == ["asl"] * 3
    assert read_column(dataset, "session").tolist() == ["asl-0", "asl-0", "asl-1"]


def test_labels_of_several_files_share_one_sorted_label_space(write_arrays: WriteArrays) -> None:
    first = write_arrays("first")
    second = write_arrays("second", label=np.array(["no", "hello", "thanks"]))
    dataset = load_landmark_arrays([first, second])
    names = dataset.features["label"].names
    assert names == ["hello", "no", "thanks", "yes"]
    assert [names[label] for label in read_column(dataset, "label")] == ["yes", "no", "yes", "no", "hello", "thanks"]


def test_files_with_other_points_join_one_dataset(write_arrays: WriteArrays) -> None:
    two_points = {"landmarks": np.ones((6, 2, 3), np.float16), "points": np.array([5, 6])}
    dataset = load_landmark_arrays([write_arrays("first"), write_arrays("second", **two_points)])
    assert to_landmarks(dataset[0]).points == (0, 468, 489, 522)
    assert to_landmarks(dataset[3]).points == (5, 6)


def test_renamed_glosses_become_one_class(write_arrays: WriteArrays) -> None:
    first = write_arrays("first", label=np.array(["thank you", "-", "yes"]))
    second = write_arrays("second", label=np.array(["thank-you", "-", "no"]))
    dataset = load_landmark_arrays([first, second], rename={"thank-you": "thank you", "-": "no_event"})
    assert dataset.features["label"].names == ["no", "no_event", "thank you", "yes"]
    assert read_column(dataset, "label").tolist() == [2, 1, 3, 2, 1, 0]


def test_glosses_are_kept_by_their_new_names_with_their_own_frames(write_arrays: WriteArrays) -> None:
    dataset = load_landmark_arrays(write_arrays(), glosses=["nope"], rename={"no": "nope"})
    assert dataset.features["label"].names == ["nope"]
    assert read_column(dataset, "clip_id").tolist() == ["a-no-0"]
    np.testing.assert_array_equal(to_landmarks(dataset[0]).coordinates, np.load(write_arrays())["landmarks"][2:5])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"split": np.array(["train", "dev", "test"])}, r"`split` must name \['train', 'val', 'test'\].*'dev'"),
        ({"split": np.array(["train"])}, "`split` must be 3 strings"),
        ({"class_index": np.array([0.5, 1, 2])}, "`class_index` must be 3 integers, but is float64"),
        ({"offsets": None}, r"set\.npz lacks \['offsets'\]"),
        ({"landmarks": np.zeros((6, 4), np.float16)}, r"`landmarks` must be floats of the shape .* \(6, 4\)"),
        ({"landmarks": np.zeros((6, 4, 3), np.int16)}, "`landmarks` must be floats .* int16"),
        ({"points": np.array([0, 1])}, "`points` must name the 4 columns"),
        ({"points": np.array([0, 1, 2, 2])}, "distinct Holistic indices"),
        ({"points": np.array([0, 1, 2, 543])}, "from 0 to 542"),
        ({"offsets": np.array([0, 2, 6])}, "`offsets` must be 4 integers"),
        ({"offsets": np.array([0, 2, 5, 7])}, "from 0 to the 6 frames .* from 0 to 7"),
        ({"offsets": np.array([1, 2, 5, 6])}, "from 1 to 6"),
        ({"offsets": np.array([0, 2, 2, 6])}, "'a-no-0' has no frames"),
        ({"session": np.array(["0"])}, "`session` must be 3 strings"),
        ({"label": np.array([0, 1, 2])}, "`label` must be 3 strings, but is int64"),
    ],
)
def test_a_malformed_file_is_refused_with_the_field_and_what_was_expected(
    write_arrays: WriteArrays, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        load_landmark_arrays(write_arrays(**changes))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nowhere\.npz"):
        load_landmark_arrays(tmp_path / "nowhere.npz")


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 cut off"])
def test_a_file_that_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.npz"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"broken\.npz is no \.npz file"):
        load_landmark_arrays(path)


def test_pickled_objects_are_never_loaded(write_arrays: WriteArrays) -> None:
    with pytest.raises(ValueError, match=r"no \.npz file of plain arrays"):
        load_landmark_arrays(write_arrays(label=np.array(["yes", None, {}], dtype=object)))


def test_a_single_array_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "single.npz"
    with path.open("wb") as file:
        np.save(file, np.zeros(3))
    with pytest.raises(ValueError, match=r"single\.npz"):
        load_landmark_arrays(path)


def test_unknown_glosses_are_named(write_arrays: WriteArrays) -> None:
    with pytest.raises(ValueError, match=r"`glosses` names \['maybe'\].*\['no', 'yes'\]"):
        load_landmark_arrays(write_arrays(), glosses=["yes", "maybe"])
    with pytest.raises(ValueError, match=r"`rename` names \['maybe'\]"):
        load_landmark_arrays(write_arrays(), rename={"maybe": "yes"})


def test_files_of_one_name_are_refused(write_arrays: WriteArrays) -> None:
    with pytest.raises(ValueError, match="share a name"):
        load_landmark_arrays([write_arrays(), write_arrays()])


def test_no_file_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        load_landmark_arrays([])


@pytest.mark.alone
@pytest.mark.integration
def test_ksl13_loads_in_a_couple_of_seconds(data_dir: Path) -> None:
    start = time.perf_counter()
    dataset = load_landmark_arrays(data_dir / "ksl13.npz")
    assert time.perf_counter() - start < 4
    assert len(dataset) == 2470
    assert len(dataset.features["label"].names) == 13
    assert to_landmarks(dataset[2469]).coordinates.shape == (30, 75, 3)


def test_a_file_with_splits_of_its_own_opens_with_them(write_arrays: WriteArrays) -> None:
    splits = load_landmark_splits(write_arrays(split=np.array(["val", "train", "test"])))
    assert {name: read_column(part, "clip_id").tolist() for name, part in splits.items()} == {
        "train": ["a-no-0"],
        "validation": ["a-yes-0"],
        "test": ["b-yes-0"],
    }
    assert splits["train"].features["label"].names == ["no", "yes"]
    assert list(load_landmark_splits(write_arrays(split=np.array(["val", "train", "val"])))) == ["train", "validation"]
    assert list(load_landmark_splits(write_arrays())) == ["train"]


def test_the_first_glosses_are_those_of_the_lowest_class_index(write_arrays: WriteArrays) -> None:
    path = write_arrays(class_index=np.array([0, 1, 0], np.int16))
    kept = load_landmark_splits(path, num_glosses=1)["train"]
    assert read_column(kept, "clip_id").tolist() == ["a-yes-0", "b-yes-0"]
    assert kept.features["label"].names == ["yes"]
    assert len(load_landmark_splits(path)["train"]) == 3
    assert len(load_landmark_splits(write_arrays("other"), num_glosses=1)["train"]) == 3  # no order to go by
    with pytest.raises(ValueError, match="number of glosses must be at least 1, but is 0"):
        load_landmark_splits(path, num_glosses=0)
