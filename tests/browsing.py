"""What the tests of all pages do with a browser."""

from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}


def check_accessibility(page: Page) -> None:
    """Has axe-core look for what keeps people from using the page."""
    found = Axe().run(page).response["violations"]
    serious = [
        f"{violation['id']}: {violation['help']} {[node['target'] for node in violation['nodes']]}"
        for violation in found
        if violation["impact"] in ("serious", "critical")
    ]
    assert not serious, "\n".join(serious)


def empty_room(path: Path, seconds: int = 1, brightness: int = 128) -> Path:
    """Writes a grey video with nobody in it."""
    import av
    import numpy as np

    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.full((240, 320, 3), brightness, np.uint8), format="rgb24")
        for _ in range(10 * seconds):
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def write_camera_film(path: Path, clips: list[Path], size: tuple[int, int], rate: int = 30, every: int = 1) -> Path:
    """Writes every n-th frame of clips in a format that Chromium's made-up camera shows, over and over."""
    import av

    with av.open(str(path), "w", format="mjpeg") as output:
        stream = output.add_stream("mjpeg", rate=rate, options={"q": "4"})
        stream.width, stream.height, stream.pix_fmt = *size, "yuvj420p"
        for clip in clips:
            with av.open(str(clip)) as video:
                for number, frame in enumerate(video.decode(video=0)):
                    if number % every == 0:
                        picture = frame.reformat(*size, "rgb24").to_ndarray()
                        output.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        output.mux(stream.encode())
    return path
