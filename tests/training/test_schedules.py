import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.optim import SGD

from slr_hf.training.schedules import CosineWithWarmRestarts, CyclicLRWithWarmup, OneCycle, Plateau, Schedule


def test_the_rate_rises_evenly_through_the_warmup_to_the_peak() -> None:
    schedule = CyclicLRWithWarmup(warmup=0.1)
    factors = [schedule.factor(step, 100) for step in range(11)]
    assert factors[10] == 1
    steps = [after - before for before, after in pairwise(factors)]
    assert steps == pytest.approx([1 / 11] * 10)


def test_without_warmup_it_starts_at_the_peak() -> None:
    assert CyclicLRWithWarmup(warmup=0.0).factor(0, 10) == 1


def test_a_cycle_is_a_cosine_from_its_peak_to_the_floor() -> None:
    schedule = CyclicLRWithWarmup(warmup=0.0, floor=0.2)
    for step in range(50):
        expected = 0.2 + 0.8 * (1 + math.cos(math.pi * step / 50)) / 2
        assert schedule.factor(step, 50) == pytest.approx(expected)


def test_peaks_decay_from_cycle_to_cycle() -> None:
    schedule = CyclicLRWithWarmup(warmup=0.1, num_cycles=3, peak_decay=0.5, floor=0.0)
    factors = [schedule.factor(step, 100) for step in range(100)]
    assert [factors[step] for step in (10, 40, 70)] == [1, 0.5, 0.25]
    # Each cycle has nearly come down to the floor before the next one starts.
    assert max(factors[39], factors[69], factors[99]) < 0.01


def test_it_stays_at_the_floor_after_the_last_step() -> None:
    schedule = CyclicLRWithWarmup(floor=0.05)
    assert [schedule.factor(step, 20) for step in (20, 21, 1000)] == [0.05] * 3


@given(
    warmup=st.floats(0, 0.99),
    num_cycles=st.integers(1, 6),
    peak_decay=st.floats(0.1, 1),
    share=st.floats(0, 1),
    num_training_steps=st.integers(1, 200),
)
def test_it_never_leaves_its_range(
    warmup: float, num_cycles: int, peak_decay: float, share: float, num_training_steps: int
) -> None:
    schedule = CyclicLRWithWarmup(warmup, num_cycles, peak_decay, floor=share * peak_decay ** (num_cycles - 1))
    for step in range(num_training_steps + 1):
        assert 0 <= schedule.factor(step, num_training_steps) <= 1 + 1e-12


@pytest.mark.parametrize(
    ("field", "value"),
    [("warmup", 1.0), ("warmup", -0.1), ("num_cycles", 0), ("peak_decay", 0.0), ("peak_decay", 1.5), ("floor", -0.1)],
)
def test_values_out_of_range_are_named(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"`{field}` must"):
        CyclicLRWithWarmup(**{field: value})


def test_a_floor_above_the_last_peak_is_refused() -> None:
    with pytest.raises(ValueError, match=r"the last peak, 0\.25, but is 0\.3"):
        CyclicLRWithWarmup(num_cycles=3, peak_decay=0.5, floor=0.3)


def test_the_scheduler_multiplies_the_rate_of_every_group() -> None:
    groups = [{"params": [torch.zeros(1, requires_grad=True)], "lr": rate} for rate in (0.1, 0.01)]
    optimizer = SGD(groups)
    schedule = CyclicLRWithWarmup(warmup=0.25)
    scheduler = schedule.build(optimizer, num_training_steps=8)
    for step in range(8):
        rates = [group["lr"] for group in optimizer.param_groups]
        assert rates == pytest.approx([schedule.factor(step, 8) * rate for rate in (0.1, 0.01)])
        optimizer.step()
        scheduler.step()


def test_a_restored_scheduler_goes_on_where_it_was() -> None:
    def build() -> tuple[SGD, torch.optim.lr_scheduler.LambdaLR]:
        optimizer = SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
        return optimizer, CyclicLRWithWarmup(num_cycles=2).build(optimizer, 20)

    optimizer, scheduler = build()
    for _ in range(7):
        optimizer.step()
        scheduler.step()
    restored_optimizer, restored = build()
    restored.load_state_dict(scheduler.state_dict())
    for _ in range(5):
        for item in (optimizer, scheduler, restored_optimizer, restored):
            item.step()
        assert restored.get_last_lr() == scheduler.get_last_lr()


def rates_of(schedule: Schedule, steps: int, peaks: tuple[float, ...] = (1.0,)) -> list[list[float]]:
    """The learning rates of every step, of each group of parameters."""
    optimizer = SGD([{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": peak} for peak in peaks])
    scheduler = schedule.build(optimizer, steps)
    rates = []
    for _ in range(steps):
        rates.append([group["lr"] for group in optimizer.param_groups])
        optimizer.step()
        scheduler.step()
    return rates


def test_warm_restarts_reach_the_full_rate_in_cycles_that_grow() -> None:
    schedule = CosineWithWarmRestarts(warmup=0.0, num_cycles=3, growth=2.0, floor=0.0)
    factors = [schedule.factor(step, 70) for step in range(71)]
    peaks = [step for step, factor in enumerate(factors) if factor == pytest.approx(1)]
    assert peaks == [0, 10, 30]
    assert factors[70] == 0
    assert max(factors[9], factors[29], factors[69]) < 0.1


@given(warmup=st.floats(0, 0.9), num_cycles=st.integers(1, 5), growth=st.floats(1, 4), steps=st.integers(1, 200))
def test_warm_restarts_never_leave_their_range(warmup: float, num_cycles: int, growth: float, steps: int) -> None:
    schedule = CosineWithWarmRestarts(warmup, num_cycles, growth, floor=0.02)
    for step in range(steps + 1):
        assert 0 < schedule.factor(step, steps) <= 1 + 1e-9


def test_one_cycle_rises_to_the_peak_of_each_group_and_falls_below_its_start() -> None:
    rates = rates_of(OneCycle(rise=0.3, start=0.1, floor=0.001), 100, peaks=(1.0, 0.2))
    for group, peak in enumerate((1.0, 0.2)):
        own = [rate[group] for rate in rates]
        assert own[0] == pytest.approx(0.1 * peak)
        assert max(own) == pytest.approx(peak, rel=0.01)
        assert own.index(max(own)) in (29, 30)
        assert own[-1] < 0.01 * peak


def test_a_plateau_lowers_the_rate_when_the_loss_has_not_fallen_for_some_epochs() -> None:
    optimizer = SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    scheduler = Plateau(factor=0.1, patience=1, floor=0.05).build(optimizer, 100)
    rates = []
    for loss in (3.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0):
        scheduler.step(loss)
        rates.append(optimizer.param_groups[0]["lr"])
    assert rates == pytest.approx([1.0, 1.0, 1.0, 0.1, 0.1, 0.05, 0.05])


@pytest.mark.parametrize(
    ("kind", "values", "message"),
    [
        (CosineWithWarmRestarts, {"growth": 0.5}, "`growth` must be at least 1"),
        (CosineWithWarmRestarts, {"num_cycles": 0}, "`num_cycles`"),
        (CosineWithWarmRestarts, {"warmup": 1.0}, "`warmup`"),
        (OneCycle, {"rise": 0.0}, "`rise`"),
        (OneCycle, {"floor": 0.5}, "`floor`"),
        (Plateau, {"factor": 1.0}, "`factor`"),
        (Plateau, {"patience": -1}, "`patience`"),
    ],
)
def test_values_of_other_schedules_out_of_range_are_refused(kind: type, values: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        kind(**values)
