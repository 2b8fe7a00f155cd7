"""An exponential moving average of the weights, for `SignTrainer`."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

#: In a checkpoint, the weights that are trained on; its model.safetensors holds their average.
TRAINED_WEIGHTS = "trained_weights.safetensors"

_STEPS = "steps"


class WeightAverage:
    """The exponential moving average of a model's weights (Polyak & Juditsky 1992; Tarvainen & Valpola 2017).

    Over the first steps the average is shorter, so that the random weights of the beginning are soon forgotten.

    Args:
        model: The model; its weights of now are the first average.
        decay: Share of the average that is kept in every step, from 0 to below 1.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.model = model
        self.decay = decay
        self.steps = 0
        self.weights = [parameter.detach().clone() for parameter in model.parameters()]

    @torch.no_grad()
    def update(self) -> None:
        """Takes the weights of now into the average; to be called after every optimizer step.

        Raises:
            ValueError: If the weights are no longer those of a whole model: FSDP and DeepSpeed shard them.
        """
        trained = [parameter.detach() for parameter in self.model.parameters()]
        if [(type(weight), weight.shape) for weight in trained] != [(type(one), one.shape) for one in self.weights]:
            raise ValueError(
                "The average of the weights (`average_decay`) needs the whole model in each process, but FSDP or "
                "DeepSpeed has sharded its weights. Train without sharding, as torchrun and `accelerate launch` do by "
                "themselves, or set `average_decay=0`."
            )
        self.steps += 1
        decay = min(self.decay, self.steps / (self.steps + 10))
        torch._foreach_lerp_(self.weights, trained, 1 - decay)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Gives the model the average, and the trained weights back in the end."""
        self.swap()
        try:
            yield
        finally:
            self.swap()

    def swap(self) -> None:
        """Gives the model the average, and keeps its weights in the place of the average."""
        # The tensors' contents are left alone: only which tensor is whose changes.
        for index, parameter in enumerate(self.model.parameters()):
            parameter.data, self.weights[index] = self.weights[index], parameter.data

    def save_trained(self, folder: str | Path) -> None:
        """Saves the trained weights beside the average in a checkpoint.

        Args:
            folder: Folder of the checkpoint.
        """
        weights = {name: value.detach().contiguous() for name, value in self.model.named_parameters()}
        save_file(weights, Path(folder) / TRAINED_WEIGHTS, metadata={_STEPS: str(self.steps)})

    @torch.no_grad()
    def load(self, folder: str | Path) -> None:
        """Goes on from a checkpoint whose average the model has just been given.

        Args:
            folder: Folder of the checkpoint.

        Raises:
            FileNotFoundError: If it was saved without an average.
        """
        self.weights = [parameter.detach().clone() for parameter in self.model.parameters()]
        with safe_open(Path(folder) / TRAINED_WEIGHTS, "pt") as file:
            self.steps = int(file.metadata()[_STEPS])
            for name, parameter in self.model.named_parameters():
                parameter.copy_(file.get_tensor(name))


__all__ = ["TRAINED_WEIGHTS", "WeightAverage"]
