"""Thousands of damaged files: each is read or refused in bounded time and memory, and nothing else happens.

Here a hundred of each kind are tried; `make soak-fuzz`, or SLR_MUTATIONS=10000, tries more. What fails is named by its
number and kept in outputs/fuzz.
"""

import io
import json
import logging
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
from fuzz import checks
from fuzz.mutations import mutate, mutate_json, mutate_members
from fuzz.workers import Check, Trial, try_mutations
from hostile_videos import noise, write_video
from isolation import Refused
from PIL import Image

from slr_hf.data.landmark_arrays import LandmarkArrays
from slr_hf.model.extraction_slr import VideoError, read_frames
from slr_hf.model.loading_slr import ModelError

logger = logging.getLogger(__name__)

MUTATIONS = int(os.environ.get("SLR_MUTATIONS", "100"))

#: Makes a file, of the folder of real data and that of a model, or in a folder of its own.
Make = Callable[[Path, Path, Path], bytes]
Mutate = Callable[[bytes, int], bytes]

#: Clips of the arrays and shards that are mutated.
CLIPS = 4

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300 if MUTATIONS <= 1000 else 0)]


def read_clips(data: Path) -> LandmarkArrays:
    arrays = LandmarkArrays.read(data / "asl11.npz")
    return arrays.select(np.arange(len(arrays.label)) < CLIPS)


def mp4(data: Path, model: Path, folder: Path) -> bytes:
    """A clip of SLOVO, as a phone has recorded it."""
    return (data / "slovo" / "no7a7812b1-ae64-4402-9ebc-5b947edbd021.mp4").read_bytes()


def webm(data: Path, model: Path, folder: Path) -> bytes:
    return write_video(folder / "clip.webm", noise(10), codec="libvpx-vp9").read_bytes()


def mpegts(data: Path, model: Path, folder: Path) -> bytes:
    return write_video(folder / "clip.ts", noise(10), codec="libx264").read_bytes()


def picture(form: str) -> Make:
    """A picture of a camera."""

    def make(data: Path, model: Path, folder: Path) -> bytes:
        _, frame = next(read_frames(data / "videos/msl150_hoy_001.mp4", 240))
        written = io.BytesIO()
        Image.fromarray(frame).save(written, form)
        return written.getvalue()

    return make


def npz(data: Path, model: Path, folder: Path) -> bytes:
    clips = vars(read_clips(data))
    np.savez_compressed(
        folder / "set.npz", **{name: array for name, array in clips.items() if isinstance(array, np.ndarray)}
    )
    return (folder / "set.npz").read_bytes()


def shard(data: Path, model: Path, folder: Path) -> bytes:
    clips = read_clips(data)
    lengths = np.diff(clips.offsets)
    columns = {
        "clip_id": pa.array(clips.clip_id.tolist()),
        "landmarks": pa.array([clip.reshape(-1) for clip in np.split(clips.landmarks, clips.offsets[1:-1])]),
        "points": pa.array([clips.points.astype(np.int16)] * CLIPS),
        "fps": pa.array([30.0] * CLIPS, pa.float32()),
        "width": pa.array([640] * CLIPS, pa.int32()),
        "height": pa.array([480] * CLIPS, pa.int32()),
        "num_frames": pa.array(lengths, pa.int32()),
    }
    parquet.write_table(pa.table(columns), folder / "part.parquet")
    return (folder / "part.parquet").read_bytes()


def table(data: Path, model: Path, folder: Path) -> bytes:
    rows = [f'{name},"videos/{name}.mp4",{begin},{begin + 30},Привет' for begin, name in enumerate("abcdef")]
    return "\n".join(["clip_id,path,begin,end,gloss", *rows]).encode()


def model_file(name: str) -> Make:
    """A file of a saved model, of which a copy is put beside it."""

    def make(data: Path, model: Path, folder: Path) -> bytes:
        shutil.copytree(model, folder / "model")
        return (model / name).read_bytes()

    return make


def fitted_processor(data: Path, model: Path, folder: Path) -> bytes:
    """The processor of a saved model, with what training showed, which the model of the tests does not know."""
    fields = json.loads(model_file("preprocessor_config.json")(data, model, folder))
    fitted = {"parts": ["left_hand", "right_hand", "pose"], "frames": [5, 40], "frame_rate": [15.0, 30.0]}
    return json.dumps({**fields, "fitted": fitted}).encode()


#: Of each kind: the file, what is done with it, and the errors that may come of it.
KINDS: dict[str, tuple[Make, Mutate, Check, tuple[type[Exception]]]] = {
    "mp4": (mp4, mutate, checks.decode_video, (VideoError,)),
    "webm": (webm, mutate, checks.decode_video, (VideoError,)),
    "mpegts": (mpegts, mutate, checks.decode_video, (VideoError,)),
    "jpeg": (picture("JPEG"), mutate, checks.decode_picture, (Refused,)),
    "png": (picture("PNG"), mutate, checks.decode_picture, (Refused,)),
    "webp": (picture("WEBP"), mutate, checks.decode_picture, (Refused,)),
    "npz": (npz, mutate, checks.load_arrays, (ValueError,)),
    "npz with right checksums": (npz, mutate_members, checks.load_arrays, (ValueError,)),
    "parquet": (shard, mutate, checks.load_parquet, (ValueError,)),
    "safetensors": (model_file("model.safetensors"), mutate, checks.load_weights, (ModelError,)),
    "configuration": (model_file("config.json"), mutate_json, checks.load_config, (ModelError,)),
    "processor": (fitted_processor, mutate_json, checks.load_processor, (ModelError,)),
    "csv": (table, mutate, checks.read_table, (ValueError,)),
}


@pytest.mark.parametrize("kind", KINDS)
def test_mutated_files_are_read_or_refused(
    kind: str, data_dir: Path, model_dir: Path, repository: Path, tmp_path: Path
) -> None:
    make, change, check, expected = KINDS[kind]
    original = make(data_dir, model_dir, tmp_path)
    tried = try_mutations(Trial(check, change, original, expected), range(MUTATIONS), tmp_path)
    logger.info(
        "%s: %s, faults %d, dead %d, at most %d MiB",
        kind,
        dict(tried.outcomes),
        len(tried.faults),
        tried.dead,
        tried.memory / 2**20,
    )
    kept = repository / "outputs" / "fuzz"
    for number in tried.faults:
        kept.mkdir(parents=True, exist_ok=True)
        (kept / f"{kind}-{number}").write_bytes(change(original, number))
    assert not tried.faults, f"The mutated files are kept in {kept}."
    assert tried.outcomes["refused"] > 0
