"""Changed inputs for everything that reads: each is read, or refused with an error that users can mend.

The inputs are equal in every run. `make fuzz` reads other ones, as many as wanted: INPUTS=100000 SEED=7. An input that
fails is written to tests/faults/corpus, where test_corpus.py reads it in every run from then on.
"""

import hashlib
import os
import warnings

import numpy as np
import pytest

from geratriz import seeding
from tests.fuzz.attempt import CORPUS, failure
from tests.fuzz.readers import READERS

INPUTS = int(os.environ.get("INPUTS", 2000))
SEED = int(os.environ.get("SEED", 0))
TOTAL = sum(reader.share for reader in READERS.values())
MAX_FAILURES = 20  # of one reader; they are mostly alike


@pytest.mark.slow
@pytest.mark.parametrize("name", READERS)
def test_a_changed_input_is_read_or_refused(name: str) -> None:
    """Seconds: a file is written and read for every input."""
    reader, failed = READERS[name], {}
    seeds = reader.seeds()
    for number in range(round(INPUTS * reader.share / TOTAL)):
        content = reader.mutate(seeds, np.random.default_rng(seeding.derive(SEED, name, number)))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            problem = failure(reader, content)
        if problem is not None:
            file = CORPUS / name / hashlib.sha256(content).hexdigest()[:16]
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
            failed[file.name] = f"input {number} of seed {SEED}: {problem}"
            if len(failed) == MAX_FAILURES:
                break
    assert not failed, "\n".join(
        [f"{len(failed)} inputs fail, now in {CORPUS / name}:", *map(": ".join, failed.items())]
    )


@pytest.mark.parametrize("name", READERS)
def test_what_the_changes_start_from_is_read(name: str) -> None:
    for content in READERS[name].seeds():
        assert failure(READERS[name], content) is None
