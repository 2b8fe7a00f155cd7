import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from datasets import Dataset, DatasetDict
from safetensors.torch import load_file
from transformers import Trainer

from slr_hf.data import split, to_clip
from slr_hf.model.loading_slr import ModelError
from slr_hf.model.modeling_slr import SLRForSignClassification
from slr_hf.model.processing_slr import KeypointProcessor
from slr_hf.training.recipes import Recipe
from slr_hf.training.stages import (
    StageError,
    run_stage,
    run_stages,
    stage_processor,
    training_records,
    with_new_head,
)


@pytest.fixture
def splits(clips: Dataset) -> DatasetDict:
    return split(clips, test_session="made-2", validation_fraction=0.2)


@pytest.fixture
def short(recipe: Recipe) -> Recipe:
    return replace(recipe, epochs=1)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "best" / "model.safetensors")


def train(splits: DatasetDict, recipe: Recipe, folder: Path, start: Path | None = None) -> dict[str, torch.Tensor]:
    """Runs a stage and returns the weights that it leaves."""
    run_stage(splits, recipe, folder, KeypointProcessor(), start, device="cpu")
    return weights(folder)


def test_every_stage_starts_from_the_best_of_the_one_before(
    splits: DatasetDict, recipe: Recipe, tmp_path: Path
) -> None:
    # The fine-tunings learn so slowly that they leave what they were given.
    still = replace(recipe, epochs=1, learning_rate=1e-15)
    recipes = {"it": recipe, "ft1": still, "ft2": still}
    results = run_stages(splits, recipes, tmp_path, KeypointProcessor(), device="cpu")
    assert list(results) == ["it", "ft1", "ft2"]
    initial = weights(tmp_path / "it")
    for stage in ("ft1", "ft2"):
        for name, weight in weights(tmp_path / stage).items():
            torch.testing.assert_close(weight, initial[name], rtol=0, atol=1e-9)


def test_a_finished_stage_is_a_hub_folder_with_its_recipe_and_metrics(
    splits: DatasetDict, short: Recipe, tmp_path: Path
) -> None:
    metrics = run_stage(splits, short, tmp_path, KeypointProcessor(), device="cpu")
    best = tmp_path / "best"
    names = {path.name for path in best.iterdir()}
    assert {"config.json", "model.safetensors", "preprocessor_config.json", "pipeline_slr.py"} <= names
    assert not {name for name in names if name.endswith((".bin", ".pt", ".pth", ".pkl"))}
    assert json.loads((best / "recipe.json").read_text()) == short.to_dict()
    assert list(json.loads((best / "training_clips.json").read_text())) == ["train", "validation"]
    assert json.loads((best / "metrics.json").read_text()) == metrics
    assert not list(tmp_path.glob("checkpoint-*"))


def test_metrics_tell_each_split_without_augmentation(splits: DatasetDict, short: Recipe, tmp_path: Path) -> None:
    metrics = run_stage(splits, short, tmp_path, KeypointProcessor(), device="cpu")
    model = SLRForSignClassification.from_pretrained(tmp_path / "best").eval()
    processor = KeypointProcessor.from_pretrained(tmp_path / "best")
    for name, dataset in splits.items():
        batch = processor.finish(dict(processor.pad([to_clip(row, processor) for row in dataset])))
        with torch.no_grad():
            answers = model(**batch).logits.argmax(dim=-1).numpy()
        expected = (answers == np.array([row["label"] for row in dataset])).mean()
        assert metrics[name]["accuracy"] == pytest.approx(expected)
        assert metrics[name].keys() == {"loss", "accuracy", "top5_accuracy", "mean_class_accuracy"}


def test_the_processor_is_fitted_on_training_clips_only(splits: DatasetDict, short: Recipe, tmp_path: Path) -> None:
    run_stage(splits, short, tmp_path, KeypointProcessor(), device="cpu")
    expected = KeypointProcessor()
    expected.fit(to_clip(row, expected) for row in splits["train"])
    saved = KeypointProcessor.from_pretrained(tmp_path / "best")
    assert (saved.mean, saved.std) == (expected.mean, expected.std)


def test_a_fine_tuning_keeps_the_processor_and_may_change_dropout(
    splits: DatasetDict, short: Recipe, tmp_path: Path
) -> None:
    dropped = replace(short, config={"hidden_dropout": 0.3})
    run_stages(splits, {"it": short, "ft1": dropped}, tmp_path, KeypointProcessor(), device="cpu")
    first, second = (json.loads((tmp_path / stage / "best/config.json").read_text()) for stage in ("it", "ft1"))
    assert (first["hidden_dropout"], second["hidden_dropout"]) == (0.0, 0.3)
    assert first["hidden_size"] == second["hidden_size"] == 32
    processors = [KeypointProcessor.from_pretrained(tmp_path / stage / "best") for stage in ("it", "ft1")]
    assert processors[0].mean == processors[1].mean


def test_an_interrupted_stage_goes_on_and_ends_with_the_same_weights(
    splits: DatasetDict, recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Dropout, augmentations and the order of the clips are random, and so is what must be restored.
    random = replace(recipe, epochs=3, config={**recipe.config, "hidden_dropout": 0.2, "drop_path_rate": 0.2})
    expected = train(splits, random, tmp_path / "whole")

    steps = iter(range(100))
    original = Trainer.training_step

    def stop_in_the_second_epoch(*arguments: object, **named: object) -> torch.Tensor:
        if next(steps) == 4:
            raise KeyboardInterrupt
        return original(*arguments, **named)

    with monkeypatch.context() as patched:
        patched.setattr(Trainer, "training_step", stop_in_the_second_epoch)
        with pytest.raises(KeyboardInterrupt):
            train(splits, random, tmp_path / "interrupted")
    assert not (tmp_path / "interrupted/best").exists()
    assert len(list((tmp_path / "interrupted").glob("checkpoint-*"))) == 1
    # A checkpoint that was cut off while it was written is no place to go on from.
    for number, state in ((98, ""), (99, '{"epoch": 2')):
        (tmp_path / f"interrupted/checkpoint-{number}").mkdir()
        (tmp_path / f"interrupted/checkpoint-{number}/trainer_state.json").write_text(state)

    torch.manual_seed(123)
    resumed = train(splits, random, tmp_path / "interrupted")
    for name, weight in expected.items():
        assert torch.equal(resumed[name], weight), name
    assert not list((tmp_path / "interrupted").glob("checkpoint-*"))


def test_a_finished_stage_is_not_repeated(splits: DatasetDict, short: Recipe, tmp_path: Path) -> None:
    first = run_stage(splits, short, tmp_path, KeypointProcessor(), device="cpu")
    written = (tmp_path / "best/model.safetensors").stat().st_mtime_ns
    (tmp_path / "checkpoint-7").mkdir()  # a run was killed while it tidied up
    assert run_stage(splits, short, tmp_path, KeypointProcessor(), device="cpu") == first
    assert (tmp_path / "best/model.safetensors").stat().st_mtime_ns == written
    assert not (tmp_path / "checkpoint-7").exists()


def test_another_recipe_or_other_clips_do_not_go_into_the_same_folder(
    splits: DatasetDict, clips: Dataset, short: Recipe, tmp_path: Path
) -> None:
    run_stage(splits, short, tmp_path, KeypointProcessor(), device="cpu")
    with pytest.raises(StageError, match=r"holds another training: recipe\.json differs in learning_rate, seed"):
        run_stage(splits, replace(short, seed=1, learning_rate=1e-4), tmp_path, KeypointProcessor(), device="cpu")
    with pytest.raises(StageError, match=r"clips\.json differs in clips"):
        run_stage(split(clips, test_session="made-0"), short, tmp_path, KeypointProcessor(), device="cpu")


def test_a_fine_tuning_without_the_stage_before_is_refused(splits: DatasetDict, short: Recipe, tmp_path: Path) -> None:
    with pytest.raises(StageError, match=r"no .*it/best to start from"):
        run_stages(splits, {"ft1": short}, tmp_path, KeypointProcessor(), device="cpu")
    with pytest.raises(StageError, match=r"no .*ft1/best to start from"):
        stage_processor({"ft2": short}, tmp_path)
    assert not list(tmp_path.iterdir())


def test_other_glosses_than_those_of_the_stage_before_are_refused(
    splits: DatasetDict, short: Recipe, tmp_path: Path
) -> None:
    train(splits, short, tmp_path / "it")
    renamed = DatasetDict(
        {
            name: dataset.cast_column("label", dataset.features["label"].__class__(names=["a", "b", "c"]))
            for name, dataset in splits.items()
        }
    )
    with pytest.raises(StageError, match="other glosses"):
        train(renamed, short, tmp_path / "ft1", start=tmp_path / "it/best")
    assert not (tmp_path / "ft1").exists()


def test_a_training_may_start_from_a_model_of_other_glosses(splits: DatasetDict, short: Recipe, tmp_path: Path) -> None:
    old = train(splits, short, tmp_path / "old")
    model = tmp_path / "old" / "best"
    # As many glosses as the old model knows, so that its head would fit.
    renamed = DatasetDict(
        {
            name: dataset.cast_column("label", dataset.features["label"].__class__(names=["a", "b", "c"]))
            for name, dataset in splits.items()
        }
    )
    processor = stage_processor({"it": short}, tmp_path, model)
    assert processor.to_dict() == KeypointProcessor.from_pretrained(model).to_dict()
    assert processor.mean is not None
    still = replace(short, learning_rate=1e-15)
    run_stages(renamed, {"it": still}, tmp_path / "new", processor, device="cpu", from_model=model)
    best = tmp_path / "new/it/best"
    new = weights(best.parent)
    changed = {name for name, weight in new.items() if not torch.allclose(weight, old[name], rtol=0, atol=1e-9)}
    assert {"classifier.output.weight", "classifier.auxiliary.0.weight"} <= changed
    assert all(name.startswith(("classifier.output.", "classifier.auxiliary.")) for name in changed)
    assert SLRForSignClassification.from_pretrained(best).config.id2label == {0: "a", 1: "b", 2: "c"}
    assert KeypointProcessor.from_pretrained(best).mean == processor.mean
    # Both the old model's clips and its own are on record, and only its own learning curves.
    assert list(json.loads((best / "learning_curves.json").read_text())) == ["it"]
    assert json.loads((tmp_path / "new/it/clips.json").read_text())["from_model"] == str(model)
    with pytest.raises(StageError, match=r"clips\.json differs in from_model"):
        run_stages(renamed, {"it": still}, tmp_path / "new", processor, device="cpu")


@pytest.fixture
def saved_model(make_model: Callable[..., SLRForSignClassification], tmp_path: Path) -> Path:
    """The folder of the smallest model, with random weights."""
    make_model().save_pretrained(tmp_path / "saved")
    KeypointProcessor().save_pretrained(tmp_path / "saved")
    return tmp_path / "saved"


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"hidden_size": 64}, r"\(32, 160\) there and \(64, 160\) by `config`\. Leave as in the model: hidden_size\."),
        ({"num_local_layers": 2}, r"missing there and \(32,\) by `config`\. Leave as in the model: num_local_layers\."),
        ({"num_global_layers": 0}, r"\(32,\) there and missing by `config`\. Leave .*: num_global_layers\."),
        # What changes no shape is not named.
        ({"hidden_dropout": 0.3, "pooling_scales": [1], "patch_width": 32}, r"Leave .*: pooling_scales, patch_width\."),
        # Alone, 24 channels could not be divided among the heads.
        ({"num_attention_heads": 4, "hidden_size": 24}, r"Leave .*: num_attention_heads, hidden_size\."),
        (
            {"hidden_size": 30, "num_attention_heads": 4},
            r"cannot be used .*\. `hidden_size` must be a multiple",
        ),
    ],
)
def test_a_backbone_that_does_not_fit_the_configuration_is_not_made_up(
    saved_model: Path, config: dict[str, Any], message: str
) -> None:
    with pytest.raises(ModelError, match=message):
        with_new_head(saved_model, ["a", "b"], config)


def test_a_recipe_that_does_not_fit_the_model_leaves_its_folder_to_a_corrected_one(
    splits: DatasetDict, recipe: Recipe, saved_model: Path, tmp_path: Path
) -> None:
    wide = replace(recipe, config={"hidden_size": 96})
    with pytest.raises(ModelError, match="Leave as in the model: hidden_size"):
        run_stages(splits, {"it": wide}, tmp_path, KeypointProcessor(), device="cpu", from_model=saved_model)
    assert not (tmp_path / "it").exists()


def test_a_new_head_may_have_another_shape(saved_model: Path) -> None:
    config = {"hidden_dropout": 0.3, "num_classifier_layers": 3, "confidence_head": False}
    model = with_new_head(saved_model, ["a", "b"], config)
    old = load_file(saved_model / "model.safetensors")
    assert all(torch.equal(weight, old[f"slr.{name}"]) for name, weight in model.slr.state_dict().items())
    assert len(model.classifier.auxiliary) == 3
    assert model.config.hidden_dropout == 0.3


def test_without_validation_the_last_epoch_counts(clips: Dataset, recipe: Recipe, tmp_path: Path) -> None:
    splits = split(clips, validation_fraction=0)
    metrics = run_stage(splits, recipe, tmp_path, KeypointProcessor(), device="cpu")
    assert metrics["epochs"] == recipe.epochs
    assert metrics["best_step"] is None
    assert metrics.keys() == {"epochs", "best_step", "train"}


def test_the_processor_has_the_recipes_layout(recipe: Recipe, tmp_path: Path) -> None:
    hands = [part for part in KeypointProcessor().parts if part.get("anchor") is not None]
    processor = stage_processor({"it": replace(recipe, config={"parts": hands, "input_size": 32})}, tmp_path)
    assert [part["name"] for part in processor.parts] == ["left_hand", "right_hand"]
    assert processor.input_size == 32


def test_the_records_of_what_was_seen_keep_those_of_earlier_stages(splits: DatasetDict, tmp_path: Path) -> None:
    (tmp_path / "training_clips.json").write_text(json.dumps({"train": ["earlier"], "validation": []}))
    (tmp_path / "training_sessions.json").write_text(json.dumps({"train": ["old-0"]}))
    alone, later = training_records(splits), training_records(splits, tmp_path)
    assert later["training_clips.json"]["train"] == ["earlier", *alone["training_clips.json"]["train"]]
    assert later["training_sessions.json"]["train"] == ["old-0", "made-0"]
    assert alone["training_sessions.json"] == {"train": ["made-0"], "validation": ["made-0"]}


def test_nobody_is_a_stranger_to_a_model_whose_beginnings_are_not_known(splits: DatasetDict, tmp_path: Path) -> None:
    records = training_records(splits, tmp_path)
    assert list(records) == ["training_clips.json"]
    assert records["training_clips.json"] == training_records(splits)["training_clips.json"]


def test_learning_curves_of_all_stages_stand_beside_the_last_model(
    splits: DatasetDict, recipe: Recipe, short: Recipe, tmp_path: Path
) -> None:
    run_stages(splits, {"it": recipe, "ft1": short}, tmp_path, KeypointProcessor(), device="cpu")
    curves = json.loads((tmp_path / "ft1/best/learning_curves.json").read_text())
    assert {stage: [record["epoch"] for record in records] for stage, records in curves.items()} == {
        "it": [1.0, 2.0],
        "ft1": [1.0],
    }
    metrics = json.loads((tmp_path / "ft1/best/metrics.json").read_text())
    (last,) = curves["ft1"]
    assert last["validation"] == pytest.approx(metrics["validation"])
    assert last.keys() == {"epoch", "train", "validation"}  # test clips are not measured in training


def test_a_process_that_does_not_see_the_first_ones_folder_refuses(
    splits: DatasetDict, recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("slr_hf.training.stages.is_main_process", lambda: False)
    with pytest.raises(StageError, match="a disk that all of them see"):
        run_stages(splits, {"it": recipe}, tmp_path, KeypointProcessor(), device="cpu")
