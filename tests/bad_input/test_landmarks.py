"""Landmarks that cannot be: each is refused in one line that names what was found and what was expected."""

import io
import json
import warnings
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
from fixtures_arrays import make_arrays
from fixtures_slovo import shard_table
from hypothesis import given
from hypothesis import strategies as st

from slr_hf.data import load_extracted, load_landmark_arrays, open_dataset, to_landmarks
from slr_hf.data.landmark_arrays import LandmarkArrays
from slr_hf.model.landmarks_slr import NUM_LANDMARKS, Landmarks
from slr_hf.model.pipeline_slr import SignRecognitionPipeline
from slr_hf.model.processing_slr import KeypointProcessor


def coordinates(frames: int = 4, points: int = NUM_LANDMARKS, value: float = 0.5) -> np.ndarray:
    return np.full((frames, points, 3), value, np.float32)


def with_one(value: float) -> np.ndarray:
    made = coordinates()
    made[1, 2, 0] = value
    return made


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "two axes": ({"coordinates": np.zeros((4, 3), np.float32)}, r"must have the shape .* but have \(4, 3\)"),
    "two coordinates": ({"coordinates": np.zeros((4, 543, 2), np.float32)}, "must have the shape"),
    "no axis": ({"coordinates": np.float32(1)}, "must have the shape"),
    "integers": ({"coordinates": np.zeros((4, 543, 3), np.int64)}, "must be floating point numbers .* not int64"),
    "texts": ({"coordinates": np.full((4, 543, 3), "0.5")}, "must be floating point numbers"),
    "objects": ({"coordinates": np.full((4, 543, 3), None)}, "must be floating point numbers"),
    "complex numbers": ({"coordinates": np.zeros((4, 543, 3), complex)}, "must be floating point numbers"),
    "infinity": ({"coordinates": with_one(np.inf)}, "infinite values"),
    "minus infinity": ({"coordinates": with_one(-np.inf)}, "infinite values"),
    "pixels in the millions": ({"coordinates": with_one(1e6)}, "some over 65,504"),
    "too few points": ({"coordinates": coordinates(points=75)}, "have 75 columns, but `points` names 543"),
    "too many points": ({"coordinates": coordinates(points=553)}, "have 553 columns"),
    "a point twice": ({"coordinates": coordinates(points=2), "points": (1, 1)}, "must be distinct Holistic indices"),
    "a point that does not exist": ({"coordinates": coordinates(points=1), "points": (543,)}, "from 0 to 542"),
    "a negative point": ({"coordinates": coordinates(points=1), "points": (-1,)}, "from 0 to 542"),
    "no frame rate": ({"fps": 0}, "`fps` must be positive"),
    "a negative frame rate": ({"fps": -30}, "`fps` must be positive"),
    "a frame rate that is no number": ({"fps": float("nan")}, "`fps` must be positive"),
    "no width": ({"width": 0}, "`width` and `height` must be positive"),
    "a negative height": ({"height": -480}, "`width` and `height` must be positive"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_landmarks_that_cannot_be_are_refused(name: str) -> None:
    fields, message = REFUSED[name]
    with pytest.raises(ValueError, match=message) as refused:
        Landmarks(**{"coordinates": coordinates(), **fields})
    assert "\n" not in str(refused.value)


ODD: dict[str, Landmarks] = {
    "nothing detected": Landmarks(coordinates(value=np.nan), fps=30, width=640, height=480),
    "one frame": Landmarks(coordinates(1), fps=30, width=640, height=480),
    "all points in one place": Landmarks(coordinates(value=0), fps=30, width=640, height=480),
    "far outside the picture": Landmarks(coordinates(value=65504), fps=30, width=640, height=480),
    "no point that the model sees": Landmarks(coordinates(points=1), points=(1,), fps=30),
    "a frame a day": Landmarks(coordinates(), fps=1e-5, width=640, height=480),
    "a million frames a second": Landmarks(coordinates(), fps=1e6, width=640, height=480),
    "a picture of one pixel": Landmarks(coordinates(), fps=30, width=1, height=1),
    "a picture of extreme shape": Landmarks(coordinates(), fps=30, width=1, height=10**9),
    "half precision": Landmarks(coordinates().astype(np.float16), fps=30, width=640, height=480),
    "double precision": Landmarks(coordinates().astype(np.float64), fps=30, width=640, height=480),
    "an unknown rate": Landmarks(coordinates(), width=640, height=480),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_landmarks_get_a_finite_answer(name: str, recognizer: SignRecognitionPipeline) -> None:
    answer = recognizer(ODD[name], top_k=3)
    scores = [prediction["score"] for prediction in answer["predictions"]]
    assert np.isfinite([*scores, answer["confidence"]]).all()


def test_a_clip_without_frames_is_refused_or_answered_in_no_other_way(recognizer: SignRecognitionPipeline) -> None:
    with pytest.raises(ValueError, match="no frame"):
        recognizer(Landmarks(coordinates(0), fps=30, width=640, height=480))


# Files


def write(path: Path, **changes: Any) -> Path:
    np.savez(path, **make_arrays(**changes))
    return path


def header(shape: str, kind: str = "<f2") -> bytes:
    """An array of a file, of which only the header is there."""
    text = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    text += b" " * (-(len(text) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


def with_member(path: Path, name: str, content: bytes) -> Path:
    write(path, **{name: None})
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{name}.npy", content)
    return path


def bomb(path: Path) -> Path:
    """A file of half a megabyte that unpacks to 300 MB of zeros."""
    write(path, landmarks=None)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive, archive.open("landmarks.npy", "w") as member:
        member.write(header("(12500000, 4, 3)"))
        for _ in range(300):
            member.write(bytes(10**6))
    return path


def edge() -> np.ndarray:
    landmarks = np.full((6, 4, 3), 0.5, np.float16)
    landmarks[3, 0, 0] = np.inf
    return landmarks


FILES: dict[str, tuple[Callable[[Path], object], str]] = {
    "zero byte": (lambda path: path.write_bytes(b""), "no .npz file of plain arrays"),
    "text": (lambda path: path.write_text("landmarks"), "no .npz file of plain arrays"),
    "truncated": (lambda path: path.write_bytes(write(path).read_bytes()[:700]), "no .npz file of plain arrays"),
    "an empty archive": (lambda path: path.write_bytes(b"PK\x05\x06" + bytes(18)), "lacks .*'landmarks'"),
    "a pickle": (lambda path: write(path, label=np.array([1, "a", None], object)), "no .npz file of plain arrays"),
    "a pickle alone": (lambda path: path.write_bytes(b"\x80\x04N."), "no .npz file of plain arrays"),
    "no landmarks": (lambda path: write(path, landmarks=None), r"lacks \['landmarks'\]"),
    "no frames": (lambda path: write(path, landmarks=np.zeros((0, 4, 3), np.float16)), "`landmarks` must be floats"),
    "wrong shape": (lambda path: write(path, landmarks=np.zeros((6, 12), np.float16)), "`landmarks` must be floats"),
    "wrong type": (lambda path: write(path, landmarks=np.zeros((6, 4, 3), int)), "`landmarks` must be floats"),
    "infinite": (lambda path: write(path, landmarks=edge()), "Clip 'a-no-0' has infinite landmarks"),
    "pixels in the millions": (
        lambda path: write(path, landmarks=np.full((6, 4, 3), 1e6, np.float32)),
        "Clip 'a-yes-0' has infinite landmarks, or some over 65,504",
    ),
    "too many points": (lambda path: write(path, points=np.arange(5)), "`points` must name the 4 columns"),
    "offsets that fall": (lambda path: write(path, offsets=np.array([0, 5, 2, 6])), "Clip 'a-no-0' has no frames"),
    "offsets beyond the end": (lambda path: write(path, offsets=np.array([0, 2, 5, 9])), "`offsets` must run from 0"),
    "negative offsets": (lambda path: write(path, offsets=np.array([-1, 2, 5, 6])), "`offsets` must run from 0"),
    "fewer names than clips": (lambda path: write(path, clip_id=np.array(["a"])), "`clip_id` must be 3 strings"),
    "numbers as glosses": (lambda path: write(path, label=np.arange(3)), "`label` must be 3 strings"),
    "one gloss for all": (lambda path: write(path, label=np.array("yes")), "`label` must be 1 strings"),
    "a gloss of no characters": (
        lambda path: with_member(path, "label", header("(3,)", "<U1") + b"\xff\xff\xff\x7f" * 3),
        "`label` holds characters that do not exist",
    ),
    "text as an array": (lambda path: with_member(path, "label", b"yes no yes"), "'label' is none"),
    "a header of terabytes": (
        lambda path: with_member(path, "landmarks", header("(1000000000000, 4, 3)")),
        "no .npz file of plain arrays",
    ),
    "a header that is no header": (lambda path: with_member(path, "landmarks", header("(((")), "no .npz file"),
    "a bomb": (bomb, "bytes would unpack to 300,"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_landmarks_that_cannot_be_used_is_named(name: str, tmp_path: Path) -> None:
    make, message = FILES[name]
    path = tmp_path / "set.npz"
    make(path)
    with pytest.raises(ValueError, match=message) as refused:
        load_landmark_arrays(path)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


def extracted(folder: Path, parts: Any = ("part.parquet",), form: str = "slr_hf extracted landmarks") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "extraction.json").write_text(json.dumps({"form": form, "parts": parts}), encoding="utf-8")
    counts = pa.array([4, 4], pa.int32())
    parquet.write_table(shard_table(["a", "b"]).append_column("num_frames", counts), folder / "part.parquet")
    return folder


def with_shard(content: bytes) -> Callable[[Path], object]:
    return lambda folder: (folder / "part.parquet").write_bytes(content)


def cut_shard(folder: Path) -> None:
    with_shard((folder / "part.parquet").read_bytes()[:-20])(folder)


def blanked_shard(folder: Path) -> None:
    content = bytearray((folder / "part.parquet").read_bytes())
    content[4 : len(content) // 3] = b"\xff" * (len(content) // 3 - 4)
    with_shard(bytes(content))(folder)


def shard_of(table: pa.Table) -> Callable[[Path], object]:
    stream = io.BytesIO()
    parquet.write_table(table, stream)
    return with_shard(stream.getvalue())


#: What Arrow makes of a file whose name of a clip is damaged.
NO_TEXT = pa.array([b"a\xff"]).view(pa.string())

SHARDS: dict[str, tuple[Callable[[Path], object], str]] = {
    "zero byte": (with_shard(b""), "part.parquet is no Parquet file"),
    "text": (with_shard(b"clip_id,landmarks\n" * 10), "part.parquet is no Parquet file"),
    "truncated": (cut_shard, "part.parquet is no Parquet file"),
    "corrupt middle": (blanked_shard, "is damaged|no Parquet file"),
    "other columns": (shard_of(pa.table({"a": [1]})), "the column clip_id must be string, but is missing"),
    "landmarks as text": (
        shard_of(shard_table(["a"]).set_column(1, "landmarks", pa.array(["0.5"]))),
        "the column landmarks must be list",
    ),
    "a name of bytes that are no text": (
        shard_of(shard_table(["a"], clip_id=NO_TEXT, num_frames=pa.array([4], pa.int32()))),
        "the column clip_id holds bytes that are no text",
    ),
    "a part elsewhere": (lambda folder: extracted(folder, ["../part.parquet"]), "no file of its folder"),
    "a part with a number": (lambda folder: extracted(folder, [5]), "no file of its folder"),
    "a missing part": (lambda folder: extracted(folder, ["other.parquet"]), "lacks other.parquet"),
    "no part": (lambda folder: extracted(folder, []), "holds no clip"),
    "an unfinished extraction": (lambda folder: extracted(folder, None), "is not finished"),
    "another form": (lambda folder: extracted(folder, form="other"), "of another form"),
}


def test_the_shard_is_good_before_it_is_damaged(tmp_path: Path) -> None:
    dataset = load_extracted(extracted(tmp_path / "landmarks"))
    assert KeypointProcessor().prepare(to_landmarks(dataset[0]))["keypoints"].shape[0] == 4


@pytest.mark.parametrize("name", SHARDS)
def test_a_folder_of_landmarks_that_cannot_be_used_is_named(name: str, tmp_path: Path) -> None:
    damage, message = SHARDS[name]
    folder = extracted(tmp_path / "landmarks")
    damage(folder)
    with pytest.raises((ValueError, FileNotFoundError), match=message) as refused:
        load_extracted(folder)
    assert str(folder) in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("column", ["clip_id", "gloss"])
def test_a_published_dataset_whose_texts_are_none_is_named(column: str, tmp_path: Path) -> None:
    table = shard_table(["a"], **{"gloss": pa.array(["hello"]), column: NO_TEXT})
    parquet.write_table(table, tmp_path / "train-00000-of-00001.parquet")
    with pytest.raises(ValueError, match=f"the column {column} holds bytes that are no text") as refused:
        open_dataset(str(tmp_path))
    assert tmp_path.name in str(refused.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nowhere", "There is no file or folder nowhere"),
        ("nowhere.npz", r"There is no file nowhere\.npz"),
        ("../../nowhere/at/all", "There is no file or folder"),
        ("https://example.org/set.npz", "There is no file"),
        ("", "is no dataset|There is no|holds no"),
    ],
)
def test_a_dataset_that_is_not_there_is_named(
    name: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        open_dataset(name)


def test_an_unknown_gloss_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"`glosses` names \['maybe'\], but the files hold only"):
        load_landmark_arrays(write(tmp_path / "set.npz"), glosses=["maybe"])


@given(
    frames=st.integers(0, 5),
    shape=st.sampled_from([(4, 3), (4, 2), (4,), (0, 3), (5, 3)]),
    kind=st.sampled_from(["f2", "f4", "f8", "i4", "?", "U3", "c8"]),
    value=st.sampled_from([0.0, 0.5, -1e4, 1e30, float("nan"), float("inf")]),
    offsets=st.lists(st.integers(-2, 9), max_size=5),
    points=st.lists(st.integers(-1, 600), max_size=5),
)
def test_any_arrays_are_loaded_or_refused(
    frames: int,
    shape: tuple[int, ...],
    kind: str,
    value: float,
    offsets: list[int],
    points: list[int],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.npz"
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        landmarks = np.full((frames, *shape), value).astype(kind)
    write(path, landmarks=landmarks, offsets=np.array(offsets, int), points=np.array(points, int))
    with suppress(ValueError):
        clips = LandmarkArrays.read(path)
        assert clips.offsets[-1] == frames > 0
        assert np.isfinite(clips.landmarks[~np.isnan(clips.landmarks)]).all()
