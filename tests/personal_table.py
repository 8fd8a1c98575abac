"""A table about persons, made on the spot without Faker: what new values are told apart from."""

import numpy as np
import pandas as pd

FIRST = ["Ada", "Alan", "Barbara", "Claude", "Donald", "Edsger", "Grace", "John", "Leslie", "Margaret", "Radia", "Tim"]
LAST = ["Lovelace", "Turing", "Liskov", "Shannon", "Knuth", "Dijkstra", "Hopper", "Backus", "Lamport", "Hamilton"]
WORDS = ["called", "about", "the", "order", "again", "because", "nobody", "was", "at", "home", "on", "Monday"]


def people(rows: int = 400, seed: int = 0) -> pd.DataFrame:
    """Text of every form, numbers as keys, something missing, and two columns that are learnt."""
    rng = np.random.default_rng(seed)
    first, last = rng.choice(FIRST, rows), rng.choice(LAST, rows)
    number = rng.permutation(10**6)[:rows]

    def digits(*lengths: int, between: str) -> list[str]:
        return [between.join(f"{rng.integers(10**n):0{n}d}" for n in lengths) for _ in range(rows)]

    frame = pd.DataFrame(
        {
            "name": [f"{a} {b}" for a, b in zip(first, last, strict=True)],
            "first": first,
            "surname": pd.Categorical(last),
            "mail": [f"{a}.{b}{n}@Example.org".lower() for a, b, n in zip(first, last, number, strict=True)],
            "phone": [f"+49 {rng.integers(30, 999)} {rng.integers(10**6, 10**8)}" for _ in range(rows)],
            "mobile": rng.integers(10**9, 10**10, rows),
            "ssn": digits(3, 2, 4, between="-"),
            "iban": [_iban(rng) for _ in range(rows)],
            "card": [_card(rng) for _ in range(rows)],
            "code": [f"{a[0]}{b[0]}-{n:06d}" for a, b, n in zip(first, last, number, strict=True)],
            "street": [f"{b} Street {n % 90 + 1}, Springfield" for b, n in zip(last, number, strict=True)],
            "note": [" ".join(rng.choice(WORDS, rng.integers(9, 25))) for _ in range(rows)],
            "account": pd.array(rng.integers(10**7, 10**8, rows), dtype="Int64"),
            "group": rng.choice(["a", "b"], rows),
            "age": rng.integers(18, 90, rows),
        }
    )
    frame.loc[rng.random(rows) < 0.2, ["account", "note"]] = None
    return frame


def _iban(rng: np.random.Generator) -> str:
    body = f"{rng.integers(10**9):09d}{rng.integers(10**9):09d}"
    return f"DE{98 - int(body + '131400') % 97:02d}{body}"


def _card(rng: np.random.Generator) -> str:
    body = f"4{rng.integers(10**14):014d}"
    doubled = sum(sum(divmod(int(each) * (2 - i % 2), 10)) for i, each in enumerate(reversed(body)))
    number = f"{body}{-doubled % 10}"
    return " ".join(number[i : i + 4] for i in range(0, 16, 4))
