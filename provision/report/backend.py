"""Where states are and what their bucket lacks, as text and as a document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from provision.report.table import table

if TYPE_CHECKING:
    from infra.backend import Backend
    from provision.clouds.bucket import Survey

SCHEMA_VERSION = 1
_LOCKS = {
    "local": "the kernel's lock on each state's file",
    "s3": "a lock file beside each state",
    "gcs": "a lock file beside each state",
}


def place_of(backend: Backend) -> str:
    """Return where a state is, with the deployment and the stack left open."""
    if backend.kind == "local":
        return "in the folder of each stack, on this machine"
    block = backend.block("DEPLOYMENT", "STACK")
    if backend.kind == "s3":
        return f"s3://{block['bucket']}/{block['key']}"
    return f"gs://{block['bucket']}/{block['prefix']}/default.tfstate"


def backend_document(
    backend: Backend, survey: Survey | None, *, made: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Return what the commands of a backend print with --json.

    Args:
        backend: The settings'.
        survey: Of its bucket; None of a local one, which has none.
        made: What was just done.
    """
    document: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "backend": backend.kind,
        "states": place_of(backend),
        "locking": _LOCKS[backend.kind],
    }
    if survey is not None:
        held = {name: name not in survey.missing for name in survey.safeguards}
        document |= {
            "bucket_exists": survey.exists,
            "safeguards": held,
            "nothing_to_do": survey.is_complete,
            "made": list(made),
        }
    return document


def render_backend(backend: Backend, survey: Survey | None) -> str:
    """Return where states are, how they are locked, and a line for each safeguard."""
    rows = [("states", place_of(backend)), ("locking", _LOCKS[backend.kind])]
    if survey is not None:
        rows.append(("bucket", "is there" if survey.exists else "is not there yet"))
        if survey.exists:
            rows += [
                (name, "missing" if name in survey.missing else "is set")
                for name in survey.safeguards
            ]
    return table(("BACKEND", backend.kind), rows)
