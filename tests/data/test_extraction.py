"""Landmarks of many videos, with the real landmarker on real clips."""

import importlib.util
import multiprocessing
import os
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from slr_hf.data import load_extracted, to_landmarks
from slr_hf.data.clip_lists import Clip
from slr_hf.data.extraction import Extraction, extract_clips
from slr_hf.data.extraction_workers import extract_clip
from slr_hf.model.extraction_slr import HolisticExtractor
from slr_hf.model.landmarker_slr import LandmarkerError
from slr_hf.model.landmarks_slr import STORED_POINTS

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def wave(clip_paths: dict[str, Path]) -> Path:
    return clip_paths["wave"]


@pytest.fixture(scope="module")
def extractor(landmarker_path: Path) -> HolisticExtractor:
    return HolisticExtractor(landmarker_path)


@pytest.fixture
def table(wave: Path, tmp_path: Path) -> Path:
    """Four clips of five frames and one that is no video, with a column to carry along."""
    (tmp_path / "broken.mp4").write_bytes(wave.read_bytes()[:5000])
    rows = [f"{name},{wave},{begin},{begin + 5},wave" for name, begin in (("z", 0), ("ж", 9), ("a/1", 18), ("b", 27))]
    rows.insert(2, "broken,broken.mp4,,,none")
    path = tmp_path / "clips.csv"
    path.write_text("\n".join(["clip_id,path,begin,end,gloss", *rows]) + "\n", encoding="utf-8")
    return path


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_whole_clip_gives_what_the_extractor_finds(
    clip_paths: dict[str, Path], extractor: HolisticExtractor, landmarker_path: Path, tmp_path: Path
) -> None:
    (tmp_path / "videos/signs").mkdir(parents=True)
    (tmp_path / "videos/signs/no_event.mp4").symlink_to(clip_paths["no7a7812b1"])
    done = extract_clips(tmp_path / "videos", tmp_path / "out", model_path=landmarker_path)
    assert done == Extraction(1, ())
    (row,) = load_extracted(tmp_path / "out")
    assert row["clip_id"] == "signs/no_event"
    found, expected = to_landmarks(row), extractor(clip_paths["no7a7812b1"]).select(STORED_POINTS)
    np.testing.assert_array_equal(found.coordinates, expected.coordinates.astype(np.float16))
    assert found.points == STORED_POINTS
    assert found.fps == pytest.approx(expected.fps)
    assert (found.width, found.height, row["num_frames"]) == (expected.width, expected.height, 32)


def test_ranges_columns_and_failures(table: Path, landmarker_path: Path, tmp_path: Path) -> None:
    done = extract_clips(table, tmp_path / "out", num_proc=2, model_path=landmarker_path)
    assert done.clips == 4
    (failure,) = done.failures
    assert failure.clip_id == "broken"
    assert "broken.mp4 cannot be decoded" in failure.reason
    dataset = load_extracted(tmp_path / "out")
    assert list(dataset["clip_id"]) == ["z", "ж", "a/1", "b"]
    assert list(dataset["gloss"]) == ["wave"] * 4
    assert [(row["begin"], row["end"], row["num_frames"]) for row in dataset] == [
        (start, start + 5, 5) for start in (0, 9, 18, 27)
    ]


def test_a_range_is_extracted_as_if_cut_out(clip_paths: dict[str, Path], extractor: HolisticExtractor) -> None:
    short = clip_paths["no7a7812b1"]
    whole = extract_clip(Clip("a", short), extractor).landmarks
    start = extract_clip(Clip("a", short, 0, 6), extractor).landmarks
    end = extract_clip(Clip("a", short, 24), extractor).landmarks
    assert whole is not None
    assert start is not None
    assert end is not None
    assert (start.num_frames, end.num_frames) == (6, 8)
    assert end.fps == pytest.approx(whole.fps, rel=1e-3)
    assert (end.width, end.height) == (whole.width, whole.height)
    # The landmarker tracks, so only the first frames are seen alike.
    np.testing.assert_allclose(start.coordinates, whole.coordinates[:6], atol=0.01)
    assert start.coordinates.dtype == np.float16


def test_a_small_frame_size_does_not_change_the_size_on_record(wave: Path, extractor: HolisticExtractor) -> None:
    small = HolisticExtractor(extractor.model_path, frame_size=120)
    found = extract_clip(Clip("a", wave, 0, 2), small).landmarks
    assert found is not None
    assert (found.width, found.height) == (540, 720)


def test_ranges_beyond_the_end(wave: Path, extractor: HolisticExtractor) -> None:
    cut = extract_clip(Clip("a", wave, 55, 80), extractor)
    assert cut.landmarks is not None
    assert cut.landmarks.num_frames == 3
    assert cut.warnings == (f"{wave} has 58 frames, but the clip ends with frame 80.",)
    nothing = extract_clip(Clip("a", wave, 58, 80), extractor)
    assert nothing.reason == f"{wave} has 58 frames, but the clip begins with frame 58."


def test_failures_are_skipped_until_they_are_to_be_retried(
    table: Path, wave: Path, landmarker_path: Path, tmp_path: Path
) -> None:
    extract_clips(table, tmp_path / "out", model_path=landmarker_path)
    (tmp_path / "broken.mp4").write_bytes(wave.read_bytes())
    before = contents(tmp_path / "out")
    assert len(extract_clips(table, tmp_path / "out", model_path=landmarker_path).failures) == 1
    assert contents(tmp_path / "out") == before
    table.write_text(table.read_text(encoding="utf-8").replace("mp4,,,none", "mp4,0,3,none"), encoding="utf-8")
    retried = extract_clips(table, tmp_path / "out", model_path=landmarker_path, retry_failed=True)
    assert retried == Extraction(5, ())
    assert list(load_extracted(tmp_path / "out")["clip_id"]) == ["z", "ж", "broken", "a/1", "b"]


def test_a_finished_folder_is_read_while_another_process_holds_it(landmarker_path: Path, tmp_path: Path) -> None:
    table = tmp_path / "clips.csv"
    table.write_text("clip_id,path\nnone,none.mp4\n")
    first = extract_clips(table, tmp_path / "out", model_path=landmarker_path)
    with FileLock(tmp_path / "out/.lock"):
        assert extract_clips(table, tmp_path / "out", model_path=landmarker_path) == first
        with pytest.raises(ValueError, match="Another run is filling"):
            extract_clips(table, tmp_path / "out", model_path=landmarker_path, retry_failed=True)


def test_a_worker_that_dies_costs_the_clip_it_worked_on(
    clip_paths: dict[str, Path], landmarker_path: Path, tmp_path: Path
) -> None:
    table, long, wave = tmp_path / "clips.csv", clip_paths["f17a6060"], clip_paths["wave"]
    table.write_text(f"clip_id,path,begin,end\na,{wave},0,2\nlong,{long},,\nb,{wave},0,2\nc,{wave},3,5\n")

    def kill_a_worker() -> None:
        # Once a is done, the one worker is busy with the long clip.
        deadline = time.monotonic() + 60
        while not list((tmp_path / "out/unfinished").glob("*.parquet")) and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.5)
        (worker,) = multiprocessing.active_children()
        os.kill(worker.pid or 0, signal.SIGKILL)

    killer = threading.Thread(target=kill_a_worker)
    killer.start()
    done = extract_clips(table, tmp_path / "out", model_path=landmarker_path)
    killer.join()
    assert list(load_extracted(tmp_path / "out")["clip_id"]) == ["a", "b", "c"]
    (failure,) = done.failures
    assert (failure.clip_id, failure.path) == ("long", str(long))
    assert "the process that worked on it died" in failure.reason
    assert not multiprocessing.active_children()


def test_a_clip_that_takes_too_long_fails_alone(
    clip_paths: dict[str, Path], landmarker_path: Path, tmp_path: Path
) -> None:
    table = tmp_path / "clips.csv"
    table.write_text(f"clip_id,path\nlong,{clip_paths['f17a6060']}\nnone,none.mp4\n")
    done = extract_clips(table, tmp_path / "out", model_path=landmarker_path, time_limit=0.3)
    assert [failure.reason for failure in done.failures] == [
        "it took longer than 0.3 seconds",
        f"There is no file {tmp_path / 'none.mp4'}.",
    ]


def test_other_landmark_models_are_refused(
    table: Path, landmarker_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table.write_text("clip_id,path\nnone,none.mp4\n")
    extract_clips(table, tmp_path / "out", model_path=landmarker_path)
    other = tmp_path / "other.task"
    # An archive may have anything before it: the same models, another fingerprint.
    other.write_bytes(b"\x00" + landmarker_path.read_bytes())
    with pytest.raises(ValueError, match="extracted with landmarker_sha256"):
        extract_clips(table, tmp_path / "out", model_path=other)
    with pytest.raises(ValueError, match="extracted with frame_size 640, but now it is 480"):
        extract_clips(table, tmp_path / "out", model_path=landmarker_path, frame_size=480)
    with pytest.raises(LandmarkerError):
        extract_clips(table, tmp_path / "out", model_path=tmp_path / "none.task")


@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason='needs Ray: pip install "ray[data]"')
def test_ray_gives_the_same(table: Path, landmarker_path: Path, tmp_path: Path, repository: Path) -> None:
    import ray

    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    environment = {"env_vars": {"PYTHONPATH": str(repository)}}
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, runtime_env=environment)
    try:
        local = extract_clips(table, tmp_path / "local", num_proc=2, model_path=landmarker_path)
        on_ray = extract_clips(table, tmp_path / "ray", num_proc=2, model_path=landmarker_path, engine="ray")
        assert on_ray == local
        assert contents(tmp_path / "ray") == contents(tmp_path / "local")
        # Processes that die cost their clips, not the run.
        hurried = extract_clips(
            table, tmp_path / "late", num_proc=2, model_path=landmarker_path, engine="ray", time_limit=0.05
        )
        assert [failure.clip_id for failure in hurried.failures] == ["z", "ж", "broken", "a/1", "b"]
        assert hurried.failures[0].reason == "it took longer than 0.05 seconds"
    finally:
        ray.shutdown()


@pytest.mark.parametrize(
    ("argument", "message"),
    [({"num_proc": 0}, "num_proc"), ({"time_limit": 0}, "time_limit"), ({"engine": "steam"}, "'local', 'ray'")],
)
def test_wrong_arguments_are_refused(tmp_path: Path, argument: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        extract_clips(tmp_path, tmp_path / "out", **argument)  # type: ignore[arg-type]
