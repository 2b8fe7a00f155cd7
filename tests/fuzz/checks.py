"""What the program does with files, on mutated ones. Each check stands here, where a worker process can import it."""

from pathlib import Path


def decode_video(content: bytes, folder: Path) -> None:
    """Decodes all frames."""
    from slr_hf.model.extraction_slr import probe_video, read_frames

    path = folder / "clip.video"  # without an ending that says what it is
    path.write_bytes(content)
    probe_video(path)
    for _, picture in read_frames(path, 64):
        assert picture.ndim == 3


def decode_picture(content: bytes, folder: Path) -> None:
    """Decodes what a browser shows the live tab."""
    from recognition import decode_picture

    assert decode_picture(content).ndim == 3


def load_arrays(content: bytes, folder: Path) -> None:
    """Loads landmark arrays and prepares a clip."""
    from slr_hf.data import load_landmark_arrays, to_landmarks
    from slr_hf.model.processing_slr import KeypointProcessor

    path = folder / "set.npz"
    path.write_bytes(content)
    KeypointProcessor().prepare(to_landmarks(load_landmark_arrays(path)[0]))


def load_parquet(content: bytes, folder: Path) -> None:
    """Loads a shard of extracted landmarks and prepares a clip."""
    import json

    from datasets import disable_progress_bars

    from slr_hf.data import load_extracted, to_landmarks
    from slr_hf.model.processing_slr import KeypointProcessor

    disable_progress_bars()
    (folder / "part-0.parquet").write_bytes(content)
    manifest = {"form": "slr_hf extracted landmarks", "parts": ["part-0.parquet"]}
    (folder / "extraction.json").write_text(json.dumps(manifest), encoding="utf-8")
    KeypointProcessor().prepare(to_landmarks(load_extracted(folder)[0]))


def read_table(content: bytes, folder: Path) -> None:
    """Reads a table of clips."""
    from slr_hf.data.clip_lists import read_clip_list

    path = folder / "clips.csv"
    path.write_bytes(content)
    read_clip_list(path)


def load_weights(content: bytes, folder: Path) -> None:
    """Loads a model with other weights."""
    _load_model("model.safetensors", content, folder)


def load_config(content: bytes, folder: Path) -> None:
    """Loads a model with another configuration."""
    _load_model("config.json", content, folder)


def load_processor(content: bytes, folder: Path) -> None:
    """Loads a model with another processor, and prepares a clip."""
    _load_model("preprocessor_config.json", content, folder)


def _load_model(name: str, content: bytes, folder: Path) -> None:
    import numpy as np

    from slr_hf.model.landmarks_slr import Landmarks
    from slr_hf.model.loading_slr import load_model

    path = folder / "model" / name
    path.write_bytes(content)
    model, processor = load_model(path.parent)
    clip = Landmarks(np.full((9, 543, 3), 0.5, np.float32), fps=30, width=640, height=480)
    model(**processor(clip))
