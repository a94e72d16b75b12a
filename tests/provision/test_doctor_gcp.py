"""`qinfra doctor --phase demo` with Google's own client against a simulated project."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from infra.stacks.gcp import gcp_stacks
from provision.cli import main
from provision.clouds.gcp_preflight import IMAGE
from tests.infra.stacks.gcp_demo import demo
from tests.simulated_gcp.compute import (
    API_DISABLED,
    PROJECT,
    UNAUTHENTICATED,
    UNAVAILABLE,
    SimulatedGcp,
    denied,
    refusal,
    simulated_gcp,
)
from tests.simulated_gcp.credentials import EMAIL, no_credentials, sign_in

Doctor = Callable[..., Result]
MINE = {"managed_by": "qinfra", "qinfra_deployment": "demo"}
CLOUD = (
    "identity", "project", "clock", "image", "quota CPUS_ALL_REGIONS", "region", "quota CPUS",
    "quota IN_USE_ADDRESSES", "quota SSD_TOTAL_GB", "zone",
)  # fmt: skip


@pytest.fixture
def gcp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SimulatedGcp]:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    no_credentials(tmp_path, monkeypatch)
    with simulated_gcp() as project:
        sign_in(project, tmp_path, monkeypatch)
        yield project


def doctor(*flags: str) -> Result:
    return CliRunner().invoke(main, ["doctor", "--phase", "demo", "--json", *flags])


def rows(*flags: str) -> dict[str, dict[str, Any]]:
    result = doctor(*flags)
    assert result.stdout, result.stderr
    return {each["check"]: each for each in json.loads(result.stdout)["checks"]}


def answers(found: dict[str, dict[str, Any]]) -> dict[str, str]:
    return {name: found[name]["answer"] for name in CLOUD}


def test_a_project_that_can_take_the_fleet_is_told_so(gcp: SimulatedGcp) -> None:
    found = rows()
    assert answers(found) == dict.fromkeys(CLOUD, "ok"), found
    assert found["identity"]["detail"] == f"{EMAIL}, project named by the credentials"
    assert (found["quota SSD_TOTAL_GB"]["need"], found["quota SSD_TOTAL_GB"]["have"]) == (150, 500)
    assert found["quota IN_USE_ADDRESSES"]["need"] == 2
    assert {method for method, path in gcp.requests if path != "/token"} <= {"GET", "HEAD"}


@pytest.mark.parametrize(
    ("metric", "limit", "need", "where"),
    [
        ("CPUS", 8.0, 12, "--quota-id CPUS-per-project-region --dimensions region=us-central1"),
        ("CPUS_ALL_REGIONS", 11.9, 12, "--quota-id CPUS-ALL-REGIONS-per-project --preferred"),
        ("SSD_TOTAL_GB", 100.0, 150, "--quota-id SSD-TOTAL-GB-per-project-region "),
        ("IN_USE_ADDRESSES", 1.0, 2, "--quota-id IN-USE-ADDRESSES-per-project-region "),
    ],
)
def test_a_quota_too_small_is_refused_with_the_request_that_raises_it(
    gcp: SimulatedGcp, metric: str, limit: float, need: int, where: str
) -> None:
    gcp.limits[metric] = limit
    result = doctor()
    row = {each["check"]: each for each in json.loads(result.stdout)["checks"]}[f"quota {metric}"]
    assert (row["answer"], row["need"], row["have"]) == ("refused", need, int(limit))
    assert row["short"] == need - int(limit)
    assert where in row["remedy"]
    assert f"--project {PROJECT} " in row["remedy"]
    assert f"--preferred-value {need} " in row["remedy"]
    assert result.exit_code == 3


def test_the_deployments_own_machines_are_not_counted_twice(gcp: SimulatedGcp) -> None:
    """A full quota holds a fleet that is there; of another deployment's it takes the rest."""
    gcp.page_size = 2
    gcp.limits |= {"CPUS": 16.0, "CPUS_ALL_REGIONS": 16.0, "SSD_TOTAL_GB": 200.0}
    gcp.limits["IN_USE_ADDRESSES"] = 2.0
    for number in range(3):
        gcp.instance(f"mine-{number}", labels=MINE)
    gcp.instance("other", labels={**MINE, "qinfra_deployment": "another"}, zone="us-central1-a")
    common = {"status": "IN_USE", "addressType": "EXTERNAL"}
    gcp.add("regions/us-central1", "addresses", "mine", labels=MINE, **common)
    router = "regions/us-central1/routers/demo-demo-us-central1"
    gcp.add("regions/us-central1", "addresses", "nat-auto-ip-1", users=[router], **common)
    found = rows()
    assert answers(found) == dict.fromkeys(CLOUD, "ok"), found
    assert found["quota CPUS"]["have"] == 12
    theirs = rows("--name", "another")
    assert (theirs["quota CPUS"]["answer"], theirs["quota CPUS"]["have"]) == ("refused", 4)
    assert (theirs["quota IN_USE_ADDRESSES"]["have"], theirs["quota SSD_TOTAL_GB"]["have"]) == (
        0,
        50,
    )


def test_a_stopped_machine_gives_its_vcpus_back_and_keeps_its_disk(gcp: SimulatedGcp) -> None:
    gcp.limits |= {"CPUS": 12.0, "SSD_TOTAL_GB": 150.0}
    gcp.used = {"CPUS": 4.0}
    for number, status in enumerate(("RUNNING", "RUNNING", "TERMINATED")):
        gcp.instance(f"mine-{number}", labels=MINE, status=status)
    found = rows()
    assert (found["quota CPUS"]["answer"], found["quota CPUS"]["have"]) == ("refused", 8)
    assert found["quota SSD_TOTAL_GB"]["answer"] == "ok"


def test_spot_machines_share_the_quota_until_they_have_their_own(gcp: SimulatedGcp) -> None:
    gcp.limits |= {"CPUS": 12.0, "CPUS_ALL_REGIONS": 0.0}
    flags = ("--purchase", "spot")
    shared = rows(*flags)
    assert shared["quota CPUS"]["detail"].startswith("CPUs: ")
    assert shared["quota CPUS"]["answer"] == "ok"
    assert "quota CPUS_ALL_REGIONS" not in shared
    gcp.limits["PREEMPTIBLE_CPUS"] = 8.0
    own = rows(*flags)["quota PREEMPTIBLE_CPUS"]
    assert (own["answer"], own["short"]) == ("refused", 4)


@pytest.mark.parametrize(
    ("failing", "check", "words", "remedy"),
    [
        ({"": API_DISABLED}, "project", "is not enabled in project a-project",
         "gcloud services enable compute.googleapis.com --project a-project"),
        ({"": UNAUTHENTICATED}, "quota CPUS", "invalid authentication credentials",
         "gcloud auth application-default login"),
        ({"/token": (400, {"error": "invalid_grant", "error_description": "Token expired."})},
         "identity", "invalid_grant", "gcloud auth application-default login"),
        ({"": refusal(403, "This API method requires billing to be enabled.", "forbidden")},
         "project", "no billing account", "gcloud billing projects link a-project"),
        ({"": refusal(403, "The API requires a quota project, which is not set by default.",
                      "forbidden", reason="SERVICE_DISABLED")},
         "project", "requests count against", "set-quota-project a-project"),
        ({"": refusal(404, "The resource 'projects/a-project' was not found", "notFound")},
         "project", "projects/a-project' was not found", "TF_VAR_project"),
    ],
)  # fmt: skip
def test_what_stops_every_call_is_refused_with_the_command_that_helps(
    gcp: SimulatedGcp, failing: dict[str, Any], check: str, words: str, remedy: str
) -> None:
    gcp.failing = failing
    result = doctor()
    row = {each["check"]: each for each in json.loads(result.stdout)["checks"]}[check]
    assert (row["answer"], result.exit_code) == ("refused", 3), row
    assert words in row["detail"]
    assert remedy in row["remedy"]


@pytest.mark.parametrize(
    ("failing", "check", "words"),
    [
        ({"/regions/": denied("compute.regions.get")}, "quota CPUS",
         "no permission for compute.regions.get"),
        ({"/projects/a-project$": denied("compute.projects.get")}, "project",
         "no permission for compute.projects.get"),
        ({"/images/": refusal(403, "Request is prohibited by organization's policy.", "forbidden")},
         "image", "no permission for compute.images.get: Request is prohibited"),
        ({"/regions/": refusal(403, "Rate Limit Exceeded", "rateLimitExceeded")},
         "region", "asked too often"),
        ({"/regions/": (200, {"quotas": [{"metric": "CPUS", "usage": 0}]})},
         "quota CPUS", "makes no sense: no limit of CPUS"),
        ({"/regions/": (200, {"quotas": [{"metric": "CPUS", "limit": -1, "usage": 0}]})},
         "quota CPUS", "makes no sense"),
        ({"/regions/": (200, {})}, "region", "does not say whether us-central1 is up"),
        ({"/zones/": UNAVAILABLE}, "zone", "currently unavailable"),
    ],
)  # fmt: skip
def test_what_nobody_may_or_can_answer_is_unknown(
    gcp: SimulatedGcp, failing: dict[str, Any], check: str, words: str
) -> None:
    gcp.failing = failing
    result = doctor("--timeout", "3")
    row = {each["check"]: each for each in json.loads(result.stdout)["checks"]}[check]
    assert (row["answer"], result.exit_code) == ("unknown", 0), row
    assert words in row["detail"], row


def test_a_full_quota_whose_users_may_not_be_seen_is_unknown(gcp: SimulatedGcp) -> None:
    gcp.used = {"CPUS": 20.0}
    gcp.failing = {"/aggregated/instances": denied("compute.instances.list")}
    row = rows()["quota CPUS"]
    assert (row["answer"], row["detail"]) == (
        "unknown",
        "no permission for compute.instances.list",
    )


def test_a_slow_answer_does_not_hold_up_the_others(gcp: SimulatedGcp) -> None:
    gcp.slow_seconds = {"/images/": 4}
    found = rows("--timeout", "2")
    assert (found["image"]["answer"], found["zone"]["answer"]) == ("unknown", "ok")


def test_a_zone_without_the_machine_is_refused_and_one_with_it_named(
    gcp: SimulatedGcp, monkeypatch: pytest.MonkeyPatch
) -> None:
    gcp.page_size = 3
    gcp.zones["us-central1-b"] = {"n1-standard-8"}
    row = rows()["zone"]
    assert (row["answer"], row["remedy"]) == ("refused", "Plan with `--var zone=us-central1-a`.")
    monkeypatch.setenv("TF_VAR_zone", "us-central1-f")
    assert rows()["zone"]["answer"] == "ok"
    monkeypatch.setenv("TF_VAR_zone", "us-central1-z")
    assert rows()["zone"]["answer"] == "refused"


def test_a_region_that_is_down_or_absent_is_refused(gcp: SimulatedGcp) -> None:
    gcp.region_status = "DOWN"
    assert rows()["region"]["detail"] == "Google says that us-central1 is DOWN"
    gcp.zones = {"europe-west1-b": {"n1-standard-4"}}
    assert rows()["region"]["answer"] == "refused"


@pytest.mark.parametrize(
    ("image", "answer"),
    [
        ({"name": "debian-12-v1", "status": "READY"}, "ok"),
        ({"name": "debian-12-v1", "status": "FAILED"}, "refused"),
        ({"name": "d", "status": "READY", "deprecated": {"state": "OBSOLETE"}}, "refused"),
        (None, "refused"),
    ],
)
def test_an_image_that_cannot_be_used_is_refused(
    gcp: SimulatedGcp, image: dict[str, Any] | None, answer: str
) -> None:
    gcp.images = {("debian-cloud", "debian-12"): image} if image else {("debian-cloud", "x"): {}}
    assert rows()["image"]["answer"] == answer


def test_the_image_asked_for_is_the_stacks_own() -> None:
    (stack,) = gcp_stacks(demo())
    assert {each.name: each.default for each in stack.variables}["image"] == IMAGE


@pytest.mark.parametrize(("minutes", "answer"), [(-6, "refused"), (4, "ok"), (6, "refused")])
def test_a_clock_six_minutes_wrong_is_refused(gcp: SimulatedGcp, minutes: int, answer: str) -> None:
    gcp.ahead = timedelta(minutes=minutes)
    assert rows()["clock"]["answer"] == answer


def test_without_credentials_each_check_says_how_to_get_some(
    gcp: SimulatedGcp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS")
    found = rows()
    assert {found[name]["answer"] for name in CLOUD if name != "clock"} == {"refused"}
    assert "gcloud auth application-default login" in found["zone"]["remedy"]
    assert (found["clock"]["answer"], gcp.requests) == ("ok", [("HEAD", "/compute/v1/projects")])


@pytest.mark.parametrize("name", ["TF_VAR_project", "GOOGLE_CLOUD_PROJECT", "GOOGLE_PROJECT"])
def test_the_environment_names_the_project(
    gcp: SimulatedGcp, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "another-project")
    found = rows()
    assert found["identity"]["detail"].endswith(f"named by {name}")
    assert found["project"]["answer"] == "refused"
    assert "projects/another-project' was not found" in found["project"]["detail"]


@pytest.mark.parametrize("address", ["http://compute.example", "ftp://127.0.0.1", "https://a@b"])
def test_credentials_go_to_no_address_in_the_open(
    gcp: SimulatedGcp, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("CLOUDSDK_API_ENDPOINT_OVERRIDES_COMPUTE", address)
    result = CliRunner().invoke(main, ["doctor", "--phase", "demo"])
    assert result.exit_code == 2
    assert "CLOUDSDK_API_ENDPOINT_OVERRIDES_COMPUTE is " in result.stderr
