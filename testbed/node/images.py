"""Container images put together from programs that are here, under the names that a chart uses.

No registry is asked. Each image is one layer: Debian's busybox, the programs at the places where
the published image has them, and the libraries that they are linked with.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import subprocess
import tarfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import yaml

from components.chart.values import images
from components.chart.versions import VERSIONS
from testbed.building import cache_root
from testbed.node.namespaces import SCRIPTS
from testbed.processes import program
from testbed.tools import Tools

PAUSE: Final = "docker.io/rancher/mirrored-pause:3.6"
POD: Final = "docker.io/library/busybox:pod"  # what the pods of tests run
KEPT: Final = 12  # files of some 300 MB; all tests on the wire use fewer
RECIPES_FILE: Final = Path(__file__).with_name("images.yaml")


@dataclass(frozen=True)
class Recipe:
    """What an image has: programs by their place, and what it runs by itself."""

    files: Mapping[str, str] = field(default_factory=dict)
    run: Sequence[str] = ("sh",)


RECIPES: Final[Mapping[str, Recipe]] = {
    name: Recipe(**row) for name, row in yaml.safe_load(RECIPES_FILE.read_text("utf-8")).items()
}
"""By the last part of the image's name."""


def archive(references: Iterable[str], tools: Tools) -> Path:
    """A file for `ctr images import` with these images; made once for the same programs.

    Put together in another way they are another file. KeyError for an image that cannot be put
    together here.
    """
    wanted = sorted({full_name(one) for one in references})
    layers = {one: dict(_content(RECIPES[_short(one)], tools)) for one in wanted}
    digest = hashlib.sha256(Path(__file__).read_bytes() + RECIPES_FILE.read_bytes())
    for one, files in layers.items():
        digest.update(one.encode())
        for place, path in sorted(files.items()):
            state = path.stat()
            digest.update(f"{place} {path} {state.st_size} {state.st_mtime_ns}\0".encode())
    target = cache_root() / "images" / f"{digest.hexdigest()[:16]}.tar"
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        fresh = target.with_suffix(f".{os.getpid()}")
        with tarfile.open(fresh, "w") as whole:
            _write(whole, layers)
        fresh.rename(target)
        _prune(target.parent)
    target.touch()
    return target


def _prune(folder: Path) -> None:
    """Each edit and each build of a tool makes another file: those that were used last stay."""
    by_use = sorted(folder.iterdir(), key=lambda file: file.stat().st_mtime)
    for file in by_use[:-KEPT]:
        file.unlink(missing_ok=True)


def of_chart(version: str, *, thick: bool = False) -> tuple[str, ...]:
    """Every image of a chart's version that can be put together here."""
    on = {
        "manifests": {"dhcpDaemonSet": True},
        "rke2-whereabouts": {"enabled": True},
        "thickPlugin": {"enabled": thick},
    }
    return images(on, VERSIONS[version])


def full_name(reference: str) -> str:
    """As containerd has it: with registry and tag."""
    first = reference.partition("/")[0]
    host = "." in first or ":" in first
    name = reference if host else f"docker.io/{reference}"
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"


def _short(reference: str) -> str:
    return reference.rpartition("/")[2].partition(":")[0]


def _content(recipe: Recipe, tools: Tools) -> Iterator[tuple[str, Path]]:
    """The libraries always: the chart runs a node's plugin, the DHCP daemon, in busybox's image."""
    yield "/bin/busybox", Path(program("busybox"))
    for library in _libraries(tools.path("dhcp")):
        yield str(library), library.resolve()
    for place, name in recipe.files.items():
        path = SCRIPTS / name if name.endswith(".sh") else tools.path(name)
        yield place, path.resolve()


def _libraries(path: Path) -> list[Path]:
    """What a program is linked with, none for a script or where all of it is in the file."""
    command = [program("ldd"), str(path)]
    printed = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    return [Path(found) for found in re.findall(r"(/\S+) \(0x", printed)]


def _write(whole: tarfile.TarFile, layers: Mapping[str, Mapping[str, Path]]) -> None:
    """In docker's format: a manifest that names each image's configuration and layers."""
    manifest = []
    for reference, files in layers.items():
        layer = _layer(files)
        name = hashlib.sha256(layer).hexdigest()
        _add(whole, f"{name}/layer.tar", layer)
        run = RECIPES[_short(reference)].run
        config = {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Cmd": list(run), "Env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"]},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{name}"]},
        }
        text = json.dumps(config).encode()
        file = f"{hashlib.sha256(text).hexdigest()}.json"
        _add(whole, file, text)
        one = {"Config": file, "RepoTags": [reference], "Layers": [f"{name}/layer.tar"]}
        manifest.append(one)
    _add(whole, "manifest.json", json.dumps(manifest).encode())


def _layer(files: Mapping[str, Path]) -> bytes:
    found = io.BytesIO()
    applets = subprocess.run(
        [program("busybox"), "--list"], capture_output=True, text=True, check=True
    ).stdout.split()
    with tarfile.open(fileobj=found, mode="w") as layer:
        for folder in ("tmp", "etc", "run", "var", "root", "bin"):
            made = tarfile.TarInfo(folder)
            made.type, made.mode = tarfile.DIRTYPE, 0o1777 if folder == "tmp" else 0o755
            layer.addfile(made)
        links = {f"bin/{name}": "busybox" for name in applets if name != "busybox"}
        for place, target in {**links, "var/run": "/run"}.items():
            link = tarfile.TarInfo(place)
            link.type, link.linkname = tarfile.SYMTYPE, target
            layer.addfile(link)
        _add(layer, "etc/passwd", b"root:x:0:0:root:/root:/bin/sh\n")
        for place, path in sorted(files.items()):
            _add(layer, place.lstrip("/"), path.read_bytes(), 0o755)
    return found.getvalue()


def _add(archive: tarfile.TarFile, name: str, content: bytes, mode: int = 0o644) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), mode
    archive.addfile(entry, io.BytesIO(content))
