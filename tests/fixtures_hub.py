"""A Hub on this machine: speaks the protocol of huggingface.co to the real client, and fails where it is told to.

Repositories live in memory, with git's hashes, LFS objects and a commit for each change. The client reads HF_ENDPOINT
when it is imported, so it must run in a process of its own, with `Hub.environment`.
"""

import base64
import hashlib
import json
import os
import re
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

#: The token of the only user, and the user's name.
TOKEN, USER = "hf_of_the_user", "user"

#: Instead of a status: reads half of the request and closes the connection; does all that is asked and then closes it
#: without an answer; sends half of the answer and then nothing, with the connection open.
CUT, SILENT, STALLED = "cut", "silent", "stalled"
Failure = int | Literal["cut", "silent", "stalled"]

#: What a client asks for; `Hub.fail` takes these.
STEPS = {
    "whoami": ("GET", r"/api/whoami-v2"),
    "create": ("POST", r"/api/repos/create"),
    "delete": ("DELETE", r"/api/repos/delete"),
    "validate": ("POST", r"/api/validate-yaml"),
    "preupload": ("POST", r"/api/(?P<kind>model|space|dataset)s/(?P<id>[^/]+/[^/]+)/preupload/(?P<revision>[^/]+)"),
    "commit": ("POST", r"/api/(?P<kind>model|space|dataset)s/(?P<id>[^/]+/[^/]+)/commit/(?P<revision>[^/]+)"),
    "tree": ("GET", r"/api/(?P<kind>model|space|dataset)s/(?P<id>[^/]+/[^/]+)/tree/(?P<revision>[^/]+)(?P<path>/.*)?"),
    "info": ("GET", r"/api/(?P<kind>model|space|dataset)s/(?P<id>[^/]+/[^/]+)(/revision/(?P<revision>[^/]+))?"),
    "batch": ("POST", r"/((?P<kind>space|dataset)s/)?(?P<id>[^/]+/[^/]+)\.git/info/lfs/objects/batch"),
    "upload": ("PUT", r"/storage/(?P<oid>[0-9a-f]{64})"),
    "storage": ("GET|HEAD", r"/storage/(?P<oid>[0-9a-f]{64})"),
    "resolve": (
        "GET|HEAD",
        r"/((?P<kind>space|dataset)s/)?(?P<id>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<path>.+)",
    ),
}


class RefusalError(Exception):
    """The answer is an error."""

    def __init__(self, status: int, message: str, code: str = "") -> None:
        super().__init__(message)
        self.status, self.code = status, code


@dataclass(frozen=True)
class Blob:
    """A file of a commit."""

    content: bytes
    large: bool

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    @property
    def pointer(self) -> bytes:
        return (
            f"version https://git-lfs.github.com/spec/v1\noid sha256:{self.sha256}\nsize {len(self.content)}\n".encode()
        )

    @property
    def oid(self) -> str:
        stored = self.pointer if self.large else self.content
        return hashlib.sha1(b"blob %d\0" % len(stored) + stored).hexdigest()


@dataclass
class Commit:
    """A state of a repository."""

    oid: str
    message: str
    files: dict[str, Blob]


@dataclass
class Repository:
    """A repository: its commits, the oldest first."""

    kind: str
    id: str
    private: bool
    commits: list[Commit] = field(default_factory=list)

    def add(self, message: str, files: dict[str, Blob]) -> Commit:
        oid = hashlib.sha1(f"{self.kind} {self.id} {len(self.commits)} {message}".encode()).hexdigest()
        self.commits.append(Commit(oid, message, files))
        return self.commits[-1]

    def at(self, revision: str | None) -> Commit:
        if revision in (None, "main"):
            return self.commits[-1]
        for commit in self.commits:
            if commit.oid == revision:
                return commit
        raise RefusalError(404, f"Invalid rev id: {revision}", "RevisionNotFound")

    @property
    def files(self) -> dict[str, bytes]:
        """What the last commit holds."""
        return {path: blob.content for path, blob in self.commits[-1].files.items()}

    @property
    def messages(self) -> list[str]:
        """What was committed, without the Hub's own first commit."""
        return [commit.message for commit in self.commits[1:]]


class Hub:
    """The server. `repositories` and `asked` tell a test what has happened.

    Args:
        pause: Seconds that pass before each answer, as on a slow network.
    """

    def __init__(self, pause: float = 0.0) -> None:
        self.pause = pause
        self.repositories: dict[tuple[str, str], Repository] = {}
        self.storage: dict[str, bytes] = {}
        self.asked: Counter[str] = Counter()
        self._failures: dict[str, tuple[Failure, int]] = {}
        self.closed = threading.Event()
        self._lock = threading.RLock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("_Handler", (_Handler,), {"hub": self}))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        # Another host, as on the real Hub: the client follows redirects to the same one before it reads the headers.
        self.store = f"http://localhost:{self._server.server_port}/storage"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.closed.set()
        self._server.shutdown()
        self._server.server_close()

    def environment(self, home: Path, token: str | None = TOKEN) -> dict[str, str]:
        """The variables of a process that talks to this Hub and has an empty cache."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING"))}
        kept |= {"HF_ENDPOINT": self.url, "HF_HOME": str(home), "HF_HUB_DISABLE_TELEMETRY": "1"}
        # This Hub has LFS alone; the client would take hf_xet, where it is installed, without asking.
        kept |= {"HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_PROGRESS_BARS": "1", "NO_PROXY": "127.0.0.1,localhost"}
        return kept if token is None else {**kept, "HF_TOKEN": token}

    def fail(self, step: str, answer: Failure, times: int = 1_000) -> None:
        """Answers a step with an error status or a broken connection, the next `times` times."""
        assert step in STEPS
        self._failures[step] = answer, times

    def heal(self) -> None:
        """Answers everything again."""
        self._failures.clear()

    def add(self, kind: str, name: str, files: dict[str, bytes], private: bool = False) -> Repository:
        """Puts a repository there, as if somebody had made it before."""
        repository = self.repositories[kind, name] = Repository(kind, name, private)
        first = {".gitattributes": Blob(b"*.safetensors filter=lfs diff=lfs merge=lfs -text\n", False)}
        if kind == "space":
            first["README.md"] = Blob(b"---\nsdk: gradio\n---\n", False)
        repository.add("initial commit", first)
        if files:
            repository.add("by hand", first | {path: Blob(content, False) for path, content in files.items()})
        return repository

    def next_failure(self, step: str) -> int | str | None:
        with self._lock:
            self.asked[step] += 1
            answer, times = self._failures.get(step, (None, 0))
            if times <= 0:
                return None
            self._failures[step] = answer, times - 1
            return answer

    # What each step answers: a JSON value, or bytes with headers. `token` is the client's.

    def answer(self, step: str, token: str | None, asked: dict[str, Any], body: bytes) -> Any:
        with self._lock:
            return getattr(self, f"_{step}")(token, asked, body)

    def _whoami(self, token: str | None, asked: dict[str, Any], body: bytes) -> Any:
        self._require(token)
        return {"type": "user", "name": USER, "orgs": [], "auth": {"type": "access_token"}}

    def _create(self, token: str | None, asked: dict[str, Any], body: bytes) -> Any:
        self._require(token)
        order = json.loads(body)
        kind, name = order.get("type", "model"), f"{order.get('organization') or USER}/{order['name']}"
        if not name.startswith(f"{USER}/"):
            raise RefusalError(
                403, f"You don't have the rights to create a {kind} under the namespace {name.split('/')[0]}"
            )
        url = f"{self.url}/{'' if kind == 'model' else kind + 's/'}{name}"
        if (kind, name) in self.repositories:
            return 409, {"error": f"You already created this {kind} repo", "url": url}
        if kind == "space" and order.get("sdk") != "gradio":
            raise RefusalError(400, "a Space needs an sdk")
        self.add(kind, name, {}, private=order.get("visibility") == "private")
        return {"url": url, "name": name}

    def _delete(self, token: str | None, asked: dict[str, Any], body: bytes) -> Any:
        self._require(token)
        order = json.loads(body)
        name = f"{order.get('organization') or USER}/{order['name']}"
        self._find({"kind": order.get("type", "model"), "id": name}, token, write=True)
        del self.repositories[order.get("type", "model"), name]
        return {}

    def _validate(self, token: str | None, asked: dict[str, Any], body: bytes) -> Any:
        order = json.loads(body)
        if not order["content"].startswith("---\n"):
            return {"warnings": [{"message": "empty or missing yaml metadata in repo card"}], "errors": []}
        import yaml

        try:
            yaml.safe_load(order["content"].split("---\n")[1])
        except yaml.YAMLError as error:
            return 400, {"errors": [{"message": str(error)}], "warnings": []}
        return {"warnings": [], "errors": []}

    def _info(self, token: str | None, asked: dict[str, Any], body: bytes) -> Any:
        repository = self._find(asked, token)
        commit = repository.at(asked.get("revision"))
        facts = {"_id": "0" * 24, "id": repository.id, "sha": commit.oid, "private": repository.private, "tags": []}
        return facts | {"siblings": [{"rfilename": path} for path in commit.files], "downloads": 0, "likes": 0}

    def _tree(self, token: str | None, asked: dict[str, Any], body: bytes) -> Any:
        files = self._find(asked, token).at(asked["revision"]).files
        start = (asked.get("path") or "").strip("/")
        start = start + "/" if start else ""
        files = {path: blob for path, blob in files.items() if path.startswith(start)}
        if start and not files:
            raise RefusalError(404, f"{start} does not exist", "EntryNotFound")
        folders = {"/".join(path.split("/")[:depth]) for path in files for depth in range(1, path.count("/") + 1)}
        entries: list[dict[str, Any]] = [
            {"type": "directory", "oid": "0" * 40, "size": 0, "path": path}
            for path in sorted(folders)
            if path.startswith(start)
        ]
        for path, blob in files.items():
            entry: dict[str, Any] = {"type": "file", "oid": blob.oid, "size": len(blob.content), "path": path}
            if blob.large:
                entry["lfs"] = {"oid": blob.sha256, "size": len(blob.content), "pointerSize": len(blob.pointer)}
            entries.append(entry)
        recursive = asked["query"].get("recursive", ["false"])[0].lower() in ("true", "1")
        return [entry for entry in entries if recursive or "/" not in entry["path"][len(start) :]]

    def _preupload(self, token: str | None, asked: dict[str, Any], body: bytes) -> Any:
        files = self._find(asked, token, write=True).at(unquote(asked["revision"])).files
        answer = []
        for file in json.loads(body)["files"]:
            large = b"\0" in base64.b64decode(file["sample"]) or file["path"].endswith((".safetensors", ".bin"))
            known = files.get(file["path"])
            answer.append(
                {"path": file["path"], "uploadMode": "lfs" if large else "regular", "shouldIgnore": False}
                | ({} if known is None else {"oid": known.sha256 if known.large else known.oid})
            )
        return {"files": answer}

    def _batch(self, token: str | None, asked: dict[str, Any], body: bytes) -> Any:
        self._find(asked, token, write=True)
        objects = json.loads(body)["objects"]
        for item in objects:
            if item["oid"] not in self.storage:
                item["actions"] = {"upload": {"href": f"{self.store}/{item['oid']}"}}
        return {"transfer": "basic", "objects": objects}

    def _upload(self, token: str | None, asked: dict[str, Any], body: bytes) -> Any:
        if hashlib.sha256(body).hexdigest() != asked["oid"]:
            raise RefusalError(400, "the content is not what its name says")
        self.storage[asked["oid"]] = body
        return {}

    def _commit(self, token: str | None, asked: dict[str, Any], body: bytes) -> Any:
        repository = self._find(asked, token, write=True)
        head = repository.at(unquote(asked["revision"]))
        files, summary = dict(head.files), ""
        for line in body.splitlines():
            item = json.loads(line)
            key, value = item["key"], item["value"]
            if key == "header":
                summary = value["summary"]
                if value.get("parentCommit", head.oid) != head.oid:
                    raise RefusalError(412, "A commit has happened since. Please refresh and try again.")
            elif key == "file":
                files[value["path"]] = Blob(base64.b64decode(value["content"]), False)
            elif key == "lfsFile":
                if value["oid"] not in self.storage:
                    raise RefusalError(400, f"the LFS object of {value['path']} was not uploaded")
                files[value["path"]] = Blob(self.storage[value["oid"]], True)
            elif key == "deletedFile":
                del files[value["path"]]
            else:
                raise RefusalError(400, f"unknown operation {key}")
        commit = repository.add(summary, files)
        return {
            "success": True,
            "commitOid": commit.oid,
            "commitUrl": f"{self.url}/{repository.id}/commit/{commit.oid}",
        }

    def _resolve(self, token: str | None, asked: dict[str, Any], body: bytes) -> Any:
        commit = self._find(asked, token).at(unquote(asked["revision"]))
        blob = commit.files.get(unquote(asked["path"]))
        if blob is None:
            raise RefusalError(404, "Entry not found", "EntryNotFound")
        headers = {"X-Repo-Commit": commit.oid, "ETag": f'"{blob.oid}"'}
        if not blob.large:
            return 200, blob.content, headers
        linked = {"X-Linked-ETag": f'"{blob.sha256}"', "X-Linked-Size": str(len(blob.content))}
        return 302, b"", headers | linked | {"Location": f"{self.store}/{blob.sha256}"}

    def _storage(self, token: str | None, asked: dict[str, Any], body: bytes) -> Any:
        return 200, self.storage[asked["oid"]], {"ETag": f'"{asked["oid"]}"'}

    def _require(self, token: str | None) -> None:
        if token != TOKEN:
            raise RefusalError(401, "Invalid credentials in Authorization header")

    def _find(self, asked: dict[str, Any], token: str | None, write: bool = False) -> Repository:
        if token is not None:
            self._require(token)
        repository = self.repositories.get((asked["kind"] or "model", asked["id"]))
        if repository is None or (repository.private and token is None):
            # Whoever shows no token is not told what there is.
            raise RefusalError(401 if token is None else 404, "Repository not found", "RepoNotFound")
        if write and (token is None or not repository.id.startswith(f"{USER}/")):
            raise RefusalError(403, "You have read access but not the required permissions for this operation")
        return repository


class _Handler(BaseHTTPRequestHandler):
    """Turns requests into steps, and what they return into answers."""

    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, *_: Any) -> None:
        """Keeps the tests' output clean."""

    def _respond(self) -> None:
        address = urlsplit(self.path)
        step, asked = self._step(address.path)
        failure = None if step is None else self.hub.next_failure(step)
        length = int(self.headers.get("Content-Length") or 0)
        if failure == CUT:
            self.rfile.read(length // 2)
            return self._hang_up()
        body = self._chunks() if "chunked" in self.headers.get("Transfer-Encoding", "") else self.rfile.read(length)
        time.sleep(self.hub.pause)
        if step is None:
            return self._send(404, b"{}", {})
        if isinstance(failure, int):
            extra = {"RateLimit": '"api";r=0;t=2'} if failure == 429 else {}
            refused = {401: "Invalid credentials in Authorization header"}.get(failure, "told to fail")
            return self._send(failure, json.dumps({"error": refused}).encode(), {"X-Error-Message": refused} | extra)
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        asked["query"] = parse_qs(address.query)
        try:
            answer = self.hub.answer(step, token if scheme == "Bearer" else None, asked, body)
        except RefusalError as refusal:
            headers = {"X-Error-Message": str(refusal)} | ({"X-Error-Code": refusal.code} if refusal.code else {})
            return self._send(refusal.status, json.dumps({"error": str(refusal)}).encode(), headers)
        if failure == SILENT:
            return self._hang_up()
        if isinstance(answer, tuple) and len(answer) == 3:
            return self._send(*answer, stalled=failure == STALLED)
        status, value = answer if isinstance(answer, tuple) else (200, answer)
        return self._send(status, json.dumps(value).encode(), {"Content-Type": "application/json"})

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _respond  # noqa: N815

    def _step(self, path: str) -> tuple[str | None, dict[str, Any]]:
        for step, (methods, pattern) in STEPS.items():
            found = re.fullmatch(pattern, path)
            if found and self.command in methods.split("|"):
                return step, found.groupdict()
        return None, {}

    def _chunks(self) -> bytes:
        chunks = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def _hang_up(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def _send(self, status: int, content: bytes, headers: dict[str, str], stalled: bool = False) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content[: len(content) // 2] if stalled else content)
            self.wfile.flush()
            if stalled:
                self.hub.closed.wait(60)


@pytest.fixture
def hub() -> Iterator[Hub]:
    """A Hub without repositories."""
    server = Hub()
    yield server
    server.close()
