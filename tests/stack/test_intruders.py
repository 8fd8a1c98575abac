"""`geratriz up` on a laptop as others on the machine, and web pages of other origins, see it: closed."""

import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.stack.conftest import ROOT, Started
from tests.stack.servers import free_port, wait_for

FOREIGN = "http://page.example"
SCRIPT = "prefect.deployments.steps.run_shell_script"
PAGE = """<!doctype html><title>innocent</title><pre id=out>waiting</pre><script>
async function ask(address, options) {
  try { const answer = await fetch(address, options); return [answer.status, (await answer.text()).slice(0, 200)] }
  catch (problem) { return "refused" }
}
(async () => {
  const found = {}, post = body => ({method: "POST", body: JSON.stringify(body)})
  const json = body => ({...post(body), headers: {"Content-Type": "application/json"}})
  found.flow = await ask("PREFECT/api/flows/", json({name: "evil"}))
  found.plain = await ask("PREFECT/api/flows/", post({name: "evil-plain"}))
  found.read = await ask("PREFECT/api/work_pools/local")
  found.model = await ask("MLFLOW/api/2.0/mlflow/registered-models/create", json({name: "evil"}))
  found.models = await ask("MLFLOW/api/2.0/mlflow/registered-models/search")
  document.getElementById("out").textContent = "found " + JSON.stringify(found)
})()
</script>"""


class Laptop:
    """A project with this checkout's flows, and `geratriz up` in it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "dvc.yaml").write_text("stages: {}\n")
        shutil.copy(ROOT / "prefect.yaml", root)
        shutil.copytree(ROOT / "pipelines", root / "pipelines", ignore=shutil.ignore_patterns("__pycache__"))
        ports = {"mlflow": free_port(), "prefect": free_port()}
        self.mlflow, self.prefect = (f"http://127.0.0.1:{port}" for port in ports.values())
        kept = {name: each for name, each in os.environ.items() if not name.startswith(("PREFECT_", "MLFLOW_"))}
        self.variables = {**kept, "PYTHONPATH": str(ROOT / "src"), "PREFECT_HOME": str(root / "prefect")}
        command = [sys.executable, "-m", "geratriz", "up", *(f"--{name}-port={port}" for name, port in ports.items())]
        self.up = Started(command, root, self.variables, root / "up.log")
        wait_for(lambda: "Ready." in self.up.said() or self.up.process.poll() is not None, 150, "it is ready")
        assert self.up.process.poll() is None, self.up.said()
        self.secret = (root / ".geratriz" / "password").read_text().strip()

    def exported(self) -> dict[str, str]:
        """What a shell has after the lines that `up` prints."""
        lines = [line for line in self.up.said().splitlines() if line.startswith("  export ")]
        said = subprocess.run(["bash", "-c", "\n".join([*lines, "env -0"])], capture_output=True, text=True, check=True)
        return dict(each.split("=", 1) for each in said.stdout.split("\0") if "=" in each)

    def owner(self) -> httpx.Client:
        """Who has the password."""
        return httpx.Client(base_url=f"{self.prefect}/api", auth=("geratriz", self.secret))


@pytest.fixture(scope="module")
def laptop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laptop]:
    made = Laptop(tmp_path_factory.mktemp("laptop"))
    yield made
    made.up.end()


def test_without_the_password_both_servers_refuse_whatever_the_origin(laptop: Laptop) -> None:
    asked = [
        ("POST", f"{laptop.prefect}/api/flows/", {"name": "evil"}),
        ("POST", f"{laptop.prefect}/api/deployments/", {"name": "evil"}),
        ("GET", f"{laptop.prefect}/api/work_pools/local", None),
        ("POST", f"{laptop.mlflow}/api/2.0/mlflow/experiments/create", {"name": "evil"}),
        ("GET", f"{laptop.mlflow}/api/2.0/mlflow/registered-models/search", None),
        ("PUT", f"{laptop.mlflow}/api/2.0/mlflow-artifacts/artifacts/evil", {}),
    ]
    for headers in ({}, {"Origin": FOREIGN}, {"Authorization": "Basic Z2VyYXRyaXo6d3Jvbmc="}):
        found = {(method, at): httpx.request(method, at, json=body, headers=headers) for method, at, body in asked}
        assert {key: answer.status_code for key, answer in found.items() if answer.status_code not in (401, 403)} == {}
        assert not [
            key for key, each in found.items() if FOREIGN in each.headers.get("access-control-allow-origin", "")
        ]


def test_a_name_that_leads_here_is_no_way_in(laptop: Laptop) -> None:
    """As after DNS rebinding, and with the password, as if the browser had kept it."""
    login = {"auth": ("geratriz", laptop.secret), "headers": {"Host": "page.example"}}
    assert httpx.get(f"{laptop.mlflow}/api/2.0/mlflow/registered-models/search", **login).status_code == 403


def test_prefect_allows_its_own_origin_alone(laptop: Laptop) -> None:
    asks = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    for origin, allowed in ((FOREIGN, False), ("http://localhost:3000", False), (laptop.prefect, True)):
        answer = httpx.options(f"{laptop.prefect}/api/flows/", headers={"Origin": origin, **asks})
        assert (answer.headers.get("access-control-allow-origin") == origin) is allowed
    assert httpx.get(f"{laptop.prefect}/ui-settings").json()["auth"] == "BASIC"  # its page asks for the password


def test_a_page_of_another_origin_in_a_browser_gets_nothing(laptop: Laptop, tmp_path: Path) -> None:
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    assert browser is not None, "Chromium is needed: .ci/run installs it"
    page = PAGE.replace("PREFECT", laptop.prefect).replace("MLFLOW", laptop.mlflow).encode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=15000", "--dump-dom"]
    options += [f"--user-data-dir={tmp_path / 'profile'}", "--host-resolver-rules=MAP page.example 127.0.0.1"]
    try:
        shown = subprocess.run(
            [browser, *options, f"http://page.example:{server.server_port}/"],
            capture_output=True,
            text=True,
            timeout=120,
        ).stdout
    finally:
        server.shutdown()
    assert "found {" in shown, shown
    found = json.loads(shown[shown.index("found {") + 6 : shown.index("</pre>")])
    assert set(map(str, found.values())) == {"refused"}  # not even an answer to read
    with laptop.owner() as owner:
        flows = {each["name"] for each in owner.post("/flows/filter", json={}).json()}
    assert not {"evil", "evil-plain"} & flows


def test_who_has_the_password_finds_all_and_up_says_how_to_get_it(laptop: Laptop) -> None:
    assert (laptop.root / ".geratriz" / "password").stat().st_mode & 0o777 == 0o600
    logs = [path.read_text(errors="replace") for path in (laptop.root / ".geratriz" / "logs").iterdir()]
    assert not [text for text in (laptop.up.said(), *logs) if laptop.secret in text]
    found = laptop.exported()
    assert found["PREFECT_API_AUTH_STRING"] == f"geratriz:{laptop.secret}"
    login = (found["MLFLOW_TRACKING_USERNAME"], found["MLFLOW_TRACKING_PASSWORD"])
    models = httpx.get(f"{found['MLFLOW_TRACKING_URI']}/api/2.0/mlflow/registered-models/search", auth=login)
    assert models.status_code == 200
    prefect = [sys.executable, "-m", "prefect", "--no-prompt"]
    variables = {**laptop.variables, **{name: found[name] for name in ("PREFECT_API_URL", "PREFECT_API_AUTH_STRING")}}
    done = subprocess.run([*prefect, "work-pool", "ls"], env=variables, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and "local" in done.stdout


def test_the_worker_runs_no_deployment_but_those_of_the_project(laptop: Laptop, tmp_path: Path) -> None:
    entered = [{"pipelines.home.enter": {}}]
    shell = [{SCRIPT: {"script": f"touch {tmp_path}/stolen"}}]
    ours = "pipelines/monitor.py:monitor"
    cases = {
        "steps": {"entrypoint": ours, "pull_steps": shell},
        "entry": {"entrypoint": f"{tmp_path}/evil.py:main", "pull_steps": entered},
        "command": {
            "entrypoint": ours,
            "pull_steps": entered,
            "job_variables": {"command": f"touch {tmp_path}/stolen"},
        },
    }
    (tmp_path / "evil.py").write_text(
        f"import pathlib, prefect\npathlib.Path('{tmp_path}/stolen').touch()\n@prefect.flow\ndef main(): pass\n"
    )
    with laptop.owner() as owner:  # as who has come by the password
        flow = owner.post("/flows/", json={"name": "monitor"}).json()["id"]
        runs = {}
        for name, content in cases.items():
            body = {"name": name, "flow_id": flow, "work_pool_name": "local", **content}
            made = owner.post("/deployments/", json=body).raise_for_status().json()["id"]
            run = owner.post(f"/deployments/{made}/create_flow_run", json={"state": {"type": "SCHEDULED"}})
            runs[name] = run.raise_for_status().json()["id"]
        ended: dict[str, Any] = {}
        until = time.monotonic() + 60
        while len(ended) < len(runs) and time.monotonic() < until:
            states = {name: owner.get(f"/flow_runs/{run}").json()["state"] for name, run in runs.items()}
            ended = {name: each for name, each in states.items() if each["type"] in ("CRASHED", "FAILED", "COMPLETED")}
            time.sleep(0.5)
    assert {name: state["type"] for name, state in ended.items()} == dict.fromkeys(cases, "CRASHED")
    assert "has its pull." in ended["steps"]["message"]
    assert "has its entrypoint and its pull" in ended["entry"]["message"]
    assert "has its job_variables." in ended["command"]["message"]
    assert not (tmp_path / "stolen").exists()
