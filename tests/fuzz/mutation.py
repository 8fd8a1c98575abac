"""Changes of valid inputs: of bytes anywhere, and of the values of JSON and YAML. Equal seeds give equal inputs."""

import copy
import json
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import yaml

MAX_EDITS = 4
BYTES = (
    b"", b"\0", b"\xff" * 8, b"\n", b"\r", b'"', b",", b"{", b"[" * 300, b"null", b"NaN", b"-1", b"1e999", b"9" * 5000,
    b"../../x", b"/etc/passwd", b"\xf0\x9f\x99\x82", b"\xed\xa0\x80", b"%s%n", b"2023-02-30", b"0001-01-01",
    b"a" * 100_000, (2**31 - 1).to_bytes(4, "little"),
    (2**63 - 1).to_bytes(8, "little"), (2**32 - 1).to_bytes(4, "big"),
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, 2**63, 10**400, 1.5, -0.0, 1e308, float("nan"), float("inf"), "", " ", "\0",
    "x", "integer", "9" * 5000, "2023-02-30", "../../x", "a" * 100_000, [], {}, [None], [[]], {"": None},
    {"column": "x"},
    ["a", 1], [1, 2, 3], {"min": 0},
)  # fmt: skip


def of_bytes(seeds: Sequence[bytes], rng: np.random.Generator) -> bytes:
    """One of ``seeds`` with some edits at random places."""
    content = bytearray(seeds[rng.integers(len(seeds))])
    for _ in range(rng.integers(1, MAX_EDITS + 1)):
        _edit(content, seeds, rng)
    return bytes(content)


def _edit(content: bytearray, seeds: Sequence[bytes], rng: np.random.Generator) -> None:
    at = int(rng.integers(len(content) + 1))
    end = min(at + int(rng.geometric(0.1)), len(content))
    match rng.integers(7):
        case 0 if content:
            content[min(at, len(content) - 1)] ^= 1 << int(rng.integers(8))
        case 1:
            content[at:end] = rng.bytes(end - at)
        case 2:
            del content[at:end]
        case 3:
            content[at:at] = content[at:end] * int(rng.integers(1, 20))
        case 4:
            del content[at:]
        case 5:
            other = seeds[rng.integers(len(seeds))]
            start = int(rng.integers(len(other) + 1))
            content[at:end] = other[start : start + int(rng.integers(1, 200))]
        case _:
            word = BYTES[rng.integers(len(BYTES))]
            content[at : at + (len(word) if rng.random() < 0.5 else 0)] = word


def of_json(seeds: Sequence[bytes], rng: np.random.Generator) -> bytes:
    """One of ``seeds``, JSON texts, with some of its values, keys or lists changed; now and then with changed bytes."""
    return _of_tree(seeds, rng, json.loads, json.dumps)


def of_yaml(seeds: Sequence[bytes], rng: np.random.Generator) -> bytes:
    """The same for YAML."""
    return _of_tree(seeds, rng, yaml.safe_load, partial(yaml.safe_dump, allow_unicode=True))


def _of_tree(
    seeds: Sequence[bytes], rng: np.random.Generator, load: Callable[[bytes], Any], dump: Callable[[Any], str]
) -> bytes:
    if rng.random() < 0.15:
        return of_bytes(seeds, rng)
    try:
        return dump(changed(load(seeds[rng.integers(len(seeds))]), rng)).encode("utf-8", "surrogatepass")
    except RecursionError:  # several edits nested what the others had nested
        return of_bytes(seeds, rng)


def changed(tree: Any, rng: np.random.Generator) -> Any:
    """A copy of a tree of mappings, lists and values with some edits."""
    tree = copy.deepcopy(tree)
    for _ in range(rng.integers(1, MAX_EDITS + 1)):
        places = list(_places(tree))
        if not places or rng.random() < 0.01:
            return _value(rng)
        holder, key = places[rng.integers(len(places))]
        match rng.integers(5):
            case 0:
                del holder[key]
            case 1 if isinstance(holder, dict):
                holder[f"{key}{'' if rng.random() < 0.3 else 'x'}"] = holder.pop(key)
            case 1:
                holder.append(holder[key])
            case 2:
                source, other = places[rng.integers(len(places))]
                holder[key] = copy.deepcopy(source[other]) if _holds(source, other) else None
            case 3:
                holder[key] = _nested(holder[key], int(rng.choice([1, 2, 50, 200])))
            case _:
                holder[key] = _value(rng)
    return tree


def _value(rng: np.random.Generator) -> Any:
    return copy.deepcopy(VALUES[rng.integers(len(VALUES))])


def _nested(value: Any, depth: int) -> Any:
    for _ in range(depth):
        value = [value]
    return value


def _holds(holder: Any, key: Any) -> bool:
    return key in holder if isinstance(holder, dict) else isinstance(key, int) and key < len(holder)


def _places(tree: Any) -> list[tuple[Any, Any]]:
    """Every (mapping, key) and (list, position) in a tree."""
    found: list[tuple[Any, Any]] = []
    waiting = [tree]
    while waiting:
        holder = waiting.pop()
        keys = list(holder) if isinstance(holder, dict) else range(len(holder)) if isinstance(holder, list) else ()
        for key in keys:
            found.append((holder, key))
            waiting.append(holder[key])
    return found


Mutation = Callable[[Sequence[bytes], np.random.Generator], bytes]
