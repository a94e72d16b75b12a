from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from infra.stacks.cdk import CDKS
from tests.infra.stacks import terraforming
from tests.infra.stacks.terraforming import terraform

pytest.importorskip(CDKS[0])


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine with Terraform and without a provider."""
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(terraforming, "_places", lambda: iter([tmp_path]))
    for name in ("TF_CLI_CONFIG_FILE", "QINFRA_REQUIRE_TERRAFORM"):
        monkeypatch.delenv(name, raising=False)


def test_without_a_mirror_the_test_is_skipped_and_says_so(tmp_path: Path) -> None:
    with pytest.raises(pytest.skip.Exception, match="no provider mirror"):
        terraform(tmp_path, "aws")


def test_where_terraform_is_required_that_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QINFRA_REQUIRE_TERRAFORM", "1")
    with pytest.raises(pytest.fail.Exception, match="no provider mirror"):
        terraform(tmp_path, "aws")


def test_a_mirror_of_the_provider_is_configured(tmp_path: Path) -> None:
    (tmp_path / "registry.terraform.io" / "hashicorp" / "aws").mkdir(parents=True)
    found = terraform(tmp_path, "aws")
    written = Path(found.environment["TF_CLI_CONFIG_FILE"])
    assert f'path    = "{tmp_path}"' in written.read_text()


def test_a_persons_own_configuration_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "own.rc"
    own.write_text("")
    monkeypatch.setenv("TF_CLI_CONFIG_FILE", str(own))
    assert terraform(tmp_path, "aws").environment["TF_CLI_CONFIG_FILE"] == str(own)
