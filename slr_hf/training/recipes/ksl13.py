"""ksl13: 13 glosses of Korean Sign Language, 2,470 clips of webcams from 5 recording sessions."""

from dataclasses import replace

from slr_hf.training.augmentations import (
    Augmentations,
    FrameDrop,
    HandDistortion,
    IdleEnds,
    IdleHand,
    Mirror,
    MixUp,
    Noise,
    PartDropout,
    Rotation,
    Scaling,
    Shift,
    TemporalCrop,
    TimeWarp,
)
from slr_hf.training.losses import SignLoss
from slr_hf.training.recipes.recipe import Recipe
from slr_hf.training.schedules import CyclicLRWithWarmup

#: Length, rate, how close a clip is cut and which parts are seen are varied widely, so that none of them names a
#: recording. Of the others, what is not named is off: it did not help, or hid the movement that tells apart two glosses
#: which some sessions sign with the same hand shape. docs/ablation.md holds the figures.
AUGMENTATIONS = replace(
    Augmentations.none(),
    temporal_crop=TemporalCrop(probability=0.3, smallest=0.8),
    time_warp=TimeWarp(probability=0.7, speed=(0.5, 2.0), bend=0.2),
    idle_ends=IdleEnds(probability=0.3, longest=0.3),
    frame_drop=FrameDrop(probability=0.2, share=0.4),
    idle_hand=IdleHand(probability=0.3, drop=0.8),
    rotation=Rotation(probability=1.0, yaw=0.0, pitch=0.0, roll=14.0),
    scaling=Scaling(probability=1.0, factor=(0.8, 1.2), stretch=0.0),
    shift=Shift(probability=1.0, signer=0.1, parts=0.0),
    hand_distortion=HandDistortion(probability=0.7, stretch=0.4, turn=20.0),
    mirror=Mirror(probability=0.5),
    part_dropout=PartDropout(probability=0.3, body=0.5, hand=0.3),
    mix_up=MixUp(probability=0.3, alpha=0.2),
    noise=Noise(probability=1.0, deviation=0.01),
)

IT = Recipe(
    size="tiny",
    epochs=8,
    patience=8,
    batch_size=64,
    learning_rate=2e-3,
    weight_decay=0.05,
    schedule=CyclicLRWithWarmup(warmup=0.1, num_cycles=2, peak_decay=0.5, floor=0.02),
    losses=SignLoss(focal_gamma=1.0, label_smoothing=0.1, auxiliary_weight=0.3, confidence_weight=0.1),
    augmentations=AUGMENTATIONS,
)

# Single clips again, at a lower rate: what was learned on mixtures settles.
FT1 = replace(
    IT,
    epochs=2,
    learning_rate=4e-4,
    schedule=CyclicLRWithWarmup(warmup=0.1, floor=0.02),
    augmentations=replace(AUGMENTATIONS, mix_up=MixUp(probability=0.0)),
)

# Less smoothing and no focus: probabilities that mean what they say.
FT2 = replace(
    FT1,
    epochs=1,
    learning_rate=1e-4,
    losses=SignLoss(focal_gamma=0.0, label_smoothing=0.02, auxiliary_weight=0.1, confidence_weight=0.3),
)

RECIPES = {"it": IT, "ft1": FT1, "ft2": FT2}

__all__ = ["FT1", "FT2", "IT", "RECIPES"]
