"""A service account that is none: its key signs, and its tokens come from the simulated project."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import pytest

from tests.simulated_gcp.compute import PROJECT, SimulatedGcp

EMAIL = f"tester@{PROJECT}.iam.gserviceaccount.com"
_NAMES = (
    "GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CLOUD_PROJECT", "GOOGLE_PROJECT", "GCLOUD_PROJECT",
    "GOOGLE_API_USE_CLIENT_CERTIFICATE", "TF_VAR_project", "TF_VAR_zone", "TF_VAR_image",
    "CLOUDSDK_API_ENDPOINT_OVERRIDES_COMPUTE",
)  # fmt: skip


def no_credentials(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away whatever whoever runs the tests has, and the search for Google's own machines."""
    for name in _NAMES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(folder / "no-gcloud"))


def sign_in(project: SimulatedGcp, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the environment one of somebody who may do everything in the simulated project."""
    file = folder / "key.json"
    file.write_text(json.dumps({
        "type": "service_account", "project_id": PROJECT, "private_key_id": "1",
        "private_key": _private_key(), "client_email": EMAIL, "client_id": "1",
        "token_uri": f"{project.url}/token",
    }))  # fmt: skip
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
    monkeypatch.setenv("CLOUDSDK_API_ENDPOINT_OVERRIDES_COMPUTE", f"{project.url}/compute/v1/")


@cache
def _private_key() -> str:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()
