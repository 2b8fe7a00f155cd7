"""Downloads that stall: they end by themselves, say what to do, and no part of a file is taken for the whole."""

import http.server
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from fixtures_hub import STALLED, Blob, Hub

from slr_hf.model import landmarker_slr
from slr_hf.model.landmarker_slr import LandmarkerError, resolve_landmarker

#: Asks for a prediction twice.
TWICE = """
import runpy, sys
main = runpy.run_path("scripts/predict.py")["main"]
print(main(sys.argv[1:]), main(sys.argv[1:]))
"""


class Handler(http.server.BaseHTTPRequestHandler):
    """Promises a megabyte, sends a tenth of it, and then nothing."""

    ended: threading.Event

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000000")
        self.end_headers()
        self.wfile.write(bytes(100_000))
        self.wfile.flush()
        self.ended.wait(60)

    def log_message(self, *_: object) -> None:
        """Keeps the tests quiet."""


@pytest.fixture
def address() -> Iterator[str]:
    ended = threading.Event()
    handler = type("_Handler", (Handler,), {"ended": ended})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}/models.task"
        ended.set()
        running.shutdown()


def test_the_download_of_the_landmark_models_ends_and_leaves_nothing(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SLR_LANDMARKER", raising=False)
    monkeypatch.setenv("SLR_CACHE", str(tmp_path / "cache"))
    assert landmarker_slr._TIMEOUT_SECONDS <= 60
    monkeypatch.setattr(landmarker_slr, "_TIMEOUT_SECONDS", 0.3)
    with pytest.raises(LandmarkerError, match=r"could not be downloaded from .* \(timed out\)\. Run `make landmarker`"):
        resolve_landmarker(url=address)
    assert list((tmp_path / "cache").iterdir()) == []


def test_the_download_of_a_model_ends_and_the_next_one_is_whole(
    repository: Path, hub: Hub, landmarker_path: Path, tmp_path: Path
) -> None:
    files = {path.name: path.read_bytes() for path in (repository / "space/model").iterdir() if path.is_file()}
    weights = Blob(files["model.safetensors"], True)
    hub.storage[weights.sha256] = weights.content
    published = hub.add("model", "user/name", files)
    published.commits[-1].files["model.safetensors"] = weights
    # The client tries six times before it gives up.
    hub.fail("storage", STALLED, times=6)
    done = subprocess.run(
        [sys.executable, "-c", TWICE, str(tmp_path / "none.mp4"), "--model", "user/name"],
        cwd=repository,
        env=hub.environment(tmp_path / "home") | {"PYTHONPATH": str(repository), "HF_HUB_DOWNLOAD_TIMEOUT": "1"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "2 2\n"
    assert "Traceback" not in done.stderr
    stalled, read = [line for line in done.stderr.splitlines() if line.startswith("predict.py: ")]
    assert stalled.startswith("predict.py: cannot load the model user/name: ")
    assert "timed out" in done.stderr
    # The second time it is the video that is missing.
    assert read.startswith(f"predict.py: cannot answer {tmp_path / 'none.mp4'}: ")
    (cached,) = (tmp_path / "home/hub").glob("**/snapshots/*/model.safetensors")
    assert cached.read_bytes() == weights.content
    assert not list((tmp_path / "home/hub").rglob("*.incomplete"))
