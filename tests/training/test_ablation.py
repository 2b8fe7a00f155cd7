import pytest

from slr_hf.training.ablation import BASELINE, Ablation, choose, variations
from slr_hf.training.augmentations import Augmentations
from slr_hf.training.recipes import RECIPES, STAGES, get_recipe, get_recipes


@pytest.mark.parametrize("name", RECIPES)
def test_every_variation_of_a_recipe_is_another_recipe(name: str) -> None:
    recipe = get_recipes(name)
    for variation, assignments in variations(recipe["it"]).items():
        assert (get_recipes(name, STAGES, assignments) == recipe) == (variation == BASELINE), variation


def test_what_the_recipe_has_is_left_out_and_what_it_lacks_is_put_in() -> None:
    recipe = get_recipe("ksl13", "it")
    tried = variations(recipe)
    assert tried["without mirror"] == ("augmentations.mirror.probability=0",)
    assert "with perspective" in tried
    turned_off = recipe.with_values(tried["without mirror"])
    assert turned_off.augmentations.mirror.probability == 0
    names = {name.split(" ", 1)[1] for name in tried if name.startswith(("with ", "without "))}
    assert {name.replace("_", " ") for name in vars(Augmentations())} <= names


def test_the_table_pairs_every_seed_with_the_recipes_run_of_that_seed() -> None:
    table = Ablation({BASELINE: {0: 0.9, 1: 0.8}, "without mirror": {0: 0.7, 1: 0.5}, "with noise": {1: 0.85}})
    rows = {row["variation"]: row for row in table.rows()}
    assert list(rows)[-1] == "without mirror"
    assert rows["without mirror"]["difference"] == pytest.approx(-0.25)
    assert rows["without mirror"]["lowest"] == 0.5
    assert rows["without mirror"]["highest"] == 0.7
    assert rows["with noise"]["difference"] == pytest.approx(0.05)
    assert rows["with noise"]["seeds"] == 1
    assert "| without mirror | 2 | 0.6000 | 0.5000 | 0.7000 | -0.2500 |" in table.to_markdown()


def test_without_a_run_of_the_recipe_there_is_no_difference() -> None:
    (row,) = Ablation({"without mirror": {0: 0.7}}).rows()
    assert row["difference"] is None


def test_the_recipe_itself_is_always_chosen() -> None:
    known = variations(get_recipe("ksl13", "it"))
    assert list(choose(known, ["without mirror"])) == [BASELINE, "without mirror"]
    with pytest.raises(ValueError, match="There is no variation \\['without mirrors'\\]"):
        choose(known, ["without mirrors"])
