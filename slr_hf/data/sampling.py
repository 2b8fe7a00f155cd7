"""Which clips an epoch shows."""

from collections import defaultdict
from collections.abc import Iterator

import numpy as np
import torch
from datasets import Dataset
from torch.utils.data import Sampler
from transformers.trainer_pt_utils import LengthGroupedSampler

from slr_hf.data.preparation import count_frames
from slr_hf.data.splits import read_column


class LengthSampler(LengthGroupedSampler):
    """Draws all clips for an epoch in random order, those of similar length together, which need little padding.

    The order follows from the seed and the epoch alone, so that all processes of a training agree, whatever random
    numbers each has used up, and a resumed training goes on with the same order.

    Args:
        dataset: Clips of `prepare_dataset`.
        batch_size: Clips of an optimizer step.
        seed: Seed of the order.
    """

    def __init__(self, dataset: Dataset, batch_size: int, seed: int = 0) -> None:
        super().__init__(batch_size, lengths=count_frames(dataset).tolist(), generator=torch.Generator())
        self.seed = seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Chooses the epoch whose order is drawn next; data loaders call it."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[int]:
        self.generator.manual_seed(int(np.random.default_rng((self.seed, self.epoch)).integers(2**63)))
        return super().__iter__()


class SignerSampler(Sampler[int]):
    """Draws the same number of clips of every gloss for an epoch, spread evenly over its signers.

    A recorder with a hundred clips of a sign would otherwise outweigh ten signers with one clip each, and the model
    would learn the recorder. Which clips are drawn follows from the seed and the epoch alone, so that all processes of
    a training agree and a resumed training goes on with the same clips.

    Args:
        dataset: Clips with the columns `label` and `session`; a session stands for a signer.
        clips_per_gloss: Clips of each gloss in an epoch.
        seed: Seed of the draw.

    Raises:
        ValueError: If `clips_per_gloss` is not positive.
    """

    def __init__(self, dataset: Dataset, clips_per_gloss: int, seed: int = 0) -> None:
        if clips_per_gloss < 1:
            raise ValueError(f"`clips_per_gloss` must be at least 1, but is {clips_per_gloss}.")
        self.clips_per_gloss = clips_per_gloss
        self.seed = seed
        self.epoch = 0
        groups: dict[int, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
        labels, sessions = read_column(dataset, "label").tolist(), read_column(dataset, "session").tolist()
        for row, (label, session) in enumerate(zip(labels, sessions, strict=True)):
            groups[label][session].append(row)
        self.clips = [[np.array(rows) for rows in signers.values()] for _, signers in sorted(groups.items())]

    def set_epoch(self, epoch: int) -> None:
        """Chooses the epoch whose clips are drawn next; data loaders call it."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.clips_per_gloss * len(self.clips)

    def __iter__(self) -> Iterator[int]:
        generator = np.random.default_rng((self.seed, self.epoch))
        drawn = [row for signers in self.clips for row in self._draw(signers, generator)]
        return iter(generator.permutation(drawn).tolist())

    def _draw(self, signers: list[np.ndarray], generator: np.random.Generator) -> list[int]:
        """Clips of one gloss: every signer in turn, no clip of a signer again before all others of that signer."""
        rounds = -(-self.clips_per_gloss // len(signers))
        shuffled = [generator.permutation(rows) for rows in signers]
        turns = [(signer, turn) for turn in range(rounds) for signer in generator.permutation(len(signers)).tolist()]
        return [int(shuffled[signer][turn % len(shuffled[signer])]) for signer, turn in turns[: self.clips_per_gloss]]


__all__ = ["LengthSampler", "SignerSampler"]
