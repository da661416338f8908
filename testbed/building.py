"""Builds one pinned Go module set into a cache, once, so that every part of the testbed is real.

A set is built in a directory of its own and renamed into place, so whatever lies in the cache is
whole; an interrupted build leaves nothing that would be used. One build runs at a time on a
machine: two large ones side by side take longer than one after the other, and more memory than
small machines have. It does not decide whether a build is needed: `tools.py` does.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from testbed.processes import program
from testbed.toolsets import Toolset, parse_version

GO_MINIMUM = (1, 25)  # the `go` line of the newest sets
HEARTBEAT = 60.0  # seconds; several CI systems end a job that says nothing for ten minutes
NO_DEBUG_DATA = "-gcflags=all=-dwarf=false"  # the linker would drop it, after a tenth of the time
TAIL = 15  # lines of a failed build that are shown

Say = Callable[[str], None]


class ToolError(Exception):
    """A tool can be neither found nor built; the text is for people and names the fix."""


def say(line: str) -> None:
    """Progress goes to stderr, apart from what a program prints."""
    print(f"testbed: {line}", file=sys.stderr, flush=True)


def cache_root() -> Path:
    """Where built tools and named clusters are kept; deleting it is always safe."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "multus-testbed"


def go_version() -> str:
    """The version of Go, or ToolError where there is none or an older one than the sets need."""
    need = ".".join(map(str, GO_MINIMUM))
    fix = f"install Go {need} or later from https://go.dev/dl and put it on PATH"
    if shutil.which("go") is None:
        raise ToolError(f"Go is needed to build the testbed's tools and is not on PATH: {fix}")
    answer = subprocess.run(
        [program("go"), "env", "GOVERSION"],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",  # outside of any module, whose go.mod could ask for another toolchain
        env={**os.environ, "GOWORK": "off"},
    )
    version = answer.stdout.strip()
    parsed = parse_version(version)
    if answer.returncode != 0 or parsed is None:
        reason = answer.stderr.strip() or "no version"
        raise ToolError(f"`go env GOVERSION` does not work ({reason}): {fix}")
    if parsed < GO_MINIMUM:
        raise ToolError(f"Go {version.removeprefix('go')} is too old for the testbed: {fix}")
    return version


def fingerprint(toolset: Toolset, version_of_go: str) -> str:
    """What a build's result depends on: a changed pin, flag, source or compiler builds anew."""
    digest = hashlib.sha256()
    for path in sorted(path for path in toolset.folder.rglob("*") if path.is_file()):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    packages = " ".join(f"{tool.name}={tool.package}" for tool in toolset.tools)
    digest.update(f"{toolset.linker_flags}\0{packages}\0{version_of_go}".encode())
    return digest.hexdigest()[:16]


def built_bin(toolset: Toolset, version_of_go: str) -> Path:
    """Where the set's programs are, or will be."""
    return cache_root() / f"{toolset.name}-{fingerprint(toolset, version_of_go)}" / "bin"


def build(toolset: Toolset, *, report: Say = say) -> Path:
    """The directory of the set's programs, built now if they were not."""
    target = built_bin(toolset, go_version())
    if target.is_dir():
        return target
    with _only_build(report):
        if target.is_dir():  # another run built it while this one waited
            return target
        for stale in cache_root().glob(".building-*"):  # of runs that were killed: we hold the lock
            shutil.rmtree(stale, ignore_errors=True)
        scratch = cache_root() / f".building-{os.getpid()}"
        (scratch / "whole" / "bin").mkdir(parents=True)
        try:
            seconds = _build_in(scratch, toolset, report)
            target.parent.parent.mkdir(parents=True, exist_ok=True)
            (scratch / "whole").rename(target.parent)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    report(f"built {toolset.name} {toolset.version} in {seconds:.0f} s")
    return target


@contextlib.contextmanager
def _only_build(report: Say) -> Iterator[None]:
    root = cache_root()
    root.mkdir(parents=True, exist_ok=True)
    with (root / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report("another run is building tools: waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build_in(scratch: Path, toolset: Toolset, report: Say) -> float:
    names = ", ".join(tool.name for tool in toolset.tools)
    report(
        f"building {toolset.name} {toolset.version} ({names}): about {toolset.minutes:g} min on "
        "two cores, once"
    )
    start = time.monotonic()
    source = scratch / "source"
    shutil.copytree(toolset.folder, source)
    with (scratch / "log").open("w+", encoding="utf-8") as log:
        if toolset.name == "kubernetes-provider":
            _add_embedded_files(source, toolset, log, report)
        for command in _commands(toolset, scratch / "whole" / "bin"):
            _go(command, source, log, toolset, report)
    return time.monotonic() - start


def _commands(toolset: Toolset, into: Path) -> Iterator[list[str]]:
    """One `go build` for all packages whose last element is the program's name, then the rest."""
    base = ["build", NO_DEBUG_DATA, "-ldflags", toolset.linker_flags, "-o"]
    named = [t.package for t in toolset.tools if t.package.rpartition("/")[2] == t.name]
    if named:
        yield [*base, f"{into}{os.sep}", *named]
    for tool in toolset.tools:
        if tool.package not in named:
            yield [*base, str(into / tool.name), tool.package]


def _add_embedded_files(source: Path, toolset: Toolset, log: IO[str], report: Say) -> None:
    """The two data files that the provider embeds, taken from its module.

    They are 8 MB and another's work, so they are not kept in this repository.
    """
    _go(["mod", "download", toolset.module], source, log, toolset, report)
    found = subprocess.run(
        [program("go"), "list", "-m", "-f", "{{.Dir}}", toolset.module],
        cwd=source,
        env=_environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    module = Path(found.stdout.strip()) / "cmd" / "pulumi-resource-kubernetes"
    schema = json.loads((module / "schema.json").read_text(encoding="utf-8"))
    # The engine refuses a schema without a version; the published file has none.
    schema["version"] = toolset.version
    beside = source / "pulumi-resource-kubernetes"
    (beside / "schema.json").write_text(json.dumps(schema), encoding="utf-8")
    mapping = (module / "terraform-mapping.json").read_bytes()
    (beside / "terraform-mapping.json").write_bytes(mapping)


def _environment() -> dict[str, str]:
    """The caller's, without what would bend a pinned build: a workspace, -mod, VCS stamping."""
    return {**os.environ, "GOWORK": "off", "GOFLAGS": "-buildvcs=false", "GO111MODULE": "on"}


def _go(arguments: list[str], cwd: Path, log: IO[str], toolset: Toolset, report: Say) -> None:
    start = time.monotonic()
    # Apart from our process group: Ctrl-C reaches only us, and we end all of it, compilers too.
    process = subprocess.Popen(
        [program("go"), *arguments],
        cwd=cwd,
        env=_environment(),
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        while True:
            try:
                code = process.wait(HEARTBEAT)
                break
            except subprocess.TimeoutExpired:
                report(f"still building {toolset.name}, {time.monotonic() - start:.0f} s")
    except BaseException:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise
    if code != 0:
        raise ToolError(_failure(arguments, code, log, toolset))


def _failure(arguments: list[str], code: int, log: IO[str], toolset: Toolset) -> str:
    log.seek(0)
    lines = [line.rstrip() for line in log if not line.startswith("go: downloading")]
    shown = "\n  ".join(lines[-TAIL:]) or "(it printed nothing)"
    return (
        f"cannot build {toolset.name} {toolset.version}: `go {' '.join(arguments[:1])}` in "
        f"{toolset.folder} ended with {code}. Put these tools on PATH, or mend what Go says "
        f"(GOPROXY must be reachable, 4 GB of memory free):\n  {shown}"
    )
