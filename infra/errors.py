"""The toolkit's errors, each with its exit code.

QinfraError            1  a bug, or an unexpected end
  ConfigError          2  a file, key, flag or model is wrong
  PreflightError       3  the machine or the account cannot take the deployment now
  BudgetError          4  over the budget, or demand cannot be met
  RemoteError          5  a node failed, or the rollout was halted
  PartialFailure       6  some nodes done, some not
"""

from __future__ import annotations

from typing import ClassVar


class QinfraError(Exception):
    """An error a person can act on.

    Args:
        message: What, where and why, in one line.
        hint: The next command or step, in one sentence.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class ConfigError(QinfraError):
    """A file, key, flag or model is wrong."""

    exit_code = 2


class PreflightError(QinfraError):
    """The machine or the account cannot take the deployment now."""

    exit_code = 3


class BudgetError(QinfraError):
    """Over the budget, or demand cannot be met."""

    exit_code = 4


class RemoteError(QinfraError):
    """A node failed, or the rollout was halted."""

    exit_code = 5


class PartialFailure(QinfraError):
    """Some nodes are done, some are not."""

    exit_code = 6
