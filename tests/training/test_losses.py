import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from slr_hf.model.modeling_slr import SignClassifierOutput
from slr_hf.training.losses import (
    SignLoss,
    auxiliary_loss,
    confidence_loss,
    consistency_loss,
    curriculum_gamma,
    distillation_loss,
    focal_loss,
    margin_loss,
    smooth,
    soft_targets,
)


@pytest.fixture
def logits() -> torch.Tensor:
    return 3 * torch.randn(6, 5, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def labels() -> torch.Tensor:
    return torch.tensor([0, 1, 2, 3, 4, 0])


def test_soft_targets_are_one_hot(labels: torch.Tensor) -> None:
    targets = soft_targets(labels, 5)
    assert targets.dtype == torch.float32
    assert targets.sum(dim=-1).tolist() == [1.0] * 6
    assert targets.argmax(dim=-1).tolist() == labels.tolist()


def test_smoothing_moves_a_share_evenly_to_all_classes() -> None:
    smoothed = smooth(torch.tensor([[1.0, 0.0, 0.0, 0.0]]), 0.2)
    torch.testing.assert_close(smoothed, torch.tensor([[0.85, 0.05, 0.05, 0.05]]))


@given(label_smoothing=st.floats(0, 0.9))
def test_smoothed_targets_stay_probabilities(label_smoothing: float) -> None:
    targets = torch.tensor([[0.25, 0.75, 0.0], [0.0, 0.0, 1.0]])
    smoothed = smooth(targets, label_smoothing)
    torch.testing.assert_close(smoothed.sum(dim=-1), torch.ones(2))
    assert smoothed.min() >= 0


@pytest.mark.parametrize("label_smoothing", [0.0, 0.1])
def test_without_focus_it_is_cross_entropy(logits: torch.Tensor, labels: torch.Tensor, label_smoothing: float) -> None:
    expected = F.cross_entropy(logits, labels, reduction="none", label_smoothing=label_smoothing)
    torch.testing.assert_close(focal_loss(logits, soft_targets(labels, 5), 0.0, label_smoothing), expected)


def test_the_focal_loss_is_that_of_the_paper(logits: torch.Tensor, labels: torch.Tensor) -> None:
    probability = logits.softmax(dim=-1)[torch.arange(6), labels]
    expected = -((1 - probability) ** 2) * probability.log()
    torch.testing.assert_close(focal_loss(logits, soft_targets(labels, 5), 2.0), expected)


def test_well_recognised_clips_count_less_the_larger_gamma() -> None:
    easy, hard = torch.tensor([[4.0, 0.0]]), torch.tensor([[0.0, 4.0]])
    target = torch.tensor([[1.0, 0.0]])
    shares = [(focal_loss(easy, target, gamma) / focal_loss(hard, target, gamma)).item() for gamma in (0.0, 1.0, 2.0)]
    assert shares[0] > 10 * shares[1] > 100 * shares[2]


@given(share=st.floats(0, 1))
def test_the_loss_of_a_mixture_is_the_mixture_of_the_losses(share: float) -> None:
    logits = torch.tensor([[2.0, -1.0, 0.5]])
    first, second = torch.tensor([[1.0, 0.0, 0.0]]), torch.tensor([[0.0, 0.0, 1.0]])
    mixed = focal_loss(logits, share * first + (1 - share) * second, 2.0, 0.1)
    expected = share * focal_loss(logits, first, 2.0, 0.1) + (1 - share) * focal_loss(logits, second, 2.0, 0.1)
    torch.testing.assert_close(mixed, expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_extreme_logits_give_finite_losses_and_gradients(dtype: torch.dtype) -> None:
    logits = torch.tensor([[200.0, -200.0, 0.0]] * 2, dtype=dtype, requires_grad=True)
    loss = focal_loss(logits, soft_targets(torch.tensor([0, 1]), 3), 0.5, 0.1)
    loss.sum().backward()
    assert loss.dtype == torch.float32
    assert loss.isfinite().all()
    assert logits.grad is not None
    assert logits.grad.isfinite().all()


def test_later_auxiliary_classifiers_count_more(logits: torch.Tensor, labels: torch.Tensor) -> None:
    targets = soft_targets(labels, 5)
    first, second = logits, logits.flip(-1)
    expected = focal_loss(first, targets) / 3 + 2 * focal_loss(second, targets) / 3
    torch.testing.assert_close(auxiliary_loss((first, second), targets), expected)
    torch.testing.assert_close(auxiliary_loss((first,), targets), focal_loss(first, targets))


def test_the_confidence_is_trained_towards_whether_the_answer_is_right() -> None:
    logits = torch.tensor([[2.0, 1.0], [2.0, 1.0]])
    targets = soft_targets(torch.tensor([0, 1]), 2)
    confident = confidence_loss(torch.tensor([5.0, 5.0]), logits, targets)
    expected = -torch.tensor([5.0, -5.0]).sigmoid().log()
    torch.testing.assert_close(confident, expected)


def test_a_mixture_is_answered_right_with_its_heavier_gloss() -> None:
    logits = torch.eye(3) * 9
    mixture = torch.tensor([[0.7, 0.3, 0.0]] * 3)
    right, lighter, wrong = confidence_loss(torch.full((3,), 5.0), logits, mixture)
    assert right < 0.01
    assert lighter > 4
    assert wrong > 4


def test_an_even_mixture_is_answered_right_with_either_gloss() -> None:
    logits = torch.eye(3) * 9
    first, second, wrong = confidence_loss(torch.full((3,), 5.0), logits, torch.tensor([[0.5, 0.5, 0.0]] * 3))
    assert first == second < 0.01
    assert wrong > 4


def test_smoothing_leaves_the_right_answer(logits: torch.Tensor, labels: torch.Tensor) -> None:
    targets, confidence = soft_targets(labels, 5), torch.zeros(6)
    torch.testing.assert_close(
        confidence_loss(confidence, logits, targets), confidence_loss(confidence, logits, smooth(targets, 0.5))
    )


def test_the_confidence_does_not_pull_on_the_logits(logits: torch.Tensor, labels: torch.Tensor) -> None:
    logits.requires_grad_()
    confidence = torch.zeros(6, requires_grad=True)
    confidence_loss(confidence, logits, soft_targets(labels, 5)).sum().backward()
    assert logits.grad is None
    assert confidence.grad is not None
    assert confidence.grad.abs().min() > 0


def test_the_loss_of_a_recipe_is_the_weighted_sum(logits: torch.Tensor, labels: torch.Tensor) -> None:
    targets, confidence = soft_targets(labels, 5), torch.linspace(-1, 1, 6)
    auxiliary = (logits / 2, logits / 3)
    outputs = SignClassifierOutput(logits=logits, auxiliary_logits=auxiliary, confidence_logits=confidence)
    loss = SignLoss(focal_gamma=1.0, label_smoothing=0.2, auxiliary_weight=0.5, confidence_weight=0.25)
    expected = (
        focal_loss(logits, targets, 1.0, 0.2)
        + 0.5 * auxiliary_loss(auxiliary, targets, 1.0, 0.2)
        + 0.25 * confidence_loss(confidence, logits, targets)
    )
    torch.testing.assert_close(loss(outputs, targets), expected)


def test_a_model_without_confidence_head_is_trained_on_the_rest(logits: torch.Tensor, labels: torch.Tensor) -> None:
    targets = soft_targets(labels, 5)
    outputs = SignClassifierOutput(logits=logits, auxiliary_logits=(logits,))
    loss = SignLoss(focal_gamma=0.0, label_smoothing=0.0, auxiliary_weight=0.0)(outputs, targets)
    torch.testing.assert_close(loss, F.cross_entropy(logits, labels, reduction="none"))


@given(permutation=st.permutations(range(6)))
def test_every_clip_has_its_own_loss(permutation: list[int]) -> None:
    generator = torch.Generator().manual_seed(1)
    logits, confidence = torch.randn(6, 4, generator=generator), torch.randn(6, generator=generator)
    targets = torch.rand(6, 4, generator=generator).softmax(dim=-1)
    outputs = SignClassifierOutput(logits=logits, auxiliary_logits=(logits,), confidence_logits=confidence)
    shuffled = SignClassifierOutput(
        logits=logits[permutation], auxiliary_logits=(logits[permutation],), confidence_logits=confidence[permutation]
    )
    torch.testing.assert_close(SignLoss()(shuffled, targets[permutation]), SignLoss()(outputs, targets)[permutation])


def test_the_focus_grows_from_0_and_stays() -> None:
    assert [curriculum_gamma(2.0, 0.5, progress) for progress in (0, 0.25, 0.5, 1)] == [0, 1, 2, 2]
    assert curriculum_gamma(2.0, 0.0, 0.0) == 2


def test_the_loss_of_a_recipe_follows_its_curriculum(logits: torch.Tensor, labels: torch.Tensor) -> None:
    targets = soft_targets(labels, 5)
    outputs = SignClassifierOutput(logits=logits, auxiliary_logits=(logits,))
    loss = SignLoss(focal_gamma=2.0, focal_curriculum=1.0, label_smoothing=0.0, auxiliary_weight=0.5)
    for progress in (0.0, 0.3, 1.0):
        expected = 1.5 * focal_loss(logits, targets, 2 * progress)
        torch.testing.assert_close(loss(outputs, targets, progress), expected)


def test_the_margin_is_wanted_from_the_strongest_rivals_alone() -> None:
    logits = torch.tensor([[3.0, 2.5, 1.0, -9.0], [3.0, 0.0, 0.0, 0.0]])
    targets = soft_targets(torch.tensor([0, 0]), 4)
    torch.testing.assert_close(margin_loss(logits, targets, margin=1.0, rivals=2), torch.tensor([0.25, 0.0]))


def test_a_wrong_answer_costs_the_margin_and_the_distance() -> None:
    logits = torch.tensor([[0.0, 2.0]])
    targets = soft_targets(torch.tensor([0]), 2)
    torch.testing.assert_close(margin_loss(logits, targets, margin=1.0), torch.tensor([3.0]))


def test_of_an_even_mixture_no_margin_is_wanted() -> None:
    logits = torch.tensor([[0.0, 2.0, 1.0]] * 2)
    even, uneven = margin_loss(logits, torch.tensor([[0.5, 0.5, 0.0], [0.75, 0.25, 0.0]]))
    assert even == 0
    torch.testing.assert_close(uneven, 0.5 * margin_loss(logits[:1], torch.tensor([[1.0, 0.0, 0.0]]))[0])


@pytest.mark.parametrize("glosses", [1, 2])
def test_with_hardly_any_gloss_the_margin_is_finite(glosses: int) -> None:
    targets = soft_targets(torch.zeros(3, dtype=torch.long), glosses)
    assert margin_loss(torch.zeros(3, glosses), targets).isfinite().all()


def test_a_student_that_answers_as_its_teacher_has_nothing_to_learn(logits: torch.Tensor) -> None:
    torch.testing.assert_close(distillation_loss(logits, logits + 7, 3.0), torch.zeros(6), rtol=0, atol=1e-6)


def test_distillation_is_the_divergence_from_the_softened_teacher(logits: torch.Tensor) -> None:
    teacher = logits.flip(-1)
    p, q = (teacher / 2).softmax(dim=-1), (logits / 2).softmax(dim=-1)
    torch.testing.assert_close(distillation_loss(logits, teacher, 2.0), 4 * (p * (p / q).log()).sum(dim=-1))


def test_no_gradient_flows_into_the_teacher(logits: torch.Tensor) -> None:
    teacher = logits.clone().requires_grad_()
    student = logits.clone().requires_grad_()
    distillation_loss(student, teacher * 2).sum().backward()
    assert teacher.grad is None
    assert student.grad is not None


def test_views_that_agree_cost_nothing_and_the_loss_is_symmetric(logits: torch.Tensor) -> None:
    torch.testing.assert_close(consistency_loss(logits, logits), torch.zeros(6))
    other = logits.flip(-1)
    torch.testing.assert_close(consistency_loss(logits, other), consistency_loss(other, logits))
    p, q = logits.softmax(dim=-1), other.softmax(dim=-1)
    torch.testing.assert_close(consistency_loss(logits, other), ((p - q) * (p / q).log()).sum(dim=-1) / 2)


def test_further_losses_are_added_with_their_weights(logits: torch.Tensor, labels: torch.Tensor) -> None:
    targets, teacher = soft_targets(labels, 5), logits.flip(-1)
    outputs = SignClassifierOutput(logits=logits, auxiliary_logits=(logits,))
    loss = SignLoss(auxiliary_weight=0, margin_weight=0.2, margin=2.0, distillation_weight=0.3)
    expected = (
        focal_loss(logits, targets, 2.0, 0.1)
        + 0.2 * margin_loss(logits, targets, 2.0)
        + 0.3 * distillation_loss(logits, teacher)
    )
    torch.testing.assert_close(loss(outputs, targets, teacher_logits=teacher), expected)


def test_two_views_give_one_loss_a_clip(logits: torch.Tensor, labels: torch.Tensor) -> None:
    targets = soft_targets(labels, 5)
    both = torch.cat([logits, logits.flip(-1)])
    outputs = SignClassifierOutput(logits=both, auxiliary_logits=(both,))
    loss = SignLoss(auxiliary_weight=0, consistency_weight=0.5)(outputs, torch.cat([targets, targets]))
    first, second = (focal_loss(view, targets, 2.0, 0.1) for view in both.chunk(2))
    torch.testing.assert_close(loss, (first + second) / 2 + 0.5 * consistency_loss(*both.chunk(2)))


def test_distillation_without_a_teacher_is_refused(logits: torch.Tensor, labels: torch.Tensor) -> None:
    outputs = SignClassifierOutput(logits=logits, auxiliary_logits=(logits,))
    with pytest.raises(ValueError, match="needs a teacher"):
        SignLoss(distillation_weight=1.0)(outputs, soft_targets(labels, 5))


@pytest.mark.parametrize(
    "values",
    [{"focal_gamma": -1.0}, {"label_smoothing": 1.5}, {"margin": 0.0}, {"margin_weight": float("nan")}],
)
def test_weights_out_of_range_are_refused(values: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=f"`{next(iter(values))}` must"):
        SignLoss(**values)
