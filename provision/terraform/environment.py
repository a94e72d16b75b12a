"""What the binary finds in its environment: the user's own, fit for a program as its reader."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from infra.errors import PreflightError
from provision.files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Mapping

MIRROR_VARIABLE = "QINFRA_PROVIDER_MIRROR"
CONFIGURATION_FILE = "qinfra.tfrc"
_CONFIGURATION_VARIABLE = "TF_CLI_CONFIG_FILE"
_CACHE_VARIABLE = "TF_PLUGIN_CACHE_DIR"


def without_arguments(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without TF_CLI_ARGS and TF_CLI_ARGS_*.

    They add flags to a command line: `-lock=false` or `-target` of some other day would make of a
    step another than the one that was shown and approved.
    """
    return {name: value for name, value in environ.items() if not name.startswith("TF_CLI_ARGS")}


def child_environment(folder: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a step in `folder`.

    All of the user's TF_* stay, save arguments and a configuration file that is not there. Where
    providers come from, in this order: TF_CLI_CONFIG_FILE, QINFRA_PROVIDER_MIRROR and from nowhere
    else, then what Terraform does by itself: ~/.terraformrc, the mirror folders that it implies
    (as ~/.terraform.d/plugins), the registry.

    Args:
        folder: The stack's; a configuration file for the mirror is written there.
        environ: The user's.

    Raises:
        PreflightError: The mirror is no folder.
    """
    environment = without_arguments(environ)
    environment |= {"TF_IN_AUTOMATION": "1", "TF_INPUT": "0", "CHECKPOINT_DISABLE": "1"}
    configured = environment.get(_CONFIGURATION_VARIABLE)
    if not configured or not Path(configured).is_file():
        environment.pop(_CONFIGURATION_VARIABLE, None)
        mirror = environment.get(MIRROR_VARIABLE)
        if mirror:
            file = folder / CONFIGURATION_FILE
            write_atomically(file, _configuration(mirror))
            environment[_CONFIGURATION_VARIABLE] = str(file)
    cache = environment.get(_CACHE_VARIABLE)
    if cache:
        Path(cache).mkdir(parents=True, exist_ok=True)  # Terraform refuses one that is not there
    return environment


def _configuration(mirror: str) -> str:
    if mirror.startswith("https://"):
        return _installation("network_mirror", "url", mirror.rstrip("/") + "/")
    folder = Path(mirror).expanduser().absolute()
    if not folder.is_dir():
        raise PreflightError(
            f"{MIRROR_VARIABLE} is '{mirror}', which is no folder",
            hint="Fill one with `terraform providers mirror FOLDER`, where there is a network.",
        )
    return _installation("filesystem_mirror", "path", str(folder))


def _installation(method: str, name: str, value: str) -> str:
    quoted = json.dumps(value, ensure_ascii=False)
    return f"provider_installation {{\n  {method} {{\n    {name} = {quoted}\n  }}\n}}\n"
