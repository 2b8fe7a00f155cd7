"""SLOVO (Russian Sign Language, 1000 glosses and `no_event`) as `datasets`.

Videos and annotation: https://github.com/ai-forever/slovo. Landmarks are read from Parquet shards, which either the
extraction or `scripts/convert_slovo_json.py` makes.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]
import pyarrow.parquet as parquet  # type: ignore[import-untyped]
from datasets import ClassLabel, Dataset, DatasetDict, Features, List, Value, concatenate_datasets
from datasets.exceptions import DatasetGenerationError

from slr_hf.commands import first_line
from slr_hf.data.clip_columns import check_texts
from slr_hf.data.slovo_annotations import SlovoClip, read_annotation_file, slovo_glosses
from slr_hf.model.landmarks_slr import NUM_LANDMARKS

logger = logging.getLogger(__name__)

#: What to do about clips without video or landmarks: refuse all, or warn and leave them out.
Missing = Literal["raise", "skip"]

_SOURCE = "slovo"
_SHARD_FEATURES = {
    "clip_id": Value("string"),
    # One flat list a clip: numpy reads it in one piece, nested lists take ten times as long.
    "landmarks": List(Value("float16")),
    "points": List(Value("int16")),
    "fps": Value("float32"),
    "width": Value("int32"),
    "height": Value("int32"),
}
_COLUMNS = ("clip_id", "source", "session", "label", "landmarks", "points", "fps", "width", "height", "signer")


def read_slovo_annotations(root: str | Path, missing: Missing = "raise") -> Dataset:
    """Reads the annotation of SLOVO and finds the videos, for the extraction of landmarks.

    Args:
        root: SLOVO's folder: `annotations.csv`, and the videos in `train` and `test` or beside it.
        missing: What to do about videos that are absent or empty files.

    Returns:
        A dataset with a row for each clip, in the order of the file:

        - clip_id, gloss, signer: texts; path: the absolute path of the video.
        - begin, end: the sign's frames in the original, untrimmed video, `end` not among them; null where the file
          does not say. Trimmed videos hold the sign alone: leave these columns out when extracting from them.
        - width, height: pixels; num_frames: length of the trimmed video.
        - is_training: whether the authors count the clip among the training clips.

    Raises:
        FileNotFoundError: If there is no `annotations.csv`.
        ValueError: If the annotation is malformed (see `read_annotation_file`), or videos are missing; the message
            names each of them.
    """
    _check_missing(missing)
    clips = read_annotation_file(root)
    paths, problems = {}, {}
    for clip in clips:
        path = _find_video(Path(root).absolute(), clip)
        if path is None:
            problems[clip.clip_id] = f"no {clip.clip_id}.mp4 in train, test or beside the annotation"
        elif path.stat().st_size == 0:
            problems[clip.clip_id] = f"{path} is empty"
        else:
            paths[clip.clip_id] = str(path)
    _report(problems, len(clips), f"video in {root}", missing)
    kept = [clip for clip in clips if clip.clip_id in paths]
    names = ("clip_id", "gloss", "signer", "begin", "end", "width", "height", "num_frames", "is_training")
    columns = {name: [getattr(clip, name) for clip in kept] for name in names}
    numbers = dict.fromkeys(("begin", "end", "width", "height", "num_frames"), Value("int32"))
    features = {"clip_id": Value("string"), "path": Value("string"), "gloss": Value("string")}
    features |= {"signer": Value("string"), **numbers, "is_training": Value("bool")}
    return Dataset.from_dict({**columns, "path": [paths[clip.clip_id] for clip in kept]}, features=Features(features))


def load_slovo(
    root: str | Path,
    num_glosses: int | None = 1000,
    landmarks: str | Path | None = None,
    split: Literal["official", "signers"] = "official",
    validation_fraction: float = 0.0,
    missing: Missing = "raise",
    cache_dir: str | Path | None = None,
) -> DatasetDict:
    """Loads SLOVO with landmarks.

    The landmarks are copied once into the cache of `datasets` and memory-mapped from there.

    Args:
        root: SLOVO's folder, or any that holds its `annotations.csv`.
        num_glosses: How many glosses to keep beside `no_event`, such as 1000 or 500; `None` keeps all. `slovo_glosses`
            says which: class indices of few glosses are those of many, only `no_event` is always the last.
        landmarks: Folder of Parquet shards (`*.parquet`) with the columns clip_id, landmarks, points, fps, width and
            height; `root/landmarks` by default. A clip may be named with folders in front, `train/ID`.
        split: Which clips are test clips.

            - "official": those that the annotation marks so. 92 of SLOVO's 194 signers stand on both sides.
            - "signers": those of held-out signers, who show about a fifth of the clips of each gloss and are not seen
              in training; see `hold_out_signers`. The signers do not depend on `num_glosses`.
        validation_fraction: Share of the training clips to validate on, those of held-out signers too. 0 = none.
        missing: What to do about clips without landmarks, or with landmarks that cannot be used.
        cache_dir: Folder of the cache; that of `datasets` by default.

    Returns:
        The splits `train`, `test` and, where asked for, `validation`: datasets in numpy format with a row for each
        clip, in the order of the annotation. Columns as `load_landmark_arrays` has them, with the session
        "slovo-<signer>", and signer, num_frames. Width and height come from the annotation where the shards have none.

    Raises:
        FileNotFoundError: If there is no annotation, no folder of landmarks, or no shard in it.
        ValueError: If the annotation or a shard is malformed, an argument is out of range, a split would be empty, or
            clips lack landmarks; the message names each of them.
    """
    _check_missing(missing)
    clips = read_annotation_file(root)
    glosses = slovo_glosses(clips, num_glosses)
    sides = _split_clips(clips, split, validation_fraction)
    stored = _load_shards(Path(root) / "landmarks" if landmarks is None else Path(landmarks), missing, cache_dir)
    rows = _rows_by_clip(stored)
    wanted = [clip for clip in clips if clip.gloss in set(glosses)]
    dataset, unusable = _join(stored, {rows[clip.clip_id]: clip for clip in wanted if clip.clip_id in rows}, glosses)
    problems = {
        clip.clip_id: "not in the shards" if row is None else unusable[row]
        for clip in wanted
        if (row := rows.get(clip.clip_id)) is None or row in unusable
    }
    _report(problems, len(wanted), "landmarks", missing)
    kept = [clip for clip in wanted if clip.clip_id not in problems]
    splits = DatasetDict()
    for side in sides:
        chosen = [rows[clip.clip_id] for clip in kept if clip.clip_id in sides[side]]
        if not chosen:
            raise ValueError(f"The split {split!r} leaves no {side} clips of {len(kept)}. Choose another.")
        splits[side] = dataset.select(chosen)
    seen = {clip.gloss for clip in kept if clip.clip_id in sides["train"]}
    unseen = sorted({clip.gloss for clip in kept} - seen)
    if unseen:
        logger.warning("Held-out clips show glosses that no training clip shows: %s.", unseen)
    return splits


def hold_out_signers(clips: Sequence[SlovoClip], fraction: float = 0.2) -> set[str]:
    """Chooses signers to hold out, so that they show about the same share of each gloss.

    One signer after the other is taken: the one who brings the numbers of held-out clips of all glosses nearest to the
    share, counted as the sum of squared differences. No signer is taken who would leave a gloss without clips of
    others, exceed the share, or make up more than a quarter of it; the last rule falls where there are too few
    signers for it. The same clips give the same signers, in whatever order they come.

    Args:
        clips: The clips to split.
        fraction: Share of the clips to hold out, above 0 and below 1.

    Returns:
        The names of the signers.

    Raises:
        ValueError: If the fraction is out of range, or no signers show even half of that share.
    """
    if not 0 < fraction < 1:
        raise ValueError(f"The fraction of clips to hold out must be above 0 and below 1, but is {fraction}.")
    signers, signer_of = np.unique([clip.signer for clip in clips], return_inverse=True)
    glosses, gloss_of = np.unique([clip.gloss for clip in clips], return_inverse=True)
    counts = np.zeros((len(signers), len(glosses)), int)
    np.add.at(counts, (signer_of, gloss_of), 1)
    share = fraction * len(clips)
    # Whole numbers, so that equal choices are equal on every machine and the first name decides.
    wanted = np.rint(fraction * counts.sum(axis=0)).astype(int)
    for largest in (share / 4, share):
        chosen = _choose_signers(counts, wanted, share, largest)
        if counts[chosen].sum() >= share / 2:
            return set(signers[chosen].tolist())
    raise ValueError(
        f"The {len(signers)} signers cannot be split so that some show {fraction:.0%} of the {len(clips)} clips and "
        "the others show every gloss. Use split='official'."
    )


def _choose_signers(counts: np.ndarray, wanted: np.ndarray, share: float, largest: float) -> list[int]:
    """The rows of `counts` (clips by signer and gloss) that `hold_out_signers` describes."""
    clips, total = counts.sum(axis=1), counts.sum(axis=0)
    held_out = np.zeros_like(wanted)
    chosen: list[int] = []
    free = clips <= largest
    while True:
        sums = held_out + counts
        allowed = free & (clips + held_out.sum() <= share) & (sums < total).all(axis=1)
        errors = np.where(allowed, np.square(sums - wanted).sum(axis=1), np.iinfo(int).max)
        best = int(errors.argmin())
        if errors[best] >= np.square(held_out - wanted).sum():
            return chosen
        chosen.append(best)
        free[best] = False
        held_out = sums[best]


def _split_clips(clips: Sequence[SlovoClip], split: str, validation_fraction: float) -> dict[str, set[str]]:
    """The names of the clips of each split."""
    if split == "official":
        train = [clip for clip in clips if clip.is_training]
    elif split == "signers":
        signers = hold_out_signers(clips)
        train = [clip for clip in clips if clip.signer not in signers]
    else:
        raise ValueError(f"`split` must be 'official' or 'signers', but is {split!r}.")
    names = {clip.clip_id for clip in train}
    test = {clip.clip_id for clip in clips} - names
    if not validation_fraction:
        return {"train": names, "test": test}
    signers = hold_out_signers(train, validation_fraction)
    validation = {clip.clip_id for clip in train if clip.signer in signers}
    return {"train": names - validation, "validation": validation, "test": test}


def _load_shards(folder: Path, missing: Missing, cache_dir: str | Path | None) -> Dataset:
    """Loads the columns of `_SHARD_FEATURES` of all shards, memory-mapped."""
    if not folder.is_dir():
        raise FileNotFoundError(f"There is no folder of landmarks {folder}. Name one as `landmarks`.")
    shards = sorted(folder.glob("*.parquet"))
    if not shards:
        raise FileNotFoundError(f"The folder {folder} holds no Parquet shard (*.parquet) of landmarks.")
    problems = {}
    for shard in shards:
        try:
            schema = parquet.read_schema(shard)
        except (pa.ArrowInvalid, OSError) as error:
            problems[shard.name] = first_line(error)
            continue
        _check_schema(shard, schema)
    _report(problems, len(shards), f"form of Parquet in {folder}", missing, things="shards")
    readable = [str(shard) for shard in shards if shard.name not in problems]
    if not readable:
        raise ValueError(f"No shard of {folder} can be read. Make or copy them again.")
    try:
        stored = Dataset.from_parquet(
            readable,
            columns=list(_SHARD_FEATURES),
            features=Features(_SHARD_FEATURES),
            cache_dir=None if cache_dir is None else str(cache_dir),
        )
    except (DatasetGenerationError, pa.ArrowException) as error:
        raise ValueError(f"A shard of {folder} is damaged ({error.__cause__ or error}). Make them again.") from error
    check_texts(stored, folder)
    return stored


def _check_schema(shard: Path, schema: pa.Schema) -> None:
    for name, feature in _SHARD_FEATURES.items():
        if name not in schema.names:
            raise ValueError(f"{shard}: the column {name} is missing; its columns are {schema.names}.")
        found = schema.field(name).type
        if isinstance(feature, List):
            is_list = pa.types.is_list(found) or pa.types.is_large_list(found)
            fits = is_list and found.value_type == feature.feature.pa_type
        else:
            fits = found == feature.pa_type or (name == "clip_id" and pa.types.is_large_string(found))
        if not fits:
            expected = f"lists of {feature.feature.dtype}" if isinstance(feature, List) else feature.dtype
            raise ValueError(f"{shard}: the column {name} must hold {expected}, but holds {found}.")


def _rows_by_clip(stored: Dataset) -> dict[str, int]:
    rows: dict[str, int] = {}
    for row, clip_id in enumerate(stored.data.column("clip_id").to_pylist()):
        name = (clip_id or "").rpartition("/")[2]
        if name in rows:
            raise ValueError(f"The shards hold the landmarks of clip '{name}' twice. Keep only one of them.")
        rows[name] = row
    return rows


def _join(stored: Dataset, clips: Mapping[int, SlovoClip], glosses: list[str]) -> tuple[Dataset, dict[int, str]]:
    """Puts what the annotation knows beside the landmarks, without reading them.

    Args:
        stored: The shards.
        clips: The clip of each row that has one.
        glosses: The label space.

    Returns:
        The dataset, as long as `stored`, and what is wrong with the landmarks of a row, where something is.
    """
    index = {gloss: number for number, gloss in enumerate(glosses)}
    in_order = [clips.get(row) for row in range(len(stored))]
    sizes = pc.list_value_length(stored.data.column("landmarks")).to_numpy()
    points = stored.data.column("points").to_pylist()
    small = {name: stored.data.column(name).to_pylist() for name in ("fps", "width", "height")}
    for name in ("width", "height"):
        known = zip(small[name], in_order, strict=True)
        small[name] = [clip and getattr(clip, name) if value is None else value for value, clip in known]
    unusable, num_frames = {}, np.zeros(len(stored), np.int32)
    for row in clips:
        width = 3 * len(points[row] or ())
        problem = _find_problem(sizes[row], points[row], *(small[name][row] for name in ("fps", "width", "height")))
        if problem:
            unusable[row] = problem
        else:
            num_frames[row] = sizes[row] // width
    columns = {
        "clip_id": pa.array([clip and clip.clip_id for clip in in_order], pa.string()),
        "source": pa.array([_SOURCE] * len(stored)),
        "session": pa.array([clip and f"{_SOURCE}-{clip.signer}" for clip in in_order], pa.string()),
        "label": pa.array([clip and index[clip.gloss] for clip in in_order], pa.int64()),
        "width": pa.array(small["width"], pa.int32()),
        "height": pa.array(small["height"], pa.int32()),
        "signer": pa.array([clip and clip.signer for clip in in_order], pa.string()),
        "num_frames": pa.array(num_frames),
    }
    features = Features(
        {
            "clip_id": Value("string"),
            "source": Value("string"),
            "session": Value("string"),
            "label": ClassLabel(names=glosses),
            "width": Value("int32"),
            "height": Value("int32"),
            "signer": Value("string"),
            "num_frames": Value("int32"),
        }
    )
    annotation = Dataset.from_dict(columns, features=features)
    joined = concatenate_datasets([stored.remove_columns(["clip_id", "width", "height"]), annotation], axis=1)
    return joined.select_columns([*_COLUMNS, "num_frames"]).with_format("numpy"), unusable


def _find_problem(
    size: float, points: Sequence[int] | None, fps: float | None, width: int | None, height: int | None
) -> str | None:
    """What keeps landmarks from being used, or `None`."""
    if not points or len(set(points)) < len(points) or min(points) < 0 or max(points) >= NUM_LANDMARKS:
        return f"`points` must be distinct Holistic indices from 0 to {NUM_LANDMARKS - 1}, but is {points}"
    if not size > 0 or size % (3 * len(points)):
        return f"{size:.0f} numbers of landmarks are no frames of {len(points)} points in x, y and z"
    if fps is not None and fps <= 0:
        return f"fps must be positive, but is {fps}"
    if width is None or height is None or min(width, height) <= 0:
        return f"width and height must be positive, but are {width} and {height}"
    return None


def _find_video(root: Path, clip: SlovoClip) -> Path | None:
    folders = ("train", "test") if clip.is_training else ("test", "train")
    for folder in (*folders, "."):
        path = root / folder / f"{clip.clip_id}.mp4"
        if path.is_file():
            return path
    return None


def _check_missing(missing: str) -> None:
    if missing not in ("raise", "skip"):
        raise ValueError(f"`missing` must be 'raise' or 'skip', but is {missing!r}.")


def _report(problems: Mapping[str, str], total: int, what: str, missing: Missing, things: str = "clips") -> None:
    """Names all that cannot be used, in one exception or one warning."""
    if not problems:
        return
    lines: Iterable[str] = (f"  {name}: {problem}" for name, problem in problems.items())
    summary = f"{len(problems)} of {total} {things} have no usable {what}, such as {next(iter(problems))}"
    if missing == "raise":
        raise ValueError("\n".join([f"{summary}. Pass missing='skip' to go on without them.", *lines]))
    logger.warning("%s. They are left out:\n%s", summary, "\n".join(lines))


__all__ = ["hold_out_signers", "load_slovo", "read_slovo_annotations"]
