"""The cluster's paths: where each K3s release keeps its CNI plugins and their configuration.

A wrong directory is the failure that nobody sees: Multus runs, is ready and is never called.
"""

from __future__ import annotations

from typing import Any

import pytest

from components.cluster import Custom, K3s, Rke2
from components.findings import FindingsError
from components.model import STACK_FILE, read


def cluster(version: Any = "v1.34.2+k3s1", **others: Any) -> K3s:
    body = {"distribution": "k3s", "version": version, "nodes": "single", **others}
    return read(K3s, body, STACK_FILE)


FIXED, MOVING = "data/cni", "data/current/bin"

# The last release with the moving directory and the first with the fixed one, of each minor.
BIN_DIRS = [
    ("v1.26.15+k3s1", MOVING),
    ("v1.27.16+k3s1", MOVING),
    ("v1.27.99+k3s1", MOVING),
    ("v1.28.14+k3s1", MOVING),
    ("v1.28.15+k3s1", FIXED),
    ("v1.29.9+k3s1", MOVING),
    ("v1.29.10+k3s1", FIXED),
    ("v1.30.5+k3s1", MOVING),
    ("v1.30.6+k3s1", FIXED),
    ("v1.31.1+k3s1", MOVING),
    ("v1.31.2+k3s1", FIXED),
    ("v1.31.10+k3s2", FIXED),
    ("v1.32.0+k3s1", FIXED),
    ("v1.33.0-rc1+k3s1", FIXED),
    ("v1.34.2+k3s1", FIXED),
    ("v1.100.0+k3s1", FIXED),
    ("v2.0.0+k3s1", FIXED),
]


@pytest.mark.parametrize(("version", "directory"), BIN_DIRS)
def test_plugins_are_where_that_release_has_them(version: str, directory: str) -> None:
    paths = cluster(version).paths
    assert paths.bin_dir == f"/var/lib/rancher/k3s/{directory}"
    assert paths.conf_dir == "/var/lib/rancher/k3s/agent/etc/cni/net.d"


def test_a_hidden_data_directory_is_one() -> None:
    assert cluster(dataDir="/home/me/.rancher/k3s").paths.bin_dir == (
        "/home/me/.rancher/k3s/data/cni"
    )


@pytest.mark.parametrize("data_dir", ["/mnt/k3s", "/mnt/k3s/", "/mnt/k3s//"])
def test_everything_follows_the_data_directory(data_dir: str) -> None:
    paths = cluster(dataDir=data_dir).paths
    assert paths.conf_dir == "/mnt/k3s/agent/etc/cni/net.d"
    assert paths.bin_dir == "/mnt/k3s/data/cni"
    assert paths.multus_kubeconfig == f"{paths.conf_dir}/multus.d/multus.kubeconfig"


def test_whereabouts_settings_are_where_its_control_loop_looks() -> None:
    """In its container it knows /host/etc/cni/net.d alone (GetFlatIPAM in pkg/config)."""
    paths = cluster(dataDir="/mnt/k3s").paths
    assert paths.whereabouts_dir == "/etc/cni/net.d"
    assert paths.whereabouts_conf == "/etc/cni/net.d/whereabouts.d/whereabouts.conf"


REFUSED = [
    ({"version": "1.34.2"}, 'Did you mean "v1.34.2+k3s1"?'),
    ({"version": "v1.34.2"}, 'Did you mean "v1.34.2+k3s1"?'),
    ({"version": "1.34.2+k3s3"}, 'Did you mean "v1.34.2+k3s3"?'),
    ({"version": "v1.34.2+rke2r1"}, "The other distribution has it"),
    ({"version": "v1.34"}, 'as "k3s --version" prints it'),
    ({"version": "latest"}, 'as "k3s --version" prints it'),
    ({"version": "v1.34.2+k3s1\n"}, "that is no version of K3s"),
    ({"version": 1.34}, "YAML read it as a number. Write it in quotes"),
    ({"version": None}, 'nothing stands there. Write a text, like "v1.34.2+k3s1"'),
    ({"version": "v1.34." + "9" * 5000 + "+k3s1"}, "that is no version of K3s"),
    ({"distribution": "rke2"}, 'must be "k3s"'),
    ({"nodes": 1}, 'must be one of "single" or "multi"'),
    ({"dataDir": "mnt/k3s"}, "an absolute path is needed"),
    ({"dataDir": "/"}, "an absolute path is needed"),
    ({"dataDir": ""}, "an absolute path is needed"),
    ({"dataDir": "/mnt/../etc"}, "an absolute path is needed"),
    ({"dataDir": "/mnt/k3s; reboot"}, "an absolute path is needed"),
    ({"dataDir": "/mnt/$HOME"}, "an absolute path is needed"),
    ({"dataDir": "/mnt/k3s\n"}, "an absolute path is needed"),
    ({"dataDir": "/mnt/./k3s"}, "an absolute path is needed"),
    ({"dataDir": ["/mnt"]}, "an absolute path is needed"),
    ({"data_dir": "/mnt"}, 'Did you mean "dataDir"?'),
]


@pytest.mark.parametrize(("fields", "said"), REFUSED)
def test_refuses(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(FindingsError) as caught:
        cluster(**fields)
    assert said in str(caught.value)


STANDARD = ("/etc/cni/net.d", "/opt/cni/bin")


def rke2(version: Any = "v1.34.2+rke2r1", **others: Any) -> Rke2:
    body = {"distribution": "rke2", "version": version, "nodes": "multi", **others}
    return read(Rke2, body, STACK_FILE)


def custom(**others: Any) -> Custom:
    body = {
        "distribution": "custom",
        "nodes": "multi",
        "confDir": "/etc/cni/net.d",
        "binDir": "/opt/cni/bin",
        "clusterCidr": ["10.244.0.0/16", "fd00:1::/56"],
        "serviceCidr": ["10.96.0.0/12"],
        **others,
    }
    return read(Custom, body, STACK_FILE)


@pytest.mark.parametrize("version", ["v1.31.14+rke2r1", "v1.35.0-rc1+rke2r2", "v1.34.2+rke2r10"])
def test_rke2_has_containerds_own_directories(version: str) -> None:
    found = rke2(version)
    assert (found.paths.conf_dir, found.paths.bin_dir) == STANDARD
    assert found.paths.standard
    assert [str(cidr) for cidr, _ in found.own_networks] == ["10.42.0.0/16", "10.43.0.0/16"]


def test_k3s_has_others() -> None:
    assert not cluster().paths.standard


def test_a_custom_cluster_is_what_it_says() -> None:
    found = custom(confDir="/srv/cni/conf/", binDir="/srv/cni/bin//")
    assert (found.paths.conf_dir, found.paths.bin_dir) == ("/srv/cni/conf", "/srv/cni/bin")
    assert not found.paths.standard
    assert custom().paths.standard
    assert [str(cidr) for cidr, _ in found.own_networks] == [
        "10.244.0.0/16",
        "fd00:1::/56",
        "10.96.0.0/12",
    ]
    assert found.containerd_socket_path is None
    assert custom(containerdSocket="/run/c.sock").containerd_socket_path == "/run/c.sock"


@pytest.mark.parametrize("key", ["confDir", "binDir", "clusterCidr", "serviceCidr", "nodes"])
def test_nothing_of_a_custom_cluster_has_a_default(key: str) -> None:
    body = custom().model_dump(by_alias=True, mode="json", exclude_none=True)
    del body[key]
    with pytest.raises(FindingsError, match=f"{key} is missing"):
        read(Custom, body, STACK_FILE)


@pytest.mark.parametrize(
    ("version", "said"),
    [
        ("v1.34.2", 'Did you mean "v1.34.2+rke2r1"?'),
        ("1.34.2+rke2r3", 'Did you mean "v1.34.2+rke2r3"?'),
        ("v1.34.2+k3s1", "The other distribution has it"),
        ("v1.34.2+rke2", 'as "rke2 --version" prints it'),
        (1.34, 'in quotes, like "v1.34.2+rke2r1"'),
    ],
)
def test_refuses_versions_that_are_not_rke2s(version: Any, said: str) -> None:
    with pytest.raises(FindingsError) as caught:
        rke2(version)
    assert said in str(caught.value)
