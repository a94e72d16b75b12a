"""Steps of the real binary."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from infra.errors import ConfigError
from provision.terraform.errors import ApplyFailed, InitFailed, PlanFailed, StalePlan
from provision.terraform.events import (
    ApplyCompleted,
    ChangeSummary,
    Diagnostic,
    PlannedChange,
    Refreshed,
)
from provision.terraform.plan import Replacement, verified
from provision.terraform.run import Terraform
from tests.provision.terraforming import Stacked, needs_terraform, stack

pytestmark = needs_terraform


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_stack_is_made_read_and_destroyed(tmp_path: Path) -> None:
    content = stack(it={"input": "a fleet"}) | {
        "output": {
            "what": {"value": "${terraform_data.it.output}"},
            "secret": {"value": "hush-hush", "sensitive": True},
        }
    }
    made = Stacked(tmp_path, content)
    made.terraform.init()
    made.terraform.validate()
    summary = made.plan()
    assert (summary.adds, summary.outputs) == (("terraform_data.it",), ("secret", "what"))
    made.apply()
    assert made.told(ChangeSummary)[-1] == ChangeSummary(
        operation="apply", add=1, change=0, remove=0
    )
    outputs = made.terraform.output()
    assert (outputs["what"].value, outputs["secret"].sensitive) == ("a fleet", True)
    assert "hush" not in repr(outputs)
    assert made.plan().is_empty
    assert made.told(Refreshed)
    assert made.plan(mode="destroy").destroys == ("terraform_data.it",)
    made.apply()
    assert made.addresses() == []


def test_what_holds_secrets_is_for_its_owner_only(tmp_path: Path) -> None:
    made = Stacked(tmp_path, {"output": {"it": {"value": "hush-hush", "sensitive": True}}})
    made.plan()
    made.apply()
    made.terraform.output()
    logs = list((tmp_path / "logs").iterdir())
    files = [made.saved, tmp_path / "plan.json", tmp_path / "terraform.tfstate", *logs]
    assert {mode(file) for file in files} == {0o600}
    assert mode(tmp_path / "logs") == 0o700
    assert not any("hush" in log.read_text() for log in logs)


def test_variables_leave_nothing_behind(tmp_path: Path) -> None:
    content = stack(it={"input": "${var.size}"}) | {"variable": {"size": {"type": "number"}}}
    made = Stacked(tmp_path, content)
    made.plan(variables={"size": 3})
    made.apply()
    state = json.loads((tmp_path / "terraform.tfstate").read_text())
    assert state["resources"][0]["instances"][0]["attributes"]["input"]["value"] == 3
    assert not (tmp_path / "qinfra.tfvars.json").exists()
    with pytest.raises(PlanFailed, match="No value for required variable"):
        made.plan()
    assert not made.saved.exists()


def test_a_replacement_is_told_with_the_argument_that_forces_it(tmp_path: Path) -> None:
    made = Stacked(tmp_path, stack(it={"triggers_replace": ["a", "b"]}, other={"input": 1}))
    made.plan()
    made.apply()
    made.write(stack(it={"triggers_replace": ["a", "c"]}, other={"input": 2}))
    summary = made.plan()
    assert summary.changes == ("terraform_data.other",)
    assert summary.replacements == (
        Replacement(
            address="terraform_data.it", cause="triggers_replace cannot be changed in place"
        ),
    )
    assert summary.resources == 2


def test_an_output_alone_is_no_change(tmp_path: Path) -> None:
    made = Stacked(tmp_path, stack(it={}))
    made.plan()
    made.apply()
    made.write(stack(it={}) | {"output": {"new": {"value": 1}}})
    summary = made.plan()
    assert summary.is_empty
    assert summary.outputs == ("new",)


def test_a_rename_is_a_move_and_no_destruction(tmp_path: Path) -> None:
    made = Stacked(tmp_path, stack(old={}))
    made.plan()
    made.apply()
    made.write(
        stack(new={}) | {"moved": [{"from": "terraform_data.old", "to": "terraform_data.new"}]}
    )
    (move,) = made.plan().others
    assert (move.action, move.previous, move.address) == (
        "move",
        "terraform_data.old",
        "terraform_data.new",
    )


def test_a_refresh_alone_plans_nothing(tmp_path: Path) -> None:
    made = Stacked(tmp_path, stack(it={}))
    made.plan()
    made.apply()
    made.write(stack(it={}, more={}))
    assert made.plan(mode="refresh-only").is_empty


def test_one_stack_reads_the_outputs_of_another(tmp_path: Path) -> None:
    first = Stacked(tmp_path / "network", {"output": {"vpc": {"value": "vpc-1"}}})
    first.plan()
    first.apply()
    state = {"backend": "local", "config": {"path": "../network/terraform.tfstate"}}
    second = Stacked(
        tmp_path / "cluster",
        {
            "data": {"terraform_remote_state": {"network": state}},
            "output": {"vpc": {"value": "${data.terraform_remote_state.network.outputs.vpc}"}},
        },
    )
    second.plan()
    second.apply()
    assert second.terraform.output()["vpc"].value == "vpc-1"


def test_a_failed_apply_keeps_what_was_made_and_says_what_failed(tmp_path: Path) -> None:
    failing = {"provisioner": [{"local-exec": {"command": "echo no capacity; exit 7"}}]}
    made = Stacked(tmp_path, stack(good={}, bad={**failing, "depends_on": ["terraform_data.good"]}))
    made.plan()
    with pytest.raises(ApplyFailed, match=r"terraform_data\.bad: local-exec.*exit status 7") as bad:
        made.apply()
    assert bad.value.exit_code == 5
    assert "\n" not in str(bad.value)
    assert made.told(ApplyCompleted)[0].address == "terraform_data.good"
    assert made.addresses() == ["bad", "good"]
    (again,) = made.plan().replacements
    assert again.cause == "was left half made, or is marked to be replaced"


def test_a_plan_is_stale_once_the_state_has_moved_on(tmp_path: Path) -> None:
    made = Stacked(tmp_path, stack(it={}))
    made.plan()
    ready = verified(made.saved, tmp_path, catalogue="")
    made.apply()
    with pytest.raises(StalePlan, match=r"the state has changed \(serial none, now 1\)") as stale:
        made.apply()
    assert stale.value.exit_code == 3
    with pytest.raises(StalePlan, match="the state has changed since this plan was made"):
        made.terraform.apply(ready)


def test_what_a_plan_was_made_from_must_be_as_it_was(tmp_path: Path) -> None:
    made = Stacked(tmp_path, stack(it={}))
    made.plan(catalogue="prices of May")
    verified(made.saved, tmp_path, catalogue="prices of May")
    with pytest.raises(StalePlan, match=r"a price, has changed$"):
        verified(made.saved, tmp_path, catalogue="prices of June")
    with made.saved.open("ab") as file:
        file.write(b"!")
    made.write(stack(it={}, other={}))
    with pytest.raises(StalePlan, match=r"plan's own file was changed; the stack was written anew"):
        verified(made.saved, tmp_path, catalogue="prices of May")


def test_a_plan_without_a_good_record_is_not_applied(tmp_path: Path) -> None:
    made = Stacked(tmp_path, stack(it={}))
    made.plan()
    (tmp_path / "plan.json").write_text("[]")
    with pytest.raises(ConfigError, match="no record of a plan"):
        made.apply()
    (tmp_path / "plan.json").unlink()
    with pytest.raises(ConfigError, match="there is no plan to apply"):
        made.apply()


def test_a_failed_plan_leaves_no_older_one_to_apply(tmp_path: Path) -> None:
    made = Stacked(tmp_path, stack(it={}))
    made.plan()
    made.write(stack(it={"input": "${nonsense.of.some}"}))
    with pytest.raises(PlanFailed) as failed:
        made.plan()
    assert failed.value.exit_code == 3
    assert not made.saved.exists()
    assert not (tmp_path / "plan.json").exists()


def test_a_stack_that_is_no_json_is_told_by_its_line(tmp_path: Path) -> None:
    made = Stacked(tmp_path, '{"resource":')
    for step in (made.terraform.init, made.terraform.validate):
        with pytest.raises(ConfigError, match=r"cdk\.tf\.json:1: Unclosed object"):
            step()


def test_an_unknown_argument_is_found_before_a_plan(tmp_path: Path) -> None:
    made = Stacked(tmp_path, stack(it={"inptu": 1}))
    with pytest.raises(ConfigError, match=r'Did you mean "input"'):
        made.terraform.validate()


def test_a_provider_that_cannot_be_had_is_told_with_what_helps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mirror").mkdir()
    monkeypatch.setenv("QINFRA_PROVIDER_MIRROR", str(tmp_path / "mirror"))
    monkeypatch.delenv("TF_CLI_CONFIG_FILE", raising=False)
    needed = {"aws": {"source": "hashicorp/aws", "version": "5.100.0"}}
    made = Stacked(tmp_path / "stack", {"terraform": {"required_providers": needed}})
    with pytest.raises(InitFailed, match="hashicorp/aws") as failed:
        made.terraform.init()
    assert "QINFRA_PROVIDER_MIRROR" in failed.value.hint
    assert failed.value.exit_code == 3
    assert made.told(Diagnostic)


@pytest.mark.parametrize("where", ["QINFRA_PROVIDER_MIRROR", "HOME"])
def test_a_provider_comes_from_a_mirror_or_a_folder_that_terraform_implies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    monkeypatch.delenv("TF_CLI_CONFIG_FILE", raising=False)
    folder = tmp_path / "stack"
    mirror = folder / ".terraform.d" / "plugins"  # of a home, which the stack's folder is here
    if where == "QINFRA_PROVIDER_MIRROR":
        mirror = tmp_path / 'a "mirror" of ${mine}'
        monkeypatch.setenv(where, str(mirror))
    platform = f"linux_{ {'x86_64': 'amd64', 'aarch64': 'arm64'}[os.uname().machine] }"
    package = mirror / "registry.terraform.io" / "qinfra" / "none" / "1.2.3" / platform
    package.mkdir(parents=True)
    (package / "terraform-provider-none_v1.2.3").write_text("never started by init")
    (package / "terraform-provider-none_v1.2.3").chmod(0o755)
    needed = {"none": {"source": "qinfra/none", "version": "1.2.3"}}
    Stacked(folder, {"terraform": {"required_providers": needed}}).terraform.init()
    assert (folder / ".terraform.lock.hcl").exists()


def test_what_is_told_to_a_person_is_told_without_its_frame(tmp_path: Path) -> None:
    made = Stacked(tmp_path, stack(it={}))
    with pytest.raises(PlanFailed, match="show failed") as failed:
        made.terraform.show(tmp_path / "none")
    assert not set(str(failed.value)) & set("│╷╵\x1b\n")


def test_a_state_that_is_to_be_elsewhere_is_not_left_behind(tmp_path: Path) -> None:
    def kept_in(path: str) -> dict[str, object]:
        return {"terraform": {"backend": {"local": {"path": path}}}}

    made = Stacked(tmp_path, kept_in("here.tfstate"))
    made.terraform.init()
    made.write(kept_in("there.tfstate"))
    with pytest.raises(InitFailed, match="Backend configuration changed") as failed:
        made.terraform.init()
    assert "init -migrate-state" in failed.value.hint


def test_a_state_damaged_since_the_plan_is_one_that_changed(tmp_path: Path) -> None:
    made = Stacked(tmp_path, stack(it={}))
    made.plan()
    (tmp_path / "terraform.tfstate").write_text("{}")
    with pytest.raises(StalePlan, match=r"serial none, now damaged"):
        made.apply()


def test_a_damaged_state_is_not_taken_for_a_locked_one(tmp_path: Path) -> None:
    made = Stacked(tmp_path, stack(it={}))
    (tmp_path / "terraform.tfstate").write_text('{"version": 4,')
    with pytest.raises(PlanFailed, match="Error acquiring the state lock: Error message"):
        made.plan()


def test_terraforms_own_trace_does_not_break_the_stream(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TF_LOG", "trace")
    many = {f"it{number}": {} for number in range(30)}
    made = Stacked(tmp_path, stack(**many))
    assert len(made.plan().adds) == 30
    made.apply()
    assert len(made.told(ApplyCompleted)) == 30


def test_events_of_a_plan_are_told_as_they_come(tmp_path: Path) -> None:
    made = Stacked(tmp_path, stack(it={}))
    made.plan()
    assert made.told(PlannedChange) == [PlannedChange(address="terraform_data.it", action="create")]


def test_of_many_logs_the_oldest_are_removed(tmp_path: Path) -> None:
    made = Stacked(tmp_path, stack(it={}))
    (tmp_path / "logs").mkdir()
    for number in range(40):
        (tmp_path / "logs" / f"plan-{number}.jsonl").touch()
    (tmp_path / "logs" / "apply-1.jsonl").touch()
    made.plan()
    made.terraform.output()
    assert len(list((tmp_path / "logs").glob("plan-*"))) == 10
    assert len(list((tmp_path / "logs").iterdir())) == 11


def test_a_folder_that_is_not_there_has_no_stack(tmp_path: Path) -> None:
    made = Stacked(tmp_path, stack(it={}))
    with pytest.raises(ConfigError, match="is no folder with a stack"):
        Terraform(tmp_path / "none", made.terraform._binary, {}, made.events.append)
