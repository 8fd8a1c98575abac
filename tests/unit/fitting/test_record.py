"""What a checkpoint is bound to: the code that a fit depends on, all of it and nothing else."""

from pathlib import Path

import pytest

from geratriz.fitting.record import PACKAGE, code_of
from geratriz.images.generators.image_gan import ImageGan
from geratriz.table.generators.autoregressive import Autoregressive
from geratriz.table.generators.independent import Independent
from geratriz.table.generators.tvae import Tvae, TvaeConfig
from tests.tables import mixed
from tests.unit.fitting.recorder import Recorder


def change(patch: pytest.MonkeyPatch, name: str) -> None:
    """Let a file of the package, and no other, read as if a line had been added to it."""
    path, read = PACKAGE / name, Path.read_bytes
    assert path.is_file(), name
    patch.setattr(Path, "read_bytes", lambda self: read(self) + (b"# changed\n" if self == path else b""))


def depends_on(generator: type, name: str) -> bool:
    before = code_of(generator)
    with pytest.MonkeyPatch.context() as patch:
        change(patch, name)
        return code_of(generator) != before


def files(folder: str) -> set[str]:
    return {path.relative_to(PACKAGE).as_posix() for path in (PACKAGE / folder).glob("*.py")}


def test_a_fit_depends_on_what_all_share_on_its_data_and_networks_and_on_its_own_file() -> None:
    of_table = {"column.py", *files("fitting"), *files("table/data"), *files("table/nets"), "table/generators/base.py"}
    of_images = {"column.py", *files("fitting"), *files("images/data"), *files("images/nets")}
    needed = {
        Tvae: {*of_table, "table/generators/tvae.py"},
        Independent: {*of_table, "table/generators/independent.py"},
        ImageGan: {*of_images, "images/generators/base.py", "images/generators/image_gan.py"},
    }
    assert {"table/data/protect.py", "table/data/schema.py", "table/data/levels.py"} < of_table
    for generator, names in needed.items():
        assert [name for name in sorted(names) if not depends_on(generator, name)] == []


def test_it_depends_on_no_other_generator_and_on_nothing_that_comes_after_it() -> None:
    others = files("table/generators") - {f"table/generators/{name}.py" for name in ("base", "tvae")}
    after = files("table/evaluate") | files("scoring") | files("report") | files("stages") | files("registry")
    assert "table/generators/ctgan.py" in others
    assert [name for name in sorted({*others, *after, *files("images/data")}) if depends_on(Tvae, name)] == []
    assert len({code_of(each) for each in (Tvae, Autoregressive, Independent, ImageGan)}) == 4


class Stopper(Recorder):
    """Interrupts a fit after its third round."""

    def metrics(self, values: object, *, step: int, steps: int) -> None:
        if step == 3:
            raise KeyboardInterrupt


@pytest.mark.slow
@pytest.mark.parametrize("name", [None, "table/generators/ctgan.py", "table/data/protect.py", "table/data/schema.py"])
def test_a_checkpoint_of_other_code_is_not_resumed(name: str | None, tmp_path: Path) -> None:
    config = TvaeConfig(epochs=40, width=8, latent=2, batch=64, components=2, threads=1)

    def fit(tracker: Recorder) -> None:
        Tvae.fit(mixed(200), config, seed=0, device="cpu", tracker=tracker, checkpoint=tmp_path)

    with pytest.raises(KeyboardInterrupt):
        fit(Stopper())
    again = Recorder()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("geratriz.table.nets.codes.MAX_CALIBRATION_ROWS", 512)
        if name is not None:
            change(patch, name)
        fit(again)
    resumed = any("resuming" in note for note in again.notes)
    assert resumed is (name in (None, "table/generators/ctgan.py"))
    assert len(again.rounds) == (3 if resumed else 6)
