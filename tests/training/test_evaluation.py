"""Evaluation of a model on real clips."""

import json
import subprocess
import sys

import pytest
import torch

from slr_hf.data import load_landmark_arrays, prepare_dataset
from slr_hf.model.configuration_slr import SLRConfig
from slr_hf.model.modeling_slr import SLRForSignClassification
from slr_hf.model.pipeline_slr import SignRecognitionPipeline
from slr_hf.model.processing_slr import KeypointProcessor
from slr_hf.training.evaluation import Evaluation, evaluate, match_labels

pytestmark = pytest.mark.integration

GLOSSES = ["yes", "no", "sorry"]


def make_model(glosses: list[str]) -> SLRForSignClassification:
    torch.manual_seed(0)
    config = SLRConfig.from_size("tiny", id2label=dict(enumerate(glosses)), num_local_layers=1, num_global_layers=1)
    return SLRForSignClassification(config)


@pytest.fixture(scope="module")
def clips(data_dir):
    dataset = load_landmark_arrays(data_dir / "ksl13.npz", glosses=GLOSSES)
    return dataset.select(range(0, len(dataset), 12))


@pytest.fixture(scope="module")
def prepared(clips):
    return prepare_dataset(clips, KeypointProcessor())


def test_labels_are_matched_by_name_and_not_by_number(clips):
    names = clips.features["label"].names
    assert names != GLOSSES
    for label, index in zip(clips["label"], match_labels(clips, GLOSSES), strict=True):
        assert GLOSSES[index] == names[label]
    assert set(match_labels(clips, ["no"]).tolist()) == {0, -1}


def test_the_size_of_the_batches_does_not_matter(prepared):
    model = make_model(GLOSSES)
    alone, together = (evaluate(model, KeypointProcessor(), prepared, batch_size=size) for size in (1, 64))
    torch.testing.assert_close(alone.logits, together.logits, rtol=0, atol=1e-4)
    assert alone.summary()["top1"] == together.summary()["top1"]


def test_the_summary_adds_up_and_is_plain_json(prepared):
    summary = evaluate(make_model(GLOSSES), KeypointProcessor(), prepared).summary(seen_clips=[])
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary
    assert summary["seen_in_training"] == 0
    for groups in (summary["sessions"], summary["glosses"]):
        assert sum(group["clips"] for group in groups.values()) == summary["clips"] == len(prepared)
        mean = sum(group["clips"] * group["top1"] for group in groups.values()) / summary["clips"]
        assert mean == pytest.approx(summary["top1"])
    wrong = sum(confusion["clips"] for confusion in summary["confusions"])
    assert wrong == pytest.approx(summary["clips"] * (1 - summary["top1"]))
    assert list(summary["sessions"]) == [f"ksl13-{number}" for number in range(5)]


def test_seen_clips_are_counted(prepared):
    evaluation = evaluate(make_model(GLOSSES), KeypointProcessor(), prepared)
    assert evaluation.summary(evaluation.clip_ids[:7])["seen_in_training"] == 7
    assert evaluation.summary()["seen_in_training"] is None


def test_unknown_glosses_and_no_clips_are_refused(prepared):
    with pytest.raises(ValueError, match=r"does not know the glosses.*sorry"):
        evaluate(make_model(["yes", "no"]), KeypointProcessor(), prepared)
    with pytest.raises(ValueError, match="no clip"):
        evaluate(make_model(GLOSSES), KeypointProcessor(), prepared.select([]))


def test_confusions_are_listed_by_frequency():
    logits = torch.eye(3)[[1, 1, 2, 0]]
    evaluation = Evaluation(GLOSSES, list("abcd"), ["s"] * 4, torch.tensor([0, 0, 0, 0]), logits, torch.rand(4))
    assert evaluation.summary()["confusions"] == [
        {"gloss": "yes", "answer": "no", "clips": 2},
        {"gloss": "yes", "answer": "sorry", "clips": 1},
    ]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    SignRecognitionPipeline(make_model(GLOSSES), KeypointProcessor(), device="cpu").save_pretrained(folder)
    (folder / "training_clips.json").write_text(json.dumps({"train": ["ksl13-1-yes-0"], "validation": []}))
    return folder


class TestScript:
    def run(self, repository, *arguments) -> subprocess.CompletedProcess:
        command = [sys.executable, repository / "scripts" / "evaluate.py", *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=200)

    def test_only_what_is_asked_for_is_evaluated(self, repository, data_dir, model, tmp_path):
        result = self.run(
            repository,
            *("--model", model, "--dataset", data_dir / "ksl13.npz", "--held-out-session", "1"),
            *("--ignore-unknown-glosses", "--output", tmp_path),
        )
        assert result.returncode == 0, result.stderr
        metrics = json.loads((tmp_path / "metrics.json").read_text())
        assert metrics["clips"] == 30
        assert metrics["seen_in_training"] == 1
        assert "1 of the 30 clips were seen in training" in result.stderr
        assert "top-1" in result.stdout

    def test_what_cannot_be_used_is_one_line(self, repository, data_dir, model, tmp_path):
        unknown = self.run(repository, "--model", model, "--dataset", data_dir / "ksl13.npz", "--output", tmp_path)
        assert unknown.returncode == 2
        assert unknown.stderr.strip().splitlines()[-1].startswith("evaluate.py: The model does not know the glosses")
        nowhere = self.run(repository, "--model", tmp_path, "--dataset", data_dir / "ksl13.npz")
        assert nowhere.returncode == 2
        assert "no config.json" in nowhere.stderr
        assert not (tmp_path / "metrics.json").exists()
