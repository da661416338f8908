"""Multus's own part of a node: its token, and what it leaves when it ends."""

from __future__ import annotations

import base64
import json
import re
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from testbed.node.cni import CniError
from testbed.node.node import SYSTEM, Node
from testbed.processes import end
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
def node(stack: Deployed) -> Iterator[Node]:
    yield stack.nodes[0]
    stack.stop_pods()


@pytest.fixture
def account(node: Node) -> Iterator[Path]:
    """Where Multus finds its token, while no kubelet renews it."""
    node.stop_kubelet()
    (volume,) = node.space.path(
        f"/var/lib/kubelet/pods/{node.system_pod('multus')['metadata']['uid']}"
        "/volumes/kubernetes.io~projected"
    ).iterdir()
    yield volume
    node.start_kubelet()


def renew(volume: Path, token: str) -> None:
    """As the kubelet does: all files change in one moment."""
    old = (volume / "..data").readlink()
    fresh = volume / f"..{uuid.uuid4().hex}"
    shutil.copytree(volume / old, fresh)
    (fresh / "token").write_text(token)
    link = volume / "..data_tmp"
    link.symlink_to(fresh.name)
    link.rename(volume / "..data")


def kubeconfig(node: Node) -> Path:
    return node.space.path(f"{node.layout.conf_dir}/multus.d/multus.kubeconfig")


def subject(bearer: str) -> str:
    """Whom a token names."""
    payload = bearer.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return str(claims["sub"])


def test_the_kubeconfig_follows_the_token_and_is_never_half_written(
    stack: Deployed, node: Node, account: Path
) -> None:
    file = kubeconfig(node)
    old = yaml.safe_load(file.read_text())["users"][0]["user"]["token"]
    assert subject(old) == f"system:serviceaccount:{SYSTEM}:multus"
    time.sleep(1.1)  # tokens of one second are one token
    new = stack.cluster.kubectl("create", "token", "-n", SYSTEM, "multus").strip()
    assert new != old
    renew(account, new)
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
    node.start_kubelet()
    assert "net1" in stack.pod(node, "default/lan").links()
    node.stop_kubelet()


def test_a_token_that_the_server_refuses_stops_pods(
    stack: Deployed, node: Node, account: Path
) -> None:
    """The control arm: it is this token that Multus works with."""
    good = (account / "token").read_text()
    for token, refused in (("nobody", True), (good, False)):
        renew(account, token)
        stack.cluster.wait_for(lambda: token in kubeconfig(node).read_text(), "it to be taken over")  # noqa: B023
        node.start_kubelet()
        if refused:
            with pytest.raises(CniError, match="Unauthorized"):
                stack.pod(node, "default/lan")
        else:
            assert "net1" in stack.pod(node, "default/lan").links()
        node.stop_kubelet()


def test_when_multus_is_told_to_end_pods_start_with_the_default_network(
    stack: Deployed, node: Node
) -> None:
    conf = node.space.path(node.layout.conf_dir)
    before = {file.name for file in conf.glob("*.conf*")}
    assert before == {"00-multus.conflist", "10-flannel.conflist"}
    place = ("-n", SYSTEM, "daemonset/multus", "--type=merge", "--patch")

    def select(value: str | None) -> None:
        spec = {"template": {"spec": {"nodeSelector": {"nowhere": value}}}}
        stack.cluster.kubectl("patch", *place, json.dumps({"spec": spec}))

    select("true")
    gone = {"10-flannel.conflist"}
    stack.cluster.wait_for(lambda: {file.name for file in conf.glob("*.conf*")} == gone, "its end")
    pod = stack.pod(node, "default/lan")
    assert set(pod.links()) == {"lo", "eth0"}
    select(None)
    stack.settle()
    assert "net1" in stack.pod(node, "default/lan").links()


def test_when_multus_is_killed_its_configuration_stays(stack: Deployed, node: Node) -> None:
    """The control arm: it is the ending in order that takes it away. The kubelet starts it anew."""
    killed = node.processes_of("multus")
    node.stop_kubelet()
    try:
        end(killed, grace=0)
        assert node.space.path(f"{node.layout.conf_dir}/00-multus.conflist").exists()
    finally:
        node.start_kubelet()
    stack.cluster.wait_for(lambda: node.restarts("multus") == 1, "Multus to run again")
    assert "net1" in stack.pod(node, "default/lan").links()


def test_multus_may_do_no_more_than_the_charts_role_says(stack: Deployed, node: Node) -> None:
    """The API server does ask who calls: what the role does not name is refused."""
    copy = stack.checkout.path / "multus.kubeconfig"
    server = stack.cluster.server
    text = re.sub(r"https://[^\"\s]+", server, kubeconfig(node).read_text())
    copy.write_text(text)
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
