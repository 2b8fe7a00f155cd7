"""An outcome as HTML, in the language of the page. Everything that is seen can be read by a screen reader too."""

import html

from limits import LARGEST_MEGABYTES, LARGEST_MEGAPIXELS, LIVE_SECONDS, LONGEST_SECONDS
from recognition import Outcome
from texts import TEXTS

#: The gloss of clips without a sign.
NO_SIGN = "no_event"

#: The least confidence for each word.
CONFIDENCE_WORDS = ((0.9, "sure"), (0.7, "fairly_sure"), (0.4, "unsure"), (0.0, "guessing"))


def texts_of(language: str, count: int = 0) -> dict[str, str]:
    """The texts in a language, English where there is no such language, with the limits and `count` filled in."""
    values = {
        "seconds": LONGEST_SECONDS,
        "megabytes": LARGEST_MEGABYTES,
        "megapixels": LARGEST_MEGAPIXELS,
        "minutes": LIVE_SECONDS // 60,
        "count": count,
    }
    return {key: text.format(**values) for key, text in TEXTS.get(language, TEXTS["en"]).items()}


def confidence_word(confidence: float) -> str:
    """The key of the word for a confidence from 0 to 1."""
    return next(word for least, word in CONFIDENCE_WORDS if confidence >= least)


def show_message(*lines: str, problem: bool = False) -> str:
    """Lines of text which screen readers announce when they appear."""
    role, style = ("alert", "problem") if problem else ("status", "note")
    return f'<div role="{role}">' + "".join(f'<p class="{style}">{html.escape(line)}</p>' for line in lines) + "</div>"


def show_outcome(outcome: Outcome | None, language: str) -> str:
    """The answer: the glosses, how sure the model is, and what may be wrong with the video.

    Args:
        outcome: What is known; `None` where nothing was asked yet.
        language: One of `LANGUAGES`.
    """
    texts = texts_of(language)
    if outcome is None:
        return f'<p class="hint">{html.escape(texts["hint"])}</p>'
    if outcome.problem:
        return show_message(texts[outcome.problem], problem=True)
    warnings = [texts.get(warning, warning) for warning in outcome.warnings]
    if "no_hands" in outcome.warnings:  # then glosses would be made up
        return show_message(*warnings, problem=True)
    rows = []
    for label, score in outcome.predictions:
        gloss = texts["no_event"] if label == NO_SIGN else label
        share = f"{score * 100:.0f}"
        rows.append(
            f'<li><span class="gloss">{html.escape(gloss)}</span><span class="share">{share}\N{NO-BREAK SPACE}%</span>'
            f'<span class="bar" aria-hidden="true"><span style="width:{score:.1%}"></span></span></li>'
        )
    message = show_message(texts[confidence_word(outcome.confidence)], *warnings)
    return f'<h2>{html.escape(texts["answer"])}</h2><ol class="answers">{"".join(rows)}</ol>{message}'


def show_moments(outcome: Outcome | None, language: str) -> str:
    """Which part of the clip decided: pictures side by side, and under each a bar for what it counted."""
    if outcome is None or not outcome.moments or "no_hands" in outcome.warnings:
        return ""
    texts = texts_of(language)

    def number(value: float) -> str:
        return f"{value:.1f}".replace(".", texts["decimal_mark"])

    most = max(outcome.moments, key=lambda moment: moment.weight)
    items = []
    for moment in outcome.moments:
        span = f"{number(moment.begin)}\N{EN DASH}{number(moment.end)}\N{NO-BREAK SPACE}{texts['second']}"
        share = f"{moment.weight * 100:.0f}\N{NO-BREAK SPACE}%"
        picture = f'<img src="{moment.picture}" alt="">' if moment.picture else '<span class="blank"></span>'
        strongest = ' class="most"' if moment is most else ""
        height = moment.weight / most.weight if most.weight else 0.0
        items.append(
            f"<li{strongest}>{picture}"
            f'<span class="bar" aria-hidden="true"><span style="height:{height:.1%}"></span></span>'
            f'<span class="share">{share}</span><span class="time">{span}</span></li>'
        )
    summary = texts["decided"].replace("BEGIN", number(most.begin)).replace("END", number(most.end))
    return (
        f"<h2>{html.escape(texts['moments'])}</h2><p>{html.escape(summary)}</p>"
        f'<div class="strip" tabindex="0" role="group" aria-label="{html.escape(texts["moments"])}">'
        f'<ol class="moments">{"".join(items)}</ol></div>'
    )
