"""The browser that the tests of all pages drive."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright


@pytest.fixture(scope="module")
def camera_arguments() -> list[str]:
    """What makes the browser grant a camera, and what that shows: a green screen with a clock."""
    return ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]


@pytest.fixture(scope="module")
def browser(camera_arguments: list[str]) -> Iterator[Browser]:
    """Debian's Chromium."""
    executable = shutil.which("chromium")
    if executable is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox", *camera_arguments])
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def screenshots(repository: Path) -> Path:
    """The folder where pictures of the pages are left to look at."""
    folder = repository / "outputs/screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
