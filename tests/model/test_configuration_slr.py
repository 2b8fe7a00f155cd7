"""The configuration: named sizes, saving, and what it refuses."""

import pytest
from huggingface_hub.errors import StrictDataclassError

from slr_hf.model.configuration_slr import SIZES, SLRConfig


def test_the_default_is_the_base_size():
    config = SLRConfig()
    assert {name: getattr(config, name) for name in SIZES["base"]} == SIZES["base"]
    assert (config.hidden_size, config.num_attention_heads, config.num_layers) == (512, 8, 8)


@pytest.mark.parametrize("size", SIZES)
def test_saving_keeps_every_field(size, tmp_path):
    config = SLRConfig.from_size(size, id2label={0: "yes", 1: "no", 2: "hello"}, hidden_dropout=0)
    config.save_pretrained(tmp_path)
    loaded = SLRConfig.from_pretrained(tmp_path)
    differing = {name for name, value in config.to_dict().items() if loaded.to_dict()[name] != value}
    assert differing <= {"_name_or_path", "transformers_version", "architectures"}
    assert loaded.num_labels == 3
    assert loaded.label2id == {"yes": 0, "no": 1, "hello": 2}


def test_another_layout_is_another_table():
    hands = [part for part in SLRConfig().parts if part.get("anchor") is not None]
    config = SLRConfig(parts=hands, cross_modal_pairs=[["left_hand", "right_hand"]])
    assert config.num_points == 42


def test_an_unknown_size_names_the_known_ones():
    with pytest.raises(ValueError, match="tiny, small, base"):
        SLRConfig.from_size("huge")


def test_the_number_of_blocks_follows_from_the_two_kinds(tmp_path):
    config = SLRConfig(num_local_layers=1, num_global_layers=2)
    assert config.num_hidden_layers == config.num_layers == 3
    assert SLRConfig(num_local_layers=1, num_global_layers=2, num_hidden_layers=3).num_layers == 3
    message = r"cannot be 4: .* `num_local_layers` and `num_global_layers`, 1 \+ 2\."
    with pytest.raises(ValueError, match=message):
        SLRConfig(num_local_layers=1, num_global_layers=2, num_hidden_layers=4)
    with pytest.raises(ValueError, match=message):
        config.num_hidden_layers = 4
    config.save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=message):
        SLRConfig.from_pretrained(tmp_path, num_hidden_layers=4)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"hidden_size": 30}, "hidden_size"),
        ({"patch_width": 13}, "patch_width"),
        ({"convolution_kernels": [4]}, "convolution_kernels"),
        ({"pooling_scales": []}, "pooling_scales"),
        ({"drop_path_rate": 1.0}, "drop_path_rate"),
        ({"num_local_layers": -1}, "num_local_layers"),
        ({"input_size": 0}, "input_size"),
        ({"layer_drop": -0.1}, "layer_drop"),
        ({"attention_stride": 0}, "attention_stride"),
        ({"global_attention": "random"}, "global_attention"),
        ({"cross_modal_pairs": [["lips", "tail"]]}, "tail"),
        ({"parts": []}, "parts"),
        ({"hidden_size": "wide"}, "hidden_size"),
    ],
)
def test_an_unusable_field_is_named(fields, message):
    with pytest.raises(StrictDataclassError, match=message):
        SLRConfig(**fields)
