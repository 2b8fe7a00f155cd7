"""Augmentations of keypoints: batched tensor operations between `KeypointProcessor.pad` and `finish`.

Each is a small frozen dataclass with a probability and strengths, called with a batch and the layout of its parts. It
returns a new batch, keeps padding padding and missing parts missing, and draws from torch's default generator. In
each process of a training it starts from the seed and the rank, and the trainer's checkpoints keep its state.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from typing import TypedDict

from slr_hf.model.processing_slr import KeypointProcessor
from slr_hf.training.augmentations.batch import Batch, Layout
from slr_hf.training.augmentations.detection import (
    HandLoss,
    HandSwap,
    IdleHand,
    KeypointDropout,
    Noise,
    OtherBody,
    PartDropout,
    SpeedJitter,
)
from slr_hf.training.augmentations.mixing import CutMix, MixUp
from slr_hf.training.augmentations.shape import HandDistortion, LocalDistortion
from slr_hf.training.augmentations.space import Mirror, Perspective, Rotation, Scaling, Shift
from slr_hf.training.augmentations.time import FrameDrop, IdleEnds, TemporalCrop, TimeWarp


class Reach(TypedDict):
    """How far augmentations take clips from what was recorded: arguments of `KeypointProcessor.fit`."""

    lengths: tuple[float, float]
    rates: tuple[float, float]
    mirrored: bool


@dataclass(frozen=True)
class Augmentations:
    """The augmentations of a recipe, in the order in which they are applied. A probability of 0 turns one off."""

    temporal_crop: TemporalCrop = field(default_factory=TemporalCrop)
    time_warp: TimeWarp = field(default_factory=TimeWarp)
    idle_ends: IdleEnds = field(default_factory=IdleEnds)
    frame_drop: FrameDrop = field(default_factory=FrameDrop)
    idle_hand: IdleHand = field(default_factory=IdleHand)
    other_body: OtherBody = field(default_factory=OtherBody)
    rotation: Rotation = field(default_factory=Rotation)
    perspective: Perspective = field(default_factory=Perspective)
    scaling: Scaling = field(default_factory=Scaling)
    shift: Shift = field(default_factory=Shift)
    hand_distortion: HandDistortion = field(default_factory=HandDistortion)
    local_distortion: LocalDistortion = field(default_factory=LocalDistortion)
    mirror: Mirror = field(default_factory=Mirror)
    hand_swap: HandSwap = field(default_factory=HandSwap)
    hand_loss: HandLoss = field(default_factory=HandLoss)
    part_dropout: PartDropout = field(default_factory=PartDropout)
    keypoint_dropout: KeypointDropout = field(default_factory=KeypointDropout)
    cut_mix: CutMix = field(default_factory=CutMix)
    mix_up: MixUp = field(default_factory=MixUp)
    speed_jitter: SpeedJitter = field(default_factory=SpeedJitter)
    noise: Noise = field(default_factory=Noise)

    @classmethod
    def none(cls) -> "Augmentations":
        """All augmentations turned off."""
        augmentations = cls()
        off = {item.name: replace(getattr(augmentations, item.name), probability=0.0) for item in fields(cls)}
        return cls(**off)

    def reach(self) -> Reach:
        """Tells what training shows the model beyond the clips as they were recorded.

        Returns:
            - lengths: Factors on the fewest and the most frames of a clip.
            - rates: Factors on the lowest and the highest frames a second. A warp in time makes frames, so that it
              leaves the rate as it is.
            - mirrored: Whether parts take the place of their mirror images.
        """
        fewest, most, slowest = 1.0, 1.0, 1.0
        if self.temporal_crop.probability:
            fewest *= self.temporal_crop.smallest
        if self.time_warp.probability:
            # Not all clips are warped, so that their own length is always among those shown.
            fewest *= min(1.0, 1 / max(self.time_warp.speed))
            most *= max(1.0, 1 / min(self.time_warp.speed))
        if self.idle_ends.probability:
            most *= 1 + 2 * self.idle_ends.longest
        if self.frame_drop.probability:
            slowest = 1 - self.frame_drop.share
            fewest *= slowest
        mirrored = bool(self.mirror.probability or self.hand_swap.probability)
        return {"lengths": (fewest, most), "rates": (slowest, 1.0), "mirrored": mirrored}

    def build(self, processor: KeypointProcessor) -> Callable[[Batch], Batch]:
        """Returns a function that augments batches.

        Args:
            processor: The processor that prepared the clips.

        Raises:
            ValueError: If the processor's parts have no mirror image.
        """
        layout = Layout.of(processor)
        steps: list[Callable[[Batch, Layout], Batch]] = []
        for item in fields(self):
            # Before the first augmentation of place: the processor places what is left of a clip that was cut.
            if item.name == "other_body" and steps and processor.normalize_by == "hands":
                steps.append(lambda batch, _: _placed_by_hands(batch, processor, layout))
            step = getattr(self, item.name)
            if step.probability > 0:
                steps.append(step)

        def augment(batch: Batch) -> Batch:
            for step in steps:
                batch = step(batch, layout)
            return batch

        return augment


def _placed_by_hands(batch: Batch, processor: KeypointProcessor, layout: Layout) -> Batch:
    placed = processor.place_by_hands(batch["keypoints"], batch["part_mask"])
    return {**batch, "keypoints": placed * layout.by_point(batch["part_mask"])}


__all__ = [
    "Augmentations",
    "Batch",
    "CutMix",
    "FrameDrop",
    "HandDistortion",
    "HandLoss",
    "HandSwap",
    "IdleEnds",
    "IdleHand",
    "KeypointDropout",
    "Layout",
    "LocalDistortion",
    "Mirror",
    "MixUp",
    "Noise",
    "OtherBody",
    "PartDropout",
    "Perspective",
    "Reach",
    "Rotation",
    "Scaling",
    "Shift",
    "SpeedJitter",
    "TemporalCrop",
    "TimeWarp",
]
