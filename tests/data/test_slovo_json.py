"""The landmark JSON of SLOVO's authors, read as a stream."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as parquet
import pytest
from fixtures_slovo import slovo_json, write_annotation
from hypothesis import given
from hypothesis import strategies as st

import slr_hf.data.slovo_json
from slr_hf.data import convert_slovo_json, load_slovo, prepare_dataset, read_slovo_json, to_landmarks
from slr_hf.data.slovo_json import HAND_POINTS, SlovoConversion, SlovoJsonError
from slr_hf.model.processing_slr import KeypointProcessor

#: Two hands, that of the signer's left at the right of the picture.
LEFT = np.random.default_rng(0).uniform(0.6, 0.9, (21, 3)).astype(np.float16)
RIGHT = np.random.default_rng(1).uniform(0.1, 0.4, (21, 3)).astype(np.float16)

CLIPS = {"first": [[], [RIGHT, LEFT], [LEFT, RIGHT]], "no-second": [[[], []]]}

WriteJson = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> WriteJson:
    """Writes content as JSON, texts and bytes as they are."""

    def run(content: Any) -> Path:
        path = tmp_path / "landmarks.json"
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return path

    return run


def test_each_clip_comes_with_left_and_right_hand(write: WriteJson) -> None:
    first, second = read_slovo_json(write(slovo_json(CLIPS)))
    assert (first[0], second[0]) == ("first", "no-second")
    assert first[1].dtype == np.float16
    assert np.isnan(first[1][0]).all()
    np.testing.assert_array_equal(first[1][1:], [[LEFT, RIGHT]] * 2)
    assert np.isnan(second[1]).all()
    assert second[1].shape == (1, 2, 21, 3)


@pytest.mark.parametrize("frame", ['{"hand 1": [], "hand 2": []}', "{}", '{"hand 2": []}', '{"hand 1": null}'])
def test_a_frame_without_hands_may_be_written_in_several_ways(write: WriteJson, frame: str) -> None:
    ((_, hands),) = read_slovo_json(write(f'{{"clip": [{frame}]}}'))
    assert hands.shape == (1, 2, 21, 3)
    assert np.isnan(hands).all()


def test_order_of_axes_further_values_and_whole_numbers_do_not_matter(write: WriteJson) -> None:
    point = {"z": 0, "visibility": 0.5, "y": 1, "x": 0.25}
    ((_, hands),) = read_slovo_json(write({"clip": [{"hand 1": [point] * 21}]}))
    seen = hands[~np.isnan(hands)].reshape(-1, 3)
    np.testing.assert_array_equal(seen, [[0.25, 1, 0]] * 21)


def test_a_byte_order_mark_is_left_out(write: WriteJson) -> None:
    assert len(list(read_slovo_json(write(b"\xef\xbb\xbf" + json.dumps(slovo_json(CLIPS)).encode())))) == 2


def test_a_file_without_clips_has_none(write: WriteJson) -> None:
    assert list(read_slovo_json(write("{}"))) == []


def test_progress_tells_every_byte(write: WriteJson) -> None:
    path, told = write(slovo_json(CLIPS)), []
    list(read_slovo_json(path, told.append))
    assert sum(told) == path.stat().st_size


def hand_with(text: str) -> str:
    """A clip whose last frame has a hand with one point in JSON."""
    points = ", ".join(['{"x": 0.5, "y": 0.5, "z": 0}'] * 20 + [text])
    return f'{{"good": [], "bad": [{{}}, {{"hand 1": [{points}]}}]}}'


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", ": no JSON before byte 0"),
        ("[]", ": found list, expected an object that maps clips to their frames"),
        ("5", ": found number, expected an object"),
        ("{} {}", ": no JSON before byte 5"),
        ('{"clip": [{}]', ": no JSON before byte 13|clip 'clip': no JSON"),
        ('{"clip": {}}', ", clip 'clip': found object, expected a list of frames"),
        ('{"clip": [[]]}', ", clip 'clip', frame 0: found list, expected an object with"),
        ('{"clip": [{}, 7]}', ", clip 'clip', frame 1: found number, expected an object with"),
        ('{"clip": [{"hand 3": []}]}', ", clip 'clip', frame 0: found 'hand 3', expected one of"),
        ('{"clip": [{"hand 1": {}}]}', ", clip 'clip', frame 0, hand 1: found object, expected a list of points"),
        ('{"clip": [{"hand 2": [[]]}]}', ", hand 2: found list, expected a point with x, y and z"),
        (hand_with('{"x": 0.5, "y": 0.5}'), ", clip 'bad', frame 1, hand 1: point 20 lacks x, y or z"),
        (hand_with('{"x": 0.5, "y": 0.5, "z": "0"}'), ", hand 1: found string, expected a number as 'z'"),
        (hand_with('{"x": 0.5, "y": 0.5, "z": null}'), ", hand 1: found null, expected a number as 'z'"),
        (hand_with('{"x": NaN, "y": 0.5, "z": 0}'), ", clip 'bad', frame 1, hand 1: no JSON before byte"),
        (hand_with('{"x": 1e9, "y": 0.5, "z": 0}'), ", clip 'bad': a coordinate is no fraction of the frame"),
        (hand_with('{"x": 1e300, "y": 0.5, "z": 0}'), "a coordinate is no fraction|no JSON"),
        (hand_with('{"x": 1' + "0" * 400 + ', "y": 0.5, "z": 0}'), "clip 'bad'"),
        ('{"clip": [{"hand 1": [{"x": 0, "y": 0, "z": 0}]}]}', "a hand has 21 points, but here are only 1"),
        (
            '{"clip": [{"hand 1": [' + ", ".join(['{"x": 0, "y": 0, "z": 0}'] * 22) + "]}]}",
            "a hand has 21 points, but here are more than 21",
        ),
        ('{"clip": [], "clip": []}', ", clip 'clip': the clip stands there twice"),
        ('{"../clip": []}', "clip '../clip': the clip's name is no plain name"),
        ('{"": []}', ": the clip's name is no plain name"),
        (b'{"\xff": []}', "no JSON"),
        (b"PAR1", "no JSON"),
    ],
)
def test_a_malformed_file_is_refused_with_the_place(
    write: WriteJson, tmp_path: Path, content: str | bytes, message: str
) -> None:
    with pytest.raises(SlovoJsonError, match=rf"landmarks\.json.*({message})"):
        convert_slovo_json(write(content), tmp_path / "shards")
    assert not (tmp_path / "shards").exists()


@given(st.data())
def test_a_file_cut_off_anywhere_is_refused(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    content = json.dumps(slovo_json(CLIPS)).encode()
    path = tmp_path_factory.getbasetemp() / "cut.json"
    path.write_bytes(content[: data.draw(st.integers(0, len(content) - 1))])
    with pytest.raises(SlovoJsonError, match="no JSON before byte"):
        list(read_slovo_json(path))


def test_a_clip_of_endless_frames_is_refused(write: WriteJson, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slr_hf.data.slovo_json, "MOST_FRAMES", 3)
    assert len(list(read_slovo_json(write('{"clip": [{}, {}, {}]}')))) == 1
    with pytest.raises(SlovoJsonError, match="clip 'clip', frame 3: the clip has more than 3 frames"):
        list(read_slovo_json(write('{"clip": [{}, {}, {}, {}]}')))


def test_shards_hold_the_clips_in_order(write: WriteJson, tmp_path: Path) -> None:
    made = convert_slovo_json(write(slovo_json({**CLIPS, "empty": []})), tmp_path / "shards")
    assert made == SlovoConversion(clips=2, frames=4, shards=1, empty=("empty",))
    assert [path.name for path in (tmp_path / "shards").iterdir()] == ["part-00000.parquet"]
    first, second = parquet.read_table(tmp_path / "shards").to_pylist()
    assert (first["clip_id"], second["clip_id"]) == ("first", "no-second")
    assert (first["num_frames"], first["fps"], first["width"], first["height"]) == (3, None, None, None)
    assert first["points"] == second["points"] == list(HAND_POINTS) == [*range(468, 489), *range(522, 543)]
    landmarks = np.array(first["landmarks"]).reshape(3, 42, 3)
    np.testing.assert_array_equal(landmarks[1], np.concatenate([LEFT, RIGHT]))


@pytest.mark.parametrize("bound", [{"CLIPS_A_SHARD": 2}, {"NUMBERS_A_SHARD": 2 * 126}])
def test_shards_are_of_bounded_size(
    write: WriteJson, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bound: dict[str, int]
) -> None:
    for name, value in bound.items():
        monkeypatch.setattr(slr_hf.data.slovo_json, name, value)
    clips = {f"clip{number}": [[LEFT]] for number in range(5)}
    assert convert_slovo_json(write(slovo_json(clips)), tmp_path / "shards").shards == 3
    shards = sorted((tmp_path / "shards").iterdir())
    assert [parquet.read_table(shard)["clip_id"].to_pylist() for shard in shards] == [
        ["clip0", "clip1"],
        ["clip2", "clip3"],
        ["clip4"],
    ]


def test_shards_of_another_conversion_are_not_overwritten(write: WriteJson, tmp_path: Path) -> None:
    source = write(slovo_json(CLIPS))
    convert_slovo_json(source, tmp_path / "shards")
    with pytest.raises(FileExistsError, match="shards holds something already"):
        convert_slovo_json(source, tmp_path / "shards")
    with pytest.raises(FileExistsError, match=re.escape(f"{source} holds something already, or is a file")):
        convert_slovo_json(source, source)


def test_what_a_killed_conversion_has_left_does_not_matter(write: WriteJson, tmp_path: Path) -> None:
    (tmp_path / ".shards.unfinished").mkdir()
    (tmp_path / ".shards.unfinished/part-00007.parquet").write_bytes(b"half")
    source = write(slovo_json(CLIPS))
    convert_slovo_json(source, tmp_path / "shards")
    assert [path.name for path in (tmp_path / "shards").iterdir()] == ["part-00000.parquet"]
    assert set(tmp_path.iterdir()) == {source, tmp_path / "shards"}


def test_a_folder_of_something_else_is_left_alone(write: WriteJson, tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes/mine.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="notes holds something already"):
        convert_slovo_json(write(slovo_json(CLIPS)), tmp_path / "notes")
    assert (tmp_path / "notes/mine.txt").read_text() == "mine"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no file .*nowhere\.json"):
        convert_slovo_json(tmp_path / "nowhere.json", tmp_path / "shards")
    assert not (tmp_path / "shards").exists()


def test_shards_can_be_loaded_and_prepared(write: WriteJson, tmp_path: Path) -> None:
    rows = [
        dict(zip(("attachment_id", "text", "user_id", "height", "width", "length", "train"), values, strict=True))
        for values in (
            ("first", "да", "user0", "1920", "1080", "3.0", "True"),
            ("no-second", "no_event", "user1", "720", "1280", "1.0", "False"),
        )
    ]
    write_annotation(tmp_path, rows)
    convert_slovo_json(write(slovo_json(CLIPS)), tmp_path / "landmarks")
    train = load_slovo(tmp_path, num_glosses=1, cache_dir=tmp_path / "cache")["train"]
    clip = to_landmarks(train[0])
    assert (clip.fps, clip.width, clip.height) == (None, 1080, 1920)
    prepared = prepare_dataset(train, KeypointProcessor())[0]
    # Lips and pose are missing; the frame without hands is dropped.
    assert prepared["part_mask"].reshape(-1, 4).tolist() == [[False, True, True, False]] * 2


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    clip = json.dumps(slovo_json({"x": [[LEFT, RIGHT]] * 50})["x"])
    path = tmp_path / "large.json"
    with path.open("w") as file:
        file.write("{" + ", ".join(f'"clip{number}": {clip}' for number in range(60)))
        # A clip of five minutes.
        file.write(f', "long": {json.dumps(slovo_json({"x": [[LEFT, RIGHT]] * 9000})["x"])}}}')
    code = (
        "import resource, sys, slr_hf.data as data\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "before = peak()\n"
        "data.convert_slovo_json(sys.argv[1], sys.argv[2])\n"
        "print((peak() - before) / 1024)"
    )
    command = [sys.executable, "-c", code, str(path), str(tmp_path / "shards")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert float(done.stdout) < 150
