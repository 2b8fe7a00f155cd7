"""The Space's page as a visitor meets it: the real app, a real model and a real browser."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright
from texts import TEXTS

pytestmark = [pytest.mark.browser, pytest.mark.integration]

DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
#: Landmarks of a clip take seconds on two cores.
ANSWER_TIMEOUT = 120_000


@pytest.fixture(scope="module")
def space(
    repository: Path, model_dir: Path, landmarker_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The address of the app with its own model, else with random weights, served by its own process as on a Space."""
    trained = repository / "space/model"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = tmp_path_factory.mktemp("space") / "log.txt"
    environment = {
        **os.environ,
        "SLR_MODEL": str(trained if (trained / "config.json").is_file() else model_dir),
        "SLR_LANDMARKER": str(landmarker_path),
        "GRADIO_TEMP_DIR": str(log.parent),
        "HF_HOME": str(log.parent),
    }
    with log.open("w") as output:
        command = [sys.executable, str(repository / "space/app.py"), "--port", str(port)]
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.STDOUT)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(240):
            assert process.poll() is None, f"The app ended:\n{log.read_text()}"
            try:
                urllib.request.urlopen(address, timeout=5).close()
                break
            except (urllib.error.URLError, TimeoutError):
                time.sleep(0.5)
        else:
            pytest.fail(f"The app does not answer:\n{log.read_text()}")
        yield address
    finally:
        process.terminate()
        process.wait(timeout=20)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    executable = shutil.which("chromium")
    if executable is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=executable,
            args=["--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"],
        )
        yield chromium
        chromium.close()


@pytest.fixture
def open_page(browser: Browser, space: str) -> Iterator[Callable[..., Page]]:
    """Opens the page for a visitor with a screen of some size and a browser of some language."""
    contexts = []

    def open_for(locale: str, viewport: dict[str, int]) -> Page:
        contexts.append(browser.new_context(locale=locale, viewport=viewport))
        page = contexts[-1].new_page()
        page.goto(space)
        expect(page.locator("h1")).to_have_text(TEXTS[locale[:2]]["title"].removeprefix("# "), timeout=30_000)
        return page

    yield open_for
    for context in contexts:
        context.close()


@pytest.fixture(scope="module")
def screenshots(repository: Path) -> Path:
    """The folder where pictures of the page are left to look at."""
    folder = repository / "outputs/screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def upload(page: Page, video: Path, language: str) -> None:
    page.set_input_files("input[type=file]", video)
    # The player takes the place of the upload area when the upload is done.
    expect(page.locator("video")).to_be_attached(timeout=30_000)
    page.get_by_role("button", name=TEXTS[language]["recognize"]).click()


def rows(page: Page) -> Locator:
    return page.locator("[data-testid$=confidence-set]")


def message(page: Page, role: Literal["status", "alert"] = "status") -> Locator:
    return page.locator("#message").get_by_role(role)


def test_a_clip_is_answered_with_five_glosses_in_either_language(
    open_page: Callable[..., Page], data_dir: Path, screenshots: Path
) -> None:
    page = open_page("en-US", DESKTOP)
    page.screenshot(path=screenshots / "desktop_empty.png", full_page=True)

    upload(page, data_dir / "videos/msl150_hoy_001.mp4", "en")
    expect(rows(page)).to_have_count(5, timeout=ANSWER_TIMEOUT)
    for row in rows(page).all():
        expect(row).to_have_text(re.compile(r"\d+%"))
    expect(message(page)).to_contain_text(re.compile("The model is"))
    page.screenshot(path=screenshots / "desktop_answer.png", full_page=True)

    # The answer stays where the language changes.
    page.get_by_label("Русский").check()
    expect(page.locator("h1")).to_have_text("Распознавание жестового языка")
    expect(message(page)).to_contain_text(re.compile("Модель"))
    expect(page.get_by_role("button", name="Распознать жест")).to_be_visible()
    expect(rows(page)).to_have_count(5)
    assert page.evaluate("document.documentElement.lang") == "ru"
    page.screenshot(path=screenshots / "desktop_russian.png", full_page=True)


def test_a_russian_visitor_on_a_phone_is_told_that_no_hands_are_seen(
    open_page: Callable[..., Page], data_dir: Path, screenshots: Path, tmp_path: Path
) -> None:
    page = open_page("ru-RU", PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    upload(page, empty_room(tmp_path / "room.mp4"), "ru")
    expect(message(page, "alert")).to_contain_text(TEXTS["ru"]["no_hands"], timeout=ANSWER_TIMEOUT)
    expect(message(page, "alert")).to_contain_text(TEXTS["ru"]["no_body"])
    expect(rows(page)).to_have_count(0)
    page.screenshot(path=screenshots / "phone_no_hands.png", full_page=True)


@pytest.mark.parametrize("language", ["en", "ru"])
def test_a_file_that_is_no_video_gets_a_friendly_message(
    open_page: Callable[..., Page], language: str, screenshots: Path, tmp_path: Path
) -> None:
    fake = tmp_path / "holiday.mp4"
    fake.write_text("This is a letter, not a film.\n" * 100)
    page = open_page({"en": "en-US", "ru": "ru-RU"}[language], PHONE)
    upload(page, fake, language)
    expect(message(page, "alert")).to_have_text(TEXTS[language]["unreadable"], timeout=ANSWER_TIMEOUT)
    expect(rows(page)).to_have_count(0)
    page.screenshot(path=screenshots / f"phone_unreadable_{language}.png", full_page=True)


def test_a_video_that_is_too_long_is_refused_at_once(open_page: Callable[..., Page], tmp_path: Path) -> None:
    page = open_page("en-US", DESKTOP)
    upload(page, empty_room(tmp_path / "long.mp4", seconds=16), "en")
    expect(message(page, "alert")).to_have_text(TEXTS["en"]["too_long"].format(seconds=15), timeout=15_000)


def test_the_button_without_a_video_asks_for_one(open_page: Callable[..., Page]) -> None:
    page = open_page("en-US", DESKTOP)
    page.get_by_role("button", name=TEXTS["en"]["recognize"]).click()
    expect(message(page, "alert")).to_have_text(TEXTS["en"]["no_video"])


def test_the_page_lists_the_signs_that_the_model_knows(open_page: Callable[..., Page]) -> None:
    page = open_page("en-US", PHONE)
    page.get_by_role("button", name=re.compile("Signs that this model knows")).click()
    glosses = page.locator("#vocabulary li")
    expect(glosses.first).to_be_visible()
    count = int(re.search(r"\((\d+)\)", page.get_by_text("Signs that this model knows").inner_text()).group(1))
    expect(glosses).to_have_count(count)
    assert "no_event" not in glosses.all_inner_texts()


def test_a_clip_recorded_with_the_webcam_is_answered(open_page: Callable[..., Page]) -> None:
    page = open_page("en-US", DESKTOP)
    page.get_by_label("Capture from camera").click()
    page.get_by_title("grant webcam access").click()
    page.get_by_label("start recording").click()
    page.wait_for_timeout(1500)
    page.get_by_role("button").filter(has_text="Stop").click()
    expect(page.locator("video[src]")).to_be_attached(timeout=30_000)
    page.get_by_role("button", name=TEXTS["en"]["recognize"]).click()
    # The fake camera shows a green screen with a clock.
    expect(message(page, "alert")).to_contain_text(TEXTS["en"]["no_hands"], timeout=ANSWER_TIMEOUT)


def empty_room(path: Path, seconds: int = 1) -> Path:
    """Writes a grey video with nobody in it."""
    import av
    import numpy as np

    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.full((240, 320, 3), 128, np.uint8), format="rgb24")
        for _ in range(10 * seconds):
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path
