"""The password of the default profile: made once, in a file that only its owner can read."""

import os
import re
import secrets
import stat
from pathlib import Path

from geratriz.errors import ConfigError
from geratriz.project import STATE

USER = "geratriz"
FILE = STATE / "password"
USERS = STATE / "mlflow-users.db"
"""MLflow's users, of which the first is made with the password when there is none yet."""
LENGTH_BYTES = 32
FORM = re.compile(r"[A-Za-z0-9_-]{24,}")  # what a shell and an HTTP header take as it is


def password(root: Path) -> str:
    """Return the password of the project in ``root``; make it if there is none.

    Raises:
        ConfigError: others than its owner can read the file, or it does not hold a password.
    """
    path = root / FILE
    if not path.exists():
        _make(path, users=root / USERS)
    state = path.lstat()
    if not stat.S_ISREG(state.st_mode) or state.st_uid != os.geteuid() or state.st_mode & 0o077:
        raise ConfigError(
            f"{path} must be a file of yours that nobody else can read, and is {stat.filemode(state.st_mode)} of user "
            f"{state.st_uid}. Others may know the password: delete the file, and `geratriz up` makes another one."
        )
    text = path.read_text(encoding="utf-8", errors="replace").strip()
    if not FORM.fullmatch(text):
        raise ConfigError(
            f"{path} has {len(text)} characters; expected 24 or more letters, digits, - and _. Delete the file, and "
            "`geratriz up` makes another one."
        )
    return text


def _make(path: Path, users: Path) -> None:
    """Write a new password; the file has its mode and its content from the moment that it has its name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    users.unlink(missing_ok=True)  # they have the password before, which is gone
    aside = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(secrets.token_urlsafe(LENGTH_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(aside, path)  # unlike a rename it keeps what another `geratriz up` has just made
        except FileExistsError:
            pass
        except OSError:  # a file system without hard links
            aside.rename(path)
    finally:
        aside.unlink(missing_ok=True)
