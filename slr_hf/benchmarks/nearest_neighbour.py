"""The peer that every figure stands beside: the nearest reference clip, found by dynamic time warping.

A network that does no better than this on people whom training has not seen has learned its recorders. The neighbour
sees what the model sees, the processor's finished keypoints.

Libraries that warp time know no masks and compare two clips at a time; here a clip is compared with all references at
once.
"""

from collections import Counter
from dataclasses import dataclass

import numpy as np
import torch
from datasets import Dataset
from tqdm.auto import tqdm

from slr_hf.data.collation import KeypointCollator
from slr_hf.data.splits import read_column
from slr_hf.model.processing_slr import KeypointProcessor

#: Frames that each clip is brought to.
FRAMES = 32

#: Reference clips of a gloss.
CLIPS_PER_GLOSS = 20

#: What a hand that only one of two frames shows counts as, in squared deviations: as much as two hands that have
#: nothing to do with each other.
MISSING_HAND = 2.0

_BATCH = 256


@dataclass(frozen=True)
class Sequences:
    """Clips as sequences of one length.

    Args:
        keypoints: Float32 `(clips, frames, channels)`, finished, each channel divided by the root of its part's number
            of channels; 0 where missing.
        squares: Float32 `(clips, frames, parts)`, the sum of the squared keypoints of each part.
        seen: Float32 `(clips, frames, parts)`, 1 where a part is seen.
        is_hand: Float32 `(parts,)`, 1 for hands.
    """

    keypoints: np.ndarray
    squares: np.ndarray
    seen: np.ndarray
    is_hand: np.ndarray

    @classmethod
    def of(cls, prepared: Dataset, processor: KeypointProcessor, frames: int = FRAMES) -> "Sequences":
        """Finishes clips and brings them to one length.

        Args:
            prepared: Clips of `prepare_dataset`, at least one.
            processor: The processor that prepared them.
            frames: The length.
        """
        collate = KeypointCollator(processor)
        keypoints, seen = [], []
        for start in range(0, len(prepared), _BATCH):
            rows = [prepared[row] for row in range(start, min(start + _BATCH, len(prepared)))]
            batch = processor.finish(collate(rows))
            last = batch["attention_mask"].sum(dim=1, keepdim=True) - 1
            chosen = (last * torch.linspace(0, 1, frames)).round().long()
            clips = torch.arange(len(rows)).unsqueeze(1)
            keypoints.append(batch["keypoints"][clips, chosen].flatten(2).numpy())
            seen.append(batch["part_mask"][clips, chosen].float().numpy())
        channels = np.array([len(part["points"]) for part in processor.parts]) * processor.num_channels
        joined = np.concatenate(keypoints) / np.sqrt(np.repeat(channels, channels)).astype(np.float32)
        starts = np.cumsum(channels) - channels
        is_hand = np.zeros(len(channels), np.float32)
        is_hand[processor.hand_indices] = 1
        return cls(joined, np.add.reduceat(np.square(joined), starts, axis=-1), np.concatenate(seen), is_hand)

    def __len__(self) -> int:
        return len(self.keypoints)


class NearestNeighbour:
    """Answers a clip with the gloss of the reference clip that is nearest to it after time is warped.

    The distance of two frames is the root of the mean over parts of the mean squared difference of the part's channels.
    Parts that both frames show count, and hands that one of them shows, as `MISSING_HAND`: a hand out of view says
    something about the sign, while lips out of view say something about the recording.

    Args:
        references: The reference clips.
        labels: Their class indices, `(references,)`.
        num_labels: Number of glosses.
    """

    def __init__(self, references: Sequences, labels: np.ndarray, num_labels: int) -> None:
        self.num_references = len(references)
        self.num_labels = num_labels
        # By label, so that the nearest clip of each gloss is found in one go.
        order = np.argsort(labels, kind="stable")
        self.labels, self._starts = np.unique(labels[order], return_index=True)
        seen = references.seen[order]
        self._seen = _columns(seen, np.ones_like(seen))
        self._features = _columns(references.keypoints[order], references.squares[order], seen, np.ones_like(seen))

    def frame_distances(self, clips: Sequences, clip: int) -> np.ndarray:
        """The distances between the frames of a clip and those of all references.

        Args:
            clips: Clips of the same processor and length as the references.
            clip: Row of the clip.

        Returns:
            Float32 `(frames, frames, references)`, the clip's frames first, the references by label.
        """
        seen, hand = clips.seen[clip], clips.is_hand
        # For a part that the frames see or not (a, b = 1 or 0), with zeros where it is not seen, the squared difference
        # where both see it is b x² + a y² - 2 x y, and a hand is seen by one where a + b - 2 a b is 1. Both are
        # products of what is known of the clip and what is known of the references.
        missing = MISSING_HAND * hand
        summed = [-2 * clips.keypoints[clip], seen, clips.squares[clip] + missing * (1 - 2 * seen), missing * seen]
        counted = [seen + hand * (1 - 2 * seen), hand * seen]
        distances = np.concatenate(summed, axis=1) @ self._features
        distances /= np.maximum(np.concatenate(counted, axis=1) @ self._seen, 1)
        np.sqrt(np.maximum(distances, 0, out=distances), out=distances)
        return distances.reshape(len(seen), -1, self.num_references)

    def scores(self, clips: Sequences) -> torch.Tensor:
        """Compares clips with all references, with progress.

        Args:
            clips: Clips of the same processor and length as the references.

        Returns:
            Float32 `(clips, num_labels)`: minus the distance of the nearest reference of each gloss, which stands where
            a model has its logits; minus infinity for glosses without a reference.
        """
        scores = np.full((len(clips), self.num_labels), -np.inf, np.float32)
        for clip in tqdm(range(len(clips)), desc="Nearest neighbour", unit="clip"):
            distances = warp(self.frame_distances(clips, clip))
            scores[clip, self.labels] = -np.minimum.reduceat(distances, self._starts)
        return torch.from_numpy(scores)


def warp(distances: np.ndarray) -> np.ndarray:
    """Finds how far two sequences are apart if time is warped in the best way (dynamic time warping).

    Args:
        distances: Distances of the frames of one sequence to those of others, `(frames, other frames, others)`.

    Returns:
        The sum of the distances along the shortest path through both, from the first frames to the last, `(others,)`.
    """
    frames, other_frames, others = distances.shape
    empty = np.full((frames + 1, others), np.inf, distances.dtype)
    # Along the diagonals, on which all entries can be computed at once. Row i + 1 holds the path to frame i.
    before_last, last = empty, empty.copy()
    last[1] = distances[0, 0]
    for diagonal in range(1, frames + other_frames - 1):
        rows = np.arange(max(0, diagonal - other_frames + 1), min(frames, diagonal + 1))
        inside = slice(rows[0], rows[-1] + 1)
        below = slice(rows[0] + 1, rows[-1] + 2)
        current = empty.copy()
        shortest = np.minimum(last[inside], last[below])
        np.minimum(shortest, before_last[inside], out=shortest)
        np.add(shortest, distances[rows, diagonal - rows], out=current[below])
        before_last, last = last, current
    return last[frames]


def choose_references(clips: Dataset, count: int = CLIPS_PER_GLOSS, seed: int = 0) -> np.ndarray:
    """Chooses reference clips of each gloss at random, from as many sessions as there are.

    Args:
        clips: Clips with the columns `label` and `session`.
        count: The most clips of a gloss.
        seed: Other seeds choose others.

    Returns:
        Their rows, rising, int64 `(references,)`.
    """
    labels = read_column(clips, "label").tolist()
    sessions = read_column(clips, "session").astype(np.str_).tolist()
    taken: Counter[tuple[int, str]] = Counter()
    ranked = []
    for place, row in enumerate(np.random.default_rng(seed).permutation(len(clips)).tolist()):
        # The first clips of all sessions come before the second ones.
        ranked.append((taken[labels[row], sessions[row]], place, row))
        taken[labels[row], sessions[row]] += 1
    chosen, found = [], Counter[int]()
    for _, _, row in sorted(ranked):
        if found[labels[row]] < count:
            chosen.append(row)
            found[labels[row]] += 1
    return np.sort(np.array(chosen, np.int64))


def _columns(*values: np.ndarray) -> np.ndarray:
    """Puts values `(clips, frames, ...)` side by side and turns them into `(values, frames * clips)`."""
    joined = np.concatenate(values, axis=2)
    return np.ascontiguousarray(joined.transpose(2, 1, 0)).reshape(joined.shape[2], -1)


__all__ = ["CLIPS_PER_GLOSS", "FRAMES", "MISSING_HAND", "NearestNeighbour", "Sequences", "choose_references", "warp"]
