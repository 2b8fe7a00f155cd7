"""The processor's steps for a batch, as an exported graph has them: the same as KeypointProcessor."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from slr_hf.hub.landmark_graph import LandmarkNormalizer, batch_landmarks, masked_quantiles, true_indices
from slr_hf.model.landmarks_slr import LEFT_HAND, LIPS, NUM_LANDMARKS, POSE, RIGHT_HAND, STORED_POINTS, Landmarks
from slr_hf.model.processing_slr import KeypointProcessor

HANDS = [*LEFT_HAND, *RIGHT_HAND]


def without(clip: Landmarks, points: list[int], frames: slice | np.ndarray = slice(None)) -> Landmarks:
    """The clip with points missing in some frames."""
    coordinates = clip.coordinates.copy()
    columns = [clip.points.index(point) for point in points if point in clip.points]
    for column in columns:
        coordinates[frames, column] = np.nan
    return replace(clip, coordinates=coordinates)


def repeated(clip: Landmarks, times: int) -> Landmarks:
    return replace(clip, coordinates=np.tile(clip.coordinates, (times, 1, 1)))


def normalize(processor: KeypointProcessor, clips: list[Landmarks], mirror: bool = False) -> dict[str, torch.Tensor]:
    normalizer = LandmarkNormalizer(processor)
    inputs = {name: torch.from_numpy(values) for name, values in batch_landmarks(clips, normalizer.points).items()}
    return normalizer(**inputs, mirror=torch.full((len(clips),), mirror))


def assert_equal(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> None:
    assert found.keys() == set(expected)
    for name in expected:
        torch.testing.assert_close(
            found[name], expected[name], rtol=1e-6, atol=2e-5, msg=lambda text, n=name: f"{n}: {text}"
        )


CHANGES: dict[str, Callable[[Landmarks], Landmarks]] = {
    "as it is": lambda clip: clip,
    "one frame": lambda clip: replace(clip, coordinates=clip.coordinates[:1]),
    "longer than the model takes": lambda clip: repeated(clip, 5),
    "no hand": lambda clip: without(clip, HANDS),
    "no hand in the first frames and some others": lambda clip: without(clip, HANDS, np.r_[0:6, 12, 20:22]),
    "a hand with short and long gaps": lambda clip: without(clip, list(RIGHT_HAND), np.r_[3, 8:11, 14:26]),
    "a hand missing in part of its points": lambda clip: without(clip, list(LEFT_HAND)[:3], slice(4, 9)),
    "no body": lambda clip: without(clip, list(POSE)),
    "no body, no hand": lambda clip: without(clip, [*POSE, *HANDS]),
    "shoulders in one place": lambda clip: replace(
        clip, coordinates=np.where(np.isin(clip.points, POSE)[None, :, None], np.float32(0.5), clip.coordinates)
    ),
    "nothing": lambda clip: replace(clip, coordinates=np.full_like(clip.coordinates, np.nan)),
    "25 frames a second": lambda clip: replace(clip, fps=25.0),
    "unknown rate": lambda clip: replace(clip, fps=None),
    "upright": lambda clip: replace(clip, width=1080, height=1920),
}


@pytest.mark.integration
@pytest.mark.parametrize("normalize_by", ["body", "hands"])
@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_it_is_the_processor(ksl13_clip, change, mirror, normalize_by):
    processor = KeypointProcessor(normalize_by=normalize_by)
    clip = change(ksl13_clip(1234))
    assert_equal(normalize(processor, [clip], mirror), processor(clip, mirror=mirror))


@pytest.mark.integration
def test_a_batch_of_different_clips_is_the_processor(ksl13_clip):
    processor = KeypointProcessor()
    clips = [change(ksl13_clip(100 * number)) for number, change in enumerate(CHANGES.values())]
    assert_equal(normalize(processor, clips), processor(clips))


@pytest.mark.integration
def test_many_clips_are_the_processor(ksl13_clip):
    processor = KeypointProcessor()
    clips = [ksl13_clip(number) for number in range(0, 2470, 25)]
    assert_equal(normalize(processor, clips), processor(clips))


@pytest.mark.integration
@pytest.mark.parametrize(
    "step", ["drop_handless_frames", "interpolate_gaps", "correct_aspect", "normalize", "resample", "add_shapes"]
)
def test_each_step_can_be_turned_off(ksl13_clip, step):
    processor = KeypointProcessor(**{f"do_{step}": False})
    clip = without(repeated(ksl13_clip(7), 5), HANDS, np.r_[0:6, 12])
    assert_equal(normalize(processor, [clip]), processor(clip))


def test_lips_and_whole_layouts_are_the_processor():
    clip = Landmarks(np.random.default_rng(0).random((9, NUM_LANDMARKS, 3), np.float32), width=640, height=480)
    lips = {"name": "lips", "points": list(LIPS), "patches": [list(range(40))], "mirror": "lips", "span": [0, 10]}
    face = {"name": "face", "points": [1, 2], "patches": [[0, 1]], "mirror": "face"}
    for parts in (None, [lips], [lips, face]):
        processor = KeypointProcessor(parts=parts)
        assert_equal(normalize(processor, [clip]), processor(clip))


def made_up(frames: int = 40, fps: float | None = 30.0, seed: int = 0, depth: float | None = None) -> Landmarks:
    """A clip of smoothly moving points, hands in most of its frames; `depth` stands for z throughout."""
    random = np.random.default_rng(seed)
    steps = random.normal(scale=0.01, size=(frames, len(STORED_POINTS), 3))
    values = (random.uniform(0.3, 0.7, (1, len(STORED_POINTS), 3)) + steps.cumsum(axis=0)).astype(np.float32)
    for hand in (LEFT_HAND, RIGHT_HAND):
        columns = [STORED_POINTS.index(point) for point in hand]
        values[np.ix_(random.random(frames) < 0.3, columns)] = np.nan
    if depth is not None:
        values[..., 2] = depth
    return Landmarks(values, STORED_POINTS, fps=fps, width=640, height=480)


#: What training showed: parts, frames, frames a second.
FITTED: dict[str, tuple[list[str], list[int], list[float] | None]] = {
    "all": (["lips", "left_hand", "right_hand", "pose"], [1, 100], [10.0, 60.0]),
    "no lips": (["left_hand", "right_hand", "pose"], [1, 100], [10.0, 60.0]),
    "hands alone": (["left_hand", "right_hand"], [1, 100], [10.0, 60.0]),
    "one hand": (["right_hand"], [1, 100], [10.0, 60.0]),
    "no hand": (["lips", "pose"], [1, 100], [10.0, 60.0]),
    "short clips": (["left_hand", "right_hand", "pose"], [5, 12], [10.0, 60.0]),
    "slow clips": (["left_hand", "right_hand", "pose"], [5, 60], [12.0, 15.0]),
    "short and slow clips": (["left_hand", "right_hand", "pose"], [5, 12], [12.0, 15.0]),
    "no rate": (["left_hand", "right_hand", "pose"], [1, 1], None),
}


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("name", FITTED)
def test_what_training_never_showed_is_left_out_as_the_processor_does(name, mirror):
    parts, frames, rate = FITTED[name]
    processor = KeypointProcessor(input_size=50, fitted={"parts": parts, "frames": frames, "frame_rate": rate})
    clips = [made_up(length, fps, length) for length in (1, 2, 3, 7, 40, 77) for fps in (None, 12.5, 29.97, 60.0)]
    expected = processor(clips, mirror=mirror)
    assert_equal(normalize(processor, clips, mirror), expected)
    for clip in clips[-4:]:
        assert_equal(normalize(processor, [clip], mirror), processor(clip, mirror=mirror))
    seen = expected["part_mask"].any(dim=0).any(dim=0)
    assert [part["name"] for part, there in zip(processor.parts, seen, strict=True) if there] == parts


@pytest.mark.parametrize("coordinates", [2, 3])
def test_no_z_is_a_z_of_zero(coordinates):
    processor = KeypointProcessor(num_coordinates=coordinates)
    flat = made_up(depth=np.nan)
    partly = made_up()
    partly.coordinates[3:9, :, 2] = np.nan
    found = normalize(processor, [flat, partly])
    assert found["keypoints"].isfinite().all()
    assert_equal(found, processor([flat, partly]))
    assert_equal(normalize(processor, [flat]), processor(made_up(depth=0)))


def test_true_indices_come_first_and_in_order():
    mask = torch.tensor([[False, True, False, True], [True, True, True, True]])
    assert true_indices(mask).tolist() == [[1, 3, 0, 2], [0, 1, 2, 3]]


def test_quantiles_are_those_of_numpy():
    random = np.random.default_rng(0)
    values, mask = random.normal(size=(3, 20, 2)).astype(np.float32), random.random((3, 20)) < 0.6
    mask[2] = np.arange(20) == 4
    for share in (0.05, 0.5, 0.95):
        (found,) = masked_quantiles(torch.from_numpy(values), torch.from_numpy(mask), (share,))
        expected = [np.quantile(clip[seen], share, axis=0) for clip, seen in zip(values, mask, strict=True)]
        np.testing.assert_allclose(found.numpy(), expected, atol=1e-6)


def test_a_clip_without_frames_is_refused():
    with pytest.raises(ValueError, match="without frames"):
        batch_landmarks([Landmarks(np.zeros((0, NUM_LANDMARKS, 3), np.float32))], STORED_POINTS)
