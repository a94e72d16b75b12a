"""The steps of a stack: init, validate, plan, apply, output, show."""

from __future__ import annotations

import json
import signal
import tempfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from infra.errors import ConfigError, RemoteError
from provision.files import write_atomically
from provision.terraform.environment import child_environment
from provision.terraform.errors import StepStopped, error_of
from provision.terraform.events import Diagnostic, Stopping, diagnostic_of
from provision.terraform.plan import plan_summary, record, record_of, replace_paths
from provision.terraform.process import Step, run_step
from provision.terraform.stream import Stream

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from provision.terraform.binary import Binary
    from provision.terraform.events import Event
    from provision.terraform.plan import PlanSummary, VerifiedPlan
    from provision.terraform.process import Ended

Mode = Literal["change", "destroy", "refresh-only"]
_TERMINATED = 143
_LOCKING = ("plan", "apply")
_VARIABLES_FILE = "qinfra.tfvars.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long steps may take, in seconds.

    An apply waits for a cloud's databases and balancers; `read` is for validate, output and show.
    """

    init: float = 900.0
    read: float = 120.0
    plan: float = 900.0
    apply: float = 5400.0
    lock: float = 30.0
    grace: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A plan that was saved, with its record beside it."""

    path: Path
    summary: PlanSummary


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """An output; its value is left out of its representation."""

    value: Any = field(repr=False)
    sensitive: bool


class Terraform:
    """A stack in its folder.

    Ctrl-C and SIGTERM stop a step in the main thread: Terraform is asked once, and given the grace
    to write its state; then KeyboardInterrupt or SystemExit(143) is raised.

    Args:
        folder: With the stack's JSON.
        binary: Of `find_binary`.
        environ: The user's.
        on_event: Told what happens, while it does.
        limits: Deadlines.

    Raises:
        ConfigError: There is no such folder.
        StateLocked: By plan and apply, when another works on the state.
        StepStopped: By every step that runs into its deadline or is killed.
    """

    def __init__(
        self,
        folder: Path,
        binary: Binary,
        environ: Mapping[str, str],
        on_event: Callable[[Event], object],
        limits: Limits | None = None,
    ) -> None:
        self.folder = folder.absolute()
        if not self.folder.is_dir():
            raise ConfigError(f"{folder}: is no folder with a stack", hint="Write the stack first.")
        self._binary = binary
        self._environ = child_environment(self.folder, environ)
        self._on_event = on_event
        self._limits = limits or Limits()

    def init(self) -> None:
        """Fetch providers and reach the backend; safe to repeat.

        Raises:
            InitFailed: A provider or the backend cannot be had.
            ConfigError: The stack is no Terraform.
        """
        self._stream("init", ("-input=false",), self._limits.init)

    def validate(self) -> None:
        """Check the stack against its providers' schemas.

        Raises:
            ConfigError: It is not valid.
        """
        document = self._document("validate", ("-json", "-no-color"), ok=(0, 1))
        if not document["valid"]:
            raise self._error("validate", [diagnostic_of(each) for each in document["diagnostics"]])

    def plan(
        self,
        out: Path,
        *,
        mode: Mode = "change",
        variables: Mapping[str, object] | None = None,
        catalogue: str = "",
        targets: tuple[str, ...] = (),
        refresh: bool = True,
    ) -> Planned:
        """Say what is to be done, and save it; nothing is left of an earlier plan of that name.

        Args:
            out: Where the plan is saved, with mode 0600: it holds secrets in clear.
            mode: What for.
            variables: Of the stack; in a file with mode 0600 while this runs, never in an argument.
            catalogue: Which prices it was judged by; any string that changes with them.
            targets: Addresses that it is about, with what they depend on; all when empty.
            refresh: Whether the cloud is asked first what is there.

        Raises:
            PlanFailed: It cannot be said.
        """
        out = out.absolute()
        for stale in (out, record_of(out)):
            stale.unlink(missing_ok=True)
        file = self.folder / _VARIABLES_FILE
        given = () if mode == "change" else (f"-{mode}",)
        given = (*given, *(f"-target={address}" for address in targets))
        given = given if refresh else (*given, "-refresh=false")
        if variables:
            write_atomically(file, json.dumps(variables))
            given = (*given, f"-var-file={file}")
        try:
            arguments = (*self._locking, "-detailed-exitcode", f"-out={out}", *given)
            events = self._stream("plan", arguments, self._limits.plan, ok=(0, 2))
        except BaseException:
            out.unlink(missing_ok=True)  # Terraform saves a plan that failed, too
            raise
        finally:
            file.unlink(missing_ok=True)
        summary = plan_summary(events)
        if summary.replacements:
            summary = plan_summary(events, replace_paths(self.show(out)))
        record(out, self.folder, catalogue=catalogue)
        return Planned(path=out, summary=summary)

    def apply(self, plan: VerifiedPlan) -> None:
        """Do what a saved plan says.

        Raises:
            StalePlan: The state has changed since.
            ApplyFailed: Some of it was done, some not.
        """
        self._stream("apply", (*self._locking, str(plan.path)), self._limits.apply)

    def output(self) -> dict[str, Output]:
        """Return the outputs of the state, secret ones too."""
        document = self._document("output", ("-json", "-no-color"))
        return {
            name: Output(value=each["value"], sensitive=each["sensitive"])
            for name, each in document.items()
        }

    def show(self, plan: Path) -> dict[str, Any]:
        """Return a saved plan as Terraform's document; it holds secrets in clear."""
        return self._document("show", ("-json", "-no-color", str(plan.absolute())))

    def state(self) -> dict[str, Any]:
        """Return the state as Terraform's document; it holds secrets in clear."""
        return self._document("show", ("-json", "-no-color"))

    @property
    def _locking(self) -> tuple[str, ...]:
        return ("-input=false", f"-lock-timeout={self._limits.lock:g}s")

    def _stream(
        self,
        step: str,
        arguments: tuple[str, ...],
        deadline_seconds: float,
        *,
        ok: tuple[int, ...] = (0,),
    ) -> list[Event]:
        with Stream(self.folder, step, self._on_event) as stream:
            ended = run_step(
                self._step((step, "-json", *arguments), deadline_seconds),
                stdout=stream.descriptor,
                stderr=stream.descriptor,
                pump=stream.pump,
                on_stop=lambda why: stream.tell(self._stopping(why)),
            )
            self._check(step, ended, ok, stream, deadline_seconds)
            return stream.events

    def _document(
        self, step: str, arguments: tuple[str, ...], *, ok: tuple[int, ...] = (0,)
    ) -> dict[str, Any]:
        """Run a step whose answer is one document, which is never kept: it holds secrets."""
        limit = self._limits.read
        with Stream(self.folder, step, self._on_event) as log, tempfile.TemporaryFile() as answer:
            ended = run_step(
                self._step((step, *arguments), limit),
                stdout=answer.fileno(),
                stderr=log.descriptor,
                pump=log.pump,
                on_stop=lambda why: log.tell(self._stopping(why)),
            )
            self._check(step, ended, ok, log, limit)
            answer.seek(0)
            try:
                document: dict[str, Any] = json.load(answer)
            except ValueError as error:
                raise RemoteError(f"{self.folder}: {step} did not answer in JSON") from error
            return document

    def _step(self, arguments: tuple[str, ...], deadline_seconds: float) -> Step:
        return Step(
            argv=(str(self._binary.path), *arguments),
            folder=self.folder,
            environ=self._environ,
            deadline_seconds=deadline_seconds,
            grace_seconds=self._limits.grace,
        )

    def _stopping(self, why: str) -> Stopping:
        return Stopping(why=why, grace_seconds=self._limits.grace)

    def _check(
        self, step: str, ended: Ended, ok: tuple[int, ...], stream: Stream, limit: float
    ) -> None:
        """Raise what a step's end asks for."""
        # A SIGINT that comes before Terraform listens ends it, before it has touched anything.
        killed = ended.status < 0 and ended.status != -signal.SIGINT
        if (ended.forced or killed) and ended.status not in ok:
            raise self._stopped(f"{step} was killed", stream, may_be_locked=step in _LOCKING)
        if ended.signal == signal.SIGINT:
            raise KeyboardInterrupt
        if ended.signal:
            raise SystemExit(_TERMINATED)
        if ended.status in ok:
            return
        if ended.late:
            raise self._stopped(
                f"{step} was stopped after {limit:g} s", stream, may_be_locked=False
            )
        told = [each for each in stream.events if isinstance(each, Diagnostic)]
        raise self._error(step, told, stream.noise or f"it ended with {ended.status}")

    def _stopped(self, what: str, stream: Stream, *, may_be_locked: bool) -> StepStopped:
        if may_be_locked:
            state = "the state may be locked, and lack what was made last"
            hint = "Plan again: it says how to unlock it; what it lacks is in the cloud's console."
        else:
            state = "what was done is in the state"
            hint = "Plan again, then apply."
        return StepStopped(
            f"{self.folder}: {what}: {state}; see {stream.path}",
            may_be_locked=may_be_locked,
            hint=hint,
        )

    def _error(self, step: str, told: list[Diagnostic], otherwise: str = "") -> Exception:
        return error_of(
            step,
            binary=str(self._binary.path),
            folder=self.folder,
            diagnostics=told,
            otherwise=otherwise,
        )
