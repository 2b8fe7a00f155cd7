"""The plain network: it answers what it is shown, whatever the padding, and nothing that is not there."""

import pytest
import torch

from slr_hf.benchmarks.plain_network import PlainNetwork
from slr_hf.model.configuration_slr import SLRConfig


@pytest.fixture(scope="module")
def network() -> PlainNetwork:
    torch.manual_seed(0)
    return PlainNetwork(SLRConfig.from_size("tiny", num_labels=5)).eval()


def make_batch(network: PlainNetwork, lengths: tuple[int, ...], frames: int) -> dict[str, torch.Tensor]:
    config = network.config
    generator = torch.Generator().manual_seed(1)
    shape = (len(lengths), frames)
    return {
        "keypoints": torch.randn(*shape, config.num_points, config.num_channels, generator=generator),
        "part_mask": torch.rand(*shape, len(config.parts), generator=generator) < 0.7,
        "positions": torch.arange(frames).float().expand(shape),
        "attention_mask": (torch.arange(frames) < torch.tensor(lengths)[:, None]).long(),
    }


@torch.no_grad()
def test_padding_does_not_matter(network: PlainNetwork) -> None:
    batch = make_batch(network, (20, 9), 20)
    short = {name: values[1:, :9] for name, values in batch.items()}
    torch.testing.assert_close(network(**batch).logits[1:], network(**short).logits, rtol=0, atol=1e-5)


@torch.no_grad()
def test_values_of_missing_parts_are_not_read(network: PlainNetwork) -> None:
    batch = make_batch(network, (20,), 20)
    missing = ~network.motion.by_point(batch["part_mask"])
    changed = {**batch, "keypoints": batch["keypoints"].masked_fill(missing, 100.0)}
    assert torch.equal(network(**batch).logits, network(**changed).logits)


@torch.no_grad()
def test_what_is_seen_is_read(network: PlainNetwork) -> None:
    batch = make_batch(network, (20,), 20)
    changed = {**batch, "keypoints": batch["keypoints"] * 0.5}
    assert (network(**batch).logits - network(**changed).logits).abs().max() > 1e-3


def test_its_loss_is_cross_entropy(network: PlainNetwork) -> None:
    labels = torch.tensor([3, 0])
    output = network(**make_batch(network, (20, 9), 20), labels=labels)
    chosen = output.logits.log_softmax(dim=-1)[torch.arange(2), labels]
    assert output.loss.item() == pytest.approx(-chosen.mean().item(), rel=1e-5)
