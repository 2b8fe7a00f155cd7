"""The page without a server: MediaPipe and the exported model in a real browser, compared with Python."""

import base64
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from browsing import DESKTOP, PHONE, check_accessibility, empty_room
from playwright.sync_api import Locator, Page, Route, expect

from slr_hf.model.landmarks_slr import NOSE, NUM_LANDMARKS, Landmarks
from slr_hf.model.pipeline_slr import SignRecognitionPipeline

pytestmark = [pytest.mark.browser, pytest.mark.integration]

#: Landmarks of a clip take seconds on two cores.
ANSWER_TIMEOUT = 120_000

#: Answers clips of `[bytes of the coordinates in base64, frames a second, width, height, whether to mirror]`.
ANSWER_CLIPS = """
async (clips) => {
  const { Recognizer } = await import("./recognition.js");
  const recognizer = await Recognizer.open(new URL(".", location.href));
  const answers = [];
  for (const [bytes, fps, width, height, mirror] of clips) {
    const values = new Float32Array(Uint8Array.from(atob(bytes), (letter) => letter.charCodeAt(0)).buffer);
    const frames = [];
    for (let start = 0; start < values.length; start += 3 * 543) frames.push(values.slice(start, start + 3 * 543));
    answers.push(await recognizer.recognize({ frames, fps, width, height }, mirror));
  }
  return answers;
}
"""

#: What the page has seen and answered, for `seen_and_answered`.
READ_SIGN = """
() => {
  const { landmarks, recognition } = window.sign;
  const text = (frame) => btoa(String.fromCharCode(...new Uint8Array(frame.buffer)));
  return { ...landmarks, frames: landmarks.frames.map(text), recognition };
}
"""


@pytest.fixture(scope="module")
def recognize(repository: Path) -> SignRecognitionPipeline:
    """The same model in Python."""
    return SignRecognitionPipeline.from_pretrained(repository / "space/model", device="cpu")


@pytest.fixture(scope="module")
def page(open_page: Callable[..., Page]) -> Page:
    """The page of a visitor who does one thing after another."""
    return open_page(viewport=DESKTOP)


@pytest.fixture(scope="module")
def wave(page: Page, data_dir: Path) -> tuple[Landmarks, dict]:
    """The landmarks that the page has found in a real video, and its answer, which it shows."""
    page.set_input_files("#file", data_dir / "videos/slp_pose_test_video.mp4")
    expect(page.get_by_role("progressbar")).to_be_visible()
    expect(rows(page)).to_have_count(5, timeout=ANSWER_TIMEOUT)
    return seen_and_answered(page)


def rows(page: Page) -> Locator:
    return page.locator("#answer li")


def seen_and_answered(page: Page) -> tuple[Landmarks, dict]:
    """The landmarks that the page has found, and its answer."""
    sign = page.evaluate(READ_SIGN)
    frames = [np.frombuffer(base64.b64decode(frame), np.float32).reshape(NUM_LANDMARKS, 3) for frame in sign["frames"]]
    landmarks = Landmarks(np.stack(frames), fps=sign["fps"] or None, width=sign["width"], height=sign["height"])
    return landmarks, sign["recognition"]


def largest_difference(ours: dict, theirs: dict) -> float:
    """How far two answers to one clip are apart; they name the same first gloss and the same warnings."""
    assert ours["predictions"][0]["label"] == theirs["predictions"][0]["label"]
    assert ours["warnings"] == theirs["warnings"]
    first, second = ({item["label"]: item["score"] for item in answer["predictions"]} for answer in (ours, theirs))
    assert first.keys() == second.keys()
    differences = [abs(first[label] - second[label]) for label in first]
    return max([*differences, abs(ours["confidence"] - theirs["confidence"])])


def test_landmarks_are_answered_as_in_python(
    page: Page,
    recognize: SignRecognitionPipeline,
    ksl13_clip: Callable[..., Landmarks],
    record_property: Callable[[str, object], None],
) -> None:
    """Clips of all glosses and sessions, each also mirrored; one has no known rate, one another rate."""
    numbers = np.linspace(0, 2469, 30).round().astype(int).tolist()
    rates = {numbers[0]: None, numbers[1]: 24.0}
    clips = [(ksl13_clip(number, rates.get(number, 30.0)), mirror) for number in numbers for mirror in (False, True)]
    sent = []
    for clip, mirror in clips:
        coordinates = base64.b64encode(clip.take(range(NUM_LANDMARKS)).tobytes()).decode()
        sent.append([coordinates, clip.fps or 0, clip.width, clip.height, mirror])
    answers = page.evaluate(ANSWER_CLIPS, sent)
    differences = [
        largest_difference(answer, recognize(clip, mirror=mirror, top_k=1000))
        for answer, (clip, mirror) in zip(answers, clips, strict=True)
    ]
    assert len(differences) == 60
    assert len({answer["predictions"][0]["label"] for answer in answers}) > 10
    record_property("largest difference of a probability", max(differences))
    assert max(differences) < 1e-5


def test_an_uploaded_video_is_answered_on_the_device(
    page: Page, recognize: SignRecognitionPipeline, wave: tuple[Landmarks, dict], screenshots: Path
) -> None:
    landmarks, answer = wave
    assert (landmarks.num_frames, landmarks.width, landmarks.height) == (58, 540, 720)
    assert largest_difference(answer, recognize(landmarks, top_k=1000)) < 1e-5
    expect(rows(page).first).to_contain_text(answer["predictions"][0]["label"])
    expect(rows(page).first).to_have_text(re.compile(r"\d+\s%"))

    # The clip plays, with the skeleton over it.
    page.wait_for_function("() => document.querySelector('#clip').currentTime > 0.2")
    assert page.evaluate(
        "() => { const c = document.querySelector('#skeleton');"
        " return c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some(Boolean); }"
    )
    check_accessibility(page)
    page.screenshot(path=screenshots / "static_answer.png", full_page=True)

    # Mirrored, the same landmarks get Python's answer to the mirrored clip.
    page.get_by_label("Mirror the video").check()
    expect(page.get_by_label("Mirror the video")).to_be_enabled()
    mirrored = seen_and_answered(page)[1]
    assert largest_difference(mirrored, recognize(landmarks, mirror=True, top_k=1000)) < 1e-5
    assert mirrored["predictions"] != answer["predictions"]
    page.get_by_label("Mirror the video").uncheck()

    # The answer stays where the language changes.
    page.get_by_label("Русский").check()
    expect(page.get_by_role("heading", name="Самые вероятные жесты")).to_be_visible()
    expect(page.get_by_role("status")).to_contain_text(re.compile("[Мм]одель"))
    expect(rows(page)).to_have_count(5)
    page.get_by_label("English").check()


def test_landmarks_of_a_video_are_nearly_those_that_python_finds(
    wave: tuple[Landmarks, dict], extracted_clips: dict[str, Landmarks]
) -> None:
    """Both decode and scale with other code, so they are not quite the same."""
    ours, theirs = wave[0], extracted_clips["wave"]
    assert ours.fps == pytest.approx(theirs.fps, rel=1e-3)
    seen = [~np.isnan(landmarks.coordinates[..., 0]) for landmarks in (ours, theirs)]
    assert (seen[0] == seen[1]).mean() > 0.95
    both = seen[0] & seen[1]
    distance = np.abs(ours.coordinates[both][:, :2] - theirs.coordinates[both][:, :2])
    assert np.median(distance) < 0.005


def test_a_sign_shown_to_the_camera_is_answered(page: Page, recognize: SignRecognitionPipeline) -> None:
    page.evaluate("() => { window.sign = null; }")
    page.get_by_role("button", name="Record a sign").click()
    expect(page.get_by_role("status")).to_contain_text("Get ready")
    expect(page.get_by_role("status")).to_contain_text("Recording 3 seconds", timeout=30_000)
    expect(page.locator("#preview")).to_be_visible()
    expect(rows(page)).to_have_count(5, timeout=ANSWER_TIMEOUT)
    landmarks, answer = seen_and_answered(page)
    assert landmarks.num_frames >= 10
    assert landmarks.detected((NOSE,)).mean() > 0.9
    assert largest_difference(answer, recognize(landmarks, top_k=1000)) < 1e-5
    expect(page.locator("#preview")).to_be_hidden()
    assert page.evaluate("() => document.querySelector('#preview').srcObject") is None


def test_files_that_cannot_be_used_get_a_friendly_message(page: Page, tmp_path: Path) -> None:
    letter = tmp_path / "holiday.mp4"
    letter.write_text("This is a letter, not a film.\n" * 100)
    for path, message in (
        (letter, "This file cannot be read as a video."),
        (empty_room(tmp_path / "old.mp4", codec="mpeg4"), "This browser lacks the codec of this video, often HEVC."),
        (empty_room(tmp_path / "long.mp4", seconds=16), "The video is longer than 15 seconds."),
        (empty_room(tmp_path / "room.mp4"), "No hand was seen."),
    ):
        page.set_input_files("#file", path)
        expect(page.get_by_role("alert").first).to_contain_text(message, timeout=ANSWER_TIMEOUT)
        expect(rows(page)).to_have_count(0)
        expect(page.get_by_role("button", name="Record a sign")).to_be_enabled()


def test_nothing_can_be_sent_to_another_server(page: Page) -> None:
    """Also by code that is none of ours: the page's own policy forbids it."""
    blocked = """
        () => new Promise((resolve) => {
          document.addEventListener("securitypolicyviolation", (event) => resolve(event.effectiveDirective));
          fetch("https://example.org/", { method: "POST", body: "landmarks" }).catch(() => {});
        })
    """
    assert page.evaluate(blocked) == "connect-src"


def test_a_russian_visitor_on_a_phone_is_told_that_the_camera_is_refused(
    open_page: Callable[..., Page], screenshots: Path
) -> None:
    page = open_page("ru-RU", viewport=PHONE, color_scheme="dark")
    assert page.evaluate("() => document.documentElement.lang") == "ru"
    expect(page.locator("h1")).to_have_text("Распознавание жестового языка")

    def forbid_cameras(route: Route) -> None:
        response = route.fetch()
        route.fulfill(response=response, headers={**response.headers, "Permissions-Policy": "camera=()"})

    page.route(re.compile("/$"), forbid_cameras)
    page.reload()
    page.get_by_role("button", name="Записать жест").click()
    expect(page.get_by_role("alert")).to_contain_text("Камера запрещена")
    page.get_by_text("Жесты, которые знает эта модель").click()
    expect(page.locator("#vocabulary")).to_contain_text("hello")
    assert page.evaluate("() => document.documentElement.scrollWidth") <= PHONE["width"]
    check_accessibility(page)
    page.screenshot(path=screenshots / "static_phone.png", full_page=True)


@pytest.mark.parametrize("file", ["model.onnx", "holistic_landmarker.task"])
def test_missing_model_files_are_told(open_page: Callable[..., Page], file: str) -> None:
    page = open_page()
    page.route(f"**/{file}", lambda route: route.fulfill(status=404))
    page.reload()
    expect(page.get_by_role("alert")).to_contain_text("The model's files are missing or damaged.", timeout=30_000)
    expect(page.get_by_role("button", name="Record a sign")).to_be_disabled()
