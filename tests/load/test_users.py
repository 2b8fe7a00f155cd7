"""Many visitors at once, some of whom mean harm.

SLR_USERS and SLR_SECONDS make it longer: `make soak-space` has 50 users for five minutes.
"""

import io
import json
import os
import random
import struct
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import limits
import psutil
import pytest
from answer import texts_of
from hostile_videos import HOSTILE_VIDEOS
from PIL import Image
from programs import Program
from serving import Served, workers

from slr_hf.model.extraction_slr import read_frames

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1800)]

USERS = int(os.environ.get("SLR_USERS", "6"))
SECONDS = float(os.environ.get("SLR_SECONDS", "15"))

#: Megabytes by which the page may grow while it answers, and for each visitor that Gradio remembers. A clip takes a
#: hundred in its own process.
GROWTH, GROWTH_BY_VISITOR = 60, 0.15


@pytest.fixture(scope="module")
def hostile_uploads(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The bytes of every hostile video, by its name."""
    folder, uploads = tmp_path_factory.mktemp("hostile"), {}
    for number, (name, video) in enumerate(HOSTILE_VIDEOS.items()):
        path = folder / f"{number}{video.suffix}"
        video.make(path)
        uploads[name] = path.read_bytes()
    return uploads


#: What the live tab is shown, and the text that it answers with where there is a place.
PICTURES = {"frame": "live_now", "169 million pixels": "too_large", "no picture": "live_failed"}


@pytest.fixture(scope="module")
def pictures(data_dir: Path) -> dict[str, bytes]:
    """What cameras, and who says to have one, show the live tab."""
    _, frame = next(read_frames(data_dir / "videos/msl150_hoy_001.mp4", 240))
    shown = {"frame": Image.fromarray(frame), "169 million pixels": Image.new("L", (13_000, 13_000))}
    files = {"no picture": b"Dear page"}
    for name, picture in shown.items():
        written = io.BytesIO()
        picture.save(written, "PNG")
        files[name] = written.getvalue()
    return files


def unlike_others(clip: bytes, seed: int) -> bytes:
    """The same clip as a file of its own: at its end stands a box that players skip."""
    return clip + struct.pack(">I4sQ", 16, b"free", seed)


def memory(served: Served) -> float:
    """Megabytes that the page itself holds."""
    return float(psutil.Process(served.process.pid).memory_info().rss) / 2**20


def is_true(condition: Callable[[], bool], seconds: float = 30) -> bool:
    """Whether a condition comes true in time."""
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.2)
    return condition()


def test_no_visitor_fails_another(
    served: Served,
    program: Program,
    clip: bytes,
    hostile_uploads: dict[str, bytes],
    pictures: dict[str, bytes],
    capsys: pytest.CaptureFixture[str],
) -> None:
    kind, expected = program.recognize(clip)
    assert kind == "complete"
    for name in ("letter.mp4", "clip.mp4"):  # what is loaded at the first request of a kind is no growth
        program.recognize(clip if name == "clip.mp4" else b"Dear page", name)
    faults: list[tuple[Any, ...]] = []
    held: list[float] = []
    program.show(pictures["frame"])
    before = memory(served)
    waited: dict[str, list[float]] = {"valid": [], "hostile": [], "camera": []}
    refusals: Counter[str] = Counter()
    messages = {texts_of("en")[key] for key in ("unreadable", "too_large", "too_long", "too_slow")}
    end = time.monotonic() + SECONDS

    def use(user: int) -> None:
        choice, page = random.Random(user), Program(served.address)
        while time.monotonic() < end:
            start = time.monotonic()
            turn = choice.random()
            if turn < 0.5:
                content = clip if choice.random() < 0.5 else unlike_others(clip, choice.getrandbits(64))
                kind, said = page.recognize(content)
                if kind != "complete" or said[0] != expected[0]:
                    faults.append(("valid", kind, said))
                waited["valid"].append(time.monotonic() - start)
            elif turn < 0.8:
                name = choice.choice(list(HOSTILE_VIDEOS))
                kind, said = page.recognize(hostile_uploads[name], f"clip{HOSTILE_VIDEOS[name].suffix}")
                if kind == "error":
                    refusals[name] += 1
                if kind == "complete" and not HOSTILE_VIDEOS[name].is_readable:
                    faults.append((name, kind, said))
                if kind == "error" and said["error"] not in messages:
                    faults.append((name, kind, said))
                waited["hostile"].append(time.monotonic() - start)
            else:
                shown = choice.choice(list(PICTURES))
                said = page.show(pictures[shown])
                if not any(texts_of("en")[key] in said for key in ("live_full", PICTURES[shown])):
                    faults.append((shown, said))
                waited["camera"].append(time.monotonic() - start)

    def watch() -> None:
        while time.monotonic() < end:
            held.append(memory(served))
            time.sleep(min(SECONDS / 10, 5))

    with ThreadPoolExecutor(USERS + 1) as pool:
        futures: list[Future[None]] = [pool.submit(use, user) for user in range(USERS)]
        pool.submit(watch).result()
        for future in futures:
            future.result()

    grown = memory(served) - before
    figures = {
        "users": USERS,
        "seconds": SECONDS,
        "answered": len(waited["valid"]),
        "hostile": len(waited["hostile"]),
        "pictures": len(waited["camera"]),
        "refused": sum(refusals.values()),
        "longest_wait_s": round(max(map(max, waited.values())), 1),
        "page_mb_before": round(before),
        "page_mb_growth": round(grown),
        "page_mb_over_time": [round(megabytes) for megabytes in held],
    }
    with capsys.disabled():
        sys.stdout.write(json.dumps(figures) + "\n")
    assert not faults, faults[:3]
    assert waited["valid"]
    assert waited["hostile"]
    assert waited["camera"]
    # A request waits for those before it, each of which has its own limit of time.
    assert max(map(max, waited.values())) < limits.LONGEST_ANSWER * (1 + USERS / limits.AT_A_TIME)
    assert grown < GROWTH + GROWTH_BY_VISITOR * min(sum(map(len, waited.values())), limits.SESSIONS)
    assert is_true(lambda: not [path for path in served.uploads.rglob("*") if path.is_file()]), "files are left behind"
    assert is_true(lambda: not workers(served)), "processes are left behind"
