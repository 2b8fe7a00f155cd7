import asyncio
import json
from pathlib import Path
from typing import Any

from visitors import UploadWatcher, VisitorFiles


def touch(path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"video")
    return str(path)


def test_another_video_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    files = VisitorFiles(tmp_path)
    first, second = touch(tmp_path / "a/1.mp4"), touch(tmp_path / "b/2.mp4")
    files.keep_only("ann", first)
    files.keep_only("ann", second, None)
    assert not Path(first).exists()
    assert Path(second).exists()
    files.leave("ann")
    assert not Path(second).exists()


def test_a_file_that_two_visitors_need_stays_until_both_are_gone(tmp_path: Path) -> None:
    files, shared = VisitorFiles(tmp_path), touch(tmp_path / "1.mp4")
    files.keep_only("ann", shared)
    files.keep_only("bob", shared)
    files.leave("ann")
    assert Path(shared).exists()
    files.leave("bob")
    assert not Path(shared).exists()


def test_files_outside_of_the_uploads_are_never_deleted(tmp_path: Path) -> None:
    files = VisitorFiles(tmp_path / "uploads")
    example = touch(tmp_path / "examples/hello.mp4")
    sly = str(tmp_path / "uploads/../examples/hello.mp4")
    files.keep_only("ann", example, sly)
    files.leave("ann")
    assert Path(example).exists()


def test_a_file_that_is_gone_already_does_no_harm(tmp_path: Path) -> None:
    files, path = VisitorFiles(tmp_path), touch(tmp_path / "1.mp4")
    files.keep_only("ann", path)
    Path(path).unlink()
    files.leave("ann")
    files.leave("stranger")


def upload(files: VisitorFiles, path: Path) -> str:
    """What Gradio does: the upload is written beside, and takes the place of an older one."""
    new = Path(touch(path.with_suffix(".new")))
    new.rename(path)
    files.expect(str(path))
    return str(path)


def test_an_upload_that_waits_for_its_turn_outlives_those_who_have_the_same_file(tmp_path: Path) -> None:
    files, path = VisitorFiles(tmp_path), tmp_path / "1.mp4"
    for _ in range(3):
        shared = upload(files, path)
    for visitor in ("ann", "bob", "cat"):
        assert path.exists(), visitor
        files.keep_only(visitor, shared)
        files.leave(visitor)
    assert not path.exists()


def test_an_upload_that_has_just_been_written_is_not_deleted_with_the_one_before(tmp_path: Path) -> None:
    files, path = VisitorFiles(tmp_path), tmp_path / "1.mp4"
    files.keep_only("ann", upload(files, path))
    Path(touch(tmp_path / "new")).rename(path)  # and is about to be expected
    files.leave("ann")
    assert path.exists()
    files.expect(str(path))
    files.keep_only("bob", str(path))
    files.leave("bob")
    assert not path.exists()


def test_a_visitor_who_says_it_twice_takes_nobody_elses_upload(tmp_path: Path) -> None:
    files, path = VisitorFiles(tmp_path), tmp_path / "1.mp4"
    upload(files, path)
    shared = upload(files, path)
    files.keep_only("ann", shared)
    files.keep_only("ann", shared)
    files.leave("ann")
    assert path.exists(), "the other upload's visitor has not come yet"


def answer(files: VisitorFiles, method: str, path: str, status: int, *chunks: bytes) -> list[dict[str, Any]]:
    """Has a request answered through the watcher; returns what was sent."""
    sent: list[dict[str, Any]] = []

    async def page(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": status})
        for number, chunk in enumerate(chunks, start=1):
            await send({"type": "http.response.body", "body": chunk, "more_body": number < len(chunks)})

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": method, "path": path}
    asyncio.run(UploadWatcher(page, files)(scope, None, send))  # type: ignore[arg-type]
    return sent


def test_the_watcher_tells_of_uploads_and_changes_nothing(tmp_path: Path) -> None:
    files, path = VisitorFiles(tmp_path), tmp_path / "1.mp4"
    body = json.dumps([touch(path)]).encode()
    for request in (
        ("POST", "/gradio_api/upload", 413, b"too large"),
        ("GET", "/gradio_api/upload", 200, body),
        ("POST", "/gradio_api/queue/join", 200, b"{}"),
    ):
        assert answer(files, *request)[-1]["body"] == request[3]
    for _ in range(2):
        sent = answer(files, "POST", "/gradio_api/upload", 200, body[:5], body[5:])
        assert b"".join(message.get("body", b"") for message in sent) == body
    files.keep_only("ann", str(path))
    files.leave("ann")
    assert path.exists()
    files.keep_only("bob", str(path))
    files.leave("bob")
    assert not path.exists()
