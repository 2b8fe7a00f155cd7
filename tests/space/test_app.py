"""What the Space's page shows and offers, without a browser."""

import re
from pathlib import Path

import pytest
from texts import LANGUAGES, TEXTS

from slr_hf.model.pipeline_slr import WARNINGS

app = pytest.importorskip("app", reason="needs gradio: pip install -e .[space]")


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
    assert app.build_demo(None, ["yes", "no"], app.VisitorFiles(".")).analytics_enabled is False
