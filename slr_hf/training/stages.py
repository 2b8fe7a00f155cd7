"""The three stages of a training: it, ft1, ft2, each from the best checkpoint of the one before."""

import gc
import json
import logging
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import Dataset, DatasetDict
from huggingface_hub.errors import StrictDataclassError
from torch import nn
from transformers import set_seed

from slr_hf.data.preparation import sort_by_length, to_clip
from slr_hf.data.splits import read_column
from slr_hf.model.configuration_slr import SLRConfig
from slr_hf.model.loading_slr import ModelError, load_model
from slr_hf.model.modeling_slr import SLRForSignClassification, SLRModel
from slr_hf.model.pipeline_slr import SignRecognitionPipeline
from slr_hf.model.processing_slr import KeypointProcessor
from slr_hf.training.processes import is_main_process, main_process_first
from slr_hf.training.recipes.recipe import STAGES, Recipe
from slr_hf.training.trainer import METRICS, TRAIN, VALIDATION, SignTrainer, training_arguments
from slr_hf.whole_files import whole_folder, write_json, writing

logger = logging.getLogger(__name__)

#: The folder of a finished stage: a complete Hub-style folder, with recipe.json and metrics.json.
BEST = "best"

#: In that folder, the metrics of every epoch of this stage and those before it; see `SignTrainer.learning_curve`.
LEARNING_CURVES = "learning_curves.json"

#: In that folder, the names of the clips that training saw, so that evaluation cannot take them for unseen.
TRAINING_CLIPS = "training_clips.json"

#: Likewise the sessions, so that evaluation can tell the people whom training saw from strangers.
TRAINING_SESSIONS = "training_sessions.json"

_SEEN_COLUMNS = {TRAINING_CLIPS: "clip_id", TRAINING_SESSIONS: "session"}


class StageError(RuntimeError):
    """A stage cannot start: its folder holds another training, or is not shared, or the stage before it is missing."""


def run_stages(
    splits: DatasetDict,
    recipes: Mapping[str, Recipe],
    output: str | Path,
    processor: KeypointProcessor,
    device: str = "auto",
    report_to: str = "none",
    from_model: str | Path | None = None,
) -> dict[str, dict[str, Any]]:
    """Trains the stages of `recipes` in their order, each from the best checkpoint of the one before.

    Every stage has a folder OUTPUT/STAGE with the Trainer's checkpoints while it runs and `best/` when it is done.
    Called again, a finished stage is not repeated and an interrupted one goes on from its last checkpoint.

    Args:
        splits: Clips of `prepare_dataset`: `train`; `validation`, which chooses the best checkpoint (without it the
            last one counts as the best); `test`, which is measured only after each stage.
        recipes: The recipe of each stage to run.
        output: Folder of the training.
        processor: The processor that prepared the clips. The stage `it` fits it; see `KeypointProcessor.fit`.
        device: "cpu", or "auto" for an accelerator where there is one.
        report_to: Where else to log to, such as "trackio" or "tensorboard".
        from_model: Folder or Hub id of a saved model that the stage `it` starts from, with a new head for the glosses
            of the clips. By default it makes a new model.

    Returns:
        For each stage, what its `best/metrics.json` holds.

    Raises:
        StageError: If a stage's folder holds another training, or the stage before the first one is missing.
    """
    results = {}
    for stage in sorted(recipes, key=STAGES.index):
        start = _start_folder(stage, output)
        folder = Path(output) / stage
        head = from_model if start is None else None
        results[stage] = run_stage(splits, recipes[stage], folder, processor, start, device, report_to, head)
    return results


def run_stage(
    splits: DatasetDict,
    recipe: Recipe,
    folder: str | Path,
    processor: KeypointProcessor,
    start: str | Path | None = None,
    device: str = "auto",
    report_to: str = "none",
    from_model: str | Path | None = None,
) -> dict[str, Any]:
    """Trains one stage; see `run_stages`.

    Args:
        splits: See `run_stages`.
        recipe: The recipe of the stage.
        folder: Folder of the stage.
        processor: See `run_stages`.
        start: Saved model to start from, of the same glosses; by default a new one is made.
        device: See `run_stages`.
        report_to: See `run_stages`.
        from_model: Saved model to start from with a new head, where there is no `start`; see `run_stages`.

    Returns:
        What `best/metrics.json` holds: the stage's epochs and steps, and the metrics of each split without
        augmentation. The gap between `train` and the others shows how much is learned by heart.
    """
    folder = Path(folder).resolve()
    if start is not None:
        _check_start(start, splits)
    elif from_model is not None:
        _check_backbone(from_model, recipe.config)  # before the folder is claimed, so that a corrected recipe may be
    arguments = training_arguments(recipe, folder, validate=VALIDATION in splits, device=device, report_to=report_to)
    with main_process_first(device):
        if not is_main_process() and not (folder / "recipe.json").is_file():
            raise StageError(
                f"{folder} is not the folder that the first process of this training writes. On several machines it "
                "must lie on a disk that all of them see."
            )
        claim(folder / "recipe.json", recipe.to_dict())
        origin = {} if from_model is None else {"from_model": str(from_model)}
        claim(folder / "clips.json", {**describe(splits), **origin})
    best = folder / BEST
    if best.is_dir():
        logger.info("%s is finished already.", folder)
        with main_process_first(device):
            _remove_checkpoints(folder)
        return json.loads((best / "metrics.json").read_text(encoding="utf-8"))

    set_seed(recipe.seed)
    model, processor = _start(splits, recipe, processor, start, from_model)
    needs_teacher = bool(recipe.losses.distillation_weight)
    trainer = SignTrainer(
        model,
        recipe,
        processor,
        arguments,
        train_dataset=splits["train"],
        eval_dataset=splits.get(VALIDATION),
        teacher=SLRForSignClassification.from_pretrained(start) if needs_teacher and start is not None else None,
    )
    checkpoints = _checkpoints(folder)
    if checkpoints:
        logger.info("Going on from %s.", checkpoints[-1])
    trainer.train(resume_from_checkpoint=str(checkpoints[-1]) if checkpoints else None)

    metrics: dict[str, Any] = {"epochs": trainer.state.epoch, "best_step": trainer.state.best_global_step}
    arguments.dataloader_num_workers, arguments.dataloader_persistent_workers = 0, False  # once through each split
    for name, dataset in splits.items():
        # Not `evaluate`, which early stopping listens to.
        measured = trainer.predict(sort_by_length(dataset), metric_key_prefix=name).metrics or {}
        metrics[name] = {metric: measured[f"{name}_{metric}"] for metric in METRICS}
    with writing(folder):
        trainer.save_state()
    if trainer.is_world_process_zero():
        records = {
            "recipe.json": recipe.to_dict(),
            "metrics.json": metrics,
            **training_records(splits, start or from_model),
            LEARNING_CURVES: {**_record(start, LEARNING_CURVES), folder.name: trainer.learning_curve()},
        }
        _save_best(best, model, processor, records)
        _remove_checkpoints(folder)
    trainer.accelerator.wait_for_everyone()
    del trainer
    gc.collect()  # the processes of its loaders end with it
    return metrics


def _start(
    splits: DatasetDict,
    recipe: Recipe,
    processor: KeypointProcessor,
    start: str | Path | None,
    from_model: str | Path | None,
) -> tuple[SLRForSignClassification, KeypointProcessor]:
    """Makes the model and processor that a stage begins with."""
    if start is not None:
        return load_model(start, **recipe.config)
    glosses = splits["train"].features["label"].names
    if from_model is not None:
        return with_new_head(from_model, glosses, recipe.config), KeypointProcessor.from_pretrained(from_model)
    processor.fit((to_clip(row, processor) for row in splits["train"]), **recipe.augmentations.reach())
    return SLRForSignClassification(recipe.model_config(glosses)), processor


def with_new_head(
    model: str | Path, glosses: Sequence[str], config: Mapping[str, Any] | None = None
) -> SLRForSignClassification:
    """Loads a saved model for other glosses: only what maps to the glosses is new, and random.

    Args:
        model: Folder or Hub id of the saved model.
        glosses: The glosses, in the order of their class indices.
        config: Fields of `SLRConfig` to set differently, which leave the shape of the backbone as it is.

    Raises:
        ModelError: If there is no such model, it cannot be used (see `load_model`), or its weights do not fit `config`.
    """
    id2label = dict(enumerate(glosses))
    fields: dict[str, Any] = {
        "id2label": id2label,
        "label2id": {gloss: index for index, gloss in id2label.items()},
        # A model of prototypes has no layers to train on top of its embedding: they are new too.
        "classifier": "layers",
        **(config or {}),
    }
    load_model(model)  # raises where weights are missing, which would be made up below
    _check_backbone(model, config or {})
    loaded = SLRForSignClassification.from_pretrained(model, ignore_mismatched_sizes=True, **fields)
    # Where the old model knows as many glosses as the new one, its head fits, but means others.
    classifier: Any = loaded.classifier
    for layer in (classifier.output, *classifier.auxiliary):
        nn.init.xavier_uniform_(layer.weight)
        nn.init.zeros_(layer.bias)
    return loaded


def _check_backbone(model: str | Path, config: Mapping[str, Any]) -> None:
    """Raises where `config` asks for other weights of the backbone than a model has: they would be made up."""
    saved = SLRConfig.from_pretrained(model)
    found = _backbone_shapes(saved)
    try:
        expected = _backbone_shapes(saved, **config)
    except StrictDataclassError as error:
        raise ModelError(f"`config` cannot be used with the model in {model}. {error.__cause__ or error}") from error
    unfit = [name for name in {**found, **expected} if found.get(name) != expected.get(name)]
    if not unfit:
        return
    to_leave = []
    for field, value in config.items():
        try:
            alone = _backbone_shapes(saved, **{field: value})
        except StrictDataclassError:
            alone = {}  # a size that the model's other sizes do not allow
        if alone != found:
            to_leave.append(field)
    has, asked = (shapes.get(unfit[0], "missing") for shapes in (found, expected))
    raise ModelError(
        f"The weights in {model} do not fit `config`: {len(unfit)} of the backbone would be new and random, such as "
        f"{unfit[0]}, which is {has} there and {asked} by `config`. Leave as in the model: {', '.join(to_leave)}."
    )


def _backbone_shapes(config: SLRConfig, **fields: Any) -> dict[str, tuple[int, ...]]:
    with torch.device("meta"):
        backbone = SLRModel(SLRConfig.from_dict({**config.to_dict(), **fields}))
    return {f"slr.{name}": tuple(weight.shape) for name, weight in backbone.named_parameters()}


def stage_processor(
    recipes: Mapping[str, Recipe], output: str | Path, from_model: str | Path | None = None
) -> KeypointProcessor:
    """Makes the processor to prepare the clips of a training with.

    Args:
        recipes: See `run_stages`.
        output: See `run_stages`.
        from_model: See `run_stages`.

    Returns:
        The one saved by the stage before; where the first stage is `it`, that of `from_model`, with its mean and
        deviation, or else a new one of the recipe's layout.

    Raises:
        StageError: If the stage before the first one is missing.
        OSError: If there is no model `from_model`.
    """
    first = min(recipes, key=STAGES.index)
    start = _start_folder(first, output)
    if start is not None:
        return KeypointProcessor.from_pretrained(_existing(start))
    if from_model is not None:
        return KeypointProcessor.from_pretrained(from_model)
    return recipes[first].new_processor()


def describe(splits: DatasetDict) -> dict[str, Any]:
    """Tells which clips a training uses: the glosses, and for each split the clips of each session."""
    clips = {}
    for name, dataset in splits.items():
        sessions, counts = np.unique(read_column(dataset, "session").astype(np.str_), return_counts=True)
        clips[name] = dict(zip(sessions.tolist(), counts.tolist(), strict=True))
    return {"glosses": splits["train"].features["label"].names, "clips": clips}


def training_records(splits: Mapping[str, Dataset], start: str | Path | None = None) -> dict[str, dict[str, list[str]]]:
    """Names the clips and sessions that a model has seen, in this stage or in those before it.

    Args:
        splits: See `run_stages`; `train` and `validation` have a say in training.
        start: Saved model that the stage starts from, with records of its own.

    Returns:
        What `TRAINING_CLIPS` and `TRAINING_SESSIONS` hold: the names of each split, each once. The sessions are left
        out where `start` does not say whom it has seen: nobody could be called a stranger then.
    """
    records = {}
    for record, column in _SEEN_COLUMNS.items():
        seen: dict[str, list[str]] = _record(start, record)
        if record == TRAINING_SESSIONS and start is not None and not seen:
            logger.warning("%s does not say which sessions it was trained on (%s).", start, TRAINING_SESSIONS)
            continue
        for name in (TRAIN, VALIDATION):
            if name in splits:
                values = read_column(splits[name], column).astype(np.str_).tolist()
                seen[name] = list(dict.fromkeys([*seen.get(name, []), *values]))
        records[record] = seen
    return records


def _record(start: str | Path | None, name: str) -> dict[str, Any]:
    """Reads what the model that a stage starts from has on record; empty where it has nothing."""
    path = None if start is None else Path(start) / name
    return json.loads(path.read_text(encoding="utf-8")) if path is not None and path.is_file() else {}


def _start_folder(stage: str, output: str | Path) -> Path | None:
    place = STAGES.index(stage)
    return Path(output) / STAGES[place - 1] / BEST if place else None


def _existing(start: str | Path) -> str | Path:
    if not Path(start).is_dir():
        raise StageError(f"There is no {start} to start from. Run the stage before this one first, or all stages.")
    return start


def _check_start(start: str | Path, splits: DatasetDict) -> None:
    config = SLRConfig.from_pretrained(_existing(start))
    if list((config.id2label or {}).values()) != splits["train"].features["label"].names:
        raise StageError(f"{start} knows other glosses than the clips show. Use the data of the stage before.")


def claim(path: Path, content: dict[str, Any]) -> None:
    """Notes what the training of a folder is, or makes sure that it is the one noted.

    Args:
        path: The file of the note.
        content: What the note holds.

    Raises:
        StageError: If another training is noted.
    """
    if not path.is_file():
        write_json(path, content)
        return
    noted = json.loads(path.read_text(encoding="utf-8"))
    different = sorted(key for key in noted.keys() | content.keys() if noted.get(key) != content.get(key))
    if different:
        raise StageError(
            f"{path.parent} holds another training: {path.name} differs in {', '.join(different)}. "
            "Choose another output folder, or delete this one."
        )


def _checkpoints(folder: Path) -> list[Path]:
    """The Trainer's complete checkpoints, the oldest first; it writes its state last."""
    # A killed process may have left half of the state.
    complete = [path.parent for path in folder.glob("checkpoint-*/trainer_state.json") if _is_json(path)]
    return sorted(complete, key=lambda path: int(path.name.rpartition("-")[2]))


def _is_json(path: Path) -> bool:
    try:
        json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return False
    return True


def _remove_checkpoints(folder: Path) -> None:
    """Deletes the checkpoints of a finished stage, incomplete ones too."""
    for checkpoint in folder.glob("checkpoint-*"):
        shutil.rmtree(checkpoint, ignore_errors=True)


def _save_best(
    folder: Path, model: SLRForSignClassification, processor: KeypointProcessor, records: Mapping[str, Any]
) -> None:
    """Saves a Hub-style folder with records beside the model, whole or not at all."""
    with whole_folder(folder) as unfinished:
        SignRecognitionPipeline(model, processor).save_pretrained(unfinished)
        for name, content in records.items():
            write_json(unfinished / name, content)


__all__ = [
    "BEST",
    "LEARNING_CURVES",
    "TRAINING_CLIPS",
    "TRAINING_SESSIONS",
    "StageError",
    "claim",
    "describe",
    "run_stage",
    "run_stages",
    "stage_processor",
    "training_records",
    "with_new_head",
]
