"""Videos that programs name by an address. They come from a server of this machine, which is taken for a public one."""

import asyncio
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import limits
import pytest

downloads = pytest.importorskip("downloads", reason="needs gradio: pip install -e .[space]")


class Answers(BaseHTTPRequestHandler):
    """Answers by the path that is asked for."""

    def do_GET(self) -> None:
        name = self.path.rpartition("/")[2]
        if name in ("on", "inside"):
            self.send_response(302)
            self.send_header("Location", "on" if name == "on" else "http://127.0.0.1/secret")
            self.end_headers()
        elif name == "nothing.mp4":
            self.send_error(404)
        else:
            self.send_response(200)
            self.end_headers()  # without a length
            try:
                for _ in range(3 if name == "large.mp4" else 1):
                    self.wfile.write(bytes(700_000))
                while name == "slow.mp4":
                    self.wfile.write(b".")
                    self.wfile.flush()
                    threading.Event().wait(0.05)
            except ConnectionError:
                pass

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    validate = downloads.async_validate_url

    async def resolve(host: str) -> str:
        return "127.0.0.1" if host == "public.example" else await validate(host)

    monkeypatch.setattr(downloads, "async_validate_url", resolve)
    monkeypatch.setattr(limits, "LARGEST_MEGABYTES", 1)
    monkeypatch.setattr(limits, "LONGEST_ANSWER", 1)
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://public.example:{server.server_port}"
        server.shutdown()


def test_a_file_is_fetched_into_a_folder_of_its_own(address: str, tmp_path: Path) -> None:
    first, second = (Path(asyncio.run(downloads.download(f"{address}/a/clip.mp4?x=1", str(tmp_path)))) for _ in "ab")
    assert first.read_bytes() == bytes(700_000)
    assert first.name == second.name == "clip.mp4"
    assert first.parent != second.parent
    assert first.parent.parent == tmp_path


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/large.mp4", "more than 1 MB"),
        ("/slow.mp4", "takes too long"),
        ("/nothing.mp4", "404"),
        ("/on", "more than 5 times"),
        ("/inside", "failed validation"),
    ],
)
def test_what_cannot_be_fetched_is_told_and_leaves_nothing(
    address: str, path: str, reason: str, tmp_path: Path
) -> None:
    with pytest.raises(downloads.gr.Error, match=reason):
        asyncio.run(downloads.download(address + path, str(tmp_path)))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::1]", "169.254.169.254", "10.0.0.1", "public.example:0", "a b", "\0"]
)
def test_only_public_addresses_are_fetched(host: str, address: str, tmp_path: Path) -> None:
    with pytest.raises(downloads.gr.Error, match="cannot be fetched"):
        asyncio.run(downloads.download(f"http://{host}/clip.mp4", str(tmp_path)))
    assert not list(tmp_path.iterdir())
