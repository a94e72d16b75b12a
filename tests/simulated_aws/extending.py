"""How actions are added to moto's classes, and what becomes of those that nobody has."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from typing import Any, TypeVar

from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult, BaseResponse

from tests.simulated_aws.refusals import due

Method = TypeVar("Method", bound=Callable[..., Any])
_UNABLE = "NotSimulated"


def action_of(target: type) -> Callable[[Method], Method]:
    """Put a function into one of moto's classes, under its name, instead of any that is there."""

    def put(function: Method) -> Method:
        setattr(target, function.__name__, function)
        return function

    return put


def refusal(response: BaseResponse, code: str, message: str) -> Any:
    """Return the answer that says no, in the protocol of the service that was asked."""
    # The service of an error, which decides its form, is read from its class's module.
    kind = type(code, (ServiceException,), {"__module__": type(response).__module__})
    status, headers, body = response.serialized(ActionResult(kind(code, message)))
    return status, {**headers, "status": str(status)}, body


def _settle(call_action: Callable[[BaseResponse], Any]) -> Callable[[BaseResponse], Any]:
    """Answer 400 where moto would fail: at 500, clients try again for minutes."""

    def settled(self: BaseResponse) -> Any:
        if refused := due(self._get_action()):
            return refusal(self, refused.code, refused.message)
        try:
            return call_action(self)
        except Exception as error:  # noqa: BLE001 - whatever moto fails with
            asked = f"{self.service_name} {self._get_action()}"
            if not isinstance(error, NotImplementedError):
                traceback.print_exc()
            sys.stderr.write(f"{asked}: {error!r}\n")
            return refusal(self, _UNABLE, f"{asked}: {error!r}")

    return settled


BaseResponse.call_action = _settle(BaseResponse.call_action)  # type: ignore[method-assign]
