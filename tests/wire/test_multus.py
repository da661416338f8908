"""Multus's own part of a node: its token, and what it leaves when it ends."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable

import pytest
import yaml

from testbed.node.node import NAMESPACE, Node
from testbed.node.pods import token
from testbed.node.runtime import CniError
from tests.wire.deployed import Deployed

NETWORKS = [
    {
        "name": "lan",
        "allow": ["host-local-on-several-nodes"],
        "type": "macvlan",
        "master": "eth1",
        "ipam": {"type": "host-local", "subnet": "192.168.10.0/24"},
    }
]
FOLLOWS = 2.0  # seconds


@pytest.fixture(scope="module")
def stack(deployed: Callable[..., Deployed]) -> Deployed:
    return deployed(ipam="host-local", networks=NETWORKS)


@pytest.fixture
def node(stack: Deployed) -> Node:
    return stack.start_nodes()[0]


def subject(bearer: str) -> str:
    """Whom a token names."""
    payload = bearer.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return str(claims["sub"])


def test_the_kubeconfig_follows_the_token_and_is_never_half_written(
    stack: Deployed, node: Node
) -> None:
    file = node.space.path(f"{node.k3s.conf_dir}/multus.d/multus.kubeconfig")
    old = yaml.safe_load(file.read_text())["users"][0]["user"]["token"]
    assert subject(old) == f"system:serviceaccount:{NAMESPACE}:multus"
    time.sleep(1.1)  # tokens of one second are one token
    new = token(stack.cluster, NAMESPACE, "multus")
    assert new != old
    node.workloads["multus"].set_token(new)
    start = time.monotonic()
    seen: list[str] = []
    reads = 0
    while time.monotonic() < start + FOLLOWS:
        whole = yaml.safe_load(file.read_text())
        seen.append(whole["users"][0]["user"]["token"])
        assert whole["clusters"][0]["cluster"]["certificate-authority-data"]
        assert file.stat().st_mode & 0o777 == 0o600
        reads += 1
    assert list(dict.fromkeys(seen)) == [old, new]
    assert reads > 50
    assert "net1" in stack.pod(node, "default/lan").links()


def test_a_token_that_the_server_refuses_stops_pods(stack: Deployed, node: Node) -> None:
    """The control arm: it is this token that Multus works with."""
    node.workloads["multus"].set_token("nobody")
    file = node.space.path(f"{node.k3s.conf_dir}/multus.d/multus.kubeconfig")
    stack.cluster.wait_for(lambda: '"nobody"' in file.read_text(), "the kubeconfig", FOLLOWS)
    with pytest.raises(CniError, match="Unauthorized"):
        stack.pod(node, "default/lan")


def test_when_multus_is_told_to_end_pods_start_with_the_default_network(
    stack: Deployed, node: Node
) -> None:
    conf = node.space.path(node.k3s.conf_dir)
    before = {file.name for file in conf.glob("*.conf*")}
    assert before == {"00-multus.conflist", "10-flannel.conflist"}
    node.workloads["multus"].stop()
    assert {file.name for file in conf.glob("*.conf*")} == {"10-flannel.conflist"}
    pod = stack.pod(node, "default/lan")
    assert set(pod.links()) == {"lo", "eth0"}


def test_when_multus_is_killed_its_configuration_stays(stack: Deployed, node: Node) -> None:
    """The control arm: it is the ending in order that takes it away. Pods go on to start."""
    node.workloads["multus"].kill()
    assert node.space.path(f"{node.k3s.conf_dir}/00-multus.conflist").exists()
    assert "net1" in stack.pod(node, "default/lan").links()


def test_multus_may_do_no_more_than_the_charts_role_says(stack: Deployed, node: Node) -> None:
    """The API server does ask who calls: what the role does not name is refused."""
    file = node.space.path(f"{node.k3s.conf_dir}/multus.d/multus.kubeconfig")
    copy = stack.checkout.path / "multus.kubeconfig"
    server = stack.cluster.server
    copy.write_text(file.read_text().replace("https://127.0.0.1:6443", server))
    as_multus = (f"--kubeconfig={copy}", "auth", "can-i")
    for verb, kind, allowed in (
        ("get", "pods", True),
        ("update", "pods/status", True),
        ("delete", "pods", False),
        ("get", "secrets", False),
    ):
        what, _, sub = kind.partition("/")
        extra = (f"--subresource={sub}",) if sub else ()
        answer = stack.cluster.try_kubectl(*as_multus, verb, what, *extra, "-n", "default")
        assert answer.stdout.strip() == ("yes" if allowed else "no"), (verb, kind)
