"""Clips as `datasets`: landmark arrays, splits, keypoints prepared for training, batches.

The way of a clip: `load_landmark_arrays` and `split`, or `load_slovo`; `prepare_dataset`, `KeypointCollator`.
"""

from slr_hf.data.collation import KeypointCollator
from slr_hf.data.landmark_arrays import load_landmark_arrays, to_landmarks
from slr_hf.data.preparation import prepare_dataset, to_clip
from slr_hf.data.slovo import hold_out_signers, load_slovo, read_slovo_annotations
from slr_hf.data.slovo_annotations import read_annotation_file, slovo_glosses
from slr_hf.data.slovo_json import convert_slovo_json, read_slovo_json
from slr_hf.data.splits import find_session, hold_out, hold_out_last, read_column, sessions, split
from slr_hf.data.vocabularies import VOCABULARIES, Vocabulary, get_vocabulary

__all__ = [
    "VOCABULARIES",
    "KeypointCollator",
    "Vocabulary",
    "convert_slovo_json",
    "find_session",
    "get_vocabulary",
    "hold_out",
    "hold_out_last",
    "hold_out_signers",
    "load_landmark_arrays",
    "load_slovo",
    "prepare_dataset",
    "read_annotation_file",
    "read_column",
    "read_slovo_annotations",
    "read_slovo_json",
    "sessions",
    "slovo_glosses",
    "split",
    "to_clip",
    "to_landmarks",
]
