"""scripts/export.py as its user meets it: arguments, a file, JSON and an exit code."""

import json
import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

pytestmark = pytest.mark.timeout(900)


class Done(NamedTuple):
    """What a run of the script left."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def export(repository: Path, small_model_dir: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    """Runs the script's `main` on the small model with arguments."""
    main = runpy.run_path(str(repository / "scripts/export.py"))["main"]

    def run(*arguments: str | Path) -> Done:
        capfd.readouterr()
        paths = ("--model", small_model_dir, "--output", tmp_path / "onnx")
        try:
            returncode = main([str(argument) for argument in (*paths, *arguments)])
        except SystemExit as ended:
            returncode = ended.code
        return Done(returncode, *capfd.readouterr())

    return run


def test_it_runs_as_a_command(export_command: Path) -> None:
    report = json.loads((export_command / "report").read_text(encoding="utf-8"))
    assert Path(report["file"]).name == "model.onnx"
    assert (report["real_clips"], report["precision"]) == (False, "fp32")
    assert report["latency"]["threads"] == 1
    assert [path.name for path in (export_command / "onnx").iterdir()] == ["model.onnx"]


@pytest.mark.integration
def test_it_quantizes_and_checks_on_real_clips(
    export: Callable[..., Done], exported: Any, data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("slr_hf.hub.export.export_graph", lambda *_: exported)  # exported before, which takes a while
    done = export("--dataset", data_dir / "ksl13.npz", "--clips", "12", "--quantize", "int8")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["file"] == str(tmp_path / "onnx/model_int8.onnx")
    assert (report["real_clips"], report["clips"], report["precision"]) == (True, 12, "int8")
    assert report["latency"]["threads"] == 2
    assert [path.name for path in (tmp_path / "onnx").iterdir()] == ["model_int8.onnx"]


@pytest.mark.integration
def test_predict_answers_with_the_exported_file(
    repository: Path, exported_file: Path, data_dir: Path, landmarker_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    main = runpy.run_path(str(repository / "scripts/predict.py"))["main"]
    video = str(data_dir / "videos" / "msl150_hoy_001.mp4")
    assert main([video, "--model", str(exported_file), "--top-k", "2", "--json"]) == 0
    (answer,) = json.loads(capfd.readouterr().out)
    assert {prediction["label"] for prediction in answer["predictions"]} < {"no_event", "Привет", "hello"}
    assert main([video, "--model", "nowhere.onnx"]) == 2
    assert "There is no exported model nowhere.onnx" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model", "nowhere"], "There is no model in nowhere: it has no config.json."),
        (["--dataset", "nowhere.npz"], "There is no file nowhere.npz"),
    ],
)
def test_what_cannot_be_used_is_answered_in_one_line(
    export: Callable[..., Done], tmp_path: Path, arguments: list[str], message: str
) -> None:
    pytest.importorskip("onnxscript")
    done = export(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("export.py: ")]
    assert message in line
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "onnx").exists()


def test_without_onnx_it_says_what_to_install(export: Callable[..., Done], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxscript", None)  # as Python itself marks a module that cannot be imported
    done = export()
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("export.py: Export needs onnx, onnxruntime and onnxscript")
    assert "pip install 'slr_hf[export]'" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--quantize", "int4"], "argument --quantize: invalid choice: 'int4'"),
        (["--clips", "-1"], "--clips must not be negative, but is -1"),
        (["--threads", "0"], "--threads must be at least 1, but is 0"),
    ],
)
def test_usage_errors_exit_with_2(export: Callable[..., Done], arguments: list[str], message: str) -> None:
    done = export(*arguments)
    assert done.returncode == 2
    assert message in done.stderr.splitlines()[-1]
