"""Video to landmarks, with MediaPipe Holistic."""

import logging
import os
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence, Sized
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any, Self

import numpy as np

from .landmarker_slr import resolve_landmarker
from .landmarks_slr import DETECTED_GROUPS, NUM_LANDMARKS, Landmarks

logger = logging.getLogger(__name__)

#: Called with the frames done, and their total where it is known.
Progress = Callable[[int, int | None], None]

#: A frame's time in seconds, where it is known, and its RGB picture `(height, width, 3)`.
TimedFrame = tuple[float | None, np.ndarray]

#: Without a frame rate the landmarker, which tracks, is told this one.
ASSUMED_FPS = 30.0

#: The formats that are opened, by FFmpeg's names; those of sound give a clearer message. Not among them: pictures, and
#: playlists, with which a file would make FFmpeg open other files and addresses.
_FORMATS = (
    "3gp,asf,av1,avi,dv,flv,gif,h261,h263,h264,hevc,ivf,m4v,matroska,mjpeg,mov,mp4,mpeg,mpegts,mpegvideo,mxf,nut,obu,"
    "ogg,rm,webm,wtv,yuv4mpegpipe,aac,flac,mp3,wav"
)

#: The most pixels of a frame: 8K and a little more. A header may claim any size, and memory is taken for it.
LARGEST_FRAME = 36_000_000

#: The longest side of a pixel, counted in its shorter one. A header may claim any, and memory is taken for it.
_LONGEST_PIXEL = Fraction(10)

#: Held while PyAV's log, which a process has one of, is on.
_LOG_IS_ON = Lock()

_DECODER_OPTIONS = {"max_pixels": str(LARGEST_FRAME)}


class VideoError(ValueError):
    """A file cannot be read as a video. The message names the file, and says what was found."""


@dataclass(frozen=True)
class VideoInfo:
    """What a video file says of itself.

    Args:
        fps: Frames per second as the file states or FFmpeg guesses them, or `None`.
        width: Width in pixels of a frame as players show it: upright, with square pixels.
        height: Height in pixels of such a frame.
        frames: The number of frames the file announces, or `None`; see `count_frames`.
    """

    fps: float | None
    width: int
    height: int
    frames: int | None


def probe_video(path: str | os.PathLike[str]) -> VideoInfo:
    """Reads what a video says of itself, and its first frame.

    Args:
        path: A video file of any format that FFmpeg reads.

    Raises:
        VideoError: If the file is missing, no video, or has no frame that can be decoded.
        ImportError: If PyAV is not installed.
    """
    with open_video(path) as stream:
        frame, pixel_shape = next(_decoded(stream, path))
        rate = stream.average_rate or stream.guessed_rate
        size = _shown_size(frame, pixel_shape, _orientation(frame))
        return VideoInfo(float(rate) if rate else None, *size, _announced(stream) or None)


def count_frames(path: str | os.PathLike[str]) -> int | None:
    """Reads how many frames a video says it has, without decoding any.

    Args:
        path: A video file of any format that FFmpeg reads.

    Returns:
        The number without the frames that are stored and not shown, as those of a clip that was cut without encoding it
        again; `None` where the file does not say.

    Raises:
        VideoError: If the file is missing or no video.
        ImportError: If PyAV is not installed.
    """
    with open_video(path) as stream:
        return _announced(stream) or None


def read_frames(path: str | os.PathLike[str], frame_size: int) -> Generator[TimedFrame, None, None]:
    """Decodes a video frame by frame, as players show it: upright, with square pixels.

    One frame is in memory at a time.

    Args:
        path: A video file of any format that FFmpeg reads.
        frame_size: Pixels of the shorter side; larger frames are scaled down to it.

    Yields:
        The time of each frame in seconds from the start of the file, and the frame as RGB uint8 `(height, width, 3)`.
        All have the size of the first: where a video changes its size, later ones are scaled into that, between black
        bars where they have another shape.

    Raises:
        VideoError: If the file is missing, no video, or has no frame that can be decoded. Where only its first part can
            be decoded, that part is given, with a warning.
        ImportError: If PyAV is not installed.
    """
    with open_video(path) as stream:
        stream.thread_type = "AUTO"
        # Broadcasts and discs begin at any time, for which players show 0; of two clocks the stream's is the exact one.
        start = Fraction(stream.container.start_time or 0, _av().time_base)
        begin = float(round(start / stream.time_base) * stream.time_base)
        size: tuple[int, int] | None = None
        orientation: tuple[bool, bool, bool] | None = None
        reformatter = _av().video.reformatter.VideoReformatter()
        for frame, pixel_shape in _decoded(stream, path):
            time = None if frame.time is None else frame.time - begin
            orientation = orientation or _orientation(frame)
            shown = _scaled(*_shown_size(frame, pixel_shape, orientation), frame_size)
            size = size or shown
            yield time, _fitted(_shown_picture(reformatter, frame, orientation, *shown), *size)


class HolisticExtractor:
    """Finds the landmarks of a clip with MediaPipe Holistic.

    Every clip gets a landmarker of its own, since a landmarker keeps tracking what it saw last.

    Args:
        model_path: Bundle of landmark models; `resolve_landmarker` finds one when left out.
        frame_size: Pixels of the shorter side of the frames that the landmarker sees; larger ones are scaled down.
            On 720p clips, the shares of frames in which face, body and hands are found change by at most 0.05 at 640,
            and by up to 0.16 at 480, which saves little time.
        min_confidence: Confidence below which a detection does not count, from 0 to 1.

    Example:
        >>> extract = HolisticExtractor()
        >>> extract("clip.mp4").coordinates.shape  # doctest: +SKIP
        (64, 543, 3)
    """

    def __init__(
        self,
        model_path: str | os.PathLike[str] | None = None,
        frame_size: int = 640,
        min_confidence: float = 0.5,
    ) -> None:
        if frame_size < 1:
            raise ValueError(f"`frame_size` must be at least 1, but is {frame_size}.")
        if not 0 <= min_confidence <= 1:
            raise ValueError(f"`min_confidence` must be from 0 to 1, but is {min_confidence}.")
        self.model_path = model_path
        self.frame_size = frame_size
        self.min_confidence = min_confidence

    def __call__(
        self,
        source: str | os.PathLike[str] | np.ndarray | Iterable[np.ndarray],
        fps: float | None = None,
        progress: Progress | None = None,
        points: Sequence[int] = range(NUM_LANDMARKS),
    ) -> Landmarks:
        """Finds the landmarks of one clip.

        Args:
            source: A video file, an array `(frames, height, width, 3)` or an iterable of frames `(height, width, 3)`;
                frames are RGB and uint8.
            fps: Frames a second of given frames; in a file, the frames carry their times.
            progress: Called after each frame.
            points: Holistic indices of the landmarks to keep. An hour of video takes 700 MB with all of them.

        Returns:
            Landmarks float32 `(frames, points, 3)`, NaN where nothing was detected. Width and height are those of the
            frames as players show them, before scaling.

        Raises:
            VideoError: If a file cannot be read as a video.
            ValueError: If there is no frame, a frame is not RGB and uint8, or `fps` is not positive.
            LandmarkerError: If the landmark models are missing or unusable.
            ImportError: If mediapipe or PyAV is not installed.
        """
        if fps is not None and not fps > 0:
            raise ValueError(f"`fps` must be positive, but is {fps}. Leave it out where it is unknown.")
        if isinstance(source, str | os.PathLike):
            info = probe_video(source)
            frames = read_frames(source, self.frame_size)
        else:
            total = len(source) if isinstance(source, Sized) else None
            pictures = iter(source)
            first = next(pictures, None)
            if first is None:
                raise ValueError("The clip has no frames. Pass at least one.")
            _check_frame(first)
            info = VideoInfo(fps, first.shape[1], first.shape[0], total)
            frames = self._shrunk(chain([first], pictures))
        columns, count = list(points), 0
        found = np.empty((0, len(columns), 3), np.float32)
        times: list[float] = []
        with closing(frames), closing(_one_ahead(frames)) as upcoming, closing(self.detect(upcoming, info.fps)) as each:
            for time, coordinates in each:
                if count == len(found):
                    # It grows where it is: a list of frames would be held twice when they are joined.
                    found.resize((count * 2 or 64, *found.shape[1:]), refcheck=False)
                found[count] = coordinates[columns]
                count += 1
                if time is not None:
                    times.append(time)
                if progress is not None:
                    progress(count, info.frames)
        found.resize((count, *found.shape[1:]), refcheck=False)
        return Landmarks(found, tuple(columns), _mean_rate(times) or info.fps, info.width, info.height)

    def fetch(self) -> None:
        """Finds the landmark models now and not with the first clip; downloads them where there are none.

        Raises:
            LandmarkerError: If they are missing, unusable, or cannot be downloaded.
        """
        self.model_path = resolve_landmarker(self.model_path)

    @staticmethod
    def open(path: str | os.PathLike[str]) -> AbstractContextManager[Any]:
        """Opens a video that may come from a stranger; see `open_video`."""
        return open_video(path)

    def frames(self, path: str | os.PathLike[str]) -> Generator[TimedFrame, None, None]:
        """Reads a video as the landmarker sees it, one frame at a time, for example to draw on; see `read_frames`."""
        return read_frames(path, self.frame_size)

    def _shrunk(self, pictures: Iterable[np.ndarray]) -> Generator[TimedFrame, None, None]:
        for picture in pictures:
            _check_frame(picture)
            height, width = picture.shape[:2]
            yield None, _resized(picture, *_scaled(width, height, self.frame_size))

    def track(self, fps: float | None = None) -> "LandmarkTracker":
        """Starts a landmarker for the pictures of one camera or video, given one by one; use it in `with`.

        Args:
            fps: Pictures a second where they are given without a time.

        Raises:
            LandmarkerError: If the landmark models are missing or unusable.
            ImportError: If mediapipe is not installed.
        """
        return LandmarkTracker(self.model_path, self.frame_size, self.min_confidence, fps)

    def detect(
        self, frames: Iterable[TimedFrame], fps: float | None = None
    ) -> Generator[tuple[float | None, np.ndarray], None, None]:
        """Finds landmarks frame by frame as frames come: of a camera, or of a video too long to keep.

        Args:
            frames: Times in seconds, rising, or `None`; and RGB uint8 pictures `(height, width, 3)`, at best no larger
                than `frame_size`, as those of `frames`.
            fps: Frames a second where times are `None`.

        Yields:
            The time of each frame, and its landmarks float32 `(543, 3)`, NaN where nothing was detected.

        Raises:
            ValueError: If a frame is not RGB and uint8.
            LandmarkerError: If the landmark models are missing or unusable.
            ImportError: If mediapipe is not installed.
        """
        with self.track(fps) as tracker:
            for time, picture in frames:
                yield time, tracker(picture, time)


class LandmarkTracker:
    """Finds the landmarks of one picture after the other, and follows the signer from each to the next.

    It holds a landmarker of about 200 MB until it is closed. `HolisticExtractor.track` makes one.

    Args:
        model_path: See `HolisticExtractor`.
        frame_size: See `HolisticExtractor`.
        min_confidence: See `HolisticExtractor`.
        fps: Pictures a second where they are given without a time.

    Raises:
        LandmarkerError: If the landmark models are missing or unusable.
        ImportError: If mediapipe is not installed.

    Example:
        >>> with HolisticExtractor().track() as tracker:  # doctest: +SKIP
        ...     coordinates = tracker(picture, time=0.5)
    """

    def __init__(
        self,
        model_path: str | os.PathLike[str] | None,
        frame_size: int,
        min_confidence: float,
        fps: float | None = None,
    ) -> None:
        try:
            import mediapipe as mp
            from mediapipe.tasks.python.core.base_options import BaseOptions
            from mediapipe.tasks.python.vision import HolisticLandmarker, HolisticLandmarkerOptions, RunningMode
        except ImportError as error:
            raise ImportError("Finding landmarks needs MediaPipe: pip install mediapipe==0.10.33") from error

        options = HolisticLandmarkerOptions(
            base_options=BaseOptions(model_asset_path=str(resolve_landmarker(model_path))),
            running_mode=RunningMode.VIDEO,
            min_face_detection_confidence=min_confidence,
            min_face_landmarks_confidence=min_confidence,
            min_pose_detection_confidence=min_confidence,
            min_pose_landmarks_confidence=min_confidence,
            min_hand_landmarks_confidence=min_confidence,
        )
        self.fps = fps or ASSUMED_FPS
        self.frame_size = frame_size
        self._mediapipe = mp
        self._landmarker: Any = HolisticLandmarker.create_from_options(options)
        self._size: tuple[int, int] | None = None
        self._count, self._timestamp = 0, -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Lets the landmarker go; closing again does nothing."""
        landmarker, self._landmarker = self._landmarker, None
        if landmarker is not None:
            landmarker.close()

    def __call__(self, picture: np.ndarray, time: float | None = None) -> np.ndarray:
        """Finds the landmarks of the next picture.

        Args:
            picture: RGB uint8 `(height, width, 3)`; scaled down where it is larger than `frame_size`, and into the
                size of the first one, between black bars where it has another shape.
            time: When it was taken, in seconds, rising; by default pictures come at `fps`.

        Returns:
            Landmarks float32 `(543, 3)`, NaN where nothing was detected.

        Raises:
            ValueError: If the picture is not RGB and uint8, or the tracker is closed.
        """
        if self._landmarker is None:
            raise ValueError("The tracker is closed. Start another one with `HolisticExtractor.track`.")
        _check_frame(picture)
        if self._size is None:
            # A landmarker breaks when the size of its frames changes, so the first frame's size is kept.
            self._size = _scaled(picture.shape[1], picture.shape[0], self.frame_size)
        moment = self._count / self.fps if time is None else time
        self._count += 1
        self._timestamp = max(self._timestamp + 1, round(moment * 1000))  # must rise
        data = np.ascontiguousarray(_fitted(picture, *self._size))
        image = self._mediapipe.Image(image_format=self._mediapipe.ImageFormat.SRGB, data=data)
        return _coordinates(self._landmarker.detect_for_video(image, self._timestamp))


def _one_ahead(frames: Iterator[TimedFrame]) -> Generator[TimedFrame, None, None]:
    """Has the next frame decoded and scaled while the landmarker looks at this one; neither holds Python's lock."""
    with ThreadPoolExecutor(1) as decoder:
        following = decoder.submit(next, frames, None)
        while (frame := following.result()) is not None:
            following = decoder.submit(next, frames, None)
            yield frame


def _coordinates(result: Any) -> np.ndarray:
    """The landmarks of one frame: `(543, 3)`, NaN for the groups that were not detected."""
    coordinates = np.full((NUM_LANDMARKS, 3), np.nan, np.float32)
    for group, points in DETECTED_GROUPS.items():
        # The face has ten more points at its end: the irises.
        landmarks = getattr(result, f"{group}_landmarks")[: len(points)]
        if landmarks:
            coordinates[points.start : points.stop] = [(point.x, point.y, point.z) for point in landmarks]
    return coordinates


def _mean_rate(times: list[float]) -> float | None:
    """Frames per second of frames shown at these times.

    What browsers record from a webcam comes at an uneven rate, of which the file states nothing or a wish.
    """
    return (len(times) - 1) / (times[-1] - times[0]) if len(times) > 1 and times[-1] > times[0] else None


def _check_frame(picture: np.ndarray) -> None:
    is_array = isinstance(picture, np.ndarray)
    if not is_array or picture.ndim != 3 or picture.shape[2] != 3 or not picture.size or picture.dtype != np.uint8:
        found = f"{picture.dtype} {picture.shape}" if is_array else type(picture).__name__
        raise ValueError(f"A frame must be RGB, uint8 of the shape (height, width, 3), but is {found}.")


def _shown_size(frame: Any, pixel_shape: Fraction, orientation: tuple[bool, bool, bool]) -> tuple[int, int]:
    """Width and height of a frame as players show it; with square pixels, it is stretched and never squeezed."""
    shape = min(max(pixel_shape, 1 / _LONGEST_PIXEL), _LONGEST_PIXEL)
    width, height = round(frame.width * max(shape, 1)), round(frame.height / min(shape, 1))
    return (height, width) if orientation[0] else (width, height)


def _shown_picture(
    reformatter: Any, frame: Any, orientation: tuple[bool, bool, bool], width: int, height: int
) -> np.ndarray:
    """A frame as players show it, in the size given: RGB `(height, width, 3)`."""
    transposed, mirrored, upside_down = orientation
    stored = (height, width) if transposed else (width, height)
    picture = reformatter.reformat(frame, *stored, format="rgb24").to_ndarray()
    if transposed:
        picture = picture.swapaxes(0, 1)
    return np.ascontiguousarray(picture[:: -1 if upside_down else 1, :: -1 if mirrored else 1])


def _orientation(frame: Any) -> tuple[bool, bool, bool]:
    """Whether players swap a frame's axes, then mirror it, then turn it upside down.

    The numbers a, b, c and d of its display matrix bring a point to (ax + cy, bx + dy). They may have rounding errors;
    what is no quarter turn is taken for the nearest one.
    """
    # Of a tiny copy, which has the same: a frame that was asked is part of a cycle, and would stay in memory with all
    # that its decoder has reserved.
    copy = _av().video.reformatter.VideoReformatter().reformat(frame, 2, 2, format="gray")
    matrix = copy.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return False, False, False
    a, b, _, c, d = np.frombuffer(bytes(matrix), np.int32, count=5).tolist()
    if abs(b) + abs(c) > abs(a) + abs(d):
        return True, c < 0, b < 0
    return False, a < 0, d < 0


def _scaled(width: int, height: int, frame_size: int) -> tuple[int, int]:
    """Width and height with the shorter side of at most `frame_size` pixels."""
    scale = min(1.0, frame_size / min(width, height))
    return max(round(width * scale), 1), max(round(height * scale), 1)


def _fitted(picture: np.ndarray, width: int, height: int) -> np.ndarray:
    """Scales a picture into a size, between black bars where it has another shape, since squeezed nobody is found."""
    rows, columns = picture.shape[:2]
    # Of one shape are those that only the rounding of a size tells apart.
    if abs(columns * height - rows * width) <= max(columns, rows):
        return _resized(picture, width, height)
    scale = min(width / columns, height / rows)
    inner = _resized(picture, max(round(columns * scale), 1), max(round(rows * scale), 1))
    fitted = np.zeros((height, width, 3), np.uint8)
    top, left = (height - inner.shape[0]) // 2, (width - inner.shape[1]) // 2
    fitted[top : top + inner.shape[0], left : left + inner.shape[1]] = inner
    return fitted


def _resized(picture: np.ndarray, width: int, height: int) -> np.ndarray:
    if picture.shape[:2] == (height, width):
        return picture
    frame = _av().VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
    return frame.reformat(width=width, height=height).to_ndarray()


def _av() -> Any:
    try:
        import av
    except ImportError as error:
        raise ImportError("Reading videos needs PyAV: pip install av") from error
    return av


@contextmanager
def open_video(path: str | os.PathLike[str]) -> Iterator[Any]:
    """Opens a video that may come from a stranger: nothing but this file is read, and no huge frame is decoded.

    Args:
        path: A video file of a common format, such as MP4 or WebM.

    Yields:
        PyAV's stream of the video that players show; the file is its `container`.

    Raises:
        VideoError: If the file is missing or no video.
        ImportError: If PyAV is not installed.
    """
    av = _av()
    if not Path(path).is_file():
        raise VideoError(f"There is no file {path}.")
    try:
        container = _opened(path)
    except (av.error.FFmpegError, ValueError) as error:
        # FFmpeg says so of formats that are not on the list.
        unlisted = isinstance(error, av.error.ArgumentError)
        reason = (
            "a picture, a playlist, or another format that is not read" if unlisted else _logged_reason(path, error)
        )
        raise VideoError(f"{path} cannot be read as a video ({reason}). Use a format such as MP4 or WebM.") from error
    with container:
        stream = _video_stream(container, path)
        # The options above are for the decoder that looks into the file, these for the one that decodes it.
        stream.codec_context.options = dict(_DECODER_OPTIONS)
        yield stream


def _opened(path: str | os.PathLike[str]) -> Any:
    options = {"format_whitelist": _FORMATS, "protocol_whitelist": "file", **_DECODER_OPTIONS}
    # Of "12:30.mp4" FFmpeg would take what stands before the colon for a protocol.
    return _av().open(Path(path).absolute(), options=options)


def _logged_reason(path: str | os.PathLike[str], error: Exception) -> str:
    """Why a file cannot be opened, with what FFmpeg logs of it, such as that an MP4 lacks its index.

    It is opened once more for that, since PyAV keeps the log off: while it is on, decoders wait for Python's lock.
    """
    logging_of_av = _av().logging
    with _LOG_IS_ON:
        level = logging_of_av.get_level()
        logging_of_av.set_level(logging_of_av.PANIC)  # errors come with the exception in any case
        try:
            _opened(path).close()
        except (_av().error.FFmpegError, ValueError) as same:
            error = same
        finally:
            logging_of_av.set_level(level)
    logged = getattr(error, "log", None)
    return f"{_reason(error)}: {logged[2].strip()}" if logged else _reason(error)


def _reason(error: Exception) -> str:
    """What FFmpeg says, without the number and the name that come with it."""
    return getattr(error, "strerror", None) or str(error)


def _video_stream(container: Any, path: str | os.PathLike[str]) -> Any:
    """The track that players show: the first that the file marks as the default one, or else the first."""
    streams = [stream for stream in container.streams.video if not _is_picture(stream)]
    if not streams:
        kinds = {"picture" if stream.type == "video" else stream.type for stream in container.streams}
        raise VideoError(f"{path} holds no video, only {', '.join(sorted(kinds)) or 'nothing'}.")
    default = _av().stream.Disposition.default
    shown = next((stream for stream in streams if stream.disposition & default), streams[0])
    if shown.codec_context is None:  # FFmpeg has no decoder
        raise VideoError(f"{path} holds a video of an unknown codec. Use a common one such as H.264 or VP9.")
    return shown


def _is_picture(stream: Any) -> bool:
    """Whether what FFmpeg calls a video is the cover of a song, or a picture as phones take them."""
    is_cover = bool(stream.disposition & _av().stream.Disposition.attached_pic)
    # HEIC and AVIF are forms of MP4: what is no track lasts no time.
    return is_cover or (_is_mp4(stream) and stream.frames == 1 and stream.duration is None)


def _is_mp4(stream: Any) -> bool:
    return "mp4" in stream.container.format.name.split(",")


def _decoded(stream: Any, path: str | os.PathLike[str]) -> Iterator[tuple[Any, Fraction]]:
    """Decodes what can be decoded; raises if that is nothing, warns if the end is missing.

    Yields:
        Each frame, and the width of its pixels as a share of their height.
    """
    decoder, count = stream.codec_context, 0
    try:
        for frame in stream.container.decode(stream):
            met = decoder.sample_aspect_ratio
            if not count:
                at_first = met
            count += 1
            # What the file states counts, as in players, until the decoder meets another shape in mid-stream.
            yield frame, (stream.sample_aspect_ratio if met == at_first else met) or Fraction(1)
    except _av().error.FFmpegError as error:
        if not count:
            # The size of a frame that is refused is often unknown.
            too_large = not 0 < stream.width * stream.height <= LARGEST_FRAME
            limit = f", or its frames have more than {LARGEST_FRAME // 10**6} million pixels" if too_large else ""
            raise VideoError(f"{path} cannot be decoded ({_reason(error)}){limit}. Export it again.") from error
        logger.warning("%s is damaged after %d frames (%s). The rest is left out.", path, count, _reason(error))
    else:
        if not count:
            raise VideoError(f"{path} has no frame that can be decoded. Record or export it again.")
        if count < (announced := _announced(stream)):
            logger.warning("%s announces %d frames, but only %d can be decoded.", path, announced, count)


def _announced(stream: Any) -> int:
    """The frames that a file says it shows, 0 where it does not say: those of the edit list, where there is one."""
    # Other formats, and MP4 that says no number, may list some frames only, such as those that one can jump to.
    lists_all = stream.frames and _is_mp4(stream)
    return sum(not entry.is_discard for entry in stream.index_entries) if lists_all else stream.frames


__all__ = [
    "ASSUMED_FPS",
    "LARGEST_FRAME",
    "HolisticExtractor",
    "LandmarkTracker",
    "Progress",
    "TimedFrame",
    "VideoError",
    "VideoInfo",
    "count_frames",
    "open_video",
    "probe_video",
    "read_frames",
]
