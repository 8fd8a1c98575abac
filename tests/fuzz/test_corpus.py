"""Every input that once ended in a traceback, a hang or gigabytes is read or refused today."""

import warnings

import pytest

from tests.fuzz.attempt import CORPUS, failure
from tests.fuzz.readers import READERS


@pytest.mark.parametrize("name", sorted(path.name for path in CORPUS.iterdir() if path.is_dir()))
def test_what_failed_once_is_read_or_refused(name: str) -> None:
    for file in sorted((CORPUS / name).iterdir()):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert failure(READERS[name], file.read_bytes()) is None, file
