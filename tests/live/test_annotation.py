import json
import re
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pympi import Eaf

from slr_hf.live.annotation import TIER, WRITERS, find_signs, write_signs
from slr_hf.model.pipeline_slr import SignRecognitionPipeline
from slr_hf.model.streaming_slr import Segment

SIGNS = [Segment("привет", 0.5, 1.25, 0.9, 0.8), Segment("<i> & co", 3661.0, 3662.5, 0.7, 0.6)]


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., Path]:
    """Writes signs in a form."""

    def write(suffix: str, signs: list[Segment] = SIGNS) -> Path:
        path = tmp_path / f"lecture{suffix}"
        write_signs(signs, path, tmp_path / "videos/lecture.mp4")
        return path

    return write


def test_json_lines_hold_everything(written: Callable[..., Path], tmp_path: Path) -> None:
    lines = [json.loads(line) for line in written(".jsonl").read_text(encoding="utf-8").splitlines()]
    video = str(tmp_path / "videos/lecture.mp4")
    assert lines[0] == {"video": video, "gloss": "привет", "begin": 0.5, "end": 1.25, "score": 0.9, "confidence": 0.8}
    assert [line["gloss"] for line in lines] == ["привет", "<i> & co"]


def test_subtitles_are_numbered_and_timed(written: Callable[..., Path]) -> None:
    blocks = written(".srt").read_text(encoding="utf-8").split("\n\n")
    assert blocks[0] == "1\n00:00:00,500 --> 00:00:01,250\nпривет"
    assert blocks[1] == "2\n01:01:01,000 --> 01:01:02,500\n<i> & co"


def test_players_read_the_subtitles(written: Callable[..., Path]) -> None:
    with av.open(str(written(".srt"))) as container:
        packets = [packet for packet in container.demux() if packet.size]
    assert [float(packet.pts * packet.time_base) for packet in packets] == [0.5, 3661.0]


def test_elan_files_are_read_back(written: Callable[..., Path], tmp_path: Path) -> None:
    document = Eaf(str(written(".eaf")))
    assert list(document.get_tier_names()) == [TIER]
    assert document.get_annotation_data_for_tier(TIER) == [(500, 1250, "привет"), (3661000, 3662500, "<i> & co")]
    (link,) = document.get_linked_files()
    assert link["MEDIA_URL"] == (tmp_path / "videos/lecture.mp4").as_uri()


@pytest.mark.parametrize("suffix", WRITERS)
def test_a_video_without_signs_has_a_file_without_signs(written: Callable[..., Path], suffix: str) -> None:
    text = written(suffix, []).read_text(encoding="utf-8")
    assert not re.search('ANNOTATION_VALUE|-->|gloss":', text)


def test_an_unknown_form_is_named(written: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"\.pdf"):
        written(".pdf")
    assert not list(tmp_path.iterdir())


def test_a_file_is_whole_or_not_there(
    written: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(".srt")
    before = path.read_bytes()

    def fail(signs: object, path: Path, video: Path) -> None:
        path.write_text("half")
        raise OSError("disk full")

    monkeypatch.setitem(WRITERS, ".srt", fail)
    with pytest.raises(OSError, match="disk full"):
        written(".srt")
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@given(st.floats(0, 1e5), st.floats(1e-4, 10))
def test_annotations_of_elan_always_have_a_length(begin: float, length: float) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.eaf"
        write_signs([Segment("yes", begin, begin + length, 1, 1)], path, Path(folder) / "a.mp4")
        ((first, last, _),) = Eaf(str(path)).get_annotation_data_for_tier(TIER)
    assert last > first
    assert first == pytest.approx(begin * 1000, abs=0.51)


@pytest.fixture
def three_signs(data_dir: Path, tmp_path: Path) -> tuple[Path, list[tuple[float, float]]]:
    """Three real clips one after the other, with a second of an empty room around each; and where they are."""
    path, spans, time = tmp_path / "long.mp4", [], 0.0
    names = ("msl150_yo_001", "msl150_hoy_001", "msl150_dolor_001")
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=30, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 640, 360, "yuv420p"

        def room(seconds: float) -> None:
            for _ in range(round(30 * seconds)):
                output.mux(stream.encode(av.VideoFrame.from_ndarray(np.full((360, 640, 3), 128, np.uint8), "rgb24")))

        room(1)
        for name in names:
            time += 1
            with av.open(str(data_dir / f"videos/{name}.mp4")) as clip:
                frames = 0
                for frame in clip.decode(video=0):
                    picture = frame.reformat(640, 360, "rgb24").to_ndarray()
                    output.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
                    frames += 1
            spans.append((time, time + frames / 30))
            time += frames / 30
            room(1)
        output.mux(stream.encode())
    return path, spans


@pytest.mark.integration
def test_signs_of_a_long_video_are_found_where_they_are(
    repository: Path,
    three_signs: tuple[Path, list[tuple[float, float]]],
    landmarker_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SLR_LANDMARKER", str(landmarker_path))
    video, spans = three_signs
    seen: list[tuple[int, int | None]] = []
    recognize = SignRecognitionPipeline.from_pretrained(repository / "space/model")
    progress = lambda done, total: seen.append((done, total))  # noqa: E731
    signs = list(find_signs(recognize, video, progress, confidence=0.0, window=1.5))
    assert seen[-1][0] == seen[-1][1] == len(seen)
    for begin, end in spans:
        # Its glosses are American, the clips Mexican: what is right here is the place. A sign that the model does not
        # know may be taken for several, one after the other.
        overlaps = [min(sign.end, end) - max(sign.begin, begin) for sign in signs]
        assert sum(max(overlap, 0) for overlap in overlaps) > 0.5 * (end - begin), (signs, spans)
    for sign in signs:
        assert any(begin - 0.2 <= sign.begin and sign.end <= end + 0.2 for begin, end in spans), (sign, spans)
