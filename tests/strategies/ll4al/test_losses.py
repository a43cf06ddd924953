"""The ranking loss by hand, and against the formula pair by pair."""

import pytest
import torch

from alframe.strategies.ll4al.module import ranking_loss


def test_a_batch_of_four_by_hand() -> None:
    """Pairs (0, 3) and (1, 2): one that is right by 2, and one that is wrong by 0.5."""
    predicted, target = torch.tensor([3.0, 0.5, 1.0, 1.0]), torch.tensor([9.0, 2.0, 1.0, 4.0])
    right, wrong = 0.0, 1 - (0.5 - 1.0)
    assert ranking_loss(predicted, target).item() == pytest.approx((right + wrong) / 2)
    assert ranking_loss(predicted, target, margin=3.0).item() == pytest.approx((1.0 + 3.5) / 2)


def test_right_by_less_than_the_margin_still_costs() -> None:
    predicted, target = torch.tensor([0.4, 0.0]), torch.tensor([2.0, 1.0])
    assert ranking_loss(predicted, target).item() == pytest.approx(0.6)
    assert ranking_loss(predicted, -target).item() == pytest.approx(1.4)


def test_the_gradient_pulls_the_pair_apart_and_spares_the_target() -> None:
    predicted = torch.tensor([0.0, 5.0, 0.0, 0.0], requires_grad=True)
    target = torch.tensor([1.0, 2.0, 1.5, 3.0], requires_grad=True)
    ranking_loss(predicted, target).backward()
    assert predicted.grad is not None
    assert predicted.grad.tolist() == [0.5, 0.0, 0.0, -0.5], "0 has the smaller loss, 3 the larger"
    assert target.grad is None


@pytest.mark.parametrize("size", [2, 3, 5, 6, 9])
def test_against_a_loop_over_pairs(size: int) -> None:
    generator = torch.Generator().manual_seed(size)
    predicted, target = torch.randn(2, size, generator=generator)
    costs = []
    even = size - size % 2
    for i in range(even // 2):
        j = even - 1 - i
        sign = 1 if target[i] > target[j] else -1
        costs.append(max(0.0, -sign * float(predicted[i] - predicted[j]) + 1))
    assert ranking_loss(predicted, target).item() == pytest.approx(sum(costs) / len(costs))


def test_the_last_image_of_an_odd_batch_forms_no_pair() -> None:
    predicted = torch.tensor([1.0, 1.5, 7.0], requires_grad=True)
    ranking_loss(predicted, torch.tensor([1.0, 2.0, 50.0])).backward()
    assert predicted.grad is not None
    assert predicted.grad.tolist() == [1.0, -1.0, 0.0]


def test_a_single_image_costs_nothing_and_equal_losses_teach_nothing() -> None:
    alone = torch.tensor([3.0], requires_grad=True)
    loss = ranking_loss(alone, torch.tensor([1.0]))
    assert loss.item() == 0
    loss.backward()
    pair = torch.tensor([3.0, 1.0], requires_grad=True)
    ranking_loss(pair, torch.tensor([2.0, 2.0])).backward()
    assert pair.grad is not None
    assert pair.grad.tolist() == [0, 0]


def test_half_precision_is_ranked_in_single() -> None:
    assert ranking_loss(torch.ones(4, dtype=torch.bfloat16), torch.ones(4)).dtype == torch.float32
