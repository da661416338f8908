"""What runs beside `kubectl`, on the machine that runs Pulumi, against the live cluster.

Each task is one file of the standard library only, so that any Python 3.9 runs it. `script` joins
it with the file that finds kubectl; pulumi-command passes the text to `python3 -` on standard
input, so that no path of this machine gets into the stack's state. The decisions are pure
functions of kubectl's JSON and are tested as such.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

Task = Literal["handover", "namespaces", "preflight", "readiness", "schedule"]

# The same text whatever the data, which comes by environment and standard input.
COMMAND: Final = "exec python3 -"
UNDO: Final = "MULTUS_UNDO=1 exec python3 -"

_HERE: Final = Path(__file__).parent
_SHARED_IMPORT: Final = "from components.live.kubectl import "

# An old Python reads a text as a whole before it runs any of it, and would complain of the first
# word that it does not know. So the task is a text in a text that every Python 3 can read.
_AROUND: Final = """\
import sys
if sys.version_info < (3, 9):
    sys.exit("python3 on PATH is Python %d.%d, and 3.9 or later is needed. Put a newer one "
             "before it on PATH where Pulumi runs" % sys.version_info[:2])
exec(compile(r'''
{source}''', "<{task}>", "exec"))
"""


def source(task: Task) -> str:
    """The task's source with kubectl.py in place of its import."""
    lines = (_HERE / f"{task}.py").read_text(encoding="utf-8").splitlines()
    own = [line for line in lines if not line.startswith((_SHARED_IMPORT, "from __future__"))]
    return "\n".join([(_HERE / "kubectl.py").read_text(encoding="utf-8"), *own, ""])


def script(task: Task) -> str:
    """What `python3 -` is given."""
    return _AROUND.format(source=source(task), task=task)
