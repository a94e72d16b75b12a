"""Checks that ask no cloud: this machine's programs, and the bill."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING

from infra.errors import PreflightError
from infra.preflight import Answer, Finding, budget_finding, prices_finding
from provision.doctor import Check

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from infra.cost.estimate import CostReport

_EXTRA = "Run `pip install 'qinfra[deploy]'`."


@dataclass(frozen=True, slots=True)
class ThisMachine:
    """The programs and packages that write and apply a stack.

    Attributes:
        environ: With the PATH that is searched.
    """

    environ: Mapping[str, str]

    def checks(self) -> list[Check]:
        """Return the checks of this machine."""
        return [
            Check(name="terraform", region="", find=self.terraform),
            Check(name="node", region="", find=self.node),
            Check(name="cdk", region="", find=self.cdk),
        ]

    def terraform(self) -> Finding:
        """Return which Terraform would be used."""
        from provision.terraform.binary import find_binary

        binary = find_binary(None, self.environ)
        return _ok("terraform", f"{binary.name} {binary.version} at {binary.path}")

    def node(self) -> Finding:
        """Return which Node.js would be used; the CDK starts one."""
        name = self.environ.get("JSII_NODE", "node")
        path = shutil.which(name, path=self.environ.get("PATH", os.defpath))
        if path is None:
            raise PreflightError(
                f"there is no '{name}' on PATH",
                hint="Run `apt-get install nodejs`, or set JSII_NODE to one.",
            )
        return _ok("node", path)

    def cdk(self) -> Finding:
        """Return which CDK would be used, without the second that importing it takes."""
        from infra.stacks.cdk import CDKS

        wanted = self.environ.get("QINFRA_CDK")
        if wanted is not None and wanted not in CDKS:
            raise PreflightError(
                f"QINFRA_CDK is '{wanted}': must be one of {', '.join(CDKS)}", hint="Unset it."
            )
        names = (wanted,) if wanted else CDKS
        found = [name for name in names if find_spec(name) is not None]
        if not found:
            raise PreflightError(f"{names[0]} is not installed", hint=_EXTRA)
        return _ok("cdk", found[0])


def bill_checks(report: CostReport, budget_usd: Decimal | None) -> list[Check]:
    """Return the checks of the bill's prices, and of a budget if there is one."""
    monthly, unpriced = report.monthly_usd, report.unpriced
    prices = partial(prices_finding, monthly, len(report.lines), unpriced)
    found = [Check(name="prices", region="", find=prices)]
    if budget_usd is not None:
        budget = partial(budget_finding, monthly, unpriced, budget_usd)
        found.append(Check(name="budget", region="", find=budget))
    return found


def _ok(check: str, detail: str) -> Finding:
    return Finding(check=check, region="", answer=Answer.OK, detail=detail)
