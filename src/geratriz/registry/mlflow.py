"""MLflow behind verbs: find, create, store, move an alias, list, download. Nothing else here talks to its client."""

import json
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from geratriz.bundle import HISTORY
from geratriz.errors import RegistryError, nearest
from geratriz.registry.client import default_uri, experiment_id, hide, is_server, log_history, log_params, mlflow_client
from geratriz.registry.evidence import Evidence
from geratriz.registry.names import BUNDLE
from geratriz.registry.packaging import PLACE, package
from geratriz.registry.patience import GoneError, Patient, away, patient
from geratriz.tracking import read_history

SECONDS_FOR_ONE_CALL = 30
INTENT = "geratriz.intent"  # on a version while its aliases are being moved


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
        """Its address."""
        return f"models:/{self.name}/{self.version}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Intent:
    """What a move of aliases is going to do."""

    aliases: Mapping[str, int | None]
    """The version each is to point at, None: at none."""
    tags: Mapping[str, str]
    """To be set on the version."""
    of_the_model: Mapping[str, str] = field(default_factory=dict)
    """To be set on the registered model."""


class Registry:
    """One MLflow server, or a SQLite file in the project's root."""

    def __init__(self, root: Path, uri: str | None = None) -> None:
        self.uri = default_uri(root) if uri is None else uri
        self._root = root
        try:
            self._client: Any = Patient(mlflow_client(self.uri, timeout=SECONDS_FOR_ONE_CALL), self.uri)
        except Exception as problem:
            raise away(self.uri, problem) from None

    # Runs -------------------------------------------------------------------------------------------------------------

    def find_run(self, digest: str) -> Any | None:
        """The latest finished run that made the bundle ``digest``, or None."""
        experiments = [each.experiment_id for each in self._pages("search_experiments")]
        condition = f"tags.`{BUNDLE}` = '{digest}' and attributes.status = 'FINISHED'"
        found = self._client.search_runs(experiments, condition, order_by=["attributes.start_time DESC"], max_results=1)
        return found[0] if found else None

    def create_run(self, experiment: str, evidence: Evidence, tags: Mapping[str, str]) -> Any:
        """A run for a bundle that was not tracked while it was fitted: losses from its history, settings from its head.

        The tag that names the bundle is set last, so a run that was cut off is never found.
        """
        where = experiment_id(self._client, experiment, self._root, self.uri)
        run_id = self._client.create_run(where, tags=dict(tags), run_name=evidence.model).info.run_id
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
        """Log values, tags and files (or folders) by the place they take among the run's artifacts.

        A file keeps its name, which must be the last part of its place.
        """
        log_history(self._client, run_id, [(0, time.time_ns() // 1_000_000, metrics)])
        for place, path in files.items():
            if path.is_dir():
                self._client.log_artifacts(run_id, str(path), place)
            else:
                self._client.log_artifact(run_id, str(path), place.rpartition("/")[0])
        for name, tag in tags.items():
            self._client.set_tag(run_id, name, tag)

    def log_text(self, run_id: str, place: str, text: str) -> None:
        """Log a text as an artifact."""
        self._client.log_text(run_id, text, place)

    def log_data(self, run_id: str, *, path: str, md5: str, git: str | None) -> None:
        """Note the data set a run was trained on, with DVC's digest."""
        from mlflow.entities import Dataset, DatasetInput, InputTag

        source = json.dumps({"path": path, "md5": md5, "git": git}, sort_keys=True)
        dataset = Dataset(name=Path(path).stem, digest=md5, source_type="dvc", source=source)
        self._client.log_inputs(run_id, datasets=[DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])])

    def page(self, run_id: str, folder: str) -> str:
        """Where a person can look at a folder among a run's artifacts."""
        run = self._client.get_run(run_id)
        if not is_server(self.uri):
            return f"{run.info.artifact_uri}/{folder}/index.html"
        home = f"{hide(self.uri, self.uri).rstrip('/')}/#/experiments/{run.info.experiment_id}"
        return f"{home}/runs/{run_id}/artifacts/{folder}/index.html"

    def read_text(self, run_id: str, path: str) -> str | None:
        """A text among a run's artifacts, or None when it has none there."""
        folder, _, name = path.rpartition("/")
        if name not in {Path(each.path).name for each in self._client.list_artifacts(run_id, folder or None)}:
            return None
        with tempfile.TemporaryDirectory() as scratch:
            local = Path(self._client.download_artifacts(run_id, path, scratch))
            return local.read_text(encoding="utf-8")

    # Versions ---------------------------------------------------------------------------------------------------------

    def names(self) -> list[str]:
        """The registered models that hold generators of ours; a server may be shared with others."""
        ours = self._pages("search_model_versions", f"tags.`{BUNDLE}` LIKE '%'")
        return sorted({each.name for each in ours})

    def versions(self, name: str) -> list[Version]:
        """The versions of a registered model, oldest first.

        Raises:
            RegistryError: there is no such model.
        """
        model = self._known(name)
        aliases: dict[int, list[str]] = {}
        for alias, version in model.aliases.items():
            aliases.setdefault(int(version), []).append(alias)
        found = [
            Version(
                name=name,
                version=int(each.version),
                run_id=each.run_id or "",
                aliases=tuple(sorted(aliases.get(int(each.version), ()))),
                tags=dict(each.tags),
                created=each.creation_timestamp,
            )
            for each in self._pages("search_model_versions", f"name = '{name}'")
        ]
        return sorted(found, key=lambda each: each.version)

    def find_version(self, name: str, digest: str) -> Version | None:
        """The version that holds the bundle ``digest``, or None; the model need not exist."""
        if self._model(name) is None:
            return None
        return next((each for each in self.versions(name) if each.tags.get(BUNDLE) == digest), None)

    def create_version(
        self,
        name: str,
        run_id: str,
        evidence: Evidence,
        *,
        tags: Mapping[str, str],
        description: str,
    ) -> None:
        """Store the bundle as a model and make it the newest version of ``name``; its tags come with it, at once."""
        if self._model(name) is None:
            self._client.create_registered_model(name)
        model = self._store(run_id, evidence)
        # A server resolves the model's id. MLflow's SQL store would look it up in the process-wide default store.
        source = f"models:/{model.model_id}" if is_server(self.uri) else model.artifact_location
        self._client.create_model_version(
            name, source, run_id=run_id, tags=dict(tags), description=description, model_id=model.model_id
        )

    def update_version(self, version: Version, *, tags: Mapping[str, str], description: str) -> None:
        """Bring tags and description up to date."""
        self.tag(version, tags)
        self._client.update_model_version(version.name, str(version.version), description)

    def tag(self, version: Version, tags: Mapping[str, str]) -> None:
        """Set tags that are not set yet to these values."""
        for name, tag in tags.items():
            if version.tags.get(name) != tag:
                self._client.set_model_version_tag(version.name, str(version.version), name, tag)

    def move(self, version: Version, intent: Intent, step: Callable[[], None]) -> None:
        """Do what ``intent`` says; ``step`` is called before each write and may stop it there.

        The only way an alias moves, under the lock of `geratriz.registry.lock`. What is going to be done is written on
        the version first and taken off last, so a crash between leaves a note from which :meth:`settle` finishes.
        """
        step()
        self._client.set_model_version_tag(version.name, str(version.version), INTENT, json.dumps(asdict(intent)))
        self._carry_out(version, intent, step)

    def settle(self, name: str, step: Callable[[], None]) -> list[tuple[Version, Intent]]:
        """Finish moves that a crash cut off, under the lock; what they were."""
        found = self.unfinished(name)
        for version, intent in found:
            self._carry_out(version, intent, step)
        return found

    def unfinished(self, name: str) -> list[tuple[Version, Intent]]:
        """Moves that were begun and not ended: by a crash, or by somebody who is at it."""
        return [(each, Intent(**json.loads(each.tags[INTENT]))) for each in self.versions(name) if INTENT in each.tags]

    def tags(self, name: str) -> dict[str, str]:
        """The tags of a registered model itself.

        Raises:
            RegistryError: there is no such model.
        """
        return dict(self._known(name).tags)

    # Marks: registered models without versions, of which there is one of a name at most -------------------------------

    def create_mark(self, name: str, tags: Mapping[str, str]) -> bool:
        """Make a mark; False where there is one of that name, or was when MLflow looked."""
        from mlflow.exceptions import MlflowException

        try:
            self._client.create_registered_model(name, tags=dict(tags))
        except MlflowException:  # the only one that is not ours: it is there already
            return False
        except GoneError:  # the name was taken, and free again before MLflow could tell by whom
            return False
        return True

    def read_mark(self, name: str) -> dict[str, str] | None:
        """The tags of a mark, or None where there is none."""
        found = self._model(name)
        return None if found is None else dict(found.tags)

    def marks(self, prefix: str) -> list[tuple[str, int]]:
        """The marks whose names begin so, and when each was made, in milliseconds since 1970."""
        found = self._pages("search_registered_models", f"name LIKE '{prefix}%'")
        return [(each.name, each.creation_timestamp) for each in found if each.name.startswith(prefix)]

    def rename_mark(self, name: str, new: str) -> None:
        """Give a mark another name, unless it is gone or the name is taken: somebody else was first."""
        from mlflow.exceptions import MlflowException

        with suppress(MlflowException, RegistryError):
            self._client.rename_registered_model(name, new)

    def delete_mark(self, name: str) -> None:
        """Take a mark away."""
        self._client.delete_registered_model(name)

    # ------------------------------------------------------------------------------------------------------------------

    def download(self, address: str, folder: Path) -> Path:
        """Download the bundle of ``models:/NAME/VERSION`` or ``models:/NAME@ALIAS``; the folder it is in.

        Raises:
            RegistryError: the address is none, or names nothing.
        """
        from mlflow.artifacts import download_artifacts

        version = self.resolve(address)
        # Not "models:/...": MLflow would look that up in the process-wide default store.
        place = self._client.get_model_version_download_uri(version.name, str(version.version))
        fetch = patient(download_artifacts, self.uri, again=True)
        return Path(fetch(f"{place}/{PLACE}", dst_path=str(folder), tracking_uri=self.uri))

    def resolve(self, address: str) -> Version:
        """The version that ``models:/NAME/VERSION`` or ``models:/NAME@ALIAS`` names.

        Raises:
            RegistryError: it is no such address, or names nothing.
        """
        rest = address.removeprefix("models:/").strip("/")
        name, mark, wanted = rest.partition("@") if "@" in rest else rest.partition("/")
        if not (name and wanted) or (mark == "/" and not wanted.isdigit()):
            raise RegistryError(f"{address!r} is no address of a version; write models:/NAME@ALIAS or models:/NAME/3.")
        versions = self.versions(name)
        for version in versions:
            if wanted in version.aliases if mark == "@" else version.version == int(wanted):
                return version
        there = [alias for each in versions for alias in each.aliases] if mark == "@" else [v.version for v in versions]
        what = "alias" if mark == "@" else "version"
        raise RegistryError(f"{name} has no {what} {wanted!r}. There: {', '.join(map(str, there)) or 'none'}.")

    # ------------------------------------------------------------------------------------------------------------------

    def _model(self, name: str) -> Any | None:
        """The registered model, or None; a name that could not be one is none."""
        found = None if "'" in name else list(self._pages("search_registered_models", f"name = '{name}'"))
        return found[0] if found else None

    def _known(self, name: str) -> Any:
        model = self._model(name)
        if model is None:
            raise RegistryError(
                f"{hide(self.uri, self.uri)} holds no model {name!r}.{nearest(name, self.names())} "
                "`geratriz register` puts one there."
            )
        return model

    def _carry_out(self, version: Version, intent: Intent, step: Callable[[], None]) -> None:
        name, number = version.name, str(version.version)
        for alias, target in intent.aliases.items():
            step()
            if target is None:
                self._client.delete_registered_model_alias(name, alias)
            else:
                self._client.set_registered_model_alias(name, alias, str(target))
        for key, tag in intent.tags.items():
            step()
            self._client.set_model_version_tag(name, number, key, tag)
        for key, tag in intent.of_the_model.items():
            step()
            self._client.set_registered_model_tag(name, key, tag)
        step()
        self._client.delete_model_version_tag(name, number, INTENT)

    def _store(self, run_id: str, evidence: Evidence) -> Any:
        """The logged model that holds the bundle; stored now, unless an earlier, cut off, call has."""
        experiment = self._client.get_run(run_id).info.experiment_id
        found = self._client.search_logged_models([experiment], f"tags.`{BUNDLE}` = '{evidence.digest}'")
        stored = [each for each in found if each.status == "READY"]  # asked for by status, PostgreSQL answers an error
        if stored:
            return stored[0]
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
