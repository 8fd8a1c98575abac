"""The model card."""

import pytest

from geratriz.registry import evidence
from geratriz.registry.card import MAX_CHARS, card, shortened
from tests.projects import Project


def test_the_card_says_what_it_is_how_good_and_how_to_use_it(project: Project) -> None:
    found = evidence.read(project.root)
    text = card(found, found.winner, ("age", "income"), git="c0ffee")
    assert text.startswith("# people: synthetic rows from `independent`")
    assert "## Verdict: may be released\n\n- small was judged." in text
    assert "| utility | not measured |  |  | higher |" in text
    assert "Git revision `c0ffee`" in text
    assert "fitted on 400 of them" in text
    assert f"bundle `{found.winner.digest}`" in text
    assert "mlflow models serve -m models:/people@champion" in text
    assert "further columns of the request: `age`, `income`." in text


def test_a_card_fits_into_a_description_and_says_where_the_rest_is(project: Project) -> None:
    found = evidence.read(project.root)
    text = card(found, found.winner, tuple(f"a_rather_long_column_name_{i}" * 4 for i in range(1000)), git=None)
    assert "and 960 more" in text
    assert len(shortened(text)) <= MAX_CHARS
    assert shortened("short") == "short"
    assert shortened("x" * 6000).endswith("`card.md`.\n")


def test_the_card_of_images_does_not_claim_a_bootstrap(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    found = evidence.read(project.root)
    assert "Intervals: 95 %, by bootstrap; Wilson intervals for shares." in card(found, found.winner, (), git=None)
    monkeypatch.setattr("geratriz.registry.card.kind_of_bundle", lambda folder: "images")
    text = card(found, found.winner, ("label",), git=None)
    assert "Intervals: 95 %, Wilson intervals for shares; for distances, from the jackknife standard error." in text
    assert "bootstrap" not in text
