"""The deployment folder."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.errors import ConfigError, PreflightError
from provision.desired import Deployment, Desired, ServedModel, Status, changes, fingerprint
from provision.files import write_atomically
from provision.inventory import Inventory, InventoryNode
from provision.lock import is_locked, locked
from provision.state import DeploymentFolder, deployments, select
from provision.targets.processes import wait_for

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
names = st.from_regex(r"[a-z][a-z0-9-]{0,20}", fullmatch=True)
ports = st.integers(1, 65535)
some_nodes = st.builds(
    InventoryNode,
    name=names,
    role=st.sampled_from(["orchestrator", "embedding", "transformer", "worker"]),
    host=st.ip_addresses().map(str),
    grpc_port=ports,
    status_port=ports,
    gateway_port=st.none() | ports,
    layers=st.none() | st.tuples(st.integers(0, 9), st.integers(10, 99)),
    folder=names,
)
desires = st.builds(
    Desired,
    **dict.fromkeys(
        ("phase", "target", "model", "dtype", "counts", "version"), st.text(max_size=9)
    ),
    **dict.fromkeys(
        ("stages", "max_processes", "port", "context_tokens"), st.none() | st.integers()
    ),
    split=st.none() | st.text(max_size=5),
    threads=st.integers(),
    slots=st.integers(),
)


@given(st.builds(Inventory, deployment=names, nodes=st.lists(some_nodes).map(tuple)))
def test_an_inventory_comes_back_from_json(inventory: Inventory) -> None:
    assert Inventory.from_json(inventory.to_json()) == inventory


@given(desires, desires)
def test_changes_are_empty_exactly_for_equal_wishes(old: Desired, new: Desired) -> None:
    assert (changes(old, new) == ()) == (old == new)


@given(desires, st.sampled_from(["deploying", "ready", "failed"]))
def test_a_record_comes_back_from_json(desired: Desired, status: Status) -> None:
    record = Deployment(
        name="x",
        status=status,
        desired=desired,
        model=ServedModel(id="m", path="/p", revision="r", fingerprint="f"),
        created_at="now",
    )
    assert Deployment.from_json(record.to_json()) == record


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not JSON"),
        ("[]", "top level"),
        ('{"schema": 9}', "schema 9; this version reads 1"),
        ('{"schema": 1, "nodes": []}', "'deployment' is missing"),
        ('{"schema": 1, "deployment": "x", "nodes": [{"layers": null, "odd": 1}]}', "odd"),
        ('{"schema": 1, "deployment": "x", "nodes": [{"layers": 3}]}', "layers|int"),
    ],
)
def test_a_damaged_inventory_is_named(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        Inventory.from_json(text, source="inventory.json")
    assert str(caught.value).startswith("inventory.json: ")


@given(st.binary(max_size=60))
def test_no_content_of_a_record_escapes_as_another_error(content: bytes) -> None:
    text = content.decode("utf-8", "replace")
    for parse in (Inventory.from_json, Deployment.from_json):
        with pytest.raises(ConfigError):
            parse(text)


@pytest.mark.parametrize("name", ["", "Demo", "../x", "a/b", "1a", "a" * 64, "a.b", "a\n"])
def test_a_name_that_is_no_folder_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="deployment name"):
        DeploymentFolder(tmp_path, name)


def test_a_removed_deployment_leaves_no_home(tmp_path: Path) -> None:
    one, two = (DeploymentFolder(tmp_path / "home", name) for name in ("one", "two"))
    one.create()
    two.create()
    assert stat.S_IMODE(one.root.stat().st_mode) == 0o700
    one.remove()
    assert deployments(two.home) == ("two",)
    two.remove()
    two.remove()
    assert not two.home.exists()


def test_the_only_deployment_is_meant_when_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nothing is deployed"):
        select(tmp_path, None)
    DeploymentFolder(tmp_path, "one").create()
    assert select(tmp_path, None).name == "one"
    DeploymentFolder(tmp_path, "two").create()
    with pytest.raises(ConfigError, match="2 deployments: one, two"):
        select(tmp_path, None)
    assert select(tmp_path, "two").name == "two"
    with pytest.raises(ConfigError, match="no deployment 'three'"):
        select(tmp_path, "three")


def test_the_journal_survives_a_line_cut_short(tmp_path: Path) -> None:
    folder = DeploymentFolder(tmp_path, "one")
    folder.create()
    folder.record("first", NOW, nodes=["甲"])
    with folder.journal_file.open("a") as file:
        file.write('{"step": "hal')
    folder.record("lost with it", NOW)
    folder.record("last", NOW)
    assert [entry["step"] for entry in folder.journal()] == ["first", "last"]


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    write_atomically(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_atomically(path, "new \ud800")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["secret"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_lock_names_its_holder_and_goes_with_it(tmp_path: Path) -> None:
    path = tmp_path / "deploy.lock"
    script = (
        "import sys, time\nfrom datetime import UTC, datetime\nfrom pathlib import Path\n"
        "from provision.lock import locked\n"
        "with locked(Path(sys.argv[1]), command='qinfra deploy', now=datetime.now(UTC)):\n"
        "    print('held', flush=True)\n    time.sleep(60)\n"
    )
    with subprocess.Popen(
        (sys.executable, "-c", script, str(path)),
        env=os.environ | {"PYTHONPATH": os.pathsep.join((str(Path.cwd()), *sys.path))},
        stdout=subprocess.PIPE,
    ) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == b"held\n"
        assert is_locked(path)
        with (
            pytest.raises(PreflightError, match=rf"`qinfra deploy` \(pid {holder.pid}, since"),
            locked(path, command="mine", now=NOW),
        ):
            pass
        holder.send_signal(signal.SIGKILL)
    assert wait_for(lambda: not is_locked(path), timeout_seconds=5)
    with locked(path, command="mine", now=NOW):
        assert is_locked(path)


def test_a_fingerprint_sees_names_sizes_and_times(tmp_path: Path) -> None:
    seen = {fingerprint(tmp_path), fingerprint(tmp_path / "missing")}
    file = tmp_path / "weights"
    file.write_text("a")
    seen.add(fingerprint(tmp_path))
    file.write_text("ab")
    seen.add(fingerprint(tmp_path))
    os.utime(file, (1, 1))
    seen.add(fingerprint(tmp_path))
    assert len(seen) == 5
