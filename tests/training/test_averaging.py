from pathlib import Path

import pytest
import torch
from torch import distributed, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard

from slr_hf.training.averaging import TRAINED_WEIGHTS, WeightAverage


def make_model(value: float) -> nn.Linear:
    model = nn.Linear(2, 1)
    for parameter in model.parameters():
        nn.init.constant_(parameter, value)
    return model


def set_weights(model: nn.Linear, value: float) -> None:
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(value)


def test_the_average_follows_the_weights_with_its_decay() -> None:
    model = make_model(0.0)
    average = WeightAverage(model, decay=0.05)
    expected = 0.0
    for step in range(1, 30):
        set_weights(model, float(step))
        average.update()
        expected = 0.05 * expected + 0.95 * step
    assert model.bias.item() == 29
    with average.applied():
        assert model.bias.item() == pytest.approx(expected)
    assert model.bias.item() == 29


def test_the_first_steps_soon_forget_the_random_weights() -> None:
    model = make_model(100.0)
    average = WeightAverage(model, decay=0.999)
    set_weights(model, 0.0)
    for _ in range(30):
        average.update()
    with average.applied():
        assert abs(model.bias.item()) < 1e-2 * 100


def test_the_weights_come_back_after_an_error() -> None:
    model = make_model(1.0)
    average = WeightAverage(model, decay=0.5)
    set_weights(model, 3.0)

    def fail() -> None:
        with average.applied():
            assert model.bias.item() == 1
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert model.bias.item() == 3


def test_the_optimizer_goes_on_with_the_trained_weights() -> None:
    model = make_model(1.0)
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    average = WeightAverage(model, decay=0.5)
    with average.applied():
        pass
    model.bias.grad = torch.ones_like(model.bias)
    optimizer.step()
    assert model.bias.item() == 0


def test_average_and_trained_weights_survive_a_checkpoint(tmp_path: Path) -> None:
    model = make_model(0.0)
    average = WeightAverage(model, decay=0.5)
    set_weights(model, 8.0)
    average.update()
    average.save_trained(tmp_path)
    assert (tmp_path / TRAINED_WEIGHTS).is_file()
    with average.applied():
        saved = model.bias.item()

    restored = make_model(saved)  # as the Trainer loads it from model.safetensors
    again = WeightAverage(restored, decay=0.5)
    again.load(tmp_path)
    assert restored.bias.item() == 8
    for one in (average, again):
        one.update()
    with average.applied(), again.applied():
        assert torch.equal(restored.bias, model.bias)


def test_sharded_weights_are_refused() -> None:
    model = make_model(1.0)
    average = WeightAverage(model, decay=0.5)
    distributed.init_process_group("gloo", store=distributed.HashStore(), rank=0, world_size=1)
    try:
        fully_shard(model, mesh=init_device_mesh("cpu", (1,)))
        with pytest.raises(ValueError, match=r"`average_decay`.*FSDP"):
            average.update()
    finally:
        distributed.destroy_process_group()
