"""The networks' namespaces: made where they are missing, never changed, never deleted.

They are no resources of the stack on purpose: `destroy` would take whatever else is in them.
"""

from __future__ import annotations

from collections.abc import Mapping

from components.live.kubectl import Kubectl, main


def make(kubectl: Kubectl, environment: Mapping[str, str]) -> str:
    made = []
    for name in environment["MULTUS_NAMESPACES"].split(","):
        if kubectl.optional("get", "namespace", name) is None:
            kubectl.run("create", "namespace", name)
            made.append(name)
    return "\n".join(f"namespace {name} made" for name in made) or "nothing to do"


if __name__ == "__main__":
    main(make)
