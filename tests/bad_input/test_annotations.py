"""Tables of clips that cannot be used: each is refused in one line that names the table and the fault."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from fixtures_slovo import make_rows, write_annotation
from hypothesis import given
from hypothesis import strategies as st

from slr_hf.data.clip_lists import read_clip_list
from slr_hf.data.slovo_annotations import read_annotation_file

TABLES: dict[str, tuple[str | bytes, str]] = {
    "zero byte": ("", "lacks the column clip_id"),
    "a header alone": ("clip_id,path\n", "names no clip"),
    "a missing column": ("clip_id,gloss\na,yes\n", "lacks the column path"),
    "a semicolon": ("clip_id;path\na;a.mp4\n", "lacks the column clip_id"),
    "tabs under a header with commas": ("clip_id,path\na\ta.mp4\n", "line 2: the row does not have the 2 fields"),
    "a missing field": ("clip_id,path\na\n", "line 2: the row does not have the 2 fields"),
    "a field too many": ("clip_id,path\na,a.mp4,b\n", "line 2: the row does not have the 2 fields"),
    "a column twice": ("clip_id,path,path\na,a.mp4,b.mp4\n", "two have the same"),
    "a column without a name": ("clip_id,path,\na,a.mp4,b\n", "a column has no name"),
    "an empty name": ("clip_id,path\n,a.mp4\n", "line 2: clip_id is empty"),
    "an empty path": ("clip_id,path\na,\n", "line 2: path is empty"),
    "two clips of one name": ("clip_id,path\na,a.mp4\na,b.mp4\n", "two clips are called 'a'"),
    "an open quote in the header": (
        'clip_id,"path\na,a.mp4\n',
        r"the header, its first line, cannot be read \(unexpected end",
    ),
    "a quote within a name of the header": ('clip_id,"pa"th\na,a.mp4\n', "the header, its first line, cannot be read"),
    "an open quote": ('clip_id,path\na,"a.mp4\n', "unexpected end of data"),
    "a zero byte within": ("clip_id,path\na,a\0.mp4\n", "line 2: path holds a zero byte"),
    "a column of landmarks": ("clip_id,path,landmarks\na,a.mp4,0\n", "column landmarks is made by the extraction"),
    "a negative begin": ("clip_id,path,begin\na,a.mp4,-1\n", "line 2: begin must be the number of a frame"),
    "a begin in words": ("clip_id,path,begin\na,a.mp4,two\n", "line 2: begin must be the number of a frame"),
    "a begin that is no number": ("clip_id,path,begin\na,a.mp4,nan\n", "line 2: begin must be the number of a frame"),
    "an infinite end": ("clip_id,path,end\na,a.mp4,inf\n", "line 2: end must be the number of a frame"),
    "an end beyond all counting": ("clip_id,path,end\na,a.mp4,1e300\n", "line 2: end must be the number of a frame"),
    "an end before the begin": ("clip_id,path,begin,end\na,a.mp4,9,3\n", "end must be more than begin"),
    "Latin 1": ("clip_id,path,gloss\na,a.mp4,mañana\n".encode("latin-1"), "no text in UTF-8"),
    "UTF-16": ("clip_id,path\na,a.mp4\n".encode("utf-16"), "no text in UTF-8"),
    "a spreadsheet": (b"PK\x03\x04" + bytes(range(256)), "no text in UTF-8"),
    "a huge field": ("clip_id,path\na," + "a" * 200_000 + "\n", "field larger than field limit"),
}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_of_clips_that_cannot_be_used_is_named(name: str, tmp_path: Path) -> None:
    content, message = TABLES[name]
    path = tmp_path / "clips.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ValueError, match=message) as refused:
        read_clip_list(path)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "content",
    [
        "\ufeffclip_id,path\na,a.mp4\n",
        "clip_id\tpath\na\ta.mp4\n",
        "clip_id,path\r\na,a.mp4\r\n",
        "clip_id,path\na,a.mp4",
    ],
    ids=["BOM", "tabs", "line ends of Windows", "no last line end"],
)
def test_what_programs_write_differently_is_read_alike(content: str, tmp_path: Path) -> None:
    path = tmp_path / "clips.csv"
    path.write_bytes(content.encode())
    (clip,) = read_clip_list(path).clips
    assert (clip.clip_id, clip.path) == ("a", tmp_path / "a.mp4")


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "a/../../b", "..", "C:\\x", "a\nb", "ы" * 300])
def test_a_clip_whose_name_is_a_path_leads_nowhere(name: str, tmp_path: Path) -> None:
    path = tmp_path / "clips.csv"
    path.write_text(f'clip_id,path\n"{name}",a.mp4\n', encoding="utf-8")
    (clip,) = read_clip_list(path).clips
    assert clip.key.isalnum()
    assert len(clip.key) == 32


@given(content=st.one_of(st.text(), st.text(alphabet='clip_dath,\t"\n01é\0').map("clip_id,path,end\n".__add__)))
def test_any_text_is_a_table_or_is_refused(content: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "clips.csv"
    path.write_bytes(content.encode("utf-8", "surrogatepass"))
    with suppress(ValueError):
        clips = read_clip_list(path).clips
        assert len({clip.clip_id for clip in clips}) == len(clips) > 0


SLOVO: dict[str, tuple[Callable[[list[dict[str, str]]], object], str]] = {
    "a missing column": (lambda rows: [row.pop("user_id") for row in rows], "line 1: the column user_id is missing"),
    "a clip twice": (lambda rows: rows.append(rows[0]), "'clip0-0' stands in line 2 too"),
    "a name that is a path": (lambda rows: rows[0].update(attachment_id="../../clip"), "is no plain name"),
    "a hidden name": (lambda rows: rows[0].update(attachment_id=".clip"), "is no plain name"),
    "a signer that is a path": (lambda rows: rows[0].update(user_id="/etc/passwd"), "is no plain name"),
    "no gloss": (lambda rows: rows[0].update(text=" "), "line 2, column text: it is empty"),
    "a length in words": (lambda rows: rows[0].update(length="long"), "column length: it must be a whole number"),
    "a width beyond counting": (lambda rows: rows[0].update(width="1e300"), "column width: it must be a whole number"),
    "a negative height": (lambda rows: rows[0].update(height="-1080"), "column height: it must be a whole number"),
    "a split of neither side": (lambda rows: rows[0].update(train="maybe"), "column train: it must be True or False"),
}


@pytest.mark.parametrize("name", SLOVO)
def test_an_annotation_of_slovo_that_cannot_be_used_is_named(name: str, tmp_path: Path) -> None:
    change, message = SLOVO[name]
    rows = make_rows()
    change(rows)
    path = write_annotation(tmp_path, rows)
    with pytest.raises(ValueError, match=message) as refused:
        read_annotation_file(tmp_path)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)
