"""The model: the same answer however a clip is padded, loaded or computed, and layers that do what their names say."""

import copy
import sys
from collections.abc import Iterator
from dataclasses import fields

import pytest
import torch
from torch.nn import functional as F
from torch.nn.parallel import replicate
from torch.overrides import TorchFunctionMode

from slr_hf.model.configuration_slr import SLRConfig
from slr_hf.model.landmarks_slr import default_parts
from slr_hf.model.layers_slr import MultiScalePooling, TransformerBlock, rotary_table
from slr_hf.model.modeling_slr import SignClassifierOutput, SLRForSignClassification, SLRModel

LABELS = {0: "yes", 1: "no", 2: "hello", 3: "sorry"}


def make_model(**overrides) -> SLRForSignClassification:
    torch.manual_seed(0)
    fields = {"num_local_layers": 1, "num_global_layers": 1, "sliding_window": 3, "id2label": LABELS, **overrides}
    return SLRForSignClassification(SLRConfig.from_size("tiny", **fields)).eval()


HANDS = {
    "parts": [part for part in default_parts() if part.get("anchor") is not None],
    "cross_modal_pairs": [["left_hand", "right_hand"]],
}

SMALLEST = {"patch_width": 16, "hidden_size": 32, "intermediate_size": 32, "num_attention_heads": 2}


def make_small_model(**overrides) -> SLRForSignClassification:
    """A model of the hands alone with every kind of layer, to train on `make_small_batch`."""
    return make_model(**{**HANDS, **SMALLEST, "num_convolutions": 1, "num_classifier_layers": 1, **overrides}).train()


def make_small_batch() -> dict:
    batch = make_batch((12, 7))
    return {**batch, "keypoints": batch["keypoints"][:, :, :42], "part_mask": batch["part_mask"][:, :, :2]}


def backward(model: torch.nn.Module, batch: dict) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """The loss of a training step, and the gradients of all its parameters."""
    output = model(**batch, labels=torch.arange(len(batch["keypoints"])))
    auxiliary = sum(F.cross_entropy(item.float(), torch.zeros(len(item)).long()) for item in output.auxiliary_logits)
    loss = output.loss + auxiliary + output.confidence_logits.float().square().mean()
    model.zero_grad()
    loss.backward()
    return loss.detach(), {name: value.grad.clone() for name, value in model.named_parameters()}


class AttentionSizes(TorchFunctionMode):
    """Notes the batch and the heads of every call of PyTorch's attention."""

    def __init__(self):
        super().__init__()
        self.sizes: list[tuple[int, int]] = []

    def __torch_function__(self, function, types, args=(), kwargs=None):
        if function is F.scaled_dot_product_attention:
            self.sizes.append(tuple(args[0].shape[:2]))
        return function(*args, **(kwargs or {}))


def make_batch(lengths: tuple[int, ...] = (30, 17, 1), frames: int | None = None, seed: int = 1) -> dict:
    """Clips with missing parts and uneven time, padded with values that must not matter."""
    generator = torch.Generator().manual_seed(seed)
    frames = frames or max(lengths)
    attention_mask = (torch.arange(frames) < torch.tensor(lengths)[:, None]).long()
    steps = torch.rand(len(lengths), frames, generator=generator) + 0.5
    return {
        "keypoints": torch.randn(len(lengths), frames, 87, 4, generator=generator),
        "part_mask": torch.rand(len(lengths), frames, 4, generator=generator) > 0.2,
        "positions": steps.cumsum(dim=1),
        "attention_mask": attention_mask,
    }


def only(batch: dict, row: int, frames: int) -> dict:
    return {name: value[row : row + 1, :frames] for name, value in batch.items()}


@torch.no_grad()
def logits(model: SLRForSignClassification, batch: dict) -> torch.Tensor:
    return model(**batch).logits


class TestPadding:
    @pytest.mark.parametrize("global_attention", ["full", "strided"])
    @pytest.mark.parametrize("implementation", ["eager", "sdpa"])
    def test_a_clip_has_the_same_logits_alone_and_in_a_batch(self, implementation, global_attention):
        model, batch = make_model(global_attention=global_attention), make_batch((30, 17, 1))
        model.set_attn_implementation(implementation)
        together = logits(model, batch)
        for row, length in enumerate((30, 17, 1)):
            torch.testing.assert_close(logits(model, only(batch, row, length))[0], together[row], rtol=0, atol=1e-5)

    @pytest.mark.parametrize("frames", [31, 64, 128])
    def test_more_padding_changes_nothing(self, frames):
        model, batch = make_model(), make_batch((30, 17), frames=128)
        expected = logits(model, {name: value[:, :30] for name, value in batch.items()})
        found = logits(model, {name: value[:, :frames] for name, value in batch.items()})
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)

    def test_values_in_the_padding_are_not_read(self):
        model, batch = make_model(), make_batch((30, 17))
        spoilt = {**batch, "keypoints": batch["keypoints"].clone(), "positions": batch["positions"].clone()}
        spoilt["keypoints"][1, 17:] = float("nan")
        spoilt["positions"][1, 17:] = 0
        torch.testing.assert_close(logits(model, spoilt), logits(model, batch), rtol=0, atol=1e-5)

    @pytest.mark.parametrize("implementation", ["eager", "sdpa"])
    def test_a_clip_that_is_all_padding_has_an_answer_and_does_not_disturb_the_others(self, implementation):
        model, batch = make_model(), make_batch((30, 0, 17))
        model.set_attn_implementation(implementation)
        together = model(**batch)
        for name in ("logits", "confidence_logits", "pooled_output", "frame_weights"):
            assert torch.isfinite(together[name]).all(), name
        assert not together.frame_weights[1].any()
        for row, length in ((0, 30), (1, 4), (2, 17)):
            alone = logits(model, only(batch, row, length))[0]
            torch.testing.assert_close(alone, together.logits[row], rtol=0, atol=1e-5)

    def test_gradients_stay_finite_where_a_clip_is_all_padding(self):
        model = make_model().train()
        model(**make_batch((30, 0)), labels=torch.tensor([0, 1])).loss.backward()
        gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
        assert all(torch.isfinite(gradient).all() for gradient in gradients)

    def test_gradients_stay_finite_where_padding_is_longer_than_the_window(self):
        model = make_model().train()
        batch = make_batch((40, 1))
        model(**batch, labels=torch.tensor([0, 1])).loss.backward()
        gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
        assert all(torch.isfinite(gradient).all() for gradient in gradients)


class TestMissingParts:
    @pytest.mark.parametrize("value", [0.0, 1e6, float("nan"), float("inf")])
    def test_their_values_are_not_read(self, value):
        model, batch = make_model(), make_batch()
        missing = ~model.slr.embedding.motion.by_point(batch["part_mask"])
        spoilt = {**batch, "keypoints": batch["keypoints"].masked_fill(missing, value)}
        assert torch.equal(logits(model, spoilt), logits(model, batch))

    def test_a_missing_part_is_not_a_part_at_zero(self):
        model, batch = make_model(), make_batch()
        at_zero = {**batch, "keypoints": torch.zeros_like(batch["keypoints"])}
        seen = {**at_zero, "part_mask": torch.ones_like(batch["part_mask"])}
        assert not torch.allclose(logits(model, at_zero), logits(model, seen), atol=1e-3)

    def test_a_clip_without_any_part_has_an_answer(self):
        batch = make_batch()
        batch["part_mask"] = torch.zeros_like(batch["part_mask"])
        assert torch.isfinite(logits(make_model(), batch)).all()


class TestAttention:
    def test_eager_and_sdpa_agree(self):
        model, batch = make_model(), make_batch()
        found = {}
        for implementation in ("eager", "sdpa"):
            model.set_attn_implementation(implementation)
            found[implementation] = logits(model, batch)
        torch.testing.assert_close(found["eager"], found["sdpa"], rtol=0, atol=1e-5)

    def test_hidden_states_and_attentions_are_given_on_request(self):
        model, batch = make_model(), make_batch((30, 17))
        model.set_attn_implementation("eager")
        output = model(**batch, output_hidden_states=True, output_attentions=True)
        assert [tuple(state.shape) for state in output.hidden_states] == [(2, 30, 160)] * 3
        assert [tuple(weights.shape) for weights in output.attentions] == [(2, 4, 30, 30)] * 2

    def test_local_blocks_see_their_window_and_global_blocks_all(self):
        model = make_model()
        model.set_attn_implementation("eager")
        local, everywhere = model(**make_batch((30,)), output_attentions=True).attentions
        distance = (torch.arange(30)[:, None] - torch.arange(30)).abs()
        assert not local[0, :, distance > 3].any()
        assert (local[0, :, distance <= 3] > 0).all()
        assert (everywhere > 0).all()

    def test_strided_blocks_see_their_window_and_every_frame_a_stride_away(self):
        model = make_model(global_attention="strided", attention_stride=5)
        model.set_attn_implementation("eager")
        _, sparse = model(**make_batch((30,)), output_attentions=True).attentions
        distance = (torch.arange(30)[:, None] - torch.arange(30)).abs()
        seen = (distance <= 3) | (distance % 5 == 0)
        assert (sparse[0, :, seen] > 0).all()
        assert not sparse[0, :, ~seen].any()

    def test_a_stride_of_one_frame_is_full_attention(self):
        sparse, full = make_model(global_attention="strided", attention_stride=1), make_model()
        batch = make_batch()
        torch.testing.assert_close(logits(sparse, batch), logits(full, batch), rtol=0, atol=1e-6)

    def test_the_window_counts_frames_across_a_gap_of_time(self):
        model, batch = make_model(), make_batch((30,))
        model.set_attn_implementation("eager")
        batch["positions"][:, 15:] += 100
        local, _ = model(**batch, output_attentions=True).attentions
        distance = (torch.arange(30)[:, None] - torch.arange(30)).abs()
        assert torch.equal(local[0, 0] > 0, distance <= 3)

    def test_no_call_has_more_than_the_largest_grid_of_a_gpu(self):
        """CUDA takes 65,535 at most, of the batch or of the batch times the heads."""
        with torch.device("meta"), AttentionSizes() as calls:  # tensors without contents
            embed = make_small_model().slr.embedding
            embedded = embed(torch.rand(512, 128, 42, 4), torch.ones(512, 128, 2).bool(), torch.rand(512, 128))
        assert tuple(embedded.shape) == (512, 128, 32)
        assert sum(batch for batch, _ in calls.sizes) == 4 * 512 * 128  # each hand to itself and to the other
        assert max(batch * heads for batch, heads in calls.sizes) <= 65_535

    def test_pieces_of_a_large_batch_are_embedded_as_the_whole(self):
        embed = make_small_model().eval().slr.embedding
        points, seen = torch.randn(100, 42, 12), torch.rand(100, 2) > 0.2
        whole = embed.embed_frames(points, seen)
        for embed.frames_at_once in (1, 30, 50, 100, 101):
            torch.testing.assert_close(embed.embed_pieces(points, seen), whole, rtol=0, atol=1e-5)

    def test_only_differences_of_time_matter(self):
        model, batch = make_model(), make_batch((30,))
        later = {**batch, "positions": batch["positions"] + 100}
        torch.testing.assert_close(logits(model, later), logits(model, batch), rtol=0, atol=1e-3)

    def test_true_times_matter(self):
        model, batch = make_model(), make_batch((30,))
        slower = {**batch, "positions": batch["positions"] * 3}
        assert not torch.allclose(logits(model, slower), logits(model, batch), atol=1e-3)

    def test_rotary_positions_may_be_fractions(self):
        config = make_model().config
        block = TransformerBlock(config, drop_path=0.0).eval()
        block.attention.config._attn_implementation = "eager"
        states = torch.randn(1, 3, config.hidden_size)
        near, far = (
            block(
                states,
                torch.ones(1, 3, dtype=torch.bool),
                None,
                rotary_table(torch.tensor([positions]), block.attention.head_dim, 1e4, torch.float32),
            )
            for positions in ([0.0, 0.5, 1.0], [0.0, 0.25, 1.0])
        )
        assert not torch.allclose(near[:, 1], far[:, 1], atol=1e-4)


class TestPooling:
    def test_segments_average_equal_shares_of_the_valid_frames(self):
        pooling = MultiScalePooling(make_model().config)
        weights = pooling.segment_weights(torch.tensor([[1.0, 1, 1, 0]]))[0]
        torch.testing.assert_close(weights[0], torch.tensor([1 / 3, 1 / 3, 1 / 3, 0]))
        torch.testing.assert_close(weights[1], torch.tensor([2 / 3, 1 / 3, 0, 0]))
        torch.testing.assert_close(weights[2], torch.tensor([0, 1 / 3, 2 / 3, 0]))

    @pytest.mark.parametrize("length", [1, 2, 5, 8, 100])
    def test_every_segment_has_its_frames(self, length):
        weights = MultiScalePooling(make_model().config).segment_weights(torch.ones(1, length))[0]
        assert weights.shape == (15, length)
        torch.testing.assert_close(weights.sum(dim=1), torch.ones(15))

    def test_scales_differ(self):
        """The order of the frames matters to the pooling itself, which a mean alone would not see."""
        model = make_model().slr
        states, mask = torch.randn(1, 16, model.config.hidden_size), torch.ones(1, 16, dtype=torch.bool)
        forwards, _ = model.pooling(states, mask)
        backwards, _ = model.pooling(states.flip(1), mask)
        assert not torch.allclose(forwards, backwards, atol=1e-3)

    def test_inference_is_deterministic(self):
        model, batch = make_model(), make_batch()
        assert torch.equal(logits(model, batch), logits(model, batch))

    def test_frame_weights_sum_to_one_over_the_clip(self):
        weights = make_model()(**make_batch((30, 17))).frame_weights
        torch.testing.assert_close(weights.sum(dim=1), torch.ones(2))
        assert not weights[1, 17:].any()


class TestClassifier:
    def test_every_layer_has_an_auxiliary_classifier(self):
        output = make_model(num_classifier_layers=3)(**make_batch())
        assert [tuple(item.shape) for item in output.auxiliary_logits] == [(3, 4)] * 3
        assert tuple(output.confidence_logits.shape) == (3,)

    def test_the_confidence_head_does_not_pull_on_the_rest(self):
        model = make_model()
        model(**make_batch()).confidence_logits.sum().backward()
        touched = {name for name, parameter in model.named_parameters() if parameter.grad is not None}
        assert touched
        assert all(name.startswith("confidence.") for name in touched)

    def test_the_confidence_grows_with_the_lead_of_the_first_answer(self):
        head = make_model().confidence
        leads = torch.tensor([[0.0, 0, 0, 0], [1, 0, 0, 0], [2, 0, 0, 0], [2, 0, -5, -5], [9, 0, 0, 0]])
        confidence = head(leads)
        assert (confidence.diff() > 0).all()
        # It is no matter which gloss leads, or of the level of all logits.
        torch.testing.assert_close(head(leads.flip(1) + 3), confidence)

    def test_the_confidence_in_an_overwhelming_answer_is_finite(self):
        confidence = make_model().confidence(torch.tensor([[1e4, 0.0, 0.0], [0.0, 1e4, -1e4]]))
        assert torch.isfinite(confidence).all()

    def test_can_do_without_a_confidence_head(self):
        assert make_model(confidence_head=False)(**make_batch()).confidence_logits is None

    def test_labels_give_the_cross_entropy(self):
        model, batch = make_model(), make_batch()
        labels = torch.tensor([0, 1, 2])
        output = model(**batch, labels=labels)
        torch.testing.assert_close(output.loss, torch.nn.functional.cross_entropy(output.logits, labels))

    def test_one_gloss_is_enough(self):
        output = make_model(id2label={0: "yes"})(**make_batch())
        assert tuple(output.logits.shape) == (3, 1)
        assert torch.isfinite(output.confidence_logits).all()

    def test_every_parameter_learns(self):
        model = make_model(num_local_layers=2, num_global_layers=2).train()
        output = model(**make_batch())
        loss = output.logits.square().sum() + sum(item.square().sum() for item in output.auxiliary_logits)
        (loss + output.confidence_logits.sum()).backward()
        assert not [name for name, parameter in model.named_parameters() if parameter.grad is None]


class TestSaving:
    def test_is_exact(self, tmp_path):
        model, batch = make_model(), make_batch()
        model.save_pretrained(tmp_path)
        loaded = SLRForSignClassification.from_pretrained(tmp_path)
        assert torch.equal(logits(loaded, batch), logits(model, batch))
        assert loaded.config.id2label == LABELS

    def test_the_backbone_of_a_classifier_loads_alone(self, tmp_path):
        model, batch = make_model(), make_batch()
        model.save_pretrained(tmp_path)
        backbone = SLRModel.from_pretrained(tmp_path)
        assert torch.equal(backbone(**batch).pooled_output, model(**batch).pooled_output)

    def test_a_new_head_keeps_the_backbone(self, tmp_path):
        model = make_model()
        model.save_pretrained(tmp_path)
        other = SLRForSignClassification.from_pretrained(
            tmp_path, id2label={0: "a", 1: "b"}, label2id={"a": 0, "b": 1}, ignore_mismatched_sizes=True
        )
        batch = make_batch()
        assert tuple(other(**batch).logits.shape) == (3, 2)
        assert torch.equal(other(**batch).pooled_output, model(**batch).pooled_output)


@pytest.fixture
def garbage() -> Iterator[None]:
    """Memory that nobody has filled holds NaN, or the largest integer."""
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)


class TestMissingWeights:
    @pytest.mark.usefixtures("garbage")
    @pytest.mark.parametrize("classifier", ["layers", "prototypes"])
    def test_each_is_made_as_in_a_new_model_and_touches_no_other(self, classifier):
        sizes = {"patch_width": 16, "hidden_size": 32, "intermediate_size": 32, "num_convolutions": 1}
        new = make_model(**sizes, classifier=classifier)
        weights = {name: torch.full_like(weight, 7) for name, weight in new.state_dict().items()}
        for name, fresh in new.named_parameters():
            kept = {key: weight for key, weight in weights.items() if key != name}
            loaded = SLRForSignClassification.from_pretrained(None, config=new.config, state_dict=kept)
            found = loaded.get_parameter(name)
            if (fresh == fresh.flatten()[0]).all():
                assert torch.equal(found, fresh), name
            else:  # drawn at random; the fewest numbers of a weight are 16
                assert 0.3 < found.std() / fresh.std() < 3, name
                assert found.mean().abs() < found.std(), name
            assert all(torch.equal(loaded.get_parameter(key), weight) for key, weight in kept.items()), name
            for (buffer, values), expected in zip(loaded.named_buffers(), new.buffers(), strict=True):
                assert torch.equal(values, expected), buffer


class TestOutput:
    @pytest.mark.parametrize("model", [make_model(), make_model().slr], ids=["classifier", "backbone"])
    def test_is_a_tuple_where_no_dictionary_is_wanted(self, model, monkeypatch):
        batch = make_batch()
        expected = model(**batch).to_tuple()
        asked = model(**batch, return_dict=False)
        monkeypatch.setattr(model.config, "return_dict", False)
        for found in (asked, model(**batch)):
            assert isinstance(found, tuple)
            assert len(found) == len(expected)
            assert torch.equal(found[0], expected[0])
        assert torch.equal(model(**batch, return_dict=True)[0], expected[0])

    def test_all_but_loss_and_logits_is_left_out_of_what_trainer_collects(self):
        ignored = SLRConfig.keys_to_ignore_at_inference
        assert {"loss", "logits", *ignored} == {field.name for field in fields(SignClassifierOutput)}


class TestTraining:
    def test_gradient_checkpointing_gives_the_same_gradients(self):
        plain = make_model(hidden_dropout=0.0, classifier_dropout=0.0, drop_path_rate=0.0).train()
        checkpointed = copy.deepcopy(plain)
        checkpointed.gradient_checkpointing_enable()
        batch, labels = make_batch(), torch.tensor([0, 1, 2])
        for model in (plain, checkpointed):
            model(**batch, labels=labels).loss.backward()
        for expected, found in zip(plain.parameters(), checkpointed.parameters(), strict=True):
            if expected.grad is not None:
                torch.testing.assert_close(found.grad, expected.grad, rtol=0, atol=1e-6)

    def test_stochastic_depth_keeps_the_mean(self):
        config = make_model().config
        block = TransformerBlock(config, drop_path=0.5).train()
        residual = block.attention_residual
        residual.dropout.p = 0.0
        added = residual(*(fill(4000, 1, config.hidden_size) for fill in (torch.zeros, torch.ones)))
        assert set(added.unique().tolist()) == {0.0, 2.0}
        assert abs(added.mean().item() - 1) < 0.1

    def test_a_new_convolution_passes_on_what_it_takes_in(self):
        convolution = make_model().slr.transformer.local_blocks[0].convolutions[0].convolutions[0]
        generator = torch.Generator().manual_seed(0)
        passed = convolution(torch.randn(4, convolution.in_channels, 200, generator=generator))
        # Inputs of deviation 1 and weights between +-1 / sqrt(17) give 1 / sqrt(3), for any number of channels.
        assert passed[..., 8:-8].std().item() == pytest.approx(3**-0.5, rel=0.1)

    def test_dropout_of_the_classifier_comes_after_its_layers(self):
        model = make_model(hidden_dropout=0.0, drop_path_rate=0.0, classifier_dropout=0.5).train()
        states = []
        model.classifier.norm.register_forward_hook(lambda module, inputs, output: states.append(output))
        first, second = (model(**make_batch()) for _ in range(2))
        assert torch.equal(states[0], states[1])
        assert not torch.equal(first.logits, second.logits)
        assert not torch.equal(first.auxiliary_logits[0], second.auxiliary_logits[0])

    def test_layer_drop_skips_blocks_in_training_alone(self):
        model = make_model(layer_drop=0.5, hidden_dropout=0.0, classifier_dropout=0.0, drop_path_rate=0.0)
        batch = make_batch((30,))
        assert torch.equal(logits(model, batch), logits(model, batch))
        model.train()
        torch.manual_seed(0)
        # Two blocks, each there or not.
        answers = torch.stack([logits(model, batch)[0] for _ in range(40)])
        assert len(answers.round(decimals=4).unique(dim=0)) == 4

    def test_layer_drop_follows_the_seed_and_leaves_every_weight_its_gradient(self):
        """Processes that average gradients wait for that of every weight."""
        model, losses = make_small_model(layer_drop=0.5, hidden_dropout=0.0, drop_path_rate=0.0), []
        for seed in (1, 1, *range(2, 10)):
            torch.manual_seed(seed)
            loss, gradients = backward(model, make_small_batch())
            losses.append(loss.item())
            assert gradients.keys() == dict(model.named_parameters()).keys()
        assert losses[0] == losses[1]
        assert len(set(losses)) > 1

    def test_a_step_compiles_without_a_break_in_its_graph(self):
        model = make_small_model(layer_drop=0.5, drop_path_rate=0.5, attention_dropout=0.1)
        # A break is an error here, and no C++ compiler is needed.
        compiled = torch.compile(model, fullgraph=True, backend="eager")
        found = []
        for each in (model, compiled):
            torch.manual_seed(0)
            found.append(backward(each, make_small_batch()))
        (expected_loss, expected), (loss, gradients) = found
        torch.testing.assert_close(loss, expected_loss)
        for name, gradient in gradients.items():
            torch.testing.assert_close(gradient, expected[name.removeprefix("_orig_mod.")], msg=name)

    def test_gradients_lie_in_memory_as_their_weights_do(self):
        """Else data-parallel training warns of their strides: it may copy them more slowly."""
        model = make_small_model(convolution_kernels=(3, 5))
        _, gradients = backward(model, make_small_batch())
        strides = {name: weight.stride() for name, weight in model.named_parameters()}
        assert {name: gradient.stride() for name, gradient in gradients.items()} == strides

    def test_autocast_to_bfloat16_gives_nearly_the_gradients_of_float32(self):
        model = make_model(hidden_dropout=0.0, classifier_dropout=0.0, drop_path_rate=0.0).train()
        joined, expected_joined = [], []
        # Rounding differs from batch to batch, a fault does not.
        for seed in range(8):
            expected_loss, expected = backward(model, make_batch(seed=seed))
            with torch.autocast("cpu", torch.bfloat16):
                loss, gradients = backward(model, make_batch(seed=seed))
            assert loss.item() == pytest.approx(expected_loss.item(), rel=0.02)
            for sums, each in ((joined, gradients), (expected_joined, expected)):
                sums.append(torch.cat([gradient.flatten() for gradient in each.values()]))
        difference = torch.stack(joined).sum(dim=0) - torch.stack(expected_joined).sum(dim=0)
        assert torch.isfinite(difference).all()
        expected_norm = torch.linalg.vector_norm(torch.stack(expected_joined).sum(dim=0))
        assert torch.linalg.vector_norm(difference) < 0.05 * expected_norm

    def test_a_replica_on_another_gpu_gives_the_same_answers_and_gradients(self, monkeypatch):
        # As DataParallel makes it: it has no parameters, but tensors in their places. Only the copying needs GPUs.
        monkeypatch.setattr(
            sys.modules[replicate.__module__],
            "_broadcast_coalesced_reshape",
            lambda tensors, devices, detach=False: [[tensor.clone() for tensor in tensors] for _ in devices],
        )
        still = {"hidden_dropout": 0.0, "classifier_dropout": 0.0, "drop_path_rate": 0.0}
        model, batch, labels = make_model(**still).train(), make_batch(), torch.tensor([0, 1, 2])
        model(**batch, labels=labels).loss.backward()
        expected = {name: parameter.grad for name, parameter in model.named_parameters()}
        model.zero_grad()
        _, second = replicate(model, [0, 1])
        assert not list(second.parameters())
        second(**batch, labels=labels).loss.backward()
        for name, parameter in model.named_parameters():
            torch.testing.assert_close(parameter.grad, expected[name], rtol=0, atol=1e-6, msg=name)

    def test_bfloat16_runs(self):
        model, batch = make_model(), make_batch()
        expected = logits(model, batch)
        torch.testing.assert_close(logits(model.to(torch.bfloat16), batch).float(), expected, rtol=0, atol=0.15)


class TestInput:
    def test_defaults_are_all_seen_and_even_time(self):
        model, batch = make_model(), make_batch((30,))
        full = {
            "part_mask": torch.ones(1, 30, 4, dtype=torch.bool),
            "positions": torch.arange(30.0)[None],
            "attention_mask": torch.ones(1, 30),
        }
        assert torch.equal(
            logits(model, {"keypoints": batch["keypoints"]}), logits(model, {"keypoints": batch["keypoints"], **full})
        )

    def test_keypoints_of_another_layout_are_refused(self):
        with pytest.raises(ValueError, match=r"87, 4.*75, 3"):
            make_model()(torch.zeros(1, 5, 75, 3))

    def test_another_table_of_parts(self):
        hands = [part for part in default_parts() if part.get("anchor") is not None]
        model = make_model(parts=hands, cross_modal_pairs=[["left_hand", "right_hand"]])
        assert tuple(model(torch.zeros(2, 9, 42, 4)).logits.shape) == (2, 4)

    def test_a_long_clip(self):
        assert torch.isfinite(logits(make_model(), make_batch((2000,)))).all()
