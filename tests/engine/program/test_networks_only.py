"""Networks alone, on a cluster whose Multus is somebody else's: CRDs and DaemonSets by hand."""

from __future__ import annotations

from typing import Any, Final

import yaml

from testbed.cluster import Cluster
from testbed.objects import workload
from tests.engine.program import live
from tests.engine.program.conftest import MakeProgram
from tests.engine.program.test_refusals import one_error
from tests.stacks.files import ROOT

STACK: Final = """\
config:
  multus:cluster: {distribution: k3s, version: v1.34.2+k3s1, nodes: multi}
  multus:deploy: networks
  multus:createNamespaces: true
  multus:networks:
    - name: lan
      namespace: edge
      type: macvlan
      master: eth1
      ipam: {type: whereabouts, range: 192.168.3.0/24}
"""


def daemons(name: str) -> dict[str, Any]:
    pod = {"nodeSelector": {"no": "node"}, "containers": [{"name": name, "image": f"lan/{name}"}]}
    return workload("DaemonSet", name, "kube-system", pod)


def install(cluster: Cluster, *kinds: str) -> None:
    """CRDs, and what works with them."""
    for kind in kinds:
        file = ROOT / "testbed" / "charts" / "sources" / "crds" / f"{kind}.yaml"
        crd = yaml.safe_load(file.read_text())
        cluster.apply(crd)
        cluster.kubectl("wait", "--for=condition=Established", f"crd/{crd['metadata']['name']}")


def test_networks_come_and_go_beside_a_multus_of_somebody_else(
    cluster: Cluster, program: MakeProgram
) -> None:
    checkout = program("prod", cluster)
    checkout.write_stack("prod", STACK)
    error = one_error(checkout.preview("prod"))
    assert 'deploy is "networks", but there is no CRD network-attachment' in error
    assert "[no-networks-crd]" in error
    checkout.configure("prod", {"preflight": "off"})  # the control arm
    assert any("NetworkAttachmentDefinition" in one for one in checkout.up("prod").errors)

    install(cluster, "network-attachment-definitions")
    cluster.apply(daemons("multus"))
    checkout.write_stack("prod", STACK)
    assert "[no-whereabouts]" in one_error(checkout.preview("prod"))
    install(cluster, "ippools")
    said = [one.message for one in checkout.preview("prod").check().diagnostics]
    assert len([one for one in said if "[no-ipam-daemon]" in one]) == 1
    cluster.apply(daemons("whereabouts"))
    theirs = live.workloads(cluster), live.crds(cluster), live.releases(cluster)

    result = checkout.up("prod").check()
    assert not result.warnings
    assert {*live.networks(cluster)} == {"edge/lan"}
    made = {key: result.outputs[key] for key in ("values", "images")}
    assert made == {"values": {}, "images": []}
    assert not result.outputs.get("release")
    assert checkout.preview("prod").check().changes == ()
    checkout.destroy("prod").check()
    assert live.networks(cluster) == {}
    assert (live.workloads(cluster), live.crds(cluster), live.releases(cluster)) == theirs


def test_a_stack_that_had_its_own_multus_is_told_that_it_goes(
    cluster: Cluster, program: MakeProgram
) -> None:
    checkout = program("staging", cluster, preflight="auto")
    checkout.up("staging").check()
    checkout.configure("staging", {"deploy": "networks"})
    previewed = checkout.preview("staging").check()
    assert len([one for one in previewed.warnings if "[uninstalls-multus]" in one]) == 1
    assert ("delete", "multus-release") in {(one.op, one.name) for one in previewed.changes}
