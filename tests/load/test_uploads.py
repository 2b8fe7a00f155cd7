"""What a stranger may try with uploads: to write elsewhere, to read what others sent, to fill the disk."""

import io
import json
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote

import httpx
import limits
import pytest
from answer import texts_of
from PIL import Image
from process_status import status_bytes
from programs import Program
from serving import Served

pytestmark = pytest.mark.integration


def files(served: Served) -> list[Path]:
    return [path for path in served.uploads.parent.rglob("*") if path.is_file() and "hub" not in path.parts]


@pytest.mark.parametrize(
    "name",
    [
        "../../evil.mp4",
        "..\\..\\evil.mp4",
        "/etc/evil.mp4",
        "....//....//evil.mp4",
        "%2e%2e%2fevil.mp4",
        "evil.mp4\0.txt",
        ".bashrc",
        "a" * 300 + ".mp4",
    ],
)
def test_an_upload_stays_in_the_folder_of_uploads(served: Served, program: Program, clip: bytes, name: str) -> None:
    before = set(files(served))
    response = program.upload(clip, name)
    new = set(files(served)) - before
    assert all(path.is_relative_to(served.uploads) for path in new), new
    if response.status_code == 200:
        (path,) = response.json()
        assert Path(path).resolve().is_relative_to(served.uploads)
        program.ask(path)
    assert set(files(served)) <= before | {served.log}


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "{folder}/log.txt", "{uploads}/../log.txt", "{uploads}", "space/app.py"]
)
def test_no_file_but_ones_own_upload_can_be_asked_about(served: Served, program: Program, path: str) -> None:
    kind, said = program.ask(path.format(folder=served.uploads.parent, uploads=served.uploads))
    assert kind == "error"
    assert "predictions" not in str(said)


@pytest.mark.parametrize(
    "path",
    [
        "/etc/passwd",
        "{folder}/log.txt",
        "{uploads}/../log.txt",
        "{uploads}%2f..%2flog.txt",
        "{uploads}",
        "{uploads}/",
        "{repository}/space/model/model.safetensors",
        "{repository}/space/limits.py",
    ],
)
def test_no_file_but_ones_own_upload_can_be_read(served: Served, program: Program, repository: Path, path: str) -> None:
    asked = path.format(folder=served.uploads.parent, uploads=served.uploads, repository=repository)
    for address in (f"/file={asked}", f"/file={quote(asked, safe='%')}", f"/file/{asked.lstrip('/')}"):
        response = program.client.get(address)
        assert response.status_code in (403, 404), (address, response.status_code)


def test_the_name_of_an_upload_cannot_be_guessed(program: Program, clip: bytes) -> None:
    """Who knows it can read the file until it is deleted, so it must be long and not follow from the content alone."""
    import hashlib

    (path,) = program.upload(clip).json()
    name = Path(path).parent.name
    assert re.fullmatch(r"[0-9a-f]{64}", name)
    assert name != hashlib.sha256(clip).hexdigest()
    assert program.client.get(f"/file={path}").status_code == 200
    program.ask(path)
    assert program.client.get(f"/file={path}").status_code in (403, 404), "it is gone with the answer"


def test_a_file_over_the_limit_is_refused_and_not_kept(served: Served, program: Program) -> None:
    response = program.upload(bytes((limits.LARGEST_MEGABYTES + 1) * 2**20))
    assert response.status_code == 413
    assert not [path for path in files(served) if path.stat().st_size > 1_000_000]


def test_many_files_that_together_are_over_the_limit_are_refused_and_not_kept(served: Served, program: Program) -> None:
    half = bytes(limits.LARGEST_MEGABYTES * 2**19 + 2**20)
    response = program.client.post("/upload", files=[("files", (f"{number}.mp4", half)) for number in range(2)])
    assert response.status_code == 413
    assert not [path for path in files(served) if path.stat().st_size > 1_000_000]


@pytest.mark.parametrize("path", ["/queue/join", "/call/recognize_sign", "/mcp/"])
def test_a_request_that_is_no_upload_must_be_small(program: Program, path: str) -> None:
    """The page would hold it in its memory."""
    large = json.dumps({"data": ["a" * (limits.LARGEST_REQUEST * 2**20)]}).encode()

    def pieces() -> Iterator[bytes]:  # without a length in the header
        yield from (large[begin : begin + 2**20] for begin in range(0, len(large), 2**20))

    for content in (large, pieces()):
        response = program.client.post(path, content=content, headers={"Content-Type": "application/json"})
        assert response.status_code == 413


def test_a_small_picture_that_unpacks_to_a_gigabyte_does_not_fill_the_page(served: Served, program: Program) -> None:
    """What the live tab is shown, a program can show it too."""
    packed = io.BytesIO()
    Image.new("L", (13_000, 13_000)).save(packed, "PNG")
    program.show(b"no picture")
    before = status_bytes("VmHWM", served.process.pid)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(program.show, [packed.getvalue()] * 4))
    assert any(texts_of("en")["too_large"] in said for said in answers)
    assert status_bytes("VmHWM", served.process.pid) - before < 100 * 2**20


def test_an_upload_that_breaks_off_leaves_nothing_that_is_taken_for_whole(served: Served, program: Program) -> None:
    def half() -> object:
        yield b'--edge\r\nContent-Disposition: form-data; name="files"; filename="half.mp4"\r\n\r\n' + bytes(100_000)
        raise ConnectionAbortedError

    with pytest.raises((ConnectionAbortedError, httpx.HTTPError)):
        program.client.post("/upload", content=half(), headers={"Content-Type": "multipart/form-data; boundary=edge"})
    assert not [path for path in files(served) if path.name == "half.mp4"]


def test_the_page_fetches_no_address_of_its_own_network(program: Program) -> None:
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        for host in ("127.0.0.1", "localhost", "[::ffff:127.0.0.1]"):
            kind, _ = program.ask(f"http://{host}:{server.server_port}/secret.mp4")
            assert kind == "error"
        server.shutdown()
    assert not asked
