"""The layers of the sign recognition model, from patches of keypoints to the pooled embedding of a clip."""

from typing import Any

import torch
from torch import nn
from torch.nn import functional as F
from transformers.modeling_layers import GradientCheckpointingLayer
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from .configuration_slr import SLRConfig

RotaryTable = tuple[torch.Tensor, torch.Tensor]

#: The most blocks that CUDA takes along the second or third axis of a kernel's grid, where attention lays out its batch
#: and its heads (https://github.com/pytorch/pytorch/issues/146704).
LARGEST_GRID = 65_535


def rotary_table(positions: torch.Tensor, head_dim: int, theta: float, dtype: torch.dtype) -> RotaryTable:
    """Cosines and sines of the rotary positions (Su et al. 2021, https://arxiv.org/abs/2104.09864).

    They come from the true time of each frame, in which a dropped frame leaves a gap.

    Args:
        positions: `(batch, frames)`.
        head_dim: Channels of a head.
        theta: Base of the frequencies.
        dtype: Type of the result.

    Returns:
        Two tensors `(batch, 1, frames, head_dim)`.
    """
    exponents = torch.arange(0, head_dim, 2, dtype=torch.float32, device=positions.device) / head_dim
    angles = positions.float()[:, None, :, None] * theta**-exponents
    angles = torch.cat([angles, angles], dim=-1)
    return angles.cos().to(dtype), angles.sin().to(dtype)


def rotate(states: torch.Tensor, rotary: RotaryTable) -> torch.Tensor:
    """Turns queries or keys `(batch, heads, frames, head_dim)` by their positions."""
    first, second = states.chunk(2, dim=-1)
    return states * rotary[0] + torch.cat([-second, first], dim=-1) * rotary[1]


def eager_attention_forward(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float,
    dropout: float = 0.0,
    **kwargs: Any,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Plain attention, the form that the library's attention interface expects."""
    scores = query @ key.transpose(2, 3) * scaling
    if attention_mask is not None:
        scores = scores + attention_mask
    weights = F.softmax(scores, dim=-1, dtype=torch.float32).to(query.dtype)
    weights = F.dropout(weights, p=dropout, training=module.training)
    return (weights @ value).transpose(1, 2).contiguous(), weights


class Attention(nn.Module):
    """Multi-head attention through the library's attention interface, from a sequence to itself or to another.

    Args:
        config: The model's configuration.
        width: Channels.
        heads: Number of heads.
        sliding_window: Frames seen on each side; all by default.
    """

    is_causal = False

    def __init__(self, config: SLRConfig, width: int, heads: int, sliding_window: int | None = None) -> None:
        super().__init__()
        self.config = config
        self.head_dim = width // heads
        self.scaling = self.head_dim**-0.5
        # Flash attention counts the frame itself into its window, the masks of the other implementations do not.
        self.sliding_window = None if sliding_window is None else sliding_window + 1
        self.query = nn.Linear(width, width, bias=False)
        self.key_value = nn.Linear(width, 2 * width, bias=False)
        self.output = nn.Linear(width, width, bias=False)

    def forward(
        self,
        hidden_states: torch.Tensor,
        context: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        rotary: RotaryTable | None = None,
        **kwargs: Any,
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Attends from `hidden_states` `(batch, length, width)` to `context`, or to itself.

        Returns:
            The result `(batch, length, width)`, and the weights where the implementation gives them.
        """
        batch, length, width = hidden_states.shape
        context = hidden_states if context is None else context
        query = self.query(hidden_states).view(batch, length, -1, self.head_dim).transpose(1, 2)
        key, value = self.key_value(context).view(batch, context.shape[1], -1, 2 * self.head_dim).chunk(2, dim=-1)
        key, value = key.transpose(1, 2), value.transpose(1, 2)
        if rotary is not None:
            query, key = rotate(query, rotary), rotate(key, rotary)
        attend = ALL_ATTENTION_FUNCTIONS.get_interface(self.config._attn_implementation, eager_attention_forward)
        attended, weights = attend(
            self,
            query,
            key,
            value,
            attention_mask,
            dropout=float(self.config.attention_dropout) if self.training else 0.0,
            scaling=self.scaling,
            sliding_window=self.sliding_window,
            **kwargs,
        )
        return self.output(attended.reshape(batch, length, width)), weights


class SwiGLU(nn.Module):
    """Gated feed-forward layer (Shazeer 2020, https://arxiv.org/abs/2002.05202)."""

    def __init__(self, width: int, intermediate: int) -> None:
        super().__init__()
        self.gate_and_up = nn.Linear(width, 2 * intermediate, bias=False)
        self.down = nn.Linear(intermediate, width, bias=False)

    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        """Maps `(..., width)` to `(..., width)`."""
        gate, up = self.gate_and_up(hidden_states).chunk(2, dim=-1)
        return self.down(F.silu(gate) * up)


class Residual(nn.Module):
    """A residual branch: dropout, a learned weight a channel, and stochastic depth a clip (Huang et al. 2016).

    Args:
        config: The model's configuration.
        width: Channels.
        drop_path: Probability that a clip skips the branch in training.
    """

    def __init__(self, config: SLRConfig, width: int, drop_path: float = 0.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((width,), float(config.residual_weight)))
        self.dropout = nn.Dropout(config.hidden_dropout)
        self.drop_path = drop_path

    def forward(self, hidden_states: torch.Tensor, branch: torch.Tensor) -> torch.Tensor:
        """Adds `branch` to `hidden_states`, both `(batch, ..., width)`."""
        branch = self.dropout(branch)
        if self.training and self.drop_path > 0:
            shape = (branch.shape[0],) + (1,) * (branch.dim() - 1)
            branch = branch * (torch.rand(shape, device=branch.device) >= self.drop_path) / (1 - self.drop_path)
        return torch.addcmul(hidden_states, branch, self.weight)


class PatchEmbedding(nn.Module):
    """Embeds patches of neighbouring points, each with a projection of its own.

    Args:
        part: An entry of the table of parts.
        channels: Inputs of a point: those of the keypoints, and their motion.
        width: Channels of a patch.
    """

    def __init__(self, part: dict[str, Any], channels: int, width: int) -> None:
        super().__init__()
        self.patches: list[list[int]] = part["patches"]
        self.index: torch.Tensor
        points = max(len(patch) for patch in self.patches)
        self.weight = nn.Parameter(torch.empty(len(self.patches), points * channels, width))
        self.bias = nn.Parameter(torch.empty(len(self.patches), width))
        self.missing = nn.Parameter(torch.empty(len(self.patches), width))
        self.register_buffer("index", self.make_index(), persistent=False)

    def make_index(self) -> torch.Tensor:
        """The point in each place of each patch, `(patches, points)`; one past the last point fills short patches."""
        points, size = sum(map(len, self.patches)), max(map(len, self.patches))
        return torch.tensor([[*patch, *[points] * (size - len(patch))] for patch in self.patches])

    def forward(self, points: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
        """Embeds a part.

        Args:
            points: `(frames, points, channels)`, 0 where missing.
            seen: `(frames,)`, whether the part was seen; else its patches are the learned vectors for "missing".

        Returns:
            `(frames, patches, width)`.
        """
        patches = F.pad(points, (0, 0, 0, 1))[:, self.index].flatten(2)
        embedded = torch.einsum("fpc,pcw->fpw", patches, self.weight) + self.bias
        return torch.where(seen[:, None, None], embedded, self.missing)


class PartEmbedding(nn.Module):
    """Embeds one part of a frame: its patches, and attention among them.

    Args:
        config: The model's configuration.
        part: An entry of the table of parts.
    """

    def __init__(self, config: SLRConfig, part: dict[str, Any]) -> None:
        super().__init__()
        width = config.patch_width
        self.patches = PatchEmbedding(part, (1 + len(config.motion_lags)) * config.num_channels, width)
        self.attention_norm = nn.RMSNorm(width, config.rms_norm_eps)
        self.attention = Attention(config, width, config.patch_attention_heads)
        self.attention_residual = Residual(config, width)
        self.feed_forward_norm = nn.RMSNorm(width, config.rms_norm_eps)
        self.feed_forward = SwiGLU(width, 2 * width)
        self.feed_forward_residual = Residual(config, width)

    def forward(self, points: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
        """Maps `(frames, points, channels)` and `(frames,)` to `(frames, patches, width)`."""
        patches = self.patches(points, seen)
        patches = self.attention_residual(patches, self.attention(self.attention_norm(patches))[0])
        return self.feed_forward_residual(patches, self.feed_forward(self.feed_forward_norm(patches)))


class CrossModalAttention(nn.Module):
    """Lets two parts of a frame attend to each other's patches."""

    def __init__(self, config: SLRConfig) -> None:
        super().__init__()
        width = config.patch_width
        self.norm = nn.ModuleList(nn.RMSNorm(width, config.rms_norm_eps) for _ in range(2))
        self.attention = nn.ModuleList(Attention(config, width, config.patch_attention_heads) for _ in range(2))
        self.residual = nn.ModuleList(Residual(config, width) for _ in range(2))

    def forward(self, first: torch.Tensor, second: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Maps two parts `(frames, their patches, width)` to the same shapes."""
        normed = self.norm[0](first), self.norm[1](second)
        to_second, _ = self.attention[0](normed[0], context=normed[1])
        to_first, _ = self.attention[1](normed[1], context=normed[0])
        return self.residual[0](first, to_second), self.residual[1](second, to_first)


class PartFusion(nn.Module):
    """Joins the parts of a frame: each is projected, and a learned gate a frame says how much of it counts."""

    def __init__(self, config: SLRConfig) -> None:
        super().__init__()
        parts = config.parts or []
        self.projections = nn.ModuleList(
            nn.Linear(len(part["patches"]) * config.patch_width, config.hidden_size) for part in parts
        )
        self.gate = nn.Linear(len(parts) * config.patch_width, len(parts))
        self.norm = nn.RMSNorm(config.hidden_size, config.rms_norm_eps)

    def forward(self, parts: list[torch.Tensor]) -> torch.Tensor:
        """Maps a list of `(frames, patches, patch_width)` to `(frames, hidden_size)`."""
        gates = self.gate(torch.cat([part.mean(dim=1) for part in parts], dim=-1)).softmax(dim=-1)
        projected = torch.stack(
            [project(part.flatten(1)) for project, part in zip(self.projections, parts, strict=True)], dim=-2
        )
        return self.norm((gates.unsqueeze(-2) @ projected).squeeze(-2) * len(parts))


class KeypointMotion(nn.Module):
    """Adds motion to keypoints: differences in time over one frame and more, per frame.

    The motion is 0 where a part was not seen in both frames. Over two frames, the noise of the detector weighs half
    (Google's isolated sign contest, first place, 2023).
    """

    def __init__(self, config: SLRConfig) -> None:
        super().__init__()
        self.sizes = [len(part["points"]) for part in config.parts or []]
        self.lags = tuple(config.motion_lags)
        self.scale = float(config.motion_scale)
        self.part_of_point: torch.Tensor
        self.register_buffer("part_of_point", self.make_part_of_point(), persistent=False)

    def make_part_of_point(self) -> torch.Tensor:
        """The index of the part of each point, `(points)`."""
        return torch.tensor([part for part, size in enumerate(self.sizes) for _ in range(size)])

    def forward(self, keypoints: torch.Tensor, part_mask: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        """Sets points of missing parts to 0, and adds the motion of each point.

        Args:
            keypoints: `(batch, frames, points, channels)`.
            part_mask: `(batch, frames, parts)`.
            positions: `(batch, frames)`.

        Returns:
            `(batch, frames, points, (1 + len(motion_lags)) * channels)`.
        """
        keypoints = torch.where(self.by_point(part_mask), keypoints, 0)
        motions = [keypoints]
        for lag in self.lags:
            # The first frames have none before them.
            earlier, seen = keypoints[:, :-lag], self.by_point(part_mask[:, lag:] & part_mask[:, :-lag])
            steps = (positions[:, lag:] - positions[:, :-lag]).clamp(min=1e-3).to(keypoints.dtype)[..., None, None]
            moved = torch.where(seen, (keypoints[:, lag:] - earlier) / steps * self.scale, 0)
            motions.append(torch.cat([torch.zeros_like(keypoints[:, :lag]), moved], dim=1))
        return torch.cat(motions, dim=-1)

    def by_point(self, part_mask: torch.Tensor) -> torch.Tensor:
        """Spreads a mask `(batch, frames, parts)` over the points of each part: `(batch, frames, points, 1)`."""
        # An index, not repeat_interleave, which the exporter to ONNX does not know in this form.
        return part_mask[..., self.part_of_point].unsqueeze(-1)


class KeypointEmbedding(nn.Module):
    """Embeds frames of keypoints: parts, cross-modal attention between them, fusion.

    Beside these, one projection takes all points of a frame as they are: what a plain network sees, to which the others
    add. Without it the blocks in time wait until the patches have learned to pass something on.
    """

    def __init__(self, config: SLRConfig) -> None:
        super().__init__()
        parts = config.parts or []
        names = [part["name"] for part in parts]
        self.sizes = [len(part["points"]) for part in parts]
        self.pairs = [(names.index(first), names.index(second)) for first, second in config.cross_modal_pairs or []]
        #: Each frame is a batch of its own to attention among patches. Few enough for a kernel that counts the batch
        #: alone and for one that counts it times the heads.
        self.frames_at_once = LARGEST_GRID // config.patch_attention_heads
        self.motion = KeypointMotion(config)
        self.parts = nn.ModuleList(PartEmbedding(config, part) for part in parts)
        self.cross_modal = nn.ModuleList(CrossModalAttention(config) for _ in self.pairs)
        self.fusion = PartFusion(config)
        channels = (1 + len(config.motion_lags)) * config.num_channels
        self.direct = nn.Linear(config.num_points * channels + len(parts), config.hidden_size)

    def forward(self, keypoints: torch.Tensor, part_mask: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        """Maps keypoints `(batch, frames, points, channels)` to `(batch, frames, hidden_size)`."""
        batch, frames = part_mask.shape[:2]
        points = self.motion(keypoints, part_mask, positions).flatten(0, 1)
        seen = part_mask.flatten(0, 1)
        # Exporters work on the CPU, and could not make pieces of a number of frames that they do not know.
        embed = self.embed_frames if points.is_cpu else self.embed_pieces
        direct = self.direct(torch.cat([points.flatten(1), seen.to(points.dtype)], dim=-1))
        return (embed(points, seen) + direct).view(batch, frames, -1)

    def embed_pieces(self, points: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
        """Does what `embed_frames` does, on as many frames at once as a GPU's attention takes."""
        pieces = zip(points.split(self.frames_at_once), seen.split(self.frames_at_once), strict=True)
        return torch.cat([self.embed_frames(*piece) for piece in pieces])

    def embed_frames(self, points: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
        """Maps `(frames, points, channels)` and `(frames, parts)` to `(frames, hidden_size)`, each frame by itself."""
        parts = [
            embed(columns, seen[:, index])
            for index, (embed, columns) in enumerate(zip(self.parts, points.split(self.sizes, dim=1), strict=True))
        ]
        for (first, second), attend in zip(self.pairs, self.cross_modal, strict=True):
            parts[first], parts[second] = attend(parts[first], parts[second])
        return self.fusion(parts)


class TemporalConvolution(nn.Module):
    """Depthwise convolution in time between two projections, the channels divided among several kernel sizes.

    Wide kernels before attention are what the first place of Google's isolated sign contest (2023) was built of.
    """

    def __init__(self, config: SLRConfig, drop_path: float) -> None:
        super().__init__()
        width, kernels = config.hidden_size, config.convolution_kernels
        inner = config.convolution_expansion * width
        #: Channels of each kernel size; the first one takes what cannot be divided.
        self.sizes = [inner // len(kernels)] * len(kernels)
        self.sizes[0] += inner - sum(self.sizes)
        self.norm = nn.RMSNorm(width, config.rms_norm_eps)
        self.expand = nn.Linear(width, inner)
        self.convolutions = nn.ModuleList(
            nn.Conv1d(size, size, kernel, padding=kernel // 2, groups=size)
            for size, kernel in zip(self.sizes, kernels, strict=True)
        )
        self.mix = nn.Linear(inner, width)
        self.residual = Residual(config, width, drop_path)

    def forward(self, hidden_states: torch.Tensor, frame_mask: torch.Tensor) -> torch.Tensor:
        """Maps `(batch, frames, hidden_size)` to the same shape; padding counts as zeros, as past the clip's ends."""
        expanded = (F.silu(self.expand(self.norm(hidden_states))) * frame_mask.unsqueeze(-1)).transpose(1, 2)
        # As pictures of one row whose channels lie side by side in memory: on processors twice as fast as in one
        # dimension, and no copy.
        row = expanded.unsqueeze(2).contiguous(memory_format=torch.channels_last)
        pieces = row.split(self.sizes, dim=1)
        branches = [self._convolve(piece, layer) for piece, layer in zip(pieces, self.convolutions, strict=True)]
        joined = F.silu(torch.cat(branches, dim=1)).squeeze(2).transpose(1, 2)
        return self.residual(hidden_states, self.mix(joined))

    @staticmethod
    def _convolve(row: torch.Tensor, layer: Any) -> torch.Tensor:
        # A view, for its gradient has the weight's own strides, which DDP wants; that of `unsqueeze` has a picture's.
        weight = layer.weight.view(layer.out_channels, 1, 1, -1)
        return F.conv2d(row, weight, layer.bias, padding=(0, layer.padding[0]), groups=layer.groups)


class TransformerBlock(GradientCheckpointingLayer):
    """A pre-norm block: temporal convolutions, attention in time with rotary positions, then a SwiGLU.

    Args:
        config: The model's configuration.
        drop_path: Rate of stochastic depth.
        sliding_window: Frames seen on each side; all by default.
    """

    def __init__(self, config: SLRConfig, drop_path: float, sliding_window: int | None = None) -> None:
        super().__init__()
        width = config.hidden_size
        self.convolutions = nn.ModuleList(
            TemporalConvolution(config, drop_path) for _ in range(config.num_convolutions)
        )
        self.attention_norm = nn.RMSNorm(width, config.rms_norm_eps)
        self.attention = Attention(config, width, config.num_attention_heads, sliding_window)
        self.attention_residual = Residual(config, width, drop_path)
        self.feed_forward_norm = nn.RMSNorm(width, config.rms_norm_eps)
        self.feed_forward = SwiGLU(width, config.intermediate_size)
        self.feed_forward_residual = Residual(config, width, drop_path)

    def forward(
        self,
        hidden_states: torch.Tensor,
        frame_mask: torch.Tensor,
        attention_mask: torch.Tensor | None,
        rotary: RotaryTable,
        **kwargs: Any,
    ) -> torch.Tensor:
        """Maps `(batch, frames, hidden_size)` to the same shape."""
        for convolution in self.convolutions:
            hidden_states = convolution(hidden_states, frame_mask)
        attended, _ = self.attention(
            self.attention_norm(hidden_states), attention_mask=attention_mask, rotary=rotary, **kwargs
        )
        hidden_states = self.attention_residual(hidden_states, attended)
        return self.feed_forward_residual(hidden_states, self.feed_forward(self.feed_forward_norm(hidden_states)))


class HierarchicalTransformer(nn.Module):
    """The backbone: local blocks (attention sees a window of frames), then global blocks (the whole clip)."""

    def __init__(self, config: SLRConfig) -> None:
        super().__init__()
        rates = [float(config.drop_path_rate) * (layer + 1) / config.num_layers for layer in range(config.num_layers)]
        self.layer_drop = float(config.layer_drop)
        local, rest = rates[: config.num_local_layers], rates[config.num_local_layers :]
        self.local_blocks = nn.ModuleList(TransformerBlock(config, rate, config.sliding_window) for rate in local)
        self.global_blocks = nn.ModuleList(TransformerBlock(config, rate) for rate in rest)
        self.norm = nn.RMSNorm(config.hidden_size, config.rms_norm_eps)

    def forward(
        self,
        hidden_states: torch.Tensor,
        frame_mask: torch.Tensor,
        local_mask: torch.Tensor | None,
        global_mask: torch.Tensor | None,
        rotary: RotaryTable,
        **kwargs: Any,
    ) -> torch.Tensor:
        """Maps `(batch, frames, hidden_size)` to the same shape."""
        for blocks, attention_mask in ((self.local_blocks, local_mask), (self.global_blocks, global_mask)):
            for block in blocks:
                transformed = block(hidden_states, frame_mask, attention_mask, rotary, **kwargs)
                if self.training and self.layer_drop > 0:
                    # A skipped block is computed nonetheless: to choose in Python would wait for the device, cut a
                    # compiled graph in two, and leave other processes without the gradients that they average.
                    kept = torch.rand((), device=hidden_states.device) >= self.layer_drop
                    transformed = torch.where(kept, transformed, hidden_states)
                hidden_states = transformed
        return self.norm(hidden_states)


class MultiScalePooling(nn.Module):
    """Means over 1, 2, 4, 8 segments of equally many frames, like a temporal pyramid (Lazebnik et al. 2006)."""

    def __init__(self, config: SLRConfig) -> None:
        super().__init__()
        self.scales = tuple(config.pooling_scales)
        squeezed = max(config.hidden_size // 4, 1)
        self.squeeze = nn.Linear(config.hidden_size, squeezed)
        self.mix = nn.Linear(sum(self.scales) * squeezed, config.hidden_size)

    def segment_weights(self, frame_mask: torch.Tensor) -> torch.Tensor:
        """The share of each valid frame in each segment; frames on a border count to both sides by their overlap.

        Args:
            frame_mask: `(batch, frames)`, 0 or 1.

        Returns:
            `(batch, segments, frames)`; the weights of a segment sum to 1, for a clip of one frame too.
        """
        count = frame_mask.sum(dim=1, keepdim=True).clamp(min=1)
        end = frame_mask.cumsum(dim=1) / count
        start = end - frame_mask / count
        weights = []
        for scale in self.scales:
            borders = torch.arange(scale + 1, device=frame_mask.device, dtype=frame_mask.dtype)[None, :, None] / scale
            overlap = torch.minimum(end[:, None], borders[:, 1:]) - torch.maximum(start[:, None], borders[:, :-1])
            weights.append(overlap.clamp(min=0) * frame_mask[:, None] * scale)
        return torch.cat(weights, dim=1)

    def forward(self, hidden_states: torch.Tensor, frame_mask: torch.Tensor) -> torch.Tensor:
        """Maps `(batch, frames, hidden_size)` to `(batch, hidden_size)`."""
        segments = self.segment_weights(frame_mask.float()).to(hidden_states.dtype) @ self.squeeze(hidden_states)
        return self.mix(F.silu(segments.flatten(1)))


class AttentionPooling(nn.Module):
    """A weighted mean over time, the weights from a learned query a head."""

    def __init__(self, config: SLRConfig) -> None:
        super().__init__()
        self.heads = config.num_attention_heads
        self.score = nn.Linear(config.hidden_size, self.heads)
        self.value = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, hidden_states: torch.Tensor, frame_mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Maps `(batch, frames, hidden_size)` to `(batch, hidden_size)`, and the weights `(batch, heads, frames)`."""
        scores = self.score(hidden_states).transpose(1, 2).float()
        scores = scores.masked_fill(~frame_mask[:, None], torch.finfo(scores.dtype).min)
        # Of a clip that is all padding, every frame would weigh the same.
        weights = scores.softmax(dim=-1).to(hidden_states.dtype) * frame_mask[:, None]
        values = self.value(hidden_states).unflatten(-1, (self.heads, -1))
        return torch.einsum("bht,bthc->bhc", weights, values).flatten(1), weights


class TemporalPooling(nn.Module):
    """Mean, maximum, multi-scale and attention pooling of the valid frames, joined into one embedding."""

    def __init__(self, config: SLRConfig) -> None:
        super().__init__()
        self.multi_scale = MultiScalePooling(config)
        self.attention = AttentionPooling(config)
        self.mix = nn.Linear(4 * config.hidden_size, config.hidden_size)
        self.norm = nn.RMSNorm(config.hidden_size, config.rms_norm_eps)

    def forward(self, hidden_states: torch.Tensor, frame_mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Maps `(batch, frames, hidden_size)` to `(batch, hidden_size)`, and each frame's weight `(batch, frames)`."""
        valid = frame_mask.unsqueeze(-1)
        mean = (hidden_states * valid).sum(dim=1) / valid.sum(dim=1).clamp(min=1)
        maximum = hidden_states.masked_fill(~valid, torch.finfo(hidden_states.dtype).min).amax(dim=1)
        maximum = maximum.masked_fill(~valid.any(dim=1), 0)  # of a clip that is all padding
        attended, weights = self.attention(hidden_states, frame_mask)
        pooled = torch.cat([mean, maximum, self.multi_scale(hidden_states, frame_mask), attended], dim=-1)
        return self.norm(self.mix(pooled)), weights.mean(dim=1)


__all__ = ["HierarchicalTransformer", "KeypointEmbedding", "KeypointMotion", "TemporalPooling"]
