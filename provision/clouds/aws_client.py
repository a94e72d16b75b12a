"""Clients of AWS's services, each made once."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

READ_SECONDS = 10.0
_CONNECT_SECONDS, _ATTEMPTS = 5.0, 3


@dataclass(slots=True)
class Clients:
    """Clients of one session, for any number of threads.

    A session reads its credentials and the descriptions of services once, which takes longer than
    to ask most of them. It makes one client at a time; the clients themselves are thread-safe.

    Attributes:
        read_seconds: Longest wait for one answer; what fails is tried three times in all.
    """

    read_seconds: float = READ_SECONDS
    _made: dict[tuple[Any, ...], Any] = field(default_factory=dict, init=False, repr=False)
    _session: Any = field(default=None, init=False, repr=False)
    _one_at_a_time: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def of(self, service: str, region: str, **settings: Any) -> Any:  # noqa: ANN401 - boto3 makes its classes at run time
        """Return the client of a service in a region; `settings` are botocore's own."""
        asked = (service, region, *sorted(settings.items()))
        with self._one_at_a_time:
            if asked not in self._made:
                self._made[asked] = self._client(service, region, settings)
            return self._made[asked]

    def _client(self, service: str, region: str, settings: dict[str, Any]) -> Any:  # noqa: ANN401 - as above
        import boto3
        from botocore.config import Config

        if self._session is None:
            self._session = boto3.session.Session()
        config = Config(
            connect_timeout=min(_CONNECT_SECONDS, self.read_seconds),
            read_timeout=self.read_seconds,
            retries={"total_max_attempts": _ATTEMPTS, "mode": "standard"},
            **settings,
        )
        return self._session.client(service, region_name=region, config=config)
