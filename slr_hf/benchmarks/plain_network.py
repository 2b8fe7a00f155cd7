"""The peer network: one-dimensional convolutions, a little attention, and nothing else.

After the first place of Google's isolated sign contest of 2023: depthwise convolutions of 17 frames before attention,
motion over one and two frames, stochastic depth, and strong dropout before the head. No patches, no attention between
parts, no gates, one pooling. A model that does no better than this on the same clips owes nothing to its design.
"""

from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from slr_hf.model.configuration_slr import SLRConfig
from slr_hf.model.layers_slr import KeypointMotion
from slr_hf.model.modeling_slr import SignClassifierOutput, SLRPreTrainedModel

#: Frames that a convolution sees.
KERNEL = 17

#: Convolutions before each attention, and how often.
CONVOLUTIONS, GROUPS = 3, 2


class ConvolutionBlock(nn.Module):
    """A depthwise convolution in time between two projections, with a residual branch."""

    def __init__(self, config: SLRConfig) -> None:
        super().__init__()
        width, inner = config.hidden_size, 2 * config.hidden_size
        self.norm = nn.LayerNorm(width)
        self.expand = nn.Linear(width, inner)
        self.convolution = nn.Conv1d(inner, inner, KERNEL, padding=KERNEL // 2, groups=inner)
        self.project = nn.Linear(inner, width)
        self.dropout = nn.Dropout(config.hidden_dropout)
        self.drop_path = float(config.drop_path_rate)

    def forward(self, hidden_states: torch.Tensor, frame_mask: torch.Tensor) -> torch.Tensor:
        """Maps `(batch, frames, hidden_size)` to the same shape."""
        expanded = F.silu(self.expand(self.norm(hidden_states))) * frame_mask.unsqueeze(-1)
        convolved = F.silu(self.convolution(expanded.transpose(1, 2)).transpose(1, 2))
        branch = self.dropout(self.project(convolved))
        if self.training:
            kept = torch.rand(len(branch), 1, 1, device=branch.device) >= self.drop_path
            branch = branch * kept / (1 - self.drop_path)
        return hidden_states + branch


class PlainNetwork(SLRPreTrainedModel):
    """Keypoints of a clip in, logits of the glosses out; trained and measured as `SLRForSignClassification` is.

    Args:
        config: Its parts, motion, width, heads and dropout rates are used, and nothing else.
    """

    def __init__(self, config: SLRConfig) -> None:
        super().__init__(config)
        width, parts = config.hidden_size, config.parts or []
        self.motion = KeypointMotion(config)
        channels = (1 + len(config.motion_lags)) * config.num_channels
        self.project = nn.Linear(config.num_points * channels + len(parts), width)
        self.convolutions = nn.ModuleList(ConvolutionBlock(config) for _ in range(GROUPS * CONVOLUTIONS))
        self.attentions = nn.ModuleList(
            nn.TransformerEncoderLayer(
                width,
                config.num_attention_heads,
                2 * width,
                float(config.hidden_dropout),
                F.silu,
                batch_first=True,
                norm_first=True,
            )
            for _ in range(GROUPS)
        )
        self.norm = nn.LayerNorm(2 * width)
        self.dropout = nn.Dropout(config.classifier_dropout)
        self.head = nn.Linear(2 * width, config.num_labels or 1)
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        # torch's own, as in the original; the base class knows the layers of the other network.
        pass

    def forward(
        self,
        keypoints: torch.Tensor,
        part_mask: torch.Tensor,
        positions: torch.Tensor,
        attention_mask: torch.Tensor,
        labels: Any = None,
        **kwargs: Any,
    ) -> SignClassifierOutput:
        """Classifies clips; see `SLRForSignClassification.forward`. There are no auxiliary and confidence logits."""
        frame_mask = attention_mask.bool()
        part_mask = part_mask & frame_mask.unsqueeze(-1)
        points = self.motion(keypoints, part_mask, positions).flatten(2)
        hidden_states = self.project(torch.cat([points, part_mask.to(points.dtype)], dim=-1))
        for group, attention in enumerate(self.attentions):
            for convolution in self.convolutions[group * CONVOLUTIONS : (group + 1) * CONVOLUTIONS]:
                hidden_states = convolution(hidden_states, frame_mask)
            hidden_states = attention(hidden_states, src_key_padding_mask=~frame_mask)
        valid = frame_mask.unsqueeze(-1)
        mean = (hidden_states * valid).sum(dim=1) / valid.sum(dim=1)
        maximum = hidden_states.masked_fill(~valid, torch.finfo(hidden_states.dtype).min).amax(dim=1)
        pooled = self.dropout(self.norm(torch.cat([mean, maximum], dim=-1)))
        logits = self.head(pooled)
        loss = None if labels is None else F.cross_entropy(logits.float(), labels)
        return SignClassifierOutput(loss=loss, logits=logits, auxiliary_logits=(), pooled_output=pooled)


__all__ = ["PlainNetwork"]
