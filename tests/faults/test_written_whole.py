"""SIGKILL at random moments over every command that writes: the old content or the new, never neither, never a mix.

Each command writes a new file, over an existing one, and in place where it can. Afterwards it is run again: it ends in
the same bytes and leaves nothing of the killed run behind. Full disks and two writers at once are here too.
"""

import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from geratriz import writing
from geratriz.errors import BundleError, RequestError
from geratriz.table.data.table import Table
from geratriz.table.generators.catalog import GENERATORS
from tests.domain_examples import QUICK
from tests.faults.conftest import content
from tests.faults.killing import called, ended, kill, started
from tests.tables import mixed

pytestmark = pytest.mark.slow

ALIKE = ("impute", "score", "score in place")  # they write as `impute in place` does, which takes ten seconds
MOMENTS = [pytest.param(2, id="few"), pytest.param(60, id="many", marks=pytest.mark.thorough)]
COMMANDS = {  # what writes `out`, and a command that wrote something else there before
    "sample": ("sample {0}/model -n 3000 -o rows.csv --seed 1", "sample {0}/model -n 20 -o rows.csv --seed 2"),
    "sample to Parquet": ("sample {0}/model -n 9e3 -o rows.parquet", "sample {0}/model -n 20 -o rows.parquet --seed 2"),
    "impute": ("impute {0}/any {0}/holes.csv -o rows.csv", "impute {0}/any {0}/holes.csv -o rows.csv --seed 2"),
    "impute in place": ("impute {0}/any rows.csv -o rows.csv", None),
    "score": ("score {0}/any {0}/holes.csv -o rows.csv", "impute {0}/any {0}/holes.csv -o rows.csv"),
    "score in place": ("score {0}/any rows.csv -o rows.csv", None),
    "contract draft": ("contract draft {0}/holes.csv -o draft.json", "contract draft {0}/whole.csv -o draft.json"),
    "fit": (
        "fit {0}/whole.csv --kind independent -o bundle",
        "fit {0}/whole.csv --kind independent -o bundle --seed 2",
    ),
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data and generators that the commands read."""
    folder = tmp_path_factory.mktemp("home")
    table = mixed(120)
    whole = Table.from_frame(table.frame.drop(columns="number"))
    for name, kind in (("model", "independent"), ("any", "autoregressive")):
        cls = GENERATORS.find(kind)
        settings = {**QUICK[kind], **({"epochs": 1} if kind == "autoregressive" else {})}
        cls.fit(whole, cls.config_cls(**settings), seed=0).save(folder / name)
    whole.write(folder / "whole.csv")
    whole.frame.assign(note=whole.frame["note"].where(whole.frame.index % 2 == 0)).to_csv(
        folder / "holes.csv", index=False
    )
    return folder


def made(cwd: Path, command: str, home: Path) -> dict[str, bytes]:
    """What a command that is not killed leaves below ``cwd``."""
    assert ended(started(cwd, *command.format(home).split())) == 0, (cwd / "said").read_text()
    return written(cwd)


def before(cwd: Path, name: str, home: Path) -> dict[str, bytes]:
    """What is there before the command of that name: what an earlier one wrote, or its own input."""
    earlier = COMMANDS[name][1]
    if earlier is not None:
        return made(cwd, earlier, home)
    (cwd / "rows.csv").write_bytes((home / "holes.csv").read_bytes())
    return written(cwd)


def written(cwd: Path) -> dict[str, bytes]:
    return {name: bytes_ for name, bytes_ in content(cwd).items() if name != "said"}


def whole(found: dict[str, bytes], *wanted: dict[str, bytes]) -> bool:
    """Whether one of the contents is there and nothing else; a record of provenance may be missing, never be wrong."""
    files = {name: bytes_ for name, bytes_ in found.items() if ".partial" not in name and ".checkpoint" not in name}
    record = next((name for name in files if name.endswith(".provenance.json")), None)
    return any(
        files == each or (record is None and files == {k: v for k, v in each.items() if "provenance" not in k})
        for each in wanted
    )


@pytest.mark.parametrize("moments", MOMENTS)
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.thorough if name in ALIKE else ()) for name in COMMANDS]
)
def test_killed_at_any_moment_it_leaves_the_old_or_the_new(name: str, moments: int, home: Path, tmp_path: Path) -> None:
    """Takes seconds: only processes can be killed."""
    command, earlier = COMMANDS[name]
    old = before(tmp_path, name, home)
    begun = time.monotonic()
    new = made(tmp_path, command, home)
    took = time.monotonic() - begun
    assert old != new
    chance = random.Random(f"{name} {moments}")
    seen = {"new": new, "old": old, "none": {}}
    for moment in range(moments):
        for start in ("old", "none") if earlier is not None else ("old",):
            replace(tmp_path, seen[start])
            process = started(tmp_path, *command.format(home).split())
            if moment % 2:
                kill(process, after=chance.uniform(0, took))
            else:  # in the midst of writing
                kill(process, after=chance.uniform(0, took / 50), watched=tmp_path)
            found = written(tmp_path)
            assert whole(found, seen[start], new), (moment, start, sorted(found))
    replace(tmp_path, old)
    assert made(tmp_path, command, home) == new
    assert not [path for path in tmp_path.rglob("*") if ".partial" in path.name or ".decided" in path.name]


def replace(cwd: Path, files: dict[str, bytes]) -> None:
    """Leave ``files`` and nothing else below ``cwd``, but for what a killed run left aside."""
    for path in sorted(cwd.rglob("*"), reverse=True):
        if ".partial" not in path.relative_to(cwd).as_posix() and path.name != "said":
            path.rmdir() if path.is_dir() and not list(path.iterdir()) else path.is_file() and path.unlink()
    for name, bytes_ in files.items():
        (cwd / name).parent.mkdir(exist_ok=True)
        (cwd / name).write_bytes(bytes_)


@pytest.mark.parametrize("name", ["impute in place", "score", "contract draft", "fit"])
def test_on_a_full_disk_the_old_content_stays(name: str, home: Path, tmp_path: Path) -> None:
    command, _ = COMMANDS[name]
    old = before(tmp_path, name, home)
    assert ended(started(tmp_path, *command.format(home).split(), room=1000)) == 1
    said = (tmp_path / "said").read_text()
    assert "cannot be written: File too large. Existing files are unchanged. Free some space" in said, said
    assert "Traceback" not in said
    assert written(tmp_path) == old


def test_two_at_once_write_one_of_both_and_never_a_mix(home: Path, tmp_path: Path) -> None:
    wanted = [made(tmp_path, f"sample {{0}}/model -n 3000 -o rows.csv --seed {seed}", home) for seed in (1, 2)]
    both = [
        started(tmp_path, "sample", home / "model", "-n", 3000, "-o", "rows.csv", "--seed", seed) for seed in (1, 2)
    ]
    assert [ended(process) for process in both] == [0, 0]
    assert written(tmp_path) in wanted


FILES = ("head", "body")


def pair(folder: Path, mark: str, pause: float = 0) -> None:
    """Write a folder of two files."""
    with writing.folder(folder, FILES) as partial:
        for name in FILES:
            (partial / name).write_bytes(mark.encode() * 200_000)
        time.sleep(pause)


@pytest.fixture(params=["alone", "beside others"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A folder that is exchanged, and one that stays since somebody else's file is in it."""
    folder = tmp_path / "folder"
    pair(folder, "a")
    if request.param == "beside others":
        (folder / "mine").write_text("mine")
    yield folder
    assert request.param == "alone" or (folder / "mine").read_text() == "mine"


@pytest.mark.parametrize("moments", [pytest.param(12, id="few"), pytest.param(600, marks=pytest.mark.thorough)])
def test_a_folder_is_replaced_as_a_whole(target: Path, moments: int, tmp_path: Path) -> None:
    """As `evaluate -o` and `fit -o` do; a folder that stays is completed by the next who reads it."""
    chance = random.Random(moments)
    for moment in range(moments):
        kill(called(pair, target, "b" if moment % 2 else "c"), after=chance.uniform(0, 0.003), watched=tmp_path)
        writing.finish(target, FILES)
        assert len({(target / name).read_bytes() for name in FILES}) == 1
    pair(target, "d")
    assert {path.name for path in tmp_path.rglob("*")} - {"mine"} == {"folder", *FILES}


def test_two_who_replace_a_folder_at_once_leave_one_of_both(target: Path) -> None:
    both = [called(pair, target, mark, 0.05) for mark in "bc"]
    assert [ended(process) for process in both] == [0, 0]
    assert len({(target / name).read_bytes() for name in FILES}) == 1


def test_what_a_killed_run_left_is_removed_and_what_is_in_work_stays(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    (tmp_path / "rows.csv.0123abcd.partial").write_text("left")
    (tmp_path / "rows.csv.partial").write_text("mine")
    with writing.file(path) as first:
        first.write_text("first")
        with writing.file(path) as second:
            second.write_text("second")
        assert (path.read_text(), first.exists()) == ("second", True)
    assert path.read_text() == "first"
    assert {each.name for each in tmp_path.iterdir()} == {"rows.csv", "rows.csv.partial"}


def test_modes_and_links_stay(tmp_path: Path) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    writing.text(real, "one")
    real.chmod(0o640)
    link.symlink_to(real)
    writing.text(link, "two")
    assert (real.read_text(), real.stat().st_mode & 0o777, link.is_symlink()) == ("two", 0o640, True)


def test_a_name_of_the_longest_kind_can_be_written(tmp_path: Path) -> None:
    writing.text(tmp_path / ("n" * 255), "one")
    assert len(list(tmp_path.iterdir())) == 1


def test_the_working_folder_stays_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    node = tmp_path.stat().st_ino
    pair(Path(), "a")
    assert tmp_path.stat().st_ino == node
    assert {path.name for path in tmp_path.iterdir()} == set(FILES)


@pytest.mark.parametrize("path", ["s3://bucket/rows.csv", "gs://b/x", Path("s3://bucket/rows.csv"), "file:///tmp/x"])
def test_an_address_is_refused_by_name(path: Path | str) -> None:
    with pytest.raises(RequestError, match=r"(s3|gs|file)://.* is an address.*:// is not supported"):
        writing.local(path)
    for name in ("C:/rows.csv", "a:b/c", "s3/x", "/s3:/x"):
        assert writing.local(name) == Path(name)
    with pytest.raises(BundleError, match="s3://"):
        writing.local("s3://bucket/model", BundleError)
