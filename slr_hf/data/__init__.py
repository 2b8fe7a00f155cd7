"""Clips as `datasets`: extraction, SLOVO, landmark arrays, splits, keypoints prepared for training, batches.

The way of a clip: `load_extracted` or `load_landmark_arrays` and `split`, or `load_slovo`; then `prepare_dataset` and
`KeypointCollator`. A name is imported when it is first used: the processes that find landmarks need no torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from slr_hf.data.collation import KeypointCollator
    from slr_hf.data.landmark_arrays import load_landmark_arrays, to_landmarks
    from slr_hf.data.landmark_folder import load_extracted
    from slr_hf.data.preparation import prepare_dataset, to_clip
    from slr_hf.data.slovo import hold_out_signers, load_slovo, read_slovo_annotations
    from slr_hf.data.slovo_annotations import read_annotation_file, slovo_glosses
    from slr_hf.data.slovo_json import convert_slovo_json, read_slovo_json
    from slr_hf.data.splits import find_session, hold_out, hold_out_last, read_column, sessions, split
    from slr_hf.data.vocabularies import VOCABULARIES, Vocabulary, get_vocabulary

_MODULES = {
    "collation": ["KeypointCollator"],
    "landmark_arrays": ["load_landmark_arrays", "to_landmarks"],
    "landmark_folder": ["load_extracted"],
    "preparation": ["prepare_dataset", "to_clip"],
    "slovo": ["hold_out_signers", "load_slovo", "read_slovo_annotations"],
    "slovo_annotations": ["read_annotation_file", "slovo_glosses"],
    "slovo_json": ["convert_slovo_json", "read_slovo_json"],
    "splits": ["find_session", "hold_out", "hold_out_last", "read_column", "sessions", "split"],
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
    "Vocabulary",
    "convert_slovo_json",
    "find_session",
    "get_vocabulary",
    "hold_out",
    "hold_out_last",
    "hold_out_signers",
    "load_extracted",
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
