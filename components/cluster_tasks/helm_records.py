"""What Helm keeps of a release: a Secret for each revision, with labels and packed JSON."""

from __future__ import annotations

import base64
import gzip
import json
import zlib
from collections.abc import Mapping
from typing import Any

from .kubectl import Kubectl, TaskError

KNOWN = "multus-k3s/known"
"""Label of a first revision that the stack's state knows of."""


def newest(kubectl: Kubectl, namespace: str, release: str) -> Any | None:
    """The Secret of the newest revision; None without one."""
    selector = f"--selector=owner=helm,name={release}"
    secrets = kubectl.json("get", "secrets", f"--namespace={namespace}", selector)["items"]
    return max(secrets, key=lambda one: int(one["metadata"]["labels"]["version"]), default=None)


def status(secret: Mapping[str, Any]) -> str:
    return str(secret["metadata"]["labels"].get("status", "of unknown status"))


def unpacked(secret: Mapping[str, Any]) -> Any:
    """The record, with `info`, `chart`, `config` and `manifest`; raises TaskError."""
    try:
        packed = base64.b64decode(base64.b64decode(secret["data"]["release"]))
        return json.loads(gzip.decompress(packed))
    except (ValueError, OSError, EOFError, KeyError, TypeError, RecursionError, zlib.error):
        where = "{name} in {namespace}".format_map({"namespace": "?", **secret["metadata"]})
        raise TaskError(f"Helm's record {where} is damaged") from None


def packed(record: Any) -> str:
    """The Secret's text for a record."""
    inner = base64.b64encode(gzip.compress(json.dumps(record).encode()))
    return base64.b64encode(inner).decode()
