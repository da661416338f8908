"""Findings from objects in memory: the edges. What a real API server answers is in tests/engine."""

from __future__ import annotations

from typing import Any, Final

import pytest

from components.args import MultusArgs
from components.preflight import CHECKS, Finding, Live, findings, left_out
from components.preflight.installs import CHART, IMAGE
from components.preflight.live import CRDS, READS, some

Json = dict[str, Any]
K3S: Final = "v1.34.2+k3s1"
OLD: Final = "v1.30.5+k3s1"  # the last of its minor with the directory of each version's own
MISSING: Final = (
    "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady "
    "message:Network plugin returns error: cni plugin not initialized"
)


def arguments(**changes: Any) -> MultusArgs:
    base: Json = {
        "cluster": {"distribution": "k3s", "version": K3S, "nodes": "multi"},
        "ipam": "whereabouts",
        "networks": [lan()],
    }
    return MultusArgs.model_validate({**base, **changes})


def lan(subnet: str = "192.168.20.0/24", **ipam: Any) -> Json:
    kind = {"type": "whereabouts", "range": subnet, **ipam}
    return {"name": "lan", "type": "macvlan", "master": "eth1", "ipam": kind}


def host_local(**ipam: Any) -> Json:
    cluster = {"distribution": "k3s", "version": K3S, "nodes": "single"}
    kind = {"type": "host-local", "subnet": "192.168.20.0/24", **ipam}
    return {
        "cluster": cluster,
        "ipam": "host-local",
        "networks": [{"name": "lan", "type": "macvlan", "master": "eth1", "ipam": kind}],
    }


def node(name: str = "a", version: str = K3S, *, ready: str = "True", **spec: Any) -> Json:
    ready_because = MISSING if ready != "True" else "kubelet is posting ready status"
    return {
        "metadata": {"name": name, "labels": {"kubernetes.io/os": "linux"}},
        "spec": {"podCIDRs": ["10.42.0.0/24"], **spec},
        "status": {
            "nodeInfo": {"kubeletVersion": version},
            "conditions": [{"type": "Ready", "status": ready, "message": ready_because}],
            "addresses": [
                {"type": "InternalIP", "address": "192.168.1.10"},
                {"type": "Hostname", "address": "a"},
            ],
        },
    }


def live(*nodes: Json, **others: Any) -> Live:
    found: Json = {
        "nodes": {"items": list(nodes or [node()])},
        "namespaces": {"items": [{"metadata": {"name": "default"}}]},
        "service": {"spec": {"clusterIP": "10.43.0.1", "clusterIPs": ["10.43.0.1"]}},
        "daemonsets": {"items": []},
        "cilium": None,
        "helmcharts": None,
        **dict.fromkeys(CRDS),
    }
    return Live({**found, **others})


def said(found: Live, args: MultusArgs | None = None) -> list[Finding]:
    return findings(found, args or arguments())


def one(found: Live, args: MultusArgs | None = None) -> Finding:
    [finding] = said(found, args)
    return finding


def test_control_a_cluster_that_fits_has_no_finding() -> None:
    assert said(live(node("a"), node("b"))) == []
    assert said(live(), arguments(**host_local())) == []


def test_nodes_that_are_all_of_another_version_name_it() -> None:
    assert one(live(node("a", OLD), node("b", OLD))) == Finding(
        "refuse",
        f"a, b with {OLD}: the CNI plugins are in another directory there than with "
        f"multus:cluster.version {K3S}, and pods would not start. "
        f"Set multus:cluster.version to {OLD}",
    )


def test_nodes_on_both_sides_of_the_directories_change() -> None:
    finding = one(live(node("a"), node("b", OLD)))
    assert finding.severity == "refuse"
    assert finding.text.startswith(f"b with {OLD}: ")
    assert finding.text.endswith(f"Bring every node to {K3S}, or all to one side of the change")


def test_a_version_with_the_same_directories_is_a_warning() -> None:
    finding = one(live(node(version="v1.34.3+k3s1")))
    assert finding.severity == "warn"
    assert "set it to what the nodes run" in finding.text


@pytest.mark.parametrize("version", ["v1.34.2+rke2r1", "v1.34.2", "v1.34.2-eks-1", ""])
def test_a_kubelet_of_another_distribution(version: str) -> None:
    finding = one(live(node(version=version)))
    assert finding.severity == "refuse"
    assert f"a ({version}): that is no version of k3s" in finding.text


def test_some_kubelets_of_another_distribution_stop_nothing() -> None:
    virtual = node("virtual", "v1.30.1-vk-azure")
    finding = one(live(node(), virtual))
    assert finding.severity == "warn"
    assert finding.text.startswith("virtual (v1.30.1-vk-azure): that is no version of k3s, so")
    assert finding.text.endswith("Keep it off with multus:nodeSelector")


def test_nodes_that_multus_is_kept_off_do_not_count() -> None:
    others = [node("virtual", "v1.30.1-vk-azure"), node("old", OLD), node("off", ready="False")]
    ours = node("ours")
    ours["metadata"]["labels"]["multus"] = "yes"
    off = arguments(nodeSelector={"multus": "yes"})
    assert said(live(ours, *others), off) == []
    assert len(said(live(ours, *others))) == 3  # the control arm
    alone = arguments(**host_local(), nodeSelector={"multus": "yes"})
    assert said(live(ours, node("b"), node("c")), alone) == []
    assert one(live(ours, node("b")), arguments(**host_local())).severity == "refuse"


def test_a_windows_node_does_not_count() -> None:
    windows = node("w", "v1.34.2")
    windows["metadata"]["labels"]["kubernetes.io/os"] = "windows"
    assert said(live(node(), windows)) == []


TAINT: Final = {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}
PASSING: Final = {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}


def test_host_local_on_two_nodes() -> None:
    finding = one(live(node("a"), node("b")), arguments(**host_local()))
    assert finding.severity == "refuse"
    assert "pods can be scheduled on 2 nodes (a, b)" in finding.text
    assert "the same addresses on each for default/lan" in finding.text


@pytest.mark.parametrize("spec", [{"taints": [TAINT]}, {"unschedulable": True}])
def test_control_a_node_that_takes_no_pods(spec: Json) -> None:
    assert said(live(node("a"), node("b", **spec)), arguments(**host_local())) == []


def test_a_node_that_is_only_away_for_now_counts() -> None:
    assert said(live(node("a"), node("b", taints=[PASSING])), arguments(**host_local()))


def test_two_nodes_without_host_local_are_a_warning() -> None:
    args = arguments(cluster={"distribution": "k3s", "version": K3S, "nodes": "single"})
    assert one(live(node("a"), node("b")), args).severity == "warn"
    apart = arguments(**host_local(allowMultiNode=True))
    assert one(live(node("a"), node("b")), apart).severity == "warn"


def test_no_node_at_all_is_a_warning() -> None:
    assert one(Live({**live().found, "nodes": {"items": []}})).severity == "warn"


def test_no_default_cni() -> None:
    finding = one(live(node("a", ready="False"), node("b", ready="False")))
    assert finding.severity == "refuse"
    assert "--flannel-backend=none" in finding.text
    assert one(live(node("a"), node("b", ready="False"))).severity == "warn"


def test_a_flannel_that_is_not_up_has_another_fix() -> None:
    late = node(ready="False")
    late["metadata"]["annotations"] = {"flannel.alpha.coreos.com/backend-type": "vxlan"}
    assert "see the log of k3s" in one(live(late)).text


def test_control_a_node_that_is_not_ready_for_another_reason() -> None:
    ill = node(ready="Unknown")
    ill["status"]["conditions"][0]["message"] = "Kubelet stopped posting node status."
    assert said(live(ill)) == []


def test_pods_outside_the_stated_network() -> None:
    own: Json = {"podCIDRs": ["10.99.0.0/24", "fd99::/64"]}
    finding = one(live(node(**own)))
    assert finding.severity == "refuse"
    assert "10.99.0.0/24 of a, fd99::/64 of a" in finding.text
    cluster = {"distribution": "k3s", "version": K3S, "nodes": "multi"}
    told = arguments(cluster={**cluster, "clusterCidr": ["10.99.0.0/16", "fd99::/56"]})
    assert said(live(node(**own)), told) == []


def test_a_network_on_pods_that_the_stack_does_not_know_of() -> None:
    first, second = said(live(node(podCIDRs=["192.168.20.0/26"])))
    assert "outside multus:cluster.clusterCidr" in first.text
    assert second.text.startswith("network default/lan has 192.168.20.0/24, which overlaps")


def test_services_outside_the_stated_network() -> None:
    spec = {"spec": {"clusterIP": "192.168.20.1", "clusterIPs": ["192.168.20.1"]}}
    first, second = said(live(service=spec))
    assert "outside multus:cluster.serviceCidr (10.43.0.0/16)" in first.text
    assert "pods would no longer reach services" in second.text
    headless = {"spec": {"clusterIP": "None"}}
    assert said(live(service=headless)) == said(live(service=None)) == []


def on_the_wire(**ipam: Any) -> MultusArgs:
    return arguments(networks=[lan("192.168.1.0/24", **ipam)])


def test_a_nodes_own_address() -> None:
    finding = one(live(), on_the_wire())
    assert finding.severity == "refuse"
    assert "the nodes' own addresses 192.168.1.10 of a" in finding.text
    for kept_clear in ({"rangeStart": "192.168.1.11"}, {"exclude": ["192.168.1.10/32"]}):
        assert said(live(), on_the_wire(**kept_clear)) == []


def test_a_node_with_a_host_name_for_an_address_is_looked_at_for_the_rest() -> None:
    strange = node()
    strange["status"]["addresses"] = [
        {"type": "ExternalIP", "address": "ec2.example.com"},
        {"type": "InternalIP", "address": "192.168.1.10"},
    ]
    assert "192.168.1.10 of a" in one(live(strange), on_the_wire()).text


def test_namespaces() -> None:
    args = arguments(networks=[{**lan(), "namespace": "defualt"}])
    finding = one(live(), args)
    assert finding == Finding(
        "refuse",
        "namespace defualt of network defualt/lan does not exist. Create it, or set "
        'multus:createNamespaces: true. Did you mean "default"?',
    )
    made = arguments(networks=[{**lan(), "namespace": "defualt"}], createNamespaces=True)
    assert said(live(), made) == []
    leaving = {"items": [{"metadata": {"name": "default", "deletionTimestamp": "now"}}]}
    assert "is being deleted" in one(live(namespaces=leaving)).text


IMAGES: Final = {
    "ghcr.io/k8snetworkplumbingwg/multus-cni:snapshot-thick": True,
    "rancher/hardened-multus-cni:v4.2.1-build20250627": True,
    "rancher/hardened-multus-thick:v4.3.0": True,
    "registry.lan:5000/multus-cni@sha256:00": True,
    "nfvpe/multus": True,
    "rancher/hardened-multus-dynamic-networks-controller:v1": False,
    "rancher/hardened-whereabouts:v0.9.4": False,
    "quay.io/x/multus-admission-controller": False,
    "": False,
}


@pytest.mark.parametrize("image", IMAGES)
def test_images_of_multus(image: str) -> None:
    assert bool(IMAGE.search(image)) is IMAGES[image]


CHARTS: Final = {
    "rke2-multus": True,
    "rke2-multus-crd": True,
    "https://rke2-charts.rancher.io/assets/rke2-multus/rke2-multus-v4.3.017.tgz": True,
    "oci://registry.lan/rke2-multus": True,
    "oci://registry.lan/rke2-multus:4.3.017": True,
    "rke2-multus-tools": False,
    "my-rke2-multus": False,
    "": False,
}


@pytest.mark.parametrize("chart", CHARTS)
def test_names_of_the_chart(chart: str) -> None:
    assert bool(CHART.search(chart)) is CHARTS[chart]


def daemons(release: str | None, where: str = "kube-system", name: str = "multus") -> Json:
    notes = {"meta.helm.sh/release-name": release, "meta.helm.sh/release-namespace": where}
    pod = {"containers": [{"image": "rancher/hardened-multus-cni:v4"}]}
    return {
        "metadata": {"name": name, "namespace": where, "annotations": notes if release else None},
        "spec": {"template": {"spec": pod}},
    }


def helm_chart(name: str, chart: str = "rke2-multus") -> Json:
    return {"metadata": {"name": name, "namespace": "kube-system"}, "spec": {"chart": chart}}


def test_each_other_install_is_told_once() -> None:
    two = [daemons("other"), daemons("other", name="other-dhcp"), daemons("multus")]
    finding = one(live(daemonsets={"items": two}))
    assert "as Helm release other in kube-system" in finding.text
    byhand = one(live(daemonsets={"items": [daemons(None, name="kube-multus-ds")]}))
    assert "DaemonSet kube-multus-ds in kube-system, of no Helm release" in byhand.text


def test_a_helm_chart_and_what_it_made_are_one_finding() -> None:
    made = {"daemonsets": {"items": [daemons("rke2-multus")]}}
    finding = one(live(helmcharts={"items": [helm_chart("rke2-multus", "")]}, **made))
    assert finding.text.startswith("HelmChart rke2-multus in kube-system installs Multus too")
    assert "RKE2's configuration" in finding.text
    # A chart that is called otherwise made it not.
    both = said(live(helmcharts={"items": [helm_chart("multus")]}, **made))
    assert [f.text.split()[0] for f in both] == ["HelmChart", "another"]


def test_text_of_the_cluster_is_fit_for_a_terminal() -> None:
    evil = one(live(daemonsets={"items": [daemons("a\x1b[31m\nb")]}))
    assert "Helm release a b in" in evil.text


def crd(owner: str = "multus-crd", **notes: str) -> Json:
    marks = {
        "meta.helm.sh/release-name": owner,
        "meta.helm.sh/release-namespace": "kube-system",
        **notes,
    }
    labels = {"app.kubernetes.io/managed-by": "Helm"}
    return {"metadata": {"name": CRDS[0], "annotations": marks, "labels": labels}}


def test_crds() -> None:
    keep = {"helm.sh/resource-policy": "keep"}
    assert said(live(**{CRDS[0]: crd(**keep)})) == []
    # The hand-over moves it, and it is kept on the way.
    assert said(live(**{CRDS[0]: crd("multus", **keep)})) == []
    bare = {"metadata": {"name": CRDS[0]}}
    assert said(live(**{CRDS[0]: bare})) == []  # of no release, which nothing deletes
    unkept = one(live(**{CRDS[0]: crd("multus")}))
    assert unkept.severity == "warn"
    assert f"CRD {CRDS[0]} of release multus is not marked" in unkept.text
    foreign = one(live(**{CRDS[0]: crd("rke2-multus", **keep)}))
    assert foreign.severity == "refuse"
    assert "belongs to Helm release rke2-multus" in foreign.text


def test_crds_of_whereabouts_count_where_the_stack_has_a_release_for_them() -> None:
    foreign = crd("rke2-multus")
    foreign["metadata"]["name"] = CRDS[1]
    assert one(live(**{CRDS[1]: foreign})).severity == "refuse"
    args = arguments(chart={"version": "v4.2.418"})
    assert said(live(**{CRDS[1]: foreign}), args) == []


def test_what_may_not_be_read_leaves_its_checks_out_and_no_other() -> None:
    everything = live(node(version="v9"), cilium={"data": {"cni-exclusive": "true"}})
    blind = Live(everything.found, frozenset({"nodes"}))
    assert [finding.text[:6] for finding in said(blind)] == ["Cilium"]
    [line] = left_out(blind)
    assert line.startswith(
        "the kubeconfig's user may not read nodes, so this was left out: versions of the nodes, "
    )
    [line] = left_out(Live({}, frozenset(CRDS)))
    assert "the CRDs of networks and of Whereabouts" in line


def test_every_read_serves_a_check() -> None:
    assert {name for check in CHECKS for name in check.needs} == set(READS)


@pytest.mark.parametrize(
    ("names", "shown"), [("ab", "a, b"), ("abc", "a, b, c"), ("abcde", "a, b, c and 2 more")]
)
def test_many_names_are_a_few(names: str, shown: str) -> None:
    assert some(names) == shown
