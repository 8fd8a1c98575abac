"""Names of runs, for their branches and folders."""

import pytest
from prefect.runtime import flow_run

from pipelines.home import token


def test_runs_that_were_scheduled_together_have_different_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = set()
    for run in ("01a22f07-1e7a-7ee3-8e1a-65c4cc864dda", "01a22f07-1e7a-725d-8f51-5eb1298669eb"):
        monkeypatch.setattr(flow_run, "get_id", lambda run=run: run, raising=False)
        tokens.add(token())
    assert len(tokens) == 2
