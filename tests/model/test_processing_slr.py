"""The keypoint processor: what each of its steps promises."""

import json
import tracemalloc
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from slr_hf.model import fitted_slr
from slr_hf.model.landmarks_slr import (
    LEFT_HAND,
    LEFT_SHOULDER,
    LIPS,
    NUM_LANDMARKS,
    POSE,
    RIGHT_HAND,
    RIGHT_SHOULDER,
    Landmarks,
    default_parts,
    mirror_order,
)
from slr_hf.model.processing_slr import SMALLEST_DEVIATION, KeypointProcessor

PARTS = ("lips", "left_hand", "right_hand", "pose")
LIPS_COLUMNS, LEFT_COLUMNS, RIGHT_COLUMNS, POSE_COLUMNS = slice(0, 40), slice(40, 61), slice(61, 82), slice(82, 87)


def clip(
    frames: int = 12,
    seed: int = 0,
    lost: dict[range | tuple[int, ...], list[int]] | None = None,
    fps: float | None = 30,
    width: int = 640,
    height: int = 480,
) -> Landmarks:
    """A clip of smoothly moving points; `lost` names the frames in which some are missing."""
    generator = np.random.default_rng(seed)
    start, step = generator.random((1, NUM_LANDMARKS, 3)), generator.normal(0, 0.01, (frames, NUM_LANDMARKS, 3))
    values = (start + step.cumsum(axis=0)).astype(np.float32)
    values[:, LEFT_SHOULDER, :2], values[:, RIGHT_SHOULDER, :2] = (0.7, 0.5), (0.3, 0.5)
    for points, missing in (lost or {}).items():
        for frame in missing:
            values[frame, list(points)] = np.nan
    return Landmarks(values, fps=fps, width=width, height=height)


def every(frames: int) -> list[int]:
    return list(range(frames))


def test_the_output_is_what_the_model_takes():
    batch = KeypointProcessor()([clip(12), clip(5)])
    assert {name: (tuple(value.shape), value.dtype) for name, value in batch.items()} == {
        "keypoints": ((2, 12, 87, 4), torch.float32),
        "part_mask": ((2, 12, 4), torch.bool),
        "positions": ((2, 12), torch.float32),
        "attention_mask": ((2, 12), torch.int64),
    }
    assert batch["attention_mask"].sum(dim=1).tolist() == [12, 5]


def test_a_clip_is_the_same_alone_and_in_a_batch():
    processor = KeypointProcessor()
    alone, batch = processor(clip(5, seed=1)), processor([clip(12), clip(5, seed=1)])
    for name, value in alone.items():
        torch.testing.assert_close(batch[name][1:, :5], value, rtol=0, atol=1e-6)


def test_max_length_pads_to_input_size():
    batch = KeypointProcessor(input_size=20)(clip(12), padding="max_length")
    assert tuple(batch["keypoints"].shape) == (1, 20, 87, 4)
    assert not batch["keypoints"][:, 12:].any()


class TestHandlessFrames:
    def test_are_dropped_and_time_keeps_its_gaps(self):
        lost = {LEFT_HAND: [0, 4, 5], RIGHT_HAND: [0, 4, 5]}
        prepared = KeypointProcessor().prepare(clip(8, lost=lost))
        assert prepared["positions"].tolist() == [1, 2, 3, 6, 7]

    def test_one_hand_is_enough(self):
        prepared = KeypointProcessor().prepare(clip(8, lost={LEFT_HAND: every(8)}))
        assert len(prepared["positions"]) == 8
        assert prepared["part_mask"].all(axis=0).tolist() == [True, False, True, True]

    def test_a_clip_without_hands_is_kept_whole_and_flagged_by_its_mask(self):
        prepared = KeypointProcessor().prepare(clip(8, lost={LEFT_HAND: every(8), RIGHT_HAND: every(8)}))
        assert len(prepared["positions"]) == 8
        assert not prepared["part_mask"][:, 1:3].any()

    def test_can_be_kept(self):
        processor = KeypointProcessor(do_drop_handless_frames=False, do_interpolate_gaps=False)
        prepared = processor.prepare(clip(8, lost={LEFT_HAND: [0], RIGHT_HAND: [0]}))
        assert len(prepared["positions"]) == 8


class TestGaps:
    def test_a_short_gap_is_filled_linearly(self):
        lost = {RIGHT_HAND: [3, 4]}
        whole = KeypointProcessor(do_interpolate_gaps=False).prepare(clip())
        filled = KeypointProcessor().prepare(clip(lost=lost))
        expected = whole["keypoints"][2] + (whole["keypoints"][5] - whole["keypoints"][2]) / 3
        np.testing.assert_allclose(filled["keypoints"][3, RIGHT_COLUMNS], expected[RIGHT_COLUMNS], atol=1e-5)
        assert filled["part_mask"].all()

    def test_a_long_gap_stays_missing(self):
        prepared = KeypointProcessor(max_gap=6).prepare(clip(lost={RIGHT_HAND: every(12)[2:9]}))
        assert not prepared["part_mask"][2:9, 2].any()
        assert not prepared["keypoints"][2:9, RIGHT_COLUMNS].any()

    def test_ends_are_not_extrapolated(self):
        prepared = KeypointProcessor().prepare(clip(lost={RIGHT_HAND: [0, 11]}))
        assert prepared["part_mask"][:, 2].tolist() == [False, *[True] * 10, False]

    def test_a_gap_is_measured_in_time_not_in_frames(self):
        lost = {RIGHT_HAND: [3, 4]}
        slow = KeypointProcessor(max_gap=6).prepare(clip(lost=lost, fps=10))
        assert not slow["part_mask"][3:5, 2].any()


class TestNormalisation:
    def test_shoulders_are_one_apart_around_the_origin(self):
        pose = KeypointProcessor().prepare(clip())["keypoints"][:, POSE_COLUMNS]
        np.testing.assert_allclose(pose[:, 1, :2], [[0.5, 0]] * 12, atol=1e-5)
        np.testing.assert_allclose(pose[:, 3, :2], [[-0.5, 0]] * 12, atol=1e-5)

    @given(scale=st.floats(0.2, 3), x=st.floats(-1, 1), y=st.floats(-1, 1))
    def test_size_and_place_in_the_frame_do_not_matter(self, scale, x, y):
        original = clip()
        moved = original.coordinates * np.float32(scale) + np.array([x, y, 0], np.float32)
        processor = KeypointProcessor()
        expected = processor.prepare(original)["keypoints"][..., :2]
        found = processor.prepare(Landmarks(moved, fps=30, width=640, height=480))["keypoints"][..., :2]
        np.testing.assert_allclose(found, expected, atol=1e-3)

    def test_the_shape_of_the_frame_does_not_matter(self):
        square = clip(width=500, height=500)
        wide = square.coordinates * np.array([0.5, 1, 0.5], np.float32)
        processor = KeypointProcessor()
        np.testing.assert_allclose(
            processor.prepare(Landmarks(wide, fps=30, width=1000, height=500))["keypoints"],
            processor.prepare(square)["keypoints"],
            atol=1e-4,
        )

    def test_one_frame_with_wild_shoulders_changes_little(self):
        wild = clip().coordinates.copy()
        wild[3, LEFT_SHOULDER, :2] = (9, 9)
        processor = KeypointProcessor()
        expected = processor.prepare(clip())["keypoints"][[0, 1, 11]]
        np.testing.assert_allclose(
            processor.prepare(Landmarks(wild, fps=30, width=640, height=480))["keypoints"][[0, 1, 11]],
            expected,
            atol=1e-4,
        )

    def test_without_shoulders_the_hands_give_the_unit(self):
        processor = KeypointProcessor()
        original = clip(lost={POSE: every(12), LIPS: every(12)})
        larger = Landmarks(original.coordinates * np.float32(2), fps=30, width=640, height=480)
        expected = processor.prepare(original)["keypoints"]
        np.testing.assert_allclose(processor.prepare(larger)["keypoints"], expected, atol=1e-4)
        assert np.abs(expected).max() < 20

    def test_lips_alone_are_brought_to_scale_too(self):
        lost = {POSE: every(12), LEFT_HAND: every(12), RIGHT_HAND: every(12)}
        keypoints = KeypointProcessor().prepare(clip(lost=lost))["keypoints"]
        assert 0.1 < np.abs(keypoints[:, LIPS_COLUMNS, :2]).max() < 10


PLACE, SHAPE = slice(0, 2), slice(2, 4)


class TestShapes:
    """Moving or growing a hand changes its place and leaves its shape alone."""

    @staticmethod
    def shapes(values: np.ndarray) -> torch.Tensor:
        return KeypointProcessor()(Landmarks(values, fps=30, width=640, height=480))["keypoints"]

    def test_a_moved_hand_has_the_same_shape(self):
        original = clip().coordinates
        moved = original.copy()
        moved[:, list(RIGHT_HAND), :2] += (0.1, -0.2)
        first, second = self.shapes(original), self.shapes(moved)
        torch.testing.assert_close(first[..., SHAPE], second[..., SHAPE], rtol=0, atol=1e-4)
        changed = (first - second)[..., PLACE].abs().amax(dim=(0, 1, 3)) > 1e-3
        assert changed.nonzero().flatten().tolist() == list(range(RIGHT_COLUMNS.start, RIGHT_COLUMNS.stop))

    def test_a_larger_hand_has_the_same_shape(self):
        original = clip().coordinates
        larger = original.copy()
        wrist = larger[:, [RIGHT_HAND[0]]]
        larger[:, list(RIGHT_HAND)] = wrist + (larger[:, list(RIGHT_HAND)] - wrist) * 1.5
        torch.testing.assert_close(
            self.shapes(original)[..., SHAPE], self.shapes(larger)[..., SHAPE], rtol=0, atol=1e-4
        )

    def test_a_hand_that_grows_within_the_clip_shows_it(self):
        values = clip(2).coordinates.copy()
        values[1] = values[0]
        wrist = values[1, [RIGHT_HAND[0]]]
        values[1, list(RIGHT_HAND)] = wrist + (values[1, list(RIGHT_HAND)] - wrist) * 2
        shapes = self.shapes(values)[0, :, RIGHT_COLUMNS, SHAPE]
        torch.testing.assert_close(shapes[1], shapes[0] * 2, rtol=0, atol=1e-4)

    def test_the_wrist_is_the_origin_and_the_knuckles_are_one_away(self):
        hand = self.shapes(clip().coordinates)[0, :, RIGHT_COLUMNS, SHAPE]
        assert not hand[:, 0].any()
        assert hand[:, [5, 9, 13, 17]].norm(dim=-1).mean().item() == pytest.approx(1, abs=1e-4)

    def test_lips_are_centred_and_the_pose_has_none(self):
        keypoints = self.shapes(clip().coordinates)[0]
        torch.testing.assert_close(keypoints[:, LIPS_COLUMNS, SHAPE].mean(dim=1), torch.zeros(12, 2), rtol=0, atol=1e-4)
        assert not keypoints[:, POSE_COLUMNS, SHAPE].any()

    def test_can_be_turned_off(self):
        plain = KeypointProcessor(do_add_shapes=False)
        prepared = plain.prepare(clip())
        np.testing.assert_array_equal(plain(clip())["keypoints"][0].numpy(), prepared["keypoints"][..., :2])


class TestTime:
    def test_positions_count_frames_at_thirty_a_second(self):
        processor = KeypointProcessor()
        assert processor.prepare(clip(4, fps=15))["positions"].tolist() == [0, 2, 4, 6]
        assert processor.prepare(clip(4, fps=None))["positions"].tolist() == [0, 1, 2, 3]

    def test_a_long_clip_is_averaged(self):
        processor = KeypointProcessor(input_size=4)
        whole = KeypointProcessor().prepare(clip(12))
        averaged = processor.prepare(clip(12))
        np.testing.assert_allclose(averaged["keypoints"][1], whole["keypoints"][3:6].mean(axis=0), atol=1e-5)
        np.testing.assert_allclose(averaged["positions"], [1, 4, 7, 10], atol=1e-5)

    def test_shares_may_cut_frames(self):
        averaged = KeypointProcessor(input_size=2).prepare(clip(3))
        whole = KeypointProcessor().prepare(clip(3))["keypoints"]
        np.testing.assert_allclose(averaged["keypoints"][0], (whole[0] + whole[1] / 2) / 1.5, atol=1e-5)

    @pytest.mark.parametrize(("frames", "size"), [(5, 4), (129, 128), (300, 128), (1000, 7), (97, 1)])
    def test_each_result_is_the_mean_over_its_share_of_the_time(self, frames, size):
        whole = KeypointProcessor(input_size=frames).prepare(clip(frames))
        averaged = KeypointProcessor(input_size=size).prepare(clip(frames))
        edges = np.arange(size + 1) * (frames / size)
        begin, end = np.maximum(edges[:-1, None], np.arange(frames)), np.minimum(edges[1:, None], np.arange(frames) + 1)
        share = np.maximum(end - begin, 0) * (size / frames)
        for name in ("keypoints", "positions"):
            np.testing.assert_allclose(averaged[name], np.tensordot(share, whole[name], axes=1), rtol=1e-4, atol=1e-4)

    def test_a_long_clip_takes_memory_for_its_keypoints_twice_and_no_more(self):
        landmarks = clip(20_000)
        keypoints = 20_000 * 89 * 3 * 4
        processor = KeypointProcessor()
        tracemalloc.start()
        try:
            processor.prepare(landmarks)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < 2.5 * keypoints

    def test_missing_frames_do_not_enter_the_mean(self):
        processor = KeypointProcessor(input_size=4, do_interpolate_gaps=False)
        averaged = processor.prepare(clip(12, lost={RIGHT_HAND: [4, 9, 10, 11]}))
        whole = KeypointProcessor().prepare(clip(12))["keypoints"]
        expected = (whole[3, RIGHT_COLUMNS] + whole[5, RIGHT_COLUMNS]) / 2
        np.testing.assert_allclose(averaged["keypoints"][1, RIGHT_COLUMNS], expected, atol=1e-5)
        assert averaged["part_mask"][:, 2].tolist() == [True, True, True, False]

    def test_dropped_frames_do_not_make_a_clip_long(self):
        processor = KeypointProcessor(input_size=8)
        prepared = processor.prepare(clip(12, lost={LEFT_HAND: every(6), RIGHT_HAND: every(6)}))
        assert prepared["positions"].tolist() == [6, 7, 8, 9, 10, 11]

    def test_ten_thousand_frames(self):
        prepared = KeypointProcessor().prepare(clip(10_000))
        assert prepared["keypoints"].shape == (128, 87, 3)
        assert (np.diff(prepared["positions"]) > 0).all()


class TestMirror:
    @given(seed=st.integers(0, 2**32 - 1), right=st.sets(st.integers(0, 11)), left=st.sets(st.integers(0, 11)))
    def test_mirroring_a_clip_and_the_option_agree(self, seed, right, left):
        original = clip(seed=seed, lost={RIGHT_HAND: sorted(right), LEFT_HAND: sorted(left)})
        processor = KeypointProcessor()
        twice, once = processor(original.mirrored(), mirror=True), processor(original)
        for name, value in once.items():
            torch.testing.assert_close(twice[name], value, rtol=0, atol=1e-4)

    def test_a_mirror_flips_x_and_swaps_the_sides(self):
        processor = KeypointProcessor()
        columns, parts = mirror_order(processor.parts)
        plain, mirrored = (
            processor.prepare(clip(lost={LEFT_HAND: [1]})),
            processor.prepare(clip(lost={LEFT_HAND: [1]}), mirror=True),
        )
        np.testing.assert_allclose(
            mirrored["keypoints"], plain["keypoints"][:, columns] * np.array([-1, 1, 1], np.float32), atol=1e-4
        )
        np.testing.assert_array_equal(mirrored["part_mask"], plain["part_mask"][:, parts])


class TestStandardisation:
    def test_the_fitted_set_has_mean_zero_and_deviation_one(self):
        processor = KeypointProcessor()
        lost = {LEFT_HAND: [3, 4, 5, 6, 7, 8, 9, 10]}
        clips = [processor.prepare(clip(seed=seed, lost=lost)) for seed in range(40)]
        processor.fit(clips)
        batch = processor.finish(dict(processor.pad(clips)))
        right = batch["keypoints"][:, :, RIGHT_COLUMNS].flatten(0, 1)
        torch.testing.assert_close(right.mean(dim=0), torch.zeros(21, 4), rtol=0, atol=1e-3)
        # The wrist is the origin of the shape, so there it has nothing to standardise.
        torch.testing.assert_close(right.std(dim=0)[1:], torch.ones(20, 4), rtol=0, atol=1e-2)
        left = batch["keypoints"][:, :, LEFT_COLUMNS][batch["part_mask"][..., 1]]
        torch.testing.assert_close(left.mean(dim=0), torch.zeros(21, 4), rtol=0, atol=1e-3)

    def test_what_hardly_moves_is_not_blown_up(self):
        processor = KeypointProcessor()
        processor.fit([processor.prepare(clip())])
        shoulders = np.array(processor.std)[[83, 85], :2]
        np.testing.assert_allclose(shoulders, SMALLEST_DEVIATION)

    def test_missing_parts_stay_zero(self):
        processor = KeypointProcessor(mean=[[1.0, 2.0, 3.0, 4.0]] * 87, std=[[3.0, 4.0, 5.0, 6.0]] * 87)
        batch = processor(clip(lost={LEFT_HAND: every(12)}))
        assert not batch["keypoints"][:, :, LEFT_COLUMNS].any()

    def test_is_saved_with_the_processor(self, tmp_path):
        processor = KeypointProcessor(input_size=64)
        processor.fit([processor.prepare(clip())])
        processor.save_pretrained(tmp_path)
        loaded = KeypointProcessor.from_pretrained(tmp_path)
        for name, value in processor(clip()).items():
            assert torch.equal(loaded(clip())[name], value)


def fitted(frames: tuple[int, int] = (1, 128), frame_rate: object = (1, 1000), without: tuple[str, ...] = ()) -> dict:
    """What training showed: as a rule nearly anything."""
    rate = None if frame_rate is None else list(frame_rate)
    return {"parts": [name for name in PARTS if name not in without], "frames": list(frames), "frame_rate": rate}


@pytest.fixture
def warned(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is warned of, as often as it is."""
    messages: list[str] = []
    monkeypatch.setattr(fitted_slr.logger, "warning_once", messages.append)
    return messages


class TestFitting:
    """A processor knows what the clips of training showed."""

    def test_tells_parts_lengths_and_rates(self):
        processor = KeypointProcessor()
        clips = [clip(frames, lost={LIPS: every(frames)}, fps=fps) for frames, fps in ((12, 15), (9, 30), (10, None))]
        processor.fit([processor.prepare(landmarks) for landmarks in clips])
        assert processor.fitted == {
            "parts": ["left_hand", "right_hand", "pose"],
            "frames": [9, 12],
            "frame_rate": [15.0, 30.0],
        }

    def test_a_part_that_one_clip_shows_in_one_frame_is_known(self):
        processor = KeypointProcessor()
        hidden, shown = clip(12, lost={LIPS: every(12)}), clip(12, lost={LIPS: every(11)})
        processor.fit([processor.prepare(hidden), processor.prepare(shown)])
        assert processor.fitted is not None
        assert processor.fitted["parts"] == list(PARTS)

    def test_augmentations_stretch_lengths_and_rates(self):
        processor = KeypointProcessor(input_size=20)
        clips = [processor.prepare(clip(10)), processor.prepare(clip(15))]
        processor.fit(clips, lengths=(0.25, 1.3), rates=(0.5, 1.0))
        assert processor.fitted is not None
        assert (processor.fitted["frames"], processor.fitted["frame_rate"]) == ([2, 20], [15.0, 30.0])
        processor.fit(clips, lengths=(0.01, 1.1))
        assert processor.fitted["frames"] == [1, 17]

    def test_a_mirror_shows_the_other_hand(self):
        processor = KeypointProcessor()
        clips = [processor.prepare(clip(lost={LEFT_HAND: every(12), LIPS: every(12)}))]
        for mirrored, expected in ((False, ["right_hand", "pose"]), (True, ["left_hand", "right_hand", "pose"])):
            processor.fit(clips, mirrored=mirrored)
            assert processor.fitted is not None
            assert processor.fitted["parts"] == expected

    def test_the_numbers_of_parts_that_were_not_seen_stay_as_they_are(self):
        processor = KeypointProcessor()
        processor.fit([processor.prepare(clip(lost={LIPS: every(12)}))])
        assert not np.array(processor.mean)[LIPS_COLUMNS].any()
        assert (np.array(processor.std)[LIPS_COLUMNS] == 1).all()

    def test_clips_of_one_frame_have_no_rate(self):
        processor = KeypointProcessor()
        processor.fit([processor.prepare(clip(1))])
        assert processor.fitted is not None
        assert processor.fitted["frame_rate"] is None
        assert len(processor.prepare(clip(12, fps=500))["positions"]) == 1

    def test_a_second_fit_forgets_the_first(self):
        processor = KeypointProcessor()
        clips = [processor.prepare(clip(lost=lost)) for lost in ({LIPS: every(12)}, {POSE: every(12)})]
        for prepared, expected in zip(clips, ("lips", "pose"), strict=True):
            processor.fit([prepared])
            assert processor.fitted is not None
            assert processor.fitted["parts"] == [name for name in PARTS if name != expected]

    def test_is_saved_with_the_processor(self, tmp_path):
        processor = KeypointProcessor()
        processor.fit([processor.prepare(clip(lost={LIPS: every(12)}))])
        processor.save_pretrained(tmp_path)
        loaded = KeypointProcessor.from_pretrained(tmp_path)
        assert loaded.fitted == processor.fitted
        assert loaded.to_dict() == processor.to_dict()

    def test_a_processor_of_before_knows_nothing_and_hides_nothing(self, tmp_path, warned):
        KeypointProcessor().save_pretrained(tmp_path)
        path = tmp_path / "preprocessor_config.json"
        content = json.loads(path.read_text())
        content.pop("fitted", None)
        path.write_text(json.dumps(content))
        prepared = KeypointProcessor.from_pretrained(tmp_path).prepare(clip(300, fps=120))
        assert len(prepared["positions"]) == 128
        assert prepared["part_mask"].all()
        assert warned == []

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (5, "must be an object of frame_rate, frames, parts"),
            ({}, "must be an object of frame_rate, frames, parts"),
            ({**fitted(), "points": []}, "must be an object of frame_rate, frames, parts"),
            ({**fitted(), "parts": []}, "must name at least one part"),
            ({**fitted(), "parts": "lips"}, "must name at least one part"),
            ({**fitted(), "parts": [1]}, "must name at least one part"),
            ({**fitted(), "parts": ["tail"]}, "must name parts of .* but has .'tail'"),
            ({**fitted(), "parts": ["lips", "lips"]}, "each once"),
            ({**fitted(), "frames": [1]}, "`frames` of `fitted` must be two integers"),
            ({**fitted(), "frames": [1.5, 2]}, "`frames` of `fitted` must be two integers"),
            ({**fitted(), "frames": [True, 2]}, "`frames` of `fitted` must be two integers"),
            ({**fitted(), "frames": [9, 2]}, "the least first"),
            ({**fitted(), "frames": [0, 2]}, "`frames` of `fitted` must be from 1"),
            ({**fitted(), "frames": [1, 10**30]}, "`frames` of `fitted` must be from 1"),
            ({**fitted(), "frame_rate": 30}, "`frame_rate` of `fitted` must be two numbers"),
            ({**fitted(), "frame_rate": [float("nan"), 30]}, "the least first"),
            ({**fitted(), "frame_rate": [-1, 30]}, "`frame_rate` of `fitted` must be above 0"),
            ({**fitted(), "frame_rate": [0, 0]}, "`frame_rate` of `fitted` must be above 0"),
            ({**fitted(), "frame_rate": [1, float("inf")]}, "`frame_rate` of `fitted` must be above 0"),
        ],
    )
    def test_a_malformed_record_is_refused(self, change, message):
        with pytest.raises(ValueError, match=message):
            KeypointProcessor(fitted=change)


class TestPartsThatTrainingLacked:
    """They count as not seen."""

    def test_are_as_if_they_were_not_detected(self):
        processor = KeypointProcessor(fitted=fitted(without=("lips",)))
        whole, hidden = processor(clip()), processor(clip(lost={LIPS: every(12)}))
        assert not whole["part_mask"][..., 0].any()
        for name, value in hidden.items():
            assert torch.equal(whole[name], value)

    def test_do_not_hold_frames_that_show_nothing_else(self):
        processor = KeypointProcessor(fitted=fitted(without=("left_hand",)))
        prepared = processor.prepare(clip(8, lost={RIGHT_HAND: [0, 4]}))
        assert prepared["positions"].tolist() == [1, 2, 3, 5, 6, 7]

    def test_do_not_set_the_signers_frame(self):
        # Hands alone were trained, in a frame that hands set; never one that shoulders set.
        processor = KeypointProcessor(fitted=fitted(without=("lips", "pose")))
        whole, hidden = processor(clip()), processor(clip(lost={POSE: every(12), LIPS: every(12)}))
        for name, value in hidden.items():
            assert torch.equal(whole[name], value)

    def test_shoulders_that_belong_to_no_part_set_the_signers_frame_as_ever(self):
        hands = [part for part in default_parts() if part.get("anchor") is not None]
        known = {**fitted(), "parts": ["left_hand", "right_hand"]}
        found = KeypointProcessor(parts=hands, fitted=known).prepare(clip())
        expected = KeypointProcessor(parts=hands).prepare(clip())
        np.testing.assert_array_equal(found["keypoints"], expected["keypoints"])

    def test_are_hidden_in_batches_that_were_prepared_before_the_processor_was_fitted(self):
        processor = KeypointProcessor()
        batch = processor.pad([processor.prepare(clip())])
        processor.fitted = fitted(without=("lips",))
        finished = processor.finish(dict(batch))
        assert not finished["part_mask"][..., 0].any()
        assert not finished["keypoints"][:, :, LIPS_COLUMNS].any()
        assert finished["part_mask"][..., 1:].all()

    def test_are_those_on_the_other_side_where_the_clip_is_mirrored(self):
        processor = KeypointProcessor(fitted=fitted(without=("left_hand",)))
        left_handed = clip(lost={RIGHT_HAND: every(12)})
        assert not processor.prepare(left_handed)["part_mask"][:, 1:3].any()
        assert processor.prepare(left_handed, mirror=True)["part_mask"][:, 2].all()

    def test_are_warned_of_where_they_are_seen(self, warned):
        processor = KeypointProcessor(fitted=fitted(without=("lips",)))
        processor.prepare(clip(lost={LIPS: every(12)}))
        assert warned == []
        processor.prepare(clip())
        assert warned == [
            "The part 'lips' is seen in a clip, but no clip of training showed it: it counts as not seen."
        ]

    def test_are_warned_of_once(self, monkeypatch):
        said: list[str] = []
        monkeypatch.setattr(fitted_slr.logger, "warning", said.append)
        fitted_slr.logger.warning_once.cache_clear()
        for seed in range(3):
            KeypointProcessor(fitted=fitted(without=("pose",))).prepare(clip(seed=seed))
        assert len(said) == 1


class TestTimesThatTrainingLacked:
    """Clips are averaged down to what training showed; what cannot be mended is warned of."""

    def test_a_longer_clip_is_averaged_down_to_the_longest(self, warned):
        found = KeypointProcessor(fitted=fitted(frames=(5, 8))).prepare(clip(20))
        expected = KeypointProcessor(input_size=8).prepare(clip(20))
        for name, value in expected.items():
            np.testing.assert_array_equal(found[name], value)
        assert warned == [
            "A clip has more frames than any of training (training showed 5 to 8): it is averaged down to 8."
        ]

    def test_a_faster_clip_is_averaged_down_to_the_highest_rate(self, warned):
        found = KeypointProcessor(fitted=fitted(frame_rate=(25, 30))).prepare(clip(20, fps=60))
        np.testing.assert_allclose(found["positions"], np.arange(10) + 0.25, atol=1e-5)
        (message,) = warned
        assert message == (
            "A clip has more frames a second than any of training (training showed 25 to 30): it is averaged down to "
            "30."
        )

    @pytest.mark.parametrize("fps", [25, 29.97, 30, 30.03, 32, None])
    def test_a_rate_that_is_about_that_of_training_stays(self, fps, warned):
        found = KeypointProcessor(fitted=fitted(frame_rate=(27, 29.97))).prepare(clip(21, fps=fps))
        assert len(found["positions"]) == 21
        assert warned == []

    def test_the_stricter_of_the_two_counts(self):
        for frames, expected in ((30, 15), (40, 20), (80, 20), (3, 2), (1, 1)):
            processor = KeypointProcessor(fitted=fitted(frames=(1, 20), frame_rate=(30, 30)))
            assert len(processor.prepare(clip(frames, fps=60))["positions"]) == expected

    def test_input_size_is_the_limit_still(self):
        processor = KeypointProcessor(input_size=16, fitted=fitted(frames=(1, 128)))
        assert len(processor.prepare(clip(40))["positions"]) == 16
        assert processor([clip(40)], padding="max_length")["keypoints"].shape[1] == 16

    def test_padding_to_the_largest_size_stays(self):
        batch = KeypointProcessor(input_size=32, fitted=fitted(frames=(1, 8)))(clip(40), padding="max_length")
        assert batch["attention_mask"].tolist() == [[1] * 8 + [0] * 24]

    def test_a_shorter_or_slower_clip_is_warned_of_and_taken_as_it_is(self, warned):
        found = KeypointProcessor(fitted=fitted(frames=(10, 20), frame_rate=(24, 30))).prepare(clip(6, fps=10))
        assert len(found["positions"]) == 6
        assert [message.partition("(")[0] for message in warned] == [
            "A clip has fewer frames a second than any of training ",
            "A clip has fewer frames than any of training ",
        ]

    def test_frames_without_a_hand_do_not_count(self, warned):
        handless = clip(30, lost={LEFT_HAND: every(20), RIGHT_HAND: every(20)})
        assert len(KeypointProcessor(fitted=fitted(frames=(5, 12))).prepare(handless)["positions"]) == 10
        assert warned == []

    def test_is_turned_off_with_resampling(self, warned):
        processor = KeypointProcessor(do_resample=False, fitted=fitted(frames=(1, 8), frame_rate=(30, 30)))
        assert len(processor.prepare(clip(20, fps=60))["positions"]) == 20
        assert warned == []


class TestDepth:
    """Landmarks of two dimensions have NaN as z, which is 0 to the model."""

    @staticmethod
    def flat(value: float, where: tuple = ()) -> Landmarks:
        values = clip().coordinates.copy()
        values[(*where, ..., 2)] = value
        return Landmarks(values, fps=30, width=640, height=480)

    @pytest.mark.parametrize("coordinates", [2, 3])
    @pytest.mark.parametrize(
        "where",
        [(), (slice(3, 6),), (slice(None), list(RIGHT_HAND))],
        ids=["everywhere", "in some frames", "in a hand"],
    )
    def test_no_z_is_a_z_of_zero(self, coordinates, where):
        processor = KeypointProcessor(num_coordinates=coordinates)
        found, expected = self.flat(np.nan, where), self.flat(0, where)
        prepared = processor.prepare(found)
        assert prepared["part_mask"].all()
        np.testing.assert_array_equal(prepared["keypoints"], processor.prepare(expected)["keypoints"])
        assert torch.isfinite(processor(found)["keypoints"]).all()

    def test_the_clip_is_left_as_it_was(self):
        flat = self.flat(np.nan)
        KeypointProcessor().prepare(flat)
        assert np.isnan(flat.coordinates[..., 2]).all()


class TestEdges:
    def test_one_frame(self):
        assert tuple(KeypointProcessor()(clip(1))["keypoints"].shape) == (1, 1, 87, 4)

    def test_nothing_detected(self):
        nothing = Landmarks(np.full((5, NUM_LANDMARKS, 3), np.nan, np.float32))
        batch = KeypointProcessor()(nothing)
        assert not batch["keypoints"].any()
        assert not batch["part_mask"].any()

    def test_an_empty_clip_is_refused(self):
        with pytest.raises(ValueError, match="no frames"):
            KeypointProcessor()(clip(0))

    def test_no_clip_is_refused(self):
        with pytest.raises(ValueError, match="no clip"):
            KeypointProcessor()([])

    def test_an_array_of_another_layout_is_refused(self):
        with pytest.raises(ValueError, match=r"\(4, 75, 3\)"):
            KeypointProcessor()(np.zeros((4, 75, 3), np.float32))

    def test_arrays_of_all_or_of_the_stored_points_are_taken(self):
        for points in (543, 115):
            values = np.random.default_rng(0).random((4, points, 3), np.float32)
            assert tuple(KeypointProcessor()(values)["keypoints"].shape) == (1, 4, 87, 4)

    def test_an_unknown_padding_is_refused(self):
        with pytest.raises(ValueError, match="sideways"):
            KeypointProcessor()(clip(), padding="sideways")

    def test_statistics_of_another_layout_are_refused(self):
        with pytest.raises(ValueError, match="mean"):
            KeypointProcessor(mean=[[0.0, 0.0]])

    def test_another_table_of_parts(self):
        hands = [part for part in default_parts() if part.get("anchor") is not None]
        batch = KeypointProcessor(parts=hands)(clip())
        assert tuple(batch["keypoints"].shape) == (1, 12, 42, 4)

    @given(
        seed=st.integers(0, 2**32 - 1),
        frames=st.integers(1, 40),
        missing=st.lists(
            st.tuples(st.sampled_from([LIPS, LEFT_HAND, RIGHT_HAND, POSE]), st.integers(0, 39)), max_size=60
        ),
        fps=st.sampled_from([None, 12.5, 30, 60]),
    )
    def test_any_clip_gives_finite_keypoints_and_rising_time(self, seed, frames, missing, fps):
        lost: dict = {}
        for points, frame in missing:
            if frame < frames:
                lost.setdefault(points, []).append(frame)
        batch = KeypointProcessor(input_size=16)(clip(frames, seed, lost, fps))
        assert torch.isfinite(batch["keypoints"]).all()
        assert (batch["positions"].diff(dim=1) > 0).all()
        assert batch["keypoints"].shape[1] <= 16


def test_real_clips_are_in_the_signers_frame(data_dir):
    with np.load(data_dir / "lips3a.npz", allow_pickle=False) as store:
        points, offsets, values = tuple(store["points"].tolist()), store["offsets"], store["landmarks"]
    processor = KeypointProcessor()
    clips = [
        processor.prepare(Landmarks(values[start:end], points, width=640, height=480))
        for start, end in pairwise(offsets)
    ]
    seen = np.concatenate([clip["part_mask"] for clip in clips])
    keypoints = np.concatenate([clip["keypoints"] for clip in clips])
    lips = keypoints[seen[:, 0], LIPS_COLUMNS]
    # Lips are above the shoulders (y points down), near the middle, and a quarter of a shoulder width wide.
    assert np.median(lips[..., 1]) < -0.15
    assert abs(np.median(lips[..., 0])) < 0.2
    assert 0.05 < np.median(np.ptp(lips[..., 0], axis=1)) < 0.4
