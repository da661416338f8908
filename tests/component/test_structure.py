"""What the component registers: tree, parents, order, options, in both preview modes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pulumi
import pytest

from components.access import Access
from components.multus import MultusComponent
from tests.component.programs import PACKAGES, arguments, deploy, program
from tests.component.recorder import Record, kubeconfig, run

RELEASE = "kubernetes:helm.sh/v3:Release"
NETWORK = "kubernetes:k8s.cni.cncf.io/v1:NetworkAttachmentDefinition"
COMMAND = "command:local:Command"
COMPONENT = "multus:index:MultusComponent"


@pytest.fixture
def record(*, preview: bool) -> Record:
    return run(program(), preview=preview)


def test_the_tree_is_exactly_this(record: Record) -> None:
    assert {one.name: one.token for one in record.resources} == {
        "multus": COMPONENT,
        "multus-commands": "pulumi:providers:command",
        "multus-cluster": "pulumi:providers:kubernetes",
        "multus-crd-handover": COMMAND,
        "multus-hold": COMMAND,
        "multus-crds": RELEASE,
        "multus-release": RELEASE,
        "multus-data.storage": NETWORK,
        "multus-default.plain": NETWORK,
        "multus-ready": COMMAND,
        "multus-guard": "multus:index:Guard",
    }
    [component] = record.of(COMPONENT)
    inside = [one for one in record.resources if one.token.startswith(("kubernetes:", "command:"))]
    assert {one.request.parent for one in inside} == {component.urn}
    # No default provider is needed, and `pulumi state move` moves no provider that is inside.
    for one in inside:
        beside = "multus-cluster" if one.token.startswith("kubernetes:") else "multus-commands"
        assert one.request.provider.startswith(f"{record.named(beside).urn}::")
        assert record.named(beside).request.parent == component.request.parent


def test_networks_alone_are_no_release_and_no_wait(*, preview: bool) -> None:
    args = arguments(deploy="networks", ipam=None, create_namespaces=True, protect=True)
    record = run(program(args, packages=None), preview=preview)
    made = {"multus-namespaces", "multus-data.storage", "multus-default.plain"}
    assert {one.name for one in record.resources} == {
        *("multus", "multus-cluster", "multus-commands", "multus-guard", *made)
    }
    assert record.after("multus-data.storage") == {"multus-namespaces"}
    assert record.after("multus-guard") == made
    assert [one.name for one in record.resources if one.request.protect] == ["multus-guard"]
    networks = record.outputs.pop("networks")
    assert networks == run(program()).outputs["networks"]
    assert record.outputs == {"release": None, "version": None, "values": {}, "images": []}


def test_json_text_is_deployed_to_the_letter_and_a_cni_name_may_be_there_twice() -> None:
    """host-local counts addresses by that name: one that the program made would begin anew."""
    written = ['{"type":"macvlan","master":"eth1"}', '{"name": "lan", "type": "macvlan"}']
    raw = [
        {"name": name, "type": "raw", "config": config}
        for name, config in zip(("lan", "other"), written, strict=True)
    ]
    record = run(program(arguments(networks=raw)))
    assert {one.name: one.inputs["spec"]["config"] for one in record.of(NETWORK)} == {
        "multus-default.lan": written[0],
        "multus-default.other": written[1],
    }


# What comes after what: the CRDs first, networks without the main release, a wait without networks.
ORDER: Final[dict[str, set[str]]] = {
    "multus-crds": {"multus-crd-handover"},
    "multus-hold": {"multus-crd-handover", "multus-crds"},
    "multus-release": {"multus-crd-handover", "multus-crds", "multus-hold"},
    "multus-data.storage": {"multus-crd-handover", "multus-crds"},
    "multus-default.plain": {"multus-crd-handover", "multus-crds"},
    "multus-ready": {"multus-crd-handover", "multus-crds", "multus-hold", "multus-release"},
}


def test_everything_comes_in_its_order(record: Record) -> None:
    assert {name: record.after(name) for name in ORDER} == ORDER
    # So `destroy` comes to the guard first, and refuses there before anything is gone.
    assert record.after("multus-guard") == {*ORDER, "multus-crd-handover"} - {"multus-ready"}


def test_a_chart_with_the_crds_inside_has_one_release() -> None:
    record = run(program(arguments(chart={"version": "v4.2.418"})))
    assert [one.name for one in record.of(RELEASE)] == ["multus-release"]
    assert record.after("multus-data.storage") == {
        "multus-release",
        "multus-hold",
        "multus-crd-handover",
    }


def test_releases_are_pinned_named_and_waited_for_as_decided(record: Record) -> None:
    fixed = {"namespace": "kube-system", "maxHistory": 10, "timeout": 300, "compat": "true"}
    crds, main = record.named("multus-crds").inputs, record.named("multus-release").inputs
    assert crds.items() >= fixed.items() <= main.items()
    keys = ("name", "chart", "version", "skipAwait", "values")
    package, values = PACKAGES["rke2-multus"], arguments().values
    assert [main[key] for key in keys] == ["multus", package, "v4.3.017", True, values]
    package, values = PACKAGES["rke2-multus-crd"], arguments().crd_values
    assert [crds[key] for key in keys] == ["multus-crd", package, "4.3.017", True, values]
    assert {*crds, *main} == {*keys, *fixed}  # no atomic, forceUpdate or replace


def test_nothing_is_replaced_or_deleted_before_it_is_made(record: Record) -> None:
    for one in record.resources:
        assert not one.request.deleteBeforeReplace
        # The SDK says this of every Command; nothing here has triggers.
        assert set(one.request.replaceOnChanges) <= {"triggers[*]"}
        assert "triggers" not in one.inputs
    for one in record.of(COMMAND):
        assert one.inputs["create"] == "exec python3 -"
        undone = one.name == "multus-crd-handover"  # which waits for the pods to go
        assert ("delete" in one.inputs) == undone
        assert str(Path(__file__).parents[2]) not in str(one.inputs)


def test_every_input_is_known_at_preview() -> None:
    """An unknown one would make the provider skip loading the chart; a Command would run anew."""
    for one in run(program(), preview=True).resources:
        for key, value in one.inputs.get("environment", one.inputs).items():
            assert key == "MULTUS_REVISION" or pulumi.runtime.rpc.UNKNOWN not in str(value)


def test_tasks_run_again_after_each_change_of_the_release() -> None:
    record = run(program(arguments(reconciler_schedule="*/30 * * * *")))
    ready = record.named("multus-ready").inputs["environment"]
    assert ready["MULTUS_WORKLOADS"].split(",") == list(arguments().workloads)
    schedule = record.named("multus-schedule")
    assert schedule.inputs["delete"] == "MULTUS_UNDO=1 exec python3 -"
    environment = schedule.inputs["environment"]
    assert environment["MULTUS_SCHEDULE"] == "*/30 * * * *"
    assert environment["MULTUS_SCHEDULE_DEFAULT"] == "30 4 * * *"
    assert environment["MULTUS_REVISION"] == ready["MULTUS_REVISION"] == "1"
    assert "multus-release" in record.after("multus-schedule")


def test_protect_holds_the_releases_and_leaves_single_networks_free() -> None:
    record = run(program(arguments(protect=True)))
    held = {one.name for one in record.resources if one.request.protect}
    assert held == {"multus-crds", "multus-release", "multus-guard"}


def test_namespaces_are_made_by_a_command_that_never_deletes() -> None:
    record = run(program(arguments(create_namespaces=True)))
    made = record.named("multus-namespaces")
    assert made.token == COMMAND
    assert "delete" not in made.inputs
    assert made.inputs["environment"]["MULTUS_NAMESPACES"] == "data"
    assert "multus-namespaces" in record.after("multus-data.storage")


def test_outputs_are_for_people(record: Record) -> None:
    def network(namespace: str, name: str, ipam: str | None, capacity: int | None) -> Any:
        joined = {"k8s.v1.cni.cncf.io/networks": f"{namespace}/{name}"}
        facts = {"ipam": ipam, "capacity": capacity}
        return {"namespace": namespace, "annotation": joined, **facts}

    storage = network("data", "storage", "whereabouts", 253)
    named = {"data/storage": storage, "default/plain": network("default", "plain", None, None)}
    assert record.outputs == {
        "release": "multus",
        "version": "v4.3.017",
        "networks": named,
        "values": arguments().values,
        "images": list(arguments().images),
    }


def test_what_a_network_has_of_its_own_wins_over_metadata_of_all() -> None:
    function = {
        "name": "fast",
        "type": "sriov",
        "resourceName": "intel.com/netdevice",
        "labels": {"team": "fast"},
        "annotations": {"note": "own"},
    }

    def body() -> None:
        args = arguments(networks=[function], extra_plugins=["sriov"])
        shared = pulumi.Output.from_input("all")
        deploy(args, labels={"team": "net", "site": shared}, annotations={"site": shared})

    metadata = run(body).named("multus-default.fast").inputs["metadata"]
    assert metadata["labels"] == {"team": "fast", "site": "all"}
    assert metadata["annotations"] == {
        "site": "all",
        "note": "own",
        "k8s.v1.cni.cncf.io/resourceName": "intel.com/netdevice",
        "pulumi.com/deletionPropagationPolicy": "background",
    }


def test_a_kubeconfig_and_secret_values_stay_secret() -> None:
    record = run(program(access=Access(kubeconfig("lab"), "lab"), secret_values=True))
    for one in record.of(COMMAND):
        assert one.inputs["environment"]["MULTUS_CONTEXT"] == "lab"
        assert "environment" in one.secrets
    assert "values" in record.named("multus-release").secrets
    [component] = record.of(COMPONENT)
    assert "6443" not in str(component.inputs)


def test_an_opts_parent_does_not_pull_children_out_of_the_component() -> None:
    def body() -> None:
        outer = pulumi.ComponentResource("test:index:Outer", "outer")
        deploy(arguments(), opts=pulumi.ResourceOptions(parent=outer))

    record = run(body)
    [component] = record.of(COMPONENT)
    assert component.request.parent == record.named("outer").urn
    assert all(one.request.parent == component.urn for one in record.of(RELEASE))


OUTPUT: Final = "is an Output, but a plain value is needed here"
INVALID: Final[dict[str, tuple[Callable[[], Any], str]]] = {
    "an Output as ipam": (lambda: arguments(ipam=pulumi.Output.from_input("dhcp")), OUTPUT),
    "an Output in extra values": (
        lambda: arguments(extra_values={"image": {"tag": pulumi.Output.from_input("x")}}),
        f"extra_?[vV]alues.image.tag {OUTPUT}",
    ),
    "a plain mapping": (dict, "args must be MultusArgs"),
}


@pytest.mark.parametrize(("build", "message"), INVALID.values(), ids=INVALID)
def test_invalid_arguments_register_nothing(build: Callable[[], Any], message: str) -> None:
    record = Record()
    with pytest.raises((ValueError, TypeError), match=message):
        run(lambda: MultusComponent("multus", build()), record=record)
    assert record.resources == []


@pytest.mark.parametrize(
    ("access", "message"),
    [
        (lambda: "prod", r"access is an Access\(kubeconfig, context\), not str"),
        (lambda: Access(context=2), "context of Access is a text, not int"),  # type: ignore[arg-type]
    ],
)
def test_a_wrong_access_is_one_line(access: Callable[[], Any], message: str) -> None:
    record = Record()
    with pytest.raises(TypeError, match=message):
        run(lambda: MultusComponent("multus", arguments(), access=access()), record=record)
    assert record.resources == []


def test_what_works_and_may_surprise_is_a_warning() -> None:
    args = arguments(node_selector={"a": "b"})
    warned = [text for level, text in run(program(args)).said if level == "warn"]
    assert warned == [one.sentence for one in args.findings]
    assert warned


def test_a_component_that_was_renamed_keeps_its_providers() -> None:
    """A provider that is not found in the state is made anew, and all that is on it replaced."""
    renamed = pulumi.ResourceOptions(aliases=[pulumi.Alias(name="net")])
    record = run(program(opts=renamed))
    for suffix in ("cluster", "commands"):
        aliases = record.named(f"multus-{suffix}").request.aliases
        assert {one.spec.name for one in aliases} == {"", f"net-{suffix}"}


def test_a_release_without_a_status_is_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    """As `--target` has it, where the release is left out and is in no state."""
    whole = Record.new_resource

    def without(self: Record, args: Any) -> Any:
        name, outputs = whole(self, args)
        outputs.pop("status", None)
        return name, outputs

    monkeypatch.setattr(Record, "new_resource", without)
    assert "MULTUS_REVISION" in run(program()).named("multus-ready").inputs["environment"]
