import numpy as np
import pytest
import torch

from slr_hf.data import KeypointCollator
from slr_hf.model.processing_slr import KeypointProcessor


@pytest.fixture(scope="module")
def collator() -> KeypointCollator:
    return KeypointCollator(KeypointProcessor())


def make_row(frames: int, label: int) -> dict[str, np.ndarray | int]:
    """A prepared row in which every number is different, and the label is told by the keypoints too."""
    return {
        "keypoints": label * 1e5 + np.arange(frames * 87 * 3, dtype=np.float32),
        "part_mask": np.arange(frames * 4) % 3 > 0,
        "positions": np.arange(frames, dtype=np.float32) * 2,
        "label": label,
    }


def test_a_batch_has_the_clips_in_their_order_padded_to_the_longest(collator: KeypointCollator) -> None:
    rows = [make_row(frames, label) for frames, label in ((3, 7), (5, 1), (1, 4))]
    batch = collator(rows)
    assert batch["labels"].tolist() == [7, 1, 4]
    assert batch["attention_mask"].tolist() == [[1, 1, 1, 0, 0], [1, 1, 1, 1, 1], [1, 0, 0, 0, 0]]
    assert batch["keypoints"].shape == (3, 5, 87, 3)
    assert batch["part_mask"].shape == (3, 5, 4)
    assert batch["positions"].tolist() == [[0, 2, 4, 0, 0], [0, 2, 4, 6, 8], [0, 0, 0, 0, 0]]


def test_time_point_and_coordinate_keep_their_places(collator: KeypointCollator) -> None:
    batch = collator([make_row(3, 2), make_row(4, 5)])
    for clip, (frames, label) in enumerate(((3, 2), (4, 5))):
        for frame in range(frames):
            first = label * 1e5 + frame * 87 * 3
            assert batch["keypoints"][clip, frame, 0].tolist() == [first, first + 1, first + 2]
            assert batch["keypoints"][clip, frame, 86, 2] == first + 87 * 3 - 1
    assert batch["part_mask"][0, 1].tolist() == [(4 + part) % 3 > 0 for part in range(4)]


def test_padding_is_empty(collator: KeypointCollator) -> None:
    batch = collator([make_row(2, 3), make_row(6, 3)])
    assert not batch["keypoints"][0, 2:].any()
    assert not batch["part_mask"][0, 2:].any()


def test_types_are_those_of_the_model(collator: KeypointCollator) -> None:
    types = {name: tensor.dtype for name, tensor in collator([make_row(2, 0)]).items()}
    assert types == {
        "keypoints": torch.float32,
        "part_mask": torch.bool,
        "positions": torch.float32,
        "attention_mask": torch.int64,
        "labels": torch.int64,
    }
