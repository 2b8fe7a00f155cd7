"""The parts of the Space that need no browser."""

import re
import tomllib
from pathlib import Path

import numpy as np
import pytest
from texts import LANGUAGES, TEXTS

from slr_hf.model.pipeline_slr import WARNINGS

app = pytest.importorskip("app", reason="needs gradio: pip install -e .[space]")


def write_video(path: Path, frames: int, rate: int, container_format: str | None = None) -> Path:
    av = pytest.importorskip("av")
    with av.open(str(path), "w", format=container_format) as container:
        stream = container.add_stream("libx264", rate=rate)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(frames):
            frame = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def test_every_language_has_every_text() -> None:
    assert set(TEXTS) == set(LANGUAGES)
    for language, texts in TEXTS.items():
        assert texts.keys() == TEXTS["en"].keys(), language
        for key, text in texts.items():
            assert re.findall(r"\{\w+\}", text) == re.findall(r"\{\w+\}", TEXTS["en"][key]), (language, key)


def test_every_warning_of_the_pipeline_has_a_text() -> None:
    assert WARNINGS.keys() <= TEXTS["en"].keys()


def test_an_unknown_language_is_answered_in_english() -> None:
    assert app.texts_of("xx") == app.texts_of("en")


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts"])
def test_the_duration_is_read_with_or_without_a_header_that_tells_it(tmp_path: Path, suffix: str) -> None:
    video = write_video(tmp_path / f"clip{suffix}", frames=40, rate=20)
    assert app.duration(video) == pytest.approx(2.0, abs=0.1)


def test_a_file_without_video_has_no_duration(tmp_path: Path) -> None:
    text = tmp_path / "letter.mp4"
    text.write_text("This is a letter, not a film.")
    with pytest.raises(ValueError, match=r"letter\.mp4"):
        app.duration(text)


@pytest.mark.parametrize(
    ("confidence", "word"), [(1.0, "sure"), (0.9, "sure"), (0.89, "fairly_sure"), (0.5, "unsure"), (0.0, "guessing")]
)
def test_confidence_is_put_into_words(confidence: float, word: str) -> None:
    answer = {"predictions": [{"label": "hello", "score": 0.8}], "confidence": confidence, "warnings": []}
    _, message = app.show(answer, "en")
    assert TEXTS["en"][word] in message


def test_clips_without_a_sign_are_called_so_in_the_language_of_the_page() -> None:
    answer = {"predictions": [{"label": "no_event", "score": 0.8}], "confidence": 0.8, "warnings": ["too_short"]}
    label, message = app.show(answer, "ru")
    assert label.value["label"] == "нет жеста"
    assert TEXTS["ru"]["too_short"] in message


def test_without_hands_no_gloss_is_named() -> None:
    answer = {"predictions": [{"label": "hello", "score": 0.8}], "confidence": 0.8, "warnings": ["no_hands"]}
    label, message = app.show(answer, "en")
    assert label.value is None or not label.value
    assert TEXTS["en"]["no_hands"] in message
    assert TEXTS["en"]["fairly_sure"] not in message


def test_messages_are_escaped() -> None:
    assert "<script>" not in app.show_message("<script>")


def test_the_space_installs_what_the_package_needs_for_recognition(repository: Path) -> None:
    project = tomllib.loads((repository / "pyproject.toml").read_text())["project"]
    requirements = (repository / "space/requirements.txt").read_text().splitlines()
    assert {line for line in requirements if not line.startswith("--")} <= set(project["dependencies"])
