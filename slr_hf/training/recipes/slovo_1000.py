"""SLOVO: 1000 glosses of Russian Sign Language and `no_event`, 20,400 clips of 194 signers.

Starting values: the landmarks of the whole set have not been trained on yet. The augmentations are those that hold on
new recordings of ksl13, even from ten clips a gloss.
"""

from dataclasses import replace

from slr_hf.training.augmentations import MixUp
from slr_hf.training.losses import SignLoss
from slr_hf.training.recipes import ksl13
from slr_hf.training.recipes.recipe import Recipe
from slr_hf.training.schedules import CyclicLRWithWarmup

# About 15 training clips a gloss: strong regularisation, many epochs.
IT = Recipe(
    size="base",
    config={"hidden_dropout": 0.2, "classifier_dropout": 0.4, "drop_path_rate": 0.2},
    epochs=150,
    patience=25,
    batch_size=64,
    group_by_length=True,
    learning_rate=5e-4,
    weight_decay=0.1,
    schedule=CyclicLRWithWarmup(warmup=0.05, num_cycles=3, peak_decay=0.6, floor=0.01),
    losses=SignLoss(focal_gamma=2.0, label_smoothing=0.1, auxiliary_weight=0.3, confidence_weight=0.1),
    augmentations=replace(ksl13.AUGMENTATIONS, mix_up=MixUp(probability=0.5)),
)

# Single clips again, at a lower rate: what was learned on mixtures settles.
FT1 = replace(
    IT,
    epochs=40,
    patience=10,
    learning_rate=1e-4,
    schedule=CyclicLRWithWarmup(warmup=0.05, num_cycles=2, peak_decay=0.5, floor=0.01),
    augmentations=replace(ksl13.AUGMENTATIONS, mix_up=MixUp(probability=0.0)),
)

# Less smoothing and no focus: probabilities that mean what they say.
FT2 = replace(
    FT1,
    epochs=20,
    patience=6,
    learning_rate=3e-5,
    schedule=CyclicLRWithWarmup(warmup=0.05, floor=0.01),
    losses=SignLoss(focal_gamma=0.0, label_smoothing=0.05, auxiliary_weight=0.1, confidence_weight=0.3),
)

RECIPES = {"it": IT, "ft1": FT1, "ft2": FT2}

__all__ = ["FT1", "FT2", "IT", "RECIPES"]
