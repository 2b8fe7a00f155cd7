"""The project's documents as a reader meets them."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

#: CommonMark with tables, as GitHub shows it.
_MARKDOWN = MarkdownIt("commonmark").enable("table")


@dataclass(frozen=True)
class Block:
    """A code block.

    Args:
        document: The document's path in the repository.
        line: The number of its first line, from 1.
        language: What follows the fence; "python" where the block is indented instead.
        code: What it holds.
    """

    document: str
    line: int
    language: str
    code: str

    def __str__(self) -> str:
        return f"{self.document}:{self.line}"

    @property
    def commands(self) -> list[str]:
        """The lines of a shell block; those that end in a backslash are joined with the next."""
        lines = self.code.replace("\\\n", " ").splitlines()
        return [" ".join(line.split()) for line in lines if shlex.split(line, comments=True)]


def parse(document: Path) -> list[Token]:
    """Reads a document; front matter is left out."""
    text = document.read_text(encoding="utf-8")
    return _MARKDOWN.parse(
        re.sub(r"\A---\n.*?\n---\n", lambda front: "\n" * front[0].count("\n"), text, flags=re.DOTALL)
    )


def read_blocks(document: Path, name: str) -> list[Block]:
    """Lists the code blocks of a document; `name` is what they call it."""
    return [
        Block(name, (token.map or [0])[0] + 1, token.info.strip() if token.type == "fence" else "python", token.content)
        for token in parse(document)
        if token.type in ("fence", "code_block")
    ]
