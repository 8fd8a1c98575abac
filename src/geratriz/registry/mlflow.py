"""The registry's operations on MLflow: runs, versions, aliases and downloads. Only this module uses its client."""

import json
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from geratriz.bundle import HEAD, HISTORY, digest
from geratriz.errors import BundleError, NoRegistryError, RegistryError, nearest
from geratriz.registry.client import (
    default_uri,
    exists,
    experiment_id,
    hide,
    is_server,
    log_history,
    log_params,
    mlflow_client,
)
from geratriz.registry.evidence import Evidence
from geratriz.registry.names import BUNDLE
from geratriz.registry.packaging import BUNDLE_FOLDER, package
from geratriz.registry.patience import NotFoundError, RetryingClient, away_error, retrying
from geratriz.tracking import read_history

CALL_TIMEOUT_S = 30
INTENT = "geratriz.intent"  # tag of a version while its aliases are moved


@dataclass(frozen=True, kw_only=True, slots=True)
class Version:
    """One version of a registered model."""

    name: str
    version: int
    run_id: str
    aliases: tuple[str, ...]
    tags: Mapping[str, str]
    created: int
    """Milliseconds since 1970."""

    @property
    def uri(self) -> str:
        """Address of the version."""
        return f"models:/{self.name}/{self.version}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Intent:
    """A planned move of aliases."""

    aliases: Mapping[str, int | None]
    """New version per alias; None deletes the alias."""
    tags: Mapping[str, str]
    """Tags to set on the version."""
    of_the_model: Mapping[str, str] = field(default_factory=dict)
    """Tags to set on the registered model."""


class Registry:
    """One MLflow server, or a SQLite file in the project's root.

    Args:
        root: the project's root.
        uri: address of MLflow; the default store if None.
        create: whether a SQLite file that does not exist is created; what only reads must not do that.

    Raises:
        NoRegistryError: the SQLite file does not exist.
        AwayError: MLflow does not answer.
    """

    def __init__(self, root: Path, uri: str | None = None, *, create: bool = False) -> None:
        self.uri = default_uri(root) if uri is None else uri
        self._root = root
        if not (create or exists(self.uri)):
            raise NoRegistryError(
                f"there is no registry at {self.uri}. Run the command in the project's folder, or set "
                "MLFLOW_TRACKING_URI to the address of the registry. `geratriz register` creates one."
            )
        try:
            self._client: Any = RetryingClient(mlflow_client(self.uri, timeout=CALL_TIMEOUT_S), self.uri)
        except Exception as problem:
            raise away_error(self.uri, problem) from None

    # Runs -------------------------------------------------------------------------------------------------------------

    def find_run(self, digest: str) -> Any | None:
        """Return the latest finished run that made the bundle ``digest``, or None."""
        experiments = [experiment.experiment_id for experiment in self._pages("search_experiments")]
        condition = f"tags.`{BUNDLE}` = '{digest}' and attributes.status = 'FINISHED'"
        runs = self._client.search_runs(experiments, condition, order_by=["attributes.start_time DESC"], max_results=1)
        return runs[0] if runs else None

    def create_run(self, experiment: str, evidence: Evidence, tags: Mapping[str, str]) -> Any:
        """Create a run for a bundle whose fit was not tracked, with the losses and settings that the bundle holds.

        The tag that names the bundle is set last, so an interrupted call leaves no run that :meth:`find_run` returns.
        """
        experiment = experiment_id(self._client, experiment, self._root, self.uri)
        run_id = self._client.create_run(experiment, tags=dict(tags), run_name=evidence.model).info.run_id
        log_params(self._client, run_id, evidence.settings)
        history = evidence.bundle / HISTORY
        if history.exists():
            now = time.time_ns() // 1_000_000
            lines = read_history(history)
            log_history(self._client, run_id, [(line.pop("step"), now, line) for line in lines])
        self._client.set_terminated(run_id)
        self._client.set_tag(run_id, BUNDLE, evidence.digest)
        return self._client.get_run(run_id)

    def log_results(
        self, run_id: str, *, metrics: Mapping[str, float], tags: Mapping[str, str], files: Mapping[str, Path]
    ) -> None:
        """Log values, tags, and files or folders by their artifact path.

        A file keeps its name, which must be the last part of its artifact path.
        """
        log_history(self._client, run_id, [(0, time.time_ns() // 1_000_000, metrics)])
        for artifact_path, path in files.items():
            if path.is_dir():
                self._client.log_artifacts(run_id, str(path), artifact_path)
            else:
                self._client.log_artifact(run_id, str(path), artifact_path.rpartition("/")[0])
        for name, tag in tags.items():
            self._client.set_tag(run_id, name, tag)

    def log_text(self, run_id: str, artifact_path: str, text: str) -> None:
        """Log a text as an artifact."""
        self._client.log_text(run_id, text, artifact_path)

    def log_data(self, run_id: str, *, path: str, md5: str, git: str | None) -> None:
        """Log the data set that a run was trained on, with DVC's digest."""
        from mlflow.entities import Dataset, DatasetInput, InputTag

        source = json.dumps({"path": path, "md5": md5, "git": git}, sort_keys=True)
        dataset = Dataset(name=Path(path).stem, digest=md5, source_type="dvc", source=source)
        self._client.log_inputs(run_id, datasets=[DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])])

    def page(self, run_id: str, folder: str) -> str:
        """Address of the page index.html in an artifact folder of a run."""
        run = self._client.get_run(run_id)
        if not is_server(self.uri):
            return f"{run.info.artifact_uri}/{folder}/index.html"
        home = f"{hide(self.uri, self.uri).rstrip('/')}/#/experiments/{run.info.experiment_id}"
        return f"{home}/runs/{run_id}/artifacts/{folder}/index.html"

    def read_text(self, run_id: str, path: str) -> str | None:
        """Return a text artifact of a run, or None if it does not exist."""
        folder, _, name = path.rpartition("/")
        if name not in {Path(file.path).name for file in self._client.list_artifacts(run_id, folder or None)}:
            return None
        with tempfile.TemporaryDirectory() as scratch:
            local = Path(self._client.download_artifacts(run_id, path, scratch))
            return local.read_text(encoding="utf-8")

    # Versions ---------------------------------------------------------------------------------------------------------

    def names(self) -> list[str]:
        """Names of the registered models with Geratriz generators; the server may hold other models."""
        return sorted({version.name for version in self._pages("search_model_versions", f"tags.`{BUNDLE}` LIKE '%'")})

    def versions(self, name: str) -> list[Version]:
        """Return the versions of a registered model, oldest first.

        Raises:
            RegistryError: the model does not exist.
        """
        model = self._known(name)
        aliases: dict[int, list[str]] = {}
        for alias, version in model.aliases.items():
            aliases.setdefault(int(version), []).append(alias)
        versions = [
            Version(
                name=name,
                version=int(stored.version),
                run_id=stored.run_id or "",
                aliases=tuple(sorted(aliases.get(int(stored.version), ()))),
                tags=dict(stored.tags),
                created=stored.creation_timestamp,
            )
            for stored in self._pages("search_model_versions", f"name = '{name}'")
        ]
        return sorted(versions, key=lambda version: version.version)

    def find_version(self, name: str, digest: str) -> Version | None:
        """Return the version that holds the bundle ``digest``, or None; the model need not exist."""
        if self._model(name) is None:
            return None
        return next((version for version in self.versions(name) if version.tags.get(BUNDLE) == digest), None)

    def create_version(
        self, name: str, run_id: str, evidence: Evidence, *, tags: Mapping[str, str], description: str
    ) -> None:
        """Store the bundle as a model and create the newest version of ``name`` from it, with its tags in one call."""
        if self._model(name) is None:
            self._client.create_registered_model(name)
        model = self._store(run_id, evidence)
        # A server resolves the id of the model. MLflow's SQL store would look it up in the process-wide default store.
        source = f"models:/{model.model_id}" if is_server(self.uri) else model.artifact_location
        self._client.create_model_version(
            name, source, run_id=run_id, tags=dict(tags), description=description, model_id=model.model_id
        )

    def update_version(self, version: Version, *, tags: Mapping[str, str], description: str) -> None:
        """Update the tags and the description of a version."""
        self.tag(version, tags)
        self._client.update_model_version(version.name, str(version.version), description)

    def tag(self, version: Version, tags: Mapping[str, str]) -> None:
        """Set the tags of a version that do not have these values yet."""
        for name, tag in tags.items():
            if version.tags.get(name) != tag:
                self._client.set_model_version_tag(version.name, str(version.version), name, tag)

    def move(self, version: Version, intent: Intent, check_lease: Callable[[], None]) -> None:
        """Carry out ``intent``; ``check_lease`` is called before each write and may stop the move there.

        Aliases are moved by this method alone, under the lock of `geratriz.registry.lock`. The intent is stored in a
        tag before the first write and deleted after the last, so :meth:`finish_pending_moves` can finish after a crash.
        """
        check_lease()
        self._client.set_model_version_tag(version.name, str(version.version), INTENT, json.dumps(asdict(intent)))
        self._carry_out(version, intent, check_lease)

    def finish_pending_moves(self, name: str, check_lease: Callable[[], None]) -> list[tuple[Version, Intent]]:
        """Finish the moves that a crash interrupted, under the lock, and return them."""
        moves = self.pending_moves(name)
        for version, intent in moves:
            self._carry_out(version, intent, check_lease)
        return moves

    def pending_moves(self, name: str) -> list[tuple[Version, Intent]]:
        """Moves that were begun and not finished: after a crash, or in another process."""
        return [(v, Intent(**json.loads(v.tags[INTENT]))) for v in self.versions(name) if INTENT in v.tags]

    def tags(self, name: str) -> dict[str, str]:
        """Tags of a registered model itself.

        Raises:
            RegistryError: the model does not exist.
        """
        return dict(self._known(name).tags)

    # Marks: registered models without versions, used for their unique names -------------------------------------------

    def create_mark(self, name: str, tags: Mapping[str, str]) -> bool:
        """Create a mark; False if the name is taken, or was when MLflow checked."""
        from mlflow.exceptions import MlflowException

        try:
            self._client.create_registered_model(name, tags=dict(tags))
        except (MlflowException, NotFoundError):  # it exists; or it existed and was deleted before MLflow looked it up
            return False
        return True

    def read_mark(self, name: str) -> dict[str, str] | None:
        """Tags of a mark, or None if it does not exist."""
        mark = self._model(name)
        return None if mark is None else dict(mark.tags)

    def marks(self, prefix: str) -> list[tuple[str, int]]:
        """Names of the marks with this prefix, and when they were created, in milliseconds since 1970."""
        models = self._pages("search_registered_models", f"name LIKE '{prefix}%'")
        return [(mark.name, mark.creation_timestamp) for mark in models if mark.name.startswith(prefix)]

    def rename_mark(self, name: str, new: str) -> None:
        """Rename a mark, unless another process has just renamed or deleted it.

        Raises:
            ForbiddenError: the mark belongs to another user of MLflow.
        """
        from mlflow.exceptions import MlflowException

        with suppress(MlflowException, NotFoundError):  # the new name exists, or the old one no longer does
            self._client.rename_registered_model(name, new)

    def delete_mark(self, name: str) -> None:
        """Delete a mark."""
        self._client.delete_registered_model(name)

    # ------------------------------------------------------------------------------------------------------------------

    def download(self, version: Version, folder: Path) -> Path:
        """Download the bundle of a version and return its folder.

        Raises:
            BundleError: it is not the bundle that was registered: its digest is not the one in the version's tag.
            RegistryError: MLflow does not answer.
        """
        from mlflow.artifacts import download_artifacts

        # Not "models:/...": MLflow would look that up in the process-wide default store.
        uri = self._client.get_model_version_download_uri(version.name, str(version.version))
        fetch = retrying(download_artifacts, self.uri, retry=True)
        path = Path(fetch(f"{uri}/{BUNDLE_FOLDER}", dst_path=str(folder), tracking_uri=self.uri))
        if (found := digest(path)) != version.tags.get(BUNDLE):
            raise BundleError(
                f"the files of {version.uri} are not those that were registered: the digest of {HEAD} is "
                f"{found[:12]}, the version's tag says {version.tags.get(BUNDLE, 'none')[:12]}. They were changed in "
                "the artifact store: do not use them. Register a bundle that you trust, and promote it."
            )
        return path

    def resolve(self, address: str) -> Version:
        """Return the version that ``models:/NAME/VERSION`` or ``models:/NAME@ALIAS`` names.

        Raises:
            RegistryError: the address is invalid, or the version does not exist.
        """
        rest = address.removeprefix("models:/").strip("/")
        kind = "alias" if "@" in rest else "version"
        name, _, key = rest.partition("@" if kind == "alias" else "/")
        if not (name and key) or (kind == "version" and not key.isdigit()):
            raise RegistryError(f"{address!r} is not a valid address; use models:/NAME@ALIAS or models:/NAME/3.")
        versions = self.versions(name)
        for version in versions:
            if key in version.aliases if kind == "alias" else version.version == int(key):
                return version
        known = [str(key) for v in versions for key in (v.aliases if kind == "alias" else (v.version,))]
        raise RegistryError(f"{name} has no {kind} {key!r}. Known: {', '.join(known) or 'none'}.")

    # ------------------------------------------------------------------------------------------------------------------

    def _model(self, name: str) -> Any | None:
        """Return the registered model, or None if it does not exist."""
        models = [] if "'" in name else list(self._pages("search_registered_models", f"name = '{name}'"))
        return models[0] if models else None

    def _known(self, name: str) -> Any:
        model = self._model(name)
        if model is None:
            raise RegistryError(
                f"{hide(self.uri, self.uri)} holds no model {name!r}.{nearest(name, self.names())} "
                "`geratriz register` creates it."
            )
        return model

    def _carry_out(self, version: Version, intent: Intent, check_lease: Callable[[], None]) -> None:
        name, number = version.name, str(version.version)
        for alias, target in intent.aliases.items():
            check_lease()
            if target is None:
                self._client.delete_registered_model_alias(name, alias)
            else:
                self._client.set_registered_model_alias(name, alias, str(target))
        for key, tag in intent.tags.items():
            check_lease()
            self._client.set_model_version_tag(name, number, key, tag)
        for key, tag in intent.of_the_model.items():
            check_lease()
            self._client.set_registered_model_tag(name, key, tag)
        check_lease()
        self._client.delete_model_version_tag(name, number, INTENT)

    def _store(self, run_id: str, evidence: Evidence) -> Any:
        """Return the logged model that holds the bundle; store it unless an earlier, interrupted call has."""
        experiment = self._client.get_run(run_id).info.experiment_id
        for stored in self._client.search_logged_models([experiment], f"tags.`{BUNDLE}` = '{evidence.digest}'"):
            if stored.status == "READY":  # not part of the query: MLflow's PostgreSQL store fails on it
                return stored
        from mlflow.entities import LoggedModelOutput

        model = self._client.create_logged_model(
            experiment, name=evidence.model, source_run_id=run_id, tags={BUNDLE: evidence.digest}
        )
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch) / "model"
            package(folder, evidence.bundle, run_id=run_id, model_id=model.model_id)
            self._client.log_model_artifacts(model.model_id, str(folder))
        self._client.finalize_logged_model(model.model_id, "READY")
        self._client.log_outputs(run_id, [LoggedModelOutput(model.model_id, step=0)])
        return model

    def _pages(self, verb: str, *arguments: Any) -> Iterator[Any]:
        token = None
        while True:
            page = getattr(self._client, verb)(*arguments, page_token=token)
            yield from page
            token = page.token
            if not token:
                return
