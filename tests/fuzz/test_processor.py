"""The processor on any landmarks that are allowed, however senseless: finite keypoints, in bounded number."""

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


@settings(max_examples=60)
@given(clips=st.lists(landmarks(), min_size=1, max_size=3), mirror=st.booleans())
def test_any_landmarks_give_finite_keypoints(clips: list[Landmarks], mirror: bool) -> None:
    batch = KeypointProcessor(input_size=16)(clips, mirror=mirror)
    valid = batch["attention_mask"].bool()
    assert batch["keypoints"].shape[0] == len(clips)
    assert 1 <= batch["keypoints"].shape[1] <= 16
    assert torch.isfinite(batch["keypoints"]).all()
    assert torch.isfinite(batch["positions"]).all()
    assert (batch["positions"].diff(dim=1) > 0)[valid[:, 1:]].all()
