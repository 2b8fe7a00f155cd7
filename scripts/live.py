"""Recognises signs as they are signed, before a camera or in a video, and shows what it sees.

    python scripts/live.py --model space/model
    python scripts/live.py clip.mp4 --model space/model --no-window

A sign is told when it has ended. Standard output holds one JSON object a sign: `gloss`, `begin` and `end` in seconds,
`score`, `confidence`. The window shows the skeleton that was found and has the last sign in its title; a camera's
picture is mirrored there, but recognised as it is. Esc, q or closing the window ends it. The exit code is 2 where the
model, the camera or the video could not be read.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import asdict
from typing import Any

import numpy as np

from slr_hf.commands import make_parser, run_command
from slr_hf.model.streaming_slr import StreamSettings

WINDOW = "slr_hf"


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """Reads the command line."""
    parser = make_parser(__doc__)
    parser.add_argument("source", nargs="?", default="0", help="a camera's number (default: 0), or a video file")
    parser.add_argument("--model", required=True, metavar="DIR", help="folder or Hub id of a saved model")
    parser.add_argument("--no-window", action="store_true", help="only print the signs")
    parser.add_argument(
        "--confidence",
        type=float,
        default=StreamSettings.confidence,
        metavar="P",
        help="looks of a lower confidence name nothing (default: %(default)s)",
    )
    parsed = parser.parse_args(arguments)
    if not 0 <= parsed.confidence <= 1:
        parser.error(f"--confidence must be from 0 to 1, but is {parsed.confidence}")
    return parsed


def show(picture: np.ndarray, title: str) -> bool:
    """Shows a picture; returns whether the window is still wanted."""
    import cv2

    cv2.namedWindow(WINDOW, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO)
    cv2.setWindowTitle(WINDOW, title)
    cv2.imshow(WINDOW, picture[..., ::-1])
    key = cv2.waitKey(1) & 0xFF
    return key not in (27, ord("q")) and cv2.getWindowProperty(WINDOW, cv2.WND_PROP_VISIBLE) >= 1


def watch_source(recognize: Any, source: str, confidence: float, window: bool) -> None:
    """Tells signs until the source ends or the window is closed."""
    from slr_hf.live.camera import Camera
    from slr_hf.live.watching import watch
    from slr_hf.model.extraction_slr import TimedFrame, probe_video
    from slr_hf.model.landmarks_slr import Landmarks

    frames: Iterator[TimedFrame]
    with ExitStack() as stack:
        is_camera = source.isdecimal()
        if is_camera:
            frames, fps = stack.enter_context(Camera(int(source))).frames(), None
        else:
            fps = probe_video(source).fps
            frames = stack.enter_context(closing(recognize.extractor.frames(source)))
        title = WINDOW
        for moment in stack.enter_context(closing(watch(recognize, frames, fps, confidence=confidence))):
            for sign in moment.signs:
                print(json.dumps(asdict(sign), ensure_ascii=False), flush=True)
                title = f"{sign.gloss} ({sign.confidence:.0%})"
            if window:
                height, width = moment.picture.shape[:2]
                seen = Landmarks(moment.coordinates[None], width=width, height=height)
                drawn = recognize.draw(moment.picture, seen, 0)
                if not show(drawn[:, ::-1] if is_camera else drawn, title):
                    return


def run(options: argparse.Namespace) -> int:
    """Watches the source; returns the exit code."""
    # Imported here, so that --help and a mistyped flag are answered at once.
    from transformers.utils.logging import disable_progress_bar

    from slr_hf.model.pipeline_slr import SignRecognitionPipeline

    disable_progress_bar()
    recognize = SignRecognitionPipeline.from_pretrained(options.model)
    # Ctrl-C is how one stops watching.
    with suppress(KeyboardInterrupt):
        watch_source(recognize, options.source, options.confidence, not options.no_window)
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Watches the source; returns the exit code."""
    return run_command(run, parse_arguments(arguments), __file__)


if __name__ == "__main__":
    sys.exit(main())
