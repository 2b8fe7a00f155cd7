import json
from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from slr_hf.model.configuration_slr import SLRConfig
from slr_hf.training.recipes import RECIPES, STAGES, Recipe, get_recipe, get_recipes
from slr_hf.training.recipes.recipe import changed
from slr_hf.training.schedules import CosineWithWarmRestarts, OneCycle, Plateau

EVERY_RECIPE = [
    pytest.param(recipes[stage], id=f"{name}-{stage}") for name, recipes in RECIPES.items() for stage in STAGES
]


@pytest.mark.parametrize("name", RECIPES)
def test_every_dataset_has_a_recipe_for_every_stage(name: str) -> None:
    assert tuple(RECIPES[name]) == STAGES


def test_a_recipe_makes_the_configuration_of_its_model() -> None:
    config = Recipe(size="small", config={"hidden_dropout": 0.3}).model_config(["no", "yes"])
    assert config.hidden_size == SLRConfig.from_size("small").hidden_size
    assert config.hidden_dropout == 0.3
    assert config.id2label == {0: "no", 1: "yes"}
    assert config.label2id == {"no": 0, "yes": 1}


@pytest.mark.parametrize("name", RECIPES)
def test_fine_tuning_goes_slower_from_stage_to_stage_with_the_same_model(name: str) -> None:
    it, ft1, ft2 = (RECIPES[name][stage] for stage in STAGES)
    assert it.learning_rate > ft1.learning_rate > ft2.learning_rate
    assert it.size == ft1.size == ft2.size


@pytest.mark.parametrize("recipe", EVERY_RECIPE)
def test_a_recipe_comes_back_from_its_json(recipe: Recipe) -> None:
    assert changed(Recipe(), json.loads(json.dumps(recipe.to_dict()))) == recipe


def test_a_recipe_is_found_by_dataset_and_stage() -> None:
    assert get_recipe("ksl13", "ft1") is RECIPES["ksl13"]["ft1"]


def test_an_unknown_recipe_or_stage_is_refused_with_the_known_ones() -> None:
    with pytest.raises(
        ValueError, match=r"no recipe 'bsl'\. Choose one of demo, few_clips, ksl13, own_signs, slovo_500, slovo_1000"
    ):
        get_recipe("bsl", "it")
    with pytest.raises(ValueError, match=r"no stage 'ft3'\. Choose one of it, ft1, ft2"):
        get_recipe("ksl13", "ft3")


def test_a_recipe_cannot_be_changed_in_place() -> None:
    with pytest.raises(FrozenInstanceError):
        Recipe().epochs = 3  # type: ignore[misc]


def test_fields_are_set_by_name_in_sections_too() -> None:
    recipe = Recipe(config={"hidden_dropout": 0.3}).with_values(
        [
            "learning_rate=1e-2",
            "epochs=7",
            "size=small",
            "bf16=false",
            "schedule.num_cycles=2",
            "losses.focal_gamma=1",
            "augmentations.mirror.probability=0.3",
            "augmentations.time_warp.speed=[0.5, 2]",
            "config.hidden_size=96",
        ]
    )
    assert recipe.learning_rate == 0.01
    assert recipe.epochs == 7
    assert recipe.size == "small"
    assert recipe.bf16 is False
    assert recipe.schedule.num_cycles == 2
    assert recipe.augmentations.mirror.probability == 0.3
    assert recipe.augmentations.time_warp.speed == (0.5, 2.0)
    assert recipe.config == {"hidden_dropout": 0.3, "hidden_size": 96}
    # A whole number is a number.
    assert recipe.losses.focal_gamma == 1.0
    assert isinstance(recipe.losses.focal_gamma, float)


def test_what_is_not_named_stays() -> None:
    recipe = get_recipe("ksl13", "it")
    assert recipe.with_values([]) == recipe
    assert recipe.with_values(["seed=1"]).schedule == recipe.schedule


def test_a_section_is_set_as_a_whole_so_its_values_may_depend_on_each_other() -> None:
    # With the default decay of 0.5, ten cycles would end below the floor.
    recipe = Recipe().with_values(["schedule.num_cycles=10", "schedule.peak_decay=0.9"])
    assert (recipe.schedule.num_cycles, recipe.schedule.peak_decay) == (10, 0.9)


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("epochs", "'epochs' is no assignment"),
        ("=3", "'=3' is no assignment"),
        ("schedule.=3", "no assignment"),
        ("epoch=3", r"no field 'epoch'\. Choose one of size, config, processor, epochs"),
        ("losses.gamma=3", r"no field 'losses\.gamma'\. Choose one of losses\.focal_gamma"),
        ("epochs.x=3", "epochs=.* has the wrong type"),
        ("epochs=many", "epochs='many' has the wrong type: .* int"),
        ("epochs=1.5", r"epochs=1\.5 has the wrong type"),
        ("epochs=true", "epochs=True has the wrong type"),
        ("learning_rate=fast", "learning_rate='fast' has the wrong type"),
        ("schedule.warmup=null", r"schedule\.warmup=None has the wrong type"),
        ("schedule=3", "schedule=3 has the wrong type"),
        ("bf16=maybe", "bf16='maybe' has the wrong type"),
        ("augmentations.time_warp.speed=[1, 2, 3]", r"speed=\[1, 2, 3\] has the wrong type"),
        ('augmentations.time_warp.speed=[1, "x"]', "speed=.* has the wrong type"),
        ("config=3", "config=3 has the wrong type"),
        ("epochs=0", "`epochs` must be at least 1"),
        ("learning_rate=-1", "`learning_rate` must be above 0"),
        ("weight_decay=-1", "`weight_decay` must not be negative"),
        ("schedule.warmup=2", "`warmup` must"),
        ("size=huge", r"Unknown size 'huge'\. Choose one of tiny, small, base"),
        ("config.hidden_sise=64", r"`config` names \['hidden_sise'\], which SLRConfig has not"),
        ("config.hidden_size=33", "`config` is not usable. `hidden_size` must be a multiple"),
        ("config.hidden_dropout=high", "`config` is not usable. .*hidden_dropout"),
    ],
)
def test_an_assignment_that_does_not_fit_is_refused(assignment: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Recipe().with_values([assignment])


def test_contradicting_assignments_are_refused() -> None:
    with pytest.raises(ValueError, match="contradicts"):
        Recipe().with_values(["schedule=3", "schedule.warmup=0.5"])


@pytest.mark.parametrize(
    ("kind", "schedule"), [("cosine_restarts", CosineWithWarmRestarts), ("one_cycle", OneCycle), ("plateau", Plateau)]
)
def test_another_kind_of_schedule_begins_with_its_own_defaults(kind: str, schedule: type) -> None:
    recipe = Recipe().with_values([f"schedule.kind={kind}", "schedule.factor=0.2" if kind == "plateau" else "seed=1"])
    assert isinstance(recipe.schedule, schedule)
    assert changed(Recipe(), json.loads(json.dumps(recipe.to_dict()))) == recipe


def test_an_unknown_kind_of_schedule_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"no `schedule` of the kind 'linear'\. Choose one of .*one_cycle"):
        Recipe().with_values(["schedule.kind=linear"])


def test_an_assignment_for_a_stage_counts_there_alone() -> None:
    recipes = get_recipes("ksl13", assignments=["seed=4", "ft1.epochs=9", "ft1.losses.focal_gamma=3"])
    assert {stage: recipe.seed for stage, recipe in recipes.items()} == {"it": 4, "ft1": 4, "ft2": 4}
    assert recipes["ft1"].epochs == 9
    assert recipes["ft1"].losses.focal_gamma == 3
    for stage in ("it", "ft2"):
        assert recipes[stage] == get_recipe("ksl13", stage).with_values(["seed=4"])


def test_an_assignment_for_a_stage_that_is_not_trained_is_left_out() -> None:
    assert get_recipes("ksl13", ["it"], ["ft1.epochs=9"]) == {"it": get_recipe("ksl13", "it")}


def test_the_recipe_for_few_clips_shows_each_of_them_often() -> None:
    for stage in STAGES:
        assert get_recipe("few_clips", stage).repeats > get_recipe("ksl13", stage).repeats


def test_a_recipe_sets_fields_of_the_processor_and_gives_it_the_parts_of_the_model() -> None:
    processor = Recipe(config={"input_size": 40}, processor={"normalize_by": "hands", "max_gap": 3.0}).new_processor()
    assert (processor.input_size, processor.normalize_by, processor.max_gap) == (40, "hands", 3.0)


@pytest.mark.parametrize(
    ("processor", "message"),
    [
        (
            {"normalise_by": "hands"},
            r"`processor` names \['normalise_by'\], which cannot be set\. Choose from .*normalize_by",
        ),
        ({"input_size": 40}, r"`processor` names \['input_size'\]"),
        ({"normalize_by": "feet"}, "`normalize_by` must be 'body' or 'hands', but is 'feet'"),
    ],
)
def test_fields_of_the_processor_that_do_not_fit_are_refused(processor: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Recipe(processor=processor)


def test_clips_drawn_by_signers_go_with_no_other_order() -> None:
    with pytest.raises(ValueError, match="`clips_per_gloss` goes with neither `repeats` nor `group_by_length`"):
        Recipe(clips_per_gloss=5, repeats=2)
