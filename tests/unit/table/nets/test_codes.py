"""Operations over the levels of all columns at once, held against the same a column at a time."""

import numpy as np
import pytest
import torch

from geratriz.table.nets import codes as module
from geratriz.table.nets.codes import Layout, evenly

SIZES = (3, 1, 40, 2)


@pytest.fixture(scope="module")
def logits() -> torch.Tensor:
    return 5 * torch.randn(50, sum(SIZES), generator=torch.Generator().manual_seed(0))


def test_probabilities_are_a_softmax_a_column(logits: torch.Tensor) -> None:
    expected = torch.cat([part.softmax(1) for part in torch.split(logits, SIZES, dim=1)], 1)
    assert torch.allclose(Layout(SIZES).probabilities(logits), expected, atol=1e-6)


def test_log_likelihoods_are_those_of_the_codes(logits: torch.Tensor) -> None:
    codes = torch.stack([torch.randint(size, (50,)) for size in SIZES], 1)
    parts = torch.split(logits.log_softmax(1), SIZES, dim=1)
    expected = [part.log_softmax(1).gather(1, codes[:, i : i + 1]) for i, part in enumerate(parts)]
    assert torch.allclose(Layout(SIZES).log_likelihood(logits, codes), torch.cat(expected, 1), atol=1e-4)


def test_gradients_through_levels_are_the_derivatives() -> None:
    layout = Layout((2, 3, 5))
    logits = torch.randn(4, 10, dtype=torch.float64, requires_grad=True)
    race = torch.rand(4, 10, dtype=torch.float64) + 0.1
    wanted = torch.tensor([[True, False, True]] * 4)
    codes = torch.tensor([[1, 2, 4]] * 4)
    assert torch.autograd.gradcheck(lambda x: layout.probabilities(x, 2.0, race, wanted), logits)
    assert torch.autograd.gradcheck(layout.probabilities, logits)
    assert torch.autograd.gradcheck(lambda x: layout.log_likelihood(x, codes), logits)


def test_who_wins_a_race_is_a_draw(logits: torch.Tensor) -> None:
    layout, rows = Layout(SIZES), 100_000
    expected = layout.probabilities(logits[:1])[0]
    race = -torch.rand(rows, len(expected)).log()
    soft = layout.probabilities(logits[:1].expand(rows, -1), 2.0, race, torch.ones(rows, len(SIZES), dtype=torch.bool))
    won = layout.highest(soft)
    seen = torch.cat([torch.bincount(won[:, i], minlength=size) for i, size in enumerate(SIZES)]) / rows
    assert torch.allclose(seen, expected, atol=0.006)


def test_the_highest_level_of_each_column_is_found(logits: torch.Tensor) -> None:
    expected = torch.stack([part.argmax(1) for part in torch.split(logits, SIZES, dim=1)], 1)
    assert torch.equal(Layout(SIZES).highest(logits), expected)


def test_calibrated_biases_give_the_marginals_of_the_table(logits: torch.Tensor) -> None:
    layout, rng = Layout(SIZES), torch.Generator().manual_seed(1)
    codes = torch.stack([torch.randint(size, (500,), generator=rng) ** 2 % size for size in SIZES], 1)
    wanted = layout.frequencies(codes)
    assert torch.equal(wanted, torch.cat([torch.eye(size)[codes[:, i]].mean(0) for i, size in enumerate(SIZES)]))
    bias, asked = torch.zeros(sum(SIZES)), []
    layout.calibrate(bias, wanted, lambda rows: asked.append(rows) or logits / 5)  # type: ignore[func-returns-value]
    assert asked == [32_768]
    assert torch.allclose(layout.probabilities(logits / 5 + bias).mean(0), wanted, atol=2e-3)


def test_codes_are_drawn_as_often_as_their_probability_says(logits: torch.Tensor) -> None:
    layout = Layout(SIZES)
    shares = layout.probabilities(logits[:1])
    drawn = layout.draw(shares.expand(100_000, -1), np.random.default_rng(0))
    seen = torch.cat([torch.bincount(drawn[:, i], minlength=size) for i, size in enumerate(SIZES)]) / len(drawn)
    assert torch.allclose(seen, shares[0], atol=0.006)


def test_a_level_of_probability_zero_is_never_drawn_even_at_the_ends_of_its_column() -> None:
    shares = torch.tensor([[0.0, 1.0, 0.0, 0.5, 0.5, 0.0]]).expand(20_000, -1)
    drawn = Layout((3, 3)).draw(shares, torch.Generator().manual_seed(0))
    assert set(drawn[:, 0].tolist()) == {1}
    assert set(drawn[:, 1].tolist()) == {0, 1}


def test_rare_levels_of_the_last_of_many_columns_are_drawn() -> None:
    columns = 400
    shares = torch.tensor([[0.999, 0.001]]).repeat(1, columns).expand(4000, -1)
    drawn = Layout((2,) * columns).draw(shares, np.random.default_rng(0))
    assert drawn[:, -50:].float().mean() == pytest.approx(0.001, rel=0.3)


def test_places_are_uniform_and_spread_evenly() -> None:
    places = evenly(np.random.default_rng(0), 1000, 3)
    assert places.dtype == np.float32 and places.min() >= 0 and places.max() < 1
    assert (np.sort((places * 1000).astype(int), axis=0) == np.arange(1000)[:, None]).all()
    assert np.abs(np.corrcoef(places.T) - np.eye(3)).max() < 0.15  # of each other they know nothing
    alone = np.array([evenly(np.random.default_rng(seed), 1, 1)[0, 0] for seed in range(400)])
    assert abs(alone.mean() - 0.5) < 0.06 and alone.std() > 0.25  # one row is anywhere


def test_codes_are_the_same_whether_drawn_some_rows_at_a_time_or_all(
    logits: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = Layout(SIZES)
    whole = layout.draw(layout.probabilities(logits), np.random.default_rng(0))
    monkeypatch.setattr(module, "CHUNK_LOGITS", 7 * sum(SIZES))
    asked: list[int] = []

    def logits_of(some: torch.Tensor) -> torch.Tensor:
        asked.append(len(some))
        return some

    assert torch.equal(layout.sample(logits_of, logits, np.random.default_rng(0)), whole)
    assert asked == [7] * 7 + [1]
