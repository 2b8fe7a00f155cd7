"""How many clips a second the whole training loop takes in, and what of it the data path costs."""

import os
import tempfile
import time
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from transformers import PrinterCallback, TrainerCallback, TrainingArguments

from slr_hf.benchmarks.forward import real_lengths
from slr_hf.model.configuration_slr import SLRConfig
from slr_hf.model.modeling_slr import SLRForSignClassification
from slr_hf.model.processing_slr import KeypointProcessor
from slr_hf.training.recipes import Recipe, get_recipes
from slr_hf.training.trainer import SignTrainer, training_arguments

#: Steps that are not measured, at most as many as are: kernels are chosen and compiled, memory grows.
_WARM_UP = 5


class _ResidentTrainer(SignTrainer):
    """Has all batches on the device before it starts: what the loop takes without its data path."""

    def get_train_dataloader(self) -> Any:
        return list(super().get_train_dataloader())


class _Watch(TrainerCallback):
    """Notes the time after the first steps and at the end."""

    def __init__(self, device: str, warm_up: int) -> None:
        self.device, self.warm_up = device, warm_up
        self.times: dict[int, float] = {}

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step == self.warm_up or state.global_step == state.max_steps:
            if self.device == "cuda":
                torch.cuda.synchronize()
            self.times[state.global_step] = time.perf_counter()


def made_up_clips(processor: KeypointProcessor, clips: int, num_labels: int) -> Dataset:
    """Prepared clips of real lengths with random keypoints, as `prepare_dataset` gives them."""
    generator = np.random.default_rng(0)
    lengths = np.minimum(real_lengths(clips), processor.input_size)
    columns: dict[str, list[np.ndarray]] = {"keypoints": [], "part_mask": [], "positions": []}
    for length in lengths:
        columns["keypoints"].append(generator.standard_normal(length * processor.num_points * 3, np.float32))
        columns["part_mask"].append(np.ones(length * len(processor.parts), bool))
        columns["positions"].append(np.arange(length, dtype=np.float32))
    labels = generator.integers(0, num_labels, clips)
    return Dataset.from_dict({**columns, "label": labels}).with_format("numpy")


def benchmark_training(
    size: str,
    batch_size: int,
    steps: int,
    num_labels: int,
    device: str = "auto",
    recipe: str = "slovo_1000",
    compiler: str | None = None,
) -> dict[str, Any]:
    """Trains some steps of the stage `it` by a recipe: loader, augmentations, MixUp, losses and optimizer included.

    Then the same steps again with all batches on the device, to tell how long it waits for the data path.

    Args:
        size: Size of the model.
        batch_size: Clips of a step, of each process.
        steps: Measured steps.
        num_labels: Glosses.
        device: "cpu", or "auto" for an accelerator where there is one.
        recipe: The recipe that everything else is taken from.
        compiler: Compile the model with this backend of `torch.compile`, such as "inductor"; by default it is not
            compiled.
    """
    warm_up = min(steps, _WARM_UP)
    total = steps + warm_up
    stage = replace(get_recipes(recipe, ("it",))["it"], size=size, batch_size=batch_size, epochs=1, average_decay=0.0)
    processor = KeypointProcessor()
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    dataset = made_up_clips(processor, total * batch_size * processes, num_labels)
    model = SLRForSignClassification(SLRConfig.from_size(size, num_labels=num_labels, **stage.config))
    with tempfile.TemporaryDirectory() as folder:
        arguments = training_arguments(stage, folder, validate=False, device=device)
        arguments = replace(
            arguments,
            save_strategy="no",
            eval_strategy="no",
            disable_tqdm=True,
            torch_compile=compiler is not None,
            torch_compile_backend=compiler,
        )
        on_gpu = arguments.device.type == "cuda"
        if on_gpu:
            torch.cuda.reset_peak_memory_stats()
        trainer, step = _train(SignTrainer, model, stage, processor, arguments, dataset, warm_up)
        start = time.perf_counter()
        for _ in trainer.get_train_dataloader():
            pass
        loading = (time.perf_counter() - start) / total
        _, resident_step = _train(_ResidentTrainer, model, stage, processor, arguments, dataset, warm_up)
    clips = batch_size * arguments.world_size
    return {
        "what": "training",
        "size": size,
        "recipe": recipe,
        "batch_size": batch_size,
        "num_labels": num_labels,
        "device": str(arguments.device),
        "processes": arguments.world_size,
        "bf16": arguments.bf16,
        "compiler": compiler,
        "step_ms": round(step * 1e3, 2),
        "clips_per_second": round(float(clips / step), 1),
        "data_path_ms": round(loading * 1e3, 2),
        "data_path_clips_per_second": round(clips / loading, 1),
        "step_without_data_path_ms": round(resident_step * 1e3, 2),
        # The share of the time in which the device has work, if it always has with its batches at hand.
        "busy": round(resident_step / step, 3),
        "peak_gpu_memory_mb": round(torch.cuda.max_memory_allocated() / 1e6) if on_gpu else None,
    }


def _train(
    trainer_class: type[SignTrainer],
    model: SLRForSignClassification,
    stage: Recipe,
    processor: KeypointProcessor,
    arguments: TrainingArguments,
    dataset: Dataset,
    warm_up: int,
) -> tuple[SignTrainer, float]:
    """Trains for an epoch; returns the trainer, and the seconds of a step after the first ones."""
    trainer = trainer_class(model, stage, processor, arguments, train_dataset=dataset)
    trainer.remove_callback(PrinterCallback)  # standard output is for the figures
    watch = _Watch(arguments.device.type, warm_up)
    trainer.add_callback(watch)
    trainer.train()
    last = max(watch.times)
    return trainer, (watch.times[last] - watch.times[warm_up]) / (last - warm_up)


__all__ = ["benchmark_training", "made_up_clips"]
