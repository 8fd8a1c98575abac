"""Contracts, bundles, checkpoints and arguments that somebody or something changed: one message with the place."""

import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from geratriz import bundle, contract
from geratriz.errors import BundleError, ConfigError, GeratrizError, RequestError
from geratriz.fitting.checkpoint import Checkpoint
from geratriz.table import draw
from geratriz.table.generators.independent import Independent
from geratriz.tracking import NullTracker
from tests.faults.conftest import Command
from tests.tables import mixed

COLUMN = {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "size"}}


def suite(*expectations: Any, **meta: Any) -> dict[str, Any]:
    return {"name": "c", "expectations": list(expectations), "meta": meta}


def with_kwargs(**kwargs: Any) -> dict[str, Any]:
    return suite({"type": "expect_column_values_to_be_in_set", "kwargs": {"column": "size", **kwargs}})


MALFORMED = {
    "expectation 0: kwargs is None": suite({**COLUMN, "kwargs": None}),
    "expectation 0: kwargs is [1]": suite({**COLUMN, "kwargs": [1]}),
    "expectation 0: kwargs.column is ['size']": with_kwargs(column=["size"]),
    "expectation 0: kwargs.column is 1": with_kwargs(column=1),
    "expectation 0: type is 5": suite({**COLUMN, "type": 5}),
    "expectation 0: meta is [1]": suite({**COLUMN, "meta": [1]}),
    "expectation 0 has severity 3": suite({**COLUMN, "severity": 3}),
    "expectation 0: kwargs.value_set is 5": with_kwargs(value_set=5),
    "expectation 0: kwargs.value_set has [1]": with_kwargs(value_set=[[1]]),
    "expectation 0: kwargs.value_pairs_set has 1": with_kwargs(value_pairs_set=[1]),
    "expectation 0: kwargs.mostly is [1]": with_kwargs(mostly=[1]),
    "expectation 0: kwargs.row_condition is 7": with_kwargs(row_condition=7),
    "expectation 0: '(' is not a regular expression": with_kwargs(regex="("),
    "meta is [1]": {**suite(COLUMN), "meta": [1]},
    "meta.kinds is ['size']": suite(COLUMN, kinds=["size"]),
    "column 'size' has kind 5": suite(COLUMN, kinds={"size": 5}),
    "meta.shares is 1": suite(COLUMN, shares=1),
    "meta.names is 1": suite(COLUMN, names=1),
    "name is 4": {**suite(COLUMN), "name": 4},
    "not JSON that can be read": "[" * 10_000,
    "not JSON that can be read: Exceeds the limit": '{"name": ' + "9" * 5000 + "}",
    "not JSON that can be read: 'utf-8' codec": b"\xff\xfe",
}


@pytest.mark.parametrize("said", MALFORMED)
def test_a_malformed_contract_is_one_message_with_the_place(said: str, tmp_path: Path) -> None:
    content: Any = MALFORMED[said]
    path = tmp_path / "c.json"
    text = content if isinstance(content, str | bytes) else json.dumps(content)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(ConfigError) as refused:
        contract.read_suite(path)
    assert said in str(refused.value)


@pytest.mark.parametrize("argument", [{"regex": "^(a+)+$"}, {"regex_list": ["b", "^(a|a)*$"]}])
def test_a_pattern_that_backtracks_without_end_is_refused_by_name(
    argument: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contract, "PATTERN_S", 0.5)
    kind = "expect_column_values_to_match_regex" + ("_list" if "regex_list" in argument else "")
    frame = mixed(20).frame.assign(text="a" * 40 + "!")
    begun = time.monotonic()
    with pytest.raises(ConfigError, match=r"pattern that takes more than .* on column text: '\^\(a"):
        contract.check(frame, suite({"type": kind, "kwargs": {"column": "text", **argument}}))
    assert time.monotonic() - begun < 10


def edited(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = folder / bundle.HEAD
    head = json.loads(path.read_text())
    change(head)
    path.write_text(json.dumps(head))


def places(node: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = node.items() if isinstance(node, dict) else enumerate(node[:2]) if isinstance(node, list) else ()
    return [*([at] if at else []), *(place for key, value in inner for place in places(value, (*at, key)))]


def test_an_edited_head_of_a_bundle_loads_or_is_refused(tmp_path: Path, model: Path) -> None:
    original = (model / bundle.HEAD).read_bytes()
    cases = refused = 0
    for place in places(json.loads(original)):
        for value in (None, -1, "x", [], {}):

            def change(head: Any, place: tuple[Any, ...] = place, value: Any = value) -> None:
                for key in place[:-1]:
                    head = head[key]
                head[place[-1]] = value

            edited(model, change)
            cases += 1
            try:
                Independent.load(model)
            except BundleError as problem:
                refused += 1
                assert str(problem)
            (model / bundle.HEAD).write_bytes(original)
    assert cases > 200 and refused > 100


def test_parts_of_a_bundle_lie_in_its_folder(model: Path) -> None:
    edited(model, lambda head: head["parts"].update({"../rows.csv": "0" * 64}))
    with pytest.raises(BundleError, match="expected the name of a file in the folder"):
        Independent.load(model)


def test_tensors_that_are_none_are_refused_even_if_their_hash_fits(model: Path) -> None:
    (model / bundle.TENSORS).write_bytes(b"garbage")
    edited(model, lambda head: head["parts"].update({bundle.TENSORS: hashlib.sha256(b"garbage").hexdigest()}))
    with pytest.raises(BundleError, match="holds no arrays"):
        Independent.load(model)


class Notes(NullTracker):
    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


@pytest.mark.parametrize(
    "torn",
    [lambda b: b[:-100], lambda b: bytes(len(b)), lambda b: b"", lambda b: b"x" * 999],
    ids=["cut", "zeros", "empty", "garbage"],
)
def test_a_torn_checkpoint_is_said_and_the_fit_begins_anew(torn: Callable[[bytes], bytes], tmp_path: Path) -> None:
    checkpoint, tracker = Checkpoint(tmp_path, seed=0), Notes()
    checkpoint.save({"done": 3})
    assert checkpoint.load(tracker) == {"done": 3} and not tracker.notes
    assert checkpoint.path is not None
    checkpoint.path.write_bytes(torn(checkpoint.path.read_bytes()))
    assert checkpoint.load(tracker) is None
    assert len(tracker.notes) == 1 and "is damaged" in tracker.notes[0] and "begins anew" in tracker.notes[0]


@pytest.mark.parametrize(
    "text", ["2023-02-30", "2024-13-45", "2024-01-01 25:00:00", "9" * 5000, "[" * 3000, "{" * 3000, "-0x" + "f" * 9]
)
@pytest.mark.parametrize("column", ["day", "size", "note", "sold"])
def test_a_condition_that_no_row_can_meet_is_one_message(text: str, column: str, model: Path) -> None:
    from geratriz.table.generators.catalog import GENERATORS

    with pytest.raises(GeratrizError):
        GENERATORS.load(model).sample(1, seed=0, where={column: draw.parse(text)})


ADDRESSES = [
    "validate s3://b/rows.csv --contract c.json",
    "validate rows.csv --contract s3://b/c.json",
    "contract draft rows.csv -o s3://b/c.json",
    "fit s3://b/rows.csv -o new",
    "fit rows.csv -o s3://b/model",
    "sample {0} -n 3 -o s3://b/rows.csv",
    "sample s3://b/model -n 3 -o rows.csv",
    "interpolate {0} -o s3://b/walks.png",
    "impute {0} s3://b/rows.csv -o rows.csv",
    "score {0} rows.csv -o s3://b/rows.csv",
    "provenance s3://b/rows.csv",
    "evaluate --train a.csv --test b.csv --synthetic c.csv -o s3://b/report",
]


@pytest.mark.parametrize("words", ADDRESSES)
def test_every_command_refuses_addresses_by_name(
    words: str, model: Path, refused: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "s3://b/" in (said := refused(*words.format(model).split())) and "is not supported" in said
    assert not (tmp_path / "s3:").exists()


def test_the_functions_refuse_addresses_too(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import geratriz

    monkeypatch.chdir(tmp_path)
    generator = geratriz.load(model)
    calls: list[Callable[[], object]] = [
        lambda: geratriz.Table.read("s3://b/x.csv"),
        lambda: geratriz.read_images("s3://b/x.zip"),
        lambda: geratriz.load("s3://b/model"),
        lambda: geratriz.load(Path("s3://b/model")),
        lambda: geratriz.sample(generator, 3, seed=0, out="s3://b/x.csv"),
        lambda: generator.save("s3://b/model"),
        lambda: mixed().write("s3://b/x.csv"),
        lambda: geratriz.fit(mixed(), "independent", contract="s3://b/c.json"),
    ]
    for call in calls:
        with pytest.raises(RequestError, match="s3://b/"):
            call()
    assert not (tmp_path / "s3:").exists()
