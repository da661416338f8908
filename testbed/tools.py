"""Finds each program of the testbed on PATH, or builds it once, and says which of them is real.

    python -m testbed.tools build [--only engine|wire|nodes|lint]

It downloads no binary and installs nothing: PATH is the user's, the cache is ours. Resource
plugins count only where they are on PATH, since that is where the engine is told to look.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from testbed.building import ToolError, build
from testbed.toolsets import GROUPS, Group, Tool, Toolset, in_groups, parse_version

Origin = Literal["PATH", "built", "stand-in", "absent"]
ROOT = Path(__file__).parent.parent
ASKING = 20.0  # seconds a program has for its version; some wrappers start slowly
COMMAND_PLUGIN = "pulumi-resource-command"
LANGUAGE_HOST = "pulumi-language-python"


@dataclass(frozen=True)
class Used:
    """One program as it will be run. `path` is None for what is absent or made when linked."""

    name: str
    origin: Origin
    path: Path | None
    version: str

    def line(self) -> str:
        match self.origin:
            case "built":
                return f"{self.name}: real, built here, {self.version}"
            case "PATH":
                return f"{self.name}: real, from PATH {self.version} ({self.path})"
            case "stand-in":
                return f"{self.name}: stand-in (testbed/plugins/command), none on PATH"
            case "absent":
                return f"{self.name}: absent, programs run inline by the Automation API"


@dataclass(frozen=True)
class Tools:
    """The programs that one run of the testbed uses."""

    used: tuple[Used, ...]

    def get(self, name: str) -> Used:
        for used in self.used:
            if used.name == name:
                return used
        known = ", ".join(used.name for used in self.used)
        raise ToolError(f"{name} is not among the tools of this run: {known}")

    def path(self, name: str) -> Path:
        used = self.get(name)
        if used.path is None:
            raise ToolError(f"{name} has no program of its own: {used.line()}")
        return used.path

    @property
    def has_language_host(self) -> bool:
        """Whether the CLI can run a Python program by itself, as at a user's."""
        return any(u.name == LANGUAGE_HOST and u.origin != "absent" for u in self.used)

    def summary(self) -> list[str]:
        """A line for those that were built here, by version, and one for each other."""
        built: dict[str, list[str]] = {}
        for one in self.used:
            if one.origin == "built":
                built.setdefault(one.version, []).append(one.name)
        said = "; ".join(f"{', '.join(names)} {version}" for version, names in built.items())
        others = [one.line() for one in self.used if one.origin != "built"]
        return [*([f"real, built here: {said}"] if built else []), *others]

    def link(self, directory: Path) -> Path:
        """Fills a directory that, put first on PATH, gives exactly these programs.

        What came from PATH is left there: a wrapper may look for its own files beside itself.
        """
        directory.mkdir(parents=True, exist_ok=True)
        for used in self.used:
            place = directory / used.name
            match used.origin:
                case "built":
                    assert used.path is not None
                    fresh = directory / f".{used.name}.{os.getpid()}"
                    fresh.symlink_to(used.path)
                    fresh.replace(place)
                case "stand-in":
                    _write_stand_in(place)
                case "PATH" | "absent":
                    place.unlink(missing_ok=True)
        return directory


def _write_stand_in(place: Path) -> None:
    """Isolated (-I): neither the program's PYTHONPATH nor its directory may change the plugin."""
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); "
        "from testbed.plugins.command.start import main; main()"
    )
    fresh = place.with_name(f".{place.name}.{os.getpid()}")
    fresh.write_text(
        f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -I -c {shlex.quote(code)} "$@"\n',
        encoding="utf-8",
    )
    fresh.chmod(0o755)
    fresh.replace(place)


def find_tools(*groups: Group) -> Tools:
    """Every program of the groups (of all, if none is named): found, or built now.

    Raises ToolError with one readable message where one can be neither found nor built.
    """
    used: list[Used] = []
    wanted = groups or GROUPS
    for toolset in in_groups(wanted):
        used += _resolve(toolset)
    if "engine" in wanted:
        used += _plugins()
    return Tools(tuple(used))


def _resolve(toolset: Toolset) -> list[Used]:
    found = {used.name: used for used in find_on_path(toolset)}
    missing = [tool for tool in toolset.tools if tool.name not in found]
    if missing:
        directory = build(toolset)
        for tool in missing:
            found[tool.name] = Used(tool.name, "built", directory / tool.name, toolset.version)
    return [found[tool.name] for tool in toolset.tools]


def find_on_path(toolset: Toolset) -> Iterator[Used]:
    """What of a set needs no building, by the set's own rules."""
    if not toolset.on_path:
        return
    if toolset.together:
        yield from _first_whole(tuple(tool for tool in toolset.tools if not tool.alone))
    for tool in toolset.tools:
        if tool.alone or not toolset.together:
            yield from _first_whole((tool,))


def _first_whole(tools: tuple[Tool, ...]) -> tuple[Used, ...]:
    """All the tools from the first place that has them all, in one version, and running."""
    for directory in map(Path, filter(None, os.environ.get("PATH", "").split(os.pathsep))):
        if not all(_executable(directory / tool.name) for tool in tools):
            continue
        versions = [ask_version(directory / tool.name, tool) for tool in tools]
        if None not in versions and len(set(versions)) == 1:
            return tuple(
                Used(tool.name, "PATH", directory / tool.name, versions[0] or "") for tool in tools
            )
    return ()


def _executable(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)


def ask_version(path: Path, tool: Tool) -> str | None:
    """The version that a program states, or None if it does not run or is too old."""
    if not tool.ask:
        return ""
    try:
        answer = subprocess.run(
            [str(path), *tool.ask],
            capture_output=True,
            text=True,
            timeout=ASKING,
            check=False,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "true"},
        )
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
        return None
    version = parse_version(answer.stdout)
    if answer.returncode != 0 or version is None or version < tool.minimum:
        return None
    return ".".join(map(str, version))


def _plugins() -> Iterator[Used]:
    command = shutil.which(COMMAND_PLUGIN)
    if command:
        yield Used(COMMAND_PLUGIN, "PATH", Path(command), "official")
    else:
        yield Used(COMMAND_PLUGIN, "stand-in", None, "")
    language = shutil.which(LANGUAGE_HOST)
    if language:
        yield Used(LANGUAGE_HOST, "PATH", Path(language), "official")
    else:
        yield Used(LANGUAGE_HOST, "absent", None, "")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m testbed.tools", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("what", choices=("build",))
    parser.add_argument("--only", choices=GROUPS, action="append", help="may be repeated")
    parsed = parser.parse_args()
    # SIGTERM, which CI sends when a job is cancelled, must end a build as Ctrl-C does.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        find_tools(*(parsed.only or ()))
    except ToolError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("error: interrupted; nothing half-built is kept", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
