"""Peers: a recipe, the plain network and the nearest neighbour answer the same clips, and what is finished stays."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from datasets import DatasetDict
from fixtures_arrays import write_signs
from fixtures_training import SMALLEST

from slr_hf.benchmarks.peers import NEIGHBOUR, PLAIN, RECIPE, Answers, compare_peers, plain_recipe
from slr_hf.data import load_landmark_arrays, prepare_dataset, signer_folds
from slr_hf.model.processing_slr import KeypointProcessor
from slr_hf.training.cross_validation import split_fold
from slr_hf.training.recipes import Recipe, get_recipes
from slr_hf.training.stages import BEST, StageError, stage_processor

GLOSSES, SESSIONS, CLIPS = ("good", "yes", "what"), ("0", "2"), 4


@pytest.fixture(scope="module")
def recipes() -> dict[str, Recipe]:
    sizes = [f"config.{name}={value}" for name, value in SMALLEST.items()]
    return get_recipes("demo", ("it", "ft1"), ["epochs=1", "batch_size=8", "clips_per_gloss=0", *sizes])


@pytest.fixture(scope="module")
def processor(recipes: dict[str, Recipe]) -> KeypointProcessor:
    return recipes["it"].new_processor()


@pytest.fixture(scope="module")
def folds(tmp_path_factory: pytest.TempPathFactory, processor: KeypointProcessor) -> dict[str, DatasetDict]:
    file = write_signs(tmp_path_factory.mktemp("data") / "signs.npz", GLOSSES, SESSIONS, clips=CLIPS)
    prepared = prepare_dataset(load_landmark_arrays(file), processor)
    return {name: split_fold(prepared, sessions) for name, sessions in signer_folds(prepared, 2).items()}


@pytest.fixture(scope="module")
def compared(
    tmp_path_factory: pytest.TempPathFactory, folds: Any, recipes: Any, processor: Any
) -> tuple[Path, list[dict[str, Any]]]:
    output = tmp_path_factory.mktemp("peers")
    return output, list(compare_peers(folds, recipes, processor, output, seeds=(0, 1), device="cpu"))


def test_all_peers_answer_the_clips_of_all_folds(compared: tuple[Path, list[dict[str, Any]]]) -> None:
    _, rows = compared
    assert [row["peer"] for row in rows[:-1]] == [NEIGHBOUR, PLAIN, RECIPE]
    assert {row["clips"] for row in rows[:-1]} == {len(GLOSSES) * len(SESSIONS) * CLIPS}
    for row in rows[:-1]:
        assert row["lowest"] <= row["top1"] <= row["highest"]
        assert row["interval"][0] <= row["top1"] <= row["interval"][1]
        assert row["top1"] <= row["top5"] == 1.0  # of three glosses


def test_the_nearest_neighbour_knows_made_signs_of_another_signer(compared: tuple[Path, list[dict[str, Any]]]) -> None:
    assert compared[1][0]["top1"] == 1.0


def test_the_lead_is_that_of_the_same_clips(compared: tuple[Path, list[dict[str, Any]]]) -> None:
    _, (_, plain, recipe, lead) = compared
    assert lead["top1"] == pytest.approx(recipe["top1"] - plain["top1"])
    assert lead["interval"][0] <= lead["top1"] <= lead["interval"][1]


def test_costs_are_told_of_what_is_trained(compared: tuple[Path, list[dict[str, Any]]]) -> None:
    _, (neighbour, plain, recipe, _) = compared
    assert "epochs" not in neighbour
    assert plain["epochs"] == recipe["epochs"] == 2
    assert plain["parameters"] > 0 < recipe["parameters"]


def test_what_is_finished_is_not_repeated(
    compared: tuple[Path, list[dict[str, Any]]], folds: Any, recipes: Any, processor: Any
) -> None:
    output, rows = compared
    files = {file: file.stat().st_mtime_ns for file in output.rglob("*") if file.is_file()}
    assert list(compare_peers(folds, recipes, processor, output, seeds=(0, 1), device="cpu")) == rows
    assert {file: file.stat().st_mtime_ns for file in output.rglob("*") if file.is_file()} == files


def test_another_recipe_needs_another_folder(
    compared: tuple[Path, list[dict[str, Any]]], folds: Any, recipes: dict[str, Recipe], processor: Any
) -> None:
    other = {stage: replace(recipe, epochs=2) for stage, recipe in recipes.items()}
    with pytest.raises(StageError, match="differs in ft1, it"):
        next(compare_peers(folds, other, processor, compared[0], seeds=(0, 1), device="cpu"))


def test_the_recipe_starts_from_a_saved_model_and_the_plain_network_from_nothing(
    compared: tuple[Path, list[dict[str, Any]]], folds: Any, recipes: Any, tmp_path: Path
) -> None:
    output, rows = compared
    start = output / "recipe" / "fold-2" / "seed-0" / "ft1" / BEST
    processor = stage_processor(recipes, tmp_path, start)
    fold = {"fold-1": folds["fold-1"]}
    compare = partial(compare_peers, fold, recipes, processor, tmp_path, seeds=(0,), device="cpu")
    assert len(list(compare(from_model=start))) == len(rows)
    own, plain = (
        Answers.read(tmp_path / peer / "fold-1" / "seed-0" / "answers") for peer in ("recipe", "plain_network")
    )
    own_before, plain_before = (
        Answers.read(output / peer / "fold-1" / "seed-0" / "answers") for peer in ("recipe", "plain_network")
    )
    assert plain.logits.allclose(plain_before.logits, atol=1e-4)
    assert not own.logits.allclose(own_before.logits, atol=1e-2)
    with pytest.raises(StageError, match="differs in from_model"):
        next(compare())


def test_seeds_give_other_answers(compared: tuple[Path, list[dict[str, Any]]]) -> None:
    output, _ = compared
    for peer in ("recipe", "plain_network"):
        first, second = (Answers.read(output / peer / "fold-1" / f"seed-{seed}" / "answers") for seed in (0, 1))
        assert first.labels.tolist() == second.labels.tolist()
        assert not first.logits.equal(second.logits)


def test_the_plain_network_is_trained_as_long_on_the_same_augmentations(recipes: dict[str, Recipe]) -> None:
    plain = plain_recipe(recipes)
    assert plain.epochs == sum(recipe.epochs for recipe in recipes.values())
    assert plain.augmentations == recipes["it"].augmentations
    assert plain.new_processor().to_dict() == recipes["it"].new_processor().to_dict()
