"""Reads a fixed set of objects, at the same time, for whoever looks at the live cluster.

MULTUS_READS says which, and which of their fields are kept: only these are printed. A node's
images and a container's environment stay in the cluster. With `get --raw` kubectl sends one
request for each, without the discovery that takes longer than the answer.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from .kubectl import Kubectl, TaskError, connected, one_line, parsed

# A healthy API server answers much faster; one that is down must not hold up a preview.
TIMEOUT_SECONDS = 5
FORBIDDEN = "(Forbidden)"  # as kubectl says that a user may not


def survey(kubectl: Kubectl, reads: Mapping[str, Any]) -> dict[str, Any]:
    """What was found by name (None where it does not exist), and what may not be read."""
    found: dict[str, Any] = {}
    forbidden: list[str] = []

    def read(name: str) -> None:
        try:
            answer = parsed(kubectl.run("get", "--raw", reads[name]["path"]))
            found[name] = kept(answer, reads[name]["keep"])
        except TaskError as failure:
            if "(NotFound)" in str(failure):
                found[name] = None
            elif FORBIDDEN in str(failure):
                forbidden.append(name)
            else:
                raise

    with ThreadPoolExecutor(max_workers=len(reads)) as pool:
        list(pool.map(read, reads))
    return {"found": found, "forbidden": forbidden}


def kept(value: Any, shape: Any) -> Any:
    """Those parts of `value` that `shape` has: keys of mappings, in lists of every entry.

    Where the shape has a mapping or a list there is one, if an empty one: what reads it need not
    ask whether the API server left it out or says null.
    """
    if isinstance(shape, list):
        return [kept(one, shape[0]) for one in value] if isinstance(value, list) else []
    if not isinstance(shape, dict):
        return value
    there = value if isinstance(value, dict) else {}
    parts = ((key, inner) for key, inner in shape.items() if key in there or inner is not True)
    return {key: kept(there.get(key), inner) for key, inner in parts}


def answer(environment: Mapping[str, str]) -> str:
    """The survey as JSON in ASCII, whatever the locale; or why there is none."""
    try:
        with connected(environment, TIMEOUT_SECONDS) as kubectl:
            return json.dumps(survey(kubectl, json.loads(environment["MULTUS_READS"])))
    except TaskError as failure:
        return json.dumps({"unreachable": one_line(str(failure))})


if __name__ == "__main__":
    print(answer(os.environ))
