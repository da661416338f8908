"""What K3s itself has on a node: its directories, its own plugins, its default network.

Told apart as the K3s releases are: before the move the plugins lie in a directory named after the
release, to which `current` points; since then `data/cni` has links to the present release. The
default network is a plain bridge; flannel's own plugin would need flannel's daemon.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from testbed.node.namespaces import Space

DATA: Final = "/var/lib/rancher/k3s"
DEFAULT_CONF: Final = "10-flannel.conflist"
OTHER_CONF: Final = "05-bridge.conflist"
# Of what K3s ships in its one binary, the plugins that the default network needs.
OWN_PLUGINS: Final = ("bridge", "host-local")


def default_network(number: int) -> dict[str, Any]:
    """The network that every pod is in, with a subnet for each node."""
    ipam = {"type": "host-local", "ranges": [[{"subnet": f"10.42.{number}.0/24"}]]}
    plugin = {
        "type": "bridge",
        "bridge": "cni0",
        "hairpinMode": True,
        "forceAddress": True,
        "isDefaultGateway": True,
        "mtu": 1450,
        "ipam": ipam,
    }
    return {"cniVersion": "1.0.0", "name": "cbr0", "plugins": [plugin]}


@dataclass
class K3s:
    """One node's K3s. `moved`: whether this release has its plugins in data/cni.

    Without `flannel` (--flannel-backend=none) another CNI is there, a plain bridge in containerd's
    own directories.
    """

    space: Space
    number: int
    data: str = DATA
    moved: bool = True
    release: str = "first"
    flannel: bool = True

    @property
    def conf_dir(self) -> str:
        return "/etc/cni/net.d" if not self.flannel else f"{self.data}/agent/etc/cni/net.d"

    @property
    def bin_dir(self) -> str:
        """Where the container runtime looks; before the move it is told the resolved path."""
        if not self.flannel:
            return "/opt/cni/bin"
        return f"{self.data}/data/cni" if self.moved else f"{self.data}/data/{self.release}/bin"

    def install(self) -> None:
        """The first start of K3s on the machine."""
        self._unpack()
        conf = self.space.path(self.conf_dir)
        conf.mkdir(parents=True, exist_ok=True)
        text = json.dumps(default_network(self.number), indent=2)
        (conf / (DEFAULT_CONF if self.flannel else OTHER_CONF)).write_text(text, encoding="utf-8")
        if not self.flannel:
            self.space.path(self.bin_dir).mkdir(parents=True, exist_ok=True)
            for name in OWN_PLUGINS:
                self.space.check("cp", f"/images/cni-plugins/{name}", f"{self.bin_dir}/{name}")

    def upgrade(self, release: str, *, moved: bool) -> None:
        """Another release takes over. What others wrote stays where it is."""
        self.release, self.moved = release, moved
        self._unpack()

    def _unpack(self) -> None:
        folder = self.space.path(f"{self.data}/data")
        programs = folder / self.release / "bin"
        programs.mkdir(parents=True)
        for name in OWN_PLUGINS:
            self.space.check(
                "cp", f"/images/cni-plugins/{name}", f"{self.data}/data/{self.release}/bin/{name}"
            )
        _point(folder / "current", Path(self.release))
        if self.moved:
            (folder / "cni").mkdir(exist_ok=True)
            for name in OWN_PLUGINS:
                link = folder / "cni" / name
                # K3s leaves a real file alone, as the chart's plugins are.
                if link.is_symlink() or not link.exists():
                    _point(link, Path("..") / self.release / "bin" / name)


def _point(link: Path, target: Path) -> None:
    link.unlink(missing_ok=True)
    link.symlink_to(target)
