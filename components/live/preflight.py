"""What preflight looks at: a fixed set of objects, read side by side and never written.

Which ones, and what of each is kept, comes by environment (MULTUS_READS). Only the kept fields
are printed: a node's list of images and a container's environment are nobody's business here. By
`get --raw` kubectl asks once for each, without the discovery that takes longer than the answer.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from components.live.kubectl import Kubectl, TaskError, connected, one_line, parsed

# A healthy API server answers within a fraction of this; one that is away shall not hold up a
# preview that does without it.
PATIENCE_SECONDS = 5


def survey(kubectl: Kubectl, environment: Mapping[str, str]) -> dict[str, Any]:
    """What was found by name (None where it does not exist), and what may not be read."""
    reads = json.loads(environment["MULTUS_READS"])
    asked = kubectl.within(PATIENCE_SECONDS)

    def read(name: str) -> tuple[str, Any, bool]:
        try:
            text = asked.run("get", "--raw", reads[name]["path"])
        except TaskError as failure:
            if "(NotFound)" in str(failure):
                return name, None, True
            if "(Forbidden)" in str(failure):
                return name, None, False
            raise
        return name, kept(parsed(text), reads[name]["keep"]), True

    with ThreadPoolExecutor(max_workers=len(reads)) as pool:
        answers = list(pool.map(read, reads))
    return {
        "found": {name: value for name, value, allowed in answers if allowed},
        "forbidden": [name for name, _, allowed in answers if not allowed],
    }


def kept(value: Any, shape: Any) -> Any:
    """Those parts of `value` that `shape` has: keys of mappings, in lists of every entry."""
    if shape is True:
        return value
    if isinstance(value, list):
        return [kept(item, shape) for item in value]
    if not isinstance(value, dict):
        return None
    return {key: kept(value[key], inner) for key, inner in shape.items() if key in value}


def answer(environment: Mapping[str, str]) -> str:
    """The survey as JSON in ASCII, whatever the locale; or why there is none."""
    try:
        with connected(environment) as kubectl:
            return json.dumps(survey(kubectl, environment))
    except TaskError as failure:
        return json.dumps({"unreachable": one_line(str(failure))})


if __name__ == "__main__":
    print(answer(os.environ))
