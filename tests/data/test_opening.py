"""One function opens every kind of dataset."""

import csv
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from datasets import Dataset, DatasetDict
from fixtures_slovo import make_rows, write_annotation

from slr_hf.data import OpeningOptions, load_landmark_arrays, open_dataset, read_column, stream_dataset, to_landmarks
from slr_hf.data.clip_columns import CLIP_COLUMNS
from slr_hf.data.clip_lists import read_clip_list
from slr_hf.data.opening import KINDS, find_kind


@pytest.fixture
def write_arrays(tmp_path: Path) -> Callable[..., Path]:
    """Writes landmark arrays with one clip of two frames for each gloss."""

    def write(name: str, *glosses: str) -> Path:
        np.savez(
            tmp_path / name,
            landmarks=np.full((2 * len(glosses), 2, 3), 0.5, np.float16),
            offsets=np.arange(len(glosses) + 1) * 2,
            points=np.array([468, 522]),
            label=np.array(glosses),
            session=np.array(["0"] * len(glosses)),
            clip_id=np.array([f"{name}-{number}" for number in range(len(glosses))]),
        )
        return tmp_path / f"{name}.npz"

    return write


def glosses(splits: DatasetDict, split: str = "train") -> list[str]:
    return splits[split].features["label"].int2str(read_column(splits[split], "label").tolist())


@pytest.fixture(scope="module")
def own_signs(data_dir: Path, landmarker_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for each of two glosses with a video each, extracted once."""
    folder = tmp_path_factory.mktemp("own") / "my_signs"
    for gloss, name in (("yo", "msl150_yo_001"), ("today", "msl150_hoy_001")):
        (folder / gloss).mkdir(parents=True)
        shutil.copy(data_dir / f"videos/{name}.mp4", folder / gloss)
    open_dataset(folder)
    return folder


def test_several_arrays_make_one_label_space(write_arrays: Callable[..., Path]) -> None:
    files = [write_arrays("one", "yes", "no"), write_arrays("two", "hello", "no")]
    opened = open_dataset(files)["train"]
    assert opened.features["label"].names == ["hello", "no", "yes"]
    expected = load_landmark_arrays(files)
    for name in ("clip_id", "source", "session", "label"):
        assert read_column(opened, name).tolist() == read_column(expected, name).tolist()


def test_glosses_are_renamed_and_chosen(write_arrays: Callable[..., Path]) -> None:
    files = [write_arrays("one", "yes", "-"), write_arrays("two", "hello", "nothing")]
    opened = open_dataset(files, glosses=["no_event", "yes"], rename={"-": "no_event", "nothing": "no_event"})
    assert glosses(opened) == ["yes", "no_event", "no_event"]
    assert to_landmarks(opened["train"][0]).num_frames == 2
    with pytest.raises(ValueError, match=r"`glosses` names \['bye'\]"):
        open_dataset(files, glosses=["bye"])
    with pytest.raises(ValueError, match=r"`rename` names \['bye'\]"):
        open_dataset(files, rename={"bye": "hello"})


def test_datasets_of_one_name_are_refused(write_arrays: Callable[..., Path]) -> None:
    with pytest.raises(ValueError, match=r"share a name.*\['one'\]"):
        open_dataset([write_arrays("one", "yes"), write_arrays("one", "no")])


def test_slovo_keeps_its_splits_and_its_order_of_glosses(slovo: Callable[..., Path]) -> None:
    root = slovo()
    opened = open_dataset(root)
    assert list(opened) == ["train", "test"]
    assert opened["train"].features["label"].names == ["да", "дом", "нет", "no_event"]
    few = open_dataset(root, options=OpeningOptions(num_glosses=2))
    assert few["test"].features["label"].names == ["да", "дом", "no_event"]


def test_slovo_is_found_by_its_folder_of_landmarks_too(slovo: Callable[..., Path]) -> None:
    root = slovo()
    assert read_column(open_dataset(root / "landmarks")["test"], "clip_id").tolist() == [
        row["attachment_id"] for row in make_rows() if row["train"] == "False"
    ]


def test_slovo_beside_arrays_has_one_label_space(slovo: Callable[..., Path], write_arrays: Callable[..., Path]) -> None:
    opened = open_dataset([slovo(), write_arrays("one", "hello", "да")])
    assert opened["train"].features["label"].names == ["hello", "no_event", "да", "дом", "нет"]
    assert set(opened["train"].column_names) == set(CLIP_COLUMNS)
    assert glosses(opened)[-2:] == ["hello", "да"]
    assert {len(opened["train"]), len(opened["test"])} == {26, 8}


@pytest.mark.integration
def test_a_folder_for_each_gloss_is_extracted_once_and_opened(own_signs: Path) -> None:
    opened = open_dataset(own_signs)["train"]
    assert read_column(opened, "clip_id").tolist() == ["today/msl150_hoy_001", "yo/msl150_yo_001"]
    assert opened.features["label"].names == ["today", "yo"]
    assert read_column(opened, "session").tolist() == ["my_signs-0"] * 2
    assert to_landmarks(opened[1]).num_frames == 55
    # What is extracted stays beside the videos, and is itself a dataset.
    again = open_dataset(own_signs.with_name("my_signs.landmarks"))["train"]
    assert {name: again[0][name] for name in ("clip_id", "source", "session", "label")} == {
        "clip_id": "today/msl150_hoy_001",
        "source": "my_signs",
        "session": "my_signs-0",
        "label": 0,
    }


@pytest.mark.integration
def test_a_table_names_glosses_and_signers(own_signs: Path, tmp_path: Path) -> None:
    with (tmp_path / "clips.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["clip_id", "path", "end", "gloss", "signer", "width"])
        writer.writerow(["first", own_signs / "yo/msl150_yo_001.mp4", 3, "I", "Ana", 9999])
    opened = open_dataset(tmp_path / "clips.csv", options=OpeningOptions(landmarks=tmp_path / "kept"))["train"]
    assert glosses(DatasetDict(train=opened)) == ["I"]
    assert read_column(opened, "session").tolist() == ["clips-Ana"]
    # Measured, whatever the table says.
    assert (to_landmarks(opened[0]).num_frames, to_landmarks(opened[0]).width) == (3, 1280)
    assert (tmp_path / "kept" / "extraction.json").is_file()


@pytest.mark.integration
def test_videos_that_fail_are_named_or_left_out(own_signs: Path, tmp_path: Path, landmarker_path: Path) -> None:
    folder = tmp_path / "signs"
    (folder / "yo").mkdir(parents=True)
    (folder / "yo" / "broken.mp4").write_bytes(b"no video")
    with pytest.raises(ValueError, match=r"1 videos .* gave no landmarks, such as yo/broken"):
        open_dataset(folder)
    with pytest.raises(ValueError, match="holds no clip"):
        open_dataset(folder, options=OpeningOptions(missing="skip"))


def test_a_clip_without_gloss_is_named(tmp_path: Path, own_signs: Path) -> None:
    shutil.copy(own_signs / "yo/msl150_yo_001.mp4", tmp_path / "loose.mp4")
    with pytest.raises(ValueError, match="the clip 'loose' has no gloss"):
        open_dataset(tmp_path, options=OpeningOptions(landmarks=tmp_path.with_name("kept")))


def test_a_folder_of_parquet_files_has_its_splits(write_arrays: Callable[..., Path], tmp_path: Path) -> None:
    stored = load_landmark_arrays(write_arrays("one", "yes", "no"))
    (tmp_path / "published/data").mkdir(parents=True)
    for split in ("train", "test"):
        stored.to_parquet(tmp_path / f"published/data/{split}-00000-of-00001.parquet")
    opened = open_dataset(tmp_path / "published")
    assert set(opened) == {"train", "test"}
    assert glosses(opened, "test") == ["yes", "no"]
    assert read_column(opened["test"], "session").tolist() == ["one-0", "one-0"]


def test_a_stream_gives_clips_without_loading_the_dataset(write_arrays: Callable[..., Path], tmp_path: Path) -> None:
    stored = load_landmark_arrays(write_arrays("one", "yes", "no"))
    (tmp_path / "published/data").mkdir(parents=True)
    stored.to_parquet(tmp_path / "published/data/train-00000-of-00001.parquet")
    first = next(iter(stream_dataset(tmp_path / "published")["train"]))
    assert (first["clip_id"], first["label"]) == ("one-0", 1)
    assert to_landmarks(first).num_frames == 2


def test_a_stream_needs_stored_class_indices(tmp_path: Path) -> None:
    (tmp_path / "published").mkdir()
    Dataset.from_dict({"clip_id": ["a"], "gloss": ["yes"]}).to_parquet(tmp_path / "published/train.parquet")
    with pytest.raises(ValueError, match="cannot be streamed"):
        stream_dataset(tmp_path / "published")


def test_what_is_no_dataset_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="There is no file or folder"):
        open_dataset(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="is no dataset: neither"):
        open_dataset(tmp_path)
    with pytest.raises(ValueError, match="no dataset to open"):
        open_dataset([])


def test_a_name_of_user_and_dataset_is_looked_for_on_the_hub() -> None:
    assert find_kind("someone/signs") is KINDS[-1]
    # The tests are offline.
    with pytest.raises((FileNotFoundError, ValueError), match="someone/signs"):
        open_dataset("someone/signs")


@pytest.mark.integration
def test_untrimmed_videos_of_slovo_are_trimmed_and_trimmed_ones_are_not(data_dir: Path, tmp_path: Path) -> None:
    untrimmed = "f17a6060-6ced-4bd1-9886-8578cfbb864f"  # 112 frames
    trimmed = "no7a7812b1-ae64-4402-9ebc-5b947edbd021"  # 32 frames
    (tmp_path / "train").mkdir()
    rows = []
    for clip_id, length, begin, end in ((untrimmed, "63.0", "20", "83"), (trimmed, "32.0", "10", "42")):
        shutil.copy(data_dir / f"slovo/{clip_id}.mp4", tmp_path / "train")
        rows.append({**make_rows()[0], "attachment_id": clip_id, "length": length, "begin": begin, "end": end})
    rows.append({**rows[0], "attachment_id": "absent"})
    write_annotation(tmp_path, rows)
    first, second = read_clip_list(tmp_path).clips
    assert (first.clip_id, first.begin, first.end) == (untrimmed, 20, 83)
    assert (second.clip_id, second.is_whole) == (trimmed, True)
    assert first.columns == {"gloss": "нет", "signer": "user0"}
