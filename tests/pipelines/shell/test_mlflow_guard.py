"""What a page of another origin tries on the MLflow UI, and that the UI and programs that log runs pass."""

import json
import sqlite3
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.pipelines.browser import Browser
from tests.pipelines.shell.loopback import page_of_another_origin, served, status
from tests.ports import free_port

CREATE = "ajax-api/2.0/mlflow/registered-models/create"
DELETE = "ajax-api/2.0/mlflow/registered-models/delete"
RUN = "ajax-api/2.0/mlflow/runs/create"
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("guarded")


@pytest.fixture(scope="module")
def server(
    environment: Callable[[Path, Path], dict[str, str]], fresh_mlflow: Callable[[Path], None], folder: Path
) -> Iterator[str]:
    """MLflow's real web server behind the guard, over a store of one model: host and port."""
    from mlflow import MlflowClient

    fresh_mlflow(folder)
    MlflowClient(store(folder), store(folder)).create_registered_model("mine")
    port = free_port()
    command = [sys.executable, "-m", "pipelines.shell.mlflow_ui", store(folder), (folder / "files").as_uri()]
    with served([*command, str(port)], port, folder, environment(folder, folder)) as address:
        yield address


def store(folder: Path) -> str:
    return f"sqlite:///{folder}/mlflow/mlflow.db"


def kept(folder: Path) -> tuple[list[str], int]:
    """The names of the models in the store, and how many runs it has."""
    with sqlite3.connect(folder / "mlflow" / "mlflow.db") as database:
        names = [name for (name,) in database.execute("SELECT name FROM registered_models ORDER BY name")]
        return names, database.execute("SELECT count(*) FROM runs").fetchone()[0]


@pytest.mark.slow
def test_the_real_server_changes_nothing_for_a_foreign_page(server: str, folder: Path) -> None:
    own, stolen = f"http://{server}", b'{"name": "stolen"}'
    other = "http://127.0.0.1:9999"
    attacks = [
        status(f"{own}/{CREATE}", stolen, Origin=other, **JSON),
        status(f"{own}/{CREATE}", stolen, Origin="http://localhost:3000", **JSON),
        status(f"{own}/{CREATE}", stolen, Origin="null", Content_Type="text/plain"),
        status(f"{own}/{CREATE}", stolen, Host="10.attacker.example", **JSON),
        status(f"{own}/{CREATE}", stolen, Host="attacker.example:80", **JSON),
        status(f"{own}/{CREATE}", stolen, Sec_Fetch_Site="same-site", **JSON),
        status(f"{own}/{DELETE}", b'{"name": "mine"}', "DELETE", Origin=other, **JSON),
        status(f"{own}/{RUN}", b'{"experiment_id": "0"}', Origin=other, **JSON),
        status(f"{own}/{CREATE}", None, "OPTIONS", Origin=other, Access_Control_Request_Method="POST"),
        status(f"{own}/{CREATE}", None, "OPTIONS"),
        status(f"{own}/ajax-api/2.0/mlflow/registered-models/search", None, Sec_Fetch_Site="same-site"),
        status(f"{own}/health", None, Host="attacker.example"),
    ]
    assert [code for code, _ in attacks] == [403] * 9 + [405, 403, 403]
    assert all(said.endswith(".") and len(said) < 200 for _, said in attacks)
    assert kept(folder) == (["mine"], 0)

    code, answer = status(f"{own}/{CREATE}", b'{"name": "wanted"}', Origin=own, Sec_Fetch_Site="same-origin", **JSON)
    assert (code, json.loads(answer)["registered_model"]["name"]) == (200, "wanted")
    assert kept(folder) == (["mine", "wanted"], 0), "the same requests count when the UI sends them"
    assert status(f"{own}/{DELETE}", b'{"name": "wanted"}', "DELETE", Origin=own, **JSON)[0] == 200
    assert kept(folder) == (["mine"], 0)


@pytest.mark.slow
def test_a_program_logs_a_run_with_a_file_and_a_model(server: str, folder: Path) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(f"http://{server}", f"http://{server}")
    run = client.create_run(client.create_experiment("program"))
    client.log_param(run.info.run_id, "width", "96")
    client.log_text(run.info.run_id, "a night", "page.html")
    client.set_terminated(run.info.run_id)
    client.update_registered_model("mine", "described")
    client.set_registered_model_tag("mine", "by", "a program")
    client.delete_registered_model_tag("mine", "by")
    assert client.get_run(run.info.run_id).data.params == {"width": "96"}
    assert [file.path for file in client.list_artifacts(run.info.run_id)] == ["page.html"]
    assert client.get_registered_model("mine").description == "described"
    assert not (folder / "mlartifacts").exists()


ATTACKS = """
<body><script>
const own = "http://%(server)s/", create = own + "ajax-api/2.0/mlflow/registered-models/create";
const drop = own + "ajax-api/2.0/mlflow/registered-models/delete";
const body = JSON.stringify({name: "stolen"}), json = {"Content-Type": "application/json"};
const send = (to, options) => fetch(to, {mode: "no-cors", credentials: "include", ...options}).catch(() => 0);
window.read = [];
const read = to => fetch(to).then(answer => answer.text()).then(text => window.read.push(text)).catch(() => 0);
const image = new Promise(done => {
  const one = new Image(); one.onload = () => { window.read.push("image"); done(); }; one.onerror = done;
  one.src = own + "static-files/favicon.ico";
});
const form = new Promise(done => {
  document.body.innerHTML = `<iframe name="inside"></iframe><form method="post" target="inside" enctype="text/plain">
    <input name='{"name": "stolen", "description": "' value='"}'></form>`;
  document.querySelector("iframe").onload = done;
  document.querySelector("form").action = create;
  document.querySelector("form").submit();
});
Promise.all([
  send(create, {method: "POST", body}), send(create, {method: "POST", body, headers: json, mode: "cors"}),
  send(drop, {method: "DELETE", body: JSON.stringify({name: "mine"}), headers: json, mode: "cors"}),
  send(own + "ajax-api/2.0/mlflow/runs/create", {method: "POST", body: JSON.stringify({experiment_id: "0"})}),
  read(own + "ajax-api/2.0/mlflow/registered-models/search"), read(own), image, form,
]).then(() => { window.tried = true; });
</script></body>
"""


@pytest.mark.slow
def test_in_a_real_browser_the_ui_works_and_a_page_of_another_port_does_nothing(server: str, folder: Path) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(f"http://{server}", f"http://{server}")
    run = client.create_run(client.create_experiment("nights")).info
    client.log_text(run.run_id, "<h1>How the night went</h1>", "report.html")
    before = kept(folder)
    browser = Browser(folder)
    try:
        with page_of_another_origin(ATTACKS % {"server": server}) as address:
            browser.call("Page.navigate", url=address)
            browser.until("window.tried === true")
            assert browser.do("window.read.length") == 0, browser.do("window.read.join()")
        assert kept(folder) == before
        browser.call("Page.navigate", url=f"http://{server}/#/models")
        browser.until("document.body.innerText.includes('mine')")
        page = f"http://{server}/#/experiments/{run.experiment_id}/runs/{run.run_id}/artifacts/report.html"
        browser.call("Page.navigate", url=page)
        browser.until("[...document.querySelectorAll('iframe')].some(one => one.src.startsWith('blob:'))")
        shown = [one["url"] for one in browser.call("Target.getTargets")["targetInfos"] if one["type"] == "iframe"]
        assert shown, "a frame of its own, for it is sandboxed"
        assert shown[0].startswith("blob:"), "and not the page of an error, as where framing is forbidden"
    finally:
        browser.close()
