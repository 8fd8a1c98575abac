"""The page of a generator."""

import math
import re
from dataclasses import asdict
from typing import Any

import pytest

from geratriz.contract import ContractReport, Example, Finding
from geratriz.report.metrics import LIMITS
from geratriz.report.page import Page
from geratriz.scoring import verdict
from geratriz.scoring.verdict import Gate
from geratriz.table.report.page import render
from tests.attack_metrics import attacked
from tests.page_reader import Reader
from tests.unit.table.report.reports import category_column, metric, number_column, report

COLUMNS = (number_column("age"), category_column("job"), category_column("city", levels=40))


def read(**content: Any) -> Reader:
    return Reader(render(Page(title="tvae", **content)))


def test_a_page_is_well_formed_and_names_its_parts() -> None:
    page = read(
        report=report(*COLUMNS),
        history=[{"step": 1, "loss": 3.0}, {"step": 2, "loss": 2.0}],
        head={
            "kind": "tvae",
            "record": {"rows": 4000, "seed": 0},
            "config": {"epochs": 40, "threads": None},
            "meta": {},
        },
        digest="0123456789abcdef",
    )
    assert page.ids == ["privacy", "metrics", "columns", "pairs", "detector", "training", "neighbours", "settings"]
    verdict, *parts = page.references
    assert verdict == "#privacy" and parts == [f"#{name}" for name in page.ids]
    for words in ("May be released", "4,000 rows", "0123456789ab", "epochs", "33 others", "loss"):
        assert words in page.words


def test_a_page_asks_for_nothing_outside_itself() -> None:
    text = render(Page(title="tvae", report=report(*COLUMNS)))
    assert not re.search(r"https?:|url\(|@import|<script|<link|<img|<iframe", text)


def test_equal_content_gives_equal_bytes() -> None:
    assert render(Page(title="a", report=report(*COLUMNS))) == render(Page(title="a", report=report(*COLUMNS)))


@pytest.mark.parametrize("nasty", ["<script>alert(1)</script>", '"><b onclick="x">', "a & b's", "</title></style>"])
def test_names_and_values_are_text_and_never_markup(nasty: str) -> None:
    finding = Finding(
        column=nasty, expectation=nasty, severity="critical", success=False, description=nasty, unexpected_count=1,
        rows=9, observed="", examples=(Example(row=3, value=nasty),),
    )  # fmt: skip
    content = report(number_column(nasty), category_column("b"))
    content["details"]["columns"][1]["levels"][0]["level"] = nasty
    content["details"]["nearest"][0]["synthetic"] = {nasty: nasty, "b": nasty}
    content["details"]["contract"] = ContractReport(name=nasty, rows=9, violating_rows=1, findings=(finding,)).to_json()
    content["verdict"]["findings"][0]["metric"] = nasty
    page = Reader(
        render(
            Page(
                title=nasty, report=content, history=[{"step": 1, nasty: 1.0}, {"step": 2, nasty: 2.0}],
                head={"kind": nasty, "record": {"rows": 9, "seed": nasty}, "config": {nasty: nasty}, "meta": {}},
                digest=nasty,
            )
        )
    )  # fmt: skip
    assert not {"script", "b"} & set(page.tags)
    assert " ".join(nasty.split()) in page.words


def test_refusals_stand_before_what_passed() -> None:
    gates = {"detection": Gate(min=0.5), "shape_error": Gate(max=1.0), "utility": Gate(margin=0.05)}
    words = read(report=report(*COLUMNS, gates=gates)).words
    assert "Must not be released 2 of 3 gates hold." in words
    assert words.index("shape_error is 3.000") < words.index("detection is 0.700") < words.index("Metrics Each dot")


def test_a_gate_asks_for_a_metric_that_was_not_measured() -> None:
    words = read(report=report(*COLUMNS, gates={"copy_rate": Gate(max=0.55)})).words
    assert "copy_rate was not measured, but a gate requires it." in words


def test_a_gate_that_is_left_out_is_neither_held_nor_failed() -> None:
    made = report(*COLUMNS, gates={"detection": Gate(min=0.5)})
    left_out = verdict.Finding(metric="cas", rule="min", limit=None, outcome="inapplicable")
    made["verdict"]["findings"].append(asdict(left_out))
    html = render(Page(title="tvae", report=made))
    assert "1 of 1 gates hold." in html
    assert '<ul class="held"><li>detection is' in html
    assert '<ul class=""><li>cas has no meaning for these data, so its gate is left out.</li></ul>' in html


def test_without_gates_there_is_no_verdict_but_a_page() -> None:
    page = read(report=report(*COLUMNS, gates=None))
    assert "No verdict on quality" in page.words
    assert "Privacy: no attack found more than its limit allows." in page.words
    assert page.words.count(LIMITS["zone"]) == 1  # of the attacks alone


def test_metrics_without_landmarks_or_values_are_no_trouble() -> None:
    metrics = {
        "detection": metric(0.7, floor=None, ceiling=None),
        "shape_error": metric(3.0, floor=None, ceiling=1.0, better="lower"),
        "mia_auc": {**metric(0.5, floor=None, ceiling=None), "value": math.nan},
    }
    page = read(report=report(*COLUMNS, metrics=metrics, gates={"detection": Gate(margin=0.1)}))
    assert "Not measured: Trend error, %, Precision (alpha), Recall (beta), Utility, Copies" in page.words
    assert page.words.count("fresh real 1") == 2  # in the drawing and in its description
    assert "nan" not in page.words


def test_the_privacy_verdict_stands_with_its_evidence() -> None:
    metrics = {**attacked(copy_excess=(0.02, 0.001)), "detection": metric(0.7, floor=0.1, ceiling=0.9)}
    page = read(report=report(*COLUMNS, metrics=metrics))
    assert page.ids[0] == "privacy"
    assert "1 of 1 gates hold. Privacy: the synthetic data reveal training data." in page.words
    assert "copy_excess is 0.020 (0.019 to 0.021), chance gives 0.000, at most 0.0075 is allowed: a leak." in page.words
    for words in ("distance ratio", "exact copies", "true of 812 guesses", "secret", "no differential privacy"):
        assert words in page.words


def test_no_metric_at_all_is_said() -> None:
    assert "Not measured: Detection" in read(report=report(*COLUMNS, metrics={})).words


def test_a_metric_that_scores_zero_everywhere_has_an_axis() -> None:
    nothing = {"value": 0.0, "low": 0.0, "high": 0.0, "floor": 0.0, "ceiling": 0.0, "better": "higher"}
    assert "Utility" in read(report=report(*COLUMNS, metrics={"utility": nothing})).words


def test_what_real_rows_reach_is_a_remark_on_utility() -> None:
    words = read(report=report(*COLUMNS)).words
    assert "trained on the same number of real rows reaches 0.92" in words
    assert "Utility of real rows" not in words


def test_the_measure_and_the_target_stand_beside_utility() -> None:
    content = report(*COLUMNS)
    assert "Here: AUC, predicting age ." in read(report=content).words
    content["details"]["utility"] = {"target": "age", "measure": "R2", "values": 2, "classes": []}
    assert "It has 2 values: if they are classes, declare it a category" in read(report=content).words
    content["details"]["utility"]["values"] = 70
    assert "if they are classes" not in read(report=content).words


def test_more_than_two_classes_are_listed_the_one_that_loses_most_first() -> None:
    def learnt(name: str, auc: float, rows: int) -> dict[str, Any]:
        return {"class": name, "rows": 50, "real": {"rows": 40, "auc": 0.9}, "synthetic": {"rows": rows, "auc": auc}}

    content = report(*COLUMNS)
    classes = [learnt("often", 0.88, 60), learnt("seldom", 0.7, 3), learnt("never", 0.5, 0)]
    content["details"]["utility"] = {"target": "job", "measure": "macro", "values": None, "classes": classes}
    page = read(report=content)
    assert page.ids.index("utility") == 2
    assert "never 50 0.5 0.9 none 40 seldom 50 0.7 0.9 3 40 often 50 0.88 0.9 60 40" in page.words
    content["details"]["utility"]["classes"] = classes[:2]
    assert "utility" not in read(report=content).ids


def test_the_worst_pairs_are_shown_by_what_differs() -> None:
    words = read(report=report(*COLUMNS)).words
    assert "age and job 40 correlation 0.61 -0.02" in words
    assert "age and job 9 under 25 and level 1 12 % 3 % under 25 and level 1 12 % 3 %" in words
    content = report(*COLUMNS)
    content["details"]["columns"][0]["kind"] = "datetime"
    places = [{"from": 0.0, "to": 86400.0}, {"missing": True}]
    content["details"]["pairs"]["worst"] = [
        {"columns": ["age", "job"], "error": 9.0, "cells": [{"places": places, "real": 0.1, "synthetic": 0.0}]}
    ]
    assert "1970-01-01 to 1970-01-02 and missing 10 % 0 %" in read(report=content).words
    content["details"]["pairs"]["worst"] = []
    assert "Pairs with the largest errors" not in read(report=content).words


def test_a_column_says_where_its_sides_differ_most() -> None:
    up_to = {"value": 25.0, "real": 0.31, "synthetic": 0.24}
    mean, deviation = {"real": 38.61, "synthetic": 40.0}, {"real": 13.6, "synthetic": 13.0}
    number = number_column("age", up_to=up_to, mean=mean, deviation=deviation)
    word = category_column("job")
    word["levels"][1]["synthetic"] = 0.0
    lacking = number_column("gap", up_to=up_to, missing={"real": 0.5, "synthetic": 0.0})
    alike = category_column("alike")
    words = read(report=report(number, word, lacking, alike)).words
    assert "mean: real 38.6, synthetic 40; deviation: real 13.6, synthetic 13" in words
    assert "age integer up to 25 31 % 24 % 10" in words
    assert "job category level 1 33.3 % 0 % 5" in words
    assert "gap integer missing 50 % 0 % 10" in words
    assert "alike category 5" in words


def test_the_columns_that_gave_rows_away_are_named() -> None:
    words = read(report=report(*COLUMNS)).words
    assert "Its most important columns are age , job , city . The bars show" in words


def test_a_table_of_one_column_has_no_pairs() -> None:
    page = read(report=report(number_column("only")))
    assert "pairs" not in page.ids
    assert "#pairs" not in page.references


def test_a_wide_table_is_drawn_in_part_and_says_so() -> None:
    columns = [number_column(f"column {i}", shape_error=i / 10) for i in range(400)]
    text = render(Page(title="wide", report=report(*columns)))
    words = Reader(text).words
    assert "The 42 worst of 400 are drawn." in words
    assert "The 300 worst of 400 columns." in words
    assert "The 26 of 400 columns with the largest errors are drawn." in words
    assert "The first 40 of 400 columns." in words
    assert len(text) < 500_000


def test_rows_of_a_table_are_equally_long() -> None:
    content = report(*COLUMNS)
    assert set(read(report=content).rows) == {
        8,  # the columns: name, kind, where they differ, both shares, three figures
        4,  # the pairs: a name and three errors
        3,  # what attacks found: a share of rows, seen, explained
        5,  # the worst pairs and secrets: names, error, where they differ, both shares
        2,  # the neighbours: a name and one row
    }


def test_missing_shares_are_shown_where_something_is_missing() -> None:
    full, lacking = number_column("a"), number_column("b", missing={"real": 0.051, "synthetic": 0.0})
    words = read(report=report(full, lacking)).words
    assert words.count("missing: real 5.1 %, synthetic 0 %") == 1
    assert "missing, real missing, synthetic" not in read(report=report(full, full)).words


def test_a_column_without_values_is_said_to_have_none() -> None:
    empty = number_column("empty")
    del empty["histogram"]
    assert "No values." in read(report=report(empty, category_column("none", levels=0))).words


def test_dates_are_read_as_dates() -> None:
    day = 86400.0
    bars = {"edges": [18262 * day, 18272 * day, 18282 * day], "step": None, "real": [0.5, 0.5], "synthetic": [0.5, 0.5]}
    words = read(report=report(number_column("day", kind="datetime", histogram=bars))).words
    assert "2020-01-01" in words
    assert "2020-01-21" in words


def test_what_kept_the_contract_is_counted_and_what_broke_it_listed() -> None:
    kept, broken = (
        Finding(
            column="age", expectation="e", severity="critical", success=success, description=f"it is {success}",
            unexpected_count=0 if success else 2, rows=9, observed="", examples=(),
        )
        for success in (True, False)
    )  # fmt: skip
    content = report(*COLUMNS)
    content["details"]["contract"] = ContractReport(
        name="adult", rows=9, violating_rows=2, findings=(kept, broken)
    ).to_json()
    words = read(report=content).words
    assert "2 of 9 synthetic rows break a critical expectation" in words
    assert "They keep 1 of its 2 expectations." in words
    assert "it is False" in words
    assert "it is True" not in words


def test_examples_of_a_rule_about_two_columns_read_as_cells() -> None:
    finding = Finding(
        column="a, b", expectation="e", severity="critical", success=False, description="a is at most b",
        unexpected_count=1, rows=9, observed="", examples=(Example(row=3, value=[7, None]),),
    )  # fmt: skip
    content = report(*COLUMNS)
    content["details"]["contract"] = ContractReport(
        name="adult", rows=9, violating_rows=1, findings=(finding,)
    ).to_json()
    assert "1 of 9 rows, for example row 3: 7, missing" in read(report=content).words


def test_series_that_start_late_are_drawn_from_where_they_start() -> None:
    history = [{"step": 1, "loss": 3.0}, {"step": 2, "loss": 2.0, "late": 5.0}, {"step": 3, "loss": 1.0, "late": 4.0}]
    page = read(report=report(*COLUMNS), history=history)
    assert "step 2" in page.words
    assert "training" not in read(report=report(*COLUMNS), history=history[:1]).ids
