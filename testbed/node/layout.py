"""Where a node's Kubernetes has its CNI configuration and plugins, and what it puts there itself.

Told apart as the releases are: K3s before v1.28.15, v1.29.10, v1.30.6 and v1.31.2 has its plugins
in a directory named after the release, and later ones in one of their own, with links to the
present release. RKE2, K3s without its own flannel and others have containerd's own directories.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import Final

from components.fail_closed import LABEL, NAME, content, mark
from testbed.node.namespaces import PROGRAMS, SCRIPTS, Space

K3S: Final = "/var/lib/rancher/k3s"
SUBNET: Final = "/run/flannel/subnet.env"  # which flannel's plugin reads
NETWORKS: Final = Path(__file__).with_name("networks")
# Of what a distribution ships, the plugins that its default network needs.
OWN: Final = ("bridge", "host-local", "loopback", "portmap")


@dataclass
class Layout:
    """Directories of one node. `release` counts where plugins lie in a directory named after it."""

    conf_dir: str = "/etc/cni/net.d"
    bin_dir: str = "/opt/cni/bin"
    flannel: bool = True
    data: str = field(default="", kw_only=True)
    release: str = field(default="", kw_only=True)
    fail_closed: bool = field(default=False, kw_only=True)

    @classmethod
    def k3s(
        cls,
        *,
        moved: bool = True,
        data: str = K3S,
        release: str = "first",
        fail_closed: bool = False,
    ) -> Layout:
        """K3s's. `moved`: whether this release has its plugins in a directory of their own."""
        own = f"{data}/data/cni" if moved else f"{data}/data/{release}/bin"
        conf = f"{data}/agent/etc/cni/net.d"
        return cls(conf, own, data=data, release=release, fail_closed=fail_closed)

    @property
    def labels(self) -> dict[str, str]:
        """What the kubelet is told to label the node with."""
        kind = {"node.kubernetes.io/instance-type": "k3s"}
        return kind | ({LABEL: mark(self.conf_dir)} if self.fail_closed else {})

    def install(self, machine: Space, subnet: str) -> None:
        """What the distribution does at its start. What others wrote stays where it is."""
        if self.data:
            self._unpack(machine)
        else:
            _plugins(machine, self.bin_dir)
        conf = machine.path(self.conf_dir)
        conf.mkdir(parents=True, exist_ok=True)
        # The network of every pod: K3s's, or of this node alone as with --flannel-backend=none.
        name = "10-flannel.conflist" if self.flannel else "10-plain.conflist"
        network = Template((NETWORKS / name).read_text("utf-8")).substitute(subnet=subnet)
        (conf / name).write_text(network, encoding="utf-8")
        if self.fail_closed:  # as an administrator has put it there
            (conf / NAME).write_text(content(), encoding="utf-8")

    def _unpack(self, machine: Space) -> None:
        folder = machine.path(f"{self.data}/data")
        programs = f"{self.data}/data/{self.release}/bin"
        _plugins(machine, programs)
        _point(folder / "current", Path(self.release))
        if self.bin_dir != programs:
            (folder / "cni").mkdir(exist_ok=True)
            for name in ("flannel", *OWN):
                link = folder / "cni" / name
                # K3s leaves a real file alone, as the chart's plugins are.
                if link.is_symlink() or not link.exists():
                    _point(link, Path("..") / self.release / "bin" / name)


def _plugins(machine: Space, folder: str) -> None:
    place = machine.path(folder)
    place.mkdir(parents=True, exist_ok=True)
    machine.check("cp", *(f"{PROGRAMS}/{name}" for name in OWN), folder)
    plugin = place / "flannel"
    shutil.copyfile(SCRIPTS / "flannel.sh", plugin)
    plugin.chmod(0o755)


def _point(link: Path, target: Path) -> None:
    link.unlink(missing_ok=True)
    link.symlink_to(target)
