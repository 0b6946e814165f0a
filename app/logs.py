"""Logs: one JSON object a line on standard error, so that no value can begin a line of its own."""

from __future__ import annotations

import sys

import structlog


def to_standard_error() -> None:
    """Write logs from now on as JSON lines with level and time (UTC)."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(sort_keys=True),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
