import pytest
from answer import confidence_word, show_message, show_moments, show_outcome, texts_of
from recognition import Moment, Outcome
from texts import TEXTS

pytest.importorskip("gradio", reason="needs gradio: pip install -e .[space]")


def test_an_unknown_language_is_answered_in_english() -> None:
    assert texts_of("xx") == texts_of("en")


@pytest.mark.parametrize(
    ("confidence", "word"), [(1.0, "sure"), (0.9, "sure"), (0.89, "fairly_sure"), (0.5, "unsure"), (0.0, "guessing")]
)
def test_confidence_is_put_into_words(confidence: float, word: str) -> None:
    assert confidence_word(confidence) == word
    assert TEXTS["en"][word] in show_outcome(Outcome(predictions=(("hello", 0.8),), confidence=confidence), "en")


def test_clips_without_a_sign_are_called_so_in_the_language_of_the_page() -> None:
    outcome = Outcome(predictions=(("no_event", 0.8),), confidence=0.8, warnings=("too_short",))
    shown = show_outcome(outcome, "ru")
    assert "нет жеста" in shown
    assert "no_event" not in shown
    assert TEXTS["ru"]["too_short"] in shown


def test_without_hands_no_gloss_is_named() -> None:
    outcome = Outcome(predictions=(("hello", 0.8),), warnings=("no_hands",), moments=(Moment(0, 1, 1),))
    shown = show_outcome(outcome, "en")
    assert "hello" not in shown
    assert TEXTS["en"]["no_hands"] in shown
    assert TEXTS["en"]["guessing"] not in shown
    assert show_moments(outcome, "en") == ""


def test_before_there_is_an_answer_the_page_says_where_it_appears() -> None:
    assert TEXTS["en"]["hint"] in show_outcome(None, "en")
    assert show_moments(None, "en") == ""


def test_a_problem_is_announced() -> None:
    shown = show_outcome(Outcome(problem="too_long"), "en")
    assert 'role="alert"' in shown
    assert "15 seconds" in shown


def test_the_strongest_moment_is_told_in_words_and_numbers() -> None:
    outcome = Outcome(predictions=(("hello", 0.8),), moments=(Moment(0, 0.5, 0.25), Moment(0.5, 1.0, 0.75)))
    english, russian = show_moments(outcome, "en"), show_moments(outcome, "ru")
    assert "0.5 to 1.0 seconds" in english
    assert "0,5 до 1,0" in russian
    assert english.count("<li") == 2
    assert english.count('class="most"') == 1
    assert "75\N{NO-BREAK SPACE}%" in english


def test_what_comes_from_outside_is_escaped() -> None:
    assert "<script>" not in show_message("<script>")
    assert "<script>" not in show_outcome(Outcome(predictions=(("<script>", 1.0),)), "en")
