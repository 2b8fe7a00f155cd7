"""Evaluation of a model on clips."""

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset
from safetensors.torch import load_file, save_file

from slr_hf.data import hold_out, load_landmark_arrays, prepare_dataset, split, to_landmarks
from slr_hf.model.configuration_slr import SLRConfig
from slr_hf.model.loading_slr import load_model
from slr_hf.model.modeling_slr import SLRForSignClassification
from slr_hf.model.processing_slr import KeypointProcessor
from slr_hf.training.evaluation import (
    Evaluation,
    evaluate,
    match_labels,
    model_glosses,
    read_training_clips,
)
from slr_hf.training.recipes import Recipe
from slr_hf.training.stages import run_stage

#: Not in the order of the dataset's labels, which are sorted.
GLOSSES = ["yes", "no", "sorry"]

PROCESSOR = KeypointProcessor()


def new_model(glosses: list[str]) -> SLRForSignClassification:
    torch.manual_seed(0)
    config = SLRConfig.from_size("tiny", id2label=dict(enumerate(glosses)), num_local_layers=1, num_global_layers=1)
    return SLRForSignClassification(config)


@pytest.fixture(scope="module")
def arrays(made_signs: Path) -> Dataset:
    """Every third clip of the three glosses, from all sessions."""
    dataset = load_landmark_arrays(made_signs, glosses=GLOSSES)
    return dataset.select(range(0, len(dataset), 3))


@pytest.fixture(scope="module")
def prepared(arrays: Dataset) -> Dataset:
    return prepare_dataset(arrays, PROCESSOR)


@pytest.fixture(scope="module")
def evaluation(prepared: Dataset) -> Evaluation:
    return evaluate(new_model(GLOSSES), PROCESSOR, prepared)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """The folder of a saved model."""
    new_model(GLOSSES).save_pretrained(tmp_path)
    PROCESSOR.save_pretrained(tmp_path)
    return tmp_path


# Answers


def test_labels_are_matched_by_name_and_not_by_number(arrays: Dataset, evaluation: Evaluation) -> None:
    names = arrays.features["label"].names
    assert names != GLOSSES
    expected = [names[label] for label in arrays["label"]]
    assert [GLOSSES[index] for index in match_labels(arrays, GLOSSES)] == expected
    assert [evaluation.glosses[label] for label in evaluation.labels] == expected
    assert set(match_labels(arrays, ["no"]).tolist()) == {0, -1}


def test_the_answers_are_those_of_the_processor_and_the_model(arrays: Dataset, evaluation: Evaluation) -> None:
    model = new_model(GLOSSES).eval()
    for clip in (0, len(arrays) - 1):
        with torch.inference_mode():
            outputs = model(**PROCESSOR(to_landmarks(arrays[clip])))
        torch.testing.assert_close(evaluation.logits[clip], outputs.logits[0], rtol=0, atol=1e-4)
        torch.testing.assert_close(evaluation.confidence[clip], outputs.confidence_logits[0].sigmoid())
        assert evaluation.clip_ids[clip] == arrays[clip]["clip_id"]


def test_the_size_of_the_batches_does_not_matter(prepared: Dataset, evaluation: Evaluation) -> None:
    alone = evaluate(new_model(GLOSSES), PROCESSOR, prepared, batch_size=1)
    torch.testing.assert_close(alone.logits, evaluation.logits, rtol=0, atol=1e-4)
    assert alone.summary()["top1"] == evaluation.summary()["top1"]


def test_a_model_without_confidence_head_is_as_sure_as_its_best_answer(prepared: Dataset) -> None:
    config = new_model(GLOSSES).config
    config.confidence_head = False
    few = evaluate(SLRForSignClassification(config), PROCESSOR, prepared.select(range(3)))
    torch.testing.assert_close(few.confidence, few.logits.softmax(dim=-1).amax(dim=-1))


def test_unknown_glosses_and_no_clips_are_refused(prepared: Dataset) -> None:
    with pytest.raises(ValueError, match=r"does not know the glosses \['sorry'\]"):
        evaluate(new_model(["yes", "no"]), PROCESSOR, prepared)
    with pytest.raises(ValueError, match="no clip"):
        evaluate(new_model(GLOSSES), PROCESSOR, prepared.select([]))


def test_answers_that_are_not_finite_are_refused(prepared: Dataset) -> None:
    model = new_model(GLOSSES)
    torch.nn.init.constant_(model.classifier.output.bias, float("nan"))
    with pytest.raises(ValueError, match="answers to 5 clips are not finite"):
        evaluate(model, PROCESSOR, prepared.select(range(5)), batch_size=2)


def test_a_stage_is_evaluated_as_it_measured_itself_and_knows_what_it_saw(
    clips: Dataset, recipe: Recipe, tmp_path: Path
) -> None:
    splits = split(clips, test_session="2", validation_fraction=0.2)
    metrics = run_stage(splits, recipe, tmp_path / "it", KeypointProcessor(), device="cpu")
    best = tmp_path / "it/best"
    model, processor = load_model(best)
    seen = read_training_clips(best)
    summaries: dict[str, dict[str, Any]] = {
        name: evaluate(model, processor, dataset).summary(seen) for name, dataset in splits.items()
    }
    for name, summary in summaries.items():
        assert summary["top1"] == pytest.approx(metrics[name]["accuracy"])
        assert summary["mean_class_accuracy"] == pytest.approx(metrics[name]["mean_class_accuracy"])
        assert summary["cross_entropy"] == pytest.approx(metrics[name]["loss"], rel=1e-4)
        assert summary["seen_in_training"] == (0 if name == "test" else len(splits[name]))


# Figures


def test_the_summary_adds_up_and_is_plain_json(evaluation: Evaluation) -> None:
    summary = evaluation.summary(seen_clips=[])
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary
    assert summary["seen_in_training"] == 0
    for groups in (summary["sessions"], summary["glosses"]):
        assert sum(group["clips"] for group in groups.values()) == summary["clips"] == len(evaluation.clip_ids)
        mean = sum(group["clips"] * group["top1"] for group in groups.values()) / summary["clips"]
        assert mean == pytest.approx(summary["top1"])
    wrong = sum(confusion["clips"] for confusion in summary["confusions"])
    assert wrong == pytest.approx(summary["clips"] * (1 - summary["top1"]))
    assert list(summary["sessions"]) == [f"made-{number}" for number in range(3)]


def test_the_figures_of_a_session_are_those_of_its_clips_alone(prepared: Dataset, evaluation: Evaluation) -> None:
    alone = evaluate(new_model(GLOSSES), PROCESSOR, hold_out(prepared, "2")["test"]).summary()
    assert evaluation.summary()["sessions"]["made-2"] == {"clips": alone["clips"], "top1": alone["top1"]}


def test_frames_are_those_of_the_prepared_clips(prepared: Dataset, evaluation: Evaluation) -> None:
    assert evaluation.frames.tolist() == [len(row["positions"]) for row in prepared]


def test_every_clip_belongs_to_one_length(evaluation: Evaluation) -> None:
    groups = evaluation.summary()["lengths"]
    assert 1 < len(groups) <= 8
    assert sum(group["clips"] for group in groups) == len(evaluation.clip_ids)
    for shorter, longer in pairwise(groups):
        assert shorter["from"] <= shorter["to"] < longer["from"] <= longer["to"]
    for group in groups:
        chosen = (evaluation.frames >= group["from"]) & (evaluation.frames <= group["to"])
        assert group["clips"] == int(chosen.sum())
        assert group["top1"] == pytest.approx(evaluation.right[chosen].double().mean().item())


def test_seen_clips_are_counted(evaluation: Evaluation) -> None:
    assert evaluation.summary([*evaluation.clip_ids[:7], "another"])["seen_in_training"] == 7
    assert evaluation.summary()["seen_in_training"] is None


def answers(labels: list[int], best: list[int], frames: list[int] | None = None) -> Evaluation:
    """An evaluation with the given first answers."""
    count = len(labels)
    return Evaluation(
        glosses=GLOSSES,
        clip_ids=[f"clip-{number}" for number in range(count)],
        sessions=["a"] * count,
        frames=torch.tensor(frames or [30] * count),
        labels=torch.tensor(labels),
        logits=torch.eye(3)[best],
        confidence=torch.full((count,), 0.5),
    )


def test_confusions_are_listed_by_frequency() -> None:
    assert answers([0, 0, 0, 0], [2, 1, 1, 0]).summary()["confusions"] == [
        {"gloss": "yes", "answer": "no", "clips": 2},
        {"gloss": "yes", "answer": "sorry", "clips": 1},
    ]


def test_lengths_are_grouped_so_that_each_group_has_about_as_many_clips() -> None:
    frames = [5, 40, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 120]
    assert answers([0] * 16, [0] * 15 + [1], frames).summary()["lengths"] == [
        {"from": 5, "to": 10, "clips": 14, "top1": 1.0},
        {"from": 40, "to": 120, "clips": 2, "top1": 0.5},
    ]
    spread = answers([0] * 16, [0] * 16, list(range(16, 0, -1))).summary()["lengths"]
    assert [(group["from"], group["to"], group["clips"]) for group in spread] == [
        (first, first + 1, 2) for first in range(1, 17, 2)
    ]


@pytest.mark.parametrize("count", [1, 3])
def test_clips_of_one_length_are_one_group(count: int) -> None:
    groups = answers([0] * count, [0] * count).summary()["lengths"]
    assert groups == [{"from": 30, "to": 30, "clips": count, "top1": 1.0}]


@pytest.mark.parametrize("best", [[0, 1], [1, 0]], ids=["all right", "all wrong"])
def test_a_figure_that_does_not_exist_is_null(best: list[int]) -> None:
    summary = answers([0, 1], best).summary()
    assert summary["confidence"] == {"mean": 0.5, "auroc": None}
    json.dumps(summary, allow_nan=False)


# Files


def test_a_saved_model_is_loaded_with_its_processor(saved: Path) -> None:
    model, processor = load_model(saved)
    assert model_glosses(model) == GLOSSES
    assert processor.to_dict() == PROCESSOR.to_dict()


def without_classifier(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    kept = {name: tensor for name, tensor in weights.items() if not name.startswith("classifier")}
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})


def with_config(folder: Path, **fields: Any) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **fields}))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "config.json").unlink(), "has no config.json"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"weights"), "cannot be loaded"),
        (lambda folder: with_config(folder, hidden_size=63), "cannot be loaded: `hidden_size` must be a multiple"),
        (lambda folder: with_config(folder, hidden_size=64), "do not fit its config.json"),
        (without_classifier, "do not fit its config.json"),
    ],
    ids=["no configuration", "damaged weights", "impossible size", "other size", "missing weights"],
)
def test_a_model_that_is_not_whole_is_refused(saved: Path, damage: Callable[[Path], Any], message: str) -> None:
    damage(saved)
    with pytest.raises(ValueError, match=message):
        load_model(saved)


def test_the_clips_that_were_seen_are_those_of_all_splits(tmp_path: Path) -> None:
    assert read_training_clips(tmp_path) is None
    (tmp_path / "training_clips.json").write_text('{"train": ["a", "b"], "validation": ["c"]}')
    assert read_training_clips(tmp_path) == {"a", "b", "c"}


@pytest.mark.parametrize("text", ['{"train": ["a"', '["a", "b"]', '{"train": 3}'])
def test_a_record_of_seen_clips_that_cannot_be_read_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "training_clips.json").write_text(text)
    with pytest.raises(ValueError, match=r"training_clips\.json does not list the clips"):
        read_training_clips(tmp_path)
