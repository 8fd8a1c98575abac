"""What every domain answers: the ports of ports.py with their signatures, and a whole run of a small example."""

import inspect
import json
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd
import pytest

from geratriz import bundle, contract, domains, ports
from geratriz.errors import ConfigError
from geratriz.fitting.order import Order
from geratriz.output import Origin, read_provenance
from geratriz.parts import PARTS
from geratriz.report.page import Page
from geratriz.scoring.landmarks import Landmarks
from geratriz.scoring.verdict import Gate
from geratriz.tracking import NullTracker
from tests.architecture import imports
from tests.domain_examples import EXAMPLES, Example, quick_fit
from tests.page_reader import Reader

PROTOCOLS = {
    name.lower(): protocol
    for name, protocol in vars(ports).items()
    if getattr(protocol, "_is_protocol", False) and protocol.__module__ == ports.__name__
}
FUNCTIONS = [
    (verb, name, function)
    for verb, protocol in PROTOCOLS.items()
    for name, function in vars(protocol).items()
    if inspect.isfunction(function) and not name.startswith("_")
]
CONSTANTS = [(verb, name) for verb, protocol in PROTOCOLS.items() for name in protocol.__annotations__]


def port(kind: str, verb: str) -> ModuleType:
    found = getattr(domains, verb)(kind)
    assert isinstance(found, ModuleType)
    return found


def parameters(function: Any) -> list[tuple[str, Any, Any]]:
    return [(each.name, each.kind, each.default) for each in inspect.signature(function).parameters.values()]


def test_there_is_a_protocol_for_every_port() -> None:
    assert set(PROTOCOLS) == set(imports.PORTS)
    assert len(FUNCTIONS) > 20
    assert len(CONSTANTS) > 8


@pytest.mark.parametrize("kind", domains.DOMAINS)
@pytest.mark.parametrize("verb", PROTOCOLS)
def test_a_port_is_a_module_of_the_domains_folder(kind: str, verb: str) -> None:
    assert port(kind, verb).__name__ == f"geratriz.{kind}.{verb}"
    with pytest.raises(ConfigError, match=r"data\.kind is 'sound'"):
        getattr(domains, verb)("sound")


@pytest.mark.parametrize("kind", domains.DOMAINS)
@pytest.mark.parametrize(("verb", "name", "promised"), FUNCTIONS, ids=lambda each: each if type(each) is str else "")
def test_a_function_of_a_port_takes_what_its_protocol_says(kind: str, verb: str, name: str, promised: Any) -> None:
    function = getattr(port(kind, verb), name)
    assert parameters(function) == parameters(promised)[1:]
    assert inspect.getdoc(function), f"{kind}/{verb}.py: {name} says nothing of itself"


@pytest.mark.parametrize("kind", domains.DOMAINS)
@pytest.mark.parametrize(("verb", "name"), CONSTANTS)
def test_a_constant_of_a_port_is_there(kind: str, verb: str, name: str) -> None:
    value = getattr(port(kind, verb), name)
    if verb == "words":
        assert isinstance(value, str)
    else:
        assert len(list(value)) > 1


@pytest.mark.parametrize("kind", domains.DOMAINS)
def test_what_data_are_called_fits_where_it_is_said(kind: str) -> None:
    words = domains.words(kind)
    assert {words.UNIT} == {domains.find(kind, name).unit for name in domains.train(kind).GENERATORS}
    assert "1,234" in words.CARD.format(data="toys", number="1,234") and "`toys`" in words.CARD.format(
        data="toys", number=1
    )
    assert "-o" in words.SAMPLE


# A run of a small example through every port. Its fixtures take seconds: libraries are imported, and data judged.


@dataclass(frozen=True, kw_only=True)
class Run:
    """A project of one domain: its data observed, divided and learnt, and synthetic data drawn."""

    kind: str
    root: Path
    observed: pd.DataFrame
    suite: dict[str, Any]
    notes: list[str]
    training: Any
    generator: Any

    @property
    def example(self) -> Example:
        return EXAMPLES[self.kind]

    @property
    def raw(self) -> Path:
        return next((self.root / "raw").iterdir())

    @property
    def order(self) -> Order:
        return Order(rows=40, seed=1)


@pytest.fixture(scope="module", params=domains.DOMAINS)
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Run:
    kind, root = str(request.param), tmp_path_factory.mktemp("project")
    example = EXAMPLES[kind]
    (root / "raw").mkdir()
    raw = example.write(example.data(150), root / "raw")
    observed = domains.prepare(kind).observe(raw)
    suite = domains.draft(kind).draft(raw, "toys", example.declared)
    (root / "contract.json").write_text(json.dumps(suite))
    settings = {**example.settings, "raw": str(raw), "contract": str(root / "contract.json")}
    notes = list(domains.prepare(kind).prepare(raw, settings, root / "contract.json", root / "prepared"))
    training, terms = domains.train(kind).read_prepared(root / "prepared")
    generator = quick_fit(example.generator, training, **terms)
    generator.save(root / "model")
    domains.train(kind).show(generator, root / "model", 0)
    made = Run(
        kind=kind, root=root, observed=observed, suite=suite, notes=notes, training=training, generator=generator
    )
    origin = Origin(bundle=bundle.digest(root / "model"))
    domains.draw(kind).write(generator, root / example.output, made.order, origin=origin)
    return made


def test_a_draft_of_a_contract_is_kept_by_what_it_was_drafted_from(run: Run) -> None:
    report = contract.check(run.observed, run.suite)
    contract.require(report)
    assert report.name == "toys"
    assert report.rows == len(run.observed) == 150


def test_data_are_recognised_by_one_domain_and_read_by_it(run: Run) -> None:
    assert domains.of_path(run.raw) == run.kind
    prepare = domains.prepare(run.kind)
    data = prepare.read(run.raw, {})
    assert domains.of_data("fit", data) == run.kind
    assert not any(domains.prepare(kind).accepts(data) for kind in domains.DOMAINS if kind != run.kind)
    again = prepare.read_like(run.raw, data, {})
    assert again.schema == data.schema
    run.example.assert_equal(again, prepare.read(run.raw, {}, to_fit=False))


def test_every_row_is_in_one_part_and_the_parts_are_told(run: Run) -> None:
    assert all(any(line.startswith(f"{part}: ") for line in run.notes) for part in PARTS)
    assert 0 < len(run.training) < 150
    assert run.training.schema == run.generator.schema


def test_a_fit_is_given_the_terms_of_its_contract_or_the_contract_is_refused(run: Run) -> None:
    terms = domains.prepare(run.kind).terms
    names = set(domains.train(run.kind).read_prepared(run.root / "prepared")[1])
    assert set(terms(None, NullTracker())) == names
    if names:
        assert set(terms(run.root / "contract.json", NullTracker())) == names
    else:
        with pytest.raises(ConfigError, match="contract"):
            terms(run.root / "contract.json", NullTracker())


def test_what_is_written_is_what_is_sampled(run: Run) -> None:
    draw = domains.draw(run.kind)
    loaded = draw.load(run.root / "model")
    sample = draw.sample(loaded, run.order)
    assert len(sample) == 40
    run.example.assert_equal(sample, run.generator.sample(40, seed=1))
    written = domains.prepare(run.kind).read_like(run.root / run.example.output, run.training, {})
    assert len(written) == 40
    record = read_provenance(run.root / run.example.output)
    assert (record["kind"], record["seed"], record["rows"]) == (run.generator.kind, 1, 40)


def test_progress_is_reported_while_data_are_written(run: Run, tmp_path: Path) -> None:
    done: list[int] = []
    origin = Origin(bundle=bundle.digest(run.root / "model"))
    path = tmp_path / run.example.output
    domains.draw(run.kind).write(run.generator, path, run.order, origin=origin, on_progress=done.append)
    assert done == [40]


def test_a_condition_is_read_from_the_command_line(run: Run) -> None:
    draw = domains.draw(run.kind)
    for value in run.example.where.values():
        assert draw.parse("null" if value is None else str(value)) == value


@pytest.fixture(scope="module")
def judged(run: Run, brief_metrics: None) -> tuple[Landmarks, dict[str, Any], Any]:
    judge = domains.judge(run.kind)
    prepared, suite = run.root / "prepared", run.root / "contract.json"
    marks = judge.landmarks(prepared, suite, run.example.evaluate)
    report, trio = judge.judge(
        prepared,
        run.root / run.example.output,
        suite,
        marks,
        run.example.evaluate,
        gates={next(iter(judge.METRICS)): Gate(min=-1e9, max=1e9)},
        limits={},
    )
    return marks, report, trio


def test_scores_stand_between_landmarks_and_make_a_verdict(run: Run, judged: Any) -> None:
    marks, report, trio = judged
    metrics = domains.judge(run.kind).METRICS
    assert set(report) == {"metrics", "inapplicable", "privacy", "verdict", "rows", "details"}
    assert set(report["metrics"]) <= set(metrics)
    for name, entry in report["metrics"].items():
        assert entry["low"] <= entry["value"] <= entry["high"]
        assert entry["floor"] == (marks.floor[name].value if name in marks.floor else None)
    assert report["rows"] == trio.counts
    assert report["rows"]["synthetic"] == 40
    assert report["verdict"]["release"] is False, "so little proves nothing about privacy"
    assert Landmarks.from_json(json.loads(json.dumps(marks.to_json()))).to_json() == marks.to_json()
    json.dumps(report, allow_nan=False)


def test_data_in_memory_are_judged_alike(run: Run, brief_metrics: None) -> None:
    evaluate = domains.judge(run.kind).evaluate
    example = run.example
    train, test = (example.data(100, seed=seed) for seed in (1, 2))
    report, _ = evaluate(train, test, run.generator.sample(60, seed=2), None, example.evaluate)
    assert report["verdict"]["release"] is None
    assert report["rows"]["train"] == 100


def test_a_page_shows_the_report(run: Run, judged: Any) -> None:
    _, report, trio = judged
    page = domains.page(run.kind)
    made = Page(title="Toys", report=report, head=bundle.read_head(run.root / "model"))
    html = page.render(made, page.exhibits(trio, report, run.root / "model"))
    assert html == page.render(made, page.exhibits(trio, report, run.root / "model"))
    reader = Reader(html)
    assert "Toys" in reader.words and run.generator.kind in reader.words
    assert {"metrics", "privacy", "settings"} <= set(reader.ids)


def test_a_generator_is_not_better_than_itself(run: Run, brief_metrics: None) -> None:
    compare = domains.judge(run.kind).compare
    found = compare(run.generator, run.generator, run.root / "prepared", run.example.evaluate)
    assert found.outcome == "equal"
    assert set(found.figures) <= set(domains.judge(run.kind).METRICS)


def test_a_served_generator_answers_with_the_columns_it_names(run: Run) -> None:
    serve = domains.serve(run.kind)
    served = serve.load(run.root / "model")
    head = bundle.read_head(run.root / "model")
    assert set(serve.conditions(head)) <= set(served.names)
    answer = served.draw(3, seed=1, where=run.example.where)
    assert len(answer) == 3
    assert list(answer) == [name for name, _ in serve.answers(head)]
    assert served.max_rows >= 1000
    pd.testing.assert_frame_equal(answer, served.draw(3, seed=1, where=run.example.where))


def test_drift_is_watched_in_columns_of_what_was_observed(run: Run) -> None:
    watched = domains.drift(run.kind).watched(run.observed)
    assert len(watched) == len(run.observed)
    assert watched.shape[1] > 0 and set(watched) <= set(run.observed)
