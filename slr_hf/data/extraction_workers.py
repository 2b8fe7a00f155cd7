"""Processes that find the landmarks of single clips: on this machine, or in a Ray cluster.

A new process imports this file, so nothing heavy is imported here.
"""

import errno
import logging
import math
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from multiprocessing.connection import wait as wait_for_end
from multiprocessing.process import BaseProcess
from typing import Any, Literal

import numpy as np

from slr_hf.commands import first_line
from slr_hf.data.clip_lists import Clip
from slr_hf.model.extraction_slr import HolisticExtractor, VideoError, probe_video, read_frames
from slr_hf.model.landmarker_slr import LandmarkerError
from slr_hf.model.landmarks_slr import STORED_POINTS, Landmarks

logger = logging.getLogger(__name__)

Engine = Literal["local", "ray"]


@dataclass(frozen=True)
class Outcome:
    """What became of a clip.

    Args:
        landmarks: Its landmarks, float16, of the points to store; `None` if it failed.
        reason: Why it failed, in one line.
        warnings: What else was noticed.
    """

    landmarks: Landmarks | None = None
    reason: str = ""
    warnings: tuple[str, ...] = ()


def extract_clip(clip: Clip, extractor: HolisticExtractor) -> Outcome:
    """Finds the landmarks of one clip.

    Args:
        clip: The clip.
        extractor: Finds the landmarks.

    Returns:
        The landmarks, or why there are none.

    Raises:
        LandmarkerError: If the landmark models are missing or unusable.
        ImportError: If MediaPipe or PyAV is not installed.
        MemoryError: If there is too little memory. The process should end then: what it holds may not become free.
    """
    with _collected_warnings() as warnings:
        try:
            landmarks = _find_landmarks(clip, extractor).select(STORED_POINTS)
            landmarks = replace(landmarks, coordinates=landmarks.coordinates.astype(np.float16))
            return Outcome(landmarks, warnings=tuple(warnings))
        except LandmarkerError:
            raise
        except (ValueError, RuntimeError, OSError, MemoryError) as error:
            if _lacks_memory(error):
                raise MemoryError(f"There is too little memory for {clip.clip_id}.") from error
            reason = first_line(error)
            return Outcome(reason=reason, warnings=tuple(warnings))


def _lacks_memory(error: BaseException | None) -> bool:
    """Whether an error, or what it comes from, says that memory, or a thread that needs some, cannot be had."""
    while error is not None:
        if isinstance(error, MemoryError) or getattr(error, "errno", None) in (errno.ENOMEM, errno.EAGAIN):
            return True
        error = error.__cause__
    return False


def _find_landmarks(clip: Clip, extractor: HolisticExtractor) -> Landmarks:
    if clip.is_whole:
        return extractor(clip.path)
    info = probe_video(clip.path)
    times: list[float] = []
    with closing(_range_of_frames(clip, extractor.frame_size, times)) as pictures:
        landmarks = extractor(pictures, fps=info.fps)
    # What a file says of its rate may be a wish, and the pictures may be smaller than the video's.
    fps = (len(times) - 1) / (times[-1] - times[0]) if len(times) > 1 and times[-1] > times[0] else info.fps
    return replace(landmarks, fps=fps, width=info.width, height=info.height)


def _range_of_frames(clip: Clip, frame_size: int, times: list[float]) -> Generator[np.ndarray, None, None]:
    """The frames that are kept, one at a time; their times are added to `times`."""
    index = -1
    with closing(read_frames(clip.path, frame_size)) as frames:
        for index, (frame_time, picture) in enumerate(frames):
            if index >= clip.begin:
                if frame_time is not None:
                    times.append(frame_time)
                yield picture
            if clip.end is not None and index + 1 >= clip.end:
                return
    if index < clip.begin:
        raise VideoError(f"{clip.path} has {index + 1} frames, but the clip begins with frame {clip.begin}.")
    if clip.end is not None:
        logger.warning("%s has %d frames, but the clip ends with frame %d.", clip.path, index + 1, clip.end)


@contextmanager
def _collected_warnings() -> Iterator[list[str]]:
    """Collects what the package logs, since nobody sees the log of a worker."""
    messages: list[str] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            messages.append(record.getMessage())

    package, collector = logging.getLogger("slr_hf"), Collector(logging.WARNING)
    package.addHandler(collector)
    propagate, package.propagate = package.propagate, False
    try:
        yield messages
    finally:
        package.removeHandler(collector)
        package.propagate = propagate


class _Worker:
    """A process that works on one clip at a time; if it dies, another takes its place, and only that clip is lost.

    A pool of one process each, since a pool is broken as a whole, and does not tell by which clip.
    """

    def __init__(self) -> None:
        self._pool: ProcessPoolExecutor | None = None
        self._processes: set[BaseProcess] = set()

    def prepare(self) -> "Future[None]":
        """Starts the process, without a clip yet."""
        self._pool = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))
        others = set(multiprocessing.active_children())
        # Ctrl-C reaches all processes of a terminal. The mask that a process inherits leaves it to this one.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            return self._pool.submit(_prepare)
        finally:
            self._processes = set(multiprocessing.active_children()) - others
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def start(self, clip: Clip, extractor: HolisticExtractor, time_limit: float | None) -> "Future[Outcome]":
        """Starts with a clip."""
        assert self._pool is not None
        return self._pool.submit(_extract_in_time, clip, extractor, time_limit)

    def end(self) -> None:
        """Ends the process at once, whatever it does."""
        for process in self._processes:
            process.kill()
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)


def run_local(
    clips: Sequence[Clip], extractor: HolisticExtractor, num_proc: int, time_limit: float | None
) -> Generator[tuple[Clip, Outcome], None, None]:
    """Works on clips in processes of this machine; gives each when it is done."""
    waiting = deque(clips)
    workers = [_Worker() for _ in range(min(num_proc, len(clips)))]
    # A worker without a clip is still being prepared.
    running: dict[Future[Any], tuple[_Worker, Clip | None, float]] = {}
    try:
        for worker in workers:
            running[worker.prepare()] = (worker, None, time.monotonic())
        while running:
            for task in wait(running, return_when=FIRST_COMPLETED).done:
                worker, clip, started = running.pop(task)
                outcome = None if clip is None else _outcome(task, time.monotonic() - started, time_limit)
                if clip is None:
                    _check_prepared(task)
                if waiting:
                    following: Clip | None = waiting[0]
                    try:
                        following_task: Future[Any] = worker.start(waiting[0], extractor, time_limit)
                        waiting.popleft()
                    except BrokenProcessPool:
                        worker.end()
                        following, following_task = None, worker.prepare()
                    running[following_task] = (worker, following, time.monotonic())
                if clip is not None and outcome is not None:
                    yield clip, outcome
    finally:
        for worker in workers:
            worker.end()


def _is_broken(task: "Future[Any]") -> bool:
    return isinstance(task.exception(), BrokenProcessPool)


def _check_prepared(task: "Future[None]") -> None:
    if _is_broken(task):
        raise RuntimeError("A process ended before it had begun with a clip. Its last words stand above.")
    task.result()


def _outcome(task: "Future[Outcome]", seconds: float, time_limit: float | None) -> Outcome:
    """The outcome of a clip, whatever became of its process."""
    if not _is_broken(task):
        return task.result()
    if time_limit is not None and seconds >= time_limit:
        return Outcome(reason=f"it took longer than {time_limit:g} seconds")
    return Outcome(reason="the process that worked on it died: a fault in a decoder, or too little memory")


def _prepare() -> None:
    """Makes a new process ready to extract."""
    import faulthandler

    import av  # noqa: F401
    import mediapipe.tasks.python.vision  # noqa: F401

    # If the main process is killed, nobody else ends this one.
    threading.Thread(target=_end_with_parent, daemon=True).start()
    # MediaPipe writes about ten lines a clip, none of which helps. A crash is still told.
    sys.stderr.flush()
    faulthandler.enable(os.fdopen(os.dup(2), "w"))
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 2)
    os.close(silence)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait_for_end([parent.sentinel])
        os._exit(1)


def _extract_in_time(clip: Clip, extractor: HolisticExtractor, time_limit: float | None) -> Outcome:
    """Does `extract_clip`; the process ends if that takes too long, even in a decoder, or more memory than there is."""
    if time_limit is not None:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, time_limit)
    try:
        return extract_clip(clip, extractor)
    except MemoryError:
        # Another process takes this one's place, and the next clip has all the memory again.
        os._exit(1)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def run_ray(
    clips: Sequence[Clip], extractor: HolisticExtractor, num_proc: int, time_limit: float | None
) -> Generator[tuple[Clip, Outcome], None, None]:
    """Works on clips in a Ray cluster; gives each when it is done."""
    # Ray reports usage to its makers unless it is told not to.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
        from ray.data import ActorPoolStrategy, DataContext
    except ImportError as error:
        raise ImportError('The engine "ray" needs Ray: pip install "ray[data]"') from error

    if not clips:
        return
    if not ray.is_initialized():
        ray.init(log_to_driver=False, include_dashboard=None if os.environ.get("RAY_ADDRESS") else False)
    context = DataContext.get_current()
    progress, context.enable_progress_bars = context.enable_progress_bars, False
    try:
        # One clip a block, so that each comes when it is done.
        rows = ray.data.from_items([{"clip": index} for index in range(len(clips))], override_num_blocks=len(clips))
        done = rows.map(
            _RayWorker,
            fn_constructor_args=(tuple(clips), extractor, time_limit),
            compute=ActorPoolStrategy(min_size=1, max_size=num_proc),
            num_cpus=1,
        )
        for row in done.iter_rows():
            yield clips[row["clip"]], _ray_outcome(row)
    finally:
        context.enable_progress_bars = progress


class _RayWorker:
    """What Ray runs: an actor with a process of its own, since Ray would try a clip that kills it for ever."""

    def __init__(self, clips: Sequence[Clip], extractor: HolisticExtractor, time_limit: float | None) -> None:
        self._clips, self._extractor, self._time_limit = clips, extractor, time_limit
        self._worker: _Worker | None = None

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        if self._worker is None:
            self._worker = _Worker()
            prepared = self._worker.prepare()
            _check_prepared(prepared)
        started = time.monotonic()
        task = self._worker.start(self._clips[row["clip"]], self._extractor, self._time_limit)
        wait([task])
        outcome = _outcome(task, time.monotonic() - started, self._time_limit)
        if _is_broken(task):
            self._worker.end()
            self._worker = None
        found = outcome.landmarks
        return {
            "clip": row["clip"],
            "reason": outcome.reason,
            "warnings": list(outcome.warnings),
            # Bytes, since Ray would make tensors of arrays.
            "coordinates": b"" if found is None else found.coordinates.tobytes(),
            "fps": math.nan if found is None or found.fps is None else found.fps,
            "width": 0 if found is None else found.width,
            "height": 0 if found is None else found.height,
        }


def _ray_outcome(row: dict[str, Any]) -> Outcome:
    warnings = tuple(row["warnings"])
    if row["reason"]:
        return Outcome(reason=row["reason"], warnings=warnings)
    coordinates = np.frombuffer(row["coordinates"], np.float16).reshape(-1, len(STORED_POINTS), 3)
    fps = None if math.isnan(row["fps"]) else row["fps"]
    return Outcome(Landmarks(coordinates, STORED_POINTS, fps, row["width"], row["height"]), warnings=warnings)


#: How clips are worked on: `(clips, extractor, num_proc, time_limit)` gives each clip and its outcome when it is done.
ENGINES: dict[Engine, Callable[..., Generator[tuple[Clip, Outcome], None, None]]] = {
    "local": run_local,
    "ray": run_ray,
}

__all__ = ["ENGINES", "Engine", "Outcome", "extract_clip", "run_local", "run_ray"]
