"""Configuration of the sign recognition model."""

from typing import Any, Literal

from huggingface_hub.dataclasses import strict
from transformers import PreTrainedConfig

from .landmarks_slr import default_parts, validate_parts

#: Named sizes. Widths are in channels; `base` is the size of the reference architecture.
SIZES: dict[str, dict[str, Any]] = {
    "tiny": {
        "patch_width": 32,
        "patch_attention_heads": 2,
        "hidden_size": 160,
        "intermediate_size": 320,
        "num_attention_heads": 4,
        "num_local_layers": 1,
        "num_global_layers": 1,
        "num_convolutions": 3,
    },
    "small": {
        "patch_width": 64,
        "hidden_size": 256,
        "intermediate_size": 512,
        "num_attention_heads": 4,
        "num_local_layers": 2,
        "num_global_layers": 2,
        "num_convolutions": 2,
    },
    "base": {
        "patch_width": 64,
        "patch_attention_heads": 2,
        "hidden_size": 512,
        "intermediate_size": 1024,
        "num_attention_heads": 8,
        "num_local_layers": 4,
        "num_global_layers": 4,
        "num_convolutions": 1,
    },
}

#: The least and the most of each number. The most lies far above all use: a configuration may come from a stranger, and
#: memory is taken for what it says.
RANGES: dict[str, tuple[float, float]] = {
    "input_size": (1, 100_000),
    "num_channels": (1, 64),
    "motion_scale": (-1e6, 1e6),
    "patch_width": (1, 16_384),
    "patch_attention_heads": (1, 1024),
    "hidden_size": (1, 16_384),
    "intermediate_size": (1, 65_536),
    "num_attention_heads": (1, 1024),
    "num_local_layers": (0, 256),
    "num_global_layers": (0, 256),
    "num_convolutions": (0, 64),
    "convolution_expansion": (1, 64),
    "sliding_window": (1, 100_000),
    "attention_stride": (1, 100_000),
    "prototype_scale": (1e-6, 1e6),
    "num_classifier_layers": (1, 64),
    "rope_theta": (1e-6, 1e12),
    "residual_weight": (-1e6, 1e6),
    "rms_norm_eps": (1e-20, 1.0),
}

#: The most glosses, the most kernels or scales, and the largest of them, for the same reason.
MOST_GLOSSES, MOST_BRANCHES, LARGEST_BRANCH = 1_000_000, 32, 1001


@strict
class SLRConfig(PreTrainedConfig):
    r"""The shape of an `SLRModel`. The defaults are the size `base`.

    Args:
        parts: The table of parts that the model sees; `default_parts` in landmarks_slr.py describes an entry.
        cross_modal_pairs: Pairs of parts that attend to each other.
        input_size: The largest number of frames of a clip; the processor resamples longer clips.
        num_channels: Numbers that describe a keypoint: x and y in the signer's frame, x and y in the part's shape.
        motion_lags: Distances in frames over which the motion of the keypoints is taken.
        motion_scale: Factor on the motion (per frame at 30 frames a second), which brings it to the scale of the
            keypoints themselves.
        patch_width: Channels of a patch of neighbouring points.
        patch_attention_heads: Heads of the attention between patches.
        hidden_size: Channels of a frame.
        intermediate_size: Channels inside a feed-forward layer.
        num_attention_heads: Heads of the attention in time.
        num_local_layers: Blocks whose attention sees a window of frames; they come first.
        num_global_layers: Blocks whose attention sees the whole clip; they come last.
        sliding_window: Frames that a local block sees on each side.
        global_attention: What a frame sees in a global block: "full" = the whole clip; "strided" = its sliding window
            and every frame that is a multiple of `attention_stride` away, a sparse pattern for long clips
            (Child et al. 2019, https://arxiv.org/abs/1904.10509).
        attention_stride: See `global_attention`.
        num_convolutions: Temporal convolutions of a block, before its attention.
        convolution_kernels: Kernel sizes, in frames, of a temporal convolution; its channels are divided among them.
        convolution_expansion: Channels inside a temporal convolution, as a multiple of `hidden_size`.
        pooling_scales: Numbers of segments of equally many frames that multi-scale pooling averages over.
        classifier: How an embedding becomes logits: "layers" = trained layers; "prototypes" = by its nearness to one
            vector a gloss, without training (`scripts/enroll.py`).
        prototype_scale: Factor on the cosine between an embedding and a prototype.
        num_classifier_layers: Layers of the classifier; each has an auxiliary classifier of its own.
        confidence_head: Whether the model predicts the probability that its first answer is right.
        rope_theta: Base of the rotary positions.
        attention_dropout: Dropout of attention weights.
        hidden_dropout: Dropout of the output of attention, convolution and feed-forward layers.
        classifier_dropout: Dropout before each map to the glosses.
        drop_path_rate: Largest rate of stochastic depth; it rises linearly from block to block up to the last.
        layer_drop: Probability that a training step skips a block for the whole batch (LayerDrop, Fan et al. 2020,
            https://arxiv.org/abs/1909.11556). It saves no time: a skipped block is computed and left out.
        residual_weight: Initial value of the learned weight (a channel each) of every residual branch.
        rms_norm_eps: Epsilon of RMSNorm.

    Raises:
        StrictDataclassError: If the table of parts or a size is unusable; the message names the field.

    Example:
        >>> SLRConfig.from_size("tiny", num_labels=3).hidden_size
        128
    """

    model_type = "slr"
    attribute_map = {"num_hidden_layers": "num_layers"}  # noqa: RUF012
    #: All of the classifier's output but loss and logits. Without them, `compute_metrics` gets the logits alone.
    keys_to_ignore_at_inference = [  # noqa: RUF012
        "auxiliary_logits",
        "confidence_logits",
        "pooled_output",
        "frame_weights",
        "hidden_states",
        "attentions",
    ]
    _auto_class = "AutoConfig"

    parts: list[dict[str, Any]] | None = None
    cross_modal_pairs: list[list[str]] | None = None
    input_size: int = 128
    num_channels: int = 4
    motion_lags: list[int] | tuple[int, ...] = (1, 2)
    motion_scale: float | int = 5.0
    patch_width: int = 64
    patch_attention_heads: int = 2
    hidden_size: int = 512
    intermediate_size: int = 1024
    num_attention_heads: int = 8
    num_local_layers: int = 4
    num_global_layers: int = 4
    sliding_window: int = 8
    global_attention: Literal["full", "strided"] = "full"
    attention_stride: int = 8
    num_convolutions: int = 1
    convolution_kernels: list[int] | tuple[int, ...] = (17,)
    convolution_expansion: int = 2
    pooling_scales: list[int] | tuple[int, ...] = (1, 2, 4, 8)
    classifier: Literal["layers", "prototypes"] = "layers"
    prototype_scale: float | int = 20.0
    num_classifier_layers: int = 1
    confidence_head: bool = True
    rope_theta: float | int = 10_000.0
    attention_dropout: float | int = 0.0
    hidden_dropout: float | int = 0.1
    classifier_dropout: float | int = 0.2
    drop_path_rate: float | int = 0.1
    layer_drop: float | int = 0.0
    residual_weight: float | int = 1.0
    rms_norm_eps: float = 1e-6

    def __post_init__(self, **kwargs: Any) -> None:
        if self.parts is None:
            self.parts = default_parts()
            if self.cross_modal_pairs is None:
                self.cross_modal_pairs = [["left_hand", "right_hand"], ["lips", "pose"]]
        if self.cross_modal_pairs is None:
            self.cross_modal_pairs = []
        # Before the glosses are named: by default each gets a name.
        if (kwargs.get("num_labels") or 0) > MOST_GLOSSES:
            raise ValueError(f"`num_labels` must be at most {MOST_GLOSSES}, but is {kwargs['num_labels']}.")
        if self.id2label is not None and not isinstance(self.id2label, dict):
            raise ValueError(f"`id2label` must name each gloss by its class index, but is {self.id2label!r:.80}.")
        super().__post_init__(**kwargs)
        if self.label2id is None and self.id2label is not None:
            self.label2id = {str(label): int(index) for index, label in self.id2label.items()}

    @property
    def num_layers(self) -> int:
        """The number of transformer blocks of both kinds, in other models `num_hidden_layers`."""
        return self.num_local_layers + self.num_global_layers

    @num_layers.setter
    def num_layers(self, value: int) -> None:
        if value != self.num_layers:
            raise ValueError(
                f"`num_hidden_layers` cannot be {value}: it is the sum of `num_local_layers` and `num_global_layers`, "
                f"{self.num_local_layers} + {self.num_global_layers}. Set these two."
            )

    @property
    def num_points(self) -> int:
        """The number of keypoints of a frame."""
        return sum(len(part["points"]) for part in self.parts or [])

    @classmethod
    def from_size(cls, size: str, **overrides: Any) -> "SLRConfig":
        """Builds a configuration of a named size.

        Args:
            size: One of `SIZES`: "tiny", "small", "base".
            **overrides: Fields to set differently.

        Raises:
            ValueError: If the size has no entry in `SIZES`.
        """
        if size not in SIZES:
            raise ValueError(f"Unknown size {size!r}. Choose one of {', '.join(SIZES)}.")
        return cls(**{**SIZES[size], **overrides})

    def validate_sizes(self) -> None:
        """Part of the strict validation: checks that the sizes fit each other."""
        validate_parts(self.parts or [])
        names = [part["name"] for part in self.parts or []]
        for pair in self.cross_modal_pairs or []:
            if len(pair) != 2 or pair[0] == pair[1] or not set(pair) <= set(names):
                raise ValueError(f"`cross_modal_pairs`: {pair} is not a pair of two of the parts {names}.")
        for field, (least, most) in RANGES.items():
            if not least <= getattr(self, field) <= most:  # also where it is NaN
                raise ValueError(f"`{field}` must be from {least:,} to {most:,}, but is {getattr(self, field)}.")
        for width, heads in (("hidden_size", "num_attention_heads"), ("patch_width", "patch_attention_heads")):
            channels, count = getattr(self, width), getattr(self, heads)
            if channels % (2 * count):
                raise ValueError(f"`{width}` must be a multiple of 2 x `{heads}`, but they are {channels} and {count}.")
        for field in ("motion_lags", "convolution_kernels", "pooling_scales"):
            sizes = getattr(self, field)
            if len(sizes) > MOST_BRANCHES or not all(1 <= size <= LARGEST_BRANCH for size in sizes):
                raise ValueError(
                    f"`{field}` must be up to {MOST_BRANCHES} sizes from 1 to {LARGEST_BRANCH}, but are {sizes!s:.80}."
                )
        if any(kernel % 2 == 0 for kernel in self.convolution_kernels):
            raise ValueError(f"`convolution_kernels` must be odd, but are {self.convolution_kernels}.")
        if self.num_convolutions and not self.convolution_kernels:
            raise ValueError(
                "`convolution_kernels` is empty. Name at least one kernel size, or set `num_convolutions=0`."
            )
        if not self.pooling_scales:
            raise ValueError("`pooling_scales` is empty. Name at least one number of segments.")
        if sorted(self.id2label or {}) != list(range(len(self.id2label or {}))):
            raise ValueError(f"`id2label` must name the class indices 0, 1, 2..., but is {self.id2label!s:.80}.")
        rates = ("attention_dropout", "hidden_dropout", "classifier_dropout", "drop_path_rate", "layer_drop")
        for field in rates:
            if not 0 <= getattr(self, field) < 1:
                raise ValueError(f"`{field}` must be at least 0 and below 1, but is {getattr(self, field)}.")


__all__ = ["RANGES", "SIZES", "SLRConfig"]
