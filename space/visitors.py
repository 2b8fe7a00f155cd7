"""The files of each visitor: they are deleted when nobody needs them any more."""

import logging
import threading
from collections import defaultdict
from pathlib import Path

logger = logging.getLogger(__name__)


class VisitorFiles:
    """Knows which visitor needs which file. Two who upload the same video share one file: Gradio names it by content.

    Args:
        folder: Where uploads lie. Files elsewhere, such as the examples, are never deleted.
    """

    def __init__(self, folder: str | Path) -> None:
        self._folder = Path(folder).resolve()
        self._needed: dict[Path, set[str]] = defaultdict(set)
        self._lock = threading.Lock()

    def keep_only(self, visitor: str, *files: str | None) -> None:
        """Notes that a visitor needs these files and no others, and deletes what nobody needs any more.

        Args:
            visitor: The visitor's session.
            *files: Paths; `None` is left out.
        """
        needed = {Path(file).resolve() for file in files if file}
        with self._lock:
            for path in [path for path, visitors in self._needed.items() if visitor in visitors and path not in needed]:
                self._needed[path].discard(visitor)
                if not self._needed[path]:
                    del self._needed[path]
                    path.unlink(missing_ok=True)
            for path in needed:
                if path.is_relative_to(self._folder):
                    self._needed[path].add(visitor)

    def leave(self, visitor: str) -> None:
        """Deletes what only this visitor needed."""
        self.keep_only(visitor)
