from pathlib import Path

from visitors import VisitorFiles


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
