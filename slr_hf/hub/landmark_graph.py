"""The whole recogniser as one module of tensor operations: raw landmarks in, probabilities out.

`KeypointProcessor.prepare` works on one clip in numpy and drops frames, so its shapes depend on the data. An exported
graph works on a batch and knows the shapes of its inputs only. `LandmarkNormalizer` says the same in terms that fit:

- Dropped frames: the kept ones are moved to the front, in order, and the rest count as padding. They cannot stay in
  place under a mask, because windows of attention and convolutions would then see other neighbours.
- Gaps: "the seen frame before" and "the seen frame after" are looked up by the number of seen frames so far.
- Medians: values that do not count are sorted to the end.
- Resampling: a matrix of the share of each frame in each result; the identity for clips that are short enough.
- What training never showed: the parts are known when the graph is made; the rate of a clip is a median.
"""

from typing import Any

import numpy as np
import torch
from torch import nn

from slr_hf.model.fitted_slr import FRAME_TOLERANCE, RATE_TOLERANCE
from slr_hf.model.landmarks_slr import LEFT_SHOULDER, MIRRORED, RIGHT_SHOULDER, input_points
from slr_hf.model.modeling_slr import SLRForSignClassification
from slr_hf.model.processing_slr import SHOULDERS_IN_PALMS, SMALLEST_UNIT, KeypointProcessor


def true_indices(mask: torch.Tensor) -> torch.Tensor:
    """Where a mask is true.

    Args:
        mask: Bool `(batch, frames, ...)`.

    Returns:
        Int64 of the same shape: along the frames first the indices of the true ones, rising, then those of the others.
    """
    frames = mask.shape[1]
    index = torch.arange(frames, device=mask.device).view(1, -1, *[1] * (mask.dim() - 2))
    # No two keys are equal, so that any sort gives this order: ONNX has no stable one.
    return torch.where(mask, index, index + frames).sort(dim=1).indices


def gather_frames(values: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    """Takes the frames `index` `(batch, frames)` of `values` `(batch, frames, ...)`."""
    index = index.view(*index.shape, *[1] * (values.dim() - 2))
    return values.gather(1, index.expand(-1, -1, *values.shape[2:]))


def masked_quantiles(values: torch.Tensor, mask: torch.Tensor, shares: tuple[float, ...]) -> list[torch.Tensor]:
    """Quantiles, as numpy interpolates them, of the values that count.

    Args:
        values: `(batch, values, channels)`.
        mask: Bool `(batch, values)`, which of them count.
        shares: The quantiles; 0.5 is the median.

    Returns:
        One `(batch, channels)` for each; a very large number for a clip in which none counts.
    """
    largest = torch.finfo(values.dtype).max
    ordered = torch.where(mask.unsqueeze(-1), values, largest).sort(dim=1).values
    last = (mask.sum(dim=1) - 1).clamp(min=0)
    found = []
    for share in shares:
        place = last.to(values.dtype) * share
        lower = gather_frames(ordered, place.floor().long()[:, None]).squeeze(1)
        upper = gather_frames(ordered, place.ceil().long()[:, None]).squeeze(1)
        found.append(lower + (upper - lower) * (place - place.floor()).unsqueeze(-1))
    return found


class LandmarkNormalizer(nn.Module):
    """`KeypointProcessor` for a batch of raw landmarks, in operations that can be exported.

    Args:
        processor: The processor whose steps it takes.
    """

    def __init__(self, processor: KeypointProcessor) -> None:
        super().__init__()
        self.processor = processor
        self.points = input_points(processor.parts)
        column = {point: index for index, point in enumerate(self.points)}
        wanted = [*(point for part in processor.parts for point in part["points"]), LEFT_SHOULDER, RIGHT_SHOULDER]
        self.columns = [column[point] for point in wanted]
        self.can_mirror = all(MIRRORED[point] in column for point in wanted)
        if self.can_mirror:
            self.mirrored_columns = [column[MIRRORED[point]] for point in wanted]
        self.part_of_point = processor.part_of_point

    def forward(
        self,
        landmarks: torch.Tensor,
        num_frames: torch.Tensor,
        fps: torch.Tensor,
        aspect: torch.Tensor,
        mirror: torch.Tensor,
    ) -> dict[str, torch.Tensor]:
        """Does all steps of the processor.

        Args:
            landmarks: Float32 `(batch, frames, len(self.points), 3)`: x and y as fractions of the frame's width and
                height, NaN = not detected.
            num_frames: Int64 `(batch,)`, the frames of each clip; the rest of `landmarks` is not read. A clip may have
                none, but not every clip of a batch.
            fps: Float32 `(batch,)`, frames a second; 0 where unknown.
            aspect: Float32 `(batch,)`, width / height of the frames.
            mirror: Bool `(batch,)`, whether to swap the signer's sides. Without effect where the parts cannot be
                mirrored (`can_mirror`).

        Returns:
            What `KeypointProcessor` returns for these clips.
        """
        processor = self.processor
        keypoints = landmarks[:, :, self.columns, : max(processor.num_coordinates, 2)]
        if self.can_mirror:
            flipped = landmarks[:, :, self.mirrored_columns, : max(processor.num_coordinates, 2)]
            flipped = torch.cat([1 - flipped[..., :1], flipped[..., 1:]], dim=-1)
            keypoints = torch.where(mirror[:, None, None, None], flipped, keypoints)
        index = torch.arange(landmarks.shape[1], device=landmarks.device)
        frame_mask = index < num_frames[:, None]
        seen = ~keypoints[..., :2].isnan().any(dim=-1) & frame_mask.unsqueeze(-1)
        part_mask = torch.stack([seen[:, :, columns].all(dim=-1) for columns in processor.part_slices], dim=-1)
        step = torch.where(fps > 0, processor.frame_rate / fps, torch.ones_like(fps))
        positions = index.to(fps.dtype) * step[:, None]
        shoulders_seen = seen[:, :, -2:].all(dim=-1)
        if not all(processor.fitted_parts):
            part_mask = part_mask & part_mask.new_tensor(processor.fitted_parts)
        if not processor.uses_shoulders:
            shoulders_seen = torch.zeros_like(shoulders_seen)
        # From here on missing values are 0: NaN would spread through sums, even with a weight of 0.
        keypoints = torch.where(seen.unsqueeze(-1) & ~keypoints.isnan(), keypoints, 0)

        if processor.do_drop_handless_frames and processor.hand_indices:
            kept = part_mask[:, :, processor.hand_indices].any(dim=-1)
            kept = kept | (frame_mask & ~kept.any(dim=1, keepdim=True))
            order = true_indices(kept)
            keypoints, part_mask = gather_frames(keypoints, order), gather_frames(part_mask, order)
            positions, shoulders_seen = gather_frames(positions, order), gather_frames(shoulders_seen, order)
            num_frames = kept.sum(dim=1)
            frame_mask = index < num_frames[:, None]
            part_mask, shoulders_seen = part_mask & frame_mask.unsqueeze(-1), shoulders_seen & frame_mask
        if processor.do_interpolate_gaps:
            keypoints, part_mask = self.interpolate_gaps(keypoints, part_mask, positions)
        if processor.do_correct_aspect:
            scale = torch.stack([aspect, torch.ones_like(aspect), aspect], dim=-1)[:, : keypoints.shape[-1]]
            keypoints = keypoints * scale[:, None, None]
        if processor.do_normalize:
            keypoints = self.normalize_to_signer(keypoints, part_mask, shoulders_seen)
        keypoints = keypoints[:, :, : processor.num_points]
        keypoints = torch.where(part_mask[:, :, self.part_of_point].unsqueeze(-1), keypoints, 0)
        sizes = self.most_frames(positions, num_frames)
        return processor.finish(self.resample(keypoints, part_mask, positions, num_frames, sizes))

    def interpolate_gaps(
        self, keypoints: torch.Tensor, part_mask: torch.Tensor, positions: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Fills short gaps of a part; see `KeypointProcessor.interpolate_gaps`.

        Args:
            keypoints: `(batch, frames, points + 2 shoulders, coordinates)`.
            part_mask: Bool `(batch, frames, parts)`.
            positions: `(batch, frames)`.

        Returns:
            New keypoints and a new mask.
        """
        order = true_indices(part_mask)  # the n-th seen frame of a part
        so_far, in_all = part_mask.long().cumsum(dim=1), part_mask.sum(dim=1, keepdim=True)
        before = order.gather(1, (so_far - 1).clamp(min=0))
        after = order.gather(1, torch.minimum(so_far, (in_all - 1).clamp(min=0)))
        times = positions.unsqueeze(-1).expand(-1, -1, part_mask.shape[2])
        begin, end = times.gather(1, before), times.gather(1, after)
        filled = ~part_mask & (so_far > 0) & (so_far < in_all) & (end - begin <= self.processor.max_gap)
        share = torch.where(filled, (times - begin) / torch.where(filled, end - begin, 1), 0)

        points = self.processor.num_points
        parts, shoulders = keypoints[:, :, :points], keypoints[:, :, points:]
        share, filled_points = share[:, :, self.part_of_point, None], filled[:, :, self.part_of_point, None]
        shape = (-1, -1, -1, keypoints.shape[-1])
        first = parts.gather(1, before[:, :, self.part_of_point, None].expand(shape))
        second = parts.gather(1, after[:, :, self.part_of_point, None].expand(shape))
        parts = torch.where(filled_points, (1 - share) * first + share * second, parts)
        return torch.cat([parts, shoulders], dim=2), part_mask | filled

    def normalize_to_signer(
        self, keypoints: torch.Tensor, part_mask: torch.Tensor, shoulders_seen: torch.Tensor
    ) -> torch.Tensor:
        """Places the keypoints in the signer's frame; see `KeypointProcessor.normalize_to_signer`.

        Args:
            keypoints: `(batch, frames, points + 2 shoulders, coordinates)`.
            part_mask: Bool `(batch, frames, parts)`.
            shoulders_seen: Bool `(batch, frames)`, whether both shoulders were seen.

        Returns:
            New keypoints; a clip without any part is only zeros that do not matter.
        """
        parts, hands = self.processor.parts, self.processor.hand_indices
        left, right = keypoints[:, :, -2, :2], keypoints[:, :, -1, :2]
        width = (left - right).norm(dim=-1, keepdim=True)
        (body,) = masked_quantiles(torch.cat([width, (left + right) / 2], dim=-1), shoulders_seen, (0.5,))
        body_unit, body_origin = body[:, :1], body[:, 1:]

        points = keypoints[:, :, : self.processor.num_points, :2]
        counts = part_mask[:, :, self.part_of_point]
        low, origin, high = masked_quantiles(points.flatten(1, 2), counts.flatten(1, 2), (0.05, 0.5, 0.95))
        unit = (high - low).amax(dim=-1, keepdim=True)
        if hands:
            palms = [
                (hand[:, :, parts[index]["span"]] - hand[:, :, [parts[index]["anchor"]]]).norm(dim=-1).mean(dim=-1)
                for index in hands
                for hand in [points[:, :, self.processor.part_slices[index]]]
            ]
            hands_seen = part_mask[:, :, hands]
            (palm,) = masked_quantiles(
                torch.stack(palms, dim=-1).flatten(1).unsqueeze(-1), hands_seen.flatten(1), (0.5,)
            )
            unit = torch.where(hands_seen.flatten(1).any(dim=1, keepdim=True), SHOULDERS_IN_PALMS * palm, unit)
        unit = unit.clamp(min=SMALLEST_UNIT)

        by_body = shoulders_seen.any(dim=1, keepdim=True) & (body_unit > SMALLEST_UNIT)
        unit, origin = torch.where(by_body, body_unit, unit), torch.where(by_body, body_origin, origin)
        origin = torch.cat([origin, torch.zeros_like(origin)], dim=-1)[:, : keypoints.shape[-1]]
        placed = (keypoints - origin[:, None, None]) / unit[:, None, None]
        # The body or the extent has placed clips without a hand; the others are placed by their hands after all.
        return self.processor.place_by_hands(placed, part_mask) if self.processor.normalize_by == "hands" else placed

    def most_frames(self, positions: torch.Tensor, num_frames: torch.Tensor) -> torch.Tensor:
        """The frames of each clip that the model sees; see `Fitted.most_frames`.

        Args:
            positions: `(batch, frames)`.
            num_frames: Int64 `(batch,)`.

        Returns:
            Int64 `(batch,)`.
        """
        processor, fitted = self.processor, self.processor.fitted_range
        if not processor.do_resample:
            return num_frames
        sizes = num_frames.clamp(max=processor.input_size)
        if fitted is None:
            return sizes
        sizes = sizes.clamp(max=fitted.frames[1])
        if fitted.frame_rate is None:
            return sizes
        # The step from the frame before; the first frame has none, and counts as little as padding does.
        steps = positions - torch.cat([positions[:, :1], positions[:, :-1]], dim=1)
        index = torch.arange(positions.shape[1], device=positions.device)
        (step,) = masked_quantiles(steps.unsqueeze(-1), (index > 0) & (index < num_frames[:, None]), (0.5,))
        rate, highest = processor.frame_rate / step.squeeze(-1).double(), fitted.frame_rate[1]
        frames = (num_frames.double() * highest / rate - FRAME_TOLERANCE).ceil().clamp(min=1, max=2**31).long()
        return torch.where(rate > highest * RATE_TOLERANCE, torch.minimum(sizes, frames), sizes)

    def resample(
        self,
        keypoints: torch.Tensor,
        part_mask: torch.Tensor,
        positions: torch.Tensor,
        num_frames: torch.Tensor,
        sizes: torch.Tensor,
    ) -> dict[str, torch.Tensor]:
        """Averages long clips down, and cuts padding off; see `KeypointProcessor.resample`.

        Args:
            keypoints: `(batch, frames, points, coordinates)`, 0 where missing.
            part_mask: Bool `(batch, frames, parts)`.
            positions: `(batch, frames)`.
            num_frames: Int64 `(batch,)`.
            sizes: Int64 `(batch,)`, the frames of each result, at most `num_frames`.

        Returns:
            A batch as `KeypointProcessor.pad` returns it, as long as its longest clip.
        """
        longest = sizes.max().item()
        torch._check(longest >= 1)
        # Doubles: in a long clip, the rounding of singles would let neighbours of a share leak into it.
        step = num_frames.double() / sizes.double().clamp(min=1)  # of a clip without frames, 0
        place = torch.arange(longest, device=keypoints.device)
        frame = torch.arange(keypoints.shape[1], device=keypoints.device).double()
        start = torch.maximum((place * step[:, None]).unsqueeze(-1), frame)
        end = torch.minimum(((place + 1) * step[:, None]).unsqueeze(-1), frame + 1)
        frame_mask = place < sizes[:, None]
        share = (end - start).clamp(min=0).to(keypoints.dtype) * frame_mask.unsqueeze(-1).to(keypoints.dtype)

        counts = part_mask.to(keypoints.dtype)
        # One product for all that is averaged.
        total = share @ torch.cat([keypoints.flatten(2), counts, positions.unsqueeze(-1)], dim=-1)
        values, seen = total[..., : -counts.shape[-1] - 1], total[..., -counts.shape[-1] - 1 : -1]
        weights = seen[..., self.part_of_point].unsqueeze(-1).clamp(min=1e-6)
        values = values.unflatten(-1, (self.processor.num_points, keypoints.shape[-1]))
        return {
            "keypoints": values / weights,
            "part_mask": seen > 0,
            "positions": total[..., -1] / share.sum(dim=-1).clamp(min=1e-6),
            "attention_mask": frame_mask.long(),
        }


class LandmarkRecognizer(nn.Module):
    """Raw landmarks in, probabilities and confidence out: what is exported.

    Args:
        model: The classifier, in the type of its weights to export.
        processor: The processor saved beside it.
    """

    def __init__(self, model: SLRForSignClassification, processor: KeypointProcessor) -> None:
        super().__init__()
        self.normalizer = LandmarkNormalizer(processor)
        self.model = model

    def forward(
        self,
        landmarks: torch.Tensor,
        num_frames: torch.Tensor,
        fps: torch.Tensor,
        aspect: torch.Tensor,
        mirror: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Recognises clips.

        Args:
            landmarks: See `LandmarkNormalizer`.
            num_frames: See `LandmarkNormalizer`.
            fps: See `LandmarkNormalizer`.
            aspect: See `LandmarkNormalizer`.
            mirror: See `LandmarkNormalizer`.

        Returns:
            Probabilities float32 `(batch, num_labels)`, and the probability that the first answer is right
            `(batch,)`: the largest one, where the model has no confidence head.
        """
        outputs = self.model(**self.normalizer(landmarks, num_frames, fps, aspect, mirror), return_dict=True)
        probabilities = outputs.logits.float().softmax(dim=-1)
        if outputs.confidence_logits is None:
            return probabilities, probabilities.amax(dim=-1)
        return probabilities, outputs.confidence_logits.float().sigmoid()


def batch_landmarks(clips: list[Any], points: tuple[int, ...]) -> dict[str, np.ndarray]:
    """Joins clips into the inputs of a `LandmarkRecognizer`, `mirror` aside.

    Args:
        clips: `Landmarks`.
        points: The columns that it takes.

    Returns:
        `landmarks`, `num_frames`, `fps` and `aspect`, as `LandmarkNormalizer` describes them.

    Raises:
        ValueError: If there is no clip, or one has no frame.
    """
    lengths = [clip.num_frames for clip in clips]
    if not lengths or min(lengths) == 0:
        raise ValueError("There is a clip without frames, or no clip. Pass landmarks of at least one frame.")
    landmarks = np.full((len(clips), max(lengths), len(points), 3), np.nan, np.float32)
    for row, clip in zip(landmarks, clips, strict=True):
        row[: clip.num_frames] = clip.take(points)
    return {
        "landmarks": landmarks,
        "num_frames": np.array(lengths, np.int64),
        "fps": np.array([clip.fps or 0 for clip in clips], np.float32),
        "aspect": np.array([clip.width / clip.height for clip in clips], np.float32),
    }


__all__ = ["LandmarkNormalizer", "LandmarkRecognizer", "batch_landmarks"]
