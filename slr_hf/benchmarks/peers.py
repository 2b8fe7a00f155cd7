"""What a recipe is worth beside its peers: a plain network and a nearest neighbour, on the same clips in one run.

The plain network is trained with the recipe's own augmentations, batches and number of epochs. What differs is the
network, its losses and its learning rate.
"""

import copy
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import DatasetDict
from safetensors.torch import load_file, save_file
from transformers import set_seed

from slr_hf.benchmarks.nearest_neighbour import NearestNeighbour, Sequences, choose_references
from slr_hf.benchmarks.plain_network import PlainNetwork
from slr_hf.data.preparation import to_clip
from slr_hf.data.splits import read_column
from slr_hf.model.loading_slr import load_model
from slr_hf.model.processing_slr import KeypointProcessor
from slr_hf.training.losses import SignLoss
from slr_hf.training.metrics import bootstrap_interval, top_k_accuracy
from slr_hf.training.recipes import Recipe
from slr_hf.training.schedules import OneCycle
from slr_hf.training.stages import BEST, claim, describe, run_stages
from slr_hf.training.trainer import SignTrainer, training_arguments
from slr_hf.whole_files import whole_folder, write_json

#: What the peers are called.
RECIPE, PLAIN, NEIGHBOUR = "recipe", "plain network", "nearest neighbour"


@dataclass(frozen=True)
class Answers:
    """How a peer answers test clips.

    Args:
        logits: `(clips, num_labels)`.
        labels: Class indices `(clips,)`.
        costs: What is told beside the accuracy: `parameters`, `epochs`, `minutes` (of the last start, where a
            training was interrupted), and `train`, the top-1 accuracy on the clips of training; empty for the nearest
            neighbour.
    """

    logits: torch.Tensor
    labels: torch.Tensor
    costs: dict[str, float]

    @classmethod
    def read(cls, folder: Path) -> "Answers":
        """Reads what `write` has written."""
        tensors = load_file(folder / "answers.safetensors")
        return cls(**tensors, costs=json.loads((folder / "costs.json").read_text(encoding="utf-8")))

    def write(self, folder: Path) -> None:
        """Writes the answers into a folder that is there as a whole or not at all."""
        with whole_folder(folder) as unfinished:
            save_file({"logits": self.logits, "labels": self.labels}, unfinished / "answers.safetensors")
            write_json(unfinished / "costs.json", self.costs)


def plain_recipe(recipes: Mapping[str, Recipe]) -> Recipe:
    """Makes the plain network's recipe of another one: the same clips, augmentations, batches and number of epochs.

    Rate, schedule and dropout are the plain network's own: one cycle, and no average of the weights.

    Args:
        recipes: The recipes of the stages.
    """
    first = next(iter(recipes.values()))
    kept = ("parts", "cross_modal_pairs", "input_size")
    return replace(
        first,
        size="tiny",
        config={
            **{name: first.config[name] for name in kept if name in first.config},
            "hidden_size": 160,
            "hidden_dropout": 0.2,
            "classifier_dropout": 0.5,
            "drop_path_rate": 0.2,
        },
        epochs=sum(recipe.epochs for recipe in recipes.values()),
        learning_rate=1.5e-3,
        layer_rates={},
        weight_decay=0.05,
        average_decay=0.0,
        schedule=OneCycle(),
        losses=SignLoss(focal_gamma=0.0, label_smoothing=0.1, auxiliary_weight=0.0, confidence_weight=0.0),
    )


def compare_peers(
    folds: Mapping[str, DatasetDict],
    recipes: Mapping[str, Recipe],
    processor: KeypointProcessor,
    output: str | Path,
    seeds: Sequence[int] = (0, 1, 2),
    device: str = "auto",
    from_model: str | Path | None = None,
) -> Iterator[dict[str, Any]]:
    """Trains a recipe and the plain network with every seed, and lets them and a nearest neighbour answer test clips.

    Called again, what is finished is not repeated.

    Args:
        folds: Prepared clips, `train` and `test`, by the name of the fold; one fold where a dataset has its own split.
        recipes: The recipe of each stage.
        processor: The processor that prepared the clips.
        output: Folder of the trainings and answers.
        seeds: Seeds of the trainings.
        device: "cpu", or "auto" for an accelerator where there is one.
        from_model: Folder or Hub id of a saved model that the recipe starts from; see `run_stages`. The plain network
            starts from nothing all the same.

    Yields:
        Each peer's figures over the test clips of all folds: top-1 and top-5 accuracy in the mean over seeds, top-1 of
        the lowest and the highest seed, and the 95% interval of the mean for other clips (bootstrap); its costs. Last,
        the lead of the recipe over the plain network on the same clips, with its interval.

    Raises:
        StageError: If the folder holds another comparison.
    """
    output = Path(output)
    unseeded = {stage: replace(recipe, seed=0).to_dict() for stage, recipe in recipes.items()}
    origin = {} if from_model is None else {"from_model": str(from_model)}
    claim(output / "peers.json", {**unseeded, **{fold: describe(splits) for fold, splits in folds.items()}, **origin})
    peers: dict[str, Callable[..., Answers]] = {
        NEIGHBOUR: _ask_neighbour,
        PLAIN: _train_plain,
        RECIPE: partial(_train_recipe, from_model=from_model),
    }

    def answers_of(peer: str, seed: int = 0) -> list[Answers]:
        """What a peer answers to the clips of each fold, found once."""
        seeded = {stage: replace(recipe, seed=seed) for stage, recipe in recipes.items()}
        found = []
        for fold, splits in folds.items():
            folder = output / peer.replace(" ", "_") / fold / f"seed-{seed}"
            if not (folder / "answers").is_dir():
                peers[peer](splits, seeded, processor, folder, device).write(folder / "answers")
            found.append(Answers.read(folder / "answers"))
        return found

    yield {"peer": NEIGHBOUR, **_figures([answers_of(NEIGHBOUR)])}
    plain = [answers_of(PLAIN, seed) for seed in seeds]
    yield {"peer": PLAIN, "seeds": list(seeds), **_figures(plain)}
    own = [answers_of(RECIPE, seed) for seed in seeds]
    yield {"peer": RECIPE, "seeds": list(seeds), **_figures(own)}
    lead = _right(own).mean(axis=0) - _right(plain).mean(axis=0)
    yield {"lead": RECIPE, "over": PLAIN, "top1": lead.mean().item(), "interval": list(bootstrap_interval(lead))}


def _train_recipe(
    splits: DatasetDict,
    recipes: Mapping[str, Recipe],
    processor: KeypointProcessor,
    folder: Path,
    device: str,
    from_model: str | Path | None,
) -> Answers:
    start = time.perf_counter()
    metrics = run_stages(splits, recipes, folder, copy.deepcopy(processor), device, from_model=from_model)
    minutes = (time.perf_counter() - start) / 60
    last = list(metrics)[-1]
    model, fitted = load_model(folder / last / BEST)
    trainer = SignTrainer(model, recipes[last], fitted, training_arguments(recipes[last], folder, False, device))
    epochs = sum(stage["epochs"] for stage in metrics.values())
    return _answer(trainer, splits, epochs, minutes)


def _train_plain(
    splits: DatasetDict, recipes: Mapping[str, Recipe], processor: KeypointProcessor, folder: Path, device: str
) -> Answers:
    recipe, fitted = plain_recipe(recipes), copy.deepcopy(processor)
    fitted.fit((to_clip(row, fitted) for row in splits["train"]), **recipe.augmentations.reach())
    set_seed(recipe.seed)
    network: Any = PlainNetwork(recipe.model_config(splits["train"].features["label"].names))
    arguments = replace(training_arguments(recipe, folder, False, device), save_strategy="no", eval_strategy="no")
    trainer = SignTrainer(network, recipe, fitted, arguments, train_dataset=splits["train"])
    start = time.perf_counter()
    trainer.train()
    return _answer(trainer, splits, recipe.epochs, (time.perf_counter() - start) / 60)


def _answer(trainer: SignTrainer, splits: DatasetDict, epochs: float, minutes: float) -> Answers:
    train, test = (trainer.predict(splits[name]) for name in ("train", "test"))
    model: Any = trainer.model
    logits, labels = (torch.from_numpy(np.ascontiguousarray(test[place])) for place in range(2))
    costs = {
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "epochs": epochs,
        "minutes": round(minutes, 2),
        "train": float((np.asarray(train.predictions).argmax(axis=-1) == train.label_ids).mean()),
    }
    return Answers(logits, labels, costs)


def _ask_neighbour(
    splits: DatasetDict, recipes: Mapping[str, Recipe], processor: KeypointProcessor, folder: Path, device: str
) -> Answers:
    fitted = copy.deepcopy(processor)
    fitted.fit(to_clip(row, fitted) for row in splits["train"])
    references = splits["train"].select(choose_references(splits["train"]))
    labels, test_labels = (read_column(clips, "label").astype(np.int64) for clips in (references, splits["test"]))
    num_labels = len(references.features["label"].names)
    neighbour = NearestNeighbour(Sequences.of(references, fitted), labels, num_labels)
    return Answers(neighbour.scores(Sequences.of(splits["test"], fitted)), torch.from_numpy(test_labels), {})


def _right(seeds: list[list[Answers]]) -> np.ndarray:
    """Whether each test clip of all folds is answered rightly: `(seeds, clips)`, 1 or 0."""
    return np.array(
        [np.concatenate([(fold.logits.argmax(dim=-1) == fold.labels).numpy() for fold in folds]) for folds in seeds],
        dtype=np.float64,
    )


def _figures(seeds: list[list[Answers]]) -> dict[str, Any]:
    right = _right(seeds)
    by_seed = right.mean(axis=1)
    counts = [len(fold.labels) for fold in seeds[0]]
    top5 = [
        np.average([top_k_accuracy(fold.logits, fold.labels, 5) for fold in folds], weights=counts) for folds in seeds
    ]
    costs = [fold.costs for folds in seeds for fold in folds if fold.costs]
    return {
        "clips": right.shape[1],
        "top1": by_seed.mean().item(),
        "lowest": by_seed.min().item(),
        "highest": by_seed.max().item(),
        "interval": list(bootstrap_interval(right.mean(axis=0))),
        "top5": float(np.mean(top5)),
        **{name: float(np.mean([each[name] for each in costs])) for name in (costs[0] if costs else ())},
    }


__all__ = ["NEIGHBOUR", "PLAIN", "RECIPE", "Answers", "compare_peers", "plain_recipe"]
