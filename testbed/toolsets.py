"""The programs that the testbed runs, as toolsets.toml has them.

Nothing here looks at the machine (`tools.py` does) or runs Go (`building.py` does). A version
stands once, in the set's go.mod, and is read there.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

Group = Literal["engine", "wire", "nodes", "lint"]
GROUPS: tuple[Group, ...] = ("engine", "wire", "nodes", "lint")
TOOLCHAIN = Path(__file__).with_name("toolchain")


@dataclass(frozen=True)
class Tool:
    """One executable of a set.

    `package` is what `go build` is given. `ask` makes the program print its version; a tool found
    on PATH must answer it (an empty `ask`: being there is enough). `minimum` is the oldest version
    that serves. `alone`: fit to come from PATH though its set is built.
    """

    name: str
    package: str
    ask: tuple[str, ...] = ("--version",)
    minimum: tuple[int, ...] = ()
    alone: bool = False


@dataclass(frozen=True)
class Toolset:
    """Programs of one module, in one version, that are built together.

    `pins` is the directory of their go.mod, which sets share where they can: a library of one
    version is compiled once. `minutes` is what a set takes on two cores, after those before it
    and with nothing cached. `together` means that PATH must offer all of the set in one directory
    and one version, or none of it is used. `on_path` is false where a program of the same name on
    PATH would be another program.
    """

    name: str
    group: Group
    pins: str
    module: str
    tools: tuple[Tool, ...]
    minutes: float
    ldflags: tuple[str, ...] = ()
    together: bool = False
    on_path: bool = True
    pinned: str | None = None

    @property
    def folder(self) -> Path:
        return TOOLCHAIN / self.pins

    @cached_property
    def version(self) -> str:
        """The version that is built, without the leading v."""
        if self.pinned is not None:
            return self.pinned
        text = (self.folder / "go.mod").read_text(encoding="utf-8")
        found = re.search(rf"^\s*(?:require )?{re.escape(self.module)} v(\S+)", text, re.MULTILINE)
        if found is None:
            raise ValueError(f"{self.folder / 'go.mod'} does not require {self.module}")
        return found.group(1)

    @property
    def linker_flags(self) -> str:
        """Version stamps, which several programs refuse to do without, and no debug tables."""
        major, minor, *_ = self.version.split(".")
        stamps = (f.format(version=self.version, major=major, minor=minor) for f in self.ldflags)
        return " ".join(("-s -w", *(f"-X {stamp}" for stamp in stamps)))

    def tool(self, name: str) -> Tool:
        return next(tool for tool in self.tools if tool.name == name)


def _tuples(row: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(one) if isinstance(one, list) else one for key, one in row.items()}


def _toolset(row: dict[str, Any]) -> Toolset:
    tools = tuple(Tool(**_tuples(tool)) for tool in row["tools"])
    return Toolset(**{**_tuples(row), "tools": tools})


_TABLE = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
TOOLSETS: tuple[Toolset, ...] = tuple(_toolset(row) for row in _TABLE["toolset"])


def in_groups(groups: tuple[Group, ...]) -> tuple[Toolset, ...]:
    return tuple(toolset for toolset in TOOLSETS if toolset.group in groups)


def parse_version(text: str) -> tuple[int, ...] | None:
    """The first dotted number in what a program printed about itself."""
    found = re.search(r"v?(\d+(?:\.\d+)+)", text)
    return tuple(int(part) for part in found.group(1).split(".")) if found else None
