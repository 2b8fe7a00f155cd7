"""The trainer: `transformers.Trainer` with augmentations, the recipe's loss and its schedule."""

import sys
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from torch import nn
from torch.nn import functional as F
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR
from transformers import EarlyStoppingCallback, EvalPrediction, Trainer, TrainingArguments
from transformers.utils import is_torch_bf16_gpu_available

from slr_hf.data.collation import KeypointCollator
from slr_hf.model.modeling_slr import SignClassifierOutput, SLRForSignClassification
from slr_hf.model.processing_slr import KeypointProcessor
from slr_hf.training.losses import soft_targets
from slr_hf.training.metrics import cross_entropy, mean_class_accuracy, top_k_accuracy
from slr_hf.training.recipes.recipe import Recipe

#: What is measured on each split; `loss` is cross entropy.
METRICS = ("loss", "accuracy", "top5_accuracy", "mean_class_accuracy")

#: Clips of a batch without gradients, which takes little memory.
_EVALUATION_BATCH = 256


def training_arguments(
    recipe: Recipe, output: str | Path, validate: bool = True, device: str = "auto"
) -> TrainingArguments:
    """Translates a recipe for `Trainer`.

    Args:
        recipe: The recipe of the stage.
        output: Folder of the checkpoints.
        validate: Whether there are validation clips to choose the best checkpoint by.
        device: "cpu", or "auto" for an accelerator where there is one.
    """
    on_gpu = device != "cpu" and torch.cuda.is_available()
    return TrainingArguments(
        output_dir=str(output),
        seed=recipe.seed,
        use_cpu=device == "cpu",
        bf16=(on_gpu and is_torch_bf16_gpu_available()) if recipe.bf16 == "auto" else recipe.bf16,
        dataloader_pin_memory=on_gpu,
        num_train_epochs=recipe.epochs,
        per_device_train_batch_size=recipe.batch_size,
        per_device_eval_batch_size=_EVALUATION_BATCH,
        gradient_accumulation_steps=recipe.gradient_accumulation_steps,
        learning_rate=recipe.learning_rate,
        weight_decay=recipe.weight_decay,
        max_grad_norm=recipe.max_grad_norm,
        # Once an epoch: on small data, more would take longer than the training.
        logging_strategy="epoch",
        save_strategy="epoch",
        eval_strategy="epoch" if validate else "no",
        save_total_limit=1,  # besides the best
        load_best_model_at_end=validate,
        metric_for_best_model="recipe_loss" if validate else None,
        greater_is_better=False if validate else None,
        restore_callback_states_from_checkpoint=True,  # the patience of early stopping
        remove_unused_columns=False,  # the collator needs columns that the model does not
        label_names=["labels"],
        report_to="none",
        disable_tqdm=not sys.stderr.isatty(),
    )


class SignTrainer(Trainer):
    """Trains a model by a recipe.

    A training batch is augmented on its device, finished by the processor and trained on with the recipe's loss. In
    evaluation a batch is only finished, and the loss is cross entropy. Losses are sums over clips divided by the clips
    of the whole optimizer step, so that accumulated batches give the gradient of one large batch.

    Args:
        model: The classifier.
        recipe: The recipe of the stage.
        processor: The processor that prepared the clips; it is saved with every checkpoint.
        args: Arguments of `Trainer`; see `training_arguments`.
        train_dataset: Clips of `prepare_dataset`.
        eval_dataset: Validation clips of `prepare_dataset`; without them there is no early stopping.
    """

    def __init__(
        self,
        model: SLRForSignClassification,
        recipe: Recipe,
        processor: KeypointProcessor,
        args: TrainingArguments,
        train_dataset: Dataset | None = None,
        eval_dataset: Dataset | None = None,
    ) -> None:
        super().__init__(
            model=model,
            args=args,
            data_collator=KeypointCollator(processor),
            train_dataset=train_dataset,
            eval_dataset=eval_dataset,
            processing_class=processor,
            compute_loss_func=self.reduce_losses,
            compute_metrics=self.compute_metrics_by_recipe,
            preprocess_logits_for_metrics=_keep_logits,
            callbacks=[EarlyStoppingCallback(recipe.patience)] if eval_dataset is not None else None,
        )
        self.recipe = recipe
        self.processor = processor
        self.num_labels: int = len(model.config.id2label or {})
        self.augment = recipe.augmentations.build(processor)

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
        return super().compute_loss(model, self.processor.finish(inputs), return_outputs, num_items_in_batch)

    def reduce_losses(
        self,
        outputs: SignClassifierOutput,
        labels: torch.Tensor,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> torch.Tensor:
        """Adds the losses of the clips and divides them by the clips of the optimizer step.

        Args:
            outputs: What the model returned.
            labels: Soft targets `(batch, num_labels)` in training, class indices `(batch,)` in evaluation.
            num_items_in_batch: Clips of all batches of the optimizer step; those of this batch by default.
        """
        if labels.is_floating_point():
            losses = self.recipe.losses(outputs, labels)
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

    def get_decay_parameter_names(self, model: nn.Module) -> list[str]:
        """Names the parameters with weight decay: matrices, but no norms, biases, gains or learned vectors."""
        return [
            name
            for name, parameter in model.named_parameters()
            if parameter.ndim >= 2 and name.rpartition(".")[2] == "weight"
        ]

    def create_scheduler(self, num_training_steps: int, optimizer: Optimizer | None = None) -> LambdaLR:
        """Builds the recipe's schedule."""
        if self.lr_scheduler is None:
            optimizer = self.create_optimizer() if optimizer is None else optimizer
            self.lr_scheduler = self.recipe.schedule.build(optimizer, num_training_steps)
            self._created_lr_scheduler = True
        return self.lr_scheduler


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


__all__ = ["METRICS", "SignTrainer", "compute_metrics", "training_arguments"]
