"""Which clips a folder or a table names."""

from pathlib import Path

import pytest
from fixtures_slovo import make_rows, write_annotation
from hostile_videos import cut_losslessly, noise, write_video

from slr_hf.data.clip_lists import Clip, read_clip_list


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_a_folder_is_searched_at_any_depth_and_clips_are_called_by_their_path(tmp_path: Path) -> None:
    for name in ("привет/2.mp4", "привет/1.MOV", "b.webm", "b.txt", "привет/._1.mp4"):
        write(tmp_path / name, "")
    clips = read_clip_list(tmp_path)
    assert [clip.clip_id for clip in clips.clips] == ["b", "привет/1", "привет/2"]
    assert clips.clips[1].path == tmp_path / "привет/1.MOV"
    assert all(clip.is_whole for clip in clips.clips)
    assert (clips.columns, clips.has_ranges) == ((), False)


def test_a_table_names_clips_ranges_and_further_columns(tmp_path: Path) -> None:
    table = write(tmp_path / "c.csv", 'gloss,clip_id,path,begin,end\n"yes, sir",b,v/1.mp4,3,12.0\nno,a,/v/2.mp4,,\n')
    clips = read_clip_list(table)
    assert clips.clips == (
        Clip("b", tmp_path / "v/1.mp4", 3, 12, {"gloss": "yes, sir"}),
        Clip("a", Path("/v/2.mp4"), 0, None, {"gloss": "no"}),
    )
    assert (clips.columns, clips.has_ranges) == (("gloss",), True)


def test_tabs_are_told_by_the_header_not_by_the_suffix(tmp_path: Path) -> None:
    table = write(tmp_path / "c.csv", "\ufeffclip_id\tpath\tsigner\r\na\tone, two.mp4\t007\r\n")
    assert read_clip_list(table).clips == (Clip("a", tmp_path / "one, two.mp4", columns={"signer": "007"}),)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("clip_id,file\na,b\n", "lacks the column path"),
        ("", "lacks the column clip_id"),
        ("clip_id,path\n", "names no clip"),
        ("clip_id,path\na,1.mp4\na,2.mp4\n", r"two clips are called 'a'.*1\.mp4 and .*2\.mp4"),
        ("clip_id,path,landmarks\na,b,1\n", "column landmarks is made by the extraction"),
        ("clip_id,path,gloss,gloss\na,b,c,d\n", "two have the same"),
        ("clip_id,path\na,b,c\n", "line 2: the row does not have the 2 fields"),
        ("clip_id,path\na\n", "line 2: the row does not have the 2 fields"),
        ("clip_id,path\na,b\n,c\n", "line 3: clip_id is empty"),
        ("clip_id,path,begin\na,b,-1\n", "begin must be the number of a frame, from 0, but is '-1'"),
        ("clip_id,path,end\na,b,soon\n", "end must be the number of a frame, from 0, but is 'soon'"),
        ("clip_id,path,begin,end\na,b,5,5\n", "end must be more than begin, but they are 5 and 5"),
        ('clip_id,path\n"a,b\n', "unexpected end of data"),
    ],
)
def test_malformed_tables_are_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_clip_list(write(tmp_path / "c.csv", text))


def test_other_input_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no folder or table"):
        read_clip_list(tmp_path / "none")
    with pytest.raises(ValueError, match="holds no video"):
        read_clip_list(tmp_path)
    (tmp_path / "v.mp4").write_bytes(b"\x00\xff\xfe")
    with pytest.raises(ValueError, match="no text in UTF-8"):
        read_clip_list(tmp_path / "v.mp4")
    write(tmp_path / "v.mov", "")
    with pytest.raises(ValueError, match="two clips are called 'v'"):
        read_clip_list(tmp_path)


def test_a_key_tells_ranges_apart_but_not_places() -> None:
    clip = Clip("a", Path("1.mp4"))
    assert clip.key == Clip("a", Path("moved/1.mp4")).key
    assert len({clip.key, Clip("a", Path("1.mp4"), 1).key, Clip("a", Path("1.mp4"), end=9).key}) == 3


def test_an_original_of_slovo_is_trimmed_unless_that_was_done_without_encoding_it_again(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    original = write_video(tmp_path / "train/original.mp4", noise(50))
    cut_losslessly(original, tmp_path / "train/cut.mp4", 15, 45)
    row = {**make_rows()[0], "length": "30.0", "begin": "15", "end": "45"}
    write_annotation(tmp_path, [{**row, "attachment_id": name} for name in ("original", "cut")])
    first, second = read_clip_list(tmp_path).clips
    assert (first.begin, first.end) == (15, 45)
    assert second.is_whole
