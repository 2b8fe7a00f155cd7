"""Recipes, one file a dataset, each with a recipe for every stage."""

from collections.abc import Iterable, Sequence

from slr_hf.training.recipes import demo, few_clips, ksl13, own_signs, slovo_500, slovo_1000, wlasl
from slr_hf.training.recipes.recipe import STAGES, Recipe

RECIPES: dict[str, dict[str, Recipe]] = {
    "demo": demo.RECIPES,
    "few_clips": few_clips.RECIPES,
    "ksl13": ksl13.RECIPES,
    "own_signs": own_signs.RECIPES,
    "slovo_500": slovo_500.RECIPES,
    "slovo_1000": slovo_1000.RECIPES,
    **{f"wlasl_{glosses}": recipes for glosses, recipes in wlasl.RECIPES.items()},
}


def get_recipe(dataset: str, stage: str) -> Recipe:
    """Looks a recipe up.

    Args:
        dataset: One of `RECIPES`.
        stage: One of `STAGES`: "it", "ft1", "ft2".

    Raises:
        ValueError: If there is no such recipe or stage.
    """
    if dataset not in RECIPES:
        raise ValueError(f"There is no recipe {dataset!r}. Choose one of {', '.join(RECIPES)}.")
    if stage not in RECIPES[dataset]:
        raise ValueError(f"There is no stage {stage!r}. Choose one of {', '.join(RECIPES[dataset])}.")
    return RECIPES[dataset][stage]


def get_recipes(dataset: str, stages: Sequence[str] = STAGES, assignments: Iterable[str] = ()) -> dict[str, Recipe]:
    """Looks the recipes of some stages up, with fields set differently.

    Args:
        dataset: One of `RECIPES`.
        stages: Some of `STAGES`.
        assignments: See `Recipe.with_values`. One that begins with a stage, such as "ft1.epochs=3", counts for that
            stage only, the others for all stages.

    Raises:
        ValueError: If there is no such recipe or stage, or an assignment cannot be used.
    """
    assignments = list(assignments)
    recipes = {}
    for stage in stages:
        others = tuple(f"{other}." for other in STAGES if other != stage)
        own = [item.removeprefix(f"{stage}.") for item in assignments if not item.startswith(others)]
        recipes[stage] = get_recipe(dataset, stage).with_values(own)
    return recipes


__all__ = ["RECIPES", "STAGES", "Recipe", "get_recipe", "get_recipes"]
