"""The static page, built as `make browser` builds it, served by nothing but files, and a camera that shows a signer."""

import runpy
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from browsing import write_camera_film
from playwright.sync_api import Browser, Page, expect


class Files(SimpleHTTPRequestHandler):
    """Serves a folder, and keeps quiet."""

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the name in the standard library
        """Says nothing."""


@pytest.fixture(scope="session")
def dist(repository: Path, landmarker_path: Path, make_once: Callable[[str, Callable[[Path], object]], Path]) -> Path:
    """The folder of the page with the demo model."""
    source = repository / "space/browser"
    if shutil.which("npm") is None or not (source / "node_modules").is_dir():
        pytest.skip("needs the npm packages of space/browser: make browser-packages")
    pytest.importorskip("onnxscript")

    def build(folder: Path) -> None:
        export = runpy.run_path(str(repository / "scripts/export_browser.py"))["main"]
        assert export(["--model", str(repository / "space/model"), "--output", str(folder / "model")]) == 0
        subprocess.run(["npm", "run", "--silent", "build", "--", folder], cwd=source, check=True, timeout=60)

    return make_once("static-page", build)


@pytest.fixture(scope="module")
def address(dist: Path) -> Iterator[str]:
    """Where the page is served, as on a host of static files."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Files, directory=dist))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def camera_arguments(
    camera_arguments: list[str], data_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> list[str]:
    """A camera that shows a real clip over and over."""
    clip = data_dir / "slovo/f17a6060-6ced-4bd1-9886-8578cfbb864f.mp4"
    film = write_camera_film(tmp_path_factory.mktemp("camera") / "film.mjpeg", [clip], (360, 640), rate=10, every=3)
    return [*camera_arguments, f"--use-file-for-fake-video-capture={film}"]


@pytest.fixture(scope="module")
def open_page(browser: Browser, address: str) -> Iterator[Callable[..., Page]]:
    """Opens the page for a visitor, in a browser of some language with a screen of some size."""
    contexts, addresses = [], []

    def open_for(locale: str = "en-US", **context: object) -> Page:
        contexts.append(browser.new_context(locale=locale, **context))
        page = contexts[-1].new_page()
        page.on("request", lambda request: addresses.append(request.url))
        page.goto(address)
        expect(page.locator("h1")).not_to_be_empty()
        page.evaluate("document.addEventListener('sign', (event) => { window.sign = event.detail; })")
        return page

    yield open_for
    for context in contexts:
        context.close()
    # The page asks nobody but its own host for anything, and sends nothing anywhere.
    assert addresses
    assert not [url for url in addresses if not url.startswith((address, "data:", f"blob:{address}"))]
