"""Losses, one a file. Each takes soft targets `(batch, num_labels)` and gives the loss of each clip, `(batch,)`.

The trainer reduces them, in one place, so that accumulated batches count every clip the same.
"""

from slr_hf.training.losses.auxiliary import auxiliary_loss
from slr_hf.training.losses.confidence import confidence_loss
from slr_hf.training.losses.consistency import consistency_loss
from slr_hf.training.losses.curriculum import curriculum_gamma
from slr_hf.training.losses.distillation import distillation_loss
from slr_hf.training.losses.focal import focal_loss, smooth, soft_targets
from slr_hf.training.losses.margin import margin_loss
from slr_hf.training.losses.sign_loss import SignLoss

__all__ = [
    "SignLoss",
    "auxiliary_loss",
    "confidence_loss",
    "consistency_loss",
    "curriculum_gamma",
    "distillation_loss",
    "focal_loss",
    "margin_loss",
    "smooth",
    "soft_targets",
]
