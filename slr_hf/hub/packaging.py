"""A trained model as the folder that is published: model, code, records and card."""

import json
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from datasets import Dataset

from slr_hf.data.sources import SOURCES, check_sources
from slr_hf.data.splits import read_column
from slr_hf.hub.model_card import PLOTS, render_model_card
from slr_hf.model.pipeline_slr import SignRecognitionPipeline
from slr_hf.training.people import SAME_RECORDER, STRANGERS
from slr_hf.training.stages import TRAINING_CLIPS, TRAINING_SESSIONS
from slr_hf.whole_files import whole_folder, write_json

#: Kept from the folder of a finished stage: its hyper-parameters, and the clips and sessions that it saw.
_RECORDS = ("recipe.json", TRAINING_CLIPS, TRAINING_SESSIONS)


def glosses_by_language(dataset: Dataset) -> dict[str, list[str]]:
    """Lists which glosses of a dataset are signed in which language.

    Args:
        dataset: Clips of `open_dataset`, whose sources are known; see `SOURCES`.

    Returns:
        Sorted glosses by the language's name. A gloss may be in more than one.

    Raises:
        ValueError: If a source is unknown.
    """
    check_sources(read_column(dataset, "source").tolist())
    names = dataset.features["label"].names
    found: dict[str, set[str]] = {}
    for source, label in set(
        zip(read_column(dataset, "source").tolist(), read_column(dataset, "label").tolist(), strict=True)
    ):
        found.setdefault(SOURCES[source].language, set()).add(names[label])
    return {language: sorted(glosses) for language, glosses in sorted(found.items())}


def with_strangers(metrics: Mapping[str, Any], folds: Mapping[str, Any]) -> dict[str, Any]:
    """Puts the figures of strangers that a cross-validation has measured beside those of a model trained on all clips.

    Args:
        metrics: What `metrics.json` of the model's own evaluation holds.
        folds: What `metrics.json` of `scripts/evaluate.py --folds` holds.

    Raises:
        ValueError: If the cross-validation has no figures of strangers.
    """
    strangers = (folds.get("people") or {}).get(STRANGERS)
    if not strangers or "folds" not in strangers:
        raise ValueError("The cross-validation has no figures of strangers. Pass what evaluate.py --folds has written.")
    return {**metrics, "people": {SAME_RECORDER: None, **(metrics.get("people") or {}), STRANGERS: strangers}}


def package_model(
    model: str | Path,
    output: str | Path,
    metrics: Mapping[str, Any],
    name: str,
    repository: str,
    glosses: Mapping[str, Iterable[str]],
    sources: Iterable[str],
    held_out: str,
    plots: str | Path | None = None,
) -> Path:
    """Writes the folder to publish, whole or not at all; a folder that is there already is replaced.

    Args:
        model: Folder of the finished stage (`best`).
        output: The folder to write.
        metrics: What `metrics.json` of the evaluation on held-out clips holds.
        name: The model's name.
        repository: Hub id or folder that the card says to load it from.
        glosses: The glosses it knows, by language.
        sources: Names of the data it was trained on.
        held_out: One sentence on which clips were held out.
        plots: Folder of the evaluation's plots; those that are there are shown in the card.

    Returns:
        The folder.

    Raises:
        FileNotFoundError: If the model's folder or a record in it is missing.
        ValueError: If a source is unknown.
    """
    model, output = Path(model), Path(output)
    if not (model / "config.json").is_file():
        raise FileNotFoundError(f"There is no model in {model}. Pass the folder `best` of a finished stage.")
    shown = [name for name in PLOTS if plots is not None and Path(plots, f"{name}.png").is_file()]
    recipe = json.loads((model / "recipe.json").read_text(encoding="utf-8"))
    # Loaded and saved, so that the code is today's.
    pipeline = SignRecognitionPipeline.from_pretrained(model, device="cpu")
    card = render_model_card(pipeline.model, metrics, recipe, name, repository, glosses, sources, held_out, plots=shown)
    with whole_folder(output) as unfinished:
        pipeline.save_pretrained(unfinished)
        for record in _RECORDS:
            # Models of earlier versions do not say which sessions they saw.
            if record == TRAINING_SESSIONS and not (model / record).is_file():
                continue
            shutil.copyfile(model / record, unfinished / record)
        for plot in shown:
            (unfinished / "plots").mkdir(exist_ok=True)
            shutil.copyfile(Path(str(plots), f"{plot}.png"), unfinished / "plots" / f"{plot}.png")
        write_json(unfinished / "metrics.json", metrics)
        card.save(unfinished / "README.md")
    return output


__all__ = ["glosses_by_language", "package_model", "with_strangers"]
