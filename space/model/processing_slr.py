"""Landmarks to keypoints: the processor in front of the model."""

from collections.abc import Iterable, Sequence
from typing import Any, Literal

import numpy as np
import torch
from transformers import BatchFeature, FeatureExtractionMixin
from transformers.utils import logging

from .fitted_slr import Fitted, measure_rate
from .landmarks_slr import (
    LEFT_SHOULDER,
    MIRRORED,
    NUM_LANDMARKS,
    RIGHT_SHOULDER,
    STORED_POINTS,
    Landmarks,
    default_parts,
    validate_parts,
)

logger = logging.get_logger(__name__)

#: One clip: keypoints `(frames, points, 3)`, part_mask bool `(frames, parts)`, positions `(frames,)`.
Clip = dict[str, np.ndarray]

#: Width of the shoulders in palm lengths (wrist to knuckles), to find the signer's unit where only hands are seen.
SHOULDERS_IN_PALMS = 4.0

#: The smallest deviation that a coordinate is divided by, in shoulder widths (points of a hand: in hand sizes).
SMALLEST_DEVIATION = 0.1

#: Shoulders or signers smaller than this share of the frame's height are taken for a mistake of the detector.
SMALLEST_UNIT = 1e-3

#: The least and the most of each number of a processor; integers where both are.
_RANGES: dict[str, tuple[int, int] | tuple[float, float]] = {
    "input_size": (1, 100_000),
    "frame_rate": (1e-3, 1e6),
    "max_gap": (0.0, 1e9),
    "num_coordinates": (1, 3),
}


class KeypointProcessor(FeatureExtractionMixin):
    r"""Turns the landmarks of clips into the keypoints that the model sees.

    The steps, in order; each is a method, and each of the first six can be turned off:

    1. `drop_handless_frames`: frames without any hand carry no sign. A clip in which none has a hand is kept whole.
    2. `interpolate_gaps`: a part that is lost for a few frames is filled in; long gaps stay missing.
    3. `correct_aspect`: x, y and z in one unit.
    4. `normalize_to_signer`: origin between the shoulders, the shoulder width as the unit; or both by the hands.
    5. `resample`: clips longer than `input_size` (of a fitted processor: than training showed) are averaged down.
    6. `add_shapes`: beside its place in the signer's frame, each point of a hand also has its place relative to the
       wrist and the size of the hand (of the lips: to their middle and width), so that shape and place are separate
       inputs.
    7. `standardize`: mean 0 and deviation 1 over the training set.

    Steps 1 to 5 work on one clip (`prepare`), in numpy; steps 6 and 7 on a batch of tensors on any device (`finish`),
    so that augmentations can run between them, on plain coordinates in the signer's frame.

    What training never showed is never shown to the model. A processor that is fitted (see `fit`) takes parts that no
    clip of training showed for not seen before all other steps. It averages clips down that are longer than those of
    training, or have more frames a second. It warns once of each of these, and of clips that are shorter or have fewer
    frames a second, which cannot be mended.

    Args:
        parts: The table of parts, the same as in the model's configuration; `default_parts` by default.
        input_size: The largest number of frames of a clip.
        frame_rate: Unit of `positions`: frames at this rate per second. Clips without a known rate count as recorded
            at it.
        max_gap: The longest gap that is interpolated, in frames at `frame_rate` between the frames on its two sides.
        num_coordinates: Coordinates of a place that the model sees: x and y.
        normalize_by: What sets the signer's frame in step 4: "body" = the shoulders, where they are seen; "hands" =
            where the hands are in the clip and how far they spread, so that they look the same with a body and without.
        do_drop_handless_frames: Whether step 1 is done.
        do_interpolate_gaps: Whether step 2 is done.
        do_correct_aspect: Whether step 3 is done.
        do_normalize: Whether step 4 is done.
        do_resample: Whether step 5 is done.
        do_add_shapes: Whether step 6 is done.
        mean: Mean of each channel of each keypoint, `(points, num_channels)`; see `fit`.
        std: Deviation likewise.
        fitted: What the clips of training showed, as `fit` sets it: `parts`, the names of the parts that were seen in
            some clip (a part is seen with all of its points or not at all, so this tells the points too); `frames`, the
            fewest and the most frames of a clip; `frame_rate`, the lowest and the highest frames a second, or `None`
            where no clip had two frames. `None` = unknown: all is shown to the model.

    Raises:
        ValueError: If the table of parts is malformed, or `mean`, `std` or `fitted` do not fit it.

    Example:
        >>> processor = KeypointProcessor()
        >>> clip = Landmarks(np.random.rand(20, 543, 3).astype(np.float32), fps=30, width=640, height=480)
        >>> tuple(processor(clip)["keypoints"].shape)
        (1, 20, 87, 4)
    """

    model_input_names = ["keypoints", "part_mask", "positions", "attention_mask"]  # noqa: RUF012
    _auto_class = "AutoFeatureExtractor"

    def __init__(
        self,
        parts: list[dict[str, Any]] | None = None,
        input_size: int = 128,
        frame_rate: float = 30.0,
        max_gap: float = 6.0,
        num_coordinates: int = 2,
        normalize_by: Literal["body", "hands"] = "body",
        do_drop_handless_frames: bool = True,
        do_interpolate_gaps: bool = True,
        do_correct_aspect: bool = True,
        do_normalize: bool = True,
        do_resample: bool = True,
        do_add_shapes: bool = True,
        mean: list[list[float]] | None = None,
        std: list[list[float]] | None = None,
        fitted: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.parts = default_parts() if parts is None else parts
        validate_parts(self.parts)
        self.input_size = input_size
        self.frame_rate = frame_rate
        self.max_gap = max_gap
        self.num_coordinates = num_coordinates
        self.normalize_by = normalize_by
        self.do_drop_handless_frames = do_drop_handless_frames
        self.do_interpolate_gaps = do_interpolate_gaps
        self.do_correct_aspect = do_correct_aspect
        self.do_normalize = do_normalize
        self.do_resample = do_resample
        self.do_add_shapes = do_add_shapes
        self.mean = mean
        self.std = std
        self.fitted = fitted
        self._check()

    def _check(self) -> None:
        """Raises where a field is unusable: the processor of a saved model may come from a stranger."""
        for name, (least, most) in _RANGES.items():
            value = getattr(self, name)
            whole = isinstance(least, int)
            if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
                raise ValueError(f"`{name}` must be {'an integer' if whole else 'a number'}, but is {value!r:.80}.")
            if not least <= value <= most:  # also where it is NaN
                raise ValueError(f"`{name}` must be from {least} to {most}, but is {value}.")
        if self.normalize_by not in ("body", "hands"):
            raise ValueError(f"`normalize_by` must be 'body' or 'hands', but is {self.normalize_by!r:.80}.")
        for name in ("mean", "std"):
            values = getattr(self, name)
            if values is None:
                continue
            expected = (self.num_points, self.num_channels)
            array = np.asarray(values)
            if array.shape != expected:
                raise ValueError(f"`{name}` must have the shape {expected}, but has {array.shape}.")
            if array.dtype.kind not in "fi" or not np.isfinite(array).all():
                raise ValueError(f"`{name}` must be finite numbers.")
            if name == "std" and not (array > 0).all():
                raise ValueError(f"`std` must be above 0, but is {array.min()} somewhere.")
        if self.fitted is not None:
            Fitted.from_json(self.fitted, [part["name"] for part in self.parts])

    # The layout

    @property
    def num_points(self) -> int:
        """The number of keypoints of a frame."""
        return sum(len(part["points"]) for part in self.parts)

    @property
    def num_channels(self) -> int:
        """The numbers that describe a keypoint: its place, and its place within the part's shape."""
        return self.num_coordinates * (2 if self.do_add_shapes else 1)

    @property
    def part_slices(self) -> list[slice]:
        """The columns of each part among the keypoints."""
        ends = np.cumsum([len(part["points"]) for part in self.parts]).tolist()
        return [slice(end - len(part["points"]), end) for part, end in zip(self.parts, ends, strict=True)]

    @property
    def part_of_point(self) -> list[int]:
        """The index of the part of each keypoint."""
        return [index for index, part in enumerate(self.parts) for _ in part["points"]]

    @property
    def hand_indices(self) -> list[int]:
        """The indices of the parts that are hands."""
        return [index for index, part in enumerate(self.parts) if part.get("anchor") is not None]

    # What training showed

    @property
    def fitted_range(self) -> Fitted | None:
        """What training showed; `None` where that is unknown."""
        return None if self.fitted is None else Fitted.from_json(self.fitted, [part["name"] for part in self.parts])

    @property
    def fitted_parts(self) -> list[bool]:
        """Whether each part is shown to the model where it is seen."""
        fitted = self.fitted_range
        return [fitted is None or part["name"] in fitted.parts for part in self.parts]

    @property
    def uses_shoulders(self) -> bool:
        """Whether the shoulders may set the signer's frame: not where training lacked the part that shows them."""
        shoulders = {LEFT_SHOULDER, RIGHT_SHOULDER}
        return all(
            shown
            for part, shown in zip(self.parts, self.fitted_parts, strict=True)
            if shoulders.intersection(part["points"])
        )

    # From landmarks to model inputs

    def __call__(
        self,
        landmarks: Landmarks | np.ndarray | Sequence[Landmarks | np.ndarray],
        mirror: bool = False,
        padding: bool | str = True,
        return_tensors: str = "pt",
    ) -> BatchFeature:
        """Processes one clip or several.

        Args:
            landmarks: `Landmarks` or an array `(frames, 543 or 115, 3)`, or a sequence of them.
            mirror: Whether to swap the signer's sides: for a selfie camera or a left-handed signer.
            padding: `True` or "longest" pads to the longest clip, "max_length" to `input_size`.
            return_tensors: "pt" or "np".

        Returns:
            - keypoints: float `(batch, frames, points, num_channels)`, 0 where missing: x and y in the signer's frame,
              then x and y in the part's shape.
            - part_mask: bool `(batch, frames, parts)`, whether a part was seen.
            - positions: float `(batch, frames)`, the time of each frame in frames at `frame_rate`.
            - attention_mask: int64 `(batch, frames)`, 1 for frames and 0 for padding.

        Raises:
            ValueError: If a clip is empty or has a wrong shape, or `padding` or `return_tensors` is unknown.
        """
        clips = [landmarks] if isinstance(landmarks, np.ndarray) or hasattr(landmarks, "coordinates") else landmarks
        batch = self.pad([self.prepare(clip, mirror=mirror) for clip in clips], padding=padding)  # type: ignore[arg-type]
        finished = self.finish(dict(batch))
        if return_tensors == "np":
            return BatchFeature({name: tensor.numpy() for name, tensor in finished.items()})
        if return_tensors != "pt":
            raise ValueError(f"`return_tensors` must be 'pt' or 'np', but is {return_tensors!r}.")
        return BatchFeature(finished)

    def prepare(self, landmarks: Landmarks | np.ndarray, mirror: bool = False) -> Clip:
        """Does steps 1 to 5 for one clip.

        Args:
            landmarks: `Landmarks`, or an array `(frames, 543 or 115, 3)` of them.
            mirror: Whether to swap the signer's sides.

        Returns:
            - keypoints: float32 `(frames, points, 3)` in shoulder widths from between the shoulders, 0 where missing;
              z is 0 too where the landmarks have no z (NaN).
            - part_mask: bool `(frames, parts)`.
            - positions: float32 `(frames,)`, rising, in frames at `frame_rate`.

        Raises:
            ValueError: If the clip has no frame, or cannot be mirrored.
        """
        if isinstance(landmarks, np.ndarray):
            landmarks = self._from_array(landmarks)
        if landmarks.num_frames == 0:
            raise ValueError("The clip has no frames. Pass landmarks of at least one frame.")
        points = [point for part in self.parts for point in part["points"]]
        # The shoulders ride along as the last two columns: they set the signer's frame even if no part shows them.
        columns = [*points, LEFT_SHOULDER, RIGHT_SHOULDER]
        if mirror:
            unknown = [point for point in points if MIRRORED[point] < 0]
            if unknown:
                raise ValueError(f"Clips cannot be mirrored: landmarks {unknown[:5]} have no known counterpart.")
            landmarks = landmarks.mirrored()
        keypoints = landmarks.take(columns)
        np.copyto(keypoints[..., 2], 0, where=np.isnan(keypoints[..., 2]))  # landmarks without z: 0 says "no depth"
        positions = np.arange(len(keypoints), dtype=np.float32)
        if landmarks.fps is not None:
            positions *= self.frame_rate / landmarks.fps
        clip = {"keypoints": keypoints, "part_mask": self.find_parts(keypoints), "positions": positions}
        del keypoints  # of an hour of video, no step's input is held longer than the step takes
        if self.fitted is not None:
            clip = self.hide_unfitted_parts(clip)
        if self.do_drop_handless_frames:
            clip = self.drop_handless_frames(clip)
        if self.do_interpolate_gaps:
            clip = self.interpolate_gaps(clip)
        if self.do_correct_aspect:
            clip = self.correct_aspect(clip, landmarks.width, landmarks.height)
        if self.do_normalize:
            clip = self.normalize_to_signer(clip)
        clip["keypoints"] = clip["keypoints"][:, : self.num_points]
        if clip["part_mask"].all():
            clip["keypoints"] = np.ascontiguousarray(clip["keypoints"])
        else:
            clip["keypoints"] = np.where(self._by_point(clip["part_mask"]), clip["keypoints"], np.float32(0))
        size = self._most_frames(clip["positions"])
        return clip if size == len(clip["positions"]) else self.resample(clip, size)

    def pad(self, clips: Sequence[Clip], padding: bool | str = True, return_tensors: str = "pt") -> BatchFeature:
        """Joins prepared clips into a batch.

        Args:
            clips: Results of `prepare`.
            padding: `True` or "longest" pads to the longest clip, "max_length" to `input_size`; `False` demands
                clips of one length.
            return_tensors: "pt" or "np".

        Returns:
            The entries of `prepare` with a batch dimension in front, and `attention_mask`, int64 `(batch, frames)`.

        Raises:
            ValueError: If there is no clip, `padding` is unknown, or a clip is longer than the padding allows.
        """
        lengths = [len(clip["positions"]) for clip in clips]
        if not lengths:
            raise ValueError("There is no clip to process. Pass at least one.")
        if padding in (True, "longest"):
            frames = max(lengths)
        elif padding == "max_length":
            frames = self.input_size
        elif padding is False:
            frames = lengths[0]
        else:
            raise ValueError(f"`padding` must be True, False, 'longest' or 'max_length', but is {padding!r}.")
        if max(lengths) > frames or (padding is False and min(lengths) < frames):
            raise ValueError(
                f"Clips of {min(lengths)} to {max(lengths)} frames do not fit a batch of {frames} frames. "
                "Use padding='longest', or turn resampling on."
            )
        batch = {"attention_mask": np.arange(frames) < np.asarray(lengths)[:, None]}
        for name in ("keypoints", "part_mask", "positions"):
            first = clips[0][name]
            batch[name] = np.zeros((len(clips), frames, *first.shape[1:]), first.dtype)
            for row, clip in zip(batch[name], clips, strict=True):
                row[: len(clip[name])] = clip[name]
        batch["attention_mask"] = batch["attention_mask"].astype(np.int64)
        return BatchFeature(batch, tensor_type=return_tensors)

    def finish(self, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Does steps 6 and 7 for a batch, on its device.

        Args:
            batch: A batch of `pad`, augmented or not. Entries other than the keypoints pass through.

        Returns:
            A new batch, with keypoints `(batch, frames, points, num_channels)`.
        """
        keypoints = batch["keypoints"][..., : self.num_coordinates]
        part_mask = batch["part_mask"] & batch["attention_mask"].bool().unsqueeze(-1)
        if not all(self.fitted_parts):  # of clips that were prepared before the processor was fitted
            part_mask = part_mask & part_mask.new_tensor(self.fitted_parts)
        if self.do_add_shapes:
            keypoints = self.add_shapes(keypoints, part_mask)
        keypoints = self.standardize(keypoints)
        seen = part_mask[..., self.part_of_point]
        return {**batch, "keypoints": keypoints * seen.unsqueeze(-1).to(keypoints.dtype), "part_mask": part_mask}

    def fit(
        self,
        clips: Iterable[Clip],
        batch_size: int = 256,
        lengths: tuple[float, float] = (1.0, 1.0),
        rates: tuple[float, float] = (1.0, 1.0),
        mirrored: bool = False,
    ) -> None:
        """Sets `mean`, `std` and `fitted` from the prepared clips of a training set.

        Augmentations show the model more than the clips; `Augmentations.reach` tells how much.

        Args:
            clips: Results of `prepare`.
            batch_size: Clips that are held in memory at a time.
            lengths: Factors on the fewest and the most frames of a clip. The most never exceed `input_size` thereby.
            rates: Factors on the lowest and the highest frames a second of a clip.
            mirrored: Whether training shows parts in a mirror, so that a part is known where its mirror image was seen.

        Raises:
            ValueError: If there is no clip.
        """
        self.mean = self.std = self.fitted = None
        frames: list[int] = []
        frame_rates: list[float | None] = []
        count = np.zeros((self.num_points, 1))
        total = np.zeros((self.num_points, self.num_channels))
        squares = np.zeros_like(total)
        pending: list[Clip] = []

        def add() -> None:
            batch = self.finish(dict(self.pad(pending)))
            keypoints = batch["keypoints"].double().numpy()
            count[:, 0] += self._by_point(batch["part_mask"].numpy()).sum(axis=(0, 1, 3))
            total[...] += keypoints.sum(axis=(0, 1))
            squares[...] += np.square(keypoints).sum(axis=(0, 1))
            pending.clear()

        for clip in clips:
            pending.append(clip)
            frames.append(len(clip["positions"]))
            frame_rates.append(measure_rate(clip["positions"], self.frame_rate))
            if len(pending) == batch_size:
                add()
        if pending:
            add()
        if not count.any():
            raise ValueError("No part was seen in any clip, so mean and deviation cannot be taken.")
        mean = total / np.maximum(count, 1)
        variance = squares / np.maximum(count, 1) - np.square(mean)
        # A point that hardly moves (a shoulder, in the frame of the shoulders) must not have its noise blown up.
        std = np.where(count > 0, np.sqrt(np.maximum(variance, SMALLEST_DEVIATION**2)), 1)
        self.mean, self.std = mean.round(6).tolist(), std.round(6).tolist()
        seen = {
            part["name"] for part, columns in zip(self.parts, self.part_slices, strict=True) if count[columns].any()
        }
        known = [part["name"] for part in self.parts if part["name"] in seen or (mirrored and part["mirror"] in seen)]
        self.fitted = Fitted.of_clips(known, frames, frame_rates, self.input_size, lengths, rates).to_json()

    # The steps

    def find_parts(self, keypoints: np.ndarray) -> np.ndarray:
        """Tells where all points of a part were detected.

        Args:
            keypoints: `(frames, at least points, 3)` with NaN where missing.

        Returns:
            Boolean array `(frames, parts)`.
        """
        missing = np.isnan(keypoints[:, : self.num_points, 0] + keypoints[:, : self.num_points, 1])
        starts = [columns.start for columns in self.part_slices]
        return ~np.logical_or.reduceat(missing, starts, axis=1)

    def hide_unfitted_parts(self, clip: Clip) -> Clip:
        """Takes parts that training never showed for not seen, and the shoulders where they belong to such a part.

        Args:
            clip: A clip with the shoulders as its last two columns of keypoints.
        """
        fitted, shown = self.fitted_range, np.array(self.fitted_parts)
        if fitted is None or shown.all():
            return clip
        seen = np.flatnonzero(clip["part_mask"].any(axis=0))
        fitted.warn_of_parts([self.parts[index]["name"] for index in seen])
        keypoints = clip["keypoints"]
        if not self.uses_shoulders:
            keypoints = keypoints.copy()
            keypoints[:, self.num_points :] = np.nan
        return {**clip, "keypoints": keypoints, "part_mask": clip["part_mask"] & shown}

    def drop_handless_frames(self, clip: Clip) -> Clip:
        """Keeps the frames in which a hand is seen, with their true times; all frames where none has a hand."""
        if not self.hand_indices:
            return clip
        kept = clip["part_mask"][:, self.hand_indices].any(axis=1)
        if not kept.any():
            logger.warning_once("A clip shows no hand in any frame. It is kept whole, but no sign can be read from it.")
            return clip
        return clip if kept.all() else {name: values[kept] for name, values in clip.items()}

    def interpolate_gaps(self, clip: Clip) -> Clip:
        """Fills gaps of a part, in time, between the frames on both sides that are at most `max_gap` apart."""
        if clip["part_mask"].all():
            return clip
        keypoints, part_mask, positions = clip["keypoints"].copy(), clip["part_mask"].copy(), clip["positions"]
        for index, columns in enumerate(self.part_slices):
            seen = np.flatnonzero(part_mask[:, index])
            missing = np.flatnonzero(~part_mask[:, index])
            if not len(seen) or not len(missing):
                continue
            place = np.searchsorted(seen, missing)
            inside = (place > 0) & (place < len(seen))
            missing, before, after = missing[inside], seen[place[inside] - 1], seen[place[inside]]
            short = positions[after] - positions[before] <= self.max_gap
            missing, before, after = missing[short], before[short], after[short]
            share = (positions[missing] - positions[before]) / (positions[after] - positions[before])
            share = share[:, None, None].astype(keypoints.dtype)
            keypoints[missing, columns] = (1 - share) * keypoints[before, columns] + share * keypoints[after, columns]
            part_mask[missing, index] = True
        return {**clip, "keypoints": keypoints, "part_mask": part_mask}

    def correct_aspect(self, clip: Clip, width: int, height: int) -> Clip:
        """Brings x, y and z to one unit, the height of the frame.

        Args:
            clip: A clip with x and z as fractions of the frame's width and y of its height.
            width: Width of the frame in pixels.
            height: Height of the frame in pixels.
        """
        aspect = width / height
        return {**clip, "keypoints": clip["keypoints"] * np.array([aspect, 1, aspect], np.float32)}

    def normalize_to_signer(self, clip: Clip) -> Clip:
        """Moves the origin between the shoulders and makes the shoulder width the unit.

        Both are medians over the clip, so that single bad frames do not matter and the signer's own movement stays.
        Where no shoulders are seen, the unit comes from the size of the hands, else from the extent of all points, and
        the origin is the median of all points.

        Where `normalize_by` is "hands", the origin is the mean of all points of hands over the clip, and the unit their
        deviation, the mean of x and y. Clips without a hand are placed as above.

        Args:
            clip: A clip with the shoulders as its last two columns of keypoints.
        """
        keypoints, part_mask = clip["keypoints"], clip["part_mask"]
        if self.normalize_by == "hands" and part_mask[:, self.hand_indices].any():
            hands = np.concatenate(
                [
                    keypoints[part_mask[:, index], self.part_slices[index], :2].reshape(-1, 2)
                    for index in self.hand_indices
                ]
            )
            unit = float(hands.std(axis=0).mean())
            return {**clip, "keypoints": self._place(keypoints, hands.mean(axis=0), max(unit, SMALLEST_UNIT))}
        left, right = keypoints[:, -2], keypoints[:, -1]
        both = ~np.isnan(left[:, :2] + right[:, :2]).any(axis=1)
        if both.any():
            unit = float(np.median(np.linalg.norm(left[both, :2] - right[both, :2], axis=1)))
            origin = np.median((left[both, :2] + right[both, :2]) / 2, axis=0)
            if unit > SMALLEST_UNIT:
                return {**clip, "keypoints": self._place(keypoints, origin, unit)}
        points = keypoints[:, : self.num_points, :2][self._by_point(part_mask)[..., 0]]
        if not len(points):
            return clip
        palms = [
            np.linalg.norm(hand[:, part["span"], :2] - hand[:, [part["anchor"]], :2], axis=-1).mean(axis=1)
            for index in self.hand_indices
            for part, hand in [(self.parts[index], keypoints[part_mask[:, index], self.part_slices[index]])]
        ]
        palm = np.concatenate(palms) if palms else np.empty(0)
        extent = np.percentile(points, 95, axis=0) - np.percentile(points, 5, axis=0)
        unit = SHOULDERS_IN_PALMS * float(np.median(palm)) if len(palm) else float(extent.max())
        origin = np.median(points, axis=0)
        return {**clip, "keypoints": self._place(keypoints, origin, max(unit, SMALLEST_UNIT))}

    def resample(self, clip: Clip, size: int | None = None) -> Clip:
        """Averages a long clip down, each frame of the result the mean of an equal share of the clip.

        Missing parts do not enter the mean; a part is missing where it is missing in the whole share.

        Args:
            clip: A clip with 0 where parts are missing.
            size: Frames of the result, at most those of the clip; `input_size` by default.
        """
        frames, size = len(clip["positions"]), self.input_size if size is None else size
        # Frames are cut where a share ends within them; then each share is a run of whole pieces.
        edges = np.arange(size + 1) * (frames / size)
        edges[-1] = frames
        cuts = np.union1d(np.arange(frames + 1), edges)
        frame = cuts[:-1].astype(int)
        length = np.diff(cuts).astype(np.float32)
        starts = np.searchsorted(cuts, edges[:-1])

        def add(values: np.ndarray) -> np.ndarray:
            pieces = values[frame].astype(np.float32, copy=False)
            pieces *= length.reshape(-1, *(1,) * (values.ndim - 1))
            return np.asarray(np.add.reduceat(pieces, starts))

        seen = add(clip["part_mask"])
        return {
            "keypoints": add(clip["keypoints"]) / np.maximum(self._by_point(seen), 1e-6),  # missing points are 0
            "part_mask": seen > 0,
            "positions": add(clip["positions"]) / add(np.ones(frames, np.float32)),
        }

    def place_by_hands(self, keypoints: torch.Tensor, part_mask: torch.Tensor) -> torch.Tensor:
        """Does for a batch what `normalize_to_signer` does for a clip where `normalize_by` is "hands".

        Args:
            keypoints: `(batch, frames, points, coordinates)`, at least two coordinates.
            part_mask: Bool `(batch, frames, parts)`.

        Returns:
            Keypoints of the same shape. Clips without a hand stay as they are; what is missing is not kept at 0.
        """
        columns = [
            column for part in self.hand_indices for column in range(*self.part_slices[part].indices(self.num_points))
        ]
        parts = [self.part_of_point[column] for column in columns]
        places = keypoints[:, :, columns, :2].flatten(1, 2)
        counted = part_mask[:, :, parts].flatten(1, 2).unsqueeze(-1).to(keypoints.dtype)
        number = counted.sum(dim=1).clamp(min=1)
        middle = (places * counted).sum(dim=1) / number
        spread = ((places - middle[:, None]).square() * counted).sum(dim=1).div(number).sqrt().mean(dim=1, keepdim=True)
        has_hand = counted.amax(dim=1) > 0
        unit = torch.where(has_hand, spread.clamp(min=SMALLEST_UNIT), 1)[:, None, None]
        origin = torch.where(has_hand, middle, 0)
        origin = torch.cat([origin, torch.zeros_like(origin)], dim=-1)[:, : keypoints.shape[-1]]
        return (keypoints - origin[:, None, None]) / unit

    def add_shapes(self, keypoints: torch.Tensor, part_mask: torch.Tensor) -> torch.Tensor:
        """Puts each point's place within the shape of its part beside its place in the signer's frame.

        A shape is relative to the part's origin (a hand's wrist) and in units of its size (the mean distance of its
        span from the origin) over the clip. One size a clip keeps what a change of size tells: a hand that turns or
        comes nearer. Parts without a span have zeros.

        Args:
            keypoints: `(batch, frames, points, coordinates)`.
            part_mask: `(batch, frames, parts)`.

        Returns:
            `(batch, frames, points, 2 * coordinates)`.
        """
        shapes = []
        for index, (part, points) in enumerate(
            zip(self.parts, keypoints.split([len(part["points"]) for part in self.parts], dim=2), strict=True)
        ):
            if part.get("span") is None:
                shapes.append(torch.zeros_like(points))
                continue
            anchor, seen = part.get("anchor"), part_mask[..., index].to(keypoints.dtype)
            origin = points.mean(dim=2, keepdim=True) if anchor is None else points[:, :, anchor : anchor + 1]
            offsets = points - origin
            sizes = offsets[:, :, part["span"], :2].norm(dim=-1).mean(dim=-1)
            size = (sizes * seen).sum(dim=1) / seen.sum(dim=1).clamp(min=1)
            shapes.append(offsets / size.clamp(min=1e-3)[:, None, None, None])
        return torch.cat([keypoints, torch.cat(shapes, dim=2)], dim=-1)

    def standardize(self, keypoints: torch.Tensor) -> torch.Tensor:
        """Subtracts `mean` and divides by `std`, where they are set.

        Args:
            keypoints: `(batch, frames, points, num_channels)`.

        Returns:
            Keypoints of the same shape.
        """
        if self.mean is None or self.std is None:
            return keypoints
        # The difference is a new tensor, so it can be divided in place: a pass over memory less.
        return (keypoints - keypoints.new_tensor(self.mean)).div_(keypoints.new_tensor(self.std))

    # Helpers

    def _most_frames(self, positions: np.ndarray) -> int:
        """The frames of a clip that the model sees, of which it has `len(positions)`; warns of unusual clips."""
        frames, fitted = len(positions), self.fitted_range
        most = min(frames, self.input_size) if self.do_resample else frames
        if fitted is None:
            return most
        rate = measure_rate(positions, self.frame_rate)
        fitted.warn_of_time(frames, rate, self.do_resample)
        return min(most, fitted.most_frames(frames, rate)) if self.do_resample else most

    def _by_point(self, part_values: np.ndarray) -> np.ndarray:
        """Spreads values `(..., parts)` over the points of each part: `(..., points, 1)`."""
        return np.repeat(part_values, [len(part["points"]) for part in self.parts], axis=-1)[..., None]

    @staticmethod
    def _place(keypoints: np.ndarray, origin: np.ndarray, unit: float) -> np.ndarray:
        placed = keypoints - np.append(origin, 0).astype(keypoints.dtype)
        placed /= keypoints.dtype.type(unit)
        return placed

    @staticmethod
    def _from_array(array: np.ndarray) -> Landmarks:
        for points in (tuple(range(NUM_LANDMARKS)), STORED_POINTS):
            if array.ndim == 3 and array.shape[1] == len(points):
                return Landmarks(array, points=points)
        raise ValueError(
            f"An array of landmarks must have the shape (frames, {NUM_LANDMARKS} or {len(STORED_POINTS)}, 3), but has "
            f"{array.shape}. Wrap other layouts in Landmarks, which names their points."
        )


__all__ = ["KeypointProcessor"]
