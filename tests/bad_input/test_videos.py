"""Videos from strangers: each is read, or refused in one line that names the file."""

import logging
import os
import resource
from collections.abc import Callable
from pathlib import Path

import pytest
from hostile_videos import HOSTILE_VIDEOS, HostileVideo

from slr_hf.model.extraction_slr import HolisticExtractor, VideoError, probe_video, read_frames

READABLE = [name for name, video in HOSTILE_VIDEOS.items() if video.is_readable]
REFUSED = [name for name, video in HOSTILE_VIDEOS.items() if not video.is_readable]

#: More than this the largest frame that is read does not need, in whatever form.
MEMORY = 700 * 2**20

Made = Callable[[str], tuple[HostileVideo, Path]]


@pytest.fixture
def made(tmp_path: Path) -> Made:
    def make(name: str) -> tuple[HostileVideo, Path]:
        path = tmp_path / f"clip{HOSTILE_VIDEOS[name].suffix}"
        HOSTILE_VIDEOS[name].make(path)
        return HOSTILE_VIDEOS[name], path

    return make


@pytest.mark.parametrize("name", READABLE)
def test_what_can_be_read_is_read(made: Made, name: str) -> None:
    video, path = made(name)
    info = probe_video(path)
    pictures = [picture for _, picture in read_frames(path, 640)]
    assert pictures[0].shape[0] / pictures[0].shape[1] == pytest.approx(info.height / info.width, rel=0.01)
    if video.frames is not None:
        assert len(pictures) == video.frames


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_is_refused_in_one_line_that_names_the_file(made: Made, name: str) -> None:
    video, path = made(name)
    for read in (probe_video, lambda path: next(read_frames(path, 640)), HolisticExtractor()):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with pytest.raises(VideoError, match=video.refused) as refused:
            read(path)
        assert str(path) in str(refused.value)
        assert "\n" not in str(refused.value)
        assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < MEMORY


@pytest.mark.parametrize(
    "name", [name for name, video in HOSTILE_VIDEOS.items() if video.is_readable and video.frames is None]
)
def test_what_is_lost_of_a_damaged_video_is_told(made: Made, name: str, caplog: pytest.LogCaptureFixture) -> None:
    _, path = made(name)
    with caplog.at_level(logging.WARNING):
        frames = sum(1 for _ in read_frames(path, 640))
    assert 0 < frames < 40
    # A stream without an index does not say how many frames it has had.
    assert path.suffix != ".mp4" or str(path) in caplog.text


@pytest.mark.parametrize("name", ["a folder", "a missing file", "a pipe"])
def test_what_is_no_file_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "clip.mp4"
    if name == "a folder":
        path.mkdir()
    elif name == "a pipe":
        os.mkfifo(path)
    with pytest.raises(VideoError, match=r"There is no file .*clip\.mp4"):
        probe_video(path)
