"""Who asks Compute Engine, for which project and at which address: found once, for all calls."""

from __future__ import annotations

import os
import threading
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from infra.errors import ConfigError, PreflightError
from provision.clouds.gcp_words import told
from provision.fetch import checked_base

ENDPOINT = "https://compute.googleapis.com"
ENDPOINT_NAME = "CLOUDSDK_API_ENDPOINT_OVERRIDES_COMPUTE"  # as gcloud has it
PROJECT_NAMES = ("TF_VAR_project", "GOOGLE_CLOUD_PROJECT", "GOOGLE_PROJECT")
READ_SECONDS = 10.0
_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_PATH = "/compute/v1"
_HERE = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What the environment says of who asks.

    Attributes:
        credentials: google-auth's, not asked for a token yet.
        project: Its id.
        project_from: The variable that names it, or the credentials.
    """

    credentials: Any
    project: str
    project_from: str


class GcpSession:
    """The application default credentials, looked for when first needed and only once.

    To look for them takes seconds where there are none: a machine of Google's would have a server
    for them, which is waited for.

    Args:
        project: Used in place of the one that the environment names.
        read_seconds: Longest wait for one answer, attempts after a failure included.
    """

    def __init__(self, project: str = "", read_seconds: float = READ_SECONDS) -> None:
        self.read_seconds = read_seconds
        self._project = project
        self._clients = threading.local()
        self._lock = threading.Lock()
        self._standing: Future[Standing] | None = None

    @property
    def standing(self) -> Standing:
        """Who asks.

        Raises:
            PreflightError: There are no credentials, none that can be read, or no project.
        """
        with self._lock:
            first = self._standing is None
            future = self._standing = self._standing or Future()
        if first:
            try:
                future.set_result(self._found())
            except BaseException as error:  # noqa: BLE001 - raised where the future is read
                future.set_exception(error)
        return future.result()

    @property
    def project(self) -> str:
        """Id of the project."""
        return self.standing.project

    @property
    def endpoint(self) -> str:
        """Address of the API, without a path.

        Raises:
            ConfigError: The environment names one that cannot be asked, or not safely.
        """
        hint = f"Unset it to use {ENDPOINT}."
        what = "the address of the Compute Engine API"
        given = os.environ.get(ENDPOINT_NAME) or ENDPOINT
        base = checked_base(given, ENDPOINT_NAME, what=what, hint=hint).removesuffix(_PATH)
        if not base.startswith("https://") and urlsplit(base).hostname not in _HERE:
            raise ConfigError(
                f"{ENDPOINT_NAME} is '{base}': credentials would travel unencrypted", hint=hint
            )
        return base

    def client(self, kind: str) -> Any:  # noqa: ANN401 - google-cloud-compute's own classes
        """Return the thread's own client of a kind, as of `Instances`, with its connections."""
        clients = vars(self._clients)
        if kind not in clients:
            with told(f"the client of {kind}"):
                from google.cloud import compute_v1

                make = getattr(compute_v1, f"{kind}Client")
                options = {"api_endpoint": self.endpoint}
                clients[kind] = make(credentials=self.standing.credentials, client_options=options)
        return clients[kind]

    def reading(self) -> dict[str, Any]:
        """Return the bounds of a call that changes nothing: it is repeated while time is left."""
        from google.api_core import exceptions, retry

        again = retry.if_exception_type(
            exceptions.ServiceUnavailable, exceptions.GatewayTimeout, exceptions.BadGateway
        )
        repeat = retry.Retry(predicate=again, initial=0.2, maximum=2.0, timeout=self.read_seconds)
        return {"timeout": self.read_seconds, "retry": repeat}

    def changing(self) -> dict[str, Any]:
        """Return the bounds of a call that changes something: it is made once."""
        return {"timeout": self.read_seconds, "retry": None}

    def _found(self) -> Standing:
        with told("application default credentials"):
            import google.auth

            credentials, own = google.auth.default(scopes=[_SCOPE])
        named = {name: os.environ.get(name, "") for name in PROJECT_NAMES}
        asked = {"the caller": self._project, **named, "the credentials": own or ""}
        for source, project in asked.items():
            if project:
                return Standing(credentials=credentials, project=project, project_from=source)
        raise PreflightError(
            "no project of Google Cloud is named",
            hint=f"Export {PROJECT_NAMES[0]} with the id of one, see `gcloud projects list`.",
        )
