"""Releases: built twice, tampered with, and installed by a machine of its own without an index."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from click.testing import CliRunner

from infra.errors import ConfigError
from provision.cli import main
from provision.rollout.install import install_steps, superseded, switch_steps, unit_steps
from provision.rollout.release import Release, ReleaseFile, decoded

ROLE = "orchestrator"


def run(*arguments: str, code: int = 0):
    done = CliRunner().invoke(main, ["release", *arguments])
    assert done.exit_code == code, done.output
    return done


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("built") / "release"
    run("build", "--out", str(folder), "--role", ROLE)
    return folder


@pytest.fixture
def release(built: Path) -> Release:
    return decoded((built / "manifest.json").read_bytes(), source="manifest")


@pytest.fixture
def copy(built: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(built, tmp_path / "copy"))


def test_equal_sources_give_equal_bytes(built, tmp_path):
    run("build", "--out", str(tmp_path / "again"), "--role", ROLE)
    assert contents(tmp_path / "again") == contents(built)


def test_a_node_gets_no_cloud_no_cdk_no_tensors_and_no_address_of_an_index(built):
    names = {path.name.split("-")[0].lower() for path in (built / "wheels").iterdir()}
    assert {"qinfra", "grpcio", "fastapi"} <= names
    assert not names & {"torch", "transformers", "boto3", "cdktf", "google_auth", "cryptography"}
    texts = [path for path in built.rglob("*") if path.suffix in (".txt", ".json")]
    assert not [path for path in texts if "://" in path.read_text().replace("urn:", "")]


def test_without_a_wheelhouse_only_digests_are_given(built, tmp_path):
    out = tmp_path / "thin"
    run("build", "--out", str(out), "--role", ROLE, "--without-wheelhouse")
    assert [path.name[:6] for path in (out / "wheels").iterdir()] == ["qinfra"]
    locked = Path("requirements/orchestrator.txt")
    assert (out / locked).read_text() == (built / locked).read_text()


def test_the_bill_names_every_locked_package(built):
    bill = json.loads((built / "sbom.cdx.json").read_text())
    named = {
        f"{part['name']}=={part['version']} --hash=sha256:{part['hashes'][0]['content']}"
        for part in bill["components"]
    }
    lines = (built / "requirements/orchestrator.txt").read_text().splitlines()
    assert named == {line for line in lines if not line.startswith("qinfra==")}
    assert all(part["purl"].startswith("pkg:pypi/") for part in bill["components"])


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda folder: (folder / "bootstrap.sh").write_text("exit\n"), "bootstrap.sh: is not"),
        (lambda folder: (folder / "sbom.cdx.json").unlink(), "sbom.cdx.json: is missing"),
        (lambda folder: (folder / "wheels/new.whl").touch(), "new.whl: is not in the manifest"),
    ],
)
def test_what_was_changed_after_the_build_is_named(copy, damage, said):
    run("show", str(copy))
    damage(copy)
    assert said in run("show", str(copy), code=5).output


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "a/../x", "a//b", "a b", "./a"])
def test_a_manifest_reaches_nothing_outside(path):
    with pytest.raises(ConfigError, match="no plain path"):
        ReleaseFile(path=path, sha256="0" * 64, size_bytes=1, roles=())


def test_a_role_that_was_not_built_is_refused(release):
    with pytest.raises(ConfigError, match="nothing for role worker"):
        install_steps(release, "worker")


def test_nothing_but_a_release_is_replaced(tmp_path):
    (tmp_path / "letter").touch()
    run("build", "--out", str(tmp_path), "--role", ROLE, code=2)
    assert (tmp_path / "letter").exists()


def test_steps_are_programs_with_arguments(release):
    steps = (
        *install_steps(release, ROLE),
        *switch_steps(release),
        *unit_steps(release, ROLE, systemd=255),
    )
    assert all(" " not in word for step in steps for word in step.argv)
    assert {"--require-hashes", "--no-index"} <= set(steps[1].argv)
    names = " ".join(step.name for step in unit_steps(release, ROLE, systemd=252))
    assert "backoff" not in names


def test_the_last_three_releases_stay():
    assert superseded(("e", "d", "c", "b", "a"), keep=3) == ("b", "a")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
def test_systemd_understands_the_unit(built, tmp_path):
    unit = tmp_path / "qinfra-agent@.service"
    text = (built / "units" / unit.name).read_text()
    unit.write_text(text.replace("/opt/qinfra/current/venv/bin/qinfra-agent", "/bin/true"))
    verified = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(tmp_path / "qinfra-agent@worker.service")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Unknown" not in verified.stderr
    assert "qinfra-agent" not in verified.stderr


class Machine:
    """A root folder in which the script installs, and its surroundings."""

    def __init__(self, root: Path) -> None:
        self.prefix = root / "opt"
        self.units = root / "units"

    def bootstrap(self, script: Path, base: str, release: str, *, role: str = ROLE):
        return subprocess.run(
            ["sh", str(script), base, release, role],
            capture_output=True,
            text=True,
            check=False,
            env={
                "PATH": os.environ["PATH"],
                "PREFIX": str(self.prefix),
                "UNITS": str(self.units),
                "PYTHON": sys.executable,
                "PIP_INDEX_URL": "http://127.0.0.1:9/none",
            },
        )


@pytest.fixture
def served(built, release, tmp_path):
    (tmp_path / "bucket").mkdir()
    (tmp_path / "bucket" / release.id).symlink_to(built)

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None: ...

    handler = partial(Quiet, directory=str(tmp_path / "bucket"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.skipif(Path("/run/systemd/system").exists(), reason="would start a unit here")
def test_a_machine_installs_itself_and_a_second_run_changes_nothing(
    built, release, served, tmp_path
):
    machine = Machine(tmp_path)
    for number in range(4):  # as if four others had been there before
        old = machine.prefix / "releases" / f"{number}"
        old.mkdir(parents=True)
        os.utime(old, (number, number))
    first = machine.bootstrap(built / "bootstrap.sh", served, release.id)
    assert first.returncode == 0, first.stderr
    agent = machine.prefix / "current/venv/bin/qinfra-agent"
    modules = "import node_agent.orchestrator.serve, sys; print('torch' in sys.modules)"
    worked = subprocess.run(
        [str(agent.with_name("python")), "-I", "-c", modules],
        capture_output=True,
        text=True,
        check=True,
    )
    assert worked.stdout.strip() == "False"
    assert sorted(p.name for p in machine.prefix.joinpath("releases").iterdir()) == sorted(
        ["2", "3", release.id]
    )
    assert (machine.units / "qinfra-agent@.service").is_file()
    again = machine.bootstrap(built / "bootstrap.sh", served, release.id)
    assert again.returncode == 0
    assert "installed already" in again.stderr
    assert "current is release" in again.stderr


@pytest.mark.parametrize(
    ("damage", "role", "said"),
    [
        ("manifest.json", ROLE, "manifest.json: wrong sha256"),
        ("sbom.cdx.json", ROLE, "sbom.cdx.json: wrong sha256"),
        (None, "worker", "nothing for role worker"),
    ],
)
def test_a_machine_installs_nothing_but_the_release(copy, release, tmp_path, damage, role, said):
    bucket = tmp_path / "bucket"
    bucket.mkdir()
    moved = bucket / release.id
    copy.rename(moved)
    if damage:
        (moved / damage).write_text("{}")
    machine = Machine(tmp_path)
    done = machine.bootstrap(moved / "bootstrap.sh", str(bucket), release.id, role=role)
    assert done.returncode != 0
    assert said in done.stderr
    assert not (machine.prefix / "current").exists()
