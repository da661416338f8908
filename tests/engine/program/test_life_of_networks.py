"""Networks that are there before the stack, and networks that change under pods."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any, Final

import yaml

from components.rules.registry import run_on
from testbed.cluster import Cluster
from testbed.engine import Workspace
from testbed.objects import ONE, network, pod
from tests.engine.program import live
from tests.engine.program.conftest import MakeProgram
from tests.engine.program.pages import commands, page
from tests.engine.program.test_networks_only import STACK, daemons, install
from tests.engine.program.test_preflight import configuration, survey
from tests.engine.program.test_refusals import one_error

Json = dict[str, Any]
ALLOW: Final = ["host-local-on-several-nodes"]
LOCAL: Final = {"type": "host-local", "subnet": "192.168.3.0/24"}
POOL: Final = {"type": "whereabouts", "range": "192.168.3.0/24"}
LOW: Final = {**POOL, "rangeEnd": "192.168.3.99"}
HOLDER: Final = "192.168.3.200 of web/web"


def lan(ipam: Json) -> list[Json]:
    allow = ALLOW if ipam is LOCAL else []
    return [{"name": "lan", "type": "macvlan", "master": "eth1", "allow": allow, "ipam": ipam}]


def holder() -> Json:
    """A pod that runs, as Multus would have marked it."""
    status = [{"name": "default/lan", "interface": "net1", "ips": ["192.168.3.200"]}]
    notes = {"k8s.v1.cni.cncf.io/network-status": json.dumps(status)}
    return pod("web", "web", {**ONE, "nodeName": "node-1"}, annotations=notes)


def said(checkout: Workspace, **settings: Any) -> list[str]:
    """What a preview warns of."""
    checkout.configure("prod", settings)
    return [*checkout.preview("prod").check().warnings]


def ready(cluster: Cluster, program: MakeProgram, ipam: Json) -> Workspace:
    """A cluster with a Multus of somebody else, and a stack with one network."""
    install(cluster, "network-attachment-definitions", "ippools")
    cluster.apply(daemons("multus"), daemons("whereabouts"))
    checkout = program("prod", cluster)
    settings = yaml.safe_load(STACK)["config"] | {"multus:networks": lan(ipam)}
    checkout.write_stack("prod", yaml.safe_dump({"config": settings}))
    return checkout


def test_a_network_by_hand_is_found_before_anything_is_made(
    cluster: Cluster, program: MakeProgram
) -> None:
    checkout = ready(cluster, program, POOL)
    cluster.apply(network("lan", '{"cniVersion": "1.0.0", "type": "bridge"}'))
    before = live.uids(cluster)
    for run in (checkout.preview, checkout.up):
        error = one_error(run("prod"))
        assert "default/lan is there already, by " in error
        assert "[network-exists]" in error

    # The control arm: what the create says, of this version of the provider.
    checkout.configure("prod", {"allow": ["network-exists"]})
    assert any("conflict" in one for one in checkout.up("prod").errors)
    assert live.uids(cluster) == before

    cluster.kubectl("delete", "network-attachment-definition/lan")
    checkout.configure("prod", {"allow": None})
    checkout.up("prod").check()
    # One that is in the state is the stack's, whoever wrote it last.
    cluster.kubectl("delete", "network-attachment-definition/lan")
    cluster.apply(network("lan", '{"cniVersion": "1.0.0", "type": "bridge"}'))
    assert said(checkout) == []


def test_what_pods_hold_is_said_before_their_network_changes(
    cluster: Cluster, program: MakeProgram
) -> None:
    checkout = ready(cluster, program, LOCAL)
    checkout.up("prod").check()
    cluster.kubectl("create", "namespace", "web")  # with which the pod goes
    cluster.apply(holder())
    cluster.kubectl("wait", "--for=jsonpath={.status.phase}=Running", "pod/web", "-n", "web")
    assert said(checkout) == []

    [anew] = said(checkout, networks=lan(POOL))
    assert "pods hold addresses from host-local that it does not know of" in anew
    assert f"may give out again: {HOLDER}" in anew
    [outside] = said(checkout, networks=lan(LOW))
    assert f"ipam leaves out addresses that pods hold, and keep: {HOLDER}" in outside
    cluster.kubectl("delete", "pod/web", "-n", "web", "--now")
    assert said(checkout, networks=lan(POOL)) == []


FLUX: Final = {f"kustomize.toolkit.fluxcd.io/{key}": "apps" for key in ("name", "namespace")}
ARGO: Final = {"argocd.argoproj.io/tracking-id": "apps:k8s.cni.cncf.io/N:default/lan"}


def test_the_pages_commands_take_off_the_marks_of_who_let_go(
    cluster: Cluster, tmp_path: Path
) -> None:
    install(cluster, "network-attachment-definitions")
    cluster.apply(network("lan", "{}", labels=FLUX, annotations=ARGO))

    def found() -> list[str]:
        return [one.sentence for one in run_on(survey(cluster, tmp_path), configuration())]

    [argo] = found()
    assert argo.startswith("Argo CD's application apps applies network default/lan, and would undo")
    for line in reversed(commands(page("adopting.md"), "Argo CD and Flux")):
        if line.startswith(("kubectl annotate", "kubectl label")):
            cluster.kubectl(*shlex.split(line.replace("NAMESPACE", "default"))[1:])
            if "argocd" in line:
                [flux] = found()
                assert flux.startswith("Flux's Kustomization apps applies network default/lan, ")
    assert found() == []
