"""What visitors send: how large it may be, and when their files are deleted."""

import json
import threading
from collections import Counter, defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import limits
from starlette.middleware.body_limit import RequestBodyLimitMiddleware

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send


class VisitorFiles:
    """Knows which visitor needs which file. Two who upload the same video share one file: Gradio names it by content.

    Args:
        folder: Where uploads lie. Files elsewhere, such as the examples, are never deleted.
    """

    def __init__(self, folder: str | Path) -> None:
        self._folder = Path(folder).resolve()
        self._needed: dict[Path, set[str]] = defaultdict(set)
        #: Uploads whose visitors have not said yet that they need them: they wait in the queue.
        self._expected: Counter[Path] = Counter()
        #: What the last upload that is known has put at a path.
        self._uploaded: dict[Path, tuple[int, int] | None] = {}
        self._lock = threading.Lock()

    def expect(self, file: str) -> None:
        """Notes that a file was uploaded, and that the visitor who did it will be heard of.

        Args:
            file: Its path.
        """
        path = Path(file).resolve()
        with self._lock:
            self._expected[path] += 1
            self._uploaded[path] = _identity(path)

    def keep_only(self, visitor: str, *files: str | None) -> None:
        """Notes that a visitor needs these files and no others, and deletes what nobody needs any more.

        Args:
            visitor: The visitor's session.
            *files: Paths; `None` is left out.
        """
        needed = {path for path in (Path(file).resolve() for file in files if file) if self._folder in path.parents}
        with self._lock:
            for path in needed:
                if visitor not in self._needed[path]:
                    self._needed[path].add(visitor)
                    self._expected[path] = max(self._expected[path] - 1, 0)
            for path in [path for path, visitors in self._needed.items() if visitor in visitors and path not in needed]:
                self._needed[path].discard(visitor)
                if not self._needed[path]:
                    del self._needed[path]
                    self._delete(path)

    def leave(self, visitor: str) -> None:
        """Deletes what only this visitor needed."""
        self.keep_only(visitor)

    def _delete(self, path: Path) -> None:
        """Deletes a file that no visitor needs, unless it was uploaded again."""
        if self._expected[path] and path.exists():
            return
        del self._expected[path]
        uploaded = self._uploaded.pop(path, None)
        # A new file in the place of the old one is an upload that just ends, and will be expected in a moment.
        if uploaded is None or uploaded == _identity(path):
            path.unlink(missing_ok=True)


class UploadWatcher:
    """Tells `VisitorFiles` of each upload, before its visitor learns that it has arrived: an ASGI middleware.

    Args:
        app: The page's application.
        files: The files of the visitors.
    """

    def __init__(self, app: "ASGIApp", files: VisitorFiles) -> None:
        self._app = app
        self._files = files

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Handles a request."""
        if scope["type"] != "http" or scope["method"] != "POST" or not scope["path"].endswith("/upload"):
            await self._app(scope, receive, send)
            return
        status, body = 0, b""

        async def watch(message: "Message") -> None:
            nonlocal status, body
            if message["type"] == "http.response.start":
                status = message["status"]
            elif message["type"] == "http.response.body" and status == 200:
                body += message.get("body", b"")
                if not message.get("more_body"):
                    for file in json.loads(body):
                        self._files.expect(file)
            await send(message)

        await self._app(scope, receive, watch)


class RequestLimit:
    """Refuses requests that are too large, which the page would hold in its memory or on its disk: an ASGI middleware.

    Args:
        app: The page's application.
    """

    def __init__(self, app: "ASGIApp") -> None:
        # Gradio limits each file of an upload, not how many there are.
        self._uploads = RequestBodyLimitMiddleware(app, (limits.LARGEST_MEGABYTES + 1) * 1024**2)
        self._others = RequestBodyLimitMiddleware(app, limits.LARGEST_REQUEST * 1024**2)

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Handles a request."""
        is_upload = scope["type"] == "http" and scope["path"].endswith("/upload")
        await (self._uploads if is_upload else self._others)(scope, receive, send)


def _identity(path: Path) -> tuple[int, int] | None:
    """What tells a file from an older one of the same name: its place on the disk, and when it was written."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_mtime_ns
