"""A clip that needs more memory than there is fails alone, by name."""

import multiprocessing
import resource
import threading
import time
from pathlib import Path

import av
import pytest
from process_status import status_bytes

from slr_hf.data import load_extracted
from slr_hf.data.extraction import extract_clips

pytestmark = pytest.mark.integration

#: What the process may take beyond the most that it took for small clips.
MORE = 100 * 2**20


def write_large_video(path: Path) -> None:
    """Writes one frame of 8K, the largest that is read, which has 133 MB in memory and 1 MB in the file."""
    with av.open(str(path), "w", format="mov") as container:
        stream = container.add_stream("qtrle", rate=10)
        stream.width, stream.height, stream.pix_fmt = 7680, 4320, "argb"
        frame = av.VideoFrame(stream.width, stream.height, stream.pix_fmt)
        frame.planes[0].update(bytes(frame.planes[0].buffer_size))
        container.mux(stream.encode(frame))
        container.mux(stream.encode())


def test_a_clip_that_takes_too_much_memory_fails_alone(
    clip_paths: dict[str, Path], landmarker_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Else a thread may reserve 64 MB of addresses at any time, which the limit would count.
    monkeypatch.setenv("MALLOC_ARENA_MAX", "1")
    write_large_video(tmp_path / "large.mp4")
    table, wave = tmp_path / "clips.csv", clip_paths["wave"]
    # The limit is set while the second clip is worked on, which takes seconds.
    table.write_text(
        f"clip_id,path,begin,end\na,{wave},0,2\nb,{clip_paths['f17a6060']},,\nlarge,large.mp4,,\nc,{wave},0,2\n"
    )

    def limit_the_worker() -> None:
        deadline = time.monotonic() + 60
        while not list((tmp_path / "out/unfinished").glob("*.parquet")) and time.monotonic() < deadline:
            time.sleep(0.005)
        (worker,) = multiprocessing.active_children()
        assert worker.pid is not None
        limit = status_bytes("VmPeak", worker.pid) + MORE
        resource.prlimit(worker.pid, resource.RLIMIT_AS, (limit, limit))

    limiter = threading.Thread(target=limit_the_worker)
    limiter.start()
    done = extract_clips(table, tmp_path / "out", model_path=landmarker_path)
    limiter.join()
    (failure,) = done.failures
    assert failure.clip_id == "large"
    assert "the process that worked on it died: a fault in a decoder, or too little memory" in failure.reason
    assert list(load_extracted(tmp_path / "out")["clip_id"]) == ["a", "b", "c"]
    assert not multiprocessing.active_children()
    # With enough memory it is a clip like any other.
    again = extract_clips(table, tmp_path / "out", model_path=landmarker_path, retry_failed=True)
    assert not again.failures
