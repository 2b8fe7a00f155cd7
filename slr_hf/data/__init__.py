"""Clips as `datasets`: landmark arrays, splits, keypoints prepared for training, batches.

The way of a clip: `load_landmark_arrays`, `split`, `prepare_dataset`, `KeypointCollator`.
"""

from slr_hf.data.collation import KeypointCollator
from slr_hf.data.landmark_arrays import load_landmark_arrays, to_landmarks
from slr_hf.data.preparation import prepare_dataset, to_clip
from slr_hf.data.splits import find_session, hold_out, hold_out_last, read_column, sessions, split
from slr_hf.data.vocabularies import VOCABULARIES, Vocabulary, get_vocabulary

__all__ = [
    "VOCABULARIES",
    "KeypointCollator",
    "Vocabulary",
    "find_session",
    "get_vocabulary",
    "hold_out",
    "hold_out_last",
    "load_landmark_arrays",
    "prepare_dataset",
    "read_column",
    "sessions",
    "split",
    "to_clip",
    "to_landmarks",
]
