"""Fixtures of real landmark models and of landmarks found with them."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from slr_hf.model.extraction_slr import HolisticExtractor
from slr_hf.model.landmarker_slr import cached_landmarker, check_bundle
from slr_hf.model.landmarks_slr import Landmarks

#: The real clips, by the name that the tables of this folder use.
CLIPS = {
    "f17a6060": "slovo/f17a6060-6ced-4bd1-9886-8578cfbb864f.mp4",
    "no7a7812b1": "slovo/no7a7812b1-ae64-4402-9ebc-5b947edbd021.mp4",
    "no834a06ad": "slovo/no834a06ad-d4ea-4489-ac3a-fea461af51cb.mp4",
    "ambulancia": "videos/msl150_ambulancia_001.mp4",
    "doctor": "videos/msl150_doctor_001.mp4",
    "dolor": "videos/msl150_dolor_001.mp4",
    "hoy": "videos/msl150_hoy_001.mp4",
    "yo": "videos/msl150_yo_001.mp4",
    "wave": "videos/slp_pose_test_video.mp4",
}


@pytest.fixture(scope="session")
def landmarker_path(repository: Path) -> Path:
    """The bundle of landmark models in the cache; it is built where it is missing."""
    cached_landmarker().parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{cached_landmarker()}.lock"):  # one worker builds it, the others wait
        subprocess.run([sys.executable, repository / "scripts" / "build_landmarker.py"], check=True, timeout=300)
    check_bundle(cached_landmarker())
    return cached_landmarker()


@pytest.fixture(scope="session")
def clip_paths(data_dir: Path) -> dict[str, Path]:
    """The real clips."""
    return {name: data_dir / path for name, path in CLIPS.items()}


@pytest.fixture(scope="session")
def extracted_clips(
    clip_paths: dict[str, Path], landmarker_path: Path, make_once: Callable[[str, Callable[[Path], object]], Path]
) -> dict[str, Landmarks]:
    """The landmarks of all real clips."""

    def extract(folder: Path) -> None:
        extractor = HolisticExtractor(landmarker_path)
        for name, path in clip_paths.items():
            clip = extractor(path)
            np.savez(folder / name, coordinates=clip.coordinates, fps=clip.fps, size=(clip.width, clip.height))

    def read(path: Path) -> Landmarks:
        with np.load(path) as clip:
            width, height = clip["size"].tolist()
            return Landmarks(clip["coordinates"], fps=clip["fps"].item(), width=width, height=height)

    folder = make_once("extracted", extract)
    return {name: read(folder / f"{name}.npz") for name in clip_paths}
