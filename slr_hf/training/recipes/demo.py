"""The demo model: everyday American signs of webcams and of WLASL's hands together (the vocabulary "demo").

What a data set has in common besides its signs must not name it: length, rate, how close a clip is cut, which parts are
seen, the size and tilt of the picture, and how many clips a recorder has.
"""

from dataclasses import replace

from slr_hf.model.landmarks_slr import default_parts
from slr_hf.training.augmentations import (
    Augmentations,
    FrameDrop,
    HandDistortion,
    HandLoss,
    IdleEnds,
    IdleHand,
    Mirror,
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

AUGMENTATIONS = replace(
    Augmentations.none(),
    temporal_crop=TemporalCrop(probability=0.5, smallest=0.7),
    time_warp=TimeWarp(probability=1.0, speed=(0.5, 2.0), bend=0.2),
    idle_ends=IdleEnds(probability=0.5, longest=0.4, drop=3.0),
    frame_drop=FrameDrop(probability=0.2, share=0.4),
    idle_hand=IdleHand(probability=0.2, drop=0.8),
    rotation=Rotation(probability=1.0, yaw=0.0, pitch=0.0, roll=15.0),
    scaling=Scaling(probability=1.0, factor=(0.8, 1.2), stretch=0.2, shear=0.15),
    shift=Shift(probability=1.0, signer=0.1, parts=0.05),
    hand_distortion=HandDistortion(probability=0.5, stretch=0.3, turn=15.0),
    mirror=Mirror(probability=0.5),
    hand_loss=HandLoss(probability=0.3, longest=0.3),
    part_dropout=PartDropout(probability=0.5, body=0.0, hand=0.3),
    noise=Noise(probability=1.0, deviation=0.01),
)

IT = Recipe(
    size="tiny",
    config={
        # Hands alone: of WLASL nothing else is known, and whether a body is seen must not tell a data set.
        "parts": [part for part in default_parts() if part.get("anchor") is not None],
        "cross_modal_pairs": [["left_hand", "right_hand"]],
        # Trains more than twice as fast as 64; what it costs in accuracy has not been measured.
        "input_size": 32,
        "hidden_dropout": 0.2,
        "classifier_dropout": 0.5,
        "drop_path_rate": 0.2,
    },
    processor={"normalize_by": "hands"},
    epochs=35,
    patience=35,
    clips_per_gloss=20,
    batch_size=32,
    learning_rate=1.5e-3,
    weight_decay=0.05,
    average_decay=0.99,
    schedule=CyclicLRWithWarmup(warmup=0.2, floor=0.01),
    losses=SignLoss(focal_gamma=0.0, label_smoothing=0.1, auxiliary_weight=0.3, confidence_weight=0.1),
    augmentations=AUGMENTATIONS,
)

FT1 = replace(IT, epochs=3, patience=3, learning_rate=3e-4)

# Less smoothing: probabilities that mean what they say.
FT2 = replace(
    FT1,
    epochs=2,
    patience=2,
    learning_rate=1e-4,
    losses=SignLoss(focal_gamma=0.0, label_smoothing=0.02, auxiliary_weight=0.1, confidence_weight=0.3),
)

RECIPES = {"it": IT, "ft1": FT1, "ft2": FT2}

__all__ = ["FT1", "FT2", "IT", "RECIPES"]
