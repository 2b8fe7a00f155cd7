"""The live tab as a visitor meets it: a camera that shows real signers, the real app and a real browser."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from browsing import PHONE, check_accessibility, write_camera_film
from playwright.sync_api import Browser, Page, expect
from serving import Served, workers
from texts import TEXTS

pytestmark = [pytest.mark.browser, pytest.mark.integration]

#: A sign is seen in any round of the camera's film, so this is for machines that are busy otherwise.
SIGN_TIMEOUT = 120_000


@pytest.fixture(scope="module")
def camera_arguments(
    camera_arguments: list[str], data_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> list[str]:
    """A camera that shows two real clips again and again."""
    clips = [data_dir / f"videos/msl150_{name}_001.mp4" for name in ("yo", "hoy")]
    film = write_camera_film(tmp_path_factory.mktemp("camera") / "film.mjpeg", clips, (640, 360))
    return [*camera_arguments, f"--use-file-for-fake-video-capture={film}"]


@pytest.fixture
def open_tab(browser: Browser, served: Served) -> Iterator[Callable[[str], Page]]:
    """Opens the live tab in a browser of some language."""
    contexts = []

    def open_for(locale: str) -> Page:
        contexts.append(browser.new_context(locale=locale, viewport=PHONE))
        page = contexts[-1].new_page()
        page.goto(served.address)
        page.get_by_role("tab", name=TEXTS[locale[:2]]["live_tab"]).click(timeout=30_000)
        expect(page.locator("#live-now")).to_contain_text(TEXTS[locale[:2]]["live_hint"])
        return page

    yield open_for
    for context in contexts:
        context.close()


def test_signs_before_the_camera_are_named_and_the_process_that_looks_is_ended(
    open_tab: Callable[[str], Page], served: Served, screenshots: Path
) -> None:
    page = open_tab("en-US")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    camera = page.locator("#live-camera")
    assert not workers(served)
    camera.get_by_title("grant webcam access").click()
    camera.get_by_label("capture photo").click()
    rows = page.locator("#live-signs li")
    expect(rows.first).to_be_visible(timeout=SIGN_TIMEOUT)
    expect(rows.first).to_contain_text("%")
    expect(page.locator("#live-skeleton svg path").first).to_be_visible(timeout=30_000)
    assert len(workers(served)) == 1
    page.screenshot(path=screenshots / "live.png", full_page=True)
    check_accessibility(page)

    camera.get_by_label("capture photo").click()  # stops
    deadline = time.monotonic() + 60
    while workers(served) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not workers(served)
    expect(page.locator("#live-skeleton svg")).to_be_hidden(timeout=30_000)
    # The signs stay, in the other language too.
    page.get_by_label("Русский").check()
    expect(page.get_by_role("heading", name=TEXTS["ru"]["live_signs"])).to_be_visible()
    expect(rows.first).to_be_visible()
    assert not [path for path in served.uploads.rglob("*") if path.is_file()], "no picture is stored"


@pytest.mark.parametrize("locale", ["en-US", "ru-RU"])
def test_who_refuses_the_camera_is_told_what_to_do(open_tab: Callable[[str], Page], locale: str) -> None:
    page = open_tab(locale)
    # Chromium with a made-up camera never refuses it by itself.
    refused = "Promise.reject(new DOMException('', 'NotAllowedError'))"
    page.evaluate(f"() => {{ navigator.mediaDevices.getUserMedia = () => {refused} }}")
    page.locator("#live-camera").get_by_title("grant webcam access").click()
    expect(page.locator("#live-now").get_by_role("alert")).to_have_text(TEXTS[locale[:2]]["live_no_camera"])
