import base64
import io
import time
from collections.abc import Callable
from contextlib import closing
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import limits
import numpy as np
import pytest
from hostile_videos import cut_losslessly
from isolation import Isolation, Refused, run_here
from PIL import Image
from recognition import Outcome, decode_picture, duration, find_moments, open_camera, recognize

from slr_hf.model.extraction_slr import HolisticExtractor
from slr_hf.model.landmarks_slr import Landmarks
from slr_hf.model.pipeline_slr import SignRecognitionPipeline

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a video of one brightness."""

    def write_video(
        name: str = "clip.mp4", frames: int = 20, rate: int = 20, size: tuple[int, int] = (64, 48), level: int = 128
    ) -> Path:
        with av.open(str(tmp_path / name), "w") as container:
            stream = container.add_stream("libx264", rate=rate)
            stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
            picture = np.full((size[1], size[0], 3), level, np.uint8)
            for _ in range(frames):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            container.mux(stream.encode())
        return tmp_path / name

    return write_video


@pytest.fixture
def pipeline(model_dir: Path, monkeypatch: pytest.MonkeyPatch) -> SignRecognitionPipeline:
    """A pipeline that needs no landmark models: it finds the same made-up landmarks in every video."""
    recognizer = SignRecognitionPipeline.from_pretrained(model_dir)
    extractor = type(recognizer.extractor)

    def find(self: Any, video: str | Path, fps: Any = None, progress: Any = None) -> Landmarks:
        frames = len(list(self.frames(video)))
        for index in range(frames):
            progress(index + 1, frames)
        coordinates = np.random.default_rng(0).uniform(0.2, 0.8, (frames, 543, 3)).astype(np.float32)
        return Landmarks(coordinates, fps=20, width=64, height=48)

    monkeypatch.setattr(extractor, "__call__", find)
    return recognizer


def ask(pipeline: Any, video: Path | None, folder: Path, mirror: bool = False) -> list[Outcome]:
    return list(recognize(pipeline, video, mirror, lambda *_: None, folder / "drawn", run=run_here))


def test_the_answer_comes_first_and_then_what_was_seen(
    pipeline: SignRecognitionPipeline, write: Write, tmp_path: Path
) -> None:
    first, second = ask(pipeline, write(), tmp_path)
    assert len(first.predictions) > 0
    assert first.video is None
    assert second.predictions == first.predictions
    assert sum(moment.weight for moment in second.moments) == pytest.approx(1, abs=1e-5)
    with av.open(second.video) as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height, stream.pix_fmt) == (64, 48, "yuv420p")
        assert stream.codec_context.name == "h264"
        assert not container.streams.audio
        drawn = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
    assert len(drawn) == 20
    assert stream.average_rate == Fraction(20)
    assert drawn[0].std() > 10, "something is drawn on the plain picture"
    for moment in second.moments:
        assert base64.b64decode(moment.picture.removeprefix("data:image/jpeg;base64,")).startswith(b"\xff\xd8")


def test_a_mirrored_request_shows_the_video_mirrored(
    pipeline: SignRecognitionPipeline, write: Write, tmp_path: Path
) -> None:
    def picture(mirror: bool) -> np.ndarray:
        with av.open(ask(pipeline, write(), tmp_path, mirror)[-1].video) as container:
            return next(container.decode(video=0)).to_ndarray(format="rgb24").astype(float)

    plain, mirrored = picture(False), picture(True)
    assert np.abs(plain[:, ::-1] - mirrored).mean() < np.abs(plain - mirrored).mean() / 2


def test_large_frames_are_drawn_smaller_and_odd_ones_even(
    pipeline: SignRecognitionPipeline, write: Write, tmp_path: Path
) -> None:
    with av.open(ask(pipeline, write(frames=3, size=(1280, 966)), tmp_path)[-1].video) as container:
        assert (container.streams.video[0].width, container.streams.video[0].height) == (636, 480)


def test_a_dark_video_is_called_dark(pipeline: SignRecognitionPipeline, write: Write, tmp_path: Path) -> None:
    assert "too_dark" in ask(pipeline, write(level=20), tmp_path)[-1].warnings
    assert "too_dark" not in ask(pipeline, write(level=80), tmp_path)[-1].warnings


def test_what_breaks_off_leaves_no_file(
    pipeline: SignRecognitionPipeline, write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(pipeline), "draw", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        ask(pipeline, write(), tmp_path)
    assert not list((tmp_path / "drawn").iterdir())


@pytest.mark.parametrize(
    ("limit", "value", "problem"),
    [
        ("LONGEST_SECONDS", 0.5, "too_long"),
        ("LARGEST_MEGAPIXELS", 0.001, "too_large"),
        ("LONGEST_ANSWER", -1, "too_slow"),
    ],
)
def test_limits_are_kept(
    pipeline: SignRecognitionPipeline,
    write: Write,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    limit: str,
    value: float,
    problem: str,
) -> None:
    monkeypatch.setattr(limits, limit, value)
    with pytest.raises(Refused, match=problem):
        ask(pipeline, write(), tmp_path)


def test_what_is_no_video_is_refused(pipeline: SignRecognitionPipeline, tmp_path: Path) -> None:
    letter = tmp_path / "letter.mp4"
    letter.write_text("This is a letter, not a film.")
    for video, problem in ((None, "no_video"), (letter, "unreadable"), (tmp_path / "gone.mp4", "unreadable")):
        with pytest.raises(Refused, match=problem):
            ask(pipeline, video, tmp_path)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts"])
def test_the_duration_is_read_with_or_without_a_header_that_tells_it(write: Write, suffix: str) -> None:
    assert duration(HolisticExtractor(), write(f"clip{suffix}", frames=40)) == pytest.approx(2.0, abs=0.1)


def test_the_length_is_that_of_what_is_shown(write: Write, tmp_path: Path) -> None:
    cut = cut_losslessly(write(frames=60), tmp_path / "cut.mp4", 40, 60)
    assert duration(HolisticExtractor(), cut) == pytest.approx(1.0, abs=0.1)


def test_moments_are_equal_stretches_from_the_first_frame_to_the_last() -> None:
    times = [frame / 30 for frame in range(10, 90)]
    moments = find_moments(times, [1 / 80] * 80)
    assert len(moments) == 8
    assert moments[0].begin == pytest.approx(10 / 30, abs=0.02)
    assert moments[-1].end == pytest.approx(90 / 30, abs=0.02)
    assert [moment.weight for moment in moments] == pytest.approx([1 / 8] * 8, abs=0.02)


@pytest.mark.parametrize("frames", [1, 2, 5])
def test_a_few_frames_have_a_few_moments(frames: int) -> None:
    moments = find_moments([frame / 30 for frame in range(frames)], [1 / frames] * frames)
    assert len(moments) == frames
    assert [moment.weight for moment in moments] == pytest.approx([1 / frames] * frames)


def test_without_frames_there_are_no_moments() -> None:
    assert find_moments([], []) == ()


@pytest.mark.parametrize("form", ["PNG", "WEBP", "JPEG"])
@pytest.mark.parametrize("channels", ["RGB", "RGBA", "L"])
def test_a_picture_of_a_camera_is_decoded(form: str, channels: str) -> None:
    picture = np.full((48, 64, 3), (200, 100, 50), np.uint8)
    packed = io.BytesIO()
    Image.fromarray(picture).convert("RGB" if form == "JPEG" and channels == "RGBA" else channels).save(packed, form)
    decoded = decode_picture(packed.getvalue())
    assert (decoded.shape, decoded.dtype) == ((48, 64, 3), np.uint8)
    expected = picture if channels != "L" else np.asarray(Image.fromarray(picture).convert("L").convert("RGB"))
    np.testing.assert_allclose(decoded, expected, atol=6)


@pytest.mark.parametrize("form", ["GIF", "TIFF", "BMP", "PPM"])
def test_a_picture_of_another_form_is_refused(form: str) -> None:
    packed = io.BytesIO()
    Image.new("RGB", (8, 8)).save(packed, form)
    with pytest.raises(Refused, match="live_failed"):
        decode_picture(packed.getvalue())


@pytest.mark.parametrize("content", [b"", b"no picture", b"<svg/>"])
def test_what_is_no_picture_is_refused(content: bytes) -> None:
    with pytest.raises(Refused, match="live_failed"):
        decode_picture(content)


@pytest.mark.parametrize("size", [3_001, 10_000, 30_000])
def test_a_picture_larger_than_any_camera_is_refused_before_it_is_unpacked(size: int) -> None:
    packed = io.BytesIO()
    Image.new("1", (size, size)).save(packed, "PNG")
    with pytest.raises(Refused, match="too_large"):
        decode_picture(packed.getvalue())


@pytest.mark.integration
def test_the_process_of_a_camera_finds_what_the_landmarker_finds(data_dir: Path, landmarker_path: Path) -> None:
    extractor = HolisticExtractor(landmarker_path)
    pictures = [picture for _, picture in extractor.frames(data_dir / "videos/msl150_hoy_001.mp4")][30:33]
    with (
        closing(Isolation().open(open_camera, extractor, reads=(landmarker_path,))) as camera,
        extractor.track() as tracker,
    ):
        for number, picture in enumerate(pictures):
            packed = io.BytesIO()
            Image.fromarray(picture).save(packed, "PNG")
            values, coordinates = camera.ask({"time": number / 30}, packed.getvalue(), time.monotonic() + 120)
            assert values == {"width": picture.shape[1], "height": picture.shape[0]}
            np.testing.assert_array_equal(coordinates, tracker(picture, number / 30))
            assert np.isfinite(coordinates).any()
