"""Recipes, one file a dataset, each with a recipe for every stage."""

from slr_hf.training.recipes import demo, ksl13, slovo_500, slovo_1000
from slr_hf.training.recipes.recipe import STAGES, Recipe

RECIPES: dict[str, dict[str, Recipe]] = {
    "demo": demo.RECIPES,
    "ksl13": ksl13.RECIPES,
    "slovo_500": slovo_500.RECIPES,
    "slovo_1000": slovo_1000.RECIPES,
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


__all__ = ["RECIPES", "STAGES", "Recipe", "get_recipe"]
