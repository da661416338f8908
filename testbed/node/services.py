"""How containerd, the kubelet, flannel and kube-proxy are configured on a node: data alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from ipaddress import IPv4Address
from typing import Any, Final

from testbed.control_plane import PODS
from testbed.node.images import PAUSE
from testbed.node.layout import SUBNET, Layout

KUBECONFIG: Final = "/etc/kubeconfig"
SOCKET: Final = "/run/containerd/containerd.sock"
CONTAINERD: Final = ("containerd", "--config", "/etc/containerd.toml")
CTR: Final = ("ctr", "--address", SOCKET, "--namespace", "k8s.io")
KUBE_PROXY: Final = ("kube-proxy", "--config", "/etc/kube-proxy.json")
FLANNEL: Final = (
    *("flanneld", "-kube-subnet-mgr", "-kubeconfig-file", KUBECONFIG, "-iface", "eth0"),
    *("-ip-masq", "-net-config-path", "/etc/flannel.json", "-healthz-port", "0"),
    *("-subnet-file", SUBNET),
)


def kubelet(name: str, address: IPv4Address, labels: Mapping[str, str]) -> tuple[str, ...]:
    return (
        *("kubelet", "--config", "/etc/kubelet.json", "--kubeconfig", KUBECONFIG),
        *(
            f"--hostname-override={name}",
            f"--node-ip={address}",
            f"--node-labels={','.join(f'{key}={value}' for key, value in labels.items())}",
        ),
    )


def files(layout: Layout, name: str) -> dict[str, str]:
    """Each configuration file with its text."""
    backend = {"Network": PODS, "EnableIPv6": False, "Backend": {"Type": "vxlan"}}
    return {
        "/etc/containerd.toml": _containerd(layout),
        "/etc/kubelet.json": json.dumps(_KUBELET),
        "/etc/kube-proxy.json": json.dumps(_KUBE_PROXY | {"hostnameOverride": name}),
        "/etc/flannel.json": json.dumps(backend),
    }


def _containerd(layout: Layout) -> str:
    """Without CAP_SYS_RESOURCE no score below one's own can be set: restrict_oom_score_adj."""
    return f"""
version = 3
root = "/var/lib/containerd"
state = "/run/containerd"
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs", "io.containerd.nri.v1.nri"]
[grpc]
address = "{SOCKET}"
[plugins.'io.containerd.cri.v1.images'.pinned_images]
sandbox = "{PAUSE}"
[plugins.'io.containerd.cri.v1.runtime']
restrict_oom_score_adj = true
[plugins.'io.containerd.cri.v1.runtime'.cni]
bin_dirs = ["{layout.bin_dir}"]
conf_dir = "{layout.conf_dir}"
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
SystemdCgroup = false
"""


# The node's limits are the machine's, which all nodes share: nothing is reserved, evicted or held
# back for a rate.
_KUBELET: Final[dict[str, Any]] = {
    "apiVersion": "kubelet.config.k8s.io/v1beta1",
    "kind": "KubeletConfiguration",
    "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
    "authorization": {"mode": "AlwaysAllow"},
    "cgroupDriver": "cgroupfs",
    "cgroupsPerQOS": False,
    "enforceNodeAllocatable": [],
    "failCgroupV1": False,
    "failSwapOn": False,
    "containerRuntimeEndpoint": f"unix://{SOCKET}",
    "resolvConf": "",
    "clusterDomain": "cluster.local",
    "clusterDNS": ["10.43.0.10"],
    "serializeImagePulls": False,
    "maxPods": 250,
    "kubeAPIQPS": 200,
    "kubeAPIBurst": 400,
    "eventRecordQPS": 0,
    "evictionHard": {
        "memory.available": "0%",
        "nodefs.available": "0%",
        "nodefs.inodesFree": "0%",
        "imagefs.available": "0%",
        "imagefs.inodesFree": "0%",
    },
    "imageGCHighThresholdPercent": 100,
}
_KUBE_PROXY: Final[dict[str, Any]] = {
    "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
    "kind": "KubeProxyConfiguration",
    "clientConnection": {"kubeconfig": KUBECONFIG},
    "mode": "iptables",
    "clusterCIDR": PODS,
    "conntrack": {
        "maxPerCore": 0,
        "tcpEstablishedTimeout": "0s",
        "tcpCloseWaitTimeout": "0s",
    },
}
