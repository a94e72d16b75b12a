"""Customers of a deployment who have names, models or machines of their own."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.domain import AMOUNT, SHAPE
from infra.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable

# A role's name in AWS has 64 characters, of which deployment and region take up to 46.
LONGEST_TENANT = 15
_DOMAIN = re.compile(r"([a-z0-9]([a-z0-9-]*[a-z0-9])?[.])+[a-z]{2,}")
_LONGEST_DOMAIN = 64  # a certificate's first name has no more
_LONGEST_TITLE = 80
# Every segment begins with a letter or digit: none climbs out of where the tenant's models lie.
_MODEL = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """A customer of the enterprise phase; a white label.

    Attributes:
        name: In names of the cloud, so it never changes while the tenant's nodes live.
        title: Shown to people; empty: the name.
        domain: Its own, beside the deployment's; empty without.
        model: A hub id, or a path under `tenants/NAME/` of the artifacts bucket; empty: the
            phase's model.
        dedicated: Whether its nodes run on hardware that no other customer of the cloud uses.
        pipelines: Of its own, all regions together; 0: it shares those of all.

    Raises:
        ConfigError: A value cannot be, or a tenant with a model or hardware of its own has no
            pipelines.
    """

    name: str
    title: str = ""
    domain: str = ""
    model: str = ""
    dedicated: bool = False
    pipelines: int = 0

    def __post_init__(self) -> None:
        if not re.fullmatch(SHAPE, self.name) or len(self.name) > LONGEST_TENANT:
            raise ConfigError(
                f"tenant '{self.name[:80]}': a name has at most {LONGEST_TENANT} lower case "
                "letters, digits and single hyphens between them, a letter first",
                hint="Give it a short name, and a title for people.",
            )
        _check_words(self)
        AMOUNT.check(f"tenant {self.name}: pipelines", self.pipelines)
        if not self.pipelines and (self.dedicated or self.model):
            own = "dedicated hardware" if self.dedicated else "a model of its own"
            raise ConfigError(
                f"tenant {self.name}: {own} needs pipelines of its own",
                hint="Say how many, for example `pipelines = 1`.",
            )

    @property
    def shown(self) -> str:
        """The name that people see."""
        return self.title or self.name

    @property
    def key(self) -> str:
        """The name as a part of Terraform's."""
        return self.name.replace("-", "_")

    @property
    def certificate_variable(self) -> str:
        """The stacks' variable of a certificate of its domain."""
        return f"certificate_arn_{self.key}"

    @property
    def zone_variable(self) -> str:
        """The stacks' variable of its domain's zone."""
        return f"zone_id_{self.key}"


def check_unique(tenants: Iterable[Tenant]) -> None:
    """Pass tenants of whom no two have the same name or domain.

    Raises:
        ConfigError: Two have; what they share is named.
    """
    everyone = tuple(tenants)
    for what in ("name", "domain"):
        values = [value for each in everyone if (value := getattr(each, what))]
        twice = [value for value, times in Counter(values).items() if times > 1]
        if twice:
            raise ConfigError(f"tenants: {what} '{twice[0]}' stands twice")


def _check_words(tenant: Tenant) -> None:
    if not tenant.title.isprintable() or len(tenant.title) > _LONGEST_TITLE:
        raise ConfigError(
            f"tenant {tenant.name}: title is {tenant.title[:80]!r}: at most {_LONGEST_TITLE} "
            "printable characters"
        )
    domain = tenant.domain
    if domain and (len(domain) > _LONGEST_DOMAIN or not _DOMAIN.fullmatch(domain)):
        raise ConfigError(
            f"tenant {tenant.name}: domain '{domain[:80]}' is no name such as llm.example.com, of "
            f"at most {_LONGEST_DOMAIN} characters"
        )
    if tenant.model and not _MODEL.fullmatch(tenant.model):
        raise ConfigError(
            f"tenant {tenant.name}: model '{tenant.model[:80]}' is neither a hub id nor a path in "
            "the artifacts bucket",
            hint='For example `model = "Qwen/Qwen3-0.6B"`.',
        )
