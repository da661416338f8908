"""What Helm keeps of a release: JSON, compressed, in the text of a Secret."""

from __future__ import annotations

import base64
import gzip
import json
import zlib
from typing import Any

from ..chart.versions import NAMESPACE
from ..cluster_tasks.kubectl import Kubectl, TaskError


def record(kubectl: Kubectl, name: str) -> Any | None:
    """The newest revision's, with `info`, `chart`, `config` and `manifest`; None without one.

    Raises TaskError.
    """
    where = ("--namespace", NAMESPACE, "--selector", f"owner=helm,name={name}")
    found = kubectl.json("get", "secrets", *where)["items"]
    if not found:
        return None
    newest = max(found, key=lambda one: int(one["metadata"]["labels"]["version"]))
    try:
        packed = base64.b64decode(base64.b64decode(newest["data"]["release"]))
        return json.loads(gzip.decompress(packed))
    except (ValueError, OSError, EOFError, KeyError, RecursionError, zlib.error):
        named = newest["metadata"].get("name", name)
        raise TaskError(f"Helm's record {named} in {NAMESPACE} is damaged") from None
