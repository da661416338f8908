"""What this stack's state has, by the engine's own function, which answers at preview too.

The programs of other languages have it as `listResourceOutputs`.
"""

from __future__ import annotations

from typing import Any, Final

import pulumi

RELEASE: Final = "kubernetes:helm.sh/v3:Release"


def outputs(kind: str) -> list[dict[str, Any]] | None:
    """Of each resource of that type; None where the state cannot be read."""
    try:
        asked = {"stackName": pulumi.get_stack()}
        found = pulumi.runtime.invoke("pulumi:pulumi:readStackResourceOutputs", asked).value
        return [one["outputs"] for one in found["outputs"].values() if one["type"] == kind]
    except Exception as error:  # the SDK has no class of its own for this
        pulumi.log.debug(f"the stack's own state is not known: {error}")
        return None
