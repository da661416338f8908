"""Multus's own part of a node: its token, and what it leaves when it ends."""

from __future__ import annotations

import base64
import json
import re
import shlex
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from testbed.kubectl import ClusterError
from testbed.node.cni import CniError
from testbed.node.node import SYSTEM, Node
from testbed.node.pod import REFUSED, Pod
from testbed.processes import kill
from tests.wire.deployed import HOST_LOCAL, Deployed

FOLLOWS = 2.0  # seconds


@pytest.fixture(scope="module")
def stack(deployed: Callable[..., Deployed]) -> Deployed:
    return deployed(ipam="host-local", networks=HOST_LOCAL)


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


def test_the_token_ends_with_multus_pod_and_pods_wait(stack: Deployed, node: Node) -> None:
    """Nothing cleaned up when it went: the configuration stays, with a token of that pod."""
    multus = node.system_pod("multus")
    killed, name = node.processes_of(multus), multus["metadata"]["name"]
    node.stop_kubelet()
    with stack.without_multus():
        kill(killed)
        where = ("-n", SYSTEM, "--force", "--grace-period=0", "--ignore-not-found")
        stack.cluster.kubectl("delete", "pod", name, *where)
        node.start_kubelet()

        def refused() -> bool:
            """The API server remembers for some seconds that the token was good."""
            pod = node.pod(networks=stack.annotation("default/lan"))
            try:
                pod.start()
            except CniError as error:
                return "Unauthorized" in str(error)
            assert "net1" in pod.links()
            return False

        stack.cluster.wait_for(refused, "the token to be refused")
    assert "net1" in stack.pod(node, "default/lan").links()


def test_a_rotated_key_of_service_accounts_stops_pods_until_doctors_command(
    stack: Deployed, node: Node
) -> None:
    assert stack.doctor() == []
    stack.cluster.plane.rotate_service_account_key()
    pod = node.pod(networks=stack.annotation("default/lan"))
    stack.cluster.wait_for(lambda: answers(stack), "the API server to answer")
    pod.create()
    stack.cluster.wait_for(lambda: "Unauthorized" in "".join(pod.events(REFUSED)), "a refusal")
    [found] = [one for one in stack.doctor() if one["check"] == "waiting"]
    assert found["subject"] == f"default/{pod.name}"
    command, _, _ = found["command"].partition(";")
    stack.cluster.kubectl(*shlex.split(command)[1:])
    ready = ("--for=condition=Ready", "--timeout=60s")
    stack.cluster.kubectl("wait", *ready, f"pod/{pod.name}", timeout=70)
    stack.settle()
    pod.made()
    # It may have started in the moment without Multus, and is then what doctor says.
    missed = [one["subject"] for one in stack.doctor()]
    assert missed == ([] if "net1" in pod.links() else [f"default/{pod.name}"])
    pod.stop()
    assert "net1" in stack.pod(node, "default/lan").links()
    assert stack.doctor() == []


def answers(stack: Deployed) -> bool:
    try:
        return stack.cluster.kubectl("get", "--raw", "/readyz") == "ok"
    except ClusterError:
        return False


def test_while_the_api_server_is_away_pods_wait(stack: Deployed, node: Node) -> None:
    pod = stack.pod(node, "default/lan")
    api = ("OUTPUT", "-p", "tcp", "-d", node.lan.server_address.partition(":")[0])
    cut = (*api, "-j", "REJECT", "--reject-with", "tcp-reset")
    log = node.space.path("/var/log/containerd")
    before = log.stat().st_size
    node.space.check("iptables", "-I", *cut)
    try:
        kill([sandbox(pod)])
        stack.cluster.wait_for(lambda: said(log, before) != [], "the runtime to be refused")
    finally:
        node.space.check("iptables", "-D", *cut)
    assert pod.name in said(log, before)[0]

    def again() -> bool:
        (state,) = pod.found()["status"]["containerStatuses"]
        return bool(state["ready"]) and int(state["restartCount"]) == 1

    stack.cluster.wait_for(again, "the pod to run again", 90)
    pod.made()
    assert "net1" in pod.links()


def sandbox(pod: Pod) -> int:
    """The process that holds a pod's namespaces."""
    of = f'labels."io.kubernetes.pod.name"=={pod.name}'
    kind = 'labels."io.cri-containerd.kind"==sandbox'
    (found,) = pod.node.ctr("containers", "list", "--quiet", f"{of},{kind}").stdout.split()
    return pod.node.space.groups.processes(f"k8s.io/{found}")[0]


def said(log: Path, start: int) -> list[str]:
    """What the runtime says of ADDs that failed for want of an API server."""
    text = log.read_bytes()[start:].decode(errors="replace")
    lines = [line for line in text.splitlines() if "failed (add)" in line]
    return [line for line in lines if re.search("connection refused|deadline|timeout", line)]


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
