"""A picture of a stack's networks: on which device each is, and the addresses of its ranges."""

from __future__ import annotations

from .content import Bar, Row, Used, rows
from .drawing import svg
from .plain import text

__all__ = ["Bar", "Row", "Used", "rows", "svg", "text"]
