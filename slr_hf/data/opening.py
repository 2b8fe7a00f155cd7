"""One way into a dataset of clips, whatever it is: a file, a folder, or a name on the Hub."""

import logging
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from datasets import ClassLabel, DatasetDict, IterableDatasetDict, load_dataset
from datasets.exceptions import DatasetGenerationError, DatasetNotFoundError

from slr_hf.data.clip_columns import join_clips, to_clips
from slr_hf.data.clip_lists import VIDEO_SUFFIXES
from slr_hf.data.extraction import extract_clips
from slr_hf.data.landmark_arrays import load_landmark_splits
from slr_hf.data.landmark_folder import MANIFEST, load_extracted, read_manifest
from slr_hf.data.slovo import Missing, load_slovo
from slr_hf.data.slovo_annotations import ANNOTATIONS

logger = logging.getLogger(__name__)

#: Added to the name of a folder or table of videos: where their landmarks are kept.
LANDMARKS_SUFFIX = ".landmarks"

_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)


@dataclass(frozen=True)
class OpeningOptions:
    """What to ask of the datasets that know of it.

    Args:
        num_glosses: How many glosses to keep: of SLOVO beside `no_event`, see `load_slovo`; of landmark arrays with
            `class_index`, see `load_landmark_splits`.
        slovo_split: SLOVO only: which clips are test clips; see `load_slovo`.
        validation_fraction: SLOVO only: share of the training clips to validate on; see `load_slovo`.
        missing: What to do about clips without usable landmarks: refuse all, or warn and leave them out.
        landmarks: Folder of the landmarks of videos; made where it is missing. By default `landmarks` in the folder of
            SLOVO, and else beside the videos, with `LANDMARKS_SUFFIX` added to their folder's or table's name.
        num_proc: Processes of an extraction.
    """

    num_glosses: int | None = None
    slovo_split: Literal["official", "signers"] = "official"
    validation_fraction: float = 0.0
    missing: Missing = "raise"
    landmarks: str | Path | None = None
    num_proc: int = 1


@dataclass(frozen=True)
class Kind:
    """A kind of dataset.

    Args:
        name: What it is, for messages.
        fits: Tells whether a name is of this kind. The first kind of `KINDS` that fits is taken.
        load: Loads it.
    """

    name: str
    fits: Callable[[str], bool]
    load: Callable[[str, OpeningOptions], DatasetDict]


def open_dataset(
    names: str | Path | Iterable[str | Path],
    glosses: Iterable[str] | None = None,
    rename: Mapping[str, str] | None = None,
    options: OpeningOptions | None = None,
) -> DatasetDict:
    """Opens datasets of clips and joins them into one label space.

    Args:
        names: One or more, each of any of these kinds; `KINDS` tells them apart:

            - a `.npz` file of landmark arrays; see `load_landmark_splits`,
            - SLOVO's folder, with landmarks or videos, or its folder of landmarks; see `load_slovo`,
            - a folder of `scripts/extract.py`; see `load_extracted` and `to_clips`,
            - a folder of videos, a folder for each gloss, or a CSV or TSV of videos with the column `gloss`; their
              landmarks are extracted first and kept, see `OpeningOptions.landmarks`,
            - a folder of Parquet files as `slr_hf.hub.dataset_publishing` writes it,
            - a name on the Hub, `user/name`, of such a folder.

        glosses: The glosses to keep; see `join_clips`.
        rename: New names of glosses; see `join_clips`.
        options: What to ask of some kinds.

    Returns:
        The clips, with the columns of `load_landmark_arrays`. Datasets with splits of their own (SLOVO, the Hub, some
        arrays) give these splits; the clips of others are all `train`, for `choose_splits` to split.

    Raises:
        FileNotFoundError: If there is no such file or folder.
        ValueError: If a name is of no kind, a dataset is malformed, or clips lack landmarks.
    """
    listed = [str(name) for name in ([names] if isinstance(names, str | Path) else names)]
    if not listed:
        raise ValueError("There is no dataset to open. Name at least one.")
    parts = [find_kind(name).load(name, options or OpeningOptions()) for name in listed]
    return join_clips(parts, glosses, rename)


def stream_dataset(name: str | Path) -> IterableDatasetDict:
    """Opens a dataset of the Hub, or a folder of Parquet files of the same form, without downloading it first.

    Args:
        name: The name on the Hub, or the folder.

    Returns:
        Its splits, to be read clip by clip with the columns of `load_landmark_arrays`.

    Raises:
        FileNotFoundError: If there is no such dataset.
        ValueError: If it is of another form: the class indices and sessions of clips that are not here yet must be
            stored, as `slr_hf.hub.dataset_publishing` does.
    """
    splits = _load_published(str(name), streaming=True)
    for split, dataset in splits.items():
        features = dataset.features or {}
        missing = [column for column in ("clip_id", "source", "session", "landmarks") if column not in features]
        if missing or not isinstance(features.get("label"), ClassLabel):
            raise ValueError(
                f"{name} cannot be streamed: its split {split} needs the columns clip_id, source, session, landmarks "
                f"and label, a ClassLabel, but has {sorted(features)}. Open it without streaming."
            )
    return splits


def read_extractions(
    names: str | Path | Iterable[str | Path], options: OpeningOptions | None = None
) -> list[dict[str, Any]]:
    """Reads how the landmarks of datasets were found, as far as they say.

    Args:
        names: See `open_dataset`, which has opened them.
        options: Likewise.

    Returns:
        What the manifests of extracted landmarks among them hold; see `ExtractionSettings`.
    """
    listed = [str(name) for name in ([names] if isinstance(names, str | Path) else names)]
    found = []
    for name in listed:
        folders = _landmark_folders(name, options or OpeningOptions())
        folder = next((folder for folder in folders if (folder / MANIFEST).is_file()), None)
        found += [] if folder is None else [read_manifest(folder)]
    return found


def find_kind(name: str) -> Kind:
    """Tells of which kind a dataset is.

    Args:
        name: A file, a folder, or a name on the Hub.

    Raises:
        FileNotFoundError: If nothing is there.
        ValueError: If it is of no kind.
    """
    for kind in KINDS:
        if kind.fits(name):
            return kind
    if Path(name).exists():
        raise ValueError(f"{name} is no dataset: neither {'; nor '.join(kind.name for kind in KINDS)}.")
    raise FileNotFoundError(f"There is no file or folder {name}, and as a name on the Hub it would be user/name.")


def _slovo_root(name: str) -> Path | None:
    """SLOVO's folder, where a name is that or its folder of landmarks."""
    path = Path(name)
    if (path / ANNOTATIONS).is_file():
        return path
    return path.parent if (path.parent / ANNOTATIONS).is_file() and any(path.glob("*.parquet")) else None


def _holds_videos(name: str) -> bool:
    path = Path(name)
    return path.is_dir() and any(file.suffix.lower() in VIDEO_SUFFIXES for file in path.rglob("*"))


def _load_arrays(name: str, options: OpeningOptions) -> DatasetDict:
    return load_landmark_splits(name, options.num_glosses)


def _landmark_folders(name: str, options: OpeningOptions) -> list[Path]:
    """Where the landmarks of a dataset may be, the likeliest first."""
    path = Path(name).absolute()
    own = [] if options.landmarks is None else [Path(options.landmarks)]
    return [*own, path, path / "landmarks", path.with_name(_source(name) + LANDMARKS_SUFFIX)]


def _load_slovo(name: str, options: OpeningOptions) -> DatasetDict:
    root = _slovo_root(name)
    assert root is not None  # what `fits` has found
    folder = Path(options.landmarks or (root / "landmarks" if root == Path(name) else name))
    # Shards of the authors' landmarks have no manifest; an extraction that was interrupted has no shard.
    if not any(folder.glob("*.parquet")) and _holds_videos(str(root)):
        _extract(root, folder, options)
    return load_slovo(
        root,
        options.num_glosses,
        folder,
        options.slovo_split,
        options.validation_fraction,
        options.missing,
    )


def _load_extracted(name: str, options: OpeningOptions) -> DatasetDict:
    return to_clips({"train": load_extracted(name)}, _source(name))


def _load_videos(name: str, options: OpeningOptions) -> DatasetDict:
    path = Path(name).absolute()
    folder = Path(options.landmarks or path.with_name(_source(name) + LANDMARKS_SUFFIX))
    _extract(path, folder, options)
    return to_clips({"train": load_extracted(folder)}, _source(name))


def _extract(source: Path, folder: Path, options: OpeningOptions) -> None:
    """Extracts the landmarks that are not in the folder yet."""
    logger.info("The landmarks of %s are kept in %s.", source, folder)
    failures = extract_clips(source, folder, num_proc=options.num_proc).failures
    if failures and options.missing == "raise":
        lines = [f"  {failure.clip_id}: {failure.reason}" for failure in failures]
        raise ValueError(
            "\n".join(
                [
                    f"{len(failures)} videos of {source} gave no landmarks, such as {failures[0].clip_id} "
                    f"({failures[0].reason}). Replace them, or leave them out with --skip-missing.",
                    *lines,
                ]
            )
        )


def _load_published(name: str, streaming: bool = False) -> Any:
    try:
        if Path(name).is_dir():
            # Not the folder itself, which `datasets` would take from its cache even after its files have changed.
            return load_dataset("parquet", data_files=_split_files(Path(name)), streaming=streaming)
        return load_dataset(name, streaming=streaming)
    except DatasetNotFoundError as error:
        raise FileNotFoundError(f"There is no folder {name}, and no such dataset on the Hub: {error}") from error
    except (DatasetGenerationError, ConnectionError) as error:
        raise ValueError(f"The dataset {name} cannot be loaded: {error.__cause__ or error}") from error


def _split_files(folder: Path) -> dict[str, list[str]]:
    """The Parquet files of each split, which is the beginning of their names: "test-00000-of-00001"."""
    splits: dict[str, list[str]] = {}
    for file in sorted(folder.rglob("*.parquet")):
        split = re.fullmatch(r"(\w+)-\d+-of-\d+", file.stem)
        splits.setdefault(split[1] if split else "train", []).append(str(file))
    if not splits:
        raise FileNotFoundError(f"The folder {folder} holds no Parquet file.")
    # In the order in which they are used, not that of the alphabet.
    return dict(sorted(splits.items(), key=lambda item: (item[0] != "train", item[0])))


def _load_hub(name: str, options: OpeningOptions) -> DatasetDict:
    return to_clips(_load_published(name), _source(name))


def _source(name: str) -> str:
    path = Path(name).absolute()
    return path.stem if path.is_file() else path.name.removesuffix(LANDMARKS_SUFFIX)


#: The kinds of datasets, the first that fits counts.
KINDS: tuple[Kind, ...] = (
    Kind("landmark arrays (.npz)", lambda name: name.endswith(".npz"), _load_arrays),
    Kind("a folder of SLOVO", lambda name: _slovo_root(name) is not None, _load_slovo),
    Kind("a folder of extracted landmarks", lambda name: (Path(name) / MANIFEST).is_file(), _load_extracted),
    Kind("a CSV or TSV of videos", lambda name: name.lower().endswith((".csv", ".tsv")), _load_videos),
    Kind("a folder of videos", _holds_videos, _load_videos),
    Kind("a folder of Parquet files", lambda name: any(Path(name).glob("**/*.parquet")), _load_hub),
    Kind(
        "a name on the Hub", lambda name: not Path(name).exists() and _HUB_NAME.fullmatch(name) is not None, _load_hub
    ),
)

__all__ = [
    "KINDS",
    "LANDMARKS_SUFFIX",
    "Kind",
    "OpeningOptions",
    "find_kind",
    "open_dataset",
    "read_extractions",
    "stream_dataset",
]
