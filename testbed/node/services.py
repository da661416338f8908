"""How containerd, the kubelet, flannel and kube-proxy are run and configured on a node."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Address
from pathlib import Path
from string import Template
from typing import Final

from testbed.control_plane import PODS
from testbed.node.images import PAUSE
from testbed.node.layout import SUBNET, Layout

TEMPLATES: Final = Path(__file__).with_name("configuration")
KUBECONFIG: Final = "/etc/kubeconfig"
SOCKET: Final = "/run/containerd/containerd.sock"
CONTAINERD: Final = ("containerd", "--config", "/etc/containerd.toml")
CTR: Final = ("ctr", "--address", SOCKET, "--namespace", "k8s.io")
KUBE_PROXY: Final = ("kube-proxy", "--config", "/etc/kube-proxy.yaml")
FLANNEL: Final = (
    *("flanneld", "-kube-subnet-mgr", "-kubeconfig-file", KUBECONFIG, "-iface", "eth0"),
    *("-ip-masq", "-net-config-path", "/etc/flannel.json", "-healthz-port", "0"),
    *("-subnet-file", SUBNET),
)


def kubelet(name: str, address: IPv4Address, labels: Mapping[str, str]) -> tuple[str, ...]:
    return (
        *("kubelet", "--config", "/etc/kubelet.yaml", "--kubeconfig", KUBECONFIG),
        *(
            f"--hostname-override={name}",
            f"--node-ip={address}",
            f"--node-labels={','.join(f'{key}={value}' for key, value in labels.items())}",
        ),
    )


def files(layout: Layout, name: str) -> dict[str, str]:
    """Each configuration file with its text."""
    values = {
        "bin_dir": layout.bin_dir,
        "conf_dir": layout.conf_dir,
        "kubeconfig": KUBECONFIG,
        "name": name,
        "pause": PAUSE,
        "pods": PODS,
        "socket": SOCKET,
    }
    templates = {file.name: Template(file.read_text("utf-8")) for file in TEMPLATES.iterdir()}
    return {f"/etc/{file}": text.substitute(values) for file, text in templates.items()}
