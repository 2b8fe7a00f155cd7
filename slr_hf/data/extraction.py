"""Landmarks of many videos, found by several processes at once."""

import logging
import sys
from contextlib import closing
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from slr_hf.data.clip_lists import read_clip_list
from slr_hf.data.extraction_workers import ENGINES, Engine
from slr_hf.data.landmark_folder import ExtractionSettings, Failure, LandmarkFolder, find_finished
from slr_hf.model.extraction_slr import HolisticExtractor
from slr_hf.model.landmarker_slr import fingerprint, resolve_landmarker

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Extraction:
    """What a run of `extract_clips` left.

    Args:
        clips: The number of clips in the dataset, those of earlier runs included.
        failures: The clips of the input that failed, in this run or an earlier one.
    """

    clips: int
    failures: tuple[Failure, ...]


def extract_clips(
    source: str | Path,
    output: str | Path,
    num_proc: int = 1,
    engine: Engine = "local",
    retry_failed: bool = False,
    model_path: str | Path | None = None,
    frame_size: int = 640,
    min_confidence: float = 0.5,
    time_limit: float | None = None,
) -> Extraction:
    """Finds the landmarks of all clips of a folder or table, and stores them as a dataset for `load_extracted`.

    A run that was interrupted, by whatever, goes on when it is repeated: what is done is not done again.

    Args:
        source: See `read_clip_list`.
        output: The folder of the dataset; see `slr_hf.data.landmark_folder`.
        num_proc: The number of processes, each with one clip at a time.
        engine: "local": processes of this machine. "ray": a Ray cluster, which must see the videos under the same
            paths; the one that the environment variable RAY_ADDRESS names, or else one on this machine.
        retry_failed: Try clips again that failed in an earlier run.
        model_path: See `HolisticExtractor`.
        frame_size: See `HolisticExtractor`.
        min_confidence: See `HolisticExtractor`.
        time_limit: Seconds after which a clip counts as failed; none by default.

    Returns:
        What the dataset holds, and what failed.

    Raises:
        FileNotFoundError: If `source` is missing.
        NotADirectoryError: If `output` is a file.
        ValueError: If `source` or an argument cannot be used, or `output` holds anything that does not belong there,
            such as landmarks of other settings or of clips that `source` does not name.
        LandmarkerError: If the landmark models are missing or unusable.
        ImportError: If MediaPipe, PyAV or Ray is not installed.
        RuntimeError: If processes end before they have begun with a clip.
    """
    if num_proc < 1:
        raise ValueError(f"`num_proc` must be at least 1, but is {num_proc}.")
    if time_limit is not None and not time_limit > 0:
        raise ValueError(f"`time_limit` must be positive, but is {time_limit}. Leave it out for none.")
    if engine not in ENGINES:
        raise ValueError(f"`engine` must be one of {sorted(ENGINES)}, but is {engine!r}.")
    bundle = resolve_landmarker(model_path).absolute()
    extractor = HolisticExtractor(bundle, frame_size, min_confidence)
    settings = ExtractionSettings(
        "MediaPipe Holistic", version("mediapipe"), fingerprint(bundle), frame_size, min_confidence
    )
    clips = read_clip_list(source)
    finished = find_finished(output, settings, clips)
    if finished is not None and not (finished and retry_failed):
        # Not opened to be filled, which only one process may do at a time: all processes of a training come here.
        logger.info("%d clips: %d failed earlier, none to do", len(clips.clips), len(finished))
        return Extraction(len(clips.clips) - len(finished), tuple(finished.values()))
    with LandmarkFolder(output, settings, version("slr_hf")) as folder:
        done = folder.done(clips)
        # Read in any case: that mends a line which a killed run has left half written.
        failures = folder.failures(clips)
        if retry_failed:
            failures = {}
        waiting = [clip for clip in clips.clips if clip.key not in done and clip.key not in failures]
        logger.info(
            "%d clips: %d are done, %d failed earlier, %d to do",
            len(clips.clips),
            len(done),
            len(failures),
            len(waiting),
        )
        outcomes = ENGINES[engine](waiting, extractor, num_proc, time_limit)
        with (
            closing(outcomes),
            logging_redirect_tqdm([logging.getLogger()]),
            tqdm(total=len(clips.clips), initial=len(done) + len(failures), unit=" clips", file=sys.stderr) as bar,
        ):
            for clip, outcome in outcomes:
                for warning in outcome.warnings:
                    logger.warning("%s: %s", clip.clip_id, warning)
                if outcome.landmarks is None:
                    logger.warning("%s failed: %s", clip.clip_id, outcome.reason)
                    folder.add_failure(Failure.of(clip, outcome.reason))
                else:
                    folder.add(clip, outcome.landmarks)
                bar.update()
        count = folder.finish(clips)
        return Extraction(count, tuple(folder.failures(clips).values()))


__all__ = ["Extraction", "extract_clips"]
