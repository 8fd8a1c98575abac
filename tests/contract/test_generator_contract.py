"""The promises of fitting/generator.py, held for every generator of every domain: a new one inherits this file.

What only tables or only images promise stands in test_table_generators.py and test_image_generators.py.
"""

import json
import pickle
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from geratriz import bundle, domains
from geratriz.errors import BundleError, ConfigError, RequestError
from tests.domain_examples import EXAMPLES, GENERATORS, Case, Rounds, cases, files_of, fitted


@pytest.fixture(scope="module", params=cases())
def case(request: pytest.FixtureRequest) -> Case:
    return fitted(*request.param)


def load(case: Case, folder: Path) -> Any:
    return domains.train(case.domain).GENERATORS.load(folder)


def global_state() -> tuple[float, float, float, int, bool]:
    """The next numbers of every global generator, and what torch computes with."""
    numbers = random.random(), np.random.random(), torch.rand(1).item()  # noqa: NPY002 - the global state is tested
    return *numbers, torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()


def test_every_domain_has_an_example() -> None:
    assert set(EXAMPLES) == set(domains.DOMAINS)


# sample(n) returns n rows or images with the schema and type of the training data.


@pytest.mark.parametrize("n", [1, 7, np.int64(1000)])
def test_a_sample_has_the_schema_the_type_and_the_length_asked_for(case: Case, n: Any) -> None:
    sample = case.generator.sample(n, seed=1)
    assert type(sample) is type(case.data)
    assert len(sample) == n
    assert sample.schema == case.data.schema


@pytest.mark.parametrize("n", [0, -1, 2.5, "many", None])
def test_a_number_that_makes_no_sense_names_itself(case: Case, n: Any) -> None:
    with pytest.raises(RequestError, match=f"n, the number of {case.generator.unit}"):
        case.generator.sample(n, seed=0)
    if n != 0:
        with pytest.raises(RequestError, match=f"start, the first of the {case.generator.unit}"):
            next(case.generator.blocks(1, seed=0, start=n))


def test_a_condition_holds_in_all_data(case: Case) -> None:
    sample = case.generator.sample(300, seed=1, where=case.example.where)
    assert len(sample) == 300
    assert case.example.holds(sample)
    assert not case.example.holds(case.generator.sample(300, seed=1))


def test_a_condition_that_cannot_be_met_names_itself_and_the_nearest(case: Case) -> None:
    with pytest.raises(RequestError, match=f"never seen.*{case.example.nearest}"):
        case.generator.sample(3, seed=0, where=case.example.misspelt)
    with pytest.raises(RequestError, match="'nowhere'"):
        case.generator.sample(3, seed=0, where={"nowhere": 1})


def test_the_smallest_data_are_fitted_and_sampled(case: Case) -> None:
    smallest = case.example.data(case.example.smallest)
    assert len(case.fit(data=smallest).sample(5, seed=0)) == 5


# Equal data, config, seed and thread count give equal bytes; another seed gives other data.


def test_equal_data_config_and_seed_give_equal_bytes(case: Case, tmp_path: Path) -> None:
    again = case.fit()
    for name, generator in (("one", case.generator), ("two", again)):
        generator.save(tmp_path / name)
    assert files_of(tmp_path / "one") == files_of(tmp_path / "two")
    case.example.assert_equal(case.generator.sample(50, seed=3), again.sample(50, seed=3))


def test_other_seeds_give_other_data(case: Case) -> None:
    first, second = (case.generator.sample(50, seed=seed) for seed in (1, 2))
    with pytest.raises(AssertionError):
        case.example.assert_equal(first, second)


def test_the_record_says_what_another_fit_must_share(case: Case) -> None:
    record = case.generator.record
    assert (record.seed, record.rows, record.device, record.threads) == (0, len(case.data), "cpu", 1)


def test_the_record_says_nothing_of_the_values_of_the_data(case: Case) -> None:
    """A hash of all rows confirms a guess of the one cell that somebody does not know."""
    assert case.fit(data=case.example.data(case.example.count, seed=5)).record == case.generator.record


# Sampling changes neither the generator nor the global random state.


def test_sampling_changes_nothing(case: Case, tmp_path: Path) -> None:
    case.generator.save(tmp_path / "before")
    first = case.generator.sample(10, seed=5)
    case.generator.sample(400, seed=6)
    case.generator.acceptance(seed=7)
    case.example.assert_equal(first, case.generator.sample(10, seed=5))
    case.generator.save(tmp_path / "after")
    assert files_of(tmp_path / "before") == files_of(tmp_path / "after")


def test_global_random_state_is_left_as_it_was(case: Case) -> None:
    def seed() -> None:
        random.seed(4)
        np.random.seed(4)  # noqa: NPY002
        torch.manual_seed(4)

    seed()
    expected = global_state()
    seed()
    case.fit(seed=9).sample(10, seed=1)
    assert global_state() == expected


# A loaded generator samples the same bytes as the one that was saved; loading its files never runs code.


def test_a_loaded_generator_samples_equal_data(case: Case, tmp_path: Path) -> None:
    case.generator.save(tmp_path)
    for loaded in (load(case, tmp_path), type(case.generator).load(tmp_path), domains.draw(case.domain).load(tmp_path)):
        assert type(loaded) is type(case.generator)
        assert (loaded.config, loaded.record) == (case.generator.config, case.generator.record)
        assert loaded.schema == case.generator.schema
        case.example.assert_equal(loaded.sample(30, seed=2), case.generator.sample(30, seed=2))


def test_no_file_of_a_bundle_is_a_pickle(case: Case, tmp_path: Path) -> None:
    case.generator.save(tmp_path)
    assert set(files_of(tmp_path)) == {bundle.HEAD, bundle.TENSORS}
    for content in files_of(tmp_path).values():
        with pytest.raises((pickle.UnpicklingError, ValueError, EOFError, KeyError, IndexError)):
            pickle.loads(content)


def _change_a_byte(folder: Path) -> None:
    tensors = bytearray((folder / bundle.TENSORS).read_bytes())
    tensors[-1] ^= 1
    (folder / bundle.TENSORS).write_bytes(tensors)


def _rewrite_head(folder: Path, **changed: Any) -> None:
    head = json.loads((folder / bundle.HEAD).read_text())
    (folder / bundle.HEAD).write_text(json.dumps({**head, **changed}))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_change_a_byte, "not what was saved"),
        (lambda folder: (folder / bundle.TENSORS).unlink(), r"tensors\.safetensors is missing"),
        (lambda folder: _rewrite_head(folder, format=bundle.FORMAT + 1), "Upgrade geratriz"),
        (lambda folder: _rewrite_head(folder, kind="oracle"), "'oracle'"),
        (lambda folder: (folder / bundle.HEAD).unlink(), "holds no generator"),
    ],
    ids=["byte", "part", "format", "kind", "head"],
)
def test_a_damaged_bundle_is_refused_with_the_reason(
    case: Case, damage: Callable[[Path], None], message: str, tmp_path: Path
) -> None:
    case.generator.save(tmp_path)
    damage(tmp_path)
    with pytest.raises(BundleError, match=message):
        load(case, tmp_path)


def test_a_bundle_of_an_earlier_make_of_its_kind_is_refused(case: Case, tmp_path: Path) -> None:
    case.generator.save(tmp_path)
    found = bundle.read(tmp_path)
    first, *rest = sorted(name for name in found.arrays if not name.startswith("codec"))
    arrays = {name: array for name, array in found.arrays.items() if name in rest or name.startswith("codec")}
    head = {name: value for name, value in found.head.items() if name not in ("format", "kind", "parts")}
    bundle.write(tmp_path / "earlier", kind=case.name, head=head, arrays=arrays)
    with pytest.raises(BundleError, match=rf"holds no {first}: it was written by an earlier geratriz"):
        load(case, tmp_path / "earlier")


def test_a_bundle_is_loaded_as_what_it_is_and_as_nothing_else(case: Case, tmp_path: Path) -> None:
    case.generator.save(tmp_path)
    for domain, name in GENERATORS:
        if name == case.name:
            continue
        catalog = domains.train(domain).GENERATORS
        with pytest.raises(BundleError, match=f"holds a '{case.name}' generator, not a '{name}' one"):
            catalog.find(name).load(tmp_path)
        if domain != case.domain:
            with pytest.raises(
                BundleError, match=f"holds a '{case.name}' generator; a generator of {catalog.makes} is needed"
            ):
                catalog.load(tmp_path)
            with pytest.raises(ConfigError, match=f"'{case.name}' makes .*, and the data are {catalog.makes}"):
                domains.find(domain, case.name)


def test_a_config_of_another_generator_is_refused(case: Case) -> None:
    with pytest.raises(ConfigError, match=f"{case.name} takes a {type(case.generator.config).__name__}, got a object"):
        type(case.generator).fit(case.data, object(), seed=0)


# Data are drawn in blocks seeded by (seed, block), computed in full and then cut, so any range can be drawn alone.


def test_any_range_can_be_drawn_alone(case: Case) -> None:
    block = case.generator.block
    whole = case.generator.sample(block + 40, seed=8)
    for start, n in ((0, 5), (block - 3, 6), (block + 10, 30)):
        parts = list(case.generator.blocks(n, seed=8, start=start))
        case.example.assert_equal(type(case.data).joined(parts), whole.take(slice(start, start + n)))


# A fit that is interrupted and run again with the same arguments gives the bytes of an uninterrupted one.


@pytest.fixture
def interruptible(case: Case) -> Case:
    if not case.rounds:
        pytest.skip("fitted without rounds")
    assert case.rounds > 2, "too short a fit to be interrupted in"
    return case


def test_an_interrupted_fit_resumes_and_ends_in_the_same_bytes(interruptible: Case, tmp_path: Path) -> None:
    checkpoint = tmp_path / "checkpoint"
    for after in (1, 2):
        tracker = Rounds(interrupt_after=after)
        with pytest.raises(
            KeyboardInterrupt, match=f"{interruptible.name} was interrupted after round {after} of"
        ) as stop:
            interruptible.fit(tracker=tracker, checkpoint=checkpoint)
        assert len(tracker.steps) == 1, "it did not resume"
        assert str(checkpoint) in str(stop.value)
        assert list(checkpoint.iterdir()), "nothing was kept of a fit that was interrupted"
    interruptible.fit(checkpoint=checkpoint).save(tmp_path / "resumed")
    interruptible.generator.save(tmp_path / "whole")
    assert files_of(tmp_path / "resumed") == files_of(tmp_path / "whole")
    assert not checkpoint.exists(), "a finished fit leaves nothing behind"


def test_a_checkpoint_of_another_fit_is_not_resumed_from(interruptible: Case, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        interruptible.fit(seed=1, tracker=Rounds(interrupt_after=2), checkpoint=tmp_path / "checkpoint")
    tracker = Rounds()
    interruptible.fit(tracker=tracker, checkpoint=tmp_path / "checkpoint").save(tmp_path / "fitted")
    interruptible.generator.save(tmp_path / "whole")
    assert len(tracker.steps) == interruptible.rounds
    assert files_of(tmp_path / "fitted") == files_of(tmp_path / "whole")
