"""Tasks that run kubectl on the machine that runs Pulumi, against the live cluster.

Each task is one file that uses the standard library only, for any Python from 3.9 on. `script`
joins it with the files beside it that it imports, and pulumi-command passes the text to
`python3 -` on standard input: no path of this machine gets into the stack's state. Data comes from
the environment.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, Literal

Task = Literal[
    "crd_handover",
    "fail_closed",
    "hold",
    "missed",
    "namespaces",
    "readiness",
    "schedule",
    "survey",
    "unfinished",
]

# The text is the same whatever the data.
COMMAND: Final = "exec python3 -"
UNDO: Final = "MULTUS_UNDO=1 exec python3 -"

_HERE: Final = Path(__file__).parent
_JOINED: Final = re.compile(r"^from (?:__future__|\.(\w+)) import .*\n", re.MULTILINE)

# An older Python parses the whole text before it runs any of it, and would stop at the first
# syntax that it does not know. So the task is a string inside a text that every Python 3 parses.
_WRAPPER: Final = """\
import sys
if sys.version_info < (3, 9):
    sys.exit("python3 on PATH is Python %d.%d, and 3.9 or later is needed. Put a newer one "
             "before it on PATH where Pulumi runs" % sys.version_info[:2])
exec(compile(r'''
{source}''', "<{task}>", "exec"))
"""


def source(task: Task) -> str:
    """The task's source with the files beside it in place of their imports."""
    texts: dict[str, str] = {}

    def join(name: str) -> None:
        text = (_HERE / f"{name}.py").read_text(encoding="utf-8")
        for other in _JOINED.findall(text):
            if other and other not in texts:
                join(other)
        texts[name] = _JOINED.sub("", text)

    join(task)
    return "from __future__ import annotations\n" + "\n".join(texts.values())


def script(task: Task) -> str:
    """The standard input of `COMMAND`."""
    return _WRAPPER.format(source=source(task), task=task)
