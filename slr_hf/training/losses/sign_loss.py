"""The loss that a recipe trains with."""

from dataclasses import dataclass

import torch

from slr_hf.model.modeling_slr import SignClassifierOutput
from slr_hf.training.losses.auxiliary import auxiliary_loss
from slr_hf.training.losses.confidence import confidence_loss
from slr_hf.training.losses.consistency import consistency_loss
from slr_hf.training.losses.curriculum import curriculum_gamma
from slr_hf.training.losses.distillation import distillation_loss
from slr_hf.training.losses.focal import focal_loss
from slr_hf.training.losses.margin import margin_loss


@dataclass(frozen=True)
class SignLoss:
    """Focal loss with label smoothing, plus weighted losses. A weight of 0 turns a loss off.

    Args:
        focal_gamma: How much less well recognised clips count; 0 = cross entropy.
        focal_curriculum: Share of the stage in which `focal_gamma` grows from 0; see `curriculum_gamma`.
        label_smoothing: Share of every target that is moved evenly to all classes.
        auxiliary_weight: Weight of the loss of the auxiliary classifiers.
        confidence_weight: Weight of the loss of the confidence head.
        margin_weight: Weight of `margin_loss`.
        margin: See `margin_loss`.
        distillation_weight: Weight of `distillation_loss`; the teacher is the model that the stage starts from.
        distillation_temperature: See `distillation_loss`.
        consistency_weight: Weight of `consistency_loss`. Every clip is then shown twice, the second time without a
            part, which doubles the cost of a step.

    Raises:
        ValueError: If a value is out of its range.
    """

    focal_gamma: float = 2.0
    focal_curriculum: float = 0.0
    label_smoothing: float = 0.1
    auxiliary_weight: float = 0.3
    confidence_weight: float = 0.1
    margin_weight: float = 0.0
    margin: float = 1.0
    distillation_weight: float = 0.0
    distillation_temperature: float = 2.0
    consistency_weight: float = 0.0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not value >= 0:
                raise ValueError(f"`{name}` must not be negative, but is {value}.")
        for name in ("focal_curriculum", "label_smoothing"):
            if getattr(self, name) > 1:
                raise ValueError(f"`{name}` must be at most 1, but is {getattr(self, name)}.")
        for name in ("margin", "distillation_temperature"):
            if getattr(self, name) == 0:
                raise ValueError(f"`{name}` must be above 0.")

    def __call__(
        self,
        outputs: SignClassifierOutput,
        targets: torch.Tensor,
        progress: float = 1.0,
        teacher_logits: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Computes the loss of each clip.

        Args:
            outputs: What the model returned. With `consistency_weight`, the second half of the batch shows the same
                clips again, in another view.
            targets: Probabilities `(batch, num_labels)`; mixtures of clips have more than one class.
            progress: Share of the stage that is done, from 0 to 1.
            teacher_logits: `(batch, num_labels)`; needed with `distillation_weight`.

        Returns:
            Float32 `(batch,)`, or `(batch / 2,)` with `consistency_weight`.

        Raises:
            ValueError: If `distillation_weight` is set and there is no teacher.
        """
        logits = outputs["logits"]
        gamma = curriculum_gamma(self.focal_gamma, self.focal_curriculum, progress)
        focus = {"gamma": gamma, "label_smoothing": self.label_smoothing}
        loss = focal_loss(logits, targets, **focus)
        if self.auxiliary_weight:
            loss = loss + self.auxiliary_weight * auxiliary_loss(outputs["auxiliary_logits"], targets, **focus)
        if self.confidence_weight and outputs.confidence_logits is not None:
            confidence = confidence_loss(outputs.confidence_logits, logits, targets)
            loss = loss + self.confidence_weight * confidence
        if self.margin_weight:
            loss = loss + self.margin_weight * margin_loss(logits, targets, self.margin)
        if self.distillation_weight:
            if teacher_logits is None:
                raise ValueError("`distillation_weight` needs a teacher: an earlier stage to start from.")
            distillation = distillation_loss(logits, teacher_logits, self.distillation_temperature)
            loss = loss + self.distillation_weight * distillation
        if self.consistency_weight:
            loss = loss.view(2, -1).mean(dim=0) + self.consistency_weight * consistency_loss(*logits.chunk(2))
        return loss

    def classification(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Computes the focal loss of each clip alone, at the end of the curriculum.

        Args:
            logits: `(batch, num_labels)`.
            targets: Probabilities `(batch, num_labels)`.

        Returns:
            Float32 `(batch,)`.
        """
        return focal_loss(logits, targets, gamma=self.focal_gamma, label_smoothing=self.label_smoothing)


__all__ = ["SignLoss"]
