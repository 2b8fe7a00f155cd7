import multiprocessing
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from datasets import Dataset
from torch.nn import functional as F
from transformers import EvalPrediction, TrainerCallback, TrainerState, TrainingArguments
from transformers.trainer_utils import IntervalStrategy

from slr_hf.data import KeypointCollator, sort_by_length
from slr_hf.model.modeling_slr import SLRForSignClassification
from slr_hf.model.processing_slr import KeypointProcessor
from slr_hf.training.augmentations import Augmentations
from slr_hf.training.losses import SignLoss, soft_targets
from slr_hf.training.recipes import Recipe
from slr_hf.training.schedules import CyclicLRWithWarmup, Plateau
from slr_hf.training.trainer import METRICS, SignTrainer, compute_metrics, training_arguments

MakeModel = Callable[..., SLRForSignClassification]

#: So low that the weights stay what they are.
NO_LEARNING = 1e-15


@pytest.fixture
def make_trainer(clips: Dataset, make_model: MakeModel, tmp_path: Path) -> Callable[..., SignTrainer]:
    def make(recipe: Recipe, train: Dataset = clips, validation: Dataset | None = None, **config: float) -> SignTrainer:
        arguments = training_arguments(recipe, tmp_path / "run", validate=validation is not None, device="cpu")
        return SignTrainer(make_model(**config), recipe, KeypointProcessor(), arguments, train, validation)

    return make


def test_several_gpus_in_one_process_are_refused(
    make_model: MakeModel, recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = training_arguments(recipe, tmp_path, validate=False, device="cpu")
    monkeypatch.setattr(TrainingArguments, "n_gpu", 2)
    with pytest.raises(ValueError, match=r"this one has 2\. .*accelerate launch --num-processes 2"):
        SignTrainer(make_model(), recipe, KeypointProcessor(), arguments)


class GradientRecorder(TrainerCallback):
    """Notes the gradients of every optimizer step."""

    def __init__(self) -> None:
        self.steps: list[dict[str, torch.Tensor]] = []

    def on_pre_optimizer_step(self, *_: Any, model: SLRForSignClassification, **__: Any) -> None:
        named = model.named_parameters()
        self.steps.append({name: value.grad.clone() for name, value in named if value.grad is not None})


def train_and_record(trainer: SignTrainer) -> tuple[list[float], list[dict[str, torch.Tensor]]]:
    """Trains, and returns the loss and the gradients of every optimizer step."""
    recorder = GradientRecorder()
    trainer.add_callback(recorder)
    trainer.args.logging_strategy, trainer.args.logging_steps = "steps", 1
    trainer.train()
    return [entry["loss"] for entry in trainer.state.log_history if "loss" in entry], recorder.steps


@pytest.mark.parametrize(
    ("num_clips", "batch_size", "accumulated"),
    [
        pytest.param(32, 8, 4, id="whole steps"),
        pytest.param(40, 8, 4, id="a last step of one batch"),
        # A mean of the means of batches would weigh the clips of the last batch twice.
        pytest.param(18, 4, 3, id="a last step of batches of different sizes"),
    ],
)
def test_accumulated_batches_give_the_loss_and_gradients_of_one_large_batch(
    make_trainer: Callable[..., SignTrainer],
    recipe: Recipe,
    clips: Dataset,
    num_clips: int,
    batch_size: int,
    accumulated: int,
) -> None:
    steady = replace(
        recipe, epochs=1, learning_rate=NO_LEARNING, max_grad_norm=0.0, augmentations=Augmentations.none(), seed=3
    )
    train = clips.shuffle(seed=1).select(range(num_clips))
    large = replace(steady, batch_size=batch_size * accumulated)
    small = replace(steady, batch_size=batch_size, gradient_accumulation_steps=accumulated)
    losses, gradients = train_and_record(make_trainer(large, train))
    accumulated_losses, accumulated_gradients = train_and_record(make_trainer(small, train))
    assert len(losses) == -(-num_clips // (batch_size * accumulated))
    assert accumulated_losses == pytest.approx(losses, rel=1e-5)
    for step, accumulated_step in zip(gradients, accumulated_gradients, strict=True):
        assert step.keys() == accumulated_step.keys()
        for name, gradient in step.items():
            torch.testing.assert_close(accumulated_step[name], gradient, rtol=1e-3, atol=1e-6, msg=name)


def test_the_training_loss_is_the_recipes(
    make_trainer: Callable[..., SignTrainer], recipe: Recipe, clips: Dataset
) -> None:
    plain = replace(recipe, epochs=1, batch_size=len(clips), augmentations=Augmentations.none())
    trainer = make_trainer(plain)
    batch = trainer.processor.finish(KeypointCollator(trainer.processor)(list(clips)))
    labels = batch.pop("labels")
    with torch.no_grad():
        expected = plain.losses(trainer.model.train()(**batch), soft_targets(labels, 3)).mean()
    losses, _ = train_and_record(trainer)
    assert losses == [pytest.approx(expected.item(), rel=1e-5)]


def test_training_clips_are_augmented_and_evaluated_clips_are_not(
    make_trainer: Callable[..., SignTrainer], recipe: Recipe, clips: Dataset
) -> None:
    trainer = make_trainer(replace(recipe, epochs=1, batch_size=len(clips)), validation=clips)
    seen: list[torch.Tensor] = []
    trainer.model.register_forward_pre_hook(
        lambda _, __, inputs: seen.append(inputs["keypoints"].clone()), with_kwargs=True
    )
    trainer.args.train_sampling_strategy = "sequential"
    trainer.train()
    ordered = list(sort_by_length(clips))
    plain = trainer.processor.finish(KeypointCollator(trainer.processor)(ordered))["keypoints"]
    trained, evaluated, again = seen  # of the validation clips and, for the learning curve, of training clips
    assert torch.equal(evaluated, again)
    torch.testing.assert_close(evaluated, plain)
    assert trained.shape[0] == len(clips)
    assert trained.shape != plain.shape or not torch.allclose(trained, plain, atol=0.1)


def test_evaluation_measures_plain_cross_entropy_and_accuracy(
    make_trainer: Callable[..., SignTrainer], recipe: Recipe, clips: Dataset
) -> None:
    trainer = make_trainer(recipe, validation=clips)
    trainer.args.per_device_eval_batch_size = 7  # the last batch is smaller
    batch = trainer.processor.finish(KeypointCollator(trainer.processor)(list(clips)))
    labels = batch.pop("labels")
    with torch.no_grad():
        logits = trainer.model.eval()(**batch).logits
    metrics = trainer.evaluate(clips)
    assert metrics["eval_accuracy"] == pytest.approx((logits.argmax(-1) == labels).float().mean().item())
    assert metrics["eval_loss"] == pytest.approx(F.cross_entropy(logits, labels).item(), rel=1e-5)


def test_metrics_by_hand() -> None:
    logits = np.array(
        [[3, 2, 1, 0, -1, -2], [3, 2, 1, 0, -1, -2], [3, 2, 1, 0, -1, -2], [0, 9, 0, 0, 0, 0]], np.float32
    )
    metrics = compute_metrics(EvalPrediction(predictions=logits, label_ids=np.array([0, 0, 5, 1])))
    assert metrics == {
        "loss": pytest.approx((2 * 0.4562 + 5.4562 + 0.0006) / 4, abs=1e-3),
        "accuracy": pytest.approx(3 / 4),
        "top5_accuracy": pytest.approx(3 / 4),
        # Glosses 0 and 1 are always right, gloss 5 never; glosses without clips do not count.
        "mean_class_accuracy": pytest.approx(2 / 3),
    }


def test_with_fewer_than_five_glosses_all_are_in_the_top_five() -> None:
    prediction = EvalPrediction(predictions=np.eye(3, dtype=np.float32), label_ids=np.array([1, 2, 0]))
    assert compute_metrics(prediction)["top5_accuracy"] == 1


def test_only_matrices_decay(make_trainer: Callable[..., SignTrainer], recipe: Recipe) -> None:
    trainer = make_trainer(recipe)
    optimizer = trainer.create_optimizer()
    named = {id(parameter): name for name, parameter in trainer.model.named_parameters()}
    decayed, kept = optimizer.param_groups
    assert (decayed["weight_decay"], kept["weight_decay"]) == (recipe.weight_decay, 0)
    assert len(decayed["params"]) + len(kept["params"]) == len(named)
    assert all(parameter.ndim >= 2 for parameter in decayed["params"])
    for parameter in kept["params"]:
        name = named[id(parameter)]
        assert parameter.ndim == 1 or name.endswith((".bias", ".missing", ".query")), name
    assert not [named[id(parameter)] for parameter in decayed["params"] if "norm" in named[id(parameter)]]


def test_the_rate_follows_the_recipes_schedule(make_trainer: Callable[..., SignTrainer], recipe: Recipe) -> None:
    schedule = CyclicLRWithWarmup(warmup=0.2, num_cycles=2)
    trainer = make_trainer(replace(recipe, schedule=schedule))
    trainer.args.logging_strategy, trainer.args.logging_steps = "steps", 1
    trainer.train()
    rates = [entry["learning_rate"] for entry in trainer.state.log_history if "learning_rate" in entry]
    expected = [recipe.learning_rate * schedule.factor(step, len(rates)) for step in range(len(rates))]
    assert rates == pytest.approx(expected)


def test_training_stops_when_the_validation_loss_has_not_fallen_for_some_epochs(
    make_trainer: Callable[..., SignTrainer], recipe: Recipe, clips: Dataset
) -> None:
    trainer = make_trainer(replace(recipe, epochs=9, patience=2, learning_rate=NO_LEARNING), validation=clips)
    trainer.train()
    assert trainer.state.epoch == 3


class WeightBreaker(TrainerCallback):
    """Shakes the weights after the last epoch, before it is evaluated."""

    def on_epoch_end(self, _: Any, state: TrainerState, *__: Any, model: SLRForSignClassification, **___: Any) -> None:
        if state.epoch == state.num_train_epochs:
            for parameter in model.parameters():
                parameter.data += torch.randn_like(parameter)


def test_the_best_checkpoint_is_loaded_at_the_end(
    make_trainer: Callable[..., SignTrainer], recipe: Recipe, clips: Dataset
) -> None:
    trainer = make_trainer(replace(recipe, epochs=3), validation=clips)
    trainer.add_callback(WeightBreaker())
    trainer.train()
    losses = [epoch["validation"]["loss"] for epoch in trainer.learning_curve()]
    assert losses[-1] > min(losses)
    assert trainer.evaluate()["eval_validation_loss"] == pytest.approx(min(losses), rel=1e-5)


def test_a_checkpoint_is_a_hub_folder(
    make_trainer: Callable[..., SignTrainer], recipe: Recipe, clips: Dataset, tmp_path: Path
) -> None:
    trainer = make_trainer(replace(recipe, epochs=1))
    trainer.train()
    (checkpoint,) = (tmp_path / "run").glob("checkpoint-*")
    names = {path.name for path in checkpoint.iterdir()}
    assert {"config.json", "model.safetensors", "preprocessor_config.json", "modeling_slr.py"} <= names


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(
    make_trainer: Callable[..., SignTrainer], recipe: Recipe
) -> None:
    def weights(seed: int) -> torch.Tensor:
        trainer = make_trainer(replace(recipe, epochs=1, seed=seed), hidden_dropout=0.1)
        trainer.train()
        return torch.cat([parameter.detach().flatten() for parameter in trainer.model.parameters()])

    first = weights(seed=0)
    assert torch.equal(weights(seed=0), first)
    assert not torch.equal(weights(seed=1), first)


def test_groups_of_layers_have_learning_rates_of_their_own(
    make_trainer: Callable[..., SignTrainer], recipe: Recipe
) -> None:
    trainer = make_trainer(replace(recipe, learning_rate=1.0, layer_rates={"embedding": 0.1, "backbone": 0.0}))
    names = {id(parameter): name for name, parameter in trainer.model.named_parameters()}
    rates = {
        names[id(parameter)]: group["lr"]
        for group in trainer.create_optimizer().param_groups
        for parameter in group["params"]
    }
    assert rates.keys() == dict(trainer.model.named_parameters()).keys()
    for name, rate in rates.items():
        expected = 0.1 if name.startswith("slr.embedding") else 0.0 if name.startswith("slr.") else 1.0
        assert rate == expected, name


def test_a_frozen_backbone_stays_as_it_is(make_trainer: Callable[..., SignTrainer], recipe: Recipe) -> None:
    trainer = make_trainer(replace(recipe, epochs=1, layer_rates={"embedding": 0.0, "backbone": 0.0}))
    before = {name: value.clone() for name, value in trainer.model.state_dict().items()}
    trainer.train()
    changed = {name for name, value in trainer.model.state_dict().items() if not torch.equal(value, before[name])}
    assert changed
    assert all(name.startswith(("classifier.", "confidence.")) for name in changed)


def test_a_pass_repeats_the_clips(make_trainer: Callable[..., SignTrainer], recipe: Recipe) -> None:
    trainer = make_trainer(replace(recipe, epochs=1, repeats=3))
    trainer.train()
    assert trainer.state.max_steps == -(-3 * 54 // recipe.batch_size)


def test_the_average_of_the_weights_is_evaluated_saved_and_kept(
    make_trainer: Callable[..., SignTrainer], recipe: Recipe, clips: Dataset
) -> None:
    trainer = make_trainer(replace(recipe, average_decay=0.9), validation=clips)
    trained: list[torch.Tensor] = []

    class Watch(TrainerCallback):
        def on_optimizer_step(self, *_: Any, model: SLRForSignClassification, **__: Any) -> None:
            trained.append(_first(model).clone())

    trainer.add_callback(Watch())
    trainer.train()
    folder = Path(str(trainer.state.best_model_checkpoint))
    saved = SLRForSignClassification.from_pretrained(folder)
    assert torch.equal(_first(trainer.model), _first(saved))
    assert not torch.equal(_first(saved), trained[-1])
    assert (folder / "trained_weights.safetensors").is_file()
    assert not any(torch.equal(_first(saved), step) for step in trained)
    # Without a change in training or evaluation, what is evaluated in the end is what was saved.
    measured = trainer.evaluate()["eval_validation_loss"]
    logged = [epoch["validation"]["loss"] for epoch in trainer.learning_curve()]
    assert min(abs(measured - loss) for loss in logged) < 1e-5


def _first(model: Any) -> torch.Tensor:
    return next(model.parameters()).detach()


def test_the_rate_follows_the_validation_loss_on_a_plateau(
    make_trainer: Callable[..., SignTrainer], recipe: Recipe, clips: Dataset
) -> None:
    plateau = Plateau(factor=0.1, patience=0)
    trainer = make_trainer(
        replace(recipe, epochs=4, learning_rate=NO_LEARNING, weight_decay=0.0, schedule=plateau), validation=clips
    )
    trainer.train()
    assert trainer.optimizer is not None
    assert trainer.optimizer.param_groups[0]["lr"] < 0.1 * NO_LEARNING


def test_a_plateau_without_validation_clips_is_refused(
    make_trainer: Callable[..., SignTrainer], recipe: Recipe
) -> None:
    with pytest.raises(ValueError, match="there are no validation clips"):
        make_trainer(replace(recipe, schedule=Plateau()))


def test_distillation_pulls_towards_the_teacher(
    clips: Dataset, make_model: MakeModel, recipe: Recipe, tmp_path: Path
) -> None:
    teacher = make_model()
    with torch.no_grad():
        for parameter in teacher.classifier.parameters():
            parameter.mul_(3)
    losses = SignLoss(0.0, label_smoothing=0.0, auxiliary_weight=0, confidence_weight=0, distillation_weight=50.0)
    quiet = replace(recipe, epochs=6, augmentations=Augmentations.none(), losses=losses)
    arguments = training_arguments(quiet, tmp_path / "run", validate=False, device="cpu")
    trainer = SignTrainer(make_model(), quiet, KeypointProcessor(), arguments, clips, teacher=teacher)

    def answers(model: SLRForSignClassification) -> torch.Tensor:
        predicting = SignTrainer(model, quiet, KeypointProcessor(), arguments, teacher=teacher)
        return torch.from_numpy(predicting.predict(clips).predictions).softmax(dim=-1)

    expected, before = answers(teacher), answers(trainer.model)
    trainer.train()
    assert (answers(trainer.model) - expected).abs().mean() < 0.5 * (before - expected).abs().mean()


def test_distillation_in_the_first_stage_is_refused(make_trainer: Callable[..., SignTrainer], recipe: Recipe) -> None:
    with pytest.raises(ValueError, match="needs a teacher"):
        make_trainer(replace(recipe, losses=SignLoss(distillation_weight=1.0)))


def test_with_consistency_the_model_sees_every_clip_twice(
    make_trainer: Callable[..., SignTrainer], recipe: Recipe
) -> None:
    losses = SignLoss(consistency_weight=0.5)
    trainer = make_trainer(replace(recipe, epochs=1, losses=losses, augmentations=Augmentations.none()))
    seen: list[torch.Tensor] = []
    trainer.model.register_forward_pre_hook(lambda _, __, named: seen.append(named["part_mask"]), with_kwargs=True)
    trainer.train()
    first, second = seen[0].chunk(2)
    assert len(first) == recipe.batch_size
    lost = (first.any(dim=1) & ~second.any(dim=1)).sum(dim=1)
    assert lost.tolist() == [1] * len(first)


def test_learning_curves_hold_every_epoch_of_training_and_validation_clips(
    make_trainer: Callable[..., SignTrainer], recipe: Recipe, clips: Dataset
) -> None:
    trainer = make_trainer(recipe, validation=clips)
    trainer.train()
    curve = trainer.learning_curve()
    assert [epoch["epoch"] for epoch in curve] == [1.0, 2.0]
    assert curve[0].keys() == {"epoch", "train", "validation"}
    assert all(set(METRICS) == epoch[split].keys() for epoch in curve for split in ("train", "validation"))
    # The same clips, measured in the same way.
    assert curve[0]["train"]["loss"] == pytest.approx(curve[0]["validation"]["loss"], rel=1e-5)


def test_what_is_measured_does_not_change_the_training(
    make_trainer: Callable[..., SignTrainer], recipe: Recipe, clips: Dataset
) -> None:
    weights = []
    for measure in ("epoch", "no"):
        trainer = make_trainer(recipe, hidden_dropout=0.1)
        trainer.args.eval_strategy = IntervalStrategy(measure)
        trainer.train()
        weights.append(trainer.model.state_dict())
    for name, value in weights[0].items():
        assert torch.equal(value, weights[1][name]), name


def test_loss_rate_and_gradient_norm_are_logged_every_epoch(
    make_trainer: Callable[..., SignTrainer], recipe: Recipe, clips: Dataset
) -> None:
    trainer = make_trainer(recipe, validation=clips)
    trainer.train()
    logged = [entry for entry in trainer.state.log_history if "loss" in entry]
    assert [entry["epoch"] for entry in logged] == [1.0, 2.0]
    for entry in logged:
        assert np.isfinite([entry["loss"], entry["learning_rate"], entry["grad_norm"]]).all()


def test_training_clips_have_no_say_in_stopping_early(
    make_trainer: Callable[..., SignTrainer], recipe: Recipe, clips: Dataset, caplog: pytest.LogCaptureFixture
) -> None:
    trainer = make_trainer(replace(recipe, epochs=3, patience=1, learning_rate=NO_LEARNING), validation=clips)
    trainer.train()
    # Nothing is learned, so the second epoch is no better than the first, and the third is not begun.
    assert trainer.state.epoch == 2.0
    assert "early stopping" not in caplog.text


def test_epochs_leave_no_more_loading_processes_than_there_are_loaders(
    make_trainer: Callable[..., SignTrainer], recipe: Recipe, clips: Dataset
) -> None:
    trainer = make_trainer(replace(recipe, epochs=3), validation=clips)
    trainer.args.dataloader_num_workers, trainer.args.dataloader_persistent_workers = 1, True
    alive: list[int] = []

    class Count(TrainerCallback):
        def on_epoch_end(self, *_: Any, **__: Any) -> None:
            alive.append(len(multiprocessing.active_children()))

    trainer.add_callback(Count())
    trainer.train()
    before, *_, last = alive
    # One process for each split that is measured joins the one that loads training clips.
    assert last - before == 2
