"""One JSON object a line on stderr; what a person typed and what a key is never goes there."""

from __future__ import annotations

import logging
import sys

import structlog


def configure(node: str, *, level: int = logging.INFO) -> None:
    """Send this process's events, and those of its libraries, to stderr as JSON.

    Args:
        node: Name of the node, on every line.
        level: Lowest level shown, as in `logging`.
    """

    def name_node(
        _logger: object, _method: str, event: structlog.typing.EventDict
    ) -> structlog.typing.EventDict:
        event["node"] = node
        return event

    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        name_node,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for chatty in ("uvicorn.access", "uvicorn.error", "httpx", "httpcore"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
