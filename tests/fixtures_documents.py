"""A reader's machine: the repository, and beside it the data that the documents name, in a small edition."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from fixtures_slovo import make_rows, slovo_json, write_annotation

from slr_hf.data.vocabularies import DEMO

#: Clips of each gloss and session in the small edition of each file, and the sessions that are kept. Those of WLASL
#: sign all that the demo model knows.
SMALL_ARRAYS: dict[str, tuple[int, tuple[str, ...] | None]] = {
    "ksl13": (4, ("1", "2", "4")),
    "asl33": (5, None),
    "asl11": (16, None),
    "asl12": (2, None),
    "lips3a": (2, None),
    "wlasl_hands": (1, ("10", "11", "12", "13", "38", "118")),
}

#: What the documents read of the repository. `space` is copied, since a command writes to it.
LINKED = ("docs", "model_card.md", "pyproject.toml", "scripts", "slr_hf")


def cut_arrays(source: Path, target: Path, clips: int, sessions: tuple[str, ...] | None) -> None:
    """Writes the first clips of each gloss and session of a file of landmark arrays; of WLASL, the demo's words."""
    with np.load(source, allow_pickle=False) as store:
        arrays = dict(store)
    groups = list(zip(arrays["session"].tolist(), arrays["label"].tolist(), strict=True))
    found: dict[tuple[str, str], int] = {}
    chosen = []
    for clip, (session, gloss) in enumerate(groups):
        if source.stem == "wlasl_hands" and gloss not in DEMO.glosses:
            continue
        found[session, gloss] = found.get((session, gloss), 0) + 1
        if found[session, gloss] <= clips and (sessions is None or session in sessions):
            chosen.append(clip)
    frames = [arrays["landmarks"][arrays["offsets"][clip] : arrays["offsets"][clip + 1]] for clip in chosen]
    kept = {name: arrays[name][chosen] for name in arrays if name not in ("landmarks", "offsets", "points")}
    offsets = np.cumsum([0, *map(len, frames)])
    np.savez(target, landmarks=np.concatenate(frames), offsets=offsets, points=arrays["points"], **kept)


def cut_video(source: Path, target: Path, begin: int, frames: int = 8) -> None:
    """Writes some frames of a video, 320 pixels wide."""
    import av

    target.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(source)) as video, av.open(str(target), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for number, frame in enumerate(video.decode(video=0)):
            if number >= begin + frames:
                break
            if number >= begin:
                picture = frame.reformat(320, 240, format="rgb24").to_ndarray()
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


def write_slovo(folder: Path) -> None:
    """Writes SLOVO's folder with 500 glosses and `no_event`, and the authors' landmarks beside it."""
    glosses = [*(f"слово {number:03}" for number in range(500)), "no_event"]
    # Eight clips of each gloss by 32 signers, each of whom shows a quarter of the glosses: signers can be held out.
    rows = [
        row
        for number, row in enumerate(make_rows(signers=32, glosses=glosses))
        if (number // 32 + number % 32 // 4) % 4 == 0
    ]
    (folder / "slovo").mkdir()
    write_annotation(folder / "slovo", rows)
    hand = np.random.default_rng(0).random((21, 3)).round(3)
    frames = slovo_json({"any": [[hand], [hand]]})["any"]
    clips = {row["attachment_id"]: frames for row in rows}
    (folder / "slovo_mediapipe.json").write_text(json.dumps(clips))


@pytest.fixture(scope="module")
def reader(
    repository: Path, data_dir: Path, landmarker_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Path]:
    """Gives the folder in which the reader of a document types its commands, the same one for all its blocks."""
    shared = tmp_path_factory.mktemp("shared")
    data = shared / "data"
    data.mkdir()
    for name, (clips, sessions) in SMALL_ARRAYS.items():
        cut_arrays(data_dir / f"{name}.npz", data / f"{name}.npz", clips, sessions)
    yo, hoy = data_dir / "videos/msl150_yo_001.mp4", data_dir / "videos/msl150_hoy_001.mp4"
    for place, source, begin in (
        ("videos/yo.mp4", yo, 20),
        ("videos/hoy.mp4", hoy, 20),
        *(
            (f"my_signs/{gloss}/{number}.mp4", source, 15 + 5 * number)
            for gloss, source in (("hello", hoy), ("thanks", yo))
            for number in (1, 2)
        ),
    ):
        cut_video(source, data / place, begin)
    write_slovo(data)
    machines: dict[str, Path] = {}

    def machine(document: str) -> Path:
        if document not in machines:
            root = machines[document] = tmp_path_factory.mktemp("reader") / "slr_hf"
            root.mkdir()
            (root.parent / "shared").mkdir()
            (root.parent / "shared/data").symlink_to(data)
            for name in LINKED:
                (root / name).symlink_to(repository / name)
            ignored = shutil.ignore_patterns("__pycache__", "browser")
            shutil.copytree(repository / "space", root / "space", ignore=ignored)
            for name in ("my_signs", "slovo"):
                shutil.copytree(data / name, root / name)
            os.link(data / "slovo_mediapipe.json", root / "slovo_mediapipe.json")
            os.link(data / "videos/yo.mp4", root / "clip.mp4")
            os.link(data / "videos/hoy.mp4", root / "another.mp4")
        return machines[document]

    return machine
