"""The figures of merit, against values worked out by hand."""

import math

import numpy as np
import pytest
import torch

from slr_hf.training.metrics import (
    bootstrap_interval,
    calibration_error,
    confidence_auroc,
    cross_entropy,
    mean_class_accuracy,
    reliability,
    top_k_accuracy,
)

# Five clips of three glosses: the best answers are 0, 0, 1, 2, 2.
LOGITS = torch.tensor([[3.0, 1, 0], [2, 1, 0], [0, 5, 1], [0, 1, 2], [1, 0, 2]])
LABELS = torch.tensor([0, 1, 1, 2, 0])


def test_top_k_counts_the_best_answers():
    assert top_k_accuracy(LOGITS, LABELS, 1) == pytest.approx(3 / 5)
    assert top_k_accuracy(LOGITS, LABELS, 2) == pytest.approx(1)


def test_more_answers_than_glosses_are_all_of_them():
    assert top_k_accuracy(LOGITS, LABELS, 50) == 1


def test_every_gloss_counts_the_same_in_the_mean():
    assert mean_class_accuracy(LOGITS, LABELS) == pytest.approx((1 / 2 + 1 / 2 + 1) / 3)


def test_glosses_without_clips_do_not_count():
    assert mean_class_accuracy(LOGITS[:1], LABELS[:1]) == 1


def test_cross_entropy_of_even_odds():
    assert cross_entropy(torch.zeros(4, 8), torch.tensor([0, 1, 2, 3])) == pytest.approx(math.log(8))


def test_calibration_error_is_the_gap_between_promise_and_truth():
    # Probability .75 for the first of two glosses, which is right in half of the clips.
    logits = torch.tensor([[math.log(3.0), 0.0]]).repeat(10, 1)
    labels = torch.tensor([0, 1] * 5)
    assert calibration_error(logits, labels) == pytest.approx(0.25, abs=1e-5)


def test_a_calibrated_model_has_no_error():
    logits = torch.tensor([[math.log(3.0), 0.0]]).repeat(8, 1)
    labels = torch.tensor([0, 0, 0, 1] * 2)
    assert calibration_error(logits, labels) == pytest.approx(0, abs=1e-5)


def test_calibration_error_adds_up_fifteen_bins():
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(500, 4, generator=generator)
    labels = torch.randint(4, (500,), generator=generator)
    probability, answer = logits.softmax(dim=-1).max(dim=-1)
    right = (answer == labels).float()
    members = [(probability > low / 15) & (probability <= (low + 1) / 15) for low in range(15)]
    gaps = [(probability[bin_] - right[bin_]).mean().abs() * bin_.sum() / 500 for bin_ in members if bin_.any()]
    assert calibration_error(logits, labels) == pytest.approx(float(sum(gaps)), abs=1e-5)


def test_one_gloss_is_always_calibrated():
    assert calibration_error(torch.zeros(3, 1), torch.zeros(3, dtype=torch.long)) == 0


def test_auroc_is_the_share_of_pairs_in_the_right_order():
    confidence = torch.tensor([0.9, 0.4, 0.6, 0.1])
    right = torch.tensor([True, True, False, False])
    assert confidence_auroc(confidence, right) == pytest.approx(3 / 4)


def test_a_tie_counts_half_a_pair():
    confidence = torch.tensor([0.2, 0.2, 0.9, 0.1])
    right = torch.tensor([True, False, False, False])
    assert confidence_auroc(confidence, right) == pytest.approx((0.5 + 0 + 1) / 3)


@pytest.mark.parametrize("right", [[True, True], [False, False]])
def test_auroc_needs_right_and_wrong_answers(right):
    assert confidence_auroc(torch.tensor([0.1, 0.9]), torch.tensor(right)) is None


def test_reliability_of_clips_worked_out_by_hand():
    diagram = reliability(torch.tensor([0.01, 0.62, 0.64, 1.0]), torch.tensor([False, True, False, True]))
    assert diagram.share.tolist() == [0.25] + [0] * 8 + [0.5] + [0] * 4 + [0.25]
    assert diagram.accuracy[[0, 9, 14]].tolist() == [0, 0.5, 1]
    assert diagram.probability[[0, 9, 14]].tolist() == pytest.approx([0.01, 0.63, 1])
    assert diagram.accuracy[1:9].isnan().all()
    assert diagram.error == pytest.approx(0.25 * 0.01 + 0.5 * 0.13)


def test_the_bins_of_reliability_add_up_to_the_calibration_error():
    torch.manual_seed(0)
    logits, labels = torch.randn(500, 4), torch.randint(4, (500,))
    diagram = reliability(logits.softmax(dim=-1).amax(dim=-1), logits.argmax(dim=-1) == labels)
    assert diagram.error == pytest.approx(calibration_error(logits, labels))
    distance = (diagram.accuracy - diagram.probability).abs().nan_to_num()
    assert (diagram.share * distance).sum().item() == pytest.approx(diagram.error, rel=1e-4)


def test_a_bin_holds_its_lower_bound():
    bounds = torch.linspace(0, 1, 16)[:-1]
    assert reliability(bounds, torch.ones(15, dtype=torch.bool)).share.tolist() == pytest.approx([1 / 15] * 15)


def test_the_interval_of_a_mean_is_that_of_its_standard_error():
    low, high = bootstrap_interval(np.repeat([0.0, 1.0], 200))
    # 1.96 times the standard error of 400 answers of which half are right.
    assert (low, high) == pytest.approx((0.5 - 1.96 * 0.025, 0.5 + 1.96 * 0.025), abs=0.003)


def test_the_interval_of_equal_values_is_a_point():
    assert bootstrap_interval(np.full(7, 0.25)) == (0.25, 0.25)
