"""What runs beside `kubectl`, on the machine that runs Pulumi, against the live cluster.

Each task is one file of the standard library only, so that any Python 3.9 runs it. `script` joins
it with the file that finds kubectl; pulumi-command passes the text to `python3 -` on standard
input, so that no path of this machine gets into the stack's state. The decisions are pure
functions of kubectl's JSON and are tested as such.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

Task = Literal["handover", "namespaces", "readiness", "schedule"]

# The same text whatever the data, which comes by environment and standard input.
COMMAND: Final = "exec python3 -"
UNDO: Final = "MULTUS_UNDO=1 exec python3 -"

_HERE: Final = Path(__file__).parent
_SHARED_IMPORT: Final = "from components.live.kubectl import "


def script(task: Task) -> str:
    """The task's source with kubectl.py in place of its import."""
    lines = (_HERE / f"{task}.py").read_text().splitlines()
    own = [line for line in lines if not line.startswith((_SHARED_IMPORT, "from __future__"))]
    return "\n".join([(_HERE / "kubectl.py").read_text(), *own, ""])
