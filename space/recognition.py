"""One request: from a video to the answer, to the moments that decided it, and to the video with the skeleton drawn.

What opens visitors' files, `find_landmarks`, `draw` and `open_camera`, runs in processes of its own; see `isolation`.
"""

import base64
import io
import logging
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any
from uuid import uuid4

import limits
import numpy as np
from isolation import Answer, Isolation, Product, Progress, Refused, Run

logger = logging.getLogger(__name__)

#: Into how many moments a clip is cut, to show which of them decided.
NUM_MOMENTS = 8

#: Height in pixels of the picture of a moment, and of the shorter side of the drawn video.
MOMENT_HEIGHT, DRAWN_SIZE = 108, 480

#: Mean brightness of all pixels, from 0 to 255, below which a video is too dark.
DARK = 40


@dataclass(frozen=True)
class Moment:
    """A stretch of the clip.

    Args:
        begin: Its begin in seconds.
        end: Its end in seconds.
        weight: Its share in the answer, from 0 to 1.
        picture: A frame of its middle, as a `data:` address of a JPEG file; empty until the video was drawn.
    """

    begin: float
    end: float
    weight: float
    picture: str = ""


@dataclass(frozen=True)
class Outcome:
    """What is known of a request so far.

    Args:
        problem: The key of the text that says why there is no answer; empty where there is one.
        predictions: The best glosses, each with its probability.
        confidence: The probability that the first of them is right.
        warnings: Keys of the texts that say why the answer may be poor.
        moments: The stretches of the clip, and what each counted.
        video: The file of the video with the skeleton drawn, when it is ready.
    """

    problem: str = ""
    predictions: tuple[tuple[str, float], ...] = ()
    confidence: float = 0.0
    warnings: tuple[str, ...] = ()
    moments: tuple[Moment, ...] = field(default=(), repr=False)
    video: str | None = None


def duration(extractor: Any, video: str | Path) -> float:
    """The length of a video in seconds, from the times of its packets: browsers record without a length in the header.

    Those that the video stores and does not show, as after a cut without encoding it again, do not count.

    Args:
        extractor: A `HolisticExtractor`, which opens the video.
        video: The file.

    Raises:
        ValueError: If it is no video, or one without frames.
        Refused: If its frames are too large.
    """
    with extractor.open(video) as stream:
        if stream.width * stream.height > limits.LARGEST_MEGAPIXELS * 1e6:
            raise Refused("too_large")
        times = [
            packet.pts for packet in stream.container.demux(stream) if packet.pts is not None and not packet.is_discard
        ]
        if not times or stream.time_base is None:
            raise ValueError(f"{video} holds no frames.")
        return float((max(times) - min(times)) * stream.time_base)


def recognize(
    recognizer: Any,
    video: str | Path | None,
    mirror: bool,
    progress: Progress,
    folder: str | Path,
    top_k: int = limits.NUM_ANSWERS,
    run: Run = Isolation(),  # noqa: B008 - it never changes
) -> Generator[Outcome, None, None]:
    """Answers a video, step by step.

    Args:
        recognizer: A `SignRecognitionPipeline`.
        video: The file.
        mirror: Whether to swap the signer's sides.
        progress: Told how far the request is.
        folder: Where to put the drawn video.
        top_k: How many glosses to answer with.
        run: How work on the file is done.

    Yields:
        The answer; then the same with the moments' pictures and the drawn video, whose file the caller deletes.

    Raises:
        Refused: If the video is missing, not readable, or over a limit.
    """
    if video is None:
        raise Refused("no_video")
    deadline = time.monotonic() + limits.LONGEST_ANSWER
    work: tuple[Any, ...] = (find_landmarks, recognizer.extractor, video)
    recognizer.extractor.fetch()  # here, since what looks for landmarks has no network
    # The folder, which an upload has for itself: when somebody else uploads the same video, Gradio replaces the file,
    # and who may read the old one may not read the new one.
    upload = Path(video).parent
    reads = (upload, recognizer.extractor.model_path)
    found, coordinates = run(*work, progress=progress, deadline=deadline, reads=reads)
    landmarks = recognizer.landmarks_class(coordinates, **found)
    answer = recognizer(landmarks, mirror=mirror, top_k=top_k, explain=True)
    outcome = Outcome(
        predictions=tuple((prediction["label"], prediction["score"]) for prediction in answer["predictions"]),
        confidence=answer["confidence"],
        warnings=tuple(answer["warnings"]),
        moments=find_moments(answer.get("times", []), answer.get("frame_weights", [])),
    )
    yield outcome
    Path(folder).mkdir(parents=True, exist_ok=True)
    drawn = Path(folder) / f"{uuid4().hex}.mp4"
    middles = [(moment.begin + moment.end) / 2 for moment in outcome.moments]
    work = (draw, recognizer.extractor, recognizer.draw, video, landmarks, mirror, middles, drawn)
    try:
        seen, _ = run(*work, progress=progress, deadline=deadline, reads=(upload,), writes=(drawn,))
    except BaseException:
        drawn.unlink(missing_ok=True)
        raise
    pictures = zip(outcome.moments, seen["pictures"], strict=True)
    yield replace(
        outcome,
        video=str(drawn),
        moments=tuple(replace(moment, picture=picture) for moment, picture in pictures),
        warnings=outcome.warnings if seen["brightness"] >= DARK else (*outcome.warnings, "too_dark"),
    )


def find_landmarks(extractor: Any, video: str | Path, report: Progress) -> Product:
    """Finds the landmarks of a video within the limits.

    Args:
        extractor: A `HolisticExtractor`.
        video: The file.
        report: Told how far it is.

    Returns:
        Frames a second, width and height; and the coordinates `(frames, 543, 3)`.

    Raises:
        Refused: If the video is not readable or over a limit.
    """
    import av

    try:
        if duration(extractor, video) > limits.LONGEST_SECONDS:
            raise Refused("too_long")
        landmarks = extractor(video, progress=lambda done, total: report("finding", done, total))
    except (ValueError, av.error.FFmpegError) as error:
        logger.warning("A video could not be recognised: %s", error)
        raise Refused("unreadable") from error
    return {"fps": landmarks.fps, "width": landmarks.width, "height": landmarks.height}, landmarks.coordinates


def open_camera(extractor: Any) -> Answer:
    """Begins to look at the pictures of a camera, in a process of its own; see `Isolation.open`.

    Args:
        extractor: A `HolisticExtractor`.

    Returns:
        What answers a picture, with its "time" in seconds among the values: "width" and "height" of it, and the
        coordinates `(543, 3)`.
    """
    tracker = extractor.track()

    def see(values: dict[str, Any], content: bytes) -> Product:
        picture = decode_picture(content)
        return {"width": picture.shape[1], "height": picture.shape[0]}, tracker(picture, values["time"])

    return see


def decode_picture(content: bytes) -> np.ndarray:
    """Decodes a picture of a camera.

    Args:
        content: A JPEG, PNG or WebP file.

    Returns:
        RGB uint8 `(height, width, 3)`.

    Raises:
        Refused: If it is no such file, or too large.
    """
    from PIL import Image

    try:
        with Image.open(io.BytesIO(content), formats=("JPEG", "PNG", "WEBP")) as picture:
            if picture.width * picture.height > limits.LARGEST_MEGAPIXELS * 1e6:
                raise Refused("too_large")
            return np.asarray(picture.convert("RGB"))
    except Image.DecompressionBombError as error:
        raise Refused("too_large") from error
    except (OSError, SyntaxError, ValueError) as error:
        raise Refused("live_failed") from error


def find_moments(times: list[float], weights: list[float]) -> tuple[Moment, ...]:
    """Adds up the weights of frames over equal stretches of the clip.

    Args:
        times: The time of each frame that counted, in seconds.
        weights: What it counted.
    """
    if not times:
        return ()
    step = (times[-1] - times[0]) / max(len(times) - 1, 1)
    edges = np.linspace(times[0] - step / 2, times[-1] + step / 2, min(NUM_MOMENTS, len(times)) + 1).clip(min=0)
    places = np.clip(np.searchsorted(edges, times, side="right") - 1, 0, len(edges) - 2)
    shares = np.bincount(places, weights, minlength=len(edges) - 1)
    return tuple(
        Moment(float(begin), float(end), float(share))
        for begin, end, share in zip(edges[:-1], edges[1:], shares, strict=True)
    )


def draw(
    extractor: Any,
    draw_skeleton: Callable[[np.ndarray, Any, int], np.ndarray],
    video: str | Path,
    landmarks: Any,
    mirror: bool,
    times: list[float],
    path: Path,
    report: Progress,
) -> Product:
    """Draws the skeleton on every frame, and takes pictures.

    Frames are decoded a second time: held in memory since the first, a clip would take a gigabyte.

    Args:
        extractor: A `HolisticExtractor`, which reads the frames.
        draw_skeleton: Draws the landmarks of one frame on its picture.
        video: The file.
        landmarks: What was found in it.
        mirror: Whether to show the video mirrored.
        times: When to take a picture, in seconds.
        path: Where to put the drawn video.
        report: Told how far the drawing is.

    Returns:
        The pictures, and the mean brightness from 0 to 255; and no numbers.
    """
    import av

    total = landmarks.num_frames
    fps = Fraction(landmarks.fps or 30).limit_denominator(1000)
    wanted = [min(int(time * fps), total - 1) for time in times]
    pictures: dict[int, str] = {}
    brightness = 0.0
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as output:
        stream: Any = None
        for index, (_, picture) in enumerate(extractor.frames(video)):
            if index == total:
                break
            report("drawing", index, total)
            brightness += float(picture[::8, ::8].mean())
            drawn = draw_skeleton(picture, landmarks, index)
            if mirror:
                drawn = drawn[:, ::-1]
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(drawn), format="rgb24")
            if stream is None:
                stream = output.add_stream("libx264", rate=fps, options={"preset": "veryfast", "crf": "26"})
                stream.width, stream.height = _drawn_size(frame.width, frame.height)
                stream.pix_fmt = "yuv420p"
            output.mux(stream.encode(frame.reformat(stream.width, stream.height, "yuv420p")))
            if index in wanted:
                pictures[index] = _picture(frame)
        if stream is not None:
            output.mux(stream.encode())
    shown = {"pictures": [pictures.get(index, "") for index in wanted], "brightness": brightness / total}
    return shown, np.empty(0, np.float32)


def _drawn_size(width: int, height: int) -> tuple[int, int]:
    """Width and height of the drawn video: even, as its format asks."""
    scale = min(1.0, DRAWN_SIZE / min(width, height))
    return max(round(width * scale / 2), 1) * 2, max(round(height * scale / 2), 1) * 2


def _picture(frame: Any) -> str:
    """A small JPEG of a frame, as an address that needs no file."""
    small = frame.reformat(max(round(frame.width * MOMENT_HEIGHT / frame.height), 1), MOMENT_HEIGHT)
    buffer = io.BytesIO()
    small.to_image().save(buffer, "JPEG", quality=80)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
