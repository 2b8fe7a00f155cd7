"""Losses, one a file. Each takes soft targets `(batch, num_labels)` and gives the loss of each clip, `(batch,)`.

The trainer reduces them, in one place, so that accumulated batches count every clip the same.
"""

from slr_hf.training.losses.auxiliary import auxiliary_loss
from slr_hf.training.losses.confidence import confidence_loss
from slr_hf.training.losses.focal import focal_loss, smooth, soft_targets
from slr_hf.training.losses.sign_loss import SignLoss

__all__ = ["SignLoss", "auxiliary_loss", "confidence_loss", "focal_loss", "smooth", "soft_targets"]
