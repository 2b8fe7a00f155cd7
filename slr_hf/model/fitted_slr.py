"""What a processor was fitted on: the parts, lengths and rates of the clips of training."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from transformers.utils import logging

logger = logging.get_logger(__name__)

#: How many times higher or lower than in training a frame rate may be before it counts as another.
RATE_TOLERANCE = 1.1

#: Share of a frame by which the number of frames at a rate may be off: rates are rounded.
FRAME_TOLERANCE = 1e-3

_FIELDS = {"parts", "frames", "frame_rate"}

# The most frames of a clip, and the highest rate.
_MOST = 10**9


@dataclass(frozen=True)
class Fitted:
    """What training showed the model. Inference shows it nothing else.

    A part is seen as a whole or not at all, so that the parts tell the points too.

    Args:
        parts: Names of the parts that were seen in some clip.
        frames: The fewest and the most frames of a clip.
        frame_rate: The lowest and the highest frames a second of a clip; `None` where every clip had one frame.
    """

    parts: tuple[str, ...]
    frames: tuple[int, int]
    frame_rate: tuple[float, float] | None

    @classmethod
    def from_json(cls, value: Any, names: Sequence[str]) -> "Fitted":
        """Reads what `to_json` gave. It may come from a stranger.

        Args:
            value: An object of the fields `parts`, `frames` and `frame_rate`.
            names: The names of the parts of the processor's table.

        Raises:
            ValueError: If a field is missing, malformed or out of range, or a part is not in the table.
        """
        if not isinstance(value, dict) or set(value) != _FIELDS:
            raise ValueError(f"`fitted` must be an object of {', '.join(sorted(_FIELDS))}, but is {value!r:.80}.")
        parts = value["parts"]
        if not isinstance(parts, list) or not parts or not all(isinstance(name, str) for name in parts):
            raise ValueError(f"`fitted` must name at least one part in a list, but has {parts!r:.80}.")
        unknown = [name for name in parts if name not in names]
        if unknown or len(set(parts)) != len(parts):
            raise ValueError(f"`fitted` must name parts of {list(names)!r:.80}, each once, but has {parts!r:.80}.")
        frames = _pair(value, "frames", int)
        if not (frames[0] >= 1 and frames[1] <= _MOST):
            raise ValueError(f"`frames` of `fitted` must be from 1 to {_MOST:g}, but is {value['frames']!r:.80}.")
        rate = None if value["frame_rate"] is None else _pair(value, "frame_rate", int, float)
        if rate is not None and not (rate[0] >= 0 and 0 < rate[1] <= _MOST):
            raise ValueError(
                f"`frame_rate` of `fitted` must be above 0 and up to {_MOST:g}, but is {value['frame_rate']!r:.80}."
            )
        return cls(tuple(parts), frames, rate)

    @classmethod
    def of_clips(
        cls,
        parts: Sequence[str],
        lengths: Sequence[int],
        rates: Sequence[float | None],
        limit: int,
        length_factors: tuple[float, float],
        rate_factors: tuple[float, float],
    ) -> "Fitted":
        """Joins what was found in the clips of training.

        Args:
            parts: Names of the parts that were seen.
            lengths: Frames of each clip.
            rates: Frames a second of each clip, as `measure_rate` gives them.
            limit: The most frames that augmentations make.
            length_factors: By how much augmentations shorten the shortest and lengthen the longest clip.
            rate_factors: By how much they lower the lowest and raise the highest rate.
        """
        fewest, longest = min(lengths), max(lengths)
        most = max(longest, min(limit, math.ceil(longest * length_factors[1])))
        known = [rate for rate in rates if rate is not None]
        return cls(
            tuple(parts),
            (max(1, math.floor(fewest * length_factors[0])), most),
            (_rounded(min(known) * rate_factors[0]), _rounded(max(known) * rate_factors[1])) if known else None,
        )

    def to_json(self) -> dict[str, Any]:
        """The fields in plain types, as preprocessor_config.json holds them."""
        rate = None if self.frame_rate is None else list(self.frame_rate)
        return {"parts": list(self.parts), "frames": list(self.frames), "frame_rate": rate}

    def most_frames(self, frames: int, rate: float | None) -> int:
        """Tells how many frames of a clip the model may see.

        Args:
            frames: Frames of the clip.
            rate: Its frames a second; `None` where unknown.

        Returns:
            No more than the longest clip of training had, and than the clip has at the highest rate of training.
        """
        return min(self._frames_at_highest(frames, rate), self.frames[1])

    def warn_of_parts(self, seen: Sequence[str]) -> None:
        """Says once of each part that a clip shows and training did not that it is left out.

        Args:
            seen: Names of the parts that the clip shows.
        """
        for name in seen:
            if name not in self.parts:
                logger.warning_once(
                    f"The part {name!r} is seen in a clip, but no clip of training showed it: it counts as not seen."
                )

    def warn_of_time(self, frames: int, rate: float | None, is_resampled: bool = True) -> None:
        """Says once of each way in which a clip is longer, shorter, faster or slower than those of training.

        Args:
            frames: Frames of the clip.
            rate: Its frames a second; `None` where unknown.
            is_resampled: Whether the clip is averaged down to `most_frames`.
        """
        lengths = f"training showed {self.frames[0]} to {self.frames[1]}"
        if self.frame_rate is not None and rate is not None:
            lowest, highest = self.frame_rate
            rates = f"training showed {lowest:.4g} to {highest:.4g}"
            if rate > highest * RATE_TOLERANCE and is_resampled:
                logger.warning_once(
                    f"A clip has more frames a second than any of training ({rates}): it is averaged down to "
                    f"{highest:.4g}."
                )
            if rate * RATE_TOLERANCE < lowest:
                logger.warning_once(
                    f"A clip has fewer frames a second than any of training ({rates}). It is taken as it is; the "
                    "answer may be poor."
                )
        if is_resampled:
            frames = self._frames_at_highest(frames, rate)
            if frames > self.frames[1]:
                logger.warning_once(
                    f"A clip has more frames than any of training ({lengths}): it is averaged down to {self.frames[1]}."
                )
        if frames < self.frames[0]:
            logger.warning_once(
                f"A clip has fewer frames than any of training ({lengths}). It is taken as it is; the answer may be "
                "poor."
            )

    def _frames_at_highest(self, frames: int, rate: float | None) -> int:
        """The frames that a clip has at the highest rate of training; all of them where it is no faster."""
        if self.frame_rate is None or rate is None or rate <= self.frame_rate[1] * RATE_TOLERANCE:
            return frames
        return max(1, math.ceil(frames * self.frame_rate[1] / rate - FRAME_TOLERANCE))


def measure_rate(positions: np.ndarray, frame_rate: float) -> float | None:
    """Measures the frames a second of a clip, by the median step from frame to frame.

    Args:
        positions: Times of the frames, `(frames,)`, in frames at `frame_rate`.
        frame_rate: The unit of `positions`.

    Returns:
        The rate; `None` where the clip has one frame.
    """
    step = float(np.median(np.diff(positions))) if len(positions) > 1 else 0.0
    return frame_rate / step if step > 0 else None


def _rounded(rate: float) -> float:
    return min(float(f"{rate:.6g}"), float(_MOST))


def _pair(value: dict[str, Any], name: str, *kinds: type) -> Any:
    """Reads a range of numbers: its least and its most."""
    pair = value[name]
    wanted = "integers" if kinds == (int,) else "numbers"
    if (
        not isinstance(pair, list)
        or len(pair) != 2
        or any(isinstance(number, bool) or not isinstance(number, kinds) for number in pair)
        or not pair[0] <= pair[1]  # also where one is NaN
    ):
        raise ValueError(f"`{name}` of `fitted` must be two {wanted}, the least first, but is {pair!r:.80}.")
    return tuple(pair)


__all__ = ["FRAME_TOLERANCE", "RATE_TOLERANCE", "Fitted", "measure_rate"]
