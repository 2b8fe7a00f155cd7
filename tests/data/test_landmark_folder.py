"""The folder of extracted landmarks: what is written, what survives, what is refused."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as parquet
import pytest

from slr_hf.data import landmark_folder, load_extracted, to_landmarks
from slr_hf.data.clip_lists import Clip, ClipList
from slr_hf.data.landmark_folder import ExtractionSettings, Failure, LandmarkFolder, find_finished
from slr_hf.model.landmarks_slr import STORED_POINTS, Landmarks

SETTINGS = ExtractionSettings("MediaPipe Holistic", "0.10.33", "ab" * 32, 640, 0.5)


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landmark_folder, "CLIPS_A_PART", 2)


def clip_list(names: str, has_ranges: bool = False, **changes: Any) -> ClipList:
    clips = [Clip(name, Path(f"{name}.mp4"), columns={"gloss": f"g{name}"}) for name in names]
    clips = [replace(clip, **changes.get(clip.clip_id, {})) for clip in clips]
    return ClipList(tuple(clips), ("gloss",), has_ranges)


def landmarks_of(clip: Clip) -> Landmarks:
    frames = 2 + ord(clip.clip_id[0]) % 3
    found = np.random.default_rng(ord(clip.clip_id[0])).random((frames, 115, 3)).astype(np.float16)
    found[0] = np.nan
    return Landmarks(found, STORED_POINTS, fps=None if clip.clip_id == "a" else 29.5, width=640, height=480)


def fill(path: Path, clips: ClipList, order: str) -> None:
    with LandmarkFolder(path, SETTINGS, "0.1.0") as folder:
        by_name = {clip.clip_id: clip for clip in clips.clips}
        done = folder.done(clips)
        for name in order:
            if by_name[name].key not in done:
                folder.add(by_name[name], landmarks_of(by_name[name]))
        folder.finish(clips)


def content(path: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in path.iterdir() if file.is_file()}


def test_rows_come_back_in_the_order_of_the_input(tmp_path: Path) -> None:
    clips = clip_list("cabde")
    fill(tmp_path / "x", clips, "edcba")
    dataset = load_extracted(tmp_path / "x")
    assert list(dataset["clip_id"]) == list("cabde")
    assert list(dataset["gloss"]) == ["gc", "ga", "gb", "gd", "ge"]
    assert "begin" not in dataset.column_names
    assert dataset.cache_files
    for clip, row in zip(clips.clips, dataset, strict=True):
        expected, found = landmarks_of(clip), to_landmarks(row)
        np.testing.assert_array_equal(found.coordinates.astype(np.float16), expected.coordinates)
        assert (found.points, found.fps, found.width) == (expected.points, expected.fps, expected.width)
        assert row["num_frames"] == expected.num_frames
    assert len(list((tmp_path / "x").glob("part-*.parquet"))) == 3


def test_columns_have_the_promised_types(tmp_path: Path) -> None:
    fill(tmp_path / "x", clip_list("ab"), "ab")
    (part,) = (tmp_path / "x").glob("part-*.parquet")
    types = {field.name: str(field.type).replace("element", "item") for field in parquet.read_schema(part)}
    assert types == {
        "clip_id": "string",
        "landmarks": "list<item: halffloat>",
        "points": "list<item: int16>",
        "fps": "float",
        "width": "int32",
        "height": "int32",
        "num_frames": "int32",
        "gloss": "string",
    }


class Killed(BaseException):
    """Stands for the end of the process."""


@pytest.fixture
def kill_at(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Ends the run before its n-th change of the disk."""

    def arm(number: int) -> None:
        left = [number]

        def guarded(change: Any) -> Any:
            def call(*arguments: Any, **options: Any) -> Any:
                left[0] -= 1
                if left[0] < 0:
                    raise Killed
                return change(*arguments, **options)

            return call

        for owner, name in ((Path, "replace"), (Path, "unlink"), (Path, "mkdir"), (shutil, "rmtree")):
            monkeypatch.setattr(owner, name, guarded(getattr(owner, name)))

    return arm


def test_a_run_that_ends_anywhere_is_completed_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kill_at: Callable[[int], None]
) -> None:
    """The folder was finished with some clips; more come, one with another range, and the run ends at every step."""
    before = clip_list("bcd")
    after = clip_list("abcde", has_ranges=True, c={"begin": 1})
    fill(tmp_path / "expected", after, "abcde")
    expected = content(tmp_path / "expected")
    for number in range(100):
        path = tmp_path / str(number)
        fill(path, before, "bcd")
        ended = True
        kill_at(number)
        try:
            fill(path, after, "eca")
        except Killed:
            ended = False
        monkeypatch.undo()
        monkeypatch.setattr(landmark_folder, "CLIPS_A_PART", 2)
        # Until the new shards count, the old ones are a dataset.
        assert list(load_extracted(path)["clip_id"]) in (list("bcd"), list("abcde"))
        fill(path, after, "abcde")
        assert content(path) == expected
        assert not (path / "unfinished").exists()
        if ended:
            break
    assert 10 < number < 99


def test_a_first_run_that_ends_anywhere_is_completed_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kill_at: Callable[[int], None]
) -> None:
    clips = clip_list("ab")
    for number in range(100):
        path = tmp_path / str(number)
        kill_at(number)
        try:
            fill(path, clips, "ab")
        except Killed:
            monkeypatch.undo()
        else:
            break
        fill(path, clips, "ab")
        assert list(load_extracted(path)["clip_id"]) == ["a", "b"]
        assert not list(path.rglob("*.unfinished"))
    assert 5 < number < 99


def test_carried_columns_follow_the_input_without_a_new_extraction(tmp_path: Path) -> None:
    fill(tmp_path / "x", clip_list("ab"), "ab")
    renamed = clip_list("ab", a={"columns": {"gloss": "new"}})
    fill(tmp_path / "x", renamed, "")
    assert list(load_extracted(tmp_path / "x")["gloss"]) == ["new", "gb"]


def test_ranges_are_told_where_the_input_names_them(tmp_path: Path) -> None:
    fill(tmp_path / "x", clip_list("ab", has_ranges=True, a={"begin": 2, "end": 6}), "ab")
    dataset = load_extracted(tmp_path / "x").with_format(None)
    assert [(row["begin"], row["end"]) for row in dataset] == [(2, 6), (0, None)]


def test_landmarks_that_the_input_does_not_name_are_not_thrown_away(tmp_path: Path) -> None:
    fill(tmp_path / "x", clip_list("ab"), "ab")
    with pytest.raises(ValueError, match="holds landmarks of the clip 'b', which the input does not name"):
        fill(tmp_path / "x", clip_list("a"), "")
    with LandmarkFolder(tmp_path / "x", SETTINGS, "0") as folder:
        clip = clip_list("c").clips[0]
        folder.add(clip, landmarks_of(clip))
    with pytest.raises(ValueError, match="holds landmarks of the clip 'c'"):
        fill(tmp_path / "x", clip_list("ab"), "")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"landmarker_sha256": "cd"}, f"extracted with landmarker_sha256 {'ab' * 32}, but now it is cd"),
        ({"frame_size": 480}, "extracted with frame_size 640, but now it is 480"),
        ({"mediapipe": "9.9"}, r"extracted with mediapipe 0\.10\.33, but now it is 9\.9"),
    ],
)
def test_other_settings_are_refused(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    fill(tmp_path / "x", clip_list("ab"), "ab")
    with pytest.raises(ValueError, match=message):
        LandmarkFolder(tmp_path / "x", replace(SETTINGS, **change), "0.1.0")


def test_two_runs_do_not_fill_one_folder(tmp_path: Path) -> None:
    with (
        LandmarkFolder(tmp_path / "x", SETTINGS, "0"),
        pytest.raises(ValueError, match="Another run is filling"),
    ):
        LandmarkFolder(tmp_path / "x", SETTINGS, "0")
    LandmarkFolder(tmp_path / "x", SETTINGS, "0").close()


def test_any_number_of_processes_find_a_folder_finished(tmp_path: Path) -> None:
    clips, path = clip_list("abcd"), tmp_path / "x"
    assert find_finished(path, SETTINGS, clips) is None
    with LandmarkFolder(path, SETTINGS, "0") as folder:
        assert find_finished(path, SETTINGS, clips) is None
        failure = Failure.of(clips.clips[1], "no video")
        folder.add_failure(failure)
        for clip in (clips.clips[0], *clips.clips[2:]):
            folder.add(clip, landmarks_of(clip))
        assert find_finished(path, SETTINGS, clips) is None
        folder.finish(clips)
        before = content(path)
        # Another process may hold it.
        assert find_finished(path, SETTINGS, clips) == {"b": failure}
        assert content(path) == before
    for changed in (
        clip_list("abcde"),
        clip_list("abcd", b={"path": Path("mended.mp4")}),
        clip_list("abcd", has_ranges=True, c={"begin": 1}),
        clip_list("abcd", a={"columns": {"gloss": "new"}}),
    ):
        assert find_finished(path, SETTINGS, changed) is None
    with pytest.raises(ValueError, match="extracted with frame_size 640"):
        find_finished(path, replace(SETTINGS, frame_size=480), clips)
    next(path.glob("part-00001-*.parquet")).write_text("no")
    with pytest.raises(ValueError, match=r"part-00001-.* cannot be read"):
        find_finished(path, SETTINGS, clips)


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").touch()
    with pytest.raises(ValueError, match=r"holds other files, but no extraction\.json"):
        LandmarkFolder(tmp_path, SETTINGS, "0")
    assert [path.name for path in tmp_path.iterdir()] == ["holiday.jpg"]
    with pytest.raises(NotADirectoryError):
        LandmarkFolder(tmp_path / "holiday.jpg", SETTINGS, "0")


def test_failures_are_kept_for_the_same_range_of_the_same_file(tmp_path: Path) -> None:
    clips = clip_list("abcd")
    with LandmarkFolder(tmp_path / "x", SETTINGS, "0") as folder:
        for clip in (clips.clips[3], *clips.clips[:3]):
            folder.add_failure(Failure.of(clip, "old"))
        folder.add_failure(Failure.of(clips.clips[0], "new"))
        with (tmp_path / "x/failed.jsonl").open("a") as file:
            file.write('{"clip_id": "half a li')
        folder.add(clips.clips[3], landmarks_of(clips.clips[3]))
        changed = clip_list("abcd", b={"path": Path("mended.mp4")})
        found = folder.failures(changed)
        assert [(failure.clip_id, failure.reason) for failure in found.values()] == [("a", "new"), ("c", "old")]
        assert len((tmp_path / "x/failed.jsonl").read_text().splitlines()) == 2


def test_folders_of_another_form_are_not_loaded(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no folder"):
        load_extracted(tmp_path / "none")
    with pytest.raises(ValueError, match=r"has no extraction\.json"):
        load_extracted(tmp_path)
    manifest = tmp_path / "extraction.json"
    manifest.write_text("{")
    with pytest.raises(ValueError, match="no JSON"):
        load_extracted(tmp_path)
    manifest.write_text('{"form": "poems", "parts": []}')
    with pytest.raises(ValueError, match="of another form"):
        load_extracted(tmp_path)
    clips = clip_list("a")
    with LandmarkFolder(tmp_path / "x", SETTINGS, "0") as folder:
        with pytest.raises(ValueError, match="not finished"):
            load_extracted(tmp_path / "x")
        folder.finish(clips)
    with pytest.raises(ValueError, match="holds no clip"):
        load_extracted(tmp_path / "x")
    fill(tmp_path / "x", clips, "a")
    (part,) = (tmp_path / "x").glob("part-*.parquet")
    parquet.write_table(parquet.read_table(part).drop_columns(["fps"]), part)
    with pytest.raises(ValueError, match="column fps must be float, but is missing"):
        load_extracted(tmp_path / "x")
    part.write_text("no")
    with pytest.raises(ValueError, match="no Parquet file"):
        load_extracted(tmp_path / "x")
    part.unlink()
    with pytest.raises(FileNotFoundError, match="lacks part-00000"):
        load_extracted(tmp_path / "x")
