"""Everything that reads what others wrote, each with valid inputs to start from."""

import hashlib
import io
import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from geratriz import bundle, config, domains
from geratriz.cli.shared import pairs
from geratriz.contract import check, read_suite
from geratriz.errors import GeratrizError, RequestError
from geratriz.table.data.table import Table
from geratriz.table.draft import suite_of
from geratriz.table.generators.catalog import GENERATORS
from tests import image_files
from tests.fuzz import mutation
from tests.tables import mixed, told

ROOT = Path(__file__).parents[2]
ROWS = 40


@dataclass(frozen=True, kw_only=True)
class Reader:
    """A way into the program."""

    seeds: Callable[[], list[bytes]]
    read: Callable[[bytes, Path], object]
    """Reads an input; the folder is its own, and empty. It returns, or raises an error that users can mend."""
    mutate: mutation.Mutation = mutation.of_bytes
    share: float = 1.0
    """Of the inputs: what is slow gets fewer."""
    refusals: tuple[type[Exception], ...] = (GeratrizError,)


def from_file(name: str, read: Callable[[Path], object]) -> Callable[[bytes, Path], object]:
    """A reader of a file of that name."""

    def reader(content: bytes, folder: Path) -> object:
        (folder / name).write_bytes(content)
        return read(folder / name)

    return reader


# Tables ---------------------------------------------------------------------------------------------------------------


def rows() -> pd.DataFrame:
    frame = mixed(ROWS).frame
    day = pd.to_datetime(frame["day"])
    return frame.assign(zoned=day.dt.tz_localize("Europe/Lisbon"), big=2**60 + np.arange(ROWS), empty=None)


def csv_files() -> list[bytes]:
    plain = rows().to_csv(index=False).encode()
    return [
        plain,
        plain.replace(b",", b";"),
        rows().head(1).to_csv(index=False).encode(),
        b"a,b\n1,2\n",
        b"\xef\xbb\xbfa\n1\n",
    ]


def parquet_files() -> list[bytes]:
    found = []
    for page in (2**20, 64):
        file = io.BytesIO()
        rows().to_parquet(file, data_page_size=page)
        found.append(file.getvalue())
    return found


# Images ---------------------------------------------------------------------------------------------------------------


def pictures() -> list[bytes]:
    return [image_files.encoded(3, form) for form in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP")]


def read_picture(content: bytes, folder: Path) -> object:
    image_files.folder(folder / "set", {"a/0.png": image_files.encoded(1), "a/1.png": image_files.encoded(2)})
    (folder / "set" / "a" / "2.png").write_bytes(content)
    domains.prepare("images").observe(folder / "set")
    return domains.prepare("images").read(folder / "set", {})


def read_images(path: Path) -> object:
    domains.prepare("images").observe(path)
    return domains.prepare("images").read(path, {})


@cache
def _archive(suffix: str) -> bytes:
    import tempfile

    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / f"set.{suffix}"
        match suffix:
            case "zip":
                image_files.zipped(path, image_files.classes(6))
            case "npz":
                np.savez(path, images=np.stack([image_files.pixels(i) for i in range(6)]), labels=np.arange(6) % 2)
            case "parquet":
                cells = [{"bytes": image_files.encoded(i), "path": f"{i}.png"} for i in range(6)]
                image_files.parquet(path, image=cells, label=["a", "b"] * 3)
            case _:
                image_files.tarred(path, image_files.classes(6), "w:gz" if suffix == "tar.gz" else "w")
        return path.read_bytes()


def archive(suffix: str) -> Reader:
    return Reader(seeds=lambda: [_archive(suffix)], read=from_file(f"set.{suffix}", read_images), share=0.5)


# What the program wrote and somebody changed --------------------------------------------------------------------------


@cache
def generator() -> Any:
    return GENERATORS.find("independent").fit(mixed(200), seed=0)


@cache
def saved() -> Mapping[str, bytes]:
    import tempfile

    with tempfile.TemporaryDirectory() as scratch:
        generator().save(Path(scratch) / "model")
        return {path.name: path.read_bytes() for path in (Path(scratch) / "model").iterdir()}


def read_bundle(content: bytes, folder: Path) -> object:
    """A bundle whose head was changed, and whose hash of the other file still fits."""
    for name, original in saved().items():
        (folder / name).write_bytes(content if name == bundle.HEAD else original)
    return GENERATORS.load(folder).sample(5, seed=0)


def read_tensors(content: bytes, folder: Path) -> object:
    """A bundle whose numbers were changed, and whose hash was made to fit."""
    head = json.loads(saved()[bundle.HEAD])
    head["parts"][bundle.TENSORS] = hashlib.sha256(content).hexdigest()
    (folder / bundle.HEAD).write_text(json.dumps(head))
    (folder / bundle.TENSORS).write_bytes(content)
    return GENERATORS.load(folder).sample(5, seed=0)


@cache
def drafted() -> bytes:
    return json.dumps(suite_of(told(mixed(200)), "mixed")).encode()


def contracts() -> list[bytes]:
    check(mixed(ROWS).frame, json.loads(drafted()))  # imports Great Expectations, which takes seconds
    return [drafted(), *(path.read_bytes() for path in sorted((ROOT / "contracts").glob("*.json")))]


def read_contract(path: Path) -> object:
    suite = read_suite(path)
    one_in_eight = zlib.crc32(path.read_bytes()) % 8 == 0  # a check takes a tenth of a second
    return check(mixed(ROWS).frame, suite) if one_in_eight else suite


def settings() -> list[bytes]:
    files = [ROOT / "params.yaml", *sorted((ROOT / "examples").glob("*/params.yaml"))]
    return [path.read_bytes() for path in files]


def read_settings(path: Path) -> object:
    import importlib

    found = config.read_params(path)
    for name in ("validate", "prepare", "landmarks", "sample", "evaluate", "compare"):
        stage = importlib.import_module(f"geratriz.stages.{name}")
        values = {field: config.pick(found, key) for field, key in stage.READS.items()}
        config.load(stage.Params, values, str(path))
    return found


# What people and clients ask ------------------------------------------------------------------------------------------


def conditions() -> list[bytes]:
    texts = (
        "group=b",
        "group='b'",
        "size=3",
        "price=4.5",
        "day=2024-02-03",
        "rating=null",
        "sold=true",
        "note=[yes, no]",
    )
    return [text.encode() for text in texts]


def read_condition(content: bytes, folder: Path) -> object:
    del folder
    text = content.decode("utf-8", "surrogateescape")
    where = pairs([text], "--where", RequestError, read=domains.draw("table").parse)
    return generator().sample(2, seed=0, where=where)


def requests() -> list[bytes]:
    orders: list[Any] = [
        {"dataframe_records": [{"n_rows": 2, "group": "b"}, {"n_rows": 1}], "params": {"seed": 7}},
        {"dataframe_split": {"columns": ["n_rows", "size"], "data": [[1, 3], [2, None]]}},
        {"inputs": {"n_rows": [3]}},
    ]
    return [json.dumps(order).encode() for order in orders]


@cache
def served() -> Any:
    import tempfile
    from types import SimpleNamespace

    from geratriz.registry.serving import ServedGenerator

    model = ServedGenerator()
    with tempfile.TemporaryDirectory() as scratch:
        generator().save(Path(scratch) / "model")
        model.load_context(SimpleNamespace(artifacts={"bundle": str(Path(scratch) / "model")}))
    return model


def read_request(content: bytes, folder: Path) -> object:
    """As MLflow's server does: its own parser first, then the model, and the answer as JSON."""
    del folder
    from mlflow.pyfunc.scoring_server import _split_data_and_params, infer_and_parse_data

    data, params = _split_data_and_params(content.decode("utf-8", "replace"))
    answer = served().predict(None, infer_and_parse_data(data), params)
    return answer.to_json(orient="records")


def _refusals_of_requests() -> tuple[type[Exception], ...]:
    from mlflow.exceptions import MlflowException

    return (MlflowException,)


READERS: dict[str, Reader] = {
    "csv": Reader(seeds=csv_files, read=from_file("rows.csv", Table.read), share=2),
    "parquet": Reader(seeds=parquet_files, read=from_file("rows.parquet", Table.read), share=2),
    "picture": Reader(seeds=pictures, read=read_picture),
    "zip": archive("zip"),
    "tar": archive("tar"),
    "tar.gz": archive("tar.gz"),
    "npz": archive("npz"),
    "images.parquet": archive("parquet"),
    "bundle": Reader(seeds=lambda: [saved()[bundle.HEAD]], read=read_bundle, mutate=mutation.of_json),
    "tensors": Reader(seeds=lambda: [saved()[bundle.TENSORS]], read=read_tensors, share=0.5),
    "contract": Reader(seeds=contracts, read=from_file("suite.json", read_contract), mutate=mutation.of_json),
    "params.yaml": Reader(
        seeds=settings, read=from_file("params.yaml", read_settings), mutate=mutation.of_yaml, share=0.5
    ),
    "where": Reader(seeds=conditions, read=read_condition, share=2),
    "request": Reader(
        seeds=requests, read=read_request, mutate=mutation.of_json, refusals=(GeratrizError, *_refusals_of_requests())
    ),
}
