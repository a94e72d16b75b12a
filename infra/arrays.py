"""NumPy, where a figure is computed a million times; it comes with the extra `analysis`."""

from __future__ import annotations

from typing import Any, TypeAlias

from infra.errors import ConfigError

Numbers: TypeAlias = Any  # a number or an array of them: the same formula takes either


def numpy_module() -> Any:  # noqa: ANN401 - a module
    """Return numpy.

    Raises:
        ConfigError: It is not installed.
    """
    try:
        import numpy as np
    except ImportError as error:
        raise ConfigError(
            "simulations need numpy, which is not installed",
            hint="Run `pip install 'qinfra[analysis]'`.",
        ) from error
    return np
