"""The sign recognition model: keypoints of a clip in, logits of the glosses out."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F
from transformers import PreTrainedModel
from transformers import initialization as init
from transformers.masking_utils import create_bidirectional_mask, create_bidirectional_sliding_window_mask
from transformers.utils import ModelOutput, can_return_tuple
from transformers.utils.output_capturing import OutputRecorder, capture_outputs

from .configuration_slr import SLRConfig
from .layers_slr import (
    Attention,
    HierarchicalTransformer,
    KeypointEmbedding,
    KeypointMotion,
    PatchEmbedding,
    Residual,
    SwiGLU,
    TemporalPooling,
    TransformerBlock,
    rotary_table,
)


@dataclass
class SLRModelOutput(ModelOutput):
    """Output of `SLRModel`.

    Args:
        last_hidden_state: `(batch, frames, hidden_size)`.
        pooled_output: The embedding of the clip, `(batch, hidden_size)`.
        frame_weights: How much each frame counts in attention pooling, `(batch, frames)`; sums to 1 (to 0 where a clip
            is all padding).
        hidden_states: The input of the first block and the output of each, `(batch, frames, hidden_size)`.
        attentions: Attention in time of each block, `(batch, heads, frames, frames)`; with eager attention only.
    """

    last_hidden_state: torch.Tensor | None = None
    pooled_output: torch.Tensor | None = None
    frame_weights: torch.Tensor | None = None
    hidden_states: tuple[torch.Tensor, ...] | None = None
    attentions: tuple[torch.Tensor, ...] | None = None


@dataclass
class SignClassifierOutput(ModelOutput):
    """Output of `SLRForSignClassification`.

    Args:
        loss: Cross entropy, where labels were given.
        logits: `(batch, num_labels)`.
        auxiliary_logits: One `(batch, num_labels)` for each layer of the classifier; none with prototypes.
        confidence_logits: `(batch,)`; their sigmoid is the probability that the first answer is right.
        pooled_output: The embedding of the clip, `(batch, hidden_size)`.
        frame_weights: How much each frame counts in attention pooling, `(batch, frames)`; sums to 1 (to 0 where a clip
            is all padding).
        hidden_states: The input of the first block and the output of each, `(batch, frames, hidden_size)`.
        attentions: Attention in time of each block, `(batch, heads, frames, frames)`; with eager attention only.
    """

    loss: torch.Tensor | None = None
    logits: torch.Tensor | None = None
    auxiliary_logits: tuple[torch.Tensor, ...] | None = None
    confidence_logits: torch.Tensor | None = None
    pooled_output: torch.Tensor | None = None
    frame_weights: torch.Tensor | None = None
    hidden_states: tuple[torch.Tensor, ...] | None = None
    attentions: tuple[torch.Tensor, ...] | None = None


class SignClassifier(nn.Module):
    """Layers on top of the pooled embedding, each with an auxiliary classifier.

    Dropout comes last, before what maps to the glosses. Where it comes before the layers they learn more slowly.
    """

    def __init__(self, config: SLRConfig) -> None:
        super().__init__()
        width, layers, labels = config.hidden_size, config.num_classifier_layers, config.num_labels or 1
        self.dropout = nn.Dropout(config.classifier_dropout)
        self.norms = nn.ModuleList(nn.RMSNorm(width, config.rms_norm_eps) for _ in range(layers))
        self.layers = nn.ModuleList(SwiGLU(width, width) for _ in range(layers))
        self.residuals = nn.ModuleList(Residual(config, width) for _ in range(layers))
        self.auxiliary = nn.ModuleList(nn.Linear(width, labels) for _ in range(layers))
        self.norm = nn.RMSNorm(width, config.rms_norm_eps)
        self.output = nn.Linear(width, labels)

    def forward(self, pooled: torch.Tensor) -> tuple[torch.Tensor, tuple[torch.Tensor, ...]]:
        """Maps `(batch, hidden_size)` to logits and auxiliary logits `(batch, num_labels)`."""
        states, auxiliary = pooled, []
        for norm, layer, residual, classify in zip(
            self.norms, self.layers, self.residuals, self.auxiliary, strict=True
        ):
            states = residual(states, layer(norm(states)))
            auxiliary.append(classify(self.dropout(states)))
        return self.output(self.dropout(self.norm(states))), tuple(auxiliary)


class PrototypeClassifier(nn.Module):
    """Compares the pooled embedding with one prototype a gloss: the nearest prototype wins.

    Prototypes are means of embeddings (Snell et al. 2017, https://arxiv.org/abs/1703.05175), compared by their cosine.
    """

    def __init__(self, config: SLRConfig) -> None:
        super().__init__()
        self.scale = float(config.prototype_scale)
        self.weight = nn.Parameter(torch.empty(config.num_labels or 1, config.hidden_size))

    def forward(self, pooled: torch.Tensor) -> tuple[torch.Tensor, tuple[torch.Tensor, ...]]:
        """Maps `(batch, hidden_size)` to logits `(batch, num_labels)`; there are no auxiliary logits."""
        return self.scale * F.normalize(pooled, dim=-1) @ F.normalize(self.weight, dim=-1).T, ()


CLASSIFIERS: dict[str, Callable[[SLRConfig], nn.Module]] = {"layers": SignClassifier, "prototypes": PrototypeClassifier}


class ConfidenceHead(nn.Module):
    """Predicts whether the first answer is right, from how far it stands out: Platt scaling (Platt 1999).

    Not from the embedding: clips of new signers lie elsewhere in it than those of training, among which wrong answers
    are rare. It learns beside the classifier and does not pull on it: its inputs carry no gradient.
    """

    #: Beyond this a log-odds says no more; with a single gloss it would be infinite.
    LIMIT = 20.0

    def __init__(self) -> None:
        super().__init__()
        # Of the first answer's log-odds, and of its lead over the second.
        self.weight = nn.Parameter(torch.empty(2))
        self.bias = nn.Parameter(torch.empty(()))

    def forward(self, logits: torch.Tensor) -> torch.Tensor:
        """Maps the logits `(batch, num_labels)` to the confidence's logits `(batch,)`."""
        first, place = logits.detach().float().max(dim=-1, keepdim=True)
        others = logits.detach().float().scatter(-1, place, -torch.inf)
        leads = [first - others.logsumexp(dim=-1, keepdim=True), first - others.amax(dim=-1, keepdim=True)]
        features = torch.cat(leads, dim=-1).clamp(max=self.LIMIT)
        return (features.to(self.weight.dtype) * self.weight).sum(dim=-1) + self.bias


class SLRPreTrainedModel(PreTrainedModel):
    """Initialisation, loading and saving of the models."""

    config_class = SLRConfig
    base_model_prefix = "slr"
    main_input_name = "keypoints"
    supports_gradient_checkpointing = True
    accepts_loss_kwargs = False  # the loss is a mean over the batch; let Trainer divide it when it accumulates
    _no_split_modules = ["TransformerBlock"]  # noqa: RUF012
    _supports_sdpa = True
    _supports_flash_attn = True
    _supports_flex_attn = True
    _supports_attention_backend = True
    _can_record_outputs = {  # noqa: RUF012
        "hidden_states": TransformerBlock,
        "attentions": OutputRecorder(Attention, index=1, layer_name="transformer"),
    }

    @classmethod
    def from_pretrained(cls, *args: Any, **kwargs: Any) -> Any:
        """Loads a saved model as `PreTrainedModel` does, but from safetensors alone: a pickle could run any code."""
        return super().from_pretrained(*args, **{**kwargs, "use_safetensors": True})

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, nn.Linear | nn.Conv1d) and module.bias is not None:
            init.zeros_(module.bias)
        if isinstance(module, nn.Linear):
            init.xavier_uniform_(module.weight)
        elif isinstance(module, nn.Conv1d):
            # By the inputs of a channel alone. Xavier's rule counts the outputs of all channels, though in a depthwise
            # convolution each goes to one, and makes the weights many times too small.
            bound = module.weight[0].numel() ** -0.5
            init.uniform_(module.weight, -bound, bound)
        elif isinstance(module, ConfidenceHead):
            # About the classifier's own probability, which training then corrects.
            init.constant_(module.weight, 0.5)
            init.zeros_(module.bias)
        elif isinstance(module, PrototypeClassifier):
            init.zeros_(module.weight)
        elif isinstance(module, nn.RMSNorm):
            init.ones_(module.weight)
        elif isinstance(module, Residual):
            init.constant_(module.weight, float(self.config.residual_weight))
        elif isinstance(module, PatchEmbedding):
            init.normal_(module.weight, std=module.weight.shape[1] ** -0.5)
            init.normal_(module.bias, std=0.02)
            init.normal_(module.missing, std=0.02)
            init.copy_(module.index, module.make_index())
        elif isinstance(module, KeypointMotion):
            init.copy_(module.part_of_point, module.make_part_of_point())


class SLRModel(SLRPreTrainedModel):
    """Embedding, backbone and pooling: the keypoints of a clip in, its embedding out.

    Rotary positions and motion follow the time of the frames, `positions`, in which a dropped frame leaves a gap.
    Convolutions, the windows and strides of attention, and the segments of pooling count the frames that are there.
    """

    _auto_class = "AutoModel"

    def __init__(self, config: SLRConfig) -> None:
        super().__init__(config)
        self.embedding = KeypointEmbedding(config)
        self.transformer = HierarchicalTransformer(config)
        self.pooling = TemporalPooling(config)
        self.post_init()

    @capture_outputs
    def forward(
        self,
        keypoints: torch.Tensor,
        part_mask: torch.Tensor | None = None,
        positions: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        **kwargs: Any,
    ) -> SLRModelOutput:
        """Embeds clips. The inputs are what `KeypointProcessor` gives.

        Args:
            keypoints: `(batch, frames, points, channels)`; values of missing parts are not read.
            part_mask: Bool `(batch, frames, parts)`, whether a part was seen; all by default.
            positions: `(batch, frames)`, the time of each frame in frames at 30 a second; 0, 1, 2... by default.
            attention_mask: `(batch, frames)`, 1 for frames and 0 for padding; all frames by default.
            **kwargs: `output_hidden_states`, `output_attentions`, `return_dict`.

        Raises:
            ValueError: If the keypoints do not fit the configuration's parts, or the attention implementation has no
                sparse pattern and the configuration asks for one.
        """
        config = self.config
        expected = (config.num_points, config.num_channels)
        if keypoints.dim() != 4 or tuple(keypoints.shape[2:]) != expected:
            raise ValueError(
                f"`keypoints` must have the shape (batch, frames, {expected[0]}, {expected[1]}), but have "
                f"{tuple(keypoints.shape)}. Make them with the KeypointProcessor saved beside this model."
            )
        batch, frames = keypoints.shape[:2]
        if positions is None:
            positions = torch.arange(frames, device=keypoints.device, dtype=torch.float32).expand(batch, frames)
        if attention_mask is None:
            attention_mask = torch.ones(batch, frames, device=keypoints.device, dtype=torch.long)
        if part_mask is None:
            part_mask = torch.ones(batch, frames, len(config.parts or []), device=keypoints.device, dtype=torch.bool)
        frame_mask = attention_mask.bool()
        # Not `self.dtype`, which asks the parameters: a replica of DataParallel has none, but tensors in their places.
        keypoints = keypoints.to(self.transformer.norm.weight.dtype)
        hidden_states = self.embedding(keypoints, part_mask.bool() & frame_mask.unsqueeze(-1), positions)
        masked = {"config": config, "inputs_embeds": hidden_states, "attention_mask": attention_mask}
        head_dim = config.hidden_size // config.num_attention_heads
        hidden_states = self.transformer(
            hidden_states,
            frame_mask,
            create_bidirectional_sliding_window_mask(**masked),
            create_bidirectional_mask(**masked, and_mask_function=self._sparse_pattern()),
            rotary_table(positions, head_dim, float(config.rope_theta), hidden_states.dtype),
            **kwargs,
        )
        pooled, frame_weights = self.pooling(hidden_states, frame_mask)
        return SLRModelOutput(last_hidden_state=hidden_states, pooled_output=pooled, frame_weights=frame_weights)

    def _sparse_pattern(self) -> Callable[..., torch.Tensor] | None:
        """What of the whole clip a frame sees in global blocks; all by default."""
        if self.config.global_attention == "full":
            return None
        if "flash" in str(self.config._attn_implementation):
            raise ValueError("Flash attention knows no strided pattern. Use sdpa, eager or flex attention, or 'full'.")
        window, stride = self.config.sliding_window, self.config.attention_stride

        def pattern(batch: Any, head: Any, query: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
            distance = (query - key).abs()
            return (distance <= window) | (distance % stride == 0)

        return pattern


class SLRForSignClassification(SLRPreTrainedModel):
    """`SLRModel` with a classifier over the glosses and a confidence head.

    Example:
        >>> model = SLRForSignClassification(SLRConfig.from_size("tiny", num_labels=3))
        >>> tuple(model(torch.zeros(1, 20, 87, 4)).logits.shape)
        (1, 3)
    """

    _auto_class = "AutoModelForVideoClassification"

    def __init__(self, config: SLRConfig) -> None:
        super().__init__(config)
        self.slr = SLRModel(config)
        self.classifier = CLASSIFIERS[config.classifier](config)
        self.confidence = ConfidenceHead() if config.confidence_head else None
        self.post_init()

    def save_pretrained(self, save_directory: str | os.PathLike[str], *args: Any, **kwargs: Any) -> None:
        """Saves a model as `PreTrainedModel` does, with all code that its folder needs to open as a pipeline.

        The processor is saved by itself, into the same folder; `SignRecognitionPipeline.save_pretrained` saves both.

        Args:
            save_directory: Folder, made where it is missing.
            *args: See `PreTrainedModel.save_pretrained`.
            **kwargs: See `PreTrainedModel.save_pretrained`.
        """
        # Not above, since that file imports this one. transformers copies the files that such a line names.
        from .pipeline_slr import TASK, SignRecognitionPipeline

        pipeline, model = (
            f"{kind.__module__.rpartition('.')[2]}.{kind.__name__}" for kind in (SignRecognitionPipeline, type(self))
        )
        self.config.custom_pipelines = {TASK: {"impl": pipeline, "pt": ["AutoModelForVideoClassification"]}}
        # The classifier is what AutoModel gives, so that its output has logits.
        self.config.auto_map = {"AutoModel": model, "AutoModelForVideoClassification": model}
        super().save_pretrained(save_directory, *args, **kwargs)

    @can_return_tuple
    def forward(
        self,
        keypoints: torch.Tensor,
        part_mask: torch.Tensor | None = None,
        positions: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        **kwargs: Any,
    ) -> SignClassifierOutput:
        """Classifies clips. The inputs are what `KeypointProcessor` gives.

        Args:
            keypoints: `(batch, frames, points, channels)`; values of missing parts are not read.
            part_mask: Bool `(batch, frames, parts)`, whether a part was seen; all by default.
            positions: `(batch, frames)`, the time of each frame in frames at 30 a second; 0, 1, 2... by default.
            attention_mask: `(batch, frames)`, 1 for frames and 0 for padding; all frames by default.
            labels: Class indices `(batch,)`. The loss is then their cross entropy; the losses of a recipe are
                computed by the trainer.
            **kwargs: `output_hidden_states`, `output_attentions`, `return_dict`.

        Raises:
            ValueError: If the keypoints do not fit the configuration's parts.
        """
        outputs = self.slr(keypoints, part_mask, positions, attention_mask, return_dict=True, **kwargs)
        logits, auxiliary_logits = self.classifier(outputs.pooled_output)
        confidence_logits = None if self.confidence is None else self.confidence(logits)
        return SignClassifierOutput(
            loss=None if labels is None else F.cross_entropy(logits.float(), labels),
            logits=logits,
            auxiliary_logits=auxiliary_logits,
            confidence_logits=confidence_logits,
            pooled_output=outputs.pooled_output,
            frame_weights=outputs.frame_weights,
            hidden_states=outputs.hidden_states,
            attentions=outputs.attentions,
        )


__all__ = [
    "PrototypeClassifier",
    "SLRForSignClassification",
    "SLRModel",
    "SLRModelOutput",
    "SLRPreTrainedModel",
    "SignClassifierOutput",
]
