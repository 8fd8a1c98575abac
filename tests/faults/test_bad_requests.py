"""Wrong settings, wrong arguments and damaged generators, through the commands and stages that meet them."""

import json
import re
import shutil
from pathlib import Path

import pytest
import yaml

from geratriz import bundle
from geratriz.stages import entry, prepare, sample, train
from geratriz.table.data.rules import Rules
from tests.architecture.imports import ROOT
from tests.faults.conftest import Command
from tests.tables import mixed


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-n", "0"], "the number of rows, is 0; it must be at least 1"),
        (["-n", "-1"], "the number of rows, is -1; it must be at least 1"),
        (["-n", "5", "--where", "group=z"], "group = 'z', never seen in the training data. Known: a, b, c"),
        (["-n", "5", "--where", "price=1e9"], "outside the range of the training data, 0.2 to 43.11"),
        (["-n", "5", "--where", "day=1999-01-01"], "outside the range of the training data, 2024-01-0"),
        (["-n", "5", "--where", "rating=9"], "rating = 9, never seen in the training data. Nearest: 5, 4, 3"),
        (["-n", "5", "--where", "price=null"], "where asks for a missing 'price', never missing in the"),
        (["-n", "5", "--where", "number=1"], "'number', which the generator did not learn"),
        (["-n", "5", "--where", "grup=a"], "Did you mean 'group'"),
    ],
)
def test_a_sample_that_cannot_be_drawn_leaves_the_rows_that_are_there(
    words: list[str], message: str, model: Path, tmp_path: Path, refused: Command
) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text("old")
    assert message in refused("sample", model, "-o", rows, *words)
    assert rows.read_text() == "old"


def change_a_byte(model: Path) -> None:
    content = bytearray((model / bundle.TENSORS).read_bytes())
    content[-1] ^= 1
    (model / bundle.TENSORS).write_bytes(content)


def drop_a_part(model: Path) -> None:
    (model / bundle.TENSORS).unlink()


def make_it_newer(model: Path) -> None:
    head = json.loads((model / bundle.HEAD).read_text())
    (model / bundle.HEAD).write_text(json.dumps({**head, "format": bundle.FORMAT + 1}))


def cut_the_head(model: Path) -> None:
    (model / bundle.HEAD).write_bytes((model / bundle.HEAD).read_bytes()[:100])


DAMAGE = [
    (change_a_byte, "is not what was saved: its SHA-256 differs"),
    (drop_a_part, "is missing: the bundle was copied without it. Copy the whole folder"),
    (make_it_newer, f"has format {bundle.FORMAT + 1}, this version reads up to {bundle.FORMAT}. Upgrade geratriz"),
    (cut_the_head, "is not JSON"),
    (shutil.rmtree, "`geratriz fit` writes one"),
]


@pytest.mark.parametrize(("damage", "message"), DAMAGE)
def test_a_damaged_generator_is_not_sampled_from(
    damage: object, message: str, model: Path, tmp_path: Path, refused: Command
) -> None:
    (tmp_path / "rows.csv").write_text("old")
    damage(model)  # type: ignore[operator]
    assert message in refused("sample", model, "-n", 5, "-o", tmp_path / "rows.csv")
    assert (tmp_path / "rows.csv").read_text() == "old"


@pytest.mark.parametrize(("damage", "message"), DAMAGE)
def test_nor_is_it_by_the_stage(
    damage: object,
    message: str,
    model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    damage(model)  # type: ignore[operator]
    shutil.copyfile(ROOT / "params.yaml", tmp_path / "params.yaml")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        entry.run(sample.main, sample.Params, sample.READS, ["--bundle", str(model), "--out", "rows.parquet"])
    assert ended.value.code == 1
    said = capsys.readouterr().err
    assert said.startswith("BundleError: ") and message in said
    assert not (tmp_path / "rows.parquet").exists()


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("dada", {}, "a section 'dada' that nothing reads. Did you mean 'data'"),
        ("data.target", "sould", "the target 'sould' is not a column of the table. Did you mean 'sold'"),
        ("data.schema", {"prise": "float"}, "data.schema.prise names a column the table does not have. .*'price'"),
        ("data.split.train", 0.9, "must be positive and add up to 1"),
        ("data.split.trian", 0.8, "data.split.trian|split.trian is not a setting. Did you mean 'train'"),
        ("data.split.by", "group:grup", "'grup', which the table does not have. Did you mean 'group'"),
        ("train.independent.bin", 64, "bin is not a setting. Did you mean 'bins'"),
        ("train.independent.bins", 1, "max_levels and bins must be at least 2"),
        ("train.independent.bins", "many", "expected int"),
    ],
)
def test_a_wrong_setting_ends_the_stage_that_reads_it(
    key: str,
    value: object,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    settings = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    settings["data"]["target"] = "sold"
    *sections, name = key.split(".")
    place = settings
    for each in sections:
        place = place[each]
    place[name] = value
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(settings))
    (tmp_path / "validation.json").write_text("{}")
    table = mixed()
    table.write(tmp_path / "rows.parquet")
    table.write(tmp_path / "prepared" / "train.parquet")
    table.schema.write(tmp_path / "prepared" / "schema.json")
    Rules().write(tmp_path / "prepared" / "rules.json")
    (tmp_path / "contract.json").write_text('{"name": "any", "expectations": []}')
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        if key.startswith("train."):
            words = "--model independent --prepared prepared --out out --out_history out.csv"
            entry.run(train.main, train.Params, train.READS, words.split())
        else:
            words = "--data rows.parquet --contract contract.json --validated validation.json --out out"
            entry.run(prepare.main, prepare.Params, prepare.READS, words.split())
    assert ended.value.code == 1
    assert re.search(message, capsys.readouterr().err)
    assert not (tmp_path / "out").exists()


def test_a_model_that_is_none_names_the_nearest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copyfile(ROOT / "params.yaml", tmp_path / "params.yaml")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        words = "--model tave --prepared prepared --out out --out_history out.csv"
        entry.run(train.main, train.Params, train.READS, words.split())
    assert "Did you mean 'tvae'" in capsys.readouterr().err


def test_a_target_that_is_not_there_ends_evaluate_and_nothing_is_written(tmp_path: Path, refused: Command) -> None:
    mixed().write(tmp_path / "rows.parquet")
    sides = [word for side in ("train", "test", "synthetic") for word in (f"--{side}", tmp_path / "rows.parquet")]
    said = refused("evaluate", *sides, "--target", "sould", "-o", tmp_path / "report")
    assert "the target 'sould' is not a column of the table. Did you mean 'sold'" in said
    assert not (tmp_path / "report").exists()
