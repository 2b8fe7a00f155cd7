"""What the Space's page shows and offers, without a browser."""

import base64
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import limits
import pytest
from programs import Program
from texts import LANGUAGES, TEXTS

from slr_hf.model.pipeline_slr import WARNINGS, SignRecognitionPipeline

page = pytest.importorskip("page", reason="needs gradio: pip install -e .[space]")


def test_every_language_has_every_text() -> None:
    assert set(TEXTS) == set(LANGUAGES)
    for language, texts in TEXTS.items():
        assert texts.keys() == TEXTS["en"].keys(), language
        for key, text in texts.items():
            assert re.findall(r"\{\w+\}", text) == re.findall(r"\{\w+\}", TEXTS["en"][key]), (language, key)


def test_every_warning_of_the_pipeline_has_a_text() -> None:
    assert WARNINGS.keys() <= TEXTS["en"].keys()


def test_the_page_imports_nothing_of_the_package(repository: Path) -> None:
    """On a Space there is no slr_hf: what the page needs comes with the model."""
    for path in (repository / "space").glob("*.py"):
        assert not re.search(r"^\s*(from|import) slr_hf", path.read_text(encoding="utf-8"), re.MULTILINE), path


def test_the_page_reports_nothing_to_the_makers_of_gradio(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADIO_ANALYTICS_ENABLED", "True")
    assert (
        page.build_demo(None, ["yes", "no"], page.VisitorFiles("."), page.LiveSessions(None)).analytics_enabled is False
    )


@pytest.fixture
def demo(model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The page, which remembers two visitors, and has places for two cameras."""
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    monkeypatch.setattr(limits, "SESSIONS", 2)
    monkeypatch.setattr(limits, "LIVE_VISITORS", 2)
    monkeypatch.setattr(limits, "LIVE_IDLE", 0.2)
    served = page.serve(SignRecognitionPipeline.from_pretrained(model_dir), wait=False)
    yield served
    served.close()


@pytest.fixture
def program(demo: Any) -> Program:
    return Program(demo.local_url.rstrip("/"))


@pytest.mark.integration
def test_of_many_visitors_only_the_last_are_remembered(demo: Any, program: Program) -> None:
    """Gradio holds 80 KB for each, so a page that forgot nobody would grow with every visit."""
    for visitors in (1, 2, 2, 2):
        kind, said = program.recognize(b"Dear page")
        assert (kind, said["error"]) == ("error", TEXTS["en"]["unreadable"])
        assert len(demo.state_holder.session_data) == visitors


@pytest.mark.integration
def test_of_who_has_left_nothing_is_remembered(demo: Any, program: Program) -> None:
    known = demo.state_holder.session_data
    with program.client.stream("GET", "/heartbeat/ann") as presence:
        assert presence.status_code == 200
        assert TEXTS["en"]["live_failed"] in program.show(b"no picture", "ann")
        assert "ann" in known
    deadline = time.monotonic() + 60
    while "ann" in known and time.monotonic() < deadline:
        time.sleep(0.1)
    assert "ann" not in known


@pytest.mark.integration
def test_no_picture_of_a_camera_is_kept(demo: Any, program: Program) -> None:
    program.show(b"no picture", "ann")
    known = str(demo.state_holder.session_data["ann"].config_values)
    assert base64.b64encode(b"no picture").decode() not in known


@pytest.mark.integration
def test_programs_that_show_one_picture_and_go_hold_no_place(demo: Any, program: Program) -> None:
    """Gradio would wait for their next picture for minutes."""
    for _ in range(5):
        assert TEXTS["en"]["live_failed"] in program.show(b"no picture")
    deadline = time.monotonic() + 60
    while demo._queue.event_ids_to_events and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not demo._queue.event_ids_to_events


@pytest.mark.integration
def test_a_program_may_name_an_address_which_is_fetched_within_limits(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    async def fetch(address: str, path: Path) -> None:
        asked.append(address)
        path.write_bytes(b"Dear page")

    monkeypatch.setattr("downloads._fetch", fetch)
    kind, said = program.ask("https://example.org/clip.mp4")
    assert (kind, said["error"]) == ("error", TEXTS["en"]["unreadable"])
    assert asked == ["https://example.org/clip.mp4"]
    assert not [path for path in tmp_path.rglob("*") if path.is_file()], "it goes with the answer"
