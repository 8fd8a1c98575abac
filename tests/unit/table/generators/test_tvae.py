"""What is particular to the tabular VAE: latents, conditions, its losses, its prior."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from geratriz import bundle
from geratriz.errors import BundleError, ConfigError, RequestError, TrainingError
from geratriz.table.data.codec import Codec
from geratriz.table.data.levels import CodecConfig
from geratriz.table.data.table import Table
from geratriz.table.generators import tvae
from geratriz.table.generators.tvae import Tvae, TvaeConfig
from geratriz.table.nets.mixture import Mixture
from tests.tables import mixed
from tests.unit.fitting.recorder import Recorder

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("quick_calibration")]
# one fit of seconds for the whole file: dependences are learnt after that many steps and no fewer
LEARNT: dict[str, Any] = {"epochs": 25, "width": 64, "latent": 8, "batch": 128, "rate": 6e-3, "components": 40}


@pytest.fixture(scope="module")
def data() -> Table:
    return mixed(3000)


@pytest.fixture(scope="module")
def losses() -> Recorder:
    return Recorder()


@pytest.fixture(scope="module")
def generator(data: Table, losses: Recorder) -> Tvae:
    config = TvaeConfig(**LEARNT, threads=1)
    return Tvae.fit(data, config, seed=0, device="cpu", tracker=losses)


def test_reconstruction_and_kl_are_logged_apart_and_fall_and_units_are_active(
    generator: Tvae, losses: Recorder
) -> None:
    first, last = losses.rounds[0], losses.rounds[-1]
    assert set(first) == {"reconstruction", "kl", "active_units", "held_out"}
    assert last["held_out"] < 0.9 * first["held_out"]
    assert last["reconstruction"] < 0.7 * first["reconstruction"]
    assert last["kl"] > 0.1
    assert 1 <= last["active_units"] <= generator.config.latent


def test_what_depends_in_the_data_depends_in_the_sample(generator: Tvae, data: Table) -> None:
    sample = generator.sample(5000, seed=1).frame
    for frame in (sample, data.frame):
        means = frame.groupby("group", observed=True)["weight"].mean()
        assert means["a"] == pytest.approx(0, abs=0.8)
        assert means["b"] == pytest.approx(5, abs=0.8)
        assert means["c"] == pytest.approx(20, abs=3.5)  # 300 rows of c: some leak in from the other groups
    assert sample.loc[sample["group"] == "b", "rating"].isna().mean() > 0.9
    assert sample.loc[sample["group"] == "a", "rating"].isna().mean() < 0.1


def test_a_condition_pulls_the_other_columns_along(generator: Tvae, data: Table) -> None:
    rare = generator.sample(2000, seed=1, where={"group": "c"}).frame
    assert rare["weight"].mean() == pytest.approx(20, abs=3.5)
    assert data.frame["weight"].mean() < 5
    both = generator.sample(500, seed=1, where={"sold": False, "group": "a"}).frame
    assert both["price"].mean() < 9


def test_encode_and_decode_bring_a_row_back(generator: Tvae, data: Table) -> None:
    some = data.take(slice(0, 300))
    latents = generator.encode(some)
    assert latents.shape == (300, generator.config.latent)
    assert latents.dtype == np.float32
    back = generator.decode(latents, seed=0).frame
    assert (back["group"].astype(str) == some.frame["group"].astype(str)).mean() > 0.95
    assert np.corrcoef(back["weight"], some.frame["weight"])[0, 1] > 0.9


def test_interpolation_starts_and_ends_at_its_ends(generator: Tvae, data: Table) -> None:
    low, high = (data.frame["group"] == name for name in ("a", "c"))
    ends = data.take([int(np.flatnonzero(low)[0]), int(np.flatnonzero(high)[0])])
    path = generator.interpolate(ends, 9, seed=0)
    assert len(path) == 9
    assert path.frame["group"].astype(str).iloc[[0, -1]].tolist() == ["a", "c"]


def test_wrong_latents_and_ends_name_themselves(generator: Tvae, data: Table) -> None:
    with pytest.raises(RequestError, match=r"latents have shape \(3, 2\), expected \(rows, 8\)"):
        generator.decode(np.zeros((3, 2)), seed=0)
    with pytest.raises(RequestError, match="a table of 2 rows"):
        generator.interpolate(data.take(slice(0, 3)), 5, seed=0)


def test_a_category_that_was_never_seen_is_not_encoded(generator: Tvae, data: Table) -> None:
    stranger = data.frame.iloc[:1].assign(note="maybe")
    with pytest.raises(RequestError, match="'maybe', never seen"):
        generator.encode(Table.from_frame(stranger, schema=data.schema))


def test_rare_categories_are_drawn_about_as_often_as_they_are(data: Table) -> None:
    words = np.random.default_rng(0).choice(["common", "rare"], 4000, p=[0.97, 0.03])
    config = TvaeConfig(epochs=10, width=32, latent=2, batch=200, components=4, threads=1)
    drawn = Tvae.fit(Table.from_frame(pd.DataFrame({"x": words, "y": words})), config, seed=0).sample(8000, seed=0)
    assert 0.025 < (drawn.frame["x"] == "rare").mean() < 0.035


@pytest.mark.parametrize(
    ("classes", "groups"),
    [
        ([0] * 50 + [1] * 30, [0] * 50 + [1] * 30),
        ([1] * 30 + [0] * 9 + [2] * 20, [0] * 39 + [1] * 20),  # nine are too few and go to the thirty
        ([0] * 20 + [1] * 20 + [2] * 20 + [3] * 20, [0] * 80),  # more than three
        ([0] * 5, [0] * 5),
    ],
)
def test_classes_of_enough_rows_are_groups_of_their_own_where_they_are_few(
    classes: list[int], groups: list[int]
) -> None:
    assert tvae._groups(np.array(classes), max_groups=3, min_rows=10).tolist() == groups


def test_each_class_has_its_share_of_the_prior_and_a_numeric_target_none() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"class": rng.choice(["a", "b"], 2000, p=[0.75, 0.25]), "x": rng.normal(size=2000)})
    config = TvaeConfig(epochs=2, width=32, latent=4, batch=200, components=40, threads=1)
    fitted = Tvae.fit(Table.from_frame(frame, target="class"), config, seed=0)
    share = (frame["class"] == "a").mean()
    assert fitted.prior.weights[: round(40 * share)].sum() == pytest.approx(share)
    assert fitted.prior.weights.sum() == pytest.approx(1)
    assert tvae._target(Tvae.fit(Table.from_frame(frame, target="x"), config, seed=0).codec) is None


def test_a_target_that_another_column_says_is_known_by_that_column() -> None:
    flags = ["no", "yes", "yes"] * 100
    frame = pd.DataFrame({"x": np.arange(300) % 7, "flag": [each[0] for each in flags], "class": flags})
    codec = Codec.fit(Table.from_frame(frame, target="class"), CodecConfig(), np.random.default_rng(0))
    assert codec.modelled == (0, 1)
    assert tvae._target(codec) == 1


@pytest.fixture(scope="module")
def small_flow() -> Iterator[None]:
    """A flow that is a twentieth of the usual one to compute, whether it is fitted or sampled."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tvae, "FLOW_SIZE", {"width": 48, "blocks": 2})
        patch.setattr(tvae, "FLOW_STEPS", 200)
        patch.setattr(tvae, "FLOW_BATCH", 256)
        yield


@pytest.fixture(scope="module")
def flowing(data: Table, small_flow: None) -> Tvae:
    return Tvae.fit(data, TvaeConfig(**LEARNT, threads=1, prior="flow"), seed=0, device="cpu")


def test_a_flow_starts_from_the_very_mixture_that_a_fit_without_it_has(flowing: Tvae, generator: Tvae) -> None:
    assert flowing.flow is not None and generator.flow is None
    assert np.array_equal(flowing.prior.means, generator.prior.means)
    assert not flowing.sample(50, seed=1).frame.equals(generator.sample(50, seed=1).frame)


def test_rows_and_conditions_go_through_the_flow(flowing: Tvae) -> None:
    means = flowing.sample(5000, seed=1).frame.groupby("group", observed=True)["weight"].mean()
    assert means["b"] - means["a"] == pytest.approx(5, abs=1.5)
    rare = flowing.sample(500, seed=1, where={"group": "c"}).frame
    assert (rare["group"] == "c").all()
    assert rare["weight"].mean() == pytest.approx(20, abs=4)


def test_a_flow_comes_back_from_disk_and_draws_the_same_rows(flowing: Tvae, tmp_path: Path) -> None:
    flowing.save(tmp_path / "model")
    back = Tvae.load(tmp_path / "model")
    for where in (None, {"group": "b"}):
        drawn = flowing.sample(200, seed=3, where=where).frame
        pd.testing.assert_frame_equal(back.sample(200, seed=3, where=where).frame, drawn)


def test_a_bundle_without_a_part_of_its_flow_says_so(flowing: Tvae, tmp_path: Path) -> None:
    flowing.save(tmp_path / "model")
    found = bundle.read(tmp_path / "model")
    gone = next(name for name in found.arrays if name.startswith("prior.network."))
    arrays = {name: each for name, each in found.arrays.items() if name != gone}
    head = {name: each for name, each in found.head.items() if name not in ("format", "kind", "parts")}
    bundle.write(tmp_path / "earlier", kind="tvae", head=head, arrays=arrays)
    with pytest.raises(BundleError, match=f"holds no {gone}: it was written by an earlier geratriz"):
        Tvae.load(tmp_path / "earlier")


def test_a_fit_with_a_flow_gives_the_same_bytes_again_and_after_a_cut(small_flow: None, tmp_path: Path) -> None:
    data = mixed(600)
    config = TvaeConfig(epochs=2, width=32, latent=4, batch=64, components=4, threads=1, prior="flow")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tvae, "FLOW_STEPS", 5)
        whole = Tvae.fit(data, config, seed=0, device="cpu")
        fit_flow = tvae._fit_flow
        patch.setattr(tvae, "_fit_flow", _cut)
        with pytest.raises(KeyboardInterrupt):
            Tvae.fit(data, config, seed=0, device="cpu", checkpoint=tmp_path / "kept")
        patch.setattr(tvae, "_fit_flow", fit_flow)
        resumed = Tvae.fit(data, config, seed=0, device="cpu", checkpoint=tmp_path / "kept")
    pd.testing.assert_frame_equal(resumed.sample(300, seed=1).frame, whole.sample(300, seed=1).frame)
    assert not (tmp_path / "kept").exists()


def _cut(*_: object) -> None:
    raise KeyboardInterrupt


def test_a_loss_that_is_not_finite_ends_the_fit_with_the_reason(data: Table) -> None:
    config = TvaeConfig(epochs=5, width=32, latent=4, batch=64, rate=1e20, threads=1, precision="float32")
    with pytest.raises(TrainingError, match=r"not finite in round \d+ of \d+ .*Lower the setting `rate`"):
        Tvae.fit(data, config, seed=0)


def test_a_device_that_is_not_there_is_named(data: Table) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a CUDA device")
    with pytest.raises(ConfigError, match="torch sees no CUDA device"):
        Tvae.fit(data, TvaeConfig(), seed=0, device="cuda")


def test_bfloat16_fits_too_and_is_recorded() -> None:
    config = TvaeConfig(epochs=2, width=32, latent=4, batch=64, precision="bfloat16", threads=1)
    generator = Tvae.fit(mixed(200), config, seed=0, device="cpu")
    assert generator.record.precision == "bfloat16"
    assert len(generator.sample(10, seed=0)) == 10


@pytest.mark.parametrize("setting", [{"epochs": 0}, {"rate": 0.0}, {"ema": 1.0}, {"components": 0}, {"prior": "vine"}])
def test_settings_out_of_range_are_refused(setting: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(setting))):
        TvaeConfig(**setting)


def test_the_mixture_finds_the_gaussians_it_was_drawn_from() -> None:
    rng = np.random.default_rng(0)
    means = np.array([[0.0, 0.0], [6.0, 0.0], [0.0, 8.0]])
    component = rng.choice(3, 6000, p=[0.5, 0.3, 0.2])
    points = means[component] + rng.normal(size=(6000, 2)) * [1.0, 0.5]
    mixture = Mixture.fit(torch.from_numpy(points), 3, iterations=50, seed=0)
    order = np.argsort(-mixture.weights)
    assert mixture.weights[order] == pytest.approx([0.5, 0.3, 0.2], abs=0.02)
    assert mixture.means[order] == pytest.approx(means, abs=0.1)
    drawn = mixture.sample(20000, rng)
    assert np.cov(drawn.T) == pytest.approx(np.cov(points.T), rel=0.1, abs=0.3)


def test_joined_mixtures_keep_their_shares() -> None:
    parts = [
        Mixture.fit(torch.randn(500, 2, generator=torch.Generator().manual_seed(at)) + at, 2, iterations=3, seed=at)
        for at in (0, 9)
    ]
    joined = Mixture.joined(parts, np.array([0.2, 0.8]))
    assert joined.weights.sum() == pytest.approx(1) and joined.weights[:2].sum() == pytest.approx(0.2)
    drawn = joined.sample(20_000, np.random.default_rng(0))
    assert (drawn[:, 0] > 4.5).mean() == pytest.approx(0.8, abs=0.02)


def test_points_beside_others_follow_the_mixture_and_stay_near() -> None:
    rng = np.random.default_rng(0)
    means = np.array([[0.0, 0.0], [9.0, 0.0]])
    component = rng.choice(2, 20_000, p=[0.3, 0.7])
    points = torch.from_numpy(means[component] + rng.normal(size=(20_000, 2)) * [1.0, 0.5]).float()
    mixture = Mixture.fit(points, 2, iterations=20, seed=0)
    moved = {}
    for share in (0.0, 0.5, 1.0):
        near = mixture.neighbours(share, "cpu")(points, torch.Generator().manual_seed(0))
        moved[share] = float((near - points).square().sum(1).mean())
        assert torch.cov(near.T).numpy() == pytest.approx(torch.cov(points.T).numpy(), rel=0.05, abs=0.05)
        assert torch.equal(near[:, 0] > 4.5, points[:, 0] > 4.5)
    assert moved[0.0] == pytest.approx(2 * 1.25, rel=0.05)
    assert moved[0.5] == pytest.approx(moved[0.0] / 2, rel=0.05)
    assert moved[1.0] == pytest.approx(0, abs=1e-6)
