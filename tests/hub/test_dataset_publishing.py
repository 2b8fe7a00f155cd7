"""Extracted landmarks as a dataset folder for the Hub."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from datasets import ClassLabel, Dataset, DatasetDict, load_dataset

from slr_hf.data import load_landmark_arrays, open_dataset, read_column, stream_dataset
from slr_hf.hub import dataset_publishing
from slr_hf.hub.dataset_publishing import find_licence, write_dataset

EXTRACTION = {
    "extractor": "MediaPipe Holistic",
    "mediapipe": "0.10.33",
    "landmarker_sha256": "abc123",
    "frame_size": 640,
    "min_confidence": 0.5,
    "slr_hf": "0.1.0",
}


@pytest.fixture
def clips(tmp_path: Path) -> DatasetDict:
    """Three clips to train and one to test, of two glosses."""
    np.savez(
        tmp_path / "signs.npz",
        landmarks=np.arange(8 * 2 * 3, dtype=np.float16).reshape(8, 2, 3) / 64,
        offsets=np.arange(5) * 2,
        points=np.array([468, 522]),
        label=np.array(["yes", "no", "yes", "no"]),
        session=np.array(["Ana", "Ana", "Eva", "Eva"]),
        clip_id=np.array(["a", "b", "c", "d"]),
    )
    dataset = load_landmark_arrays(tmp_path / "signs.npz")
    return DatasetDict(train=dataset.select([0, 1, 2]), test=dataset.select([3]))


@pytest.fixture
def published(clips: DatasetDict, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The clips in two files and one."""
    monkeypatch.setattr(dataset_publishing, "CLIPS_A_FILE", 2)
    return write_dataset(
        clips,
        tmp_path / "published",
        repository / "dataset_card.md",
        "Signs",
        "user/signs",
        "cc-by-4.0",
        [EXTRACTION],
    )


def test_what_is_opened_again_is_what_was_written(published: Path, clips: DatasetDict) -> None:
    assert sorted(path.name for path in (published / "data").iterdir()) == [
        "test-00000-of-00001.parquet",
        "train-00000-of-00002.parquet",
        "train-00001-of-00002.parquet",
    ]
    opened = open_dataset(published)
    assert list(opened) == ["train", "test"]
    for split, dataset in opened.items():
        assert dataset.features == clips[split].features
        assert dataset.with_format(None).to_list() == clips[split].with_format(None).to_list()


def test_plain_datasets_loads_it_with_the_splits_of_the_card(published: Path) -> None:
    loaded = load_dataset(str(published))
    assert {split: len(dataset) for split, dataset in loaded.items()} == {"train": 3, "test": 1}
    assert isinstance(loaded["test"].features["label"], ClassLabel)


def test_it_can_be_streamed(published: Path) -> None:
    assert [row["clip_id"] for row in stream_dataset(published)["train"]] == ["a", "b", "c"]


def test_the_card_tells_licence_clips_and_extraction(published: Path) -> None:
    text = (published / "README.md").read_text()
    _, front, body = text.split("---\n", 2)
    data = yaml.safe_load(front)
    assert data["license"] == "cc-by-4.0"
    assert data["configs"][0]["data_files"][0] == {"split": "train", "path": "data/train-*.parquet"}
    for fact in ("| train | 3 | 6 |", "| test | 1 | 2 |", "2 glosses: no, yes", "0.10.33", "`abc123`", "cc-by-4.0"):
        assert fact in body
    assert "Points of a frame: 2." in body


def test_without_facts_the_card_says_so(clips: DatasetDict, repository: Path, tmp_path: Path) -> None:
    template = repository / "dataset_card.md"
    folder = write_dataset(clips, tmp_path / "published", template, "Signs", "user/signs", "LicenseRef-Ours")
    text = (folder / "README.md").read_text()
    assert "does not say which version" in text
    assert "license: other\n" in text
    assert "license_name: ours\n" in text


def test_a_licence_is_found_or_asked_for(clips: DatasetDict, repository: Path, tmp_path: Path) -> None:
    assert find_licence(["asl11", "asl33"]) == "MIT"
    with pytest.raises(ValueError, match="several licences"):
        find_licence(["asl11", "slovo"])
    with pytest.raises(ValueError, match=r"licence of \['signs'\]"):
        write_dataset(clips, tmp_path / "published", repository / "dataset_card.md", "Signs", "user/signs")
    assert not (tmp_path / "published").exists()


def test_clips_that_may_not_be_published_again_are_refused(
    clips: DatasetDict, repository: Path, tmp_path: Path
) -> None:
    closed = clips.map(lambda _: {"source": "wlasl_hands"})
    with pytest.raises(ValueError, match=r"\['wlasl_hands'\] may not be published again"):
        write_dataset(closed, tmp_path / "published", repository / "dataset_card.md", "Signs", "user/signs", "mit")
    assert not (tmp_path / "published").exists()


def test_a_published_folder_is_replaced_but_nothing_else(published: Path, clips: DatasetDict, repository: Path) -> None:
    card = repository / "dataset_card.md"
    write_dataset(DatasetDict(train=clips["test"]), published, card, "Signs", "user/signs", "mit")
    assert read_column(open_dataset(published)["train"], "clip_id").tolist() == ["d"]
    with pytest.raises(ValueError, match="is no published dataset"):
        write_dataset(clips, published / "data", card, "Signs", "user/signs", "mit")


def test_a_dataset_without_glosses_of_its_own_is_not_streamed(tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    Dataset.from_dict({"clip_id": ["a"]}).to_parquet(tmp_path / "plain/train.parquet")
    with pytest.raises(ValueError, match="cannot be streamed"):
        stream_dataset(tmp_path / "plain")
