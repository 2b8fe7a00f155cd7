"""Video to landmarks, with the real landmarker."""

import gc
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hostile_videos import cut_losslessly, noise, write_song, write_sound, write_video

from slr_hf.model.extraction_slr import HolisticExtractor, VideoError, count_frames, probe_video, read_frames
from slr_hf.model.landmarker_slr import LandmarkerError
from slr_hf.model.landmarks_slr import DETECTED_GROUPS, LEFT_HAND, NOSE

#: Frames, and the shares of them in which MediaPipe finds face, pose, left hand and right hand.
FOUND = {
    "f17a6060": (112, 1.00, 1.00, 0.75, 0.76),
    "no7a7812b1": (32, 1.00, 1.00, 0.00, 0.22),
    "no834a06ad": (50, 0.00, 0.62, 0.00, 0.34),
    "ambulancia": (66, 0.15, 1.00, 1.00, 0.98),
    "doctor": (62, 0.00, 1.00, 1.00, 0.98),
    "dolor": (61, 0.00, 1.00, 0.00, 0.93),
    "hoy": (64, 0.03, 1.00, 0.00, 1.00),
    "yo": (55, 0.05, 1.00, 0.00, 1.00),
    "wave": (58, 1.00, 1.00, 0.00, 0.34),
}


def pictures(path: Path, count: int | None = None, size: int = 640) -> list[np.ndarray]:
    return [picture for _, picture in read_frames(path, size)][:count]


#: A frame as players show it: white at the upper left.
SHOWN = np.zeros((48, 96, 3), np.uint8)
SHOWN[:24, :48] = 255


def check_shown(path: Path) -> None:
    """Asserts that a video is read as `SHOWN`."""
    info, (_, picture) = probe_video(path), next(read_frames(path, 1000))
    assert (info.width, info.height) == (96, 48)
    assert picture.shape == SHOWN.shape
    assert picture[:20, :40].mean() > 230
    assert picture[28:].mean() < 25
    assert picture[:, 56:].mean() < 25


@pytest.fixture(scope="module")
def extract(landmarker_path) -> HolisticExtractor:
    return HolisticExtractor(landmarker_path)


def test_the_landmark_models_can_be_fetched_before_the_first_clip(landmarker_path, monkeypatch, tmp_path):
    monkeypatch.setenv("SLR_LANDMARKER", str(landmarker_path))
    extract = HolisticExtractor()
    extract.fetch()
    assert extract.model_path == landmarker_path
    with pytest.raises(LandmarkerError, match=r"nowhere\.task"):
        HolisticExtractor(tmp_path / "nowhere.task").fetch()


@pytest.mark.integration
class TestRealClips:
    @pytest.mark.parametrize("name", FOUND)
    def test_as_much_is_found_as_by_mediapipe_alone(self, name, extracted_clips):
        landmarks = extracted_clips[name]
        frames, *shares = FOUND[name]
        assert landmarks.coordinates.shape == (frames, 543, 3)
        groups = [DETECTED_GROUPS[group] for group in ("face", "pose", "left_hand", "right_hand")]
        assert [landmarks.detected(points).mean() for points in groups] == pytest.approx(shares, abs=0.1)

    def test_the_size_is_that_of_the_upright_file(self, extracted_clips):
        sizes = {name: (clip.width, clip.height) for name, clip in extracted_clips.items()}
        assert sizes["f17a6060"] == (720, 1280)
        assert sizes["hoy"] == (1280, 720)
        assert all(29 < clip.fps < 31 for clip in extracted_clips.values())

    def test_a_group_is_found_whole_or_not_at_all(self, extracted_clips):
        for clip in extracted_clips.values():
            missing = np.isnan(clip.coordinates)
            for points in DETECTED_GROUPS.values():
                group = missing[:, list(points)]
                assert (group.all(axis=(1, 2)) | ~group.any(axis=(1, 2))).all()

    def test_only_the_points_that_are_asked_for_are_kept(self, extract, clip_paths, extracted_clips):
        points = (LEFT_HAND[3], NOSE)
        kept = extract(clip_paths["ambulancia"], points=points)
        assert kept.points == points
        np.testing.assert_array_equal(kept.coordinates, extracted_clips["ambulancia"].take(points))

    def test_a_file_an_array_and_frames_one_by_one_give_the_same(self, extract, clip_paths, extracted_clips):
        frames = pictures(clip_paths["hoy"], 12, size=10_000)
        array = extract(np.stack(frames), fps=30)
        one_by_one = extract(iter(frames), fps=30)
        np.testing.assert_array_equal(array.coordinates, one_by_one.coordinates)
        whole = extracted_clips["hoy"].coordinates[:12]
        found = ~np.isnan(whole)
        assert (found == ~np.isnan(array.coordinates)).mean() > 0.95
        both = found & ~np.isnan(array.coordinates)
        assert np.abs(whole - array.coordinates)[both].max() < 0.05

    def test_clips_do_not_influence_each_other(self, extract, clip_paths):
        frames = pictures(clip_paths["yo"], 6)
        first = extract(frames)
        extract(pictures(clip_paths["wave"], 6))
        np.testing.assert_array_equal(extract(frames).coordinates, first.coordinates)

    def test_progress_tells_frames_done_and_their_total(self, extract, clip_paths):
        calls: list[tuple[int, int | None]] = []
        extract(pictures(clip_paths["yo"], 3), progress=lambda *call: calls.append(call))
        extract(iter(pictures(clip_paths["yo"], 2)), progress=lambda *call: calls.append(call))
        assert calls == [(1, 3), (2, 3), (3, 3), (1, None), (2, None)]

    def test_a_change_of_size_within_a_clip_is_evened_out(self, extract, clip_paths):
        frames = pictures(clip_paths["yo"], 4)
        mixed = [*frames[:2], *(np.ascontiguousarray(frame[::2, ::2]) for frame in frames[2:])]
        found = extract(mixed)
        assert found.detected(DETECTED_GROUPS["pose"]).all()
        assert (found.width, found.height) == frames[0].shape[1::-1]

    def test_the_rate_is_that_of_the_frames_where_a_recording_stutters(self, extract, tmp_path):
        # As a browser records a webcam: announced are 30 frames a second, 5 come within half a second.
        black = [np.zeros((48, 64, 3), np.uint8)] * 5
        path = write_video(tmp_path / "clip.mkv", black, times=[0, 2, 5, 6, 15])
        assert probe_video(path).fps == pytest.approx(30)
        assert extract(path).fps == pytest.approx(4 / 0.5)

    def test_a_file_is_closed_when_the_work_is_broken_off(self, extract, tmp_path):
        def stop(*_: object) -> None:
            raise KeyboardInterrupt

        path = write_video(tmp_path / "clip.mp4", [np.zeros((48, 64, 3), np.uint8)] * 5).resolve()
        with pytest.raises(KeyboardInterrupt) as broken_off:
            extract(path, progress=stop)
        assert broken_off.tb  # the traceback still holds on to the frames
        assert path not in [file.resolve() for file in Path("/proc/self/fd").iterdir()]

    @pytest.mark.parametrize("shape", [(1, 1), (2, 301), (301, 2), (33, 47)])
    def test_odd_sizes(self, extract, shape):
        assert extract([np.zeros((*shape, 3), np.uint8)]).coordinates.shape == (1, 543, 3)


@pytest.mark.integration
class TestTracking:
    def test_pictures_given_one_by_one_give_what_the_clip_gives(self, extract, clip_paths):
        frames = pictures(clip_paths["yo"], 6)
        with extract.track(fps=30) as tracker:
            found = [tracker(frame) for frame in frames]
        assert found[0].dtype == np.float32
        np.testing.assert_array_equal(np.stack(found), extract(frames, fps=30).coordinates)

    def test_two_trackers_do_not_disturb_each_other(self, extract, clip_paths):
        frames, others = pictures(clip_paths["yo"], 4), pictures(clip_paths["wave"], 4)
        with extract.track() as tracker, extract.track() as other:
            found = [(tracker(frame), other(another))[0] for frame, another in zip(frames, others, strict=True)]
        np.testing.assert_array_equal(np.stack(found), extract(frames).coordinates)

    def test_pictures_of_any_size_and_times_that_fall_back_are_borne(self, extract, clip_paths):
        whole = pictures(clip_paths["yo"], 3, size=10_000)
        with extract.track() as tracker:
            for picture, time in zip((whole[0], whole[1][::2, ::2], whole[2]), (5.0, 4.0, 4.0), strict=True):
                assert not np.isnan(tracker(picture, time)[list(DETECTED_GROUPS["pose"])]).any()

    def test_a_closed_tracker_says_so(self, extract):
        with extract.track() as tracker:
            pass
        tracker.close()
        with pytest.raises(ValueError, match="tracker is closed"):
            tracker(np.zeros((4, 4, 3), np.uint8))

    def test_a_picture_that_is_not_rgb_is_refused(self, extract):
        with extract.track() as tracker, pytest.raises(ValueError, match="RGB, uint8"):
            tracker(np.zeros((4, 4), np.uint8))


class TestReading:
    def test_large_frames_are_scaled_to_the_shorter_side(self, clip_paths):
        assert next(read_frames(clip_paths["hoy"], 320))[1].shape == (320, 569, 3)
        assert next(read_frames(clip_paths["f17a6060"], 320))[1].shape == (569, 320, 3)

    def test_small_frames_are_not_enlarged(self, clip_paths):
        assert next(read_frames(clip_paths["hoy"], 2000))[1].shape == (720, 1280, 3)

    def test_frames_leave_no_thread_behind(self, tmp_path):
        path = write_video(tmp_path / "clip.mp4", noise(30))
        gc.collect()
        before = len(list(Path("/proc/self/task").iterdir()))
        gc.disable()  # what only a search for cycles frees would pile up between two of them
        try:
            assert len(list(read_frames(path, 24))) == 30
            assert len(list(Path("/proc/self/task").iterdir())) <= before
        finally:
            gc.enable()

    def test_times_are_those_of_the_file(self, tmp_path):
        path = write_video(tmp_path / "clip.mp4", [np.zeros((48, 64, 3), np.uint8)] * 5, rate=10)
        assert [time for time, _ in read_frames(path, 48)] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])
        assert probe_video(path).fps == pytest.approx(10)

    @pytest.mark.parametrize(
        ("name", "codec"), [("stream.ts", "libx264"), ("disc.mpg", "mpeg2video"), ("cut.mkv", "mpeg4")]
    )
    def test_times_are_those_since_the_start_of_the_file(self, tmp_path, name, codec):
        # A stream of a broadcast begins late by itself, the last file because its frames do.
        path = write_video(tmp_path / name, noise(40), rate=25, codec=codec, times=list(range(50, 90)))
        with av.open(path) as container:
            assert container.start_time > 0.3e6
        assert [time for time, _ in read_frames(path, 48)] == pytest.approx(
            [index / 25 for index in range(40)], abs=0.001
        )

    def test_a_picture_that_comes_after_the_sound_keeps_its_time(self, tmp_path):
        path = tmp_path / "clip.mkv"
        with av.open(path, "w") as container:
            video, sound = container.add_stream("mpeg4", rate=25), container.add_stream("aac", rate=8000)
            video.height, video.width = 48, 64
            silence = av.AudioFrame.from_ndarray(np.zeros((1, 16000), np.float32), format="fltp", layout="mono")
            silence.sample_rate = 8000
            container.mux([*sound.encode(silence), *sound.encode()])
            for index, frame in enumerate(noise(5)):
                picture = av.VideoFrame.from_ndarray(frame, format="rgb24")
                picture.pts, picture.time_base = 25 + index, Fraction(1, 25)
                container.mux(video.encode(picture))
            container.mux(video.encode())
        assert next(read_frames(path, 48))[0] == pytest.approx(1, abs=0.2)

    def test_the_first_time_is_no_hair_before_the_start(self, tmp_path):
        # The third part of a second is no whole number of millionths.
        path = write_video(tmp_path / "late.ts", noise(40), rate=30, codec="libx264", times=list(range(10, 50)))
        assert next(read_frames(path, 48))[0] == 0

    def test_a_colon_in_a_name_is_no_protocol(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        write_video(tmp_path / "x.mp4", [np.zeros((48, 64, 3), np.uint8)]).rename("12:30.mp4")
        assert len(pictures(Path("12:30.mp4"))) == 1

    @pytest.mark.parametrize("rotation", [90, 180, 270])
    def test_rotation_in_the_metadata_is_honoured(self, tmp_path, rotation):
        check_shown(write_video(tmp_path / "clip.mp4", [np.rot90(SHOWN, -rotation // 90)], rotation=rotation))

    @pytest.mark.parametrize(
        ("matrix", "stored"),
        [
            ((-1, 0, 0, 1), SHOWN[:, ::-1]),
            ((1, 0, 0, -1), SHOWN[::-1]),
            ((0, 1, 1, 0), SHOWN.swapaxes(0, 1)),
            ((0, -1, -1, 0), SHOWN[::-1, ::-1].swapaxes(0, 1)),
            ((0, 1, -1, 0), np.rot90(SHOWN)),
        ],
        ids=["mirrored", "upside down", "transposed", "transposed the other way", "turned"],
    )
    @pytest.mark.parametrize("error", [0, 2**-16, 0.01])
    def test_a_matrix_that_mirrors_is_honoured_and_its_rounding_errors_are_not(self, tmp_path, matrix, stored, error):
        a, b, c, d = matrix
        turned = (a - error * b, b + error * a, c - error * d, d + error * c)
        check_shown(write_video(tmp_path / "clip.mp4", [stored], matrix=turned))

    def test_half_a_turn_that_is_off_by_a_rounding_error_swaps_no_sides(self, tmp_path):
        matrix = (-65534 / 65536, -1 / 65536, 1 / 65536, -65534 / 65536)
        check_shown(write_video(tmp_path / "clip.mp4", [SHOWN[::-1, ::-1]], matrix=matrix))

    @pytest.mark.parametrize(
        ("name", "codec", "width", "height", "shown"),
        [
            ("dvd.mpg", "mpeg2video", 720, 576, (1024, 576)),
            ("digital_video.avi", "dvvideo", 720, 576, (1024, 576)),
            ("broadcast.ts", "libx264", 72, 48, (96, 48)),
            ("wide.mkv", "libx264", 48, 48, (96, 48)),
            ("high.mp4", "mpeg4", 96, 24, (96, 48)),
        ],
    )
    def test_squeezed_frames_are_stretched(self, tmp_path, name, codec, width, height, shown):
        frame = np.zeros((height, width, 3), np.uint8)
        frame[: height // 2, : width // 2] = 255
        shape = Fraction(shown[0] * height, shown[1] * width)
        path = write_video(tmp_path / name, [frame] * 40, rate=25, codec=codec, pixel_shape=shape)
        info, (_, picture) = probe_video(path), next(read_frames(path, 1000))
        assert (info.width, info.height) == picture.shape[1::-1] == shown
        assert picture[: shown[1] // 2 - 4, : shown[0] // 2 - 8].mean() > 230
        assert picture[:, shown[0] // 2 + 8 :].mean() < 25

    def test_squeezed_frames_are_stretched_before_they_are_turned(self, tmp_path):
        stored = np.rot90(SHOWN, -1)[:, ::2]
        check_shown(write_video(tmp_path / "clip.mp4", [stored], rotation=90, pixel_shape=Fraction(2)))

    @pytest.mark.parametrize(("stated", "width"), [(4, 192), (200, 480)], ids=["likely", "nonsense"])
    def test_the_file_knows_better_than_its_codec_what_shape_pixels_have(self, tmp_path, stated, width):
        path = write_video(tmp_path / "clip.mp4", [SHOWN[:, ::2]], codec="libx264", pixel_shape=Fraction(2))
        box = [b"pasp" + bytes((0, 0, 0, shape, 0, 0, 0, 1)) for shape in (2, stated)]
        path.write_bytes(path.read_bytes().replace(*box))
        assert probe_video(path).width == width
        assert pictures(path)[0].shape == (48, width, 3)

    @pytest.mark.parametrize("suffix", ["mp4", "mkv"])
    @pytest.mark.parametrize("shown", [0, 1])
    def test_the_track_is_read_that_the_file_marks_as_the_default(self, tmp_path, suffix, shown):
        path = tmp_path / f"clip.{suffix}"
        with av.open(path, "w") as container:
            streams = [container.add_stream("mpeg4", rate=30) for _ in range(2)]
            for number, stream in enumerate(streams):
                stream.height, stream.width = 48, 64
                stream.disposition = av.stream.Disposition.default if number == shown else 0
            for number, stream in enumerate(streams):
                picture = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 200 * number, np.uint8), format="rgb24")
                container.mux([*stream.encode(picture), *stream.encode()])
        assert [round(picture.mean(), -1) for picture in pictures(path)] == [200 * shown]

    def test_a_change_of_size_leaves_pictures_of_one_size_and_squeezes_nobody(self, tmp_path):
        tall = SHOWN[:, :24]
        parts = [
            write_video(tmp_path / f"{number}.ts", [frame] * 60, codec="libx264", pixel_shape=shape)
            for number, (frame, shape) in enumerate(
                [(SHOWN[:, ::2], Fraction(2)), (SHOWN.repeat(2, 0).repeat(2, 1), None), (tall, None)]
            )
        ]
        path = tmp_path / "broadcast.ts"
        path.write_bytes(b"".join(part.read_bytes() for part in parts))
        found = pictures(path)
        assert len(found) == 180
        assert {picture.shape for picture in found} == {SHOWN.shape}
        for index in (0, 30, 90, 110):
            assert found[index][:20, :40].mean() > 230
            assert found[index][28:].mean() < 25
        # 24 columns in the middle of 96, all of them white above.
        assert found[150][:20, 40:56].mean() > 230
        assert found[150][:, :32].mean() < 25
        assert found[150][:, 64:].mean() < 25

    def test_one_frame_is_a_video(self, tmp_path):
        path = write_video(tmp_path / "one.mp4", [np.zeros((48, 64, 3), np.uint8)])
        assert len(pictures(path)) == 1

    def test_a_truncated_file_gives_its_first_part(self, tmp_path):
        # MPEG-TS has no index at its end, so its beginning can be read without it.
        noise = np.random.default_rng(0)
        frames = [noise.integers(0, 255, (48, 64, 3), np.uint8) for _ in range(40)]
        path = write_video(tmp_path / "cut.ts", frames)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        assert 5 < len(pictures(path)) < 40

    def test_a_file_that_announces_more_than_it_holds_is_warned_of(self, tmp_path, caplog):
        # The index comes first, as in files made for streaming, so the beginning can be read without the end.
        frames = [np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8)] * 40
        path = write_video(tmp_path / "cut.mp4", frames, options={"movflags": "faststart"})
        assert len(pictures(path)) == 40
        assert not caplog.records
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        found = len(pictures(path))
        assert 5 < found < 40
        assert f"cut.mp4 announces 40 frames, but only {found} can be decoded" in caplog.text

    @pytest.mark.parametrize("suffix", ["mp4", "mov"])
    @pytest.mark.parametrize("codec_options", [{"bf": "0"}, {"bf": "2"}], ids=["in order", "reordered"])
    def test_a_clip_that_was_cut_without_encoding_it_again_is_whole(self, tmp_path, caplog, suffix, codec_options):
        frames = [np.full((48, 64, 3), 5 * index, np.uint8) for index in range(50)]
        whole = write_video(tmp_path / "whole.mp4", frames, codec="libx264", codec_options=codec_options)
        path = cut_losslessly(whole, tmp_path / f"cut.{suffix}", 15, 45)
        with av.open(path) as container:
            assert container.streams.video[0].frames == 45, "the header counts what is stored"
        assert [round(picture.mean() / 5) for picture in pictures(path)] == list(range(15, 45))
        assert probe_video(path).frames == count_frames(path) == 30
        assert not caplog.records

    def test_damage_is_told_of_a_clip_that_was_cut_so(self, tmp_path, caplog):
        path = cut_losslessly(write_video(tmp_path / "whole.mp4", noise(50)), tmp_path / "cut.mp4", 15, 45)
        path.write_bytes(path.read_bytes()[: path.stat().st_size * 3 // 4])
        found = len(pictures(path))
        assert 5 < found < 30
        assert f"cut.mp4 announces 30 frames, but only {found} can be decoded" in caplog.text

    def test_what_follows_damage_is_left_out_with_a_warning(self, tmp_path, caplog):
        noise = np.random.default_rng(0)
        frames = [noise.integers(0, 255, (48, 64, 3), np.uint8) for _ in range(40)]
        path = write_video(tmp_path / "bad.mp4", frames)
        content = bytearray(path.read_bytes())
        middle = len(content) // 2
        content[middle : middle + 9000] = noise.bytes(9000)
        path.write_bytes(content)
        found = len(pictures(path))
        assert 5 < found < 40
        assert f"bad.mp4 is damaged after {found} frames" in caplog.text


class TestBadInput:
    def test_a_missing_file(self, tmp_path):
        with pytest.raises(VideoError, match=r"no file .*nowhere\.mp4"):
            HolisticExtractor()(tmp_path / "nowhere.mp4")

    @pytest.mark.parametrize("content", [b"", b"this is text", b"\x00" * 5000])
    def test_a_file_that_is_no_video(self, tmp_path, content):
        path = tmp_path / "clip.mp4"
        path.write_bytes(content)
        with pytest.raises(VideoError, match=r"clip\.mp4"):
            HolisticExtractor()(path)

    def test_sound_only(self, tmp_path):
        with pytest.raises(VideoError, match=r"sound\.wav holds no video, only audio"):
            HolisticExtractor()(write_sound(tmp_path / "sound.wav"))

    def test_the_cover_of_a_song_is_no_video(self, tmp_path):
        with pytest.raises(VideoError, match=r"song\.m4a holds no video, only audio"):
            HolisticExtractor()(write_song(tmp_path / "song.m4a"))

    def test_a_video_whose_index_is_cut_off(self, clip_paths, tmp_path):
        path = tmp_path / "cut.mp4"
        path.write_bytes(clip_paths["hoy"].read_bytes()[:3000])
        with pytest.raises(VideoError, match=r"cut\.mp4"):
            HolisticExtractor()(path)

    def test_what_ffmpeg_logs_of_a_file_is_told_each_time_and_nowhere_else(self, tmp_path, caplog, capfd):
        whole = write_video(tmp_path / "whole.mp4", noise(5)).read_bytes()
        path = tmp_path / "cut.mp4"
        path.write_bytes(whole[: len(whole) // 2])
        for _ in range(2):
            with pytest.raises(VideoError, match=r"cut\.mp4 cannot be read .*: moov atom not found\)"):
                probe_video(path)
        assert av.logging.get_level() is None
        assert not caplog.records
        assert capfd.readouterr().err == ""

    def test_no_frames(self):
        with pytest.raises(ValueError, match="no frames"):
            HolisticExtractor()(iter([]))

    @pytest.mark.parametrize(
        "frame",
        [
            np.zeros((4, 4), np.uint8),
            np.zeros((4, 4, 4), np.uint8),
            np.zeros((4, 0, 3), np.uint8),
            np.zeros((4, 4, 3), np.float32),
            [[1, 2, 3]],
        ],
    )
    def test_frames_that_are_not_rgb_bytes(self, frame):
        with pytest.raises(ValueError, match="RGB, uint8"):
            HolisticExtractor()([frame])

    @pytest.mark.parametrize("fps", [0, -1, float("nan")])
    def test_a_rate_that_is_not_positive(self, fps):
        with pytest.raises(ValueError, match="fps"):
            HolisticExtractor()([np.zeros((4, 4, 3), np.uint8)], fps=fps)

    def test_unusable_settings(self):
        with pytest.raises(ValueError, match="frame_size"):
            HolisticExtractor(frame_size=0)
        with pytest.raises(ValueError, match="min_confidence"):
            HolisticExtractor(min_confidence=2)
