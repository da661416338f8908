"""What asks Pulumi's engine, and has it ask the cluster, beside what is registered."""

from __future__ import annotations

from . import preflight
from .after_up import AfterUp
from .asking import own_state
from .unfinished import Unfinished

__all__ = ["AfterUp", "Unfinished", "own_state", "preflight"]
