"""scripts/export_browser.py as its user meets it; tests/browser/static_page runs it on the demo model."""

import runpy
from pathlib import Path

import pytest


def test_what_cannot_be_used_is_answered_in_one_line(
    repository: Path, landmarker_path: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("onnxscript")
    main = runpy.run_path(str(repository / "scripts/export_browser.py"))["main"]
    capfd.readouterr()
    assert main(["--model", "nowhere", "--output", str(tmp_path / "model")]) == 2
    shown = capfd.readouterr()
    assert shown.out == ""
    assert shown.err.splitlines()[-1].startswith("export_browser.py: There is no model in nowhere")
    assert not (tmp_path / "model").exists()
