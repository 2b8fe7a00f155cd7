"""Learning rate schedules."""

import math
from dataclasses import dataclass

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR


@dataclass(frozen=True)
class CyclicLRWithWarmup:
    """A linear warmup, then cosine cycles of equal length whose peaks decay.

    After SGDR (Loshchilov & Hutter 2017, https://arxiv.org/abs/1608.03983). All values are factors on the optimizer's
    learning rate.

    Args:
        warmup: Share of the training steps in which the rate rises to its first peak, at least 0 and below 1.
        num_cycles: Cosine cycles after the warmup.
        peak_decay: Factor from the peak of one cycle to that of the next, above 0 and at most 1.
        floor: Where every cycle ends, at least 0 and not above the last peak.

    Raises:
        ValueError: If a value is out of its range.
    """

    warmup: float = 0.1
    num_cycles: int = 1
    peak_decay: float = 0.5
    floor: float = 0.01

    def __post_init__(self) -> None:
        if not 0 <= self.warmup < 1:
            raise ValueError(f"`warmup` must be at least 0 and below 1, but is {self.warmup}.")
        if self.num_cycles < 1:
            raise ValueError(f"`num_cycles` must be at least 1, but is {self.num_cycles}.")
        if not 0 < self.peak_decay <= 1:
            raise ValueError(f"`peak_decay` must be above 0 and at most 1, but is {self.peak_decay}.")
        last_peak = self.peak_decay ** (self.num_cycles - 1)
        if not 0 <= self.floor <= last_peak:
            raise ValueError(f"`floor` must lie between 0 and the last peak, {last_peak:g}, but is {self.floor}.")

    def factor(self, step: int, num_training_steps: int) -> float:
        """The factor on the learning rate.

        Args:
            step: Optimizer steps done, from 0.
            num_training_steps: Optimizer steps of the whole training.
        """
        warmup_steps = round(self.warmup * num_training_steps)
        if step < warmup_steps:
            return (step + 1) / (warmup_steps + 1)
        if step >= num_training_steps:
            return self.floor
        cycle, place = divmod((step - warmup_steps) / (num_training_steps - warmup_steps) * self.num_cycles, 1)
        return self.floor + (self.peak_decay**cycle - self.floor) * (1 + math.cos(math.pi * place)) / 2

    def build(self, optimizer: Optimizer, num_training_steps: int) -> LambdaLR:
        """Makes the scheduler of an optimizer.

        Args:
            optimizer: The optimizer; its learning rate is the first peak.
            num_training_steps: Optimizer steps of the whole training.
        """
        return LambdaLR(optimizer, lambda step: self.factor(step, num_training_steps))


__all__ = ["CyclicLRWithWarmup"]
