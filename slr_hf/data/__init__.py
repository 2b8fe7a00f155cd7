"""Clips as `datasets`: extraction, landmark arrays, splits, keypoints prepared for training, batches.

The way of a clip: `load_extracted` or `load_landmark_arrays`, `split`, `prepare_dataset`, `KeypointCollator`.
A name is imported when it is first used: the processes that find landmarks need no torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from slr_hf.data.collation import KeypointCollator
    from slr_hf.data.landmark_arrays import load_landmark_arrays, to_landmarks
    from slr_hf.data.landmark_folder import load_extracted
    from slr_hf.data.preparation import prepare_dataset, to_clip
    from slr_hf.data.splits import find_session, hold_out, hold_out_last, read_column, sessions, split
    from slr_hf.data.vocabularies import VOCABULARIES, Vocabulary, get_vocabulary

_MODULES = {
    "collation": ["KeypointCollator"],
    "landmark_arrays": ["load_landmark_arrays", "to_landmarks"],
    "landmark_folder": ["load_extracted"],
    "preparation": ["prepare_dataset", "to_clip"],
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
    "find_session",
    "get_vocabulary",
    "hold_out",
    "hold_out_last",
    "load_extracted",
    "load_landmark_arrays",
    "prepare_dataset",
    "read_column",
    "sessions",
    "split",
    "to_clip",
    "to_landmarks",
]
