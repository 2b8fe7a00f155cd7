"""scripts/annotate.py and scripts/live.py as their users meet them."""

import json
import re
import runpy
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from slr_hf.model.extraction_slr import probe_video

pytestmark = pytest.mark.integration


class Done(NamedTuple):
    """What a run left."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def run(
    repository: Path, landmarker_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Callable[..., Done]:
    """Runs a script's `main` with arguments, on the demo model."""
    monkeypatch.setenv("SLR_LANDMARKER", str(landmarker_path))

    def call(name: str, *arguments: str | Path) -> Done:
        main = runpy.run_path(str(repository / "scripts" / name))["main"]
        capfd.readouterr()
        try:
            returncode = main([*map(str, arguments), "--model", str(repository / "space/model")])
        except SystemExit as ended:
            returncode = ended.code
        return Done(returncode, *capfd.readouterr())

    return call


def test_every_video_gets_a_file_and_a_broken_one_a_line(
    run: Callable[..., Done], data_dir: Path, tmp_path: Path
) -> None:
    clip = data_dir / "videos/msl150_yo_001.mp4"
    arguments = ("annotate.py", clip, tmp_path / "nope.mp4", "--format", "srt", "--output", tmp_path / "out")
    done = run(*arguments, "--confidence", "0")
    assert done.returncode == 2
    assert "There is no file" in done.stderr
    written = tmp_path / "out/msl150_yo_001.srt"
    assert re.fullmatch(rf"{re.escape(str(written))}: [1-9] signs\n", done.stdout)
    first = re.match(r"1\n00:00:(\d\d,\d{3}) --> 00:00:(\d\d,\d{3})\n\w", written.read_text(encoding="utf-8"))
    assert first
    begin, end = (float(time.replace(",", ".")) for time in first.groups())
    video = probe_video(clip)
    assert video.frames
    assert video.fps
    assert 0 <= begin < end <= video.frames / video.fps
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["msl150_yo_001.srt"]

    # Somebody may have gone on with it.
    written.write_text("edited")
    again = run(*arguments)
    assert "already" in again.stderr
    assert written.read_text() == "edited"
    assert run("annotate.py", clip, "--format", "srt", "--output", tmp_path / "out", "--overwrite").returncode == 0
    assert written.read_text() != "edited"


def test_live_tells_the_signs_of_a_video_as_annotate_does(run: Callable[..., Done], data_dir: Path) -> None:
    clip = data_dir / "videos/wlasl_yes.mp4"
    annotated = run("annotate.py", clip, "--confidence", "0")
    lived = run("live.py", clip, "--no-window", "--confidence", "0")
    assert annotated.returncode == lived.returncode == 0, annotated.stderr + lived.stderr
    signs = [json.loads(line) for line in annotated.stdout.splitlines()]
    assert signs
    # The landmarker's sums depend on its threads.
    assert [{"video": str(clip), **json.loads(line)} for line in lived.stdout.splitlines()] == [
        {
            **sign,
            "score": pytest.approx(sign["score"], abs=0.01),
            "confidence": pytest.approx(sign["confidence"], abs=0.01),
        }
        for sign in signs
    ]


@pytest.mark.parametrize("source", ["nope.mp4", "97"])
def test_a_source_that_is_not_there_is_named_in_one_line(run: Callable[..., Done], source: str) -> None:
    done = run("live.py", source, "--no-window")
    assert done.returncode == 2
    assert done.stdout == ""
    assert [line for line in done.stderr.splitlines() if line.startswith("live.py: There is no ")]


def test_videos_of_one_name_are_refused_before_any_work(run: Callable[..., Done], tmp_path: Path) -> None:
    done = run("annotate.py", "a/clip.mp4", "b/clip.mp4", "--output", tmp_path)
    assert done.returncode == 2
    assert "same name" in done.stderr
