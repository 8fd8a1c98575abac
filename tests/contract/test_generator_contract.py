"""The promises of generators/base.py, held for every entry of the catalog: a new generator inherits this file."""

import contextlib
import json
import pickle
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from geratriz import bundle
from geratriz.errors import BundleError, ConfigError, RequestError
from geratriz.table.data.table import Table
from geratriz.table.generators import catalog
from geratriz.table.generators.base import BLOCK, Generator
from geratriz.tracking import NullTracker
from tests.tables import mixed

QUICK: dict[str, dict[str, Any]] = {
    "autoregressive": {"epochs": 3, "width": 32, "batch": 64, "components": 4, "threads": 1},
    "ctgan": {"steps": 60, "width": 32, "noise": 8, "batch": 64, "threads": 1},
    "tvae": {"epochs": 3, "width": 32, "latent": 4, "batch": 64, "components": 5, "threads": 1},
}


def fit(kind: str, data: Table, **arguments: Any) -> Generator[Any]:
    generator_cls = catalog.find(kind)
    config = generator_cls.config_cls(**QUICK.get(kind, {}))
    return generator_cls.fit(data, config, **{"seed": 0, "device": "cpu", **arguments})


@pytest.fixture(scope="module")
def data() -> Table:
    return mixed()


@pytest.fixture(scope="module", params=catalog.GENERATORS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def generator(kind: str, data: Table) -> Generator[Any]:
    return fit(kind, data)


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_a_sample_has_the_schema_the_dtypes_and_the_length_asked_for(generator: Generator[Any], data: Table) -> None:
    for n in (1, 7, np.int64(1000)):
        sample = generator.sample(n, seed=1)
        assert isinstance(sample, Table)
        assert len(sample) == n
        assert sample.schema == data.schema
        assert sample.frame.dtypes.equals(data.frame.dtypes)
        assert list(sample.frame.columns) == list(data.frame.columns)


def test_values_stay_inside_what_was_seen(generator: Generator[Any], data: Table) -> None:
    sample = generator.sample(2000, seed=1).frame
    for name in ("size", "price", "weight", "day", "rating"):
        assert sample[name].min() >= data.frame[name].min()
        assert sample[name].max() <= data.frame[name].max()
    for name in ("group", "note"):
        assert set(sample[name].dropna()) <= set(data.frame[name].dropna())
    assert np.array_equal(sample["price"], sample["price"].round(2))
    assert (sample["day"].dt.normalize() == sample["day"]).all()


def test_missing_values_come_where_they_were_and_nowhere_else(generator: Generator[Any], data: Table) -> None:
    sample = generator.sample(2000, seed=1).frame
    seen = data.frame.isna().mean()
    drawn = sample.isna().mean()
    assert (drawn[seen == 0] == 0).all()
    assert (drawn[seen > 0] > 0).all()


def test_ids_are_issued_anew_and_go_on_from_block_to_block(generator: Generator[Any]) -> None:
    numbers = generator.sample(BLOCK + 10, seed=1).frame["number"]
    assert numbers.tolist() == list(range(1, BLOCK + 11))


def test_equal_data_config_and_seed_give_equal_bytes(kind: str, data: Table, tmp_path: Path) -> None:
    for name in ("one", "two"):
        fit(kind, data).save(tmp_path / name)
    assert content(tmp_path / "one") == content(tmp_path / "two")
    first, second = (catalog.load(tmp_path / name).sample(500, seed=3) for name in ("one", "two"))
    pd.testing.assert_frame_equal(first.frame, second.frame)


def test_other_seeds_give_other_rows(generator: Generator[Any]) -> None:
    first, second = generator.sample(200, seed=1).frame, generator.sample(200, seed=2).frame
    assert not first.drop(columns="number").equals(second.drop(columns="number"))


def test_sampling_changes_nothing(generator: Generator[Any], tmp_path: Path) -> None:
    generator.save(tmp_path / "before")
    first = generator.sample(100, seed=5)
    generator.sample(3000, seed=6)
    pd.testing.assert_frame_equal(first.frame, generator.sample(100, seed=5).frame)
    generator.save(tmp_path / "after")
    assert content(tmp_path / "before") == content(tmp_path / "after")


def test_global_random_state_is_left_as_it_was(kind: str, data: Table) -> None:
    random.seed(4)
    np.random.seed(4)  # noqa: NPY002 - the global state is what is tested
    torch.manual_seed(4)
    expected = (random.random(), np.random.random(), torch.rand(1).item())  # noqa: NPY002
    random.seed(4)
    np.random.seed(4)  # noqa: NPY002
    torch.manual_seed(4)
    threads = torch.get_num_threads()
    fit(kind, data, seed=9).sample(10, seed=1)
    assert (random.random(), np.random.random(), torch.rand(1).item()) == expected  # noqa: NPY002
    assert torch.get_num_threads() == threads
    assert not torch.are_deterministic_algorithms_enabled()


def test_a_loaded_generator_samples_equal_rows(generator: Generator[Any], tmp_path: Path) -> None:
    generator.save(tmp_path)
    loaded = catalog.load(tmp_path)
    assert type(loaded) is type(generator)
    assert loaded.config == generator.config
    assert loaded.record == generator.record
    pd.testing.assert_frame_equal(loaded.sample(300, seed=2).frame, generator.sample(300, seed=2).frame)


def test_any_range_of_rows_can_be_drawn_alone(generator: Generator[Any]) -> None:
    whole = generator.sample(BLOCK + 200, seed=8).frame
    for start, n in ((0, 5), (BLOCK - 3, 6), (BLOCK + 100, 100)):
        parts = [block.frame for block in generator.blocks(n, seed=8, start=start)]
        pd.testing.assert_frame_equal(
            pd.concat(parts, ignore_index=True), whole.iloc[start : start + n].reset_index(drop=True)
        )


def test_where_fixes_columns_and_leaves_the_rest_random(generator: Generator[Any]) -> None:
    where: Mapping[str, Any] = {"group": "c", "price": 30.11, "rating": None}
    sample = generator.sample(300, seed=1, where=where).frame
    assert (sample["group"] == "c").all()
    assert (sample["price"] == 30.11).all()
    assert sample["rating"].isna().all()
    assert sample["weight"].nunique() > 50


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ({"grup": "a"}, "Did you mean 'group'"),
        ({"group": "aa"}, "never seen"),
        ({"price": 1e9}, "outside the range"),
        ({"price": "dear"}, "the column is float"),
        ({"number": 3}, "no column the generator learnt"),
        ({"price": None}, "missing 'price'"),
    ],
)
def test_a_condition_that_cannot_be_met_names_itself(
    generator: Generator[Any], where: Mapping[str, Any], message: str
) -> None:
    with pytest.raises(RequestError, match=message):
        generator.sample(3, seed=0, where=where)


@pytest.mark.parametrize("n", [0, -1, 2.5, "many", None])
def test_a_number_of_rows_that_makes_no_sense_names_itself(generator: Generator[Any], n: Any) -> None:
    with pytest.raises(RequestError, match="n, the number of rows"):
        generator.sample(n, seed=0)


def test_a_config_of_another_generator_is_refused(kind: str, data: Table) -> None:
    with pytest.raises(ConfigError, match=kind):
        catalog.find(kind).fit(data, object(), seed=0)


def test_no_file_of_a_bundle_is_a_pickle(generator: Generator[Any], tmp_path: Path) -> None:
    generator.save(tmp_path)
    assert set(content(tmp_path)) == {bundle.HEAD, bundle.TENSORS}
    for data in content(tmp_path).values():
        with pytest.raises((pickle.UnpicklingError, ValueError, EOFError, KeyError, IndexError)):
            pickle.loads(data)


def test_a_changed_byte_is_found(generator: Generator[Any], tmp_path: Path) -> None:
    generator.save(tmp_path)
    tensors = bytearray((tmp_path / bundle.TENSORS).read_bytes())
    tensors[-1] ^= 1
    (tmp_path / bundle.TENSORS).write_bytes(tensors)
    with pytest.raises(BundleError, match="not what was saved"):
        catalog.load(tmp_path)


def test_a_bundle_of_an_earlier_make_of_its_kind_is_refused(generator: Generator[Any], tmp_path: Path) -> None:
    generator.save(tmp_path)
    found = bundle.read(tmp_path)
    names = [name for name in found.arrays if name.startswith("network.")]
    if not names:
        pytest.skip("a kind without a network")
    arrays = {name: each for name, each in found.arrays.items() if name != names[0]}
    head = {name: each for name, each in found.head.items() if name not in ("format", "kind", "parts")}
    bundle.write(tmp_path / "earlier", kind=generator.kind, head=head, arrays=arrays)
    with pytest.raises(BundleError, match=rf"holds no {names[0]}: it was written by an earlier geratriz"):
        catalog.load(tmp_path / "earlier")


def test_a_missing_part_a_newer_format_and_an_unknown_kind_are_refused(
    generator: Generator[Any], tmp_path: Path
) -> None:
    generator.save(tmp_path)
    (tmp_path / bundle.TENSORS).rename(tmp_path / "aside")
    with pytest.raises(BundleError, match=r"tensors\.safetensors is missing"):
        catalog.load(tmp_path)
    (tmp_path / "aside").rename(tmp_path / bundle.TENSORS)
    head = json.loads((tmp_path / bundle.HEAD).read_text())
    (tmp_path / bundle.HEAD).write_text(json.dumps({**head, "format": bundle.FORMAT + 1}))
    with pytest.raises(BundleError, match="Upgrade geratriz"):
        catalog.load(tmp_path)
    (tmp_path / bundle.HEAD).write_text(json.dumps({**head, "kind": "oracle"}))
    with pytest.raises(BundleError, match="does not know"):
        catalog.load(tmp_path)
    with pytest.raises(BundleError, match="holds no generator"):
        catalog.load(tmp_path / "nowhere")


class _CutOff(NullTracker):
    """Ends the fit after a number of steps, as a person or a power cut would."""

    def __init__(self, after: int) -> None:
        self._after = after

    def metrics(self, values: Mapping[str, float], *, step: int, steps: int) -> None:
        if step == self._after:
            raise KeyboardInterrupt


def test_a_fit_that_is_cut_off_ends_in_the_bytes_of_one_that_never_was(
    kind: str, data: Table, generator: Generator[Any], tmp_path: Path
) -> None:
    checkpoint = tmp_path / "checkpoint"
    for after in (1, 2):
        try:
            fit(kind, data, tracker=_CutOff(after), checkpoint=checkpoint)
        except KeyboardInterrupt as stop:
            assert list(checkpoint.iterdir()), "nothing was kept of a fit that was cut off"
            assert f"after round {after} of" in str(stop)
            assert f"{checkpoint}: the same fit, run again, goes on" in str(stop)
    fit(kind, data, checkpoint=checkpoint).save(tmp_path / "resumed")
    generator.save(tmp_path / "whole")
    assert content(tmp_path / "resumed") == content(tmp_path / "whole")
    assert not checkpoint.exists() or not list(checkpoint.iterdir()), "a finished fit leaves nothing behind"


def test_a_checkpoint_of_another_fit_is_not_gone_on_from(
    kind: str, data: Table, generator: Generator[Any], tmp_path: Path
) -> None:
    with contextlib.suppress(KeyboardInterrupt):
        fit(kind, data, seed=1, tracker=_CutOff(2), checkpoint=tmp_path / "checkpoint")
    fit(kind, data, checkpoint=tmp_path / "checkpoint").save(tmp_path / "fitted")
    generator.save(tmp_path / "whole")
    assert content(tmp_path / "fitted") == content(tmp_path / "whole")


@pytest.mark.parametrize("rows", [1, 2, 30])
def test_a_tiny_table_is_fitted_and_sampled(kind: str, rows: int) -> None:
    tiny = mixed(rows)
    sample = fit(kind, tiny).sample(20, seed=0)
    assert sample.frame.dtypes.astype(str).equals(tiny.frame.dtypes.astype(str))  # categories may be too rare to stay


def test_one_column_is_a_table(kind: str) -> None:
    single = Table.from_frame(pd.DataFrame({"x": ["u", "v"] * 50}))
    assert set(fit(kind, single).sample(50, seed=0).frame["x"]) == {"u", "v"}


def test_a_constant_and_an_empty_column_come_back_as_they_were(kind: str) -> None:
    frame = pd.DataFrame({"x": [1.5] * 80, "none": pd.Series([None] * 80, dtype="float64"), "y": [1, 2] * 40})
    sample = fit(kind, Table.from_frame(frame)).sample(50, seed=0).frame
    assert (sample["x"] == 1.5).all()
    assert sample["none"].isna().all()
