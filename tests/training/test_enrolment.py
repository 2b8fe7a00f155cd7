"""Enrolment: new signs without training."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from datasets import Dataset
from torch.nn import functional as F
from transformers import AutoModelForVideoClassification

from slr_hf.data import prepare_dataset, read_column, to_clip
from slr_hf.model.landmarks_slr import Landmarks
from slr_hf.model.modeling_slr import SLRForSignClassification
from slr_hf.model.pipeline_slr import SignRecognitionPipeline
from slr_hf.model.processing_slr import KeypointProcessor
from slr_hf.training.enrolment import enrol, save_enrolled
from slr_hf.training.stages import with_new_head

#: The clips of Mexican Sign Language, which the demo model does not know.
SIGNS = ("ambulancia", "doctor", "dolor", "hoy", "yo")


def one_clip_a_gloss(glosses: list[str], clips: list[Landmarks]) -> Dataset:
    """A dataset with one clip of each gloss."""
    from datasets import ClassLabel, Features, List, Value

    features = Features(
        clip_id=Value("string"),
        label=ClassLabel(names=glosses),
        landmarks=List(Value("float16")),
        points=List(Value("int16")),
        fps=Value("float32"),
        width=Value("int32"),
        height=Value("int32"),
    )
    rows = [
        {
            "clip_id": gloss,
            "label": index,
            "landmarks": clip.coordinates.astype(np.float16).reshape(-1),
            "points": list(clip.points),
            "fps": clip.fps,
            "width": clip.width,
            "height": clip.height,
        }
        for index, (gloss, clip) in enumerate(zip(glosses, clips, strict=True))
    ]
    return Dataset.from_list(rows, features=features).with_format("numpy")


def every_other_frame(clip: Landmarks, start: int) -> Landmarks:
    return Landmarks(
        clip.coordinates[start::2],
        clip.points,
        fps=clip.fps and clip.fps / 2,
        width=clip.width,
        height=clip.height,
    )


@pytest.fixture
def processor() -> KeypointProcessor:
    return KeypointProcessor()


def test_without_copies_a_prototype_is_the_mean_of_embeddings(
    clips: Dataset, make_model: Callable[..., SLRForSignClassification], processor: KeypointProcessor
) -> None:
    model = make_model().eval()
    enrolled = enrol(model, processor, clips, copies=0)
    batch = processor.finish(dict(processor.pad([to_clip(row, processor) for row in clips])))
    with torch.no_grad():
        embeddings = F.normalize(model.slr(**batch).pooled_output, dim=-1)
    labels = torch.as_tensor(read_column(clips, "label"))
    expected = torch.stack([F.normalize(embeddings[labels == label].mean(dim=0), dim=0) for label in range(3)])
    torch.testing.assert_close(enrolled.classifier.weight.detach(), expected, atol=1e-5, rtol=0)
    with torch.no_grad():
        logits = enrolled(**batch).logits
    torch.testing.assert_close(logits, 20 * embeddings @ expected.T, atol=1e-3, rtol=0)


def test_the_seed_alone_decides_the_copies(
    clips: Dataset, make_model: Callable[..., SLRForSignClassification], processor: KeypointProcessor
) -> None:
    weights = [enrol(make_model(), processor, clips, copies=2, seed=seed).classifier.weight for seed in (0, 0, 1)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_a_gloss_without_clips_is_refused(
    clips: Dataset, make_model: Callable[..., SLRForSignClassification], processor: KeypointProcessor
) -> None:
    without = clips.select(np.flatnonzero(read_column(clips, "label") != 1))
    with pytest.raises(ValueError, match=r"no clip of the glosses \['good'\]"):
        enrol(make_model(), processor, without)
    with pytest.raises(ValueError, match="must not be negative"):
        enrol(make_model(), processor, clips, copies=-1)


def test_a_saved_enrolment_is_a_model_like_others(
    clips: Dataset, make_model: Callable[..., SLRForSignClassification], processor: KeypointProcessor, tmp_path: Path
) -> None:
    enrolled = enrol(make_model(), processor, clips, copies=1)
    save_enrolled(enrolled, processor, clips, "somewhere", tmp_path / "enrolled")
    inputs = processor.finish(dict(processor.pad([to_clip(clips[0], processor)])))
    with torch.no_grad():
        expected = enrolled(**inputs).logits
        # With the package's code, and with the code that lies in the folder.
        for loaded in (
            SLRForSignClassification.from_pretrained(tmp_path / "enrolled"),
            AutoModelForVideoClassification.from_pretrained(tmp_path / "enrolled", trust_remote_code=True),
        ):
            torch.testing.assert_close(loaded.eval()(**inputs).logits, expected)
    answer = SignRecognitionPipeline.from_pretrained(tmp_path / "enrolled")(
        Landmarks(np.full((9, 543, 3), 0.5, np.float32))
    )
    assert {prediction["label"] for prediction in answer["predictions"]} == {"bad", "good", "yes"}
    assert answer["confidence"] == answer["predictions"][0]["score"]


def test_an_enrolled_model_can_be_trained_further(
    clips: Dataset, make_model: Callable[..., SLRForSignClassification], processor: KeypointProcessor, tmp_path: Path
) -> None:
    save_enrolled(enrol(make_model(), processor, clips, 0), processor, clips, "somewhere", tmp_path / "enrolled")
    model = with_new_head(tmp_path / "enrolled", ["one", "two"])
    assert model.config.classifier == "layers"
    assert model.classifier.output.weight.shape[0] == 2
    expected = make_model().slr.state_dict()
    assert all(torch.equal(weights, expected[name]) for name, weights in model.slr.state_dict().items())


@pytest.fixture
def signs(extracted_clips: dict[str, Landmarks]) -> list[Landmarks]:
    """The landmarks of one clip of each sign."""
    return [extracted_clips[sign] for sign in SIGNS]


@pytest.mark.integration
@pytest.mark.parametrize("shown", [0, 1])
def test_the_demo_model_recognises_the_other_frames_of_signs_it_was_shown(
    repository: Path, signs: list[Landmarks], shown: int
) -> None:
    model = SLRForSignClassification.from_pretrained(repository / "space/model")
    processor = KeypointProcessor.from_pretrained(repository / "space/model")
    halves = [[every_other_frame(sign, start) for sign in signs] for start in (0, 1)]
    enrolled = enrol(model, processor, prepare_dataset(one_clip_a_gloss(list(SIGNS), halves[shown]), processor))
    recognize = SignRecognitionPipeline(enrolled, processor)
    answers = [answer["predictions"][0]["label"] for answer in recognize(halves[1 - shown], top_k=1)]
    assert answers == list(SIGNS)
