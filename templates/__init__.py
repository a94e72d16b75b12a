"""Text for machines, and a page for people: Jinja2 templates that refuse an undefined name."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment


def render(name: str, **values: object) -> str:
    """Return the template `name` filled with `values`.

    Raises:
        jinja2.UndefinedError: The template uses a value that was not given.
        jinja2.TemplateNotFound: There is no such template.
    """
    return _environment().get_template(name).render(values)


def toml_literal(value: object) -> str:
    """Return `value` as TOML writes it, on one line; strings come back from a parser unchanged.

    Raises:
        TypeError: TOML has no such type; None is the usual one.
        ValueError: The string holds a lone surrogate, which no TOML file can.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | Path):
        return _toml_string(str(value))
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, float):
        return repr(float(value))
    if isinstance(value, list | tuple):
        return f"[{', '.join(toml_literal(item) for item in value)}]"
    raise TypeError(f"TOML has no literal for {value} of type {type(value).__name__}")


def thousands(value: float, decimals: int = 0) -> str:
    """Return a number with thousands separators, rounded to `decimals`."""
    return f"{value:,.{decimals}f}" if decimals else f"{value:,}"


def fixed(value: float, decimals: int) -> str:
    """Return a number rounded to `decimals`, all of them shown."""
    return f"{value:.{decimals}f}"


def _toml_string(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"no TOML file can hold {text!r}") from error
    # JSON's escapes are all TOML's too; TOML also wants DEL escaped.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

    class Missing(StrictUndefined):
        """Names itself in a filter that formats it, too."""

        def __format__(self, spec: str) -> str:
            return str(self)  # raises UndefinedError

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=Missing,
        # All else is TOML and plain text, escaped by `toml`.
        autoescape=select_autoescape(("html.j2",), default=False),
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"toml": toml_literal, "thousands": thousands, "fixed": fixed}
    return environment
