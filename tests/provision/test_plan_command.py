"""`qinfra synth` and `qinfra plan` as a person runs them; the cloud is a simulated one."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import jsonschema
import pytest
from click.testing import CliRunner, Result

from provision.cli import main
from tests.infra.stacks.simulated_aws import simulated_aws
from tests.infra.stacks.terraforming import terraform

Run = Callable[..., Result]
SCHEMA = Path(__file__).parents[2] / "docs" / "plan.schema.json"
PINNED = ("--var", "ami_id=ami-0123456789abcdef0")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))

    def invoke(*arguments: str) -> Result:
        return CliRunner().invoke(main, arguments)

    return invoke


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Return the environment in which AWS is a server of ours."""
    cli = terraform(tmp_path_factory.mktemp("mirror"), "aws")
    with simulated_aws() as environment:
        yield {
            **{k: v for k, v in cli.environment.items() if k.startswith("TF_")},
            **environment,
            "QINFRA_TERRAFORM": cli.binary,
        }


@pytest.fixture
def plan(run: Run, cloud: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Run:
    for name, value in cloud.items():
        monkeypatch.setenv(name, value)

    def invoke(*arguments: str) -> Result:
        return run("plan", *arguments)

    return invoke


def test_synth_writes_a_folder_for_each_state(run: Run, tmp_path: Path) -> None:
    result = run("synth", "--phase", "enterprise", "--out", "deep/out")
    assert result.exit_code == 0
    written = {file.parent.name for file in tmp_path.rglob("cdk.tf.json")}
    assert written == {
        "enterprise-us-east-1",
        "enterprise-eu-west-1",
        "enterprise-ap-southeast-1",
        "enterprise-global",
    }
    assert "operator_cidr" in result.output


def test_synth_tells_scripts_where_what_is(run: Run) -> None:
    document = json.loads(run("synth", "--phase", "demo", "--out", "o", "--json").output)
    (stack,) = document["stacks"]
    assert stack["name"] == "demo-us-central1"
    assert "google_compute_instance.transformer_1" in stack["resources"]
    assert Path(stack["file"]).is_file()


def test_tenants_of_the_settings_are_written_for_the_enterprise_alone(
    run: Run, tmp_path: Path
) -> None:
    settings = tmp_path / "tenants.toml"
    settings.write_text('[[tenants]]\nname = "acme"\npipelines = 1\n')
    asked = ("--config", str(settings), "--out", "o", "--json")
    document = json.loads(run("synth", "--phase", "enterprise", *asked).output)
    resources = [each for stack in document["stacks"] for each in stack["resources"]]
    assert resources.count("aws_instance.embedding_acme_1") == 1
    refused = run("synth", "--phase", "mvp", *asked)
    assert refused.exit_code == 2
    assert "phase mvp has no tenants, and acme is one" in refused.stderr


def test_a_plan_says_what_is_made_and_what_it_costs(plan: Run, tmp_path: Path) -> None:
    result = plan("--phase", "mvp", "--name", "mine", *PINNED, "--detailed-exitcode", "--json")
    assert result.exit_code == 2, result.stderr
    document = json.loads(result.stdout)
    jsonschema.validate(document, json.loads(SCHEMA.read_text()))
    (stack,) = document["stacks"]
    assert not document["nothing_to_do"]
    assert "aws_instance.transformer_2" in stack["summary"]["adds"]
    assert stack["summary"]["replacements"] == stack["summary"]["destroys"] == []
    assert document["cost"]["monthly_usd"].startswith("1540.67")
    folder = Path(stack["folder"])
    assert folder.is_relative_to(tmp_path / ".qinfra")
    assert stat.S_IMODE((folder / "plan.tfplan").stat().st_mode) == 0o600
    assert (tmp_path / ".qinfra" / ".gitignore").read_text() == "*\n"
    assert "mvp-us-east-1: planning" in result.stderr


def test_a_plan_fits_one_screen(plan: Run) -> None:
    result = plan("--phase", "mvp", *PINNED)
    lines = result.stdout.splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 140
    assert "a month     1,540.67 USD, bought reserved-1y-no" in lines
    assert "quota       us-east-1: 24 vCPU of L-DB2E81BA, +24" in lines
    assert (
        "rollout     in batches of transformer 1+1, embedding 1+1, oracle 1, orchestrator 1"
        in result.stdout
    )
    assert "qinfra deploy --phase mvp" in result.stderr


def test_a_saved_plan_is_shown_again_as_long_as_it_holds(plan: Run, tmp_path: Path) -> None:
    first = plan("--phase", "mvp", *PINNED)
    again = plan("--phase", "mvp", "--saved", "--detailed-exitcode")
    assert (again.exit_code, again.stdout) == (2, first.stdout)
    (saved,) = (tmp_path / ".qinfra").rglob("plan.tfplan")
    saved.write_bytes(saved.read_bytes() + b"\0")
    changed = plan("--phase", "mvp", "--saved")
    assert changed.exit_code == 3
    assert "the plan's own file was changed" in changed.stderr
    absent = plan("--phase", "mvp", "--saved", "--name", "other")
    assert absent.exit_code == 2
    assert "Hint: Run `qinfra plan`" in absent.stderr


def test_a_plan_over_the_budget_ends_with_4(plan: Run) -> None:
    result = plan("--phase", "mvp", *PINNED, "--budget", "1000")
    assert result.exit_code == 4
    assert "above the budget of 1,000.00" in result.stderr


def test_what_needs_a_decision_is_named(plan: Run) -> None:
    result = plan("--phase", "production", *PINNED)
    assert result.exit_code == 3
    assert "give its domain" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--phase", "mpv"), 2, "did you mean 'mvp'"),
        (("--phase", "mvp", "--region", "us-central1"), 2, "is one of gcp"),
        (("--phase", "mvp", "--var", "operator"), 2, "is not KEY=VALUE"),
        (("--phase", "mvp", "--var", "operatr_cidr=x"), 2, "did you mean 'operator_cidr'"),
        (("--phase", "mvp", "--name", "Two Words"), 2, "deployment name 'Two Words'"),
        (("--phase", "mvp", "--name", "d" * 25), 2, "25 characters"),
        (("--phase", "mvp", "--budget", "much"), 2, "is not a number"),
        (("--phase", "mvp", "--terraform", "/absent"), 3, "is no program"),
        (("--phase", "mvp", *PINNED, "--var", "operator_cidr=0.0.0.0/0"), 3, "wider than /8"),
    ],
)
def test_bad_input_is_one_line(
    plan: Run, arguments: tuple[str, ...], code: int, message: str
) -> None:
    result = plan(*arguments)
    assert result.exit_code == code, result.output
    (error,) = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
    assert message in error


def test_a_deployment_is_of_one_phase(plan: Run, tmp_path: Path) -> None:
    state = tmp_path / ".qinfra" / ".stacks" / "mine" / "stacks" / "mvp-us-east-1"
    state.mkdir(parents=True)
    (state / "terraform.tfstate").write_text('{"resources": [{"type": "aws_vpc"}]}')
    result = plan("--phase", "production", "--name", "mine")
    assert result.exit_code == 2
    assert "deployment 'mine' is of phase mvp" in result.stderr


def test_no_secret_reaches_a_file_or_the_output(
    plan: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "do-not-show-me")
    result = plan("--phase", "mvp", *PINNED)
    assert "do-not-show-me" not in result.output
    for file in tmp_path.rglob("*"):
        if file.is_file() and ".terraform" not in file.parts:
            assert b"do-not-show-me" not in file.read_bytes(), file


def test_states_are_planned_where_the_settings_say(plan: Run, run: Run, tmp_path: Path) -> None:
    (tmp_path / "qinfra.toml").write_text(
        '[state]\nbackend = "s3"\nbucket = "planned-states"\nregion = "us-east-1"\n'
    )
    boto3 = pytest.importorskip("boto3")
    without = plan("--phase", "mvp", *PINNED)
    assert without.exit_code == 3
    assert "qinfra backend bootstrap" in without.stderr
    assert run("backend", "bootstrap", "--yes").exit_code == 0
    # moto reads no conditions: to it, what is refused without TLS is refused.
    boto3.client("s3", region_name="us-east-1").delete_bucket_policy(Bucket="planned-states")
    made = plan("--phase", "mvp", *PINNED, "--detailed-exitcode")
    assert made.exit_code == 2, made.stderr
    (tmp_path / "qinfra.toml").unlink()
    moved = plan("--phase", "mvp", *PINNED)
    assert moved.exit_code == 3
    assert "init -migrate-state" in moved.stderr
