"""The loss that a recipe trains with."""

from dataclasses import dataclass

import torch

from slr_hf.model.modeling_slr import SignClassifierOutput
from slr_hf.training.losses.auxiliary import auxiliary_loss
from slr_hf.training.losses.confidence import confidence_loss
from slr_hf.training.losses.focal import focal_loss


@dataclass(frozen=True)
class SignLoss:
    """Focal loss with label smoothing, plus the weighted losses of auxiliary classifiers and confidence head.

    Args:
        focal_gamma: How much less well recognised clips count; 0 = cross entropy.
        label_smoothing: Share of every target that is moved evenly to all classes.
        auxiliary_weight: Weight of the loss of the auxiliary classifiers.
        confidence_weight: Weight of the loss of the confidence head.
    """

    focal_gamma: float = 2.0
    label_smoothing: float = 0.1
    auxiliary_weight: float = 0.3
    confidence_weight: float = 0.1

    def __call__(self, outputs: SignClassifierOutput, targets: torch.Tensor) -> torch.Tensor:
        """Computes the loss of each clip.

        Args:
            outputs: What the model returned.
            targets: Probabilities `(batch, num_labels)`; mixtures of clips have more than one class.

        Returns:
            Float32 `(batch,)`.
        """
        loss = self.classification(outputs["logits"], targets)
        if self.auxiliary_weight:
            focus = {"gamma": self.focal_gamma, "label_smoothing": self.label_smoothing}
            loss = loss + self.auxiliary_weight * auxiliary_loss(outputs["auxiliary_logits"], targets, **focus)
        if self.confidence_weight and outputs.confidence_logits is not None:
            confidence = confidence_loss(outputs.confidence_logits, outputs["logits"], targets)
            loss = loss + self.confidence_weight * confidence
        return loss

    def classification(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Computes the focal loss of each clip alone.

        Args:
            logits: `(batch, num_labels)`.
            targets: Probabilities `(batch, num_labels)`.

        Returns:
            Float32 `(batch,)`.
        """
        return focal_loss(logits, targets, gamma=self.focal_gamma, label_smoothing=self.label_smoothing)


__all__ = ["SignLoss"]
