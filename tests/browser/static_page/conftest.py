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
from playwright.sync_api import Browser, Page, expect

#: How many frames of the real clip the camera shows in turn, and how many a second.
CAMERA_FRAMES, CAMERA_FPS = 40, 10


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
    path = tmp_path_factory.mktemp("camera") / "camera.y4m"
    write_camera_film(data_dir / "slovo/f17a6060-6ced-4bd1-9886-8578cfbb864f.mp4", path)
    return [*camera_arguments, f"--use-file-for-fake-video-capture={path}"]


def write_camera_film(source: Path, target: Path) -> None:
    """Writes every third frame of a clip, a third as large, in the format that Chromium's camera takes."""
    import av

    with av.open(str(source)) as video, av.open(str(target), "w", format="yuv4mpegpipe") as container:
        stream = container.add_stream("wrapped_avframe", rate=CAMERA_FPS)
        stream.width, stream.height, stream.pix_fmt = 360, 640, "yuv420p"
        for number, frame in enumerate(video.decode(video=0)):
            if number % 3 == 0 and number < 3 * CAMERA_FRAMES:
                small = frame.reformat(360, 640, "yuv420p")
                small.pts = None
                container.mux(stream.encode(small))
        container.mux(stream.encode())


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
