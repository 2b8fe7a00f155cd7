"""The trainer: `transformers.Trainer` with augmentations, the recipe's loss and its schedule."""

import shutil
import sys
from collections import defaultdict
from contextlib import nullcontext
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from datasets import Dataset
from huggingface_hub import HfApi
from torch import nn
from torch.nn import functional as F
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler
from torch.utils.data import DataLoader, Sampler
from transformers import (
    EarlyStoppingCallback,
    EvalPrediction,
    PreTrainedModel,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
    set_seed,
)
from transformers.trainer import TRAINING_ARGS_NAME
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR, EvalLoopOutput, HubStrategy, SaveStrategy
from transformers.utils import PushInProgress, is_torch_bf16_gpu_available

from slr_hf.data.collation import KeypointCollator
from slr_hf.data.preparation import sort_by_length
from slr_hf.data.sampling import LengthSampler, SignerSampler
from slr_hf.model.modeling_slr import SignClassifierOutput, SLRForSignClassification
from slr_hf.model.processing_slr import KeypointProcessor
from slr_hf.training.augmentations import Layout, PartDropout
from slr_hf.training.averaging import TRAINED_WEIGHTS, WeightAverage
from slr_hf.training.losses import soft_targets
from slr_hf.training.metrics import cross_entropy, mean_class_accuracy, top_k_accuracy
from slr_hf.training.processes import uses_cpu
from slr_hf.training.recipes.recipe import LAYER_GROUPS, Recipe
from slr_hf.training.schedules import Plateau
from slr_hf.whole_files import writing

#: What is measured on each split; `loss` is cross entropy.
METRICS = ("loss", "accuracy", "top5_accuracy", "mean_class_accuracy")

#: What the clips measured after every epoch are called in the log, after "eval_": those that choose the best
#: checkpoint, and training clips without augmentation.
VALIDATION, TRAIN = "validation", "train"

#: Files of a checkpoint that only resuming needs, as patterns.
_RESUMING = ("*.pt", "*.pth", "*.bin", "trainer_state.json", TRAINED_WEIGHTS)

#: Clips of a batch without gradients, which takes little memory.
_EVALUATION_BATCH = 256

#: Training clips, at most, that learning curves are measured on after every epoch.
_CURVE_CLIPS = 500

#: Processes that collate batches for a GPU.
_LOADING_PROCESSES = 4


def training_arguments(
    recipe: Recipe, output: str | Path, validate: bool = True, device: str = "auto", report_to: str = "none"
) -> TrainingArguments:
    """Translates a recipe for `Trainer`.

    Args:
        recipe: The recipe of the stage.
        output: Folder of the checkpoints.
        validate: Whether there are validation clips to choose the best checkpoint by.
        device: "cpu", or "auto" for an accelerator where there is one.
        report_to: Where else to log to, such as "trackio" or "tensorboard".
    """
    on_gpu = not uses_cpu(device) and torch.cuda.is_available()
    return TrainingArguments(
        output_dir=str(output),
        seed=recipe.seed,
        data_seed=recipe.seed,  # all processes draw the same order, whatever their own seeds
        use_cpu=uses_cpu(device),
        bf16=(on_gpu and is_torch_bf16_gpu_available()) if recipe.bf16 == "auto" else recipe.bf16,
        dataloader_pin_memory=on_gpu,
        # One process collates about 5,000 clips a second, which a GPU may take in; a CPU never does.
        dataloader_num_workers=_LOADING_PROCESSES if on_gpu else 0,
        dataloader_persistent_workers=on_gpu,
        num_train_epochs=recipe.epochs,
        per_device_train_batch_size=recipe.batch_size,
        train_sampling_strategy="group_by_length" if recipe.group_by_length else "random",
        per_device_eval_batch_size=_EVALUATION_BATCH,
        gradient_accumulation_steps=recipe.gradient_accumulation_steps,
        learning_rate=recipe.learning_rate,
        weight_decay=recipe.weight_decay,
        max_grad_norm=recipe.max_grad_norm,
        # Once an epoch: on small data, more would take longer than the training.
        logging_strategy="epoch",
        save_strategy="epoch",
        eval_strategy="epoch",
        save_total_limit=1,  # besides the best
        load_best_model_at_end=validate,
        metric_for_best_model=f"{VALIDATION}_recipe_loss" if validate else None,
        greater_is_better=False if validate else None,
        restore_callback_states_from_checkpoint=True,  # the patience of early stopping
        remove_unused_columns=False,  # the collator needs columns that the model does not
        label_names=["labels"],
        report_to=report_to,
        run_name=str(output),
        project="slr_hf",  # for trackio
        disable_tqdm=not sys.stderr.isatty(),
    )


class SignTrainer(Trainer):
    """Trains a model by a recipe.

    A training batch is augmented on its device, finished by the processor and trained on with the recipe's loss. In
    evaluation a batch is only finished, and the loss is cross entropy. Losses are sums over clips divided by the clips
    of the whole optimizer step, so that accumulated batches give the gradient of one large batch.

    After every epoch the validation clips are measured, and at most 500 training clips without augmentation, for the
    learning curves. With several processes all draw one order of the clips from the seed, each trains on its share of
    it, and each has random numbers of its own, from the seed and its rank, for augmentations and dropout.

    Args:
        model: The classifier.
        recipe: The recipe of the stage.
        processor: The processor that prepared the clips; it is saved with every checkpoint.
        args: Arguments of `Trainer`; see `training_arguments`.
        train_dataset: Clips of `prepare_dataset`.
        eval_dataset: Validation clips of `prepare_dataset`; without them there is no early stopping.
        teacher: The model whose answers `distillation_weight` pulls towards.

    Raises:
        ValueError: If the recipe needs a teacher or validation clips that are not given, or the process has several
            GPUs: Trainer would split each batch among them, and multiply the loss by their number.
    """

    def __init__(
        self,
        model: SLRForSignClassification,
        recipe: Recipe,
        processor: KeypointProcessor,
        args: TrainingArguments,
        train_dataset: Dataset | None = None,
        eval_dataset: Dataset | None = None,
        teacher: SLRForSignClassification | None = None,
    ) -> None:
        if args.n_gpu > 1:
            raise ValueError(
                f"Each GPU needs a process of its own, but this one has {args.n_gpu}. Start it by `accelerate launch "
                f"--num-processes {args.n_gpu} scripts/train.py ...`, or set CUDA_VISIBLE_DEVICES=0 to use one GPU."
            )
        if isinstance(recipe.schedule, Plateau) and eval_dataset is None:
            raise ValueError("The schedule `plateau` follows the validation loss, but there are no validation clips.")
        if recipe.losses.distillation_weight and teacher is None:
            raise ValueError("`losses.distillation_weight` needs a teacher: set it in a stage after the first one.")
        measured = {VALIDATION: eval_dataset, TRAIN: None if train_dataset is None else _curve_clips(train_dataset)}
        super().__init__(
            model=model,
            args=args,
            data_collator=KeypointCollator(processor),
            train_dataset=None if train_dataset is None else _repeated(train_dataset, recipe.repeats),
            # No figure depends on the order.
            eval_dataset={name: sort_by_length(clips) for name, clips in measured.items() if clips is not None},
            processing_class=processor,
            compute_loss_func=self.reduce_losses,
            compute_metrics=self.compute_metrics_by_recipe,
            preprocess_logits_for_metrics=_keep_logits,
            callbacks=[_EarlyStopping(recipe.patience)] if eval_dataset is not None else None,
        )
        self.recipe = recipe
        self.processor = processor
        self.num_labels: int = len(model.config.id2label or {})
        self.augment = recipe.augmentations.build(processor)
        self.layout = Layout.of(processor)
        self.teacher = None if teacher is None else teacher.to(self.args.device).eval()  # type: ignore[arg-type]
        self.average = WeightAverage(model, recipe.average_decay) if recipe.average_decay else None
        if self.average is not None:
            self.add_callback(_AverageWeights(self.average))

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, torch.Tensor | Any],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> torch.Tensor | tuple[torch.Tensor, Any]:
        """Augments (in training) and finishes a batch of the collator, and computes its loss."""
        if model.training:
            inputs = {**inputs, "labels": soft_targets(inputs["labels"], self.num_labels)}
            inputs = self.augment(inputs)
            if self.recipe.losses.consistency_weight:
                # The second view shows the hands alone. Both in one batch: one pass of the model, whatever wraps it.
                views = inputs, PartDropout(probability=1, body=1, hand=0)(inputs, self.layout)
                inputs = {name: torch.cat([view[name] for view in views]) for name in inputs}
            inputs = dict(self.processor.finish(inputs))
            targets: dict[str, Any] = {"targets": inputs.pop("labels")}
            targets["progress"] = self.state.global_step / max(self.state.max_steps, 1)
            if self.recipe.losses.distillation_weight and self.teacher is not None:
                with torch.no_grad():
                    targets["teacher_logits"] = self.teacher(**inputs).logits
            # Trainer hands the labels, whatever they are, from here to `reduce_losses`.
            return super().compute_loss(model, {**inputs, "labels": targets}, return_outputs, num_items_in_batch)
        return super().compute_loss(model, self.processor.finish(inputs), return_outputs, num_items_in_batch)

    def reduce_losses(
        self,
        outputs: SignClassifierOutput,
        labels: torch.Tensor | dict[str, Any],
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> torch.Tensor:
        """Adds the losses of the clips and divides them by the clips of the optimizer step.

        Args:
            outputs: What the model returned.
            labels: What the recipe's loss takes besides in training, class indices `(batch,)` in evaluation.
            num_items_in_batch: Clips of all batches of the optimizer step; those of this batch by default.
        """
        if isinstance(labels, dict):
            losses = self.recipe.losses(outputs, **labels)
        else:
            losses = F.cross_entropy(outputs["logits"].float(), labels, reduction="none")
        return losses.sum() / (len(losses) if num_items_in_batch is None else num_items_in_batch)

    def compute_metrics_by_recipe(self, prediction: EvalPrediction) -> dict[str, float]:
        """Computes `METRICS`, and the recipe's loss of the logits, by which the best checkpoint is chosen.

        Not cross entropy: with smoothed or mixed targets it rewards a checkpoint from before the smoothing took hold.
        Nor accuracy: on clips of known signers it soon reaches 1 and tells checkpoints apart no more.
        """
        logits, labels = torch.from_numpy(prediction.predictions), torch.from_numpy(prediction.label_ids)
        targets = soft_targets(labels, logits.shape[-1])
        recipe_loss = self.recipe.losses.classification(logits, targets).mean().item()
        return {**compute_metrics(prediction), "recipe_loss": recipe_loss}

    def _get_train_sampler(self, train_dataset: Any = None) -> Sampler | None:
        dataset = cast(Dataset, self.train_dataset if train_dataset is None else train_dataset)
        if self.recipe.clips_per_gloss:
            return SignerSampler(dataset, self.recipe.clips_per_gloss, self.args.seed)
        if self.args.train_sampling_strategy == "group_by_length":
            step = self.args.train_batch_size * self.args.gradient_accumulation_steps
            return LengthSampler(dataset, step, self.args.seed)
        return super()._get_train_sampler(train_dataset)

    def get_train_dataloader(self) -> DataLoader:
        """Builds the loader of the training clips."""
        loader = super().get_train_dataloader()
        # It draws a seed when its processes start, so once more in a training that goes on, which must not change what
        # training draws.
        getattr(loader, "base_dataloader", loader).generator = torch.Generator()
        return loader

    def get_decay_parameter_names(self, model: nn.Module) -> list[str]:
        """Names the parameters with weight decay: matrices, but no norms, biases, gains or learned vectors."""
        return [
            name
            for name, parameter in model.named_parameters()
            if parameter.ndim >= 2 and name.rpartition(".")[2] == "weight"
        ]

    def create_optimizer(self, model: PreTrainedModel | None = None) -> Optimizer:
        """Builds the optimizer, with a learning rate for each group of layers and decay for matrices only."""
        if self.optimizer is None:
            model = cast(PreTrainedModel, self.model) if model is None else model
            decays = set(self.get_decay_parameter_names(model))
            groups: dict[tuple[float, bool], list[nn.Parameter]] = defaultdict(list)
            for name, parameter in model.named_parameters():
                if parameter.requires_grad:
                    groups[self._layer_rate(name), name in decays].append(parameter)
            kind, arguments = self.get_optimizer_cls_and_kwargs(self.args, model)
            self.optimizer = kind(
                [
                    {
                        "params": parameters,
                        "lr": rate * self.args.learning_rate,
                        "weight_decay": self.args.weight_decay if decay else 0.0,
                    }
                    for (rate, decay), parameters in groups.items()
                ],
                **arguments,
            )
        return self.optimizer

    def _layer_rate(self, name: str) -> float:
        """The factor on the learning rate of a parameter."""
        groups = [group for group, beginnings in LAYER_GROUPS.items() if name.startswith(beginnings)]
        return self.recipe.layer_rates.get(groups[0], 1.0) if groups else 1.0

    def create_scheduler(self, num_training_steps: int, optimizer: Optimizer | None = None) -> LRScheduler:
        """Builds the recipe's schedule."""
        if self.lr_scheduler is None:
            optimizer = self.create_optimizer() if optimizer is None else optimizer
            # The Trainer takes any schedule, whatever the type it states.
            self.lr_scheduler = cast(LambdaLR, self.recipe.schedule.build(optimizer, num_training_steps))
            self._created_lr_scheduler = True
        return cast(LRScheduler, self.lr_scheduler)

    # The average of the weights is what is evaluated and saved; the trained weights lie beside it in checkpoints.

    def train(self, *args: Any, **kwargs: Any) -> Any:
        """Trains; in the end the model has the best checkpoint's weights, or the last average without validation."""
        # The model was made of the same numbers in all processes. What they draw from here on, each draws for itself;
        # the Trainer keeps the state of each in its checkpoints.
        set_seed(self.args.seed + self.args.process_index)
        result = super().train(*args, **kwargs)
        if self.average is not None:
            if not self.args.load_best_model_at_end:
                self.average.swap()
            self.average = None
        return result

    def evaluation_loop(self, *args: Any, **kwargs: Any) -> EvalLoopOutput:
        """Evaluates, with the average of the weights where there is one."""
        average = nullcontext() if self.average is None else self.average.applied()
        # A data loader draws a number, which must not change how training goes on.
        with average, torch.random.fork_rng(devices=[]):
            return super().evaluation_loop(*args, **kwargs)

    def save_model(self, *args: Any, **kwargs: Any) -> None:
        """Saves the model, with the average of the weights where there is one."""
        with nullcontext() if self.average is None else self.average.applied():
            super().save_model(*args, **kwargs)

    # What is published holds no pickle: it would run code where it is loaded.

    def _save(self, output_dir: str | None = None, state_dict: dict[str, Any] | None = None) -> None:
        super()._save(output_dir, state_dict)
        if self.args.should_save:
            # A pickle that nothing reads, resuming neither; the recipe lies beside the checkpoint as JSON.
            Path(str(output_dir or self.args.output_dir), TRAINING_ARGS_NAME).unlink(missing_ok=True)

    def _push_from_checkpoint(self, checkpoint_folder: str) -> None:
        """Uploads a checkpoint while training goes on, as `hub_strategy` asks.

        In the place of Trainer's own method, which would pickle its arguments into what it uploads, and leave out code.
        The strategies `checkpoint` and `all_checkpoints` ask for the files to resume from too; among those are pickles.
        """
        strategy = HubStrategy(self.args.hub_strategy)
        if not self.is_world_process_zero() or strategy is HubStrategy.END:
            return
        busy = self.push_in_progress is not None and not self.push_in_progress.is_done()
        if busy and not self.args.hub_always_push:
            return
        self.callback_handler.on_push_begin(self.args, self.state, self.control)
        # Copied, because the checkpoint may be deleted before it is uploaded.
        output = str(self.args.output_dir)
        shutil.copytree(checkpoint_folder, output, ignore=shutil.ignore_patterns(*_RESUMING), dirs_exist_ok=True)
        by_steps = self.args.save_strategy == SaveStrategy.STEPS
        place = f"step {self.state.global_step}" if by_steps else f"epoch {int(self.state.epoch or 0)}"
        message = f"Training in progress, {place}"
        uploads = [self._upload(output, message, ignore_patterns=["_*", f"{PREFIX_CHECKPOINT_DIR}-*", *_RESUMING])]
        if strategy in (HubStrategy.CHECKPOINT, HubStrategy.ALL_CHECKPOINTS):
            name = "last-checkpoint" if strategy is HubStrategy.CHECKPOINT else Path(checkpoint_folder).name
            uploads.append(self._upload(checkpoint_folder, f"{message}, checkpoint", path_in_repo=name))
        if busy and self.push_in_progress is not None:
            self.push_in_progress.jobs.extend(uploads)
        else:
            # Trainer states other types than those it uses.
            self.push_in_progress = cast(Any, PushInProgress(cast(Any, uploads)))

    def _upload(self, folder: str, message: str, **arguments: Any) -> Any:
        """Uploads a folder in the background."""
        return HfApi(library_name="slr_hf").upload_folder(
            repo_id=str(self.hub_model_id),
            folder_path=folder,
            commit_message=message,
            token=self.args.hub_token,
            revision=self.args.hub_revision,
            run_as_future=True,
            **arguments,
        )

    def _save_checkpoint(self, model: nn.Module, trial: Any) -> None:
        with writing(str(self.args.output_dir)):
            super()._save_checkpoint(model, trial)

    def _save_optimizer_and_scheduler(self, output_dir: str) -> None:
        super()._save_optimizer_and_scheduler(output_dir)
        if self.average is not None and self.args.should_save:
            self.average.save_trained(output_dir)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: nn.Module | None = None) -> None:
        super()._load_from_checkpoint(resume_from_checkpoint, model)
        if self.average is not None:
            self.average.load(resume_from_checkpoint)

    def learning_curve(self) -> list[dict[str, Any]]:
        """Reads the learning curve out of the log.

        Returns:
            For each epoch its number, `epoch`, and the `METRICS` of the validation clips and of training clips,
            measured without augmentation.
        """
        epochs: dict[float, dict[str, Any]] = defaultdict(dict)
        for entry in self.state.log_history:
            for split in (VALIDATION, TRAIN):
                names = {metric: f"eval_{split}_{metric}" for metric in METRICS}
                if names["loss"] in entry:
                    epochs[entry["epoch"]][split] = {metric: entry[name] for metric, name in names.items()}
        return [{"epoch": epoch, **splits} for epoch, splits in sorted(epochs.items())]


class _AverageWeights(TrainerCallback):
    """Takes the weights into their average after every optimizer step."""

    def __init__(self, average: WeightAverage) -> None:
        self.average = average

    def on_optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        self.average.update()


class _EarlyStopping(EarlyStoppingCallback):
    """Stops early by the validation clips; the training clips, which are measured too, have no say."""

    def on_evaluate(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, metrics: Any = None, **kwargs: Any
    ) -> None:
        """Looks at the validation clips' figures."""
        if f"eval_{args.metric_for_best_model}" in metrics:
            super().on_evaluate(args, state, control, metrics, **kwargs)


def _curve_clips(dataset: Dataset) -> Dataset:
    """Some of the clips, evenly spread, so that all sessions and glosses are among them."""
    rows = np.linspace(0, len(dataset) - 1, min(len(dataset), _CURVE_CLIPS))
    return dataset.select(rows.round().astype(int))


def _repeated(dataset: Dataset, times: int) -> Dataset:
    return dataset if times == 1 else dataset.select(np.tile(np.arange(len(dataset)), times))


def compute_metrics(prediction: EvalPrediction) -> dict[str, float]:
    """Computes `METRICS` of logits `(clips, num_labels)` against class indices `(clips,)`.

    The loss is computed here too, because Trainer's own is a mean of the means of batches.
    """
    logits, labels = torch.from_numpy(prediction.predictions), torch.from_numpy(prediction.label_ids)
    return {
        "loss": cross_entropy(logits, labels),
        "accuracy": top_k_accuracy(logits, labels, 1),
        "top5_accuracy": top_k_accuracy(logits, labels, 5),
        "mean_class_accuracy": mean_class_accuracy(logits, labels),
    }


def _keep_logits(outputs: tuple[torch.Tensor, ...] | torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Leaves only the logits of what the model returned: the rest would be held in memory for all clips."""
    return outputs[0] if isinstance(outputs, tuple) else outputs


__all__ = ["METRICS", "TRAIN", "VALIDATION", "SignTrainer", "compute_metrics", "training_arguments"]
