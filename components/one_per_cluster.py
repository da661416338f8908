"""A cluster has one Multus: two components on it would have the same Helm releases."""

from __future__ import annotations

from typing import Final
from weakref import WeakKeyDictionary

import pulumi

# By run, whose root resource a program has once: the components by their API server.
_deployed: Final[WeakKeyDictionary[pulumi.Resource, dict[str, str]]] = WeakKeyDictionary()


def refuse_a_second(name: str, server: str | None) -> None:
    """Raise pulumi.RunError where another component of this run deploys to the API server."""
    root = pulumi.runtime.get_root_resource()
    if root is None or server is None:
        return
    other = _deployed.setdefault(root, {}).setdefault(server, name)
    if other != name:
        raise pulumi.RunError(
            f'the component "{name}" deploys Multus to {server}, and so does "{other}". Give the '
            'networks of both to one, or set deploy="networks" for one. '
            f'Nothing of "{name}" was made'
        )
