"""Extracted landmarks as the dataset folder that is published: Parquet files and a card."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow.compute as pc  # type: ignore[import-untyped]
from datasets import Dataset, DatasetDict
from huggingface_hub import DatasetCard, DatasetCardData, HfApi

from slr_hf.data.clip_columns import CLIP_COLUMNS
from slr_hf.data.sources import SOURCES
from slr_hf.hub.published_files import check_hub_id
from slr_hf.whole_files import whole_folder

#: Clips of one Parquet file: about 50 MB.
CLIPS_A_FILE = 1000

#: Licences that the Hub has no identifier for are named with this in front, as in SPDX.
_OWN_LICENCE = "LicenseRef-"


def write_dataset(
    splits: DatasetDict,
    output: str | Path,
    template: str | Path,
    name: str,
    repository: str,
    licence: str | None = None,
    extractions: Iterable[Mapping[str, Any]] = (),
) -> Path:
    """Writes the folder to publish, whole or not at all; a published folder that is there already is replaced.

    `open_dataset`, `stream_dataset` and `datasets.load_dataset` read it, on the Hub as well as on this machine.

    Args:
        splits: Clips of `open_dataset`.
        output: The folder to write.
        template: The template of the card, dataset_card.md.
        name: The dataset's name.
        repository: Hub id that the card says to load it from.
        licence: SPDX identifier of the licence, "LicenseRef-NAME" for another one. By default that of the clips'
            sources, where they are in `SOURCES` and share one.
        extractions: What the manifests of the extracted landmarks hold; see `read_manifest`.

    Returns:
        The folder.

    Raises:
        FileNotFoundError: If there is no template.
        ValueError: If the Hub takes no such id, clips may not be published again, the licence is neither given nor
            known, or the folder holds something else.
    """
    output = Path(output)
    check_hub_id(repository)
    if not Path(template).is_file():
        raise FileNotFoundError(f"There is no card template {template}.")
    if output.exists() and not (output / "data").is_dir():
        raise ValueError(f"{output} is there already and is no published dataset. Name a new folder.")
    sources = sorted({source for dataset in splits.values() for source in dataset.unique("source")})
    closed = [source for source in sources if source in SOURCES and not SOURCES[source].redistributable]
    if closed:
        raise ValueError(f"The clips of {closed} may not be published again. Leave them out of the dataset.")
    licence = find_licence(sources) if licence is None else licence
    card = _render_card(splits, template, name, repository, licence, sources, list(extractions))
    with whole_folder(output) as unfinished:
        (unfinished / "data").mkdir()
        for split, dataset in splits.items():
            clips = dataset.select_columns(list(CLIP_COLUMNS))
            files = -(-len(clips) // CLIPS_A_FILE)
            for number in range(files):
                file = unfinished / "data" / f"{split}-{number:05d}-of-{files:05d}.parquet"
                clips.shard(files, number, contiguous=True).to_parquet(file)
        card.save(unfinished / "README.md")
    return output


def push_dataset(folder: str | Path, repository: str, private: bool = True, token: str | None = None) -> str:
    """Uploads a folder of `write_dataset` to the Hub.

    Args:
        folder: The folder.
        repository: Hub id, `user/name`; made where it is missing.
        private: Whether a new repository is private.
        token: Token of the Hub; the one of `hf auth login` by default.

    Returns:
        The address of the dataset.

    Raises:
        OSError: If the Hub cannot be reached or refuses.
    """
    api = HfApi(token=token)
    url = api.create_repo(repository, repo_type="dataset", private=private, exist_ok=True)
    # Files of an earlier upload that are not part of this one would be clips twice.
    api.upload_folder(repo_id=repository, folder_path=folder, repo_type="dataset", delete_patterns="data/*.parquet")
    return str(url)


def find_licence(sources: Iterable[str]) -> str:
    """Looks the common licence of some sources up.

    Args:
        sources: Names of data.

    Raises:
        ValueError: If nothing is known of one, or they have different licences.
    """
    sources = list(sources)
    unknown = [source for source in sources if source not in SOURCES]
    if unknown:
        raise ValueError(f"Nothing is known of the licence of {unknown}. Name it with --licence, such as cc-by-4.0.")
    licences = sorted({SOURCES[source].licence for source in sources})
    if len(licences) != 1:
        raise ValueError(
            f"{sources} have several licences: {licences}. Publish them apart, or name one with --licence."
        )
    return licences[0]


def _render_card(
    splits: DatasetDict,
    template: str | Path,
    name: str,
    repository: str,
    licence: str,
    sources: list[str],
    extractions: list[Mapping[str, Any]],
) -> DatasetCard:
    glosses = next(iter(splits.values())).features["label"].names
    points = sorted({len(found) for dataset in splits.values() for found in _lists(dataset, "points")})
    own = licence.removeprefix(_OWN_LICENCE) if licence.startswith(_OWN_LICENCE) else None
    terms: dict[str, Any] = (
        {"license": licence.lower()} if own is None else {"license": "other", "license_name": own.lower()}
    )
    codes = sorted({SOURCES[source].language_code for source in sources if source in SOURCES})
    data = DatasetCardData(
        language=codes or None,
        pretty_name=name,
        task_categories=["video-classification"],
        tags=["sign-language", "sign-language-recognition", "keypoints", "mediapipe", "slr_hf"],
        configs=[
            {
                "config_name": "default",
                "data_files": [{"split": split, "path": f"data/{split}-*.parquet"} for split in splits],
            }
        ],
        **terms,
    )
    return DatasetCard.from_template(
        data,
        template_path=str(template),
        name=name,
        repository=repository,
        clips=sum(map(len, splits.values())),
        splits={split: (len(dataset), _count_frames(dataset)) for split, dataset in splits.items()},
        glosses=glosses,
        sources={source: SOURCES[source] for source in sources if source in SOURCES},
        points=" or ".join(map(str, points)),
        extractions=extractions,
        licence=licence if own is None else own,
    )


def _lists(dataset: Dataset, column: str) -> set[tuple[int, ...]]:
    values = dataset.with_format("arrow", columns=[column])[:][column].to_pylist()
    return {tuple(value) for value in values}


def _count_frames(dataset: Dataset) -> int:
    columns = dataset.with_format("arrow", columns=["landmarks", "points"])
    # A part at a time: the landmarks of a large dataset do not fit into memory at once.
    total = 0
    for part in columns.iter(CLIPS_A_FILE):
        numbers, points = (pc.list_value_length(part[name]).to_numpy() for name in ("landmarks", "points"))
        total += int((numbers // (3 * points)).sum())
    return total


__all__ = ["CLIPS_A_FILE", "find_licence", "push_dataset", "write_dataset"]
