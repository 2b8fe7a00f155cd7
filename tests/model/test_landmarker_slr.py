"""The landmark models: found, fetched and checked, or refused with the command to run."""

import hashlib
import http.server
import shutil
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from slr_hf.model import landmarker_slr
from slr_hf.model.landmarker_slr import MEMBERS, LandmarkerError, cached_landmarker, check_bundle, resolve_landmarker

CONTENT = b"landmark models" * 1000


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves a whole file, a changed one, half of one, none, or hangs up."""

    def do_GET(self) -> None:
        if self.path == "/dropped":
            return
        if self.path == "/missing":
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        body = {"/whole": CONTENT, "/changed": CONTENT[::-1], "/cut": CONTENT[: len(CONTENT) // 2]}[self.path]
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keeps the tests quiet."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


@pytest.fixture(autouse=True)
def empty_cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.delenv("SLR_LANDMARKER", raising=False)
    monkeypatch.setenv("SLR_CACHE", str(tmp_path / "cache"))
    # The official file cannot be had here; a small one takes its place, checked by the same code.
    monkeypatch.setattr(landmarker_slr, "OFFICIAL_SHA256", hashlib.sha256(CONTENT).hexdigest())
    return tmp_path / "cache"


def bundle(path: Path, members: tuple[str, ...] = MEMBERS, compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name in members:
            archive.writestr(name, b"a model" * 100)
    return path


class TestDownload:
    def test_a_whole_file_goes_to_the_cache(self, server, empty_cache):
        path = resolve_landmarker(url=f"{server}/whole")
        assert path == empty_cache / "holistic_landmarker.task"
        assert path.read_bytes() == CONTENT

    def test_happens_once(self, server):
        resolve_landmarker(url=f"{server}/whole")
        assert resolve_landmarker(url=f"{server}/missing").read_bytes() == CONTENT

    @pytest.mark.parametrize("path", ["changed", "cut", "missing", "dropped"])
    def test_anything_else_leaves_nothing_behind(self, server, empty_cache, path):
        with pytest.raises(LandmarkerError, match="make landmarker"):
            resolve_landmarker(url=f"{server}/{path}")
        assert list(empty_cache.iterdir()) == []

    def test_what_arrived_is_told(self, server):
        half = len(CONTENT) // 2
        found = hashlib.sha256(CONTENT[:half]).hexdigest()
        with pytest.raises(LandmarkerError, match=f"{half} bytes with the SHA-256 {found}"):
            resolve_landmarker(url=f"{server}/cut")

    def test_a_cache_that_cannot_be_written(self, server, empty_cache):
        empty_cache.write_bytes(b"a file where the folder should be")
        with pytest.raises(LandmarkerError, match="make landmarker"):
            resolve_landmarker(url=f"{server}/whole")

    def test_a_home_that_is_read_only_is_told_with_the_way_out(self, monkeypatch):
        monkeypatch.delenv("SLR_CACHE")
        monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
        monkeypatch.setenv("HOME", "/proc/nobody")  # where not even the administrator can write
        with pytest.raises(LandmarkerError, match=r"cannot be kept in /proc/nobody/\.cache/slr_hf .*Set SLR_CACHE to"):
            resolve_landmarker(url="http://127.0.0.1:9/")

    def test_no_connection(self, empty_cache):
        with pytest.raises(LandmarkerError, match="make landmarker"):
            resolve_landmarker(url="http://127.0.0.1:9/")
        assert list(empty_cache.iterdir()) == []


class TestCache:
    def test_a_damaged_file_is_refused(self, server):
        path = resolve_landmarker(url=f"{server}/whole")
        path.write_bytes(CONTENT[:-1])
        with pytest.raises(LandmarkerError, match="damaged"):
            resolve_landmarker(url=f"{server}/whole")

    def test_its_folder_follows_the_environment(self, monkeypatch, tmp_path):
        assert cached_landmarker() == tmp_path / "cache" / "holistic_landmarker.task"
        monkeypatch.delenv("SLR_CACHE")
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        assert cached_landmarker() == tmp_path / "slr_hf" / "holistic_landmarker.task"


class TestChosenBundle:
    def test_a_path_comes_first(self, monkeypatch, tmp_path):
        monkeypatch.setenv("SLR_LANDMARKER", str(tmp_path / "nowhere.task"))
        chosen = bundle(tmp_path / "chosen.task")
        assert resolve_landmarker(chosen) == chosen

    def test_then_the_environment_variable(self, monkeypatch, tmp_path):
        monkeypatch.setenv("SLR_LANDMARKER", str(bundle(tmp_path / "named.task")))
        assert resolve_landmarker() == tmp_path / "named.task"

    def test_a_missing_one_is_refused(self, tmp_path):
        with pytest.raises(LandmarkerError, match=r"nowhere\.task.*make landmarker"):
            resolve_landmarker(tmp_path / "nowhere.task")

    def test_a_truncated_one_is_refused(self, tmp_path):
        path = bundle(tmp_path / "cut.task")
        path.write_bytes(path.read_bytes()[:-200])
        with pytest.raises(LandmarkerError, match="truncated"):
            resolve_landmarker(path)

    def test_one_without_a_model_is_refused(self, tmp_path):
        with pytest.raises(LandmarkerError, match="lacks the landmark models face_blendshapes"):
            resolve_landmarker(bundle(tmp_path / "part.task", MEMBERS[1:]))

    def test_a_compressed_one_is_refused(self, tmp_path):
        with pytest.raises(LandmarkerError, match="compressed"):
            resolve_landmarker(bundle(tmp_path / "small.task", compression=zipfile.ZIP_DEFLATED))

    def test_one_with_a_changed_byte_is_refused(self, tmp_path):
        path = bundle(tmp_path / "changed.task")
        content = bytearray(path.read_bytes())
        content[content.index(b"a model")] ^= 1
        path.write_bytes(content)
        with pytest.raises(LandmarkerError, match="checksum"):
            check_bundle(path)


@pytest.mark.integration
def test_the_real_models_can_be_copied_and_named(landmarker_path, tmp_path):
    copied = shutil.copy(landmarker_path, tmp_path / "mine.task")
    assert resolve_landmarker(copied) == tmp_path / "mine.task"
