"""Learning rate schedules: small dataclasses that build a scheduler for an optimizer.

All rates are factors on the optimizer's own, one for each of its groups of parameters.
"""

import math
from dataclasses import dataclass
from typing import Literal

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, OneCycleLR, ReduceLROnPlateau


@dataclass(frozen=True)
class CyclicLRWithWarmup:
    """A linear warmup, then cosine cycles of equal length whose peaks decay.

    After SGDR (Loshchilov & Hutter 2017, https://arxiv.org/abs/1608.03983).

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
    kind: Literal["cyclic"] = "cyclic"

    def __post_init__(self) -> None:
        _check_warmup(self.warmup)
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

    def build(self, optimizer: Optimizer, num_training_steps: int) -> LRScheduler:
        """Makes the scheduler of an optimizer.

        Args:
            optimizer: The optimizer; its learning rate is the first peak.
            num_training_steps: Optimizer steps of the whole training.
        """
        return LambdaLR(optimizer, lambda step: self.factor(step, num_training_steps))


@dataclass(frozen=True)
class CosineWithWarmRestarts:
    """A linear warmup, then cosine cycles from the full rate, each longer than the one before.

    SGDR (Loshchilov & Hutter 2017, https://arxiv.org/abs/1608.03983); the last cycle ends with the training.

    Args:
        warmup: Share of the training steps in which the rate rises to its peak, at least 0 and below 1.
        num_cycles: Cosine cycles after the warmup.
        growth: Factor from the length of one cycle to that of the next, at least 1.
        floor: Where every cycle ends, from 0 to 1.

    Raises:
        ValueError: If a value is out of its range.
    """

    warmup: float = 0.1
    num_cycles: int = 3
    growth: float = 2.0
    floor: float = 0.01
    kind: Literal["cosine_restarts"] = "cosine_restarts"

    def __post_init__(self) -> None:
        _check_warmup(self.warmup)
        if self.num_cycles < 1:
            raise ValueError(f"`num_cycles` must be at least 1, but is {self.num_cycles}.")
        if self.growth < 1:
            raise ValueError(f"`growth` must be at least 1, but is {self.growth}.")
        if not 0 <= self.floor <= 1:
            raise ValueError(f"`floor` must lie between 0 and 1, but is {self.floor}.")

    def factor(self, step: int, num_training_steps: int) -> float:
        """The factor on the learning rate; see `CyclicLRWithWarmup.factor`."""
        warmup_steps = round(self.warmup * num_training_steps)
        if step < warmup_steps:
            return (step + 1) / (warmup_steps + 1)
        if step >= num_training_steps:
            return self.floor
        lengths = [self.growth**cycle for cycle in range(self.num_cycles)]
        place = (step - warmup_steps) / (num_training_steps - warmup_steps) * sum(lengths)
        for length in lengths:
            if place < length:
                break
            place -= length
        return self.floor + (1 - self.floor) * (1 + math.cos(math.pi * place / length)) / 2

    def build(self, optimizer: Optimizer, num_training_steps: int) -> LRScheduler:
        """Makes the scheduler of an optimizer; see `CyclicLRWithWarmup.build`."""
        return LambdaLR(optimizer, lambda step: self.factor(step, num_training_steps))


@dataclass(frozen=True)
class OneCycle:
    """One rise to the peak and one fall below the start (Smith & Topin 2018, https://arxiv.org/abs/1708.07120).

    Every group of layers has a peak of its own: the recipe's `learning_rate` times its entry in `layer_rates`.

    Args:
        rise: Share of the training steps in which the rate rises, above 0 and below 1.
        start: Where it starts, as a share of the peak, above 0 and at most 1.
        floor: Where it ends, as a share of the peak, above 0 and at most `start`.

    Raises:
        ValueError: If a value is out of its range.
    """

    rise: float = 0.3
    start: float = 0.04
    floor: float = 0.001
    kind: Literal["one_cycle"] = "one_cycle"

    def __post_init__(self) -> None:
        if not 0 < self.rise < 1:
            raise ValueError(f"`rise` must be above 0 and below 1, but is {self.rise}.")
        if not 0 < self.floor <= self.start <= 1:
            raise ValueError(f"0 < `floor` <= `start` <= 1 must hold, but they are {self.floor} and {self.start}.")

    def build(self, optimizer: Optimizer, num_training_steps: int) -> LRScheduler:
        """Makes the scheduler of an optimizer.

        Args:
            optimizer: The optimizer; the learning rates of its groups are their peaks.
            num_training_steps: Optimizer steps of the whole training.
        """
        return OneCycleLR(
            optimizer,
            max_lr=[group["lr"] for group in optimizer.param_groups],
            # One more than steps: the scheduler is also asked for the rate after the last one.
            total_steps=num_training_steps + 1,
            pct_start=self.rise,
            div_factor=1 / self.start,
            final_div_factor=self.start / self.floor,
            cycle_momentum=False,
        )


@dataclass(frozen=True)
class Plateau:
    """The full rate until the validation loss stops falling, then a smaller one, and so on.

    Args:
        factor: Factor from one rate to the next, above 0 and below 1.
        patience: Epochs without a lower loss that are waited for, at least 0.
        floor: Smallest rate, as a share of the recipe's, from 0 to 1.

    Raises:
        ValueError: If a value is out of its range.
    """

    factor: float = 0.3
    patience: int = 2
    floor: float = 0.001
    kind: Literal["plateau"] = "plateau"

    def __post_init__(self) -> None:
        if not 0 < self.factor < 1:
            raise ValueError(f"`factor` must be above 0 and below 1, but is {self.factor}.")
        if self.patience < 0:
            raise ValueError(f"`patience` must not be negative, but is {self.patience}.")
        if not 0 <= self.floor <= 1:
            raise ValueError(f"`floor` must lie between 0 and 1, but is {self.floor}.")

    def build(self, optimizer: Optimizer, num_training_steps: int) -> LRScheduler:
        """Makes the scheduler of an optimizer; the trainer tells it the validation loss after every epoch.

        Args:
            optimizer: The optimizer; its learning rate is the first.
            num_training_steps: Not used.
        """
        smallest = [group["lr"] * self.floor for group in optimizer.param_groups]
        # `eps` 0: by default, torch ignores changes of small rates.
        return ReduceLROnPlateau(optimizer, factor=self.factor, patience=self.patience, min_lr=smallest, eps=0)


#: A recipe has one of these; `kind` tells which.
Schedule = CyclicLRWithWarmup | CosineWithWarmRestarts | OneCycle | Plateau


def _check_warmup(warmup: float) -> None:
    if not 0 <= warmup < 1:
        raise ValueError(f"`warmup` must be at least 0 and below 1, but is {warmup}.")


__all__ = ["CosineWithWarmRestarts", "CyclicLRWithWarmup", "OneCycle", "Plateau", "Schedule"]
