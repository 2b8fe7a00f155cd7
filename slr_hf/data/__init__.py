"""Clips as `datasets`: extraction, SLOVO, landmark arrays, splits, keypoints prepared for training, batches.

The way of a clip: `open_dataset` and `choose_splits`, whatever the dataset is; then `prepare_dataset` and
`KeypointCollator`. A name is imported when it is first used: the processes that find landmarks need no torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from slr_hf.data.clip_columns import join_clips, join_splits, to_clips
    from slr_hf.data.collation import KeypointCollator
    from slr_hf.data.folds import session_folds, signer_folds
    from slr_hf.data.landmark_arrays import load_landmark_arrays, to_landmarks
    from slr_hf.data.landmark_folder import load_extracted
    from slr_hf.data.opening import OpeningOptions, open_dataset, stream_dataset
    from slr_hf.data.preparation import prepare_dataset, prepare_stream, sort_by_length, to_clip
    from slr_hf.data.slovo import hold_out_signers, load_slovo, read_slovo_annotations
    from slr_hf.data.slovo_annotations import read_annotation_file, slovo_glosses
    from slr_hf.data.slovo_json import convert_slovo_json, read_slovo_json
    from slr_hf.data.splits import (
        choose_splits,
        find_session,
        hold_out,
        hold_out_last,
        read_column,
        sessions,
        shared_labels,
        split,
    )
    from slr_hf.data.vocabularies import VOCABULARIES, Vocabulary, get_vocabulary

_MODULES = {
    "clip_columns": ["join_clips", "join_splits", "to_clips"],
    "collation": ["KeypointCollator"],
    "folds": ["session_folds", "signer_folds"],
    "landmark_arrays": ["load_landmark_arrays", "to_landmarks"],
    "landmark_folder": ["load_extracted"],
    "opening": ["OpeningOptions", "open_dataset", "stream_dataset"],
    "preparation": ["prepare_dataset", "prepare_stream", "sort_by_length", "to_clip"],
    "slovo": ["hold_out_signers", "load_slovo", "read_slovo_annotations"],
    "slovo_annotations": ["read_annotation_file", "slovo_glosses"],
    "slovo_json": ["convert_slovo_json", "read_slovo_json"],
    "splits": [
        "choose_splits",
        "find_session",
        "hold_out",
        "hold_out_last",
        "read_column",
        "sessions",
        "shared_labels",
        "split",
    ],
    "vocabularies": ["VOCABULARIES", "Vocabulary", "get_vocabulary"],
}


def __getattr__(name: str) -> Any:
    for module, names in _MODULES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "VOCABULARIES",
    "KeypointCollator",
    "OpeningOptions",
    "Vocabulary",
    "choose_splits",
    "convert_slovo_json",
    "find_session",
    "get_vocabulary",
    "hold_out",
    "hold_out_last",
    "hold_out_signers",
    "join_clips",
    "join_splits",
    "load_extracted",
    "load_landmark_arrays",
    "load_slovo",
    "open_dataset",
    "prepare_dataset",
    "prepare_stream",
    "read_annotation_file",
    "read_column",
    "read_slovo_annotations",
    "read_slovo_json",
    "session_folds",
    "sessions",
    "shared_labels",
    "signer_folds",
    "slovo_glosses",
    "sort_by_length",
    "split",
    "stream_dataset",
    "to_clip",
    "to_clips",
    "to_landmarks",
]
