"""A trained model as the folder that is published."""

import json
import re
import shutil
from pathlib import Path

import pytest
import yaml
from datasets import Dataset

from slr_hf.data import load_landmark_arrays
from slr_hf.data.sources import SOURCES, find_weights_licence
from slr_hf.hub.model_card import TEMPLATE
from slr_hf.hub.packaging import glosses_by_language, package_model, with_strangers
from slr_hf.model.pipeline_slr import SignRecognitionPipeline

METRICS = {
    "clips": 650,
    "top1": 0.9123,
    "top5": 0.9985,
    "mean_class_accuracy": 0.9,
    "calibration_error": 0.0456,
    "confidence": {"mean": 0.9, "auroc": None},
    "sessions": {"ksl13-2": {"clips": 650, "top1": 0.9123}},
}


NEIGHBOUR = {"top1": 0.54, "top5": 0.8, "mean_over_people": 0.5}

STRANGERS = {
    "clips": 300,
    "sessions": 3,
    "top1": 0.6123,
    "top5": 0.9,
    "mean_over_people": 0.58,
    "interval": {"low": 0.41, "high": 0.7, "over": "people"},
    "nearest_neighbour": NEIGHBOUR,
    "glosses": {
        "hello": {"clips": 200, "top1": 0.5, "people": 3, "mean_over_people": 0.75},
        "doctor": {"clips": 100, "top1": 0.84, "people": 2, "mean_over_people": 0.8},
    },
}

SAME_RECORDER = {
    **STRANGERS,
    "clips": 90,
    "sessions": 1,
    "top1": 0.98,
    "nearest_neighbour": {**NEIGHBOUR, "top1": 0.97},
}


@pytest.fixture
def trained(model_dir: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "best"
    shutil.copytree(model_dir, folder)
    (folder / "recipe.json").write_text('{"epochs": 3}')
    (folder / "training_clips.json").write_text('{"train": ["a"], "validation": []}')
    return folder


def package(model: Path, output: Path, **changes) -> Path:
    arguments = {
        "metrics": METRICS,
        "name": "a model",
        "repository": "user/model",
        "glosses": {"American Sign Language": ["hello", "doctor"]},
        "sources": ["ksl13", "asl11"],
        "held_out": "Session 2 was held out.",
    }
    return package_model(model, output, **{**arguments, **changes})


def test_the_folder_loads_and_keeps_its_records(trained, tmp_path):
    folder = package(trained, tmp_path / "published")
    recognize = SignRecognitionPipeline.from_pretrained(folder, device="cpu")
    assert "doctor" in recognize.model.config.label2id
    assert json.loads((folder / "recipe.json").read_text()) == {"epochs": 3}
    assert json.loads((folder / "metrics.json").read_text()) == METRICS


def test_the_card_tells_figures_signs_and_licences(trained, tmp_path):
    card = (package(trained, tmp_path / "published") / "README.md").read_text()
    _, metadata, text = card.split("---\n", 2)
    facts = yaml.safe_load(metadata)
    assert facts["license"] == "apache-2.0"
    assert facts["language"] == ["ase", "kvk"]
    assert facts["pipeline_tag"] == "video-classification"
    assert facts["library_name"] == "transformers"
    assert facts["datasets"] == ["ksl13", "asl11"]
    measured = facts["model-index"][0]["results"][0]["metrics"]
    assert {figure["name"]: figure["value"] for figure in measured} == {
        "top-1 accuracy": 0.9123,
        "top-5 accuracy": 0.9985,
        "mean class accuracy": 0.9,
    }
    assert "American Sign Language: hello, doctor." in text
    assert "| all held out | 650 | 0.912 | 0.999 | 0.900 | 0.046 | - |" in text
    assert "| epochs | 3 |" in text
    for source in ("ksl13", "asl11"):
        assert SOURCES[source].url in text
        assert f"- {source}: {SOURCES[source].recorded}" in text
        assert f"at {SOURCES[source].revision} | {SOURCES[source].licence} |" in text
    assert "plots/" not in text
    assert "{{" not in text
    assert "{%" not in text


def test_the_first_figure_of_the_card_is_that_of_strangers(trained, tmp_path):
    metrics = {**METRICS, "people": {"strangers": STRANGERS, "same_recorder": SAME_RECORDER}}
    card = (package(trained, tmp_path / "published", metrics=metrics) / "README.md").read_text()
    _, metadata, text = card.split("---\n", 2)
    first = text[: text.index("## How to use it")]
    first = " ".join(first.split())
    assert "people whom training has not seen it reaches 58% top-1 accuracy in the mean over people; a nearest" in first
    assert "a nearest neighbour with time warping reaches 50% on the same clips.**" in first
    assert "300 clips of 3 people; the 95% interval is 41% to 70%, over people." in first
    assert "Clip by clip, where a recorder of hundreds outweighs many people of a few, it is 61% (the nearest" in first
    assert "the same recorders, whom training has seen, it reaches 98% (the nearest neighbour 97%)." in first
    assert "trained on these people too" not in text
    assert "| strangers | 300 | 3 | 0.612 | 0.900 | 0.580 | 0.540 | 0.500 |\n| same recorder | 90 | 1 | 0.980 |" in text
    assert "| hello | 75% | 50% | 200 | 3 |\n| doctor | 80% | 84% | 100 | 2 |" in text
    assert "Not measured on such signers: I, no_event, thank you, today, Привет." in text
    strangers, same = yaml.safe_load(metadata)["model-index"][0]["results"]
    assert strangers["dataset"]["name"] == "clips of people not seen in training, ksl13, asl11"
    assert {figure["name"]: figure["value"] for figure in strangers["metrics"]} == {
        "top-1 accuracy": 0.6123,
        "top-5 accuracy": 0.9,
        "mean over people": 0.58,
        "top-1 accuracy of a nearest neighbour": 0.54,
        "top-5 accuracy of a nearest neighbour": 0.8,
        "mean over people of a nearest neighbour": 0.5,
    }
    assert same["dataset"]["name"].startswith("clips of the same recorder")


def test_figures_of_folds_are_said_to_come_from_other_models(trained, tmp_path):
    metrics = with_strangers(METRICS, {"people": {"strangers": {**STRANGERS, "folds": 3}, "same_recorder": None}})
    assert metrics["people"]["same_recorder"] is None
    card = (package(trained, tmp_path / "published", metrics=metrics) / "README.md").read_text()
    sentence = (
        "these figures come from 3 models trained in the same way, each without the people whose clips it answered"
    )
    assert f"The model here was trained on these people too; {sentence}" in " ".join(card.split())
    assert "same recorder" not in card.partition("## How to use it")[0].partition("---\n")[2].partition("---\n")[2]
    with pytest.raises(ValueError, match=r"no figures of strangers.*--folds"):
        with_strangers(METRICS, METRICS)


def test_without_figures_of_strangers_the_card_says_so(trained, tmp_path):
    card = (package(trained, tmp_path / "published") / "README.md").read_text()
    assert "**How well it does on people whom training has not seen is not known.**" in card


def test_the_weights_get_the_most_restrictive_licence_of_their_data(trained, tmp_path):
    assert find_weights_licence(["ksl13", "asl33", "asl11", "asl12"]) == "Apache-2.0"
    assert find_weights_licence(["wlasl_hands", "asl33"]) == "CC-BY-NC-4.0"
    card = (package(trained, tmp_path / "free", sources=["asl12"]) / "README.md").read_text()
    assert "license: apache-2.0\n" in card
    assert "The weights are under the Apache License 2.0. The data" in card
    card = (package(trained, tmp_path / "bound", sources=["asl12", "wlasl_hands"]) / "README.md").read_text()
    assert "license: cc-by-nc-4.0\n" in card
    assert "The weights are under the Creative Commons Attribution-NonCommercial 4.0 licence (CC BY-NC 4.0)." in card
    assert (
        "trained on landmarks of WLASL (Li et al. 2020, C-UDA 1.0), weights for non-commercial use (CC BY-NC 4.0)"
        in card
    )
    assert "Apache License" not in card


def test_the_sessions_that_training_saw_stay_beside_the_model(trained, tmp_path):
    assert not (package(trained, tmp_path / "old") / "training_sessions.json").exists()
    (trained / "training_sessions.json").write_text('{"train": ["ksl13-0"]}')
    folder = package(trained, tmp_path / "new")
    assert json.loads((folder / "training_sessions.json").read_text()) == {"train": ["ksl13-0"]}


def test_the_card_shows_the_plots_of_the_evaluation(trained, tmp_path):
    plots = tmp_path / "evaluation/plots"
    plots.mkdir(parents=True)
    for name in ("reliability.png", "confusion.png", "notes.txt"):
        (plots / name).write_bytes(name.encode())
    folder = package(trained, tmp_path / "published", plots=plots)
    shown = re.findall(r"!\[.+\]\((.+)\)", (folder / "README.md").read_text())
    assert shown == ["plots/confusion.png", "plots/reliability.png"]
    assert sorted(path.name for path in (folder / "plots").iterdir()) == ["confusion.png", "reliability.png"]
    assert (folder / shown[0]).read_bytes() == b"confusion.png"


def test_the_template_of_the_card_is_the_one_at_the_root(repository):
    assert TEMPLATE.read_bytes() == (repository / "model_card.md").read_bytes()


def test_an_older_folder_is_replaced_whole(trained, tmp_path):
    output = tmp_path / "published"
    output.mkdir()
    (output / "left_over.txt").write_text("old")
    assert not (package(trained, output) / "left_over.txt").exists()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_data_without_a_known_licence_is_refused(trained, tmp_path):
    with pytest.raises(ValueError, match=r"my_signs.*sources\.py"):
        package(trained, tmp_path / "published", sources=["my_signs"])
    assert [path.name for path in tmp_path.iterdir()] == ["best"]
    own = Dataset.from_dict({"source": ["my_signs"], "label": [0]})
    with pytest.raises(ValueError, match=r"my_signs.*sources\.py"):
        glosses_by_language(own)


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="There is no model"):
        package(tmp_path, tmp_path / "published")


@pytest.mark.integration
def test_glosses_are_listed_by_language(data_dir):
    dataset = load_landmark_arrays([data_dir / "ksl13.npz", data_dir / "asl11.npz"])
    languages = glosses_by_language(dataset)
    assert list(languages) == ["American Sign Language", "Korean Sign Language"]
    assert len(languages["Korean Sign Language"]) == 13
    assert len(languages["American Sign Language"]) == 11
