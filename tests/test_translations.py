"""docs/README.ru.md says what README says: same headings, code, lists, tables and links, in the same order."""

import os
import re
from collections import Counter
from pathlib import Path

import pytest
from documents import parse, read_blocks
from markdown_it.token import Token

ROOT = Path(__file__).resolve().parents[1]
ENGLISH, RUSSIAN = ROOT / "README.md", ROOT / "docs/README.ru.md"

#: What has to be the same number of things in the same order: headings of each level, items, rows, cells.
STRUCTURE = {"heading_open", "bullet_list_open", "ordered_list_open", "list_item_open", "tr_open", "th_open", "td_open"}


def structure(document: Path) -> list[str]:
    """The skeleton of a document, code blocks included."""
    kept = [token for token in parse(document) if token.type in STRUCTURE | {"fence", "code_block"}]
    return [f"{token.tag} {token.type} {token.info}".strip() for token in kept]


def code(document: Path) -> list[str]:
    """The code blocks without comments; of pictures in letters the words, of lists in letters the first column."""
    blocks = []
    for block in read_blocks(document, document.name):
        comment = r"  .*" if block.language == "text" else r"\s+# .*"
        blocks.append("\n".join(re.sub(comment, "", line) for line in block.code.splitlines()))
    return blocks


def inline(document: Path) -> list[Token]:
    return [child for token in parse(document) for child in token.children or []]


def links(document: Path) -> Counter[str]:
    """Where the links lead, those to the other language left out."""
    targets = [str(token.attrs["href"]) for token in inline(document) if token.type == "link_open"]
    pictures = [str(token.attrs["src"]) for token in inline(document) if token.type == "image"]
    found = Counter(
        target if "://" in target else os.path.relpath(document.parent / target, ROOT) for target in targets + pictures
    )
    return found - Counter(["README.md", "docs/README.ru.md"])


def test_the_headings_lists_and_tables_are_the_same() -> None:
    assert structure(RUSSIAN) == structure(ENGLISH)


def test_the_code_is_the_same_but_for_comments() -> None:
    assert code(RUSSIAN) == code(ENGLISH)


def test_the_same_names_stand_in_the_text() -> None:
    """Flags, files and functions: a fact that is added to one language has to be added to the other."""
    english, russian = (
        Counter(token.content for token in inline(document) if token.type == "code_inline")
        for document in (ENGLISH, RUSSIAN)
    )
    assert set(russian) == set(english)


def test_the_links_lead_to_the_same_places() -> None:
    assert links(RUSSIAN) == links(ENGLISH)


@pytest.mark.parametrize(("document", "other"), [(ENGLISH, "docs/README.ru.md"), (RUSSIAN, "../README.md")])
def test_each_links_to_the_other_at_its_top(document: Path, other: str) -> None:
    lines = document.read_text(encoding="utf-8").splitlines()
    assert f"]({other})" in lines[2]


def test_it_is_in_russian() -> None:
    words = re.findall(r"[^\W\d_]{3,}", " ".join(token.content for token in inline(RUSSIAN) if token.type == "text"))
    russian = sum(bool(re.search("[а-яё]", word.lower())) for word in words)
    assert russian > 0.6 * len(words)


def numbers(document: Path, decimal_point: str) -> Counter[str]:
    """The figures in the text. English parts thousands by a comma, Russian decimals."""
    text = " ".join(token.content for token in inline(document) if token.type == "text")
    found = re.findall(r"\d[\d.,]*\d|\d", text)
    return Counter(number.replace(",", "" if decimal_point == "." else ".") for number in found)


def test_the_figures_are_the_same() -> None:
    assert numbers(RUSSIAN, ",") == numbers(ENGLISH, ".")
