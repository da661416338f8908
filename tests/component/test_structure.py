"""What the component registers: tree, parents, order, options, in both preview modes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pulumi
import pytest

from components.access import Access
from components.args import MultusArgs
from components.chart import Chart
from components.multus import MultusComponent
from tests.component.recorder import Record, run

RELEASE = "kubernetes:helm.sh/v3:Release"
NETWORK = "kubernetes:k8s.cni.cncf.io/v1:NetworkAttachmentDefinition"
COMMAND = "command:local:Command"
COMPONENT = "multus:index:MultusComponent"
GUARD = "multus:index:Guard"

SPLIT, IN_CHART = "v4.3.017", "v4.2.418"


def arguments(**changes: Any) -> MultusArgs:
    base: dict[str, Any] = {
        "cluster": {"distribution": "k3s", "version": "v1.34.2+k3s1", "nodes": "multi"},
        "ipam": "whereabouts",
        "networks": [
            {
                "name": "storage",
                "namespace": "data",
                "type": "macvlan",
                "master": "eth1",
                "ipam": {
                    "type": "whereabouts",
                    "range": "192.168.20.0/24",
                    "gateway": "192.168.20.1",
                },
            },
            {"name": "plain", "type": "bridge", "bridge": "br1"},
        ],
    }
    return MultusArgs.model_validate(base | changes)


def program(args: MultusArgs, **others: Any) -> Callable[[], dict[str, Any]]:
    def body() -> dict[str, Any]:
        made = MultusComponent("multus", args, **others)
        return {
            "release": made.release_name,
            "version": made.chart_version,
            "networks": made.networks,
            "values": made.values,
            "images": made.images,
        }

    return body


@pytest.fixture(params=[False, True], ids=["up", "preview"])
def record(request: pytest.FixtureRequest) -> Record:
    return run(program(arguments()), preview=request.param)


def test_the_tree_is_exactly_this(record: Record) -> None:
    assert sorted((one.token, one.name) for one in record.resources) == [
        (COMMAND, "multus-crd-handover"),
        (COMMAND, "multus-ready"),
        (RELEASE, "multus-crds"),
        (RELEASE, "multus-release"),
        (NETWORK, "multus-data.storage"),
        (NETWORK, "multus-default.plain"),
        (GUARD, "multus-guard"),
        (COMPONENT, "multus"),
    ]


def test_every_child_is_the_components_own(record: Record) -> None:
    [component] = record.of(COMPONENT)
    for one in record.resources:
        if one is not component:
            assert one.parent == component.urn
            assert one.name.startswith("multus-")


def test_crds_come_first(record: Record) -> None:
    assert record.after("multus-crds") == {"multus-crd-handover"}
    assert record.after("multus-release") == {"multus-crd-handover", "multus-crds"}


def test_networks_depend_on_the_crds_and_not_on_the_release(record: Record) -> None:
    for name in ("multus-data.storage", "multus-default.plain"):
        assert record.after(name) == {"multus-crds", "multus-crd-handover"}


def test_a_chart_with_the_crds_inside_has_one_release() -> None:
    record = run(program(arguments(chart={"version": IN_CHART})))
    assert [one.name for one in record.of(RELEASE)] == ["multus-release"]
    assert record.after("multus-data.storage") == {"multus-release", "multus-crd-handover"}


def test_releases_are_pinned_named_and_waited_for_as_decided(record: Record) -> None:
    crds, main = record.named("multus-crds").inputs, record.named("multus-release").inputs
    assert (crds["name"], crds["namespace"], crds["chart"]) == (
        "multus-crd",
        "kube-system",
        "rke2-multus-crd",
    )
    assert (main["name"], main["namespace"], main["chart"]) == (
        "multus",
        "kube-system",
        "rke2-multus",
    )
    assert (crds["version"], main["version"]) == ("4.3.017", "v4.3.017")
    assert (crds["skipAwait"], main["skipAwait"]) == (False, True)
    for one in (crds, main):
        assert one["repositoryOpts"] == {"repo": "https://rke2-charts.rancher.io"}
        assert one["maxHistory"] == 10
        assert one["timeout"] == 300
        assert not {"atomic", "forceUpdate", "replace", "recreatePods"} & set(one)


def test_nothing_is_deleted_before_it_is_made(record: Record) -> None:
    for one in record.resources:
        assert not one.request.deleteBeforeReplace
        # The SDK says this of every Command; nothing here has triggers (see below).
        assert set(one.request.replaceOnChanges) <= {"triggers[*]"}


def test_both_releases_are_told_about_whereabouts() -> None:
    for ipam, told in (("whereabouts", True), ("dhcp", False)):
        record = run(program(arguments(ipam=ipam, networks=[])))
        for name in ("multus-crds", "multus-release"):
            values = record.named(name).inputs["values"]
            assert values["rke2-whereabouts"]["enabled"] is told


def test_every_release_input_is_known_at_preview() -> None:
    """An unknown one would make the provider skip loading the chart."""
    record = run(program(arguments()), preview=True)
    for one in record.of(RELEASE):
        assert "04da6b54-80e4-46f7-96ec-b56ff0331ba9" not in str(one.inputs)


def test_commands_have_constant_text_and_nothing_that_replaces(record: Record) -> None:
    for one in record.of(COMMAND):
        assert one.inputs["create"] == "exec python3 -"
        assert "triggers" not in one.inputs
        assert "delete" not in one.inputs
        assert str(Path(__file__).parents[2]) not in str(one.inputs)


def test_a_new_revision_of_the_release_waits_again_as_an_update(record: Record) -> None:
    environment = record.named("multus-ready").inputs["environment"]
    assert environment["MULTUS_REVISION"] == "1"
    assert environment["MULTUS_WORKLOADS"] == (
        "DaemonSet/multus,DaemonSet/whereabouts,Deployment/whereabouts-reconciler"
    )


def test_a_schedule_is_written_after_each_revision_and_undone_when_it_goes() -> None:
    record = run(program(arguments(reconciler_schedule="*/30 * * * *")))
    made = record.named("multus-schedule")
    assert made.inputs["create"] == "exec python3 -"
    assert made.inputs["delete"] == "MULTUS_UNDO=1 exec python3 -"
    assert "triggers" not in made.inputs
    environment = made.inputs["environment"]
    assert environment["MULTUS_SCHEDULE"] == "*/30 * * * *"
    assert environment["MULTUS_SCHEDULE_DEFAULT"] == "30 4 * * *"
    assert environment["MULTUS_REVISION"] == "1"
    assert "multus-release" in record.after("multus-schedule")


def test_every_daemon_of_the_stack_is_waited_for() -> None:
    cluster = {"distribution": "rke2", "version": "v1.34.2+rke2r1", "nodes": "multi"}
    args = arguments(
        cluster=cluster,
        additional_ipam=["dhcp"],
        thick_plugin=True,
        dynamic_networks_controller=True,
    )
    environment = run(program(args)).named("multus-ready").inputs["environment"]
    assert environment["MULTUS_WORKLOADS"].split(",") == [
        "DaemonSet/multus",
        "DaemonSet/multus-dnc",
        "DaemonSet/multus-dhcp",
        "DaemonSet/whereabouts",
        "Deployment/whereabouts-reconciler",
    ]


def test_protect_holds_the_releases_and_leaves_single_networks_free() -> None:
    record = run(program(arguments(protect=True)))
    assert {one.name for one in record.resources if one.protect} == {
        "multus-crds",
        "multus-release",
        "multus-guard",
    }


def test_the_guard_depends_on_all_that_matters(record: Record) -> None:
    """So `destroy` comes to it first, and refuses there before anything is gone."""
    others = {one.name for one in record.resources} - {"multus", "multus-ready", "multus-guard"}
    assert record.after("multus-guard") == others


def test_the_wait_is_for_the_release_alone(record: Record) -> None:
    """A network that cannot be made must not hide why pods are not ready."""
    assert record.after("multus-ready") == {"multus-release", "multus-crds", "multus-crd-handover"}


def test_namespaces_are_made_by_a_command_that_never_deletes() -> None:
    record = run(program(arguments(create_namespaces=True)))
    made = record.named("multus-namespaces")
    assert made.token == COMMAND
    assert made.inputs["environment"]["MULTUS_NAMESPACES"] == "data"
    assert "multus-namespaces" in record.after("multus-data.storage")


def test_checked_packages_are_what_helm_gets() -> None:
    packages = {"rke2-multus": ".charts/a.tgz", "rke2-multus-crd": ".charts/b.tgz"}
    record = run(program(arguments(), packages=packages))
    assert record.named("multus-release").inputs["chart"] == ".charts/a.tgz"
    assert record.named("multus-crds").inputs["chart"] == ".charts/b.tgz"
    assert "repositoryOpts" not in record.named("multus-release").inputs


def test_helm_names_a_chart_in_an_oci_registry_by_one_url() -> None:
    record = run(program(arguments(chart={"repository": "oci://charts.lan/rke2/"})))
    made = record.named("multus-release").inputs
    assert made["chart"] == "oci://charts.lan/rke2/rke2-multus"
    assert "repositoryOpts" not in made


def test_outputs_are_for_people(record: Record) -> None:
    assert record.outputs["version"] == SPLIT
    assert record.outputs["release"] == "multus"
    assert record.outputs["networks"] == {
        "data/storage": {
            "namespace": "data",
            "annotation": {"k8s.v1.cni.cncf.io/networks": "data/storage"},
            "ipam": "whereabouts",
            "capacity": 253,
        },
        "default/plain": {
            "namespace": "default",
            "annotation": {"k8s.v1.cni.cncf.io/networks": "default/plain"},
            "ipam": None,
            "capacity": None,
        },
    }
    assert record.outputs["values"] == arguments().values
    assert record.outputs["images"] == list(arguments().images)


def test_labels_and_annotations_may_be_outputs() -> None:
    def body() -> None:
        MultusComponent("multus", arguments(), labels={"team": pulumi.Output.from_input("net")})

    metadata = run(body).named("multus-data.storage").inputs["metadata"]
    assert metadata == {"name": "storage", "namespace": "data", "labels": {"team": "net"}}


def test_what_a_network_has_of_its_own_wins() -> None:
    function = {
        "name": "fast",
        "type": "sriov",
        "resourceName": "intel.com/netdevice",
        "labels": {"team": "fast"},
        "annotations": {"note": "own"},
    }

    def body() -> dict[str, Any]:
        args = arguments(networks=[function], extra_binaries=["sriov"])
        shared = pulumi.Output.from_input("all")
        labels: Any = {"team": "net", "site": shared}
        made = MultusComponent("multus", args, labels=labels, annotations={"site": shared})
        return {"networks": made.networks}

    record = run(body)
    metadata = record.named("multus-default.fast").inputs["metadata"]
    assert metadata["labels"] == {"team": "fast", "site": "all"}
    assert metadata["annotations"] == {
        "site": "all",
        "note": "own",
        "k8s.v1.cni.cncf.io/resourceName": "intel.com/netdevice",
    }
    assert record.outputs["networks"]["default/fast"]["resource"] == "intel.com/netdevice"


def test_a_network_that_serves_wishes_shows_how_to_ask() -> None:
    lan = {"name": "a", "type": "macvlan", "master": "eth1", "capabilities": ["mac"]}
    record = run(program(arguments(networks=[lan])))
    assert record.outputs["networks"]["default/a"]["example"] == {
        "k8s.v1.cni.cncf.io/networks": (
            '[{"name": "a", "namespace": "default", "mac": "02:00:00:00:00:01"}]'
        )
    }


def test_a_network_with_room_for_one_pod_on_a_node_says_so() -> None:
    device = {"name": "a", "type": "host-device", "device": "eth2"}
    record = run(program(arguments(networks=[device])))
    assert record.outputs["networks"]["default/a"]["podsPerNode"] == 1


def test_a_kubeconfig_reaches_commands_as_a_secret() -> None:
    def body() -> None:
        access = Access(pulumi.Output.secret("apiVersion: v1"), "lab")
        MultusComponent("multus", arguments(), access=access)

    for one in run(body).of(COMMAND):
        environment = one.inputs["environment"]
        assert environment["MULTUS_CONTEXT"] == "lab"
        kept = environment.get("MULTUS_KUBECONFIG")
        assert "environment" in one.secrets or isinstance(kept, dict)


def test_secret_values_stay_secret() -> None:
    record = run(program(arguments(), secret_values=True))
    assert "values" in record.named("multus-release").secrets


def test_an_opts_parent_does_not_pull_children_out_of_the_component() -> None:
    def body() -> None:
        outer = pulumi.ComponentResource("test:index:Outer", "outer")
        MultusComponent("multus", arguments(), opts=pulumi.ResourceOptions(parent=outer))

    record = run(body)
    [component] = record.of(COMPONENT)
    assert record.name_of(component.parent) == "outer"
    assert all(one.parent == component.urn for one in record.of(RELEASE))


INVALID: list[tuple[str, Callable[[], Any], str]] = [
    (
        "an Output as master",
        lambda: arguments(
            networks=[{"name": "a", "type": "macvlan", "master": pulumi.Output.from_input("eth1")}]
        ),
        r"master is an Output, but a plain value is needed here",
    ),
    (
        "an Output in extra values",
        lambda: arguments(extra_values={"image": {"tag": pulumi.Output.from_input("x")}}),
        r"extraValues.image.tag is an Output",
    ),
    (
        "an Output as ipam",
        lambda: arguments(ipam=pulumi.Output.from_input("dhcp")),
        r"ipam is an Output",
    ),
    ("a refused chart", lambda: arguments(chart=Chart(version="v4.3.009")), r"v4\.3\.010"),
    (
        "a foreign ipam",
        lambda: arguments(ipam="dhcp"),
        r'networks\[0\].ipam.type is "whereabouts", but the stack deploys dhcp',
    ),
    ("a plain mapping", lambda: MultusComponent("multus", {}), "args must be MultusArgs"),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(
    ("build", "message"), [(b, m) for _, b, m in INVALID], ids=[name for name, _, _ in INVALID]
)
def test_invalid_arguments_register_nothing(build: Callable[[], Any], message: str) -> None:
    record = Record()

    def body() -> None:
        MultusComponent("multus", build())

    with pytest.raises((ValueError, TypeError), match=message):
        run(body, record=record)
    assert record.resources == []


def test_control_valid_arguments_do_register() -> None:
    assert run(program(arguments())).resources
