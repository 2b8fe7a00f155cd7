"""SLOVO as datasets: the annotation, the splits and the landmarks."""

import hashlib
import logging
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
from datasets import DatasetDict
from fixtures_slovo import make_rows, shard_table, write_annotation
from hypothesis import given
from hypothesis import strategies as st

from slr_hf.data import (
    KeypointCollator,
    hold_out_signers,
    load_slovo,
    prepare_dataset,
    read_annotation_file,
    read_column,
    read_slovo_annotations,
    slovo_glosses,
    split,
    to_landmarks,
)
from slr_hf.data.slovo_annotations import SlovoClip
from slr_hf.model.processing_slr import KeypointProcessor

MakeSlovo = Callable[..., Path]


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., DatasetDict]:
    """Loads all glosses of a SLOVO folder with a cache of its own."""

    def run(root: Path, **arguments: Any) -> DatasetDict:
        return load_slovo(root, **{"num_glosses": None, "cache_dir": tmp_path / "cache", **arguments})

    return run


def make_clip(number: int, gloss: str = "да", signer: str = "user0") -> SlovoClip:
    return SlovoClip(f"clip{number}", gloss, signer, 1080, 1920, 50, True, None, None, number + 2)


class TestAnnotation:
    def test_each_line_becomes_a_clip(self, tmp_path: Path) -> None:
        write_annotation(tmp_path, [{**row, "begin": "3", "end": "7.0"} for row in make_rows(signers=1)])
        clip = read_annotation_file(tmp_path)[1]
        assert clip == SlovoClip("clip1-0", "да", "user0", 1080, 1920, 4, True, 3, 7, 3)

    @pytest.mark.parametrize("separator", ["\t", ","])
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
    @pytest.mark.parametrize("ending", ["\n", "\r\n"])
    def test_separator_byte_order_mark_and_line_ends_do_not_matter(
        self, tmp_path: Path, separator: str, encoding: str, ending: str
    ) -> None:
        write_annotation(tmp_path, make_rows(), separator, encoding, ending)
        assert [clip.gloss for clip in read_annotation_file(tmp_path)[::8]] == ["нет", "да", "дом", "no_event"]

    def test_a_gloss_with_a_comma_is_quoted_between_commas(self, tmp_path: Path) -> None:
        write_annotation(tmp_path, [make_rows()[0] | {"text": '"нежный, мягкий"'}], ",")
        assert read_annotation_file(tmp_path)[0].gloss == "нежный, мягкий"

    def test_columns_in_another_order_and_further_ones_do_not_matter(self, tmp_path: Path) -> None:
        write_annotation(tmp_path, [dict(reversed(row.items())) | {"note": ""} for row in make_rows()])
        assert read_annotation_file(tmp_path)[0].clip_id == "clip0-0"

    @pytest.mark.parametrize("name", ["no_event", "---"])
    def test_the_empty_gloss_has_one_name(self, tmp_path: Path, name: str) -> None:
        write_annotation(tmp_path, [make_rows()[0] | {"text": name}])
        assert read_annotation_file(tmp_path)[0].gloss == "no_event"

    def test_frames_of_the_sign_may_be_unknown(self, tmp_path: Path) -> None:
        write_annotation(tmp_path, [make_rows()[0] | {"begin": "", "end": ""}])
        assert read_annotation_file(tmp_path)[0].begin is None

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"height": "tall"}, "line 3, column height: it must be a whole number of at least 1, but is 'tall'"),
            ({"height": "0"}, "line 3, column height: .* at least 1, but is '0'"),
            ({"width": "nan"}, "line 3, column width: .* 'nan'"),
            ({"width": "1e99"}, "line 3, column width: .* '1e99'"),
            ({"length": "12.5"}, r"line 3, column length: .* '12\.5'"),
            ({"length": ""}, "line 3, column length: it is empty"),
            ({"text": " "}, "line 3, column text: it is empty"),
            ({"train": "maybe"}, "line 3, column train: it must be True or False, but is 'maybe'"),
            (
                {"attachment_id": "../../etc/passwd"},
                "line 3, column attachment_id: '../../etc/passwd' is no plain name",
            ),
            ({"attachment_id": ".."}, r"line 3, column attachment_id: '\.\.' is no plain name"),
            ({"attachment_id": "C:\\clip"}, "line 3, column attachment_id: .* no plain name"),
            ({"attachment_id": "clip\0"}, "line 3, column attachment_id: .* no plain name"),
            ({"attachment_id": "a" * 201}, "line 3, column attachment_id: .* no plain name"),
            ({"user_id": "a/b"}, "line 3, column user_id: 'a/b' is no plain name"),
            ({"attachment_id": "clip0-0"}, "line 3, column attachment_id: 'clip0-0' stands in line 2 too"),
            ({"train": "True\tTrue"}, "line 3, column train: the line has 8 fields, but the header 7"),
        ],
    )
    def test_a_field_that_cannot_be_used_is_named(self, tmp_path: Path, changes: dict[str, str], message: str) -> None:
        rows = make_rows()
        write_annotation(tmp_path, [rows[0], rows[1] | changes, rows[2]])
        with pytest.raises(ValueError, match=rf"annotations\.csv, {message}"):
            read_annotation_file(tmp_path)

    def test_a_sign_ends_after_it_begins(self, tmp_path: Path) -> None:
        write_annotation(tmp_path, [make_rows()[0] | {"begin": "7", "end": "7"}])
        with pytest.raises(ValueError, match="line 2, column end: it must be more than begin, but they are 7 and 7"):
            read_annotation_file(tmp_path)

    @pytest.mark.parametrize("column", ["attachment_id", "text", "user_id", "height", "width", "length", "train"])
    def test_a_missing_column_is_named(self, tmp_path: Path, column: str) -> None:
        write_annotation(
            tmp_path, [{name: text for name, text in row.items() if name != column} for row in make_rows()]
        )
        with pytest.raises(ValueError, match=rf"annotations\.csv, line 1: the column {column} is missing"):
            read_annotation_file(tmp_path)

    def test_other_separators_are_refused_with_those_expected(self, tmp_path: Path) -> None:
        write_annotation(tmp_path, make_rows(), ";")
        with pytest.raises(ValueError, match=r"line 1: the column attachment_id is missing.*tabs or commas"):
            read_annotation_file(tmp_path)

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (b"", "line 1: the column attachment_id is missing"),
            ("attachment_id\tтекст".encode("cp1251"), "no text in UTF-8"),
            (b"attachment_id\ttext\tuser_id\theight\twidth\tlength\ttrain\ttrain\n", "the column train stands there"),
            (b"attachment_id\ttext\tuser_id\theight\twidth\tlength\ttrain\n", "names no clip"),
            (b'attachment_id\ttext\tuser_id\theight\twidth\tlength\ttrain\n"a\tb\n', "unexpected end of data"),
            (b"attachment_id\ttext\tuser_id\theight\twidth\tlength\ttrain\na\tb\n", "column user_id: .* 2 fields"),
        ],
    )
    def test_a_file_of_another_form_is_refused(self, tmp_path: Path, content: bytes, message: str) -> None:
        (tmp_path / "annotations.csv").write_bytes(content)
        with pytest.raises(ValueError, match=rf"annotations\.csv.*{message}"):
            read_annotation_file(tmp_path)

    def test_a_folder_without_annotation_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError, match=r"no file .*annotations\.csv"):
            read_annotation_file(tmp_path)


class TestGlosses:
    def test_they_are_sorted_with_the_empty_one_last(self) -> None:
        clips = [make_clip(number, gloss) for number, gloss in enumerate(["яма", "no_event", "Да", "да", "zoo"])]
        assert slovo_glosses(clips) == ["zoo", "Да", "да", "яма", "no_event"]
        assert slovo_glosses(clips[::-1], 2) == ["zoo", "Да", "no_event"]

    @pytest.mark.parametrize("number", [0, -1, 2])
    def test_more_than_there_are_cannot_be_kept(self, number: int) -> None:
        with pytest.raises(ValueError, match=f"`num_glosses` must be from 1 to the 1 of .*, but is {number}"):
            slovo_glosses([make_clip(0)], number)

    @pytest.mark.integration
    def test_the_label_space_of_the_real_file_stays_as_it_is(self, data_dir: Path) -> None:
        clips = read_annotation_file(data_dir / "slovo")
        thousand, half = slovo_glosses(clips, 1000), slovo_glosses(clips, 500)
        assert (len(thousand), len(half)) == (1001, 501)
        assert half[:500] == thousand[:500]
        assert thousand[-1] == half[-1] == "no_event"
        # Models that are trained on them depend on it.
        assert hashlib.sha256("\n".join(thousand).encode()).hexdigest()[:16] == "74706514238ff295"
        assert (thousand[0], half[499]) == ("2 часа", "модный")


class TestVideos:
    def test_they_are_found_where_they_are_shipped(self, tmp_path: Path) -> None:
        write_annotation(tmp_path, make_rows(signers=4, glosses=["да"]))
        for folder, name in (("train", "clip0-0"), ("test", "clip0-3"), ("train", "clip0-1"), (".", "clip0-2")):
            (tmp_path / folder).mkdir(exist_ok=True)
            (tmp_path / folder / f"{name}.mp4").write_bytes(b"video")
        dataset = read_slovo_annotations(tmp_path)
        assert dataset["path"][:] == [
            *(str(tmp_path / f"train/clip0-{signer}.mp4") for signer in (0, 1)),
            str(tmp_path / "clip0-2.mp4"),
            str(tmp_path / "test/clip0-3.mp4"),
        ]
        assert dataset[3] == {
            "clip_id": "clip0-3",
            "path": str(tmp_path / "test/clip0-3.mp4"),
            "gloss": "да",
            "signer": "user3",
            "begin": None,
            "end": None,
            "width": 1080,
            "height": 1920,
            "num_frames": 4,
            "is_training": False,
        }

    def test_all_that_are_missing_or_empty_are_named_at_once(self, tmp_path: Path) -> None:
        write_annotation(tmp_path, make_rows(signers=3, glosses=["да"]))
        (tmp_path / "clip0-0.mp4").write_bytes(b"video")
        (tmp_path / "clip0-1.mp4").touch()
        with pytest.raises(
            ValueError, match=r"2 of 3 clips have no usable video in .*\n.*clip0-1.* empty\n.*clip0-2: no"
        ):
            read_slovo_annotations(tmp_path)

    def test_they_can_be_left_out(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        write_annotation(tmp_path, make_rows(signers=3, glosses=["да"]))
        (tmp_path / "clip0-0.mp4").write_bytes(b"video")
        with caplog.at_level(logging.WARNING):
            assert read_slovo_annotations(tmp_path, missing="skip")["clip_id"][:] == ["clip0-0"]
        assert len(caplog.records) == 1
        assert "clip0-1" in caplog.text
        assert "clip0-2" in caplog.text

    @pytest.mark.integration
    def test_the_real_ones_are_found(self, data_dir: Path) -> None:
        dataset = read_slovo_annotations(data_dir / "slovo", missing="skip")
        assert sorted(dataset["gloss"]) == ["no_event", "no_event", "Привет"]


class TestSigners:
    def test_no_signer_is_held_out_who_alone_shows_a_gloss(self) -> None:
        clips = [make_clip(number, signer=f"user{number % 10}") for number in range(100)]
        clips.append(make_clip(100, "редкий", "user0"))
        signers = hold_out_signers(clips)
        assert len(signers) == 2
        assert "user0" not in signers

    @given(st.permutations(range(40)))
    def test_the_order_of_the_clips_does_not_matter(self, order: list[int]) -> None:
        clips = [make_clip(n, f"gloss{n % 4}", f"user{n % 7 if n < 30 else n}") for n in range(40)]
        assert hold_out_signers([clips[place] for place in order]) == hold_out_signers(clips)

    @pytest.mark.parametrize("fraction", [0, 1, -0.1, 1.5])
    def test_the_fraction_is_a_share(self, fraction: float) -> None:
        with pytest.raises(ValueError, match=f"above 0 and below 1, but is {fraction}"):
            hold_out_signers([make_clip(0)], fraction)

    def test_one_signer_cannot_be_split(self) -> None:
        with pytest.raises(ValueError, match="The 1 signers cannot be split so that some show 20% of the 9 clips"):
            hold_out_signers([make_clip(number) for number in range(9)])

    @pytest.mark.integration
    def test_they_show_a_fifth_of_each_gloss_of_the_real_file(self, data_dir: Path) -> None:
        clips = read_annotation_file(data_dir / "slovo")
        signers = hold_out_signers(clips)
        held_out = [clip for clip in clips if clip.signer in signers]
        assert len(signers) == 49
        assert len(held_out) / len(clips) == pytest.approx(0.2, abs=0.005)
        # No signer makes up more than a quarter, every gloss is trained on, and hardly one is not tested.
        assert max(Counter(clip.signer for clip in held_out).values()) <= len(held_out) / 4
        assert len({clip.gloss for clip in clips if clip.signer not in signers}) == 1001
        assert len({clip.gloss for clip in held_out}) == 999
        # Figures of others can be compared only on the same signers.
        assert hashlib.sha256("\n".join(sorted(signers)).encode()).hexdigest()[:16] == "32ece15081b6d858"


class TestLoading:
    def test_clips_come_with_their_landmarks_in_the_order_of_the_annotation(
        self, slovo: MakeSlovo, load: Callable[..., DatasetDict]
    ) -> None:
        splits = load(slovo())
        names = [row["attachment_id"] for row in make_rows()]
        assert read_column(splits["train"], "clip_id").tolist() == [name for name in names if name[-1] not in "37"]
        assert read_column(splits["test"], "clip_id").tolist() == [name for name in names if name[-1] in "37"]
        # As `shard_table` and `slovo` place them: the first half in order, the second in reverse.
        place = {name: index if index < 16 else 31 - index for index, name in enumerate(names)}
        for clips in splits.values():
            assert [row["landmarks"][0] for row in clips] == [place[row["clip_id"]] for row in clips]

    def test_a_row_tells_what_the_annotation_and_the_shards_know(
        self, slovo: MakeSlovo, load: Callable[..., DatasetDict]
    ) -> None:
        clips = load(slovo())["train"]
        row = clips[6]
        assert row["clip_id"] == "clip1-0"
        assert clips.features["label"].names == ["да", "дом", "нет", "no_event"]
        assert clips.features["label"].int2str(int(row["label"])) == "да"
        assert (row["source"], row["session"], row["signer"]) == ("slovo", "slovo-user0", "user0")
        assert (row["num_frames"], row["fps"], row["width"], row["height"]) == (4, 30, 360, 640)
        assert to_landmarks(row).coordinates.shape == (4, 3, 3)

    def test_frame_sizes_that_the_shards_lack_come_from_the_annotation(
        self, slovo: MakeSlovo, load: Callable[..., DatasetDict]
    ) -> None:
        nothing = {name: pa.nulls(16, kind) for name, kind in (("fps", pa.float32()), ("width", pa.int32()))}
        clip = to_landmarks(load(slovo(**nothing))["train"][0])
        assert (clip.fps, clip.width, clip.height) == (None, 1080, 640)

    def test_the_way_to_batches_is_the_same_as_for_landmark_arrays(
        self, slovo: MakeSlovo, load: Callable[..., DatasetDict]
    ) -> None:
        splits = load(slovo(), split="signers")
        inner = split(splits["train"], validation_session="slovo-user2")
        processor = KeypointProcessor()
        prepared = prepare_dataset(inner["validation"], processor)
        batch = KeypointCollator(processor)([prepared[0], prepared[1]])
        assert batch["labels"].tolist() == read_column(inner["validation"], "label")[:2].tolist()
        assert batch["keypoints"].shape == (2, 4, 87, 3)

    def test_few_glosses_have_the_class_indices_of_many(
        self, slovo: MakeSlovo, load: Callable[..., DatasetDict]
    ) -> None:
        root = slovo()
        few, many = load(root, num_glosses=2)["train"], load(root, num_glosses=3)["train"]
        assert few.features["label"].names == ["да", "дом", "no_event"]
        labels = dict(zip(read_column(many, "clip_id"), read_column(many, "label"), strict=True))
        for clip_id, label in zip(read_column(few, "clip_id"), read_column(few, "label"), strict=True):
            assert label == labels[clip_id] or clip_id.startswith("clip3")

    def test_signers_stand_on_one_side_only(self, slovo: MakeSlovo, load: Callable[..., DatasetDict]) -> None:
        root = slovo(make_rows(signers=20))
        splits = load(root, split="signers", validation_fraction=0.25)
        sides = {name: set(read_column(clips, "signer").tolist()) for name, clips in splits.items()}
        assert sum(len(signers) for signers in sides.values()) == len(set().union(*sides.values())) == 20
        assert {name: len(clips) for name, clips in splits.items()} == {"train": 48, "validation": 16, "test": 16}
        # Of fewer glosses the test signers are the same.
        few = load(root, split="signers", num_glosses=1)
        assert set(read_column(few["test"], "signer").tolist()) == sides["test"]

    def test_clips_may_be_named_with_their_folder(self, slovo: MakeSlovo, load: Callable[..., DatasetDict]) -> None:
        root = slovo()
        for shard in (root / "landmarks").iterdir():
            table = parquet.read_table(shard)
            names = [f"train/{name}" for name in table["clip_id"].to_pylist()]
            parquet.write_table(table.set_column(0, "clip_id", pa.array(names)), shard)
        assert load(root)["train"][0]["clip_id"] == "clip0-0"

    def test_shards_may_hold_more_clips_and_columns(self, slovo: MakeSlovo, load: Callable[..., DatasetDict]) -> None:
        root = slovo()
        more = shard_table(["other"]).append_column("note", pa.array(["x"]))
        parquet.write_table(more, root / "landmarks" / "more.parquet")
        assert sum(len(clips) for clips in load(root).values()) == 32

    def test_shards_that_change_are_read_again(self, slovo: MakeSlovo, load: Callable[..., DatasetDict]) -> None:
        root = slovo()
        load(root)
        for shard in (root / "landmarks").iterdir():
            table = parquet.read_table(shard)
            fps = pa.array([25.0] * len(table), pa.float32())
            parquet.write_table(table.set_column(3, "fps", fps), shard)
            os.utime(shard, (1, 1))
        assert load(root)["train"][0]["fps"] == 25


class TestMissingLandmarks:
    def test_all_are_named_at_once(self, slovo: MakeSlovo, load: Callable[..., DatasetDict]) -> None:
        with pytest.raises(ValueError, match=r"2 of 32 clips have no usable landmarks.*\n.*clip0-1.*\n.*clip2-0"):
            load(slovo(without=["clip0-1", "clip2-0"]))

    def test_they_can_be_left_out(
        self, slovo: MakeSlovo, load: Callable[..., DatasetDict], caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.WARNING):
            splits = load(slovo(without=["clip0-1", "clip2-0"]), missing="skip")
        assert sum(len(clips) for clips in splits.values()) == 30
        assert [record.name for record in caplog.records] == ["slr_hf.data.slovo"]
        assert "clip0-1" in caplog.text
        assert "clip2-0" in caplog.text

    def test_only_clips_of_the_kept_glosses_are_missed(
        self, slovo: MakeSlovo, load: Callable[..., DatasetDict]
    ) -> None:
        assert len(load(slovo(without=["clip0-1"]), num_glosses=2)["train"]) == 18

    @pytest.mark.parametrize(
        ("column", "value", "message"),
        [
            ("landmarks", [], "0 numbers of landmarks are no frames of 3 points"),
            ("landmarks", [0.5] * 10, "10 numbers of landmarks are no frames of 3 points"),
            ("landmarks", None, "numbers of landmarks are no frames"),
            ("points", [468, 468, 522], "distinct Holistic indices"),
            ("points", [468, 500, 543], "distinct Holistic indices"),
            ("points", None, "distinct Holistic indices"),
            ("fps", 0.0, "fps must be positive, but is 0"),
            ("width", -1, "width and height must be positive, but are -1 and 640"),
        ],
    )
    def test_landmarks_that_cannot_be_used_are_missing(
        self, slovo: MakeSlovo, load: Callable[..., DatasetDict], column: str, value: Any, message: str
    ) -> None:
        root = slovo()
        path = root / "landmarks/b.parquet"
        table = parquet.read_table(path)
        values = [value, *table[column].to_pylist()[1:]]
        place = table.schema.get_field_index(column)
        parquet.write_table(table.set_column(place, column, pa.array(values, table[column].type)), path)
        with pytest.raises(ValueError, match=f"1 of 32 clips .*\n.*clip0-0: .*{message}"):
            load(root)
        assert sum(len(clips) for clips in load(root, missing="skip").values()) == 31

    def test_a_broken_shard_is_named(self, slovo: MakeSlovo, load: Callable[..., DatasetDict]) -> None:
        root = slovo()
        (root / "landmarks/b.parquet").write_bytes(b"PAR1 no shard")
        with pytest.raises(ValueError, match=r"1 of 2 shards .*b\.parquet"):
            load(root)

    def test_a_broken_shard_can_be_left_out_with_its_clips(
        self, slovo: MakeSlovo, load: Callable[..., DatasetDict]
    ) -> None:
        root = slovo()
        (root / "landmarks/b.parquet").write_bytes(b"PAR1 no shard")
        assert sum(len(clips) for clips in load(root, missing="skip").values()) == 16

    def test_a_shard_damaged_inside_is_refused(self, slovo: MakeSlovo, load: Callable[..., DatasetDict]) -> None:
        root = slovo()
        path = root / "landmarks/b.parquet"
        content = bytearray(path.read_bytes())
        content[4:200] = b"\xff" * 196
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"A shard of .*landmarks is damaged"):
            load(root)

    def test_a_shard_whose_names_are_no_texts_is_refused(
        self, slovo: MakeSlovo, load: Callable[..., DatasetDict]
    ) -> None:
        root = slovo()
        parquet.write_table(
            shard_table(["a"], clip_id=pa.array([b"a\xff"]).view(pa.string())), root / "landmarks/c.parquet"
        )
        with pytest.raises(ValueError, match=r"landmarks is damaged: the column clip_id holds bytes that are no text"):
            load(root)

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"points": None}, "the column points is missing"),
            ({"landmarks": pa.array([[0.5]] * 16)}, "the column landmarks must hold lists of float16, but holds list<"),
            ({"width": pa.array(["360"] * 16)}, "the column width must hold int32, but holds string"),
        ],
    )
    def test_a_shard_of_another_form_is_refused(
        self, slovo: MakeSlovo, load: Callable[..., DatasetDict], changes: dict[str, Any], message: str
    ) -> None:
        with pytest.raises(ValueError, match=rf"a\.parquet: {message}"):
            load(slovo(**changes))

    def test_landmarks_of_a_clip_in_two_shards_are_refused(
        self, slovo: MakeSlovo, load: Callable[..., DatasetDict]
    ) -> None:
        root = slovo()
        parquet.write_table(shard_table(["test/clip0-0"]), root / "landmarks/c.parquet")
        with pytest.raises(ValueError, match="the landmarks of clip 'clip0-0' twice"):
            load(root)

    def test_a_folder_without_shards_is_refused(self, tmp_path: Path, load: Callable[..., DatasetDict]) -> None:
        write_annotation(tmp_path, make_rows())
        with pytest.raises(FileNotFoundError, match="no folder of landmarks"):
            load(tmp_path)
        (tmp_path / "landmarks").mkdir()
        with pytest.raises(FileNotFoundError, match="no Parquet shard"):
            load(tmp_path)

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"split": "random"}, "`split` must be 'official' or 'signers', but is 'random'"),
            ({"missing": "ignore"}, "`missing` must be 'raise' or 'skip', but is 'ignore'"),
            ({"num_glosses": 4}, "`num_glosses` must be from 1 to the 3 of"),
            ({"validation_fraction": 2}, "above 0 and below 1, but is 2"),
        ],
    )
    def test_arguments_out_of_range_are_refused(
        self, slovo: MakeSlovo, load: Callable[..., DatasetDict], arguments: dict[str, Any], message: str
    ) -> None:
        with pytest.raises(ValueError, match=message):
            load(slovo(), **arguments)

    def test_a_split_without_clips_is_refused(self, slovo: MakeSlovo, load: Callable[..., DatasetDict]) -> None:
        with pytest.raises(ValueError, match="The split 'official' leaves no test clips of 12"):
            load(slovo(make_rows(signers=3)))
