"""Videos that people send by accident or in bad faith, small enough to be made anew for each test.

`HOSTILE_VIDEOS` is the table: what each is, how to write it, and whether it can be read.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np


def write_video(
    path: Path,
    frames: list[np.ndarray],
    rotation: int = 0,
    rate: int = 30,
    times: list[int] | None = None,
    options: dict[str, str] | None = None,
    codec: str = "mpeg4",
    pixel_format: str = "yuv420p",
    codec_options: dict[str, str] | None = None,
    pixel_shape: Fraction | None = None,
    matrix: tuple[float, float, float, float] | None = None,
) -> Path:
    """Writes RGB or RGBA frames; `rotation` is noted in the file, as a phone does that is held upright.

    `times` are in steps of 1 / rate, one after the other when left out. `pixel_shape` is the width of a pixel as a
    share of its height. `matrix` is another way to turn frames, and to mirror them: it brings a point (x, y) to
    (ax + cy, bx + dy).
    """
    with av.open(path, "w", options=options or {}) as container:
        stream = container.add_stream(codec, rate=rate, options=codec_options or {})
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt, stream.bit_rate = pixel_format, 8_000_000
        if rotation:
            stream.set_display_rotation(rotation)
        if pixel_shape:
            stream.codec_context.sample_aspect_ratio = pixel_shape
        if matrix:
            a, b, c, d = (int(number * 2**16) for number in matrix)
            stream.set_display_matrix([a, b, 0, c, d, 0, 0, 0, 2**30])
        for index, frame in enumerate(frames):
            layout = "rgba" if frame.shape[2] == 4 else "rgb24"
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format=layout)
            picture.pts, picture.time_base = times[index] if times else index, Fraction(1, rate)
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return path


def cut_losslessly(source: Path, path: Path, begin: int, end: int) -> Path:
    """Cuts a video as phones and `ffmpeg -c copy` do: frames before `begin` are stored, but an edit list hides them."""
    with av.open(source) as original, av.open(path, "w", options={"movflags": "faststart"}) as container:
        stream = original.streams.video[0]
        copy = container.add_stream_from_template(stream)
        frame = round(1 / (stream.average_rate * stream.time_base))
        for packet in original.demux(stream):
            if packet.pts is not None and packet.pts < end * frame:
                packet.pts -= begin * frame
                packet.dts -= begin * frame
                packet.stream = copy
                container.mux(packet)
    return path


def write_sound(path: Path) -> Path:
    """Writes a second of silence."""
    with av.open(path, "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.int16), format="s16", layout="mono")
        sound.sample_rate = 8000
        container.mux(stream.encode(sound))
        container.mux(stream.encode())
    return path


def write_song(path: Path, cover: bool = True) -> Path:
    """Writes sound alone into an MP4 file, or sound with a cover, which comes as a video of one picture."""
    with av.open(path, "w", format="mp4") as container:
        sound = container.add_stream("aac", rate=8000)
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.float32), format="fltp", layout="mono")
        silence.sample_rate = 8000
        packets = [*sound.encode(silence), *sound.encode()]
        if cover:
            image = container.add_stream("mjpeg", rate=1)
            image.height, image.width, image.pix_fmt = 48, 64, "yuvj420p"
            image.disposition = av.stream.Disposition.attached_pic
            picture = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")
            packets = [*image.encode(picture), *image.encode(), *packets]
        container.mux(packets)
    return path


def noise(count: int, height: int = 48, width: int = 64, channels: int = 3) -> list[np.ndarray]:
    """Frames that compress badly, so that every part of a file holds some of them."""
    random = np.random.default_rng(0)
    return [random.integers(0, 255, (height, width, channels), np.uint8) for _ in range(count)]


def black(count: int, height: int = 48, width: int = 64) -> list[np.ndarray]:
    """Frames that take next to no space."""
    return [np.zeros((height, width, 3), np.uint8)] * count


def _bytes(content: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content)


def _cut(path: Path, share: float, **options: dict[str, str]) -> None:
    """A file of which the end is missing."""
    content = write_video(path, noise(40), **options).read_bytes()
    path.write_bytes(content[: int(len(content) * share)])


def _without_frames(path: Path) -> None:
    """A file that ends where its frames would begin."""
    content = write_video(path, noise(5), options={"movflags": "faststart"}).read_bytes()
    path.write_bytes(content[: content.index(b"mdat") + 4])


def _with_hole(path: Path, begin: float, end: float) -> None:
    """A file with zeros in the middle."""
    content = bytearray(write_video(path, noise(40)).read_bytes())
    first, last = int(len(content) * begin), int(len(content) * end)
    content[first:last] = bytes(last - first)
    path.write_bytes(content)


def _replaced(path: Path, box: bytes, offset: int, value: bytes) -> None:
    """An MP4 file with other bytes, `offset` bytes behind the name of a box."""
    content = bytearray(write_video(path, noise(5)).read_bytes())
    begin = content.index(box) + len(box) + offset
    content[begin : begin + len(value)] = value
    path.write_bytes(content)


def _two_sizes(path: Path) -> None:
    """A broadcast that changes the size of its frames, as MPEG-TS may."""
    parts = []
    for number, frames in enumerate((noise(5), noise(5, height=96, width=128))):
        part = path.with_name(f"part-{number}.ts")
        parts.append(write_video(part, frames, codec="libx264").read_bytes())
        part.unlink()
    path.write_bytes(b"".join(parts))


def _song_named_as_video(path: Path) -> None:
    write_song(path, cover=False)


def _subtitles(path: Path) -> None:
    path.write_text("1\n00:00:00,000 --> 00:00:01,000\nHello\n", encoding="utf-8")


def _picture(path: Path, codec: str, pixel_format: str) -> Path:
    return write_video(path, noise(1), codec=codec, pixel_format=pixel_format, options={"update": "1"})


def _picture_of_a_phone(path: Path, brand: bytes) -> None:
    """A picture in the form of MP4, AVIF or HEIC; the brand is all that differs here."""
    write_video(path.with_suffix(".avif"), noise(1, 96, 128), codec="libsvtav1").rename(path)
    path.write_bytes(path.read_bytes().replace(b"ftypavif", b"ftyp" + brand))


def _concat_script(path: Path) -> None:
    """A script that shows another file, which may be somebody else's."""
    write_video(path.with_name("neighbour.mp4"), noise(5))
    path.write_text("ffconcat version 1.0\nfile neighbour.mp4\n", encoding="utf-8")


def _gif(width: int, height: int) -> bytes:
    """A GIF of two colours whose header claims a size; its only line of pixels ends at once."""
    header = b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    control = b"\x21\xf9\x04\0\x0a\0\0\0"
    return (
        header + (control + b"\x2c" + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\x02\x02\x44\x01\0") * 2 + b";"
    )


@dataclass(frozen=True)
class HostileVideo:
    """A row of the table.

    Args:
        make: Writes the file.
        suffix: The ending of its name.
        frames: How many frames can be read; 0 where it is refused; `None` where that depends on the decoder.
        refused: A pattern of the message where it is refused.
    """

    make: Callable[[Path], object]
    suffix: str = ".mp4"
    frames: int | None = 0
    refused: str = ""

    @property
    def is_readable(self) -> bool:
        """Whether at least a part of it can be read."""
        return self.frames != 0


_UNREADABLE = "cannot be read as a video"
_OTHER_FORMAT = "another format that is not read"
_NO_PICTURE = "holds no video, only "
_ONLY_PICTURE = _NO_PICTURE + "picture"
_UNDECODABLE = "cannot be decoded|no frame that can be decoded"
_TOO_LARGE = "million pixels"

HOSTILE_VIDEOS: dict[str, HostileVideo] = {
    # No video at all.
    "zero byte": HostileVideo(_bytes(b""), refused=_UNREADABLE),
    "zeros": HostileVideo(_bytes(bytes(100_000)), refused=_UNREADABLE),
    "random bytes": HostileVideo(_bytes(np.random.default_rng(0).bytes(100_000)), refused=_UNREADABLE),
    "letter": HostileVideo(_bytes(b"This is a letter, not a film.\n" * 100), refused=_UNREADABLE),
    "zip archive": HostileVideo(_bytes(b"PK\x05\x06" + bytes(18)), refused=_UNREADABLE),
    "web page": HostileVideo(_bytes(b"<!DOCTYPE html><html><body>404</body></html>"), refused=_UNREADABLE),
    "subtitles": HostileVideo(_subtitles, refused=_OTHER_FORMAT),
    "sound": HostileVideo(write_sound, ".wav", refused=_NO_PICTURE + "audio"),
    "sound in mp4": HostileVideo(_song_named_as_video, refused=_NO_PICTURE + "audio"),
    "song with cover": HostileVideo(write_song, ".m4a", refused=_NO_PICTURE + "audio"),
    # Pictures.
    "png picture": HostileVideo(lambda path: _picture(path, "png", "rgb24"), ".png", refused=_OTHER_FORMAT),
    "jpeg picture": HostileVideo(lambda path: _picture(path, "mjpeg", "yuvj420p"), ".jpg", refused=_OTHER_FORMAT),
    "picture named as a video": HostileVideo(
        lambda path: _picture(path.with_suffix(".png"), "png", "rgb24").rename(path), refused=_OTHER_FORMAT
    ),
    "avif picture": HostileVideo(lambda path: _picture_of_a_phone(path, b"avif"), ".avif", refused=_ONLY_PICTURE),
    "heic picture": HostileVideo(lambda path: _picture_of_a_phone(path, b"heic"), ".heic", refused=_ONLY_PICTURE),
    "heic picture named as a video": HostileVideo(
        lambda path: _picture_of_a_phone(path, b"mif1"), refused=_ONLY_PICTURE
    ),
    # Files that make FFmpeg open other files.
    "playlist": HostileVideo(
        _bytes(b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n/etc/passwd\n#EXT-X-ENDLIST\n"), refused=_UNREADABLE
    ),
    "playlist of the web": HostileVideo(
        _bytes(b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n"),
        ".m3u8",
        refused=_OTHER_FORMAT,
    ),
    "concat script": HostileVideo(_concat_script, refused=_OTHER_FORMAT),
    # Damaged.
    "truncated, index lost": HostileVideo(lambda path: _cut(path, 0.5), refused=_UNREADABLE),
    "truncated, index first": HostileVideo(
        lambda path: _cut(path, 0.5, options={"movflags": "faststart"}), frames=None
    ),
    "truncated stream": HostileVideo(lambda path: _cut(path, 0.5), ".ts", frames=None),
    "truncated matroska": HostileVideo(lambda path: _cut(path, 0.5), ".mkv", frames=None),
    "corrupt middle": HostileVideo(lambda path: _with_hole(path, 0.4, 0.6), frames=None),
    "corrupt middle of a stream": HostileVideo(lambda path: _with_hole(path, 0.4, 0.6), ".ts", frames=None),
    "only head and tail are left": HostileVideo(lambda path: _with_hole(path, 0.01, 0.99), frames=None),
    "no frame": HostileVideo(_without_frames, refused=_UNDECODABLE),
    # Sizes.
    "huge dimensions": HostileVideo(_bytes(_gif(16_000, 16_000)), ".gif", refused=_TOO_LARGE),
    "impossible dimensions": HostileVideo(_bytes(_gif(65_535, 65_535)), ".gif", refused=_TOO_LARGE),
    "no dimensions": HostileVideo(_bytes(_gif(0, 0)), ".gif", refused=_UNREADABLE),
    "huge index": HostileVideo(lambda path: _replaced(path, b"stsz", 8, b"\x7f\xff\xff\xff"), refused=_UNREADABLE),
    "huge box": HostileVideo(lambda path: _replaced(path, b"ftyp", -8, b"\x7f\xff\xff\xff"), refused=_UNREADABLE),
    "1x1": HostileVideo(lambda path: write_video(path, noise(5, 1, 1), codec="ffv1", pixel_format="bgr0"), ".mkv", 5),
    "odd size": HostileVideo(lambda path: write_video(path, noise(5, 33, 47)), ".mkv", 5),
    "very wide": HostileVideo(
        lambda path: write_video(path, black(3, 16, 8000), codec="mjpeg", pixel_format="yuvj420p"), ".mkv", 3
    ),
    "8K": HostileVideo(
        lambda path: write_video(path, black(1, 4320, 7680), codec="mjpeg", pixel_format="yuvj420p"), ".mkv", 1
    ),
    "two sizes": HostileVideo(_two_sizes, ".ts", 10),
    # Time.
    "one frame": HostileVideo(lambda path: write_video(path, noise(1)), frames=1),
    "one hour": HostileVideo(lambda path: write_video(path, black(3601, 16, 16), rate=1), frames=3601),
    "variable frame rate": HostileVideo(lambda path: write_video(path, noise(5), times=[0, 2, 5, 6, 15]), ".mkv", 5),
    "frames a day apart": HostileVideo(lambda path: write_video(path, noise(2), rate=1, times=[0, 86_400]), ".mkv", 2),
    "1000 frames a second": HostileVideo(lambda path: write_video(path, noise(5), rate=1000), frames=5),
    # What cameras and editors write.
    "rotated": HostileVideo(lambda path: write_video(path, noise(5), rotation=90), frames=5),
    "wrong ending": HostileVideo(lambda path: write_video(path.with_suffix(".mkv"), noise(5)).rename(path), ".mp4", 5),
    "animation": HostileVideo(lambda path: write_video(path, black(5), codec="gif", pixel_format="rgb8"), ".gif", 5),
    "animation of pictures": HostileVideo(
        lambda path: write_video(path, noise(5, 96, 128), codec="libsvtav1"), ".avif", 5
    ),
    "alpha channel": HostileVideo(
        lambda path: write_video(path, noise(5, channels=4), codec="qtrle", pixel_format="argb"), ".mov", 5
    ),
    "alpha channel of the web": HostileVideo(
        lambda path: write_video(path, noise(5, channels=4), codec="libvpx-vp9", pixel_format="yuva420p"), ".webm", 5
    ),
    "10-bit": HostileVideo(
        lambda path: write_video(path, noise(5), codec="libx264", pixel_format="yuv420p10le"), frames=5
    ),
    "12-bit": HostileVideo(
        lambda path: write_video(path, noise(5), codec="ffv1", pixel_format="yuv420p12le"), ".mkv", 5
    ),
    "grey": HostileVideo(lambda path: write_video(path, noise(5), codec="ffv1", pixel_format="gray"), ".mkv", 5),
}
