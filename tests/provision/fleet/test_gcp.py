"""The demo on Google Cloud by the command line: a stand-in provider makes what a simulated project
then has. It proves the way, the names and the types; not what Google would say of the values.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

pytest.importorskip("grpc_tools", reason="the stand-in speaks Terraform's protocol")

from provision.cli import main
from tests.infra.stacks.gcp_demo import stack
from tests.infra.stacks.standin.provider import serving
from tests.infra.stacks.terraforming import terraform
from tests.simulated_gcp.compute import SimulatedGcp, simulated_gcp
from tests.simulated_gcp.credentials import no_credentials, sign_in

KEY = "AAAAC3NzaC1lZDI1NTE5AAAAIGtHd1BYyq8VvCtwcFJ6xFAjGuP0gxyjhCgZKo7VzIGY"
NODES = ("embedding-1", "orchestrator-1", "transformer-1")
DEPLOY = ("deploy", "--phase", "demo", "--target", "gcp", "--skip-rollout", "--yes")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SimulatedGcp]:
    terraform(tmp_path, "aws")  # skips where no Terraform is
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    no_credentials(tmp_path, monkeypatch)
    kinds = {block.kind for block in stack().blocks}
    with simulated_gcp() as project, serving("google", kinds, tmp_path) as leading:
        sign_in(project, tmp_path, monkeypatch)
        for name, value in leading.items():
            monkeypatch.setenv(name, value)
        for node in NODES:
            name = f"demo-demo-us-central1-{node}"
            project.instance(name, labels={"qinfra_deployment": "demo"})
            project.host_keys[name] = {"ssh-ed25519": KEY}
        yield project


def qinfra(*arguments: str, code: int = 0) -> Result:
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == code, result.output
    return result


def said(*arguments: str, code: int = 0) -> Any:
    return json.loads(qinfra(*arguments, "--json", code=code).stdout)


def test_the_demo_is_made_rests_and_goes(project: SimulatedGcp, tmp_path: Path) -> None:
    made = said(*DEPLOY)
    machines = {each["name"]: each for each in made["machines"]}
    assert sorted(machines) == sorted(NODES)
    assert all(each["host_keys"] == [f"ssh-ed25519 {KEY}"] for each in machines.values())
    assert machines["orchestrator-1"]["public_ip"]
    assert KEY in (tmp_path / ".qinfra" / "demo" / "known_hosts").read_text()
    assert said(*DEPLOY)["action"] == "nothing"
    assert not said("drift")["drifted"]
    stopped = said("stop", "--yes")
    assert float(stopped["saved_usd_per_hour"]) > 0
    assert {each["power"] for each in said("status", code=5)["machines"]} == {"stopped"}
    said("start")
    assert {each["power"] for each in said("status")["machines"]} == {"running"}
    project.things.clear()  # as Google does when Terraform has destroyed them
    assert said("destroy", "--yes")["destroyed"]
    assert not (tmp_path / ".qinfra").exists()


def test_what_is_still_there_after_a_destroy_is_named(
    project: SimulatedGcp, tmp_path: Path
) -> None:
    qinfra(*DEPLOY)
    project.add("zones/us-central1-b", "disks", "forgotten", labels={
        "managed_by": "qinfra", "qinfra_deployment": "demo",
    })  # fmt: skip
    result = qinfra("destroy", "--yes", "--wait", "0", code=6)
    assert "still there: " in result.stderr
    assert "disks/forgotten" in result.stderr
    assert (tmp_path / ".qinfra" / "demo" / "fleet.json").exists()
