"""One call from a video to the gloss."""

import numpy as np
import pytest
import torch

from slr_hf.model.configuration_slr import SLRConfig
from slr_hf.model.landmarks_slr import (
    LEFT_HAND,
    NOSE,
    NUM_LANDMARKS,
    POSE,
    POSE_WRISTS,
    RIGHT_HAND,
    Landmarks,
)
from slr_hf.model.modeling_slr import SLRForSignClassification
from slr_hf.model.pipeline_slr import WARNINGS, SignRecognitionPipeline
from slr_hf.model.processing_slr import KeypointProcessor


def clip(lost: tuple[range, ...] = (), frames: int = 20, seen_frames: int = 0) -> Landmarks:
    values = np.random.default_rng(0).random((frames, NUM_LANDMARKS, 3), np.float32)
    for points in lost:
        values[seen_frames:, list(points)] = np.nan
    return Landmarks(values, fps=30, width=640, height=480)


@pytest.fixture(scope="module")
def recognize() -> SignRecognitionPipeline:
    torch.manual_seed(0)
    config = SLRConfig.from_size("tiny", id2label={0: "yes", 1: "no", 2: "hello"})
    return SignRecognitionPipeline(SLRForSignClassification(config), KeypointProcessor(), device="cpu")


def test_the_answer_is_ranked_and_sums_to_one(recognize):
    answer = recognize(clip(), top_k=3)
    scores = [prediction["score"] for prediction in answer["predictions"]]
    assert scores == sorted(scores, reverse=True)
    assert sum(scores) == pytest.approx(1, abs=1e-5)
    assert {prediction["label"] for prediction in answer["predictions"]} == {"yes", "no", "hello"}
    assert 0 < answer["confidence"] < 1
    assert answer["warnings"] == []


def test_top_k_is_at_most_the_number_of_glosses(recognize):
    assert len(recognize(clip(), top_k=1)["predictions"]) == 1
    assert len(recognize(clip(), top_k=50)["predictions"]) == 3


def test_it_is_the_processor_and_the_model(recognize):
    with torch.no_grad():
        logits = recognize.model(**recognize.feature_extractor(clip())).logits
    assert recognize(clip())["predictions"][0]["score"] == pytest.approx(logits.softmax(-1).max().item(), abs=1e-6)


def test_a_mirrored_clip_with_mirror_gives_the_same_answer(recognize):
    plain, mirrored = recognize(clip()), recognize(clip().mirrored(), mirror=True)
    assert mirrored["confidence"] == pytest.approx(plain["confidence"], abs=1e-4)


def test_it_tells_which_moments_count_where_asked(recognize):
    hidden = clip(lost=(LEFT_HAND, RIGHT_HAND), frames=20, seen_frames=8)
    assert "frame_weights" not in recognize(hidden)
    answer = recognize(hidden, explain=True)
    assert answer["times"] == pytest.approx([frame / 30 for frame in range(8)])  # frames without a hand are not seen
    assert len(answer["frame_weights"]) == 8
    assert sum(answer["frame_weights"]) == pytest.approx(1, abs=1e-5)
    assert min(answer["frame_weights"]) >= 0


def test_a_stream_is_recognised_as_its_clip_is(recognize):
    # One look, when all of the clip has come.
    settings = {"window": 20 / 30, "shortest": 19 / 30, "agreement": 0, "confidence": 0.0}
    stream = recognize.stream(fps=30, width=640, height=480, **settings)
    assert not [sign for frame in clip().coordinates for sign in stream.add(frame)]
    (sign,) = stream.finish()
    answer = recognize(clip())
    assert sign.gloss == answer["predictions"][0]["label"]
    assert sign.score == pytest.approx(answer["predictions"][0]["score"], abs=1e-5)


def test_a_list_gives_a_list(recognize):
    answers = recognize([clip(), clip(frames=7)])
    assert [len(answer["predictions"]) for answer in answers] == [3, 3]


@pytest.mark.parametrize("batch_size", [2, 3, 8])
@pytest.mark.parametrize("confidence_head", [True, False])
def test_clips_in_batches_are_answered_as_one_by_one(batch_size, confidence_head):
    config = SLRConfig.from_size("tiny", id2label={0: "yes", 1: "no", 2: "hello"}, confidence_head=confidence_head)
    torch.manual_seed(0)
    recognize = SignRecognitionPipeline(SLRForSignClassification(config), KeypointProcessor(), device="cpu")
    hands = (LEFT_HAND, RIGHT_HAND)
    clips = [clip(), clip(frames=7), clip(lost=hands), clip(lost=hands, seen_frames=3), clip(frames=33)]
    answers = recognize(clips, batch_size=batch_size, explain=True)
    assert len(answers) == len(clips)
    for found, landmarks in zip(answers, clips, strict=True):
        expected = recognize(landmarks, explain=True)
        assert found["warnings"] == expected["warnings"]
        assert found["confidence"] == pytest.approx(expected["confidence"], abs=1e-5)
        assert [item["label"] for item in found["predictions"]] == [item["label"] for item in expected["predictions"]]
        for name in ("times", "frame_weights"):
            assert found[name] == pytest.approx(expected[name], abs=1e-5)


def test_a_model_that_is_set_to_give_tuples_is_answered_with_too(recognize, monkeypatch):
    expected = recognize(clip())
    monkeypatch.setattr(recognize.model.config, "return_dict", False)
    assert recognize(clip()) == expected


@pytest.mark.parametrize(
    ("lost", "seen_frames", "warnings"),
    [
        ((LEFT_HAND, RIGHT_HAND), 0, ["no_hands"]),
        ((LEFT_HAND, RIGHT_HAND), 4, ["hands_rarely_seen", "too_short"]),
        ((LEFT_HAND,), 0, []),
        ((POSE, range(468)), 0, ["no_body"]),
    ],
)
def test_poor_clips_are_explained(recognize, lost, seen_frames, warnings):
    assert recognize(clip(lost, seen_frames=seen_frames))["warnings"] == warnings
    assert set(warnings) <= set(WARNINGS)


@pytest.mark.parametrize(
    ("known", "lost", "warnings"),
    [
        (["left_hand", "right_hand"], (POSE, range(468)), []),
        (["left_hand", "right_hand"], (POSE, range(468), LEFT_HAND, RIGHT_HAND), ["no_hands"]),
        (["left_hand", "right_hand", "pose"], (POSE,), ["no_body"]),  # lips in view, which this model does not look at
        (["left_hand", "right_hand", "pose"], (range(468),), []),
        (["right_hand", "pose"], (RIGHT_HAND,), ["no_hands"]),
        (["lips", "pose"], (LEFT_HAND, RIGHT_HAND), []),
    ],
)
def test_what_training_lacked_is_no_reason_for_a_poor_answer(recognize, monkeypatch, known, lost, warnings):
    fitted = {"parts": known, "frames": [1, 128], "frame_rate": [1.0, 100.0]}
    monkeypatch.setattr(recognize.feature_extractor, "fitted", fitted)
    assert recognize(clip(lost))["warnings"] == warnings


def test_a_model_of_hands_alone_does_not_ask_for_the_head(recognize, monkeypatch):
    landmarks = clip()
    landmarks.coordinates[:, NOSE, :2] = (0.5, -0.1)
    assert recognize(landmarks)["warnings"] == ["head_out_of_view"]
    fitted = {"parts": ["left_hand", "right_hand"], "frames": [1, 128], "frame_rate": [1.0, 100.0]}
    monkeypatch.setattr(recognize.feature_extractor, "fitted", fitted)
    assert recognize(landmarks)["warnings"] == []


@pytest.mark.parametrize(
    ("point", "place", "warnings"),
    [
        (NOSE, (0.5, -0.1), ["head_out_of_view"]),
        (NOSE, (1.1, 0.5), ["head_out_of_view"]),
        (POSE_WRISTS[0], (-0.1, 0.5), ["hands_out_of_view"]),
        (POSE_WRISTS[1], (0.5, 1.1), []),  # a hand at rest
    ],
)
def test_what_leaves_the_picture_is_told(recognize, point, place, warnings):
    landmarks = clip(frames=20)
    landmarks.coordinates[:5, point, :2] = place  # a quarter is not told
    assert recognize(landmarks)["warnings"] == []
    landmarks.coordinates[:6, point, :2] = place
    assert recognize(landmarks)["warnings"] == warnings


def test_unknown_arguments_are_refused(recognize):
    with pytest.raises(TypeError, match="beam_size"):
        recognize(clip(), beam_size=3)
    with pytest.raises(ValueError, match="top_k"):
        recognize(clip(), top_k=0)


def test_without_a_confidence_head_the_best_probability_stands_in():
    config = SLRConfig.from_size("tiny", id2label={0: "yes", 1: "no"}, confidence_head=False)
    answer = SignRecognitionPipeline(SLRForSignClassification(config), KeypointProcessor(), device="cpu")(clip())
    assert answer["confidence"] == answer["predictions"][0]["score"]


@pytest.mark.integration
def test_a_real_video_is_answered_with_progress(recognize, data_dir, landmarker_path, monkeypatch):
    monkeypatch.setenv("SLR_LANDMARKER", str(landmarker_path))
    seen: list[tuple[int, int | None]] = []
    answer = recognize(
        str(data_dir / "videos" / "msl150_yo_001.mp4"), top_k=2, progress=lambda done, total: seen.append((done, total))
    )
    assert len(answer["predictions"]) == 2
    assert [done for done, _ in seen][-1] == 55
    assert answer["warnings"] in ([], ["no_body"])  # the face is blurred, so lips are rarely seen
