"""WLASL's hands: 100, 300, 1000 or 2000 glosses of American Sign Language, three to twelve training clips each.

The parts, the processor, and the augmentations are those of the demo model, whose signers come from here too.
"""

from dataclasses import replace

from slr_hf.training.recipes import demo
from slr_hf.training.recipes.recipe import Recipe


def three_stages(epochs: int, dropout: float, classifier_dropout: float) -> dict[str, Recipe]:
    """Makes the recipes of one number of glosses.

    Args:
        epochs: Epochs of the stage `it`.
        dropout: Dropout of the blocks, and their rate of stochastic depth.
        classifier_dropout: Dropout before the classifier.
    """
    config = {"hidden_dropout": dropout, "classifier_dropout": classifier_dropout, "drop_path_rate": dropout}
    # Every clip once an epoch: no recorder here has many clips of a gloss.
    stages = {
        stage: replace(recipe, config={**recipe.config, **config}, clips_per_gloss=0)
        for stage, recipe in demo.RECIPES.items()
    }
    return {**stages, "it": replace(stages["it"], epochs=epochs, patience=epochs)}


#: By the number of glosses. More clips, fewer epochs and less regularisation. 300 and 1000 have not been trained yet.
RECIPES = {
    100: three_stages(epochs=80, dropout=0.2, classifier_dropout=0.5),
    300: three_stages(epochs=40, dropout=0.2, classifier_dropout=0.5),
    1000: three_stages(epochs=24, dropout=0.1, classifier_dropout=0.3),
    2000: three_stages(epochs=20, dropout=0.1, classifier_dropout=0.3),
}

__all__ = ["RECIPES", "three_stages"]
