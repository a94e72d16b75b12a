"""Which binary is taken, and what it finds in its environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.errors import PreflightError
from provision.terraform.binary import find_binary
from provision.terraform.environment import child_environment


def program(path: Path, says: str, code: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\ncat <<'END'\n{says}\nEND\nexit {code}\n")
    path.chmod(0o755)
    return path


def version(number: str) -> str:
    return f'{{"terraform_version": "{number}", "platform": "linux_amd64"}}'


def on_path(folder: Path) -> dict[str, str]:
    return {"PATH": f"{folder}:/usr/bin:/bin"}


def test_the_flag_goes_before_the_variable_and_that_before_the_path(tmp_path: Path) -> None:
    first = program(tmp_path / "first", version("1.12.0"))
    second = program(tmp_path / "second", version("1.11.0"))
    program(tmp_path / "bin" / "terraform", version("1.10.5"))
    environ = on_path(tmp_path / "bin") | {"QINFRA_TERRAFORM": str(second)}
    assert find_binary(str(first), environ).version == "1.12.0"
    assert find_binary(None, environ).version == "1.11.0"
    assert find_binary(None, on_path(tmp_path / "bin")).version == "1.10.5"


def test_tofu_does_when_there_is_no_terraform(tmp_path: Path) -> None:
    path = program(tmp_path / "tofu", version("1.10.0-rc1"))
    binary = find_binary(None, {"PATH": f"{tmp_path}:/bin"})
    assert (binary.path, binary.name, binary.version) == (path, "tofu", "1.10.0-rc1")


def test_an_old_one_is_refused_by_name_and_version(tmp_path: Path) -> None:
    path = program(tmp_path / "terraform", version("1.9.8"))
    with pytest.raises(PreflightError, match=rf"{path} is terraform 1\.9\.8") as refused:
        find_binary(None, on_path(tmp_path))
    assert "QINFRA_TERRAFORM" in refused.value.hint


def test_none_at_all_is_told_with_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(PreflightError, match="on PATH 'terraform' nor 'tofu'") as refused:
        find_binary(None, {"PATH": str(tmp_path)})
    assert "opentofu.org" in refused.value.hint
    with pytest.raises(PreflightError, match="QINFRA_TERRAFORM's '/no/such'"):
        find_binary(None, {"PATH": str(tmp_path), "QINFRA_TERRAFORM": "/no/such"})


@pytest.mark.parametrize(
    ("says", "code", "problem"),
    [
        ("Terraform v0.11", 0, "does not tell its version"),
        ("[]", 0, "does not tell its version"),
        (version("new"), 0, "says its version is 'new'"),
        ("", 3, "ends with 3"),
    ],
)
def test_what_is_no_terraform_is_refused(
    tmp_path: Path, says: str, code: int, problem: str
) -> None:
    program(tmp_path / "terraform", says, code)
    with pytest.raises(PreflightError, match=problem):
        find_binary(None, on_path(tmp_path))


def test_a_file_that_cannot_run_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "terraform"
    path.write_bytes(b"\x7fELF, but not really")
    path.chmod(0o755)
    with pytest.raises(PreflightError, match="cannot be run"):
        find_binary(str(path), {})


def test_arguments_of_some_other_day_do_not_reach_a_step(tmp_path: Path) -> None:
    given = {
        "TF_CLI_ARGS": "-no-color",
        "TF_CLI_ARGS_plan": "-lock=false",
        "TF_VAR_size": "3",
        "TF_LOG": "trace",
    }
    environment = child_environment(tmp_path, given)
    assert environment == {
        "TF_VAR_size": "3",
        "TF_LOG": "trace",
        "TF_IN_AUTOMATION": "1",
        "TF_INPUT": "0",
        "CHECKPOINT_DISABLE": "1",
    }


def test_a_configuration_file_counts_only_when_it_is_there(tmp_path: Path) -> None:
    mine = tmp_path / "mine.tfrc"
    given = {"TF_CLI_CONFIG_FILE": str(mine), "QINFRA_PROVIDER_MIRROR": str(tmp_path)}
    written = Path(child_environment(tmp_path, given)["TF_CLI_CONFIG_FILE"])
    assert written == tmp_path / "qinfra.tfrc"
    assert f'path = "{tmp_path}"' in written.read_text()
    mine.write_text("")
    assert child_environment(tmp_path, given)["TF_CLI_CONFIG_FILE"] == str(mine)
    assert "TF_CLI_CONFIG_FILE" not in child_environment(
        tmp_path, {"TF_CLI_CONFIG_FILE": str(tmp_path / "none")}
    )


def test_a_mirror_may_be_a_site_but_not_a_missing_folder(tmp_path: Path) -> None:
    child_environment(tmp_path, {"QINFRA_PROVIDER_MIRROR": "https://mirror.example/tf"})
    assert 'url = "https://mirror.example/tf/"' in (tmp_path / "qinfra.tfrc").read_text()
    with pytest.raises(PreflightError, match="which is no folder"):
        child_environment(tmp_path, {"QINFRA_PROVIDER_MIRROR": str(tmp_path / "none")})


def test_the_folder_of_the_plugin_cache_is_made(tmp_path: Path) -> None:
    child_environment(tmp_path, {"TF_PLUGIN_CACHE_DIR": str(tmp_path / "a" / "b")})
    assert (tmp_path / "a" / "b").is_dir()
