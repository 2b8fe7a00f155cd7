"""The Space's app, asked by programs."""

from pathlib import Path

import pytest
from hostile_videos import write_video
from programs import Program
from serving import Served

from slr_hf.model.extraction_slr import read_frames


@pytest.fixture(scope="module")
def program(served: Served) -> Program:
    return Program(served.address)


@pytest.fixture(scope="session")
def clip(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A real clip of 12 small frames, so that many can be answered in a short time."""
    frames = [picture[:, :426] for _, picture in read_frames(data_dir / "videos/msl150_hoy_001.mp4", 240)][20:44:2]
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    return write_video(path, frames, rate=15, codec="libx264").read_bytes()
