"""What the live tab shows."""

from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest
from isolation import Refused
from live import View
from texts import TEXTS

from slr_hf.model.streaming_slr import Segment

live_tab = pytest.importorskip("live_tab", reason="needs gradio: pip install -e .[space]")

PICTURE = {"path": None, "url": "data:image/jpeg;base64,aGVsbG8="}
HELLO = Segment("hello <b>", 65.4, 66.4, 0.9, 0.954)


@pytest.mark.parametrize("language", ["en", "ru"])
def test_before_the_first_picture_the_visitor_is_told_what_to_do(language: str) -> None:
    assert TEXTS[language]["live_hint"] in live_tab.show_now(None, language)
    assert TEXTS[language]["live_none"] in live_tab.show_signs(None, language)


def test_signs_are_listed_with_time_and_confidence_and_escaped() -> None:
    shown = live_tab.show_signs(View(signs=(HELLO,)), "en")
    assert "1:05" in shown
    assert "hello &lt;b&gt;" in shown
    assert "95\N{NO-BREAK SPACE}%" in shown
    assert TEXTS["en"]["live_none"] not in shown


def test_screen_readers_are_told_signs_that_have_ended_not_those_under_way() -> None:
    assert 'role="log"' in live_tab.show_signs(View(signs=(HELLO,)), "en")
    shown = live_tab.show_now(View(under_way="hello <b>"), "en")
    assert "hello &lt;b&gt;" in shown
    assert "role=" not in shown


@pytest.mark.parametrize("problem", ["live_full", "live_over", "live_no_camera", "live_failed", "too_large"])
def test_a_problem_is_announced(problem: str) -> None:
    shown = live_tab.show_now(View(problem=problem), "ru")
    assert 'role="alert"' in shown
    assert "{" not in shown


def answers(see: Any) -> Any:
    """The handler, and a request of a visitor."""
    handle = live_tab.answer_camera(SimpleNamespace(see=see, answering=nullcontext), lambda visitor: None)
    return lambda picture, known: handle(picture, known, "en", SimpleNamespace(session_hash="ann"))


def test_the_list_is_sent_only_where_it_has_changed() -> None:
    view = View(signs=(HELLO,), under_way="bye", skeleton="<svg></svg>", pictures=1)
    ask = answers(lambda visitor, picture: view)
    known, skeleton, now, signs = ask(PICTURE, None)
    assert known is view
    assert skeleton == '<div class="odd"><svg></svg></div>'
    assert "bye" in now
    assert "hello" in signs
    assert "hello" not in str(ask(PICTURE, known)[3])


def test_who_is_refused_is_told_why_and_keeps_the_signs_so_far() -> None:
    def see(visitor: str, picture: bytes) -> View:
        raise Refused("live_over")

    known, skeleton, now, _ = answers(see)(PICTURE, View(signs=(HELLO,), under_way="bye", skeleton="<svg></svg>"))
    assert known == View(signs=(HELLO,), problem="live_over")
    assert skeleton == ""
    assert "5 minutes" in now


def test_the_browsers_picture_is_passed_on_as_it_came() -> None:
    seen: list[bytes] = []

    def see(visitor: str, picture: bytes) -> View:
        seen.append(picture)
        return View()

    answers(see)(PICTURE, None)
    assert seen == [b"hello"]


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"url": None, "path": "/etc/passwd"},
        {"url": "http://example.org/a.jpg"},
        {"url": "data:text/html;base64,aGVsbG8="},
        {"url": "data:image/svg+xml,<svg/>"},
        {"url": "data:image/png;base64,?"},
        {"url": "data:image/png;base64,aGVsbG8"},
    ],
)
def test_what_is_no_picture_of_a_camera_is_refused(sent: dict[str, Any]) -> None:
    def see(visitor: str, picture: bytes) -> View:
        raise AssertionError

    known, *_ = answers(see)(sent, None)
    assert known.problem == "live_failed"
