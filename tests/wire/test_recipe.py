"""K3s's page, as it is printed, beside this program: the control arm for what the program adds.

The page's three values files on the same chart, installed by Helm, with networks as its readers
write them. Each row of the table is done twice on the wire and says what happened; what it is
held to is `recipe.md`, which the README may show (`--update-goldens` writes it).
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from testbed.charts import oracle
from testbed.charts.repository import Repository
from testbed.cluster import Cluster
from testbed.kubectl import ClusterError
from testbed.leftovers import Leftovers
from testbed.node.cni import CniError
from testbed.node.images import of_chart
from testbed.node.node import Node
from testbed.objects import network
from testbed.tools import Tools
from tests.engine.program import live
from tests.engine.program.conftest import SPLIT
from tests.wire import pools
from tests.wire.deployed import STACK, Deployed, Site

GOLDEN = Path(__file__).with_name("recipe.md")
PAGE_CONF = "/var/lib/rancher/k3s/agent/etc/cni/net.d/whereabouts.d/whereabouts.conf"
RANGE = {"type": "whereabouts", "range": "192.168.20.0/29", "gateway": "192.168.20.1"}
LOCAL = {"type": "host-local", "subnet": "192.168.10.0/24"}
MACVLAN = {"type": "macvlan", "master": "eth1"}


@dataclass
class Page:
    """The page's reader: Helm and kubectl by hand."""

    cluster: Cluster
    tools: Tools
    repository: Repository
    folder: Path
    site: Site
    leftovers: Leftovers

    def forget(self) -> None:
        """Back to the cluster as it was."""
        self.site.stop_nodes()
        self.leftovers.remove()

    def install(self, profile: str) -> None:
        values = self.folder / f"{profile}.yaml"
        values.write_text(yaml.safe_dump(oracle.values_of(oracle.read(), profile)))
        package = self.repository.packages[SPLIT].main
        self.helm("upgrade", "--install", "multus", str(package), "--values", str(values))
        self.site.settle()

    def install_crds(self) -> None:
        """What the page does not say, and its reader has to find out."""
        package = self.repository.packages[SPLIT].crd
        assert package is not None
        self.helm("install", "multus-crd", str(package), "--set", "rke2-whereabouts.enabled=true")

    def helm(self, *arguments: str) -> None:
        subprocess.run(
            [str(self.tools.path("helm")), *arguments, "--namespace", "kube-system"],
            env={
                **os.environ,
                "KUBECONFIG": str(self.cluster.kubeconfig),
                "HOME": str(self.folder),
            },
            check=True,
            capture_output=True,
            timeout=60,
        )

    def declare(self, name: str, ipam: Mapping[str, Any], namespace: str = "default") -> None:
        config = {"cniVersion": "0.3.1", **MACVLAN, "mode": "bridge", "ipam": ipam}
        self.cluster.apply(network(name, json.dumps(config), namespace))


def outcome(node: Node, asked: str, namespace: str = "default") -> str:
    """What becomes of a pod: its address, or the part of the error that tells."""
    pod = node.pod(namespace, networks=asked)
    try:
        pod.start()
    except CniError as error:
        told = ("config file not found", "namespace isolation enabled")
        return f"does not start: {next((one for one in told if one in str(error)), str(error))}"
    address = pod.addresses()[0].ip
    return f"gets {address}" + (", the gateway's" if str(address) == RANGE["gateway"] else "")


def forced(cluster: Cluster, node: Node, asked: str) -> str:
    """What becomes of a pod's address when its object is deleted by force, in ten seconds."""
    pod = node.pod(networks=asked)
    pod.start()
    address = pod.addresses()[0].ip
    node.stop_kubelet()
    try:
        pod.remove()
        cluster.wait_for(lambda: address not in pools.held(cluster), "it to be freed", 10)
    except ClusterError:
        freed = False
    else:
        freed = True
    finally:
        node.start_kubelet()
    if freed:
        return "is free again"
    cluster.wait_for(
        lambda: "config file not found" in node.log("whereabouts"), "the control loop's message"
    )
    return "stays taken: the control loop says config file not found"


ROWS = (
    "the networks, after the page's one `helm install`",
    "a pod with a Whereabouts network",
    "the same, once its `configuration_path` was found out",
    "the address of a pod that is deleted by force while its kubelet is away",
    "the first pods of two nodes, with host-local",
    "a pod that asks for another team's network",
)
Column = dict[str, str]


@pytest.fixture
def page(cluster: Cluster, tools: Tools, repository: Repository, tmp_path: Path) -> Iterator[Page]:
    site = Site(cluster, tools, of_chart(SPLIT))
    found = Page(cluster, tools, repository, tmp_path, site, cluster.leftovers())
    yield found
    found.forget()


def by_the_page(page: Page) -> Column:
    """What happens to the reader of the page, from an empty cluster on."""
    found: Column = {}
    nodes = page.site.start_nodes()
    page.install("k3s-host-local")
    answer = page.cluster.try_kubectl("get", "network-attachment-definitions")
    assert answer.returncode != 0
    found[ROWS[0]] = "cannot be declared: the server doesn't have a resource type for them"
    assert "the server doesn't have a resource type" in answer.stderr
    page.install_crds()
    page.cluster.kubectl("create", "namespace", "team")
    page.declare("local", LOCAL)
    one, two = (outcome(node, "default/local") for node in nodes)
    found[ROWS[4]] = f"{one} and {two}" if one != two else f"both: {one}"
    page.declare("theirs", {**LOCAL, "subnet": "192.168.11.0/24"}, "team")
    found[ROWS[5]] = outcome(nodes[0], "team/theirs")
    page.install("k3s-whereabouts")
    page.declare("storage", RANGE)
    found[ROWS[1]] = outcome(nodes[0], "default/storage")
    page.declare("told", {**RANGE, "configuration_path": PAGE_CONF})
    found[ROWS[2]] = outcome(nodes[0], "default/told")
    found[ROWS[3]] = forced(page.cluster, nodes[0], "default/told")
    page.install("k3s-dhcp")  # in this one there is no fault: all of it runs
    return found


def by_the_program(deployed: Callable[..., Deployed]) -> Column:
    """The same networks, asked for in a stack file."""
    storage = {"name": "storage", **MACVLAN, "ipam": RANGE}
    local = {"name": "local", **MACVLAN, "ipam": LOCAL}
    theirs = {**storage, "name": "theirs", "namespace": "team"}
    theirs["ipam"] = {**RANGE, "range": "192.168.21.0/29", "gateway": "192.168.21.1"}
    stack = deployed(ipam="whereabouts", networks=[storage, theirs], createNamespaces=True)
    found: Column = {ROWS[0]: "are declared by one `pulumi up`"}
    assert set(live.networks(stack.cluster)) == {"default/storage", "team/theirs"}
    node = stack.nodes[0]
    found[ROWS[1]] = found[ROWS[2]] = outcome(node, "default/storage")
    found[ROWS[3]] = forced(stack.cluster, node, "default/storage")
    found[ROWS[5]] = outcome(node, "team/theirs")
    stack.stop_nodes()  # no pod of theirs could end once Multus is removed under them
    stack.checkout.configure(STACK, {"ipam": "host-local", "networks": [local]})
    result = stack.checkout.preview(STACK)
    assert not result.ok
    assert any("each would hand out the same addresses" in error for error in result.errors)
    found[ROWS[4]] = "the stack is refused: each would hand out the same addresses"
    return found


def test_networks_alone_beside_the_pages_multus(
    page: Page, declared: Callable[..., Deployed]
) -> None:
    """Its release, its nodes: the program brings networks, and takes only them away."""
    nodes = page.site.start_nodes()
    page.install_crds()
    page.install("k3s-whereabouts")
    storage = {"name": "storage", **MACVLAN, "ipam": {**RANGE, "configurationPath": PAGE_CONF}}
    other = {**RANGE, "range": "192.168.21.0/29", "gateway": "192.168.21.1"}
    untold = {"name": "untold", **MACVLAN, "ipam": other}
    stack = declared(networks=[storage, untold], deploy="networks", chart=None)
    theirs = live.workloads(page.cluster), live.releases(page.cluster)
    stack.up()
    found = [outcome(node, stack.annotation("default/storage")) for node in nodes]
    assert found == ["gets 192.168.20.2", "gets 192.168.20.3"]
    # The control arm: the page's Whereabouts keeps its settings where K3s has its own.
    assert "config file not found" in outcome(nodes[0], stack.annotation("default/untold"))
    stack.checkout.destroy(STACK).check()
    assert live.networks(page.cluster) == {}
    assert (live.workloads(page.cluster), live.releases(page.cluster)) == theirs


def table(page: Column, program: Column) -> str:
    lines = ["| what | by K3s's page | by this program |", "| --- | --- | --- |"]
    lines += [f"| {row} | {page[row]} | {program[row]} |" for row in ROWS]
    return "\n".join(lines) + "\n"


def test_the_pages_recipe_fails_where_the_program_does_not(
    page: Page, deployed: Callable[..., Deployed], *, update_goldens: bool
) -> None:
    recipe = by_the_page(page)
    page.forget()
    ours = by_the_program(deployed)
    text = table(recipe, ours)
    print(text)
    if update_goldens:
        GOLDEN.write_text(text, encoding="utf-8")
    assert text == GOLDEN.read_text(encoding="utf-8")
    assert all(recipe[row] != ours[row] for row in ROWS)
