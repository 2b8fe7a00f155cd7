import random
import re
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
import torch
from datasets import Dataset
from hypothesis import given, settings
from hypothesis import strategies as st

from slr_hf.data import KeypointCollator, load_landmark_arrays, to_landmarks
from slr_hf.model.processing_slr import KeypointProcessor
from slr_hf.training.augmentations import (
    Augmentations,
    Batch,
    CutMix,
    FrameDrop,
    HandDistortion,
    HandLoss,
    HandSwap,
    IdleEnds,
    IdleHand,
    KeypointDropout,
    Layout,
    LocalDistortion,
    Mirror,
    MixUp,
    Noise,
    OtherBody,
    PartDropout,
    Perspective,
    Rotation,
    Scaling,
    Shift,
    SpeedJitter,
    TemporalCrop,
    TimeWarp,
)
from slr_hf.training.augmentations.space import ASSUMED_DEPTH
from slr_hf.training.losses import soft_targets

#: Parts: lips, left hand, right hand, pose. The limit is low, so that clips reach it.
PROCESSOR = KeypointProcessor(input_size=32)
LAYOUT = Layout.of(PROCESSOR)
LIPS, LEFT, RIGHT, POSE = range(4)

NUM_LABELS = 5

#: Every augmentation, certain to act.
ALL = [replace(getattr(Augmentations(), item.name), probability=1.0) for item in fields(Augmentations)]


def name_of(augmentation: object) -> str:
    return type(augmentation).__name__


every_augmentation = pytest.mark.parametrize("augmentation", ALL, ids=name_of)


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def make_batch(lengths: list[int], missing: float = 0.0, seed: int = 0) -> Batch:
    """Random clips of some lengths in which each part is missing in a share of the frames, as `pad` would give them.

    The times have gaps, as handless frames leave them.
    """
    generator = torch.Generator().manual_seed(seed)
    clips, frames = len(lengths), max(lengths)
    valid = torch.arange(frames) < torch.tensor(lengths)[:, None]
    part_mask = (torch.rand(clips, frames, 4, generator=generator) >= missing) & valid[..., None]
    keypoints = torch.randn(clips, frames, 87, 3, generator=generator) * LAYOUT.by_point(part_mask)
    steps = torch.randint(1, 4, (clips, frames), generator=generator)
    labels = torch.randint(NUM_LABELS, (clips,), generator=generator)
    return {
        "keypoints": keypoints,
        "part_mask": part_mask,
        "positions": (steps.cumsum(dim=1) - 1) * valid.float(),
        "attention_mask": valid.long(),
        "labels": soft_targets(labels, NUM_LABELS),
    }


#: Handless and empty clips and clips of one frame are among them.
batches = st.builds(
    make_batch,
    lengths=st.lists(st.integers(1, PROCESSOR.input_size), min_size=1, max_size=4),
    missing=st.sampled_from([0.0, 0.3, 0.9, 1.0]),
    seed=st.integers(0, 2**16),
)


def seeded_call(augmentation: Callable[..., Batch], batch: Batch, seed: int = 0) -> Batch:
    torch.manual_seed(seed)
    return augmentation(batch, LAYOUT)


def lengths(batch: Batch) -> torch.Tensor:
    return batch["attention_mask"].sum(dim=1)


def assert_equal(batch: Batch, expected: Batch) -> None:
    assert batch.keys() == expected.keys()
    for name, tensor in expected.items():
        assert torch.equal(batch[name], tensor), name


def assert_sound(batch: Batch) -> None:
    """Checks all that the processor and the model expect of a batch."""
    valid = batch["attention_mask"].bool()
    clips, frames = valid.shape
    assert frames == lengths(batch).max() <= PROCESSOR.input_size
    assert lengths(batch).min() >= 1
    assert torch.equal(valid, torch.arange(frames) < lengths(batch)[:, None]), "padding before frames"
    assert batch["keypoints"].shape == (clips, frames, 87, 3)
    assert batch["part_mask"].shape == (clips, frames, 4)
    assert batch["keypoints"].isfinite().all()
    assert not (batch["part_mask"] & ~valid[..., None]).any(), "a part in the padding"
    assert not batch["keypoints"].masked_select(~LAYOUT.by_point(batch["part_mask"])).any(), "a missing part is not 0"
    assert not batch["positions"][~valid].any()
    assert (batch["positions"].diff(dim=1) > 0)[valid[:, 1:]].all(), "times do not rise"
    assert (batch["labels"] >= 0).all()
    torch.testing.assert_close(batch["labels"].sum(dim=1), torch.ones(clips))


# What training shows beyond the clips


def test_without_augmentations_training_shows_the_clips_alone() -> None:
    assert Augmentations.none().reach() == {"lengths": (1.0, 1.0), "rates": (1.0, 1.0), "mirrored": False}


@pytest.mark.parametrize(
    ("augmentation", "lengths", "rates"),
    [
        (TemporalCrop(smallest=0.5), (0.5, 1), (1, 1)),
        (TimeWarp(speed=(0.5, 2)), (0.5, 2), (1, 1)),
        (TimeWarp(speed=(2, 4)), (0.25, 1), (1, 1)),
        (TimeWarp(speed=(0.25, 0.5)), (1, 4), (1, 1)),
        (FrameDrop(share=0.25), (0.75, 1), (0.75, 1)),
        (FrameDrop(share=1), (0, 1), (0, 1)),
        (TimeWarp(probability=0), (1, 1), (1, 1)),
    ],
)
def test_augmentations_of_time_stretch_what_training_shows(augmentation, lengths, rates) -> None:
    field = {TemporalCrop: "temporal_crop", TimeWarp: "time_warp", FrameDrop: "frame_drop"}[type(augmentation)]
    reach = replace(Augmentations.none(), **{field: augmentation}).reach()
    assert (reach["lengths"], reach["rates"]) == (lengths, rates)


def test_augmentations_of_time_join_and_keep_the_rates_they_tell() -> None:
    augmentations = replace(
        Augmentations.none(),
        temporal_crop=TemporalCrop(probability=0.5, smallest=0.5),
        time_warp=TimeWarp(probability=0.5, speed=(0.5, 2.0)),
    )
    reach = augmentations.reach()
    assert reach["lengths"] == (0.25, 2.0)
    batch = make_batch([16] * 64)
    batch["positions"] = torch.arange(16.0).expand(64, 16)
    augmented = augmentations.build(PROCESSOR)(batch)
    assert 4 <= lengths(augmented).min() < 8
    assert 28 < lengths(augmented).max() <= 32
    steps = [
        positions[:count].diff().median()
        for positions, count in zip(augmented["positions"], lengths(augmented), strict=True)
    ]
    assert torch.stack(steps).median().item() == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize(("name", "augmentation"), [("mirror", Mirror()), ("hand_swap", HandSwap())])
def test_a_mirror_shows_parts_on_the_other_side(name, augmentation) -> None:
    assert replace(Augmentations.none(), **{name: augmentation}).reach()["mirrored"]


# What holds for all of them


@every_augmentation
@settings(max_examples=40)
@given(batch=batches, seed=st.integers(0, 2**16))
def test_a_batch_stays_sound(augmentation: Callable[..., Batch], batch: Batch, seed: int) -> None:
    before = {name: tensor.clone() for name, tensor in batch.items()}
    torch.manual_seed(seed)
    after = augmentation(batch, LAYOUT)
    assert_sound(after)
    assert {name: tensor.dtype for name, tensor in after.items()} == {
        name: tensor.dtype for name, tensor in before.items()
    }
    assert_equal(batch, before)


@settings(max_examples=40)
@given(batch=batches, seed=st.integers(0, 2**16))
def test_all_augmentations_together_keep_a_batch_sound(batch: Batch, seed: int) -> None:
    torch.manual_seed(seed)
    for augmentation in ALL:
        batch = augmentation(batch, LAYOUT)
    assert_sound(batch)


@every_augmentation
@settings(max_examples=20)
@given(batch=batches)
def test_with_probability_0_nothing_changes(augmentation: Any, batch: Batch) -> None:
    assert_equal(replace(augmentation, probability=0.0)(batch, LAYOUT), batch)


@pytest.mark.parametrize(
    "augmentation",
    [step for step in ALL if not isinstance(step, Mirror | HandSwap | IdleHand | OtherBody | CutMix)],
    ids=name_of,
)
@settings(max_examples=20)
@given(batch=batches, seed=st.integers(0, 2**16))
def test_a_part_that_a_clip_never_shows_does_not_appear(
    augmentation: Callable[..., Batch], batch: Batch, seed: int
) -> None:
    torch.manual_seed(seed)
    after = augmentation(batch, LAYOUT)
    assert not (after["part_mask"].any(dim=1) & ~batch["part_mask"].any(dim=1)).any()


@pytest.mark.parametrize(
    "augmentation",
    [
        step
        for step in ALL
        if not isinstance(
            step, Mirror | HandSwap | IdleEnds | IdleHand | OtherBody | CutMix | TimeWarp | TemporalCrop | FrameDrop
        )
    ],
    ids=name_of,
)
@settings(max_examples=20)
@given(batch=batches, seed=st.integers(0, 2**16))
def test_a_part_that_is_missing_in_a_frame_stays_missing(
    augmentation: Callable[..., Batch], batch: Batch, seed: int
) -> None:
    torch.manual_seed(seed)
    assert not (augmentation(batch, LAYOUT)["part_mask"] & ~batch["part_mask"]).any()


@every_augmentation
def test_clips_of_one_frame_without_hands_and_of_nothing_survive(augmentation: Callable[..., Batch]) -> None:
    batch = make_batch([1, 12, 12])
    batch["part_mask"][1, :, [LEFT, RIGHT]] = False
    batch["part_mask"][2] = False
    batch["keypoints"] *= LAYOUT.by_point(batch["part_mask"])
    for seed in range(20):
        torch.manual_seed(seed)
        after = augmentation(batch, LAYOUT)
        assert_sound(after)
        if not isinstance(augmentation, CutMix):
            assert not after["part_mask"][1, :, [LEFT, RIGHT]].any()
            assert not after["part_mask"][2].any()


@pytest.mark.parametrize(
    "augmentation", [step for step in ALL if not isinstance(step, IdleHand | OtherBody | PartDropout)], ids=name_of
)
def test_each_clip_is_changed_on_its_own(augmentation: Any) -> None:
    # The same clip 300 times: about half of them are changed, each differently.
    one = make_batch([20])
    batch = {name: tensor.expand(300, *tensor.shape[1:]).contiguous() for name, tensor in one.items()}
    batch["labels"] = soft_targets(torch.arange(300) % NUM_LABELS, NUM_LABELS)
    torch.manual_seed(0)
    after = replace(augmentation, probability=0.5)(batch, LAYOUT)
    same = [
        all(
            torch.equal(after[name][clip, :20], batch[name][clip]) for name in ("attention_mask", "keypoints", "labels")
        )
        for clip in range(300)
    ]
    assert 0.4 < sum(same) / 300 < 0.75
    if not isinstance(augmentation, Mirror | MixUp | CutMix):
        weights = torch.arange(after["keypoints"].shape[2]).view(-1, 1)
        sums = (after["keypoints"].double() * weights).sum(dim=(1, 2, 3))[~torch.tensor(same)]
        assert len(sums.unique()) >= 4


# The chain


def test_the_seed_of_torch_alone_decides() -> None:
    augment = Augmentations().build(PROCESSOR)
    batch = make_batch([20, 12, 7, 20], missing=0.2)

    def run(seed: int, other: int) -> Batch:
        random.seed(other)
        np.random.seed(other)  # noqa: NPY002
        torch.manual_seed(seed)
        return augment(batch)

    first = run(seed=1, other=1)
    assert_equal(run(seed=1, other=2), first)
    other = run(seed=2, other=1)["keypoints"]
    assert other.shape != first["keypoints"].shape or not torch.equal(other, first["keypoints"])


def test_none_changes_nothing_and_draws_nothing() -> None:
    batch = make_batch([20, 12])
    state = torch.get_rng_state()
    assert_equal(Augmentations.none().build(PROCESSOR)(batch), batch)
    assert torch.equal(torch.get_rng_state(), state)


def test_entries_that_are_no_keypoints_pass_through() -> None:
    batch = {**make_batch([20, 12]), "clip": torch.tensor([7, 8])}
    assert torch.equal(Augmentations().build(PROCESSOR)(batch)["clip"], batch["clip"])


def test_whole_clips_stay_sound_and_finish(clips: Dataset) -> None:
    processor = KeypointProcessor(input_size=PROCESSOR.input_size)
    batch = KeypointCollator(processor)(clips.select(range(0, len(clips), 3)))
    batch["labels"] = soft_targets(batch["labels"], NUM_LABELS)
    assert batch["part_mask"].any(dim=1)[:, LEFT].logical_not().any(), "no clip of one hand"
    augment = Augmentations().build(processor)
    torch.manual_seed(0)
    for _ in range(20):
        augmented = augment(batch)
        assert_sound(augmented)
        assert processor.finish(augmented)["keypoints"].isfinite().all()


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        *((type(augmentation), {"probability": 1.1}) for augmentation in ALL),
        (TimeWarp, {"speed": (0.0, 1.0)}),
        (TimeWarp, {"bend": 1.0}),
        (TemporalCrop, {"smallest": 0.0}),
        (FrameDrop, {"share": -0.1}),
        (Rotation, {"yaw": 120.0}),
        (Rotation, {"depth": 0.0}),
        (Scaling, {"factor": (-1.0, 1.0)}),
        (Scaling, {"stretch": 1.0}),
        (Shift, {"parts": -0.1}),
        (HandDistortion, {"stretch": 1.5}),
        (HandDistortion, {"turn": -5.0}),
        (Noise, {"deviation": float("nan")}),
        (HandLoss, {"longest": 2.0}),
        (MixUp, {"alpha": 0.0}),
        (CutMix, {"longest": 1.5}),
        (IdleHand, {"drop": -1.0}),
        (HandSwap, {"longest": -0.1}),
        (KeypointDropout, {"share": 2.0}),
        (LocalDistortion, {"wavelength": 0.0}),
        (Perspective, {"distance": (1.0, 5.0)}),
        (SpeedJitter, {"strength": -1.0}),
    ],
)
def test_values_out_of_range_are_refused(kind: Any, values: dict[str, Any]) -> None:
    ((name, value),) = values.items()
    message = rf"`{kind.__name__}\.{name}` must lie between .* and .*, but is {re.escape(str(value))}\."
    with pytest.raises(ValueError, match=message):
        kind(**values)


# Time


def line(frames: int, clips: int = 1) -> Batch:
    """Clips in which every point moves evenly: frame t holds t everywhere."""
    time = torch.arange(frames, dtype=torch.float32).expand(clips, frames)
    keypoints = time[..., None, None].expand(clips, frames, 87, 3)
    return {**make_batch([frames] * clips), "keypoints": keypoints.clone(), "positions": time.clone()}


@pytest.mark.parametrize(("speed", "expected"), [(2.0, 10), (0.9, 22), (1.0, 20), (0.5, 32), (10.0, 2)])
def test_a_warp_changes_length_and_times_and_keeps_the_movement(speed: float, expected: int) -> None:
    warped = TimeWarp(probability=1, speed=(speed, speed), bend=0)(line(20), LAYOUT)
    assert lengths(warped).tolist() == [expected]
    movement = torch.linspace(0, 19, expected)
    torch.testing.assert_close(warped["keypoints"][0, :, 40, 0], movement, rtol=0, atol=1e-3)
    torch.testing.assert_close(warped["positions"][0], movement / speed, rtol=0, atol=1e-3)


def test_an_uneven_warp_keeps_the_ends_the_order_and_the_times() -> None:
    batch = line(20, clips=100)
    warped = TimeWarp(probability=1, speed=(1, 1), bend=0.8)(batch, LAYOUT)
    movement = warped["keypoints"][:, :, 0, 0]
    assert torch.equal(movement[:, [0, -1]], batch["positions"][:, [0, -1]])
    steps = movement.diff(dim=1)
    assert 0 < steps.min() < 0.4
    assert 1.6 < steps.max() < 2
    torch.testing.assert_close(warped["positions"], batch["positions"], rtol=0, atol=1e-3)


@settings(max_examples=40)
@given(seed=st.integers(0, 2**16), frames=st.integers(2, 32))
def test_a_warp_never_blends_a_part_with_its_absence(seed: int, frames: int) -> None:
    batch = make_batch([frames], missing=0.5, seed=seed)
    batch["keypoints"] = (5 + line(frames)["keypoints"] / 100) * LAYOUT.by_point(batch["part_mask"])
    torch.manual_seed(seed)
    warped = TimeWarp(probability=1)(batch, LAYOUT)
    seen = LAYOUT.by_point(warped["part_mask"]).expand_as(warped["keypoints"])
    assert (warped["keypoints"][seen] >= 5).all()


def frames_of(clip: torch.Tensor, original: torch.Tensor) -> list[int]:
    """Which frames of the original a clip is made of."""
    return [int((original == frame).flatten(1).all(dim=1).nonzero().squeeze()) for frame in clip]


def test_a_crop_leaves_one_piece_with_its_times() -> None:
    batch = make_batch([20] * 50)
    cropped = TemporalCrop(probability=1, smallest=0.5)(batch, LAYOUT)
    starts, ends = set(), set()
    for clip, count in enumerate(lengths(cropped).tolist()):
        frames = frames_of(cropped["keypoints"][clip, :count], batch["keypoints"][clip])
        assert frames == list(range(frames[0], frames[0] + count))
        assert 10 <= count <= 20
        assert torch.equal(cropped["positions"][clip, :count], batch["positions"][clip, frames])
        starts.add(frames[0])
        ends.add(frames[-1])
    assert 0 in starts
    assert 19 in ends
    assert len(starts) > 5


def test_idle_ends_hold_the_first_and_last_frame_and_take_time() -> None:
    batch = make_batch([16] * 50)
    after = IdleEnds(probability=1, longest=0.5)(batch, LAYOUT)
    assert lengths(after).max() > 24
    for clip in range(50):
        frames = int(lengths(after)[clip])
        keypoints = after["keypoints"][clip, :frames]
        # The clip itself stands somewhere in it, with its own steps of time, between copies of its ends.
        begin = next(at for at in range(frames - 15) if torch.equal(keypoints[at : at + 16], batch["keypoints"][clip]))
        assert (keypoints[:begin] == keypoints[begin]).all()
        assert (keypoints[begin + 16 :] == keypoints[begin + 15]).all()
        steps = after["positions"][clip, :frames].diff()
        assert torch.equal(steps[begin : begin + 15], batch["positions"][clip].diff())
        assert (steps[:begin] == 1).all()
        assert (steps[begin + 15 :] == 1).all()


def test_hands_come_up_before_the_first_frame_and_go_down_after_the_last_one() -> None:
    batch = make_batch([8] * 100)
    held, moved = (
        seeded_call(IdleEnds(probability=1, longest=1, drop=drop), batch)["keypoints"] for drop in (0.0, 2.0)
    )
    assert torch.equal(moved[..., [0, 2]], held[..., [0, 2]])
    down = (moved - held)[..., 1]
    for part in (LIPS, POSE):
        assert not down.split(LAYOUT.sizes, dim=2)[part].any()
    hands = torch.cat([down.split(LAYOUT.sizes, dim=2)[part] for part in (LEFT, RIGHT)], dim=2).amax(dim=2)
    assert hands.min() == 0
    assert 1.5 < hands.max() <= 2
    # Never back: down to the sign's own frames and up again from them.
    assert ((hands.diff(dim=1) > 1e-6).int().diff(dim=1).eq(1).sum(dim=1) <= 1).all()


@pytest.mark.integration
def test_a_clip_that_was_cut_is_placed_by_what_is_left_of_its_hands(data_dir: Any) -> None:
    landmarks = to_landmarks(load_landmark_arrays(data_dir / "ksl13.npz")[0])
    processor = KeypointProcessor(normalize_by="hands")
    batch = {**processor.pad([processor.prepare(landmarks)]), "labels": soft_targets(torch.tensor([0]), NUM_LABELS)}
    cut = replace(Augmentations.none(), temporal_crop=TemporalCrop(probability=1, smallest=0.5)).build(processor)(batch)
    frames = int(lengths(cut))
    assert frames < landmarks.num_frames
    hands = cut["keypoints"][0, :, 40:82, :2][LAYOUT.by_point(cut["part_mask"])[0, :, 40:82, 0]]
    torch.testing.assert_close(hands.mean(dim=0), torch.zeros(2), rtol=0, atol=1e-4)
    assert hands.std(dim=0, correction=0).mean() == pytest.approx(1, abs=1e-4)


def test_dropped_frames_leave_the_others_with_their_times() -> None:
    batch = make_batch([20] * 50, missing=0.2)
    dropped = FrameDrop(probability=1, share=0.3)(batch, LAYOUT)
    for clip, count in enumerate(lengths(dropped).tolist()):
        frames = [batch["positions"][clip].tolist().index(time) for time in dropped["positions"][clip, :count]]
        assert torch.equal(dropped["keypoints"][clip, :count], batch["keypoints"][clip, frames])
        assert torch.equal(dropped["part_mask"][clip, :count], batch["part_mask"][clip, frames])
    assert lengths(dropped).double().mean().item() == pytest.approx(14, abs=1)


def test_one_frame_is_left_when_all_are_to_be_dropped() -> None:
    dropped = FrameDrop(probability=1, share=1)(make_batch([20, 1, 3]), LAYOUT)
    assert lengths(dropped).tolist() == [1, 1, 1]


# Place and shape


def test_a_rotation_keeps_distances_and_turns_about_all_axes() -> None:
    batch = make_batch([10] * 20)
    turned = Rotation(probability=1, depth=1)(batch, LAYOUT)
    torch.testing.assert_close(turned["keypoints"].norm(dim=-1), batch["keypoints"].norm(dim=-1))
    assert ((turned["keypoints"] - batch["keypoints"]).abs().amax(dim=(0, 1, 2)) > 0.1).all()


@pytest.mark.parametrize(("axis", "still"), [("pitch", 0), ("yaw", 1), ("roll", 2)])
def test_each_angle_turns_about_its_own_axis_and_not_further(axis: str, still: int) -> None:
    largest = 30.0
    angles = {"yaw": 0.0, "pitch": 0.0, "roll": 0.0, axis: largest}
    batch = make_batch([1] * 200)
    turned = Rotation(probability=1, depth=1, **angles)(batch, LAYOUT)
    plane = [coordinate for coordinate in range(3) if coordinate != still]
    assert torch.equal(turned["keypoints"][..., still], batch["keypoints"][..., still])
    before, after = batch["keypoints"][:, 0, 0, plane], turned["keypoints"][:, 0, 0, plane]
    cosine = torch.nn.functional.cosine_similarity(before, after).clamp(-1, 1)
    degrees = torch.rad2deg(cosine.arccos())
    assert degrees.max() == pytest.approx(largest, abs=2)
    assert degrees.mean() == pytest.approx(largest / 2, abs=3)


def test_the_weight_of_depth_is_how_much_z_moves_the_picture() -> None:
    batch = make_batch([5])

    def moved_by_z(depth: float) -> torch.Tensor:
        nearer = {**batch, "keypoints": batch["keypoints"] + torch.tensor([0.0, 0.0, 1.0])}
        x = []
        for clips in (batch, nearer):
            torch.manual_seed(0)
            x.append(Rotation(probability=1, depth=depth)(clips, LAYOUT)["keypoints"][..., 0])
        return x[1] - x[0]

    torch.testing.assert_close(moved_by_z(0.5), 0.5 * moved_by_z(1.0), rtol=0, atol=1e-5)
    assert moved_by_z(1.0).abs().min() > 1e-3


def test_in_perspective_what_is_nearer_gets_larger() -> None:
    batch = line(1, clips=2)
    batch["keypoints"][:] = torch.tensor([1.0, 1.0, 0.0])
    batch["keypoints"][1, ..., 2] = -1  # towards the camera
    batch["keypoints"][0, :, 0, 2] = 1  # so that no depth is assumed
    projected = Perspective(probability=1, angle=0, distance=(4, 4), depth=1)(batch, LAYOUT)["keypoints"]
    torch.testing.assert_close(projected[0, 0, 80], torch.tensor([1.0, 1.0, 0.0]))
    torch.testing.assert_close(projected[1, 0, 80], torch.tensor([4 / 3, 4 / 3, -1.0]))


def test_nothing_passes_the_camera() -> None:
    batch = line(1)
    batch["keypoints"][:] = torch.tensor([1.0, 1.0, -1000.0])
    projected = Perspective(probability=1, angle=0, distance=(4, 4), depth=1)(batch, LAYOUT)["keypoints"]
    torch.testing.assert_close(projected[..., :2], torch.full_like(projected[..., :2], 2))


@pytest.mark.parametrize("kind", [Rotation, Perspective])
def test_where_z_is_absent_the_hands_stand_in_front_of_the_shoulders(kind: Any) -> None:
    flat, deep = make_batch([4]), make_batch([4])
    flat["keypoints"][..., 2] = 0
    deep["keypoints"][..., 2] = 0
    hands = torch.tensor([part in (LEFT, RIGHT) for part, size in enumerate(LAYOUT.sizes) for _ in range(size)])
    deep["keypoints"][:, :, hands, 2] = -ASSUMED_DEPTH
    turned = []
    for batch in (flat, deep):
        torch.manual_seed(0)
        turned.append(kind(probability=1)(batch, LAYOUT)["keypoints"])
    torch.testing.assert_close(turned[0], turned[1])


def test_scaling_has_one_factor_a_clip_and_stretches_the_width() -> None:
    batch = make_batch([10] * 100)
    scaled = Scaling(probability=1, factor=(0.5, 2), stretch=0.2)(batch, LAYOUT)
    factors = scaled["keypoints"] / batch["keypoints"]
    torch.testing.assert_close(factors, factors[:, :1, :1].expand_as(factors), rtol=1e-3, atol=1e-4)
    width, height, depth = factors[:, 0, 0].unbind(dim=-1)
    torch.testing.assert_close(height, depth)
    assert 0.5 <= height.min() < 0.6 < 1.8 < height.max() <= 2
    stretches = width / height
    assert 0.8 <= stretches.min() < 0.85 < 1.15 < stretches.max() <= 1.2


def test_shear_moves_points_sideways_by_their_height() -> None:
    batch = make_batch([10] * 100)
    sheared = Scaling(probability=1, factor=(1, 1), stretch=0, shear=0.2)(batch, LAYOUT)["keypoints"]
    torch.testing.assert_close(sheared[..., 1:], batch["keypoints"][..., 1:])
    shear = (sheared - batch["keypoints"])[..., 0] / batch["keypoints"][..., 1]
    torch.testing.assert_close(shear, shear[:, :1, :1].expand_as(shear), rtol=1e-2, atol=1e-3)
    assert -0.2 <= shear.min() < -0.15 < 0.15 < shear.max() <= 0.2


def test_a_shift_moves_each_part_of_a_clip_as_a_whole() -> None:
    batch = make_batch([10] * 200)
    moves = Shift(probability=1, signer=0.3, parts=0.1)(batch, LAYOUT)["keypoints"] - batch["keypoints"]
    by_part = moves.split(LAYOUT.sizes, dim=2)
    for part in by_part:
        torch.testing.assert_close(part, part[:, :1, :1].expand_as(part), rtol=0, atol=1e-5)
    places = torch.stack([part[:, 0, 0] for part in by_part], dim=1)
    assert places.mean(dim=1).std().item() == pytest.approx((0.3**2 + 0.1**2 / 4) ** 0.5, rel=0.1)
    assert places.std(dim=1).mean().item() == pytest.approx(0.1, rel=0.15)


def wrist_offsets(batch: Batch) -> torch.Tensor:
    """Each point of the right hand as seen from its wrist: `(clips, frames, 21, 3)`."""
    hand = batch["keypoints"].split(LAYOUT.sizes, dim=2)[RIGHT]
    return hand - hand[:, :, :1]


def test_a_distorted_hand_hangs_on_its_wrist_and_the_rest_stays() -> None:
    batch = make_batch([10] * 20)
    after = HandDistortion(probability=1)(batch, LAYOUT)
    for part, (old, new) in enumerate(
        zip(*(clips["keypoints"].split(LAYOUT.sizes, dim=2) for clips in (batch, after)), strict=True)
    ):
        if part in LAYOUT.hands:
            torch.testing.assert_close(new[:, :, 0], old[:, :, 0])
            assert (new[:, :, 1:] != old[:, :, 1:]).any(dim=-1).all()
        else:
            torch.testing.assert_close(new, old)


def test_a_finger_has_one_length_in_all_frames_of_a_clip() -> None:
    batch = make_batch([10] * 200)
    after = HandDistortion(probability=1, stretch=0.4, turn=0)(batch, LAYOUT)
    factors = (wrist_offsets(after) / wrist_offsets(batch))[:, :, 1:].nanmedian(dim=-1).values
    torch.testing.assert_close(factors, factors[:, :1].expand_as(factors), rtol=1e-3, atol=1e-3)
    # MediaPipe's hand: the wrist, then four joints for each finger.
    fingers = factors[:, 0].unflatten(1, (5, 4))
    torch.testing.assert_close(fingers, fingers[..., :1].expand_as(fingers), rtol=1e-3, atol=1e-3)
    assert 0.6 <= fingers.min() < 0.65 < 1.35 < fingers.max() <= 1.4
    assert (fingers.std(dim=1) > 0.01).all(), "all fingers alike"


def test_a_hand_turns_in_the_picture_without_changing_its_shape() -> None:
    batch = make_batch([10] * 200)
    old, new = (
        wrist_offsets(clips)[:, :, 1:]
        for clips in (batch, HandDistortion(probability=1, stretch=0, turn=30)(batch, LAYOUT))
    )
    torch.testing.assert_close(new[..., 2], old[..., 2], rtol=0, atol=1e-5)
    turn = torch.view_as_complex(new[..., :2].contiguous()) / torch.view_as_complex(old[..., :2].contiguous())
    torch.testing.assert_close(turn, turn[:, :1, :1].expand_as(turn), rtol=0, atol=1e-3)
    torch.testing.assert_close(turn.abs(), torch.ones_like(turn.real), rtol=0, atol=1e-3)
    degrees = torch.rad2deg(turn[:, 0, 0].angle())
    assert -30 <= degrees.min() < -27 < 27 < degrees.max() <= 30


def test_a_local_distortion_is_smooth_and_the_same_in_all_frames() -> None:
    batch = line(6, clips=50)
    places = torch.linspace(0, 0.86, 87)
    batch["keypoints"] = torch.stack([places, places, places], dim=-1).expand(50, 6, 87, 3).clone()
    bent = LocalDistortion(probability=1, strength=0.1, wavelength=2)(batch, LAYOUT)["keypoints"]
    moves = bent - batch["keypoints"]
    torch.testing.assert_close(moves, moves[:, :1].expand_as(moves))
    assert not moves[..., 2].any()
    assert 0.05 < moves.abs().max() <= 0.1
    # Neighbours are moved alike: a wave climbs by at most 2 pi / wavelength a shoulder width.
    step = places[1] * 2**0.5
    assert moves.diff(dim=2).abs().max() <= 0.1 * torch.pi * step + 1e-6


def test_jitter_grows_with_speed() -> None:
    batch = line(30, clips=50)
    batch["keypoints"][:, :, :40] = 0  # still
    batch["keypoints"][:, :, 61:] *= 2  # twice as fast as the points between
    jitter = SpeedJitter(probability=1, strength=0.1)(batch, LAYOUT)["keypoints"] - batch["keypoints"]
    assert not jitter[:, :, :40].any()
    assert not jitter[:, 0].any(), "the first frame has no speed"
    slow, fast = jitter[:, 1:, 40:61].std().item(), jitter[:, 1:, 61:].std().item()
    assert slow == pytest.approx(0.1 * 2**0.5, rel=0.05)
    assert fast == pytest.approx(2 * slow, rel=0.05)


def test_noise_has_the_deviation_asked_for_and_is_new_in_every_frame() -> None:
    batch = make_batch([20] * 10)
    noise = Noise(probability=1, deviation=0.05)(batch, LAYOUT)["keypoints"] - batch["keypoints"]
    assert noise.std().item() == pytest.approx(0.05, rel=0.05)
    assert noise.mean().item() == pytest.approx(0, abs=0.002)
    neighbours = torch.corrcoef(torch.stack([noise[:, :-1].flatten(), noise[:, 1:].flatten()]))
    assert abs(neighbours[0, 1]) < 0.05


# Parts


@settings(max_examples=30)
@given(batch=batches)
def test_mirroring_twice_is_the_identity(batch: Batch) -> None:
    mirror = Mirror(probability=1)
    once = mirror(batch, LAYOUT)
    assert torch.equal(once["part_mask"][..., LEFT], batch["part_mask"][..., RIGHT])
    left, right = (
        clips["keypoints"].split(LAYOUT.sizes, dim=2)[part] for clips, part in ((once, LEFT), (batch, RIGHT))
    )
    assert torch.equal(left, right * torch.tensor([-1, 1, 1]))
    assert_equal(mirror(once, LAYOUT), batch)


@pytest.mark.integration
def test_a_mirrored_batch_is_what_the_processor_makes_of_mirrored_landmarks(data_dir: Any) -> None:
    rows = load_landmark_arrays(data_dir / "ksl13.npz", glosses=["bad"]).select(range(0, 190, 40))
    landmarks = [to_landmarks(row) for row in rows]
    plain, expected = (
        dict(PROCESSOR.pad([PROCESSOR.prepare(clip, mirror=mirror) for clip in landmarks])) for mirror in (False, True)
    )
    mirrored = Mirror(probability=1)(plain, LAYOUT)
    assert plain["part_mask"][..., RIGHT].any()
    assert torch.equal(mirrored["part_mask"][..., LEFT], plain["part_mask"][..., RIGHT])
    assert torch.equal(mirrored["part_mask"], expected["part_mask"])
    torch.testing.assert_close(mirrored["keypoints"], expected["keypoints"], rtol=0, atol=1e-4)


def test_part_dropout_hides_body_and_lips_and_the_hand_that_is_seen_less() -> None:
    batch = make_batch([10] * 300)
    batch["part_mask"][:, 5:, LEFT] = False
    batch["keypoints"] *= LAYOUT.by_point(batch["part_mask"])
    seen = PartDropout(probability=1, body=0.5, hand=0.2)(batch, LAYOUT)["part_mask"].any(dim=1)
    assert seen[:, RIGHT].all(), "the sign may be in that hand alone"
    hidden = (~seen).float().mean(dim=0)
    torch.testing.assert_close(hidden[[LIPS, POSE, LEFT]], torch.tensor([0.5, 0.5, 0.2]), rtol=0, atol=0.1)
    # Each part by a lot of its own: all combinations occur.
    assert len(seen[:, [LIPS, POSE, LEFT]].unique(dim=0)) == 8


def test_part_dropout_leaves_hands_that_are_seen_equally_often_and_clips_without_any() -> None:
    batch = make_batch([10] * 20)
    batch["part_mask"][10:, :, [LEFT, RIGHT]] = False
    batch["keypoints"] *= LAYOUT.by_point(batch["part_mask"])
    seen = PartDropout(probability=1, body=1, hand=1)(batch, LAYOUT)["part_mask"].any(dim=1)
    assert seen[:10].tolist() == [[False, True, True, False]] * 10
    assert seen[10:].tolist() == [[True, False, False, True]] * 10


def test_clips_of_hands_alone_get_the_body_of_another_clip_held_still() -> None:
    batch = make_batch([20] * 40 + [9])
    batch["part_mask"][:40, :, [LIPS, POSE]] = False
    batch["keypoints"] *= LAYOUT.by_point(batch["part_mask"])
    after = OtherBody(probability=1)(batch, LAYOUT)
    assert after["part_mask"][:40, :, [LIPS, POSE]].all()
    for part in (LIPS, POSE):
        bodies = after["keypoints"].split(LAYOUT.sizes, dim=2)[part][:40]
        donor = batch["keypoints"].split(LAYOUT.sizes, dim=2)[part][40, :9].mean(dim=0)
        torch.testing.assert_close(bodies, donor.expand_as(bodies))
    for part in (LEFT, RIGHT):
        assert torch.equal(*(some["keypoints"].split(LAYOUT.sizes, dim=2)[part] for some in (after, batch)))


def test_some_clips_with_a_body_get_another_one_too() -> None:
    batch = make_batch([5] * 400)
    after = OtherBody(probability=1, exchange=0.25)(batch, LAYOUT)
    changed = (after["keypoints"] != batch["keypoints"]).flatten(1).any(dim=1)
    assert 0.15 < changed.float().mean() < 0.35


def test_a_hand_is_lost_for_some_frames_in_a_row() -> None:
    batch = make_batch([20] * 200)
    lost = ~HandLoss(probability=1, longest=0.5)(batch, LAYOUT)["part_mask"]
    assert not lost[:, :, [LIPS, POSE]].any()
    assert not (lost[:, :, LEFT].any(dim=1) & lost[:, :, RIGHT].any(dim=1)).any()
    frames = lost[:, :, LEFT] | lost[:, :, RIGHT]
    edges = frames.int().diff(dim=1, prepend=torch.zeros(200, 1, dtype=torch.int32)).clamp(min=0)
    assert edges.sum(dim=1).max() == 1, "lost twice"
    assert 8 <= frames.sum(dim=1).max() <= 10


def test_without_hands_none_is_lost() -> None:
    pose = KeypointProcessor(parts=[part for part in PROCESSOR.parts if part["name"] == "pose"])
    batch = make_batch([5])
    batch = {**batch, "keypoints": batch["keypoints"][:, :, -5:], "part_mask": batch["part_mask"][..., -1:]}
    assert_equal(HandLoss(probability=1)(batch, Layout.of(pose)), batch)


def test_an_idle_hand_hangs_still_below_where_another_clip_shows_it_lowest() -> None:
    batch = make_batch([20] * 4 + [9])
    batch["part_mask"][:4, :, LEFT] = False
    batch["keypoints"] *= LAYOUT.by_point(batch["part_mask"])
    after = IdleHand(probability=1, drop=0.5)(batch, LAYOUT)
    assert after["part_mask"][:4, :, LEFT].all()
    donor = batch["keypoints"].split(LAYOUT.sizes, dim=2)[LEFT][4, :9]
    lowest = donor[donor[..., 1].mean(dim=1).argmax()]
    hands = after["keypoints"].split(LAYOUT.sizes, dim=2)[LEFT][:4]
    assert torch.equal(hands, hands[:, :1].expand_as(hands)), "it moves"
    drops = (hands[:, 0] - lowest)[..., 1]
    torch.testing.assert_close(drops, drops[:, :1].expand_as(drops))
    assert 0 <= drops.min() < drops.max() <= 0.5
    others = after["part_mask"].clone()
    others[:4, :, LEFT] = False
    assert torch.equal(others, batch["part_mask"])


def test_no_idle_hand_appears_where_a_hand_is_seen_or_none_at_all() -> None:
    batch = make_batch([20] * 3)
    batch["part_mask"][0, 5:, LEFT] = False  # lost for a while
    batch["part_mask"][1, :, [LEFT, RIGHT]] = False
    batch["keypoints"] *= LAYOUT.by_point(batch["part_mask"])
    assert_equal(IdleHand(probability=1)(batch, LAYOUT), batch)


def test_swapped_hands_stay_in_their_places_for_some_frames() -> None:
    batch = make_batch([20] * 50)
    after = HandSwap(probability=1, longest=0.5)(batch, LAYOUT)
    old, new = (clips["keypoints"].split(LAYOUT.sizes, dim=2) for clips in (batch, after))
    swapped = (new[LEFT] == old[RIGHT]).flatten(2).all(dim=2)
    assert 8 <= swapped.sum(dim=1).max() <= 10
    assert torch.equal(swapped, (new[RIGHT] == old[LEFT]).flatten(2).all(dim=2))
    assert torch.equal(new[LEFT][~swapped], old[LEFT][~swapped])
    for part in (LIPS, POSE):
        assert torch.equal(new[part], old[part])


def test_dropped_keypoints_lie_in_the_middle_of_their_part() -> None:
    batch = make_batch([10] * 100)
    after = KeypointDropout(probability=1, share=0.2)(batch, LAYOUT)
    middles = torch.cat(
        [part.mean(dim=2, keepdim=True).expand_as(part) for part in batch["keypoints"].split(LAYOUT.sizes, dim=2)],
        dim=2,
    )
    dropped = (after["keypoints"] != batch["keypoints"]).all(dim=-1)
    torch.testing.assert_close(after["keypoints"][dropped], middles[dropped])
    assert torch.equal(dropped, dropped[:, :1].expand_as(dropped)), "not for the whole clip"
    assert dropped.double().mean().item() == pytest.approx(0.2, abs=0.02)


# Mixing


@pytest.mark.parametrize("seed", range(5))
def test_cut_mix_mixes_labels_by_the_frames_that_were_replaced(seed: int) -> None:
    batch = make_batch([20, 5, 12, 20, 1, 24, 8, 8], missing=0.3, seed=seed)
    batch["labels"] = torch.eye(8)
    torch.manual_seed(seed)
    after = CutMix(probability=1, longest=0.5)(batch, LAYOUT)
    for name in ("positions", "attention_mask"):
        assert torch.equal(after[name], batch[name]), name
    cut = 0
    for clip, count in enumerate(lengths(batch).tolist()):
        partner = int((after["labels"][clip] - torch.eye(8)[clip]).argmax())
        share = after["labels"][clip, partner].item() if partner != clip else 0.0
        changed = (after["keypoints"][clip, :count] != batch["keypoints"][clip, :count]).flatten(1).any(dim=1)
        frames = changed.nonzero().flatten().tolist()
        assert len(frames) <= share * count + 1e-4 <= count / 2 + 1e-4
        if share:
            assert frames[-1] - frames[0] < share * count, "more than one piece"
            source = [frame * lengths(batch)[partner].item() // count for frame in frames]
            assert torch.equal(after["keypoints"][clip, frames], batch["keypoints"][partner, source])
            assert torch.equal(after["part_mask"][clip, frames], batch["part_mask"][partner, source])
            cut += 1
    assert cut >= 3


def mixed(alpha: float = 1.0, seed: int = 0) -> tuple[Batch, Batch, list[int], torch.Tensor]:
    """Mixes eight clips of different glosses: the batch before and after, each clip's partner, and its own weight."""
    batch = make_batch([20, 5, 12, 20, 1, 24, 8, 8], missing=0.3, seed=seed)
    batch["labels"] = torch.eye(8)
    torch.manual_seed(seed)
    after = MixUp(probability=1, alpha=alpha)(batch, LAYOUT)
    weight = after["labels"].diagonal()
    partner = (after["labels"] - torch.diag(weight)).argmax(dim=1)
    partner = torch.where(weight == 1, torch.arange(8), partner)
    return batch, after, partner.tolist(), weight


@pytest.mark.parametrize("seed", range(5))
def test_mix_up_mixes_labels_and_what_both_clips_show_with_one_weight(seed: int) -> None:
    batch, after, partner, weight = mixed(seed=seed)
    assert sum(place != clip for clip, place in enumerate(partner)) >= 4
    keypoints, others = batch["keypoints"], batch["keypoints"][partner]
    own = weight.view(-1, 1, 1, 1)
    both = LAYOUT.by_point(batch["part_mask"] & batch["part_mask"][partner])
    expected = torch.where(both, own * keypoints + (1 - own) * others, keypoints)
    torch.testing.assert_close(after["keypoints"], expected, rtol=0, atol=1e-5)


def test_the_heavier_clip_gives_frames_times_and_parts() -> None:
    batch, after, _, weight = mixed()
    assert (weight >= 0.5).all()
    for name in ("part_mask", "positions", "attention_mask"):
        assert torch.equal(after[name], batch[name]), name


def test_a_small_alpha_mixes_little() -> None:
    def mean_weight(alpha: float) -> float:
        """The mean weight of the heavier clip, where it was mixed with another."""
        weights = []
        for seed in range(20):
            _, _, partner, weight = mixed(alpha, seed)
            weights.append(weight[torch.tensor(partner) != torch.arange(8)])
        return torch.cat(weights).mean().item()

    assert mean_weight(alpha=100) == pytest.approx(0.53, abs=0.01)
    assert mean_weight(alpha=1) == pytest.approx(0.75, abs=0.04)
