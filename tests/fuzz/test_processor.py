"""The processor on any landmarks that are allowed, however senseless: finite keypoints, in bounded number."""

import json
from typing import Any

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from slr_hf.model.landmarks_slr import NUM_LANDMARKS, STORED_POINTS, Landmarks
from slr_hf.model.processing_slr import KeypointProcessor

#: What a detector gives, what it gives where it finds nothing, and what only malice gives.
NUMBERS = st.one_of(
    st.floats(0, 1, width=32),
    st.just(np.nan),
    st.sampled_from([0.0, -0.0, 1e-30, -1e-30, 1e-3, 1e3, 6e4, -6e4]),
)


@st.composite
def landmarks(draw: st.DrawFn) -> Landmarks:
    points = draw(
        st.one_of(
            st.just(tuple(STORED_POINTS)),
            st.lists(st.integers(0, NUM_LANDMARKS - 1), max_size=9, unique=True).map(tuple),
        )
    )
    frames = draw(st.integers(1, 24))
    return Landmarks(
        draw(arrays(np.float32, (frames, len(points), 3), elements=NUMBERS, fill=NUMBERS)),
        points=points,
        fps=draw(st.one_of(st.none(), st.sampled_from([1e-5, 1.0, 29.97, 1e6]))),
        width=draw(st.sampled_from([1, 640, 10**9])),
        height=draw(st.sampled_from([1, 480, 10**9])),
    )


@st.composite
def training(draw: st.DrawFn) -> dict[str, Any] | None:
    """What training may have shown: anything, or what nobody knows."""
    parts = draw(st.lists(st.sampled_from(["lips", "left_hand", "right_hand", "pose"]), unique=True))
    if not parts:
        return None
    frames = sorted(draw(st.tuples(st.integers(1, 30), st.integers(1, 30))))
    rates = sorted(draw(st.tuples(st.floats(1e-6, 1e9), st.floats(1e-6, 1e9))))
    return {"parts": parts, "frames": frames, "frame_rate": draw(st.sampled_from([None, rates]))}


@settings(max_examples=60)
@given(clips=st.lists(landmarks(), min_size=1, max_size=3), mirror=st.booleans(), fitted=training())
def test_any_landmarks_give_finite_keypoints(
    clips: list[Landmarks], mirror: bool, fitted: dict[str, Any] | None
) -> None:
    batch = KeypointProcessor(input_size=16, fitted=fitted)(clips, mirror=mirror)
    valid = batch["attention_mask"].bool()
    assert batch["keypoints"].shape[0] == len(clips)
    assert 1 <= batch["keypoints"].shape[1] <= 16
    assert torch.isfinite(batch["keypoints"]).all()
    assert torch.isfinite(batch["positions"]).all()
    if fitted is not None:
        shown = [part["name"] in fitted["parts"] for part in KeypointProcessor().parts]
        assert not batch["part_mask"][..., ~torch.tensor(shown)].any()
        assert batch["keypoints"].shape[1] <= fitted["frames"][1]
    assert (batch["positions"].diff(dim=1) > 0)[valid[:, 1:]].all()


@settings(max_examples=60)
@given(clips=st.lists(landmarks(), min_size=1, max_size=3))
def test_any_clips_can_be_fitted_on(clips: list[Landmarks]) -> None:
    processor = KeypointProcessor(input_size=16)
    prepared = [processor.prepare(clip) for clip in clips]
    if not any(clip["part_mask"].any() for clip in prepared):
        return
    processor.fit(prepared, lengths=(0.5, 2.0), rates=(0.5, 1.0))
    loaded = KeypointProcessor.from_dict(json.loads(processor.to_json_string()))
    assert loaded.fitted == processor.fitted
    if not loaded.uses_shoulders:
        return  # a detector that finds shoulders without the part they belong to is none that training knows
    # The clips of training are within what training showed.
    for clip, again in zip(prepared, [loaded.prepare(clip) for clip in clips], strict=True):
        for name, values in clip.items():
            np.testing.assert_array_equal(again[name], values)
