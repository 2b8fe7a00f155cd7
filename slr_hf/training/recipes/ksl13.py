"""ksl13: 13 glosses of Korean Sign Language, 2,470 clips of webcams from 5 recording sessions."""

from dataclasses import replace

from slr_hf.training.augmentations import Augmentations, MixUp
from slr_hf.training.losses import SignLoss
from slr_hf.training.recipes.recipe import Recipe
from slr_hf.training.schedules import CyclicLRWithWarmup

IT = Recipe(
    size="tiny",
    epochs=14,
    patience=8,
    batch_size=64,
    learning_rate=2e-3,
    weight_decay=0.05,
    schedule=CyclicLRWithWarmup(warmup=0.1, num_cycles=2, peak_decay=0.5, floor=0.02),
    losses=SignLoss(focal_gamma=1.0, label_smoothing=0.1, auxiliary_weight=0.3, confidence_weight=0.1),
)

# Single clips again, at a lower rate: what was learned on mixtures settles.
FT1 = replace(
    IT,
    epochs=5,
    patience=5,
    learning_rate=4e-4,
    schedule=CyclicLRWithWarmup(warmup=0.1, floor=0.02),
    augmentations=Augmentations(mix_up=MixUp(probability=0.0)),
)

# Less smoothing and no focus: probabilities that mean what they say.
FT2 = replace(
    FT1,
    epochs=3,
    patience=3,
    learning_rate=1e-4,
    losses=SignLoss(focal_gamma=0.0, label_smoothing=0.05, auxiliary_weight=0.1, confidence_weight=0.3),
)

RECIPES = {"it": IT, "ft1": FT1, "ft2": FT2}

__all__ = ["FT1", "FT2", "IT", "RECIPES"]
