"""sbr: answers leave by the interface that was asked (source based routing)."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ...model import Model


class Sbr(Model):
    """Source based routing: a routing table for each address, filled with the network's routes."""

    table: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = None
    """A table that exists already: the plugin then makes rules and no routes."""
