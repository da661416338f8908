"""The committed JSON Schema is the generated one, and says what the models say.

An editor that underlines what the program takes, or passes what any schema could refuse, teaches
people to ignore it. So both verdicts are compared: on the committed stacks, on a table of good
stacks, on every good stack with one thing wrong in it, and on the faulty ones, where a reviewed
list names each file that only the models can refuse, and why.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from jsonschema import Draft202012Validator

from tests.stacks.files import STACKS, parsed, stack_file
from tests.stacks.test_faulty import FILES
from tools import schema

COMMITTED: Final = json.loads(schema.FILE.read_text())
VALIDATOR: Final = Draft202012Validator(COMMITTED)
Stack = dict[str, Any]

K3S: Final = {"distribution": "k3s", "version": "v1.34.2+k3s1", "nodes": "multi"}
RKE2: Final = {"distribution": "rke2", "version": "v1.34.2+rke2r1", "nodes": "multi"}
CUSTOM: Final = {
    "distribution": "custom",
    "nodes": "multi",
    "confDir": "/etc/cni/net.d",
    "binDir": "/opt/cni/bin/",
    "clusterCidr": ["10.244.0.0/16"],
    "serviceCidr": ["10.96.0.0/12"],
}
SINGLE: Final = {**K3S, "nodes": "single"}
SECRET: Final = {"secure": "v1:AAAA"}

# Faulty stack files that no schema can refuse, by reason.
ONLY_THE_MODELS_SEE: Final = {
    # It depends on another field, or on the stack's IPAM or cluster.
    "beside": """
        bridge-gateway-is-the-pods bridge-gateway-unnamed bridge-gateway-with-dhcp
        bridge-gateway-with-dual-stack bridge-gateway-without-addresses
        chart-digest-of-no-chart chart-repository-beside-path
        additional-ipam ipam-of-neither thick-plugin-on-k3s thick-plugin-in-other-directories
        dynamic-networks-without-thick dynamic-networks-without-socket
        resources-of-what-is-not-deployed resources-of-an-older-chart
        schedule-without-whereabouts
        bridge-gateways-of-one-network cluster-custom-one-directory
        dhcp-option-twice ipvlan-layer-3-with-dhcp
        range-of-the-pods range-of-the-pods-of-a-custom-cluster
        range-of-the-services route-takes-the-services
        raw-bandwidth-without-cable raw-beside-others raw-what-does-not-fit
        static-without-addresses static-empty raw-chained-alone raw-ipam-alone
        raw-tuning-mtu raw-values-of-another-type raw-of-the-clusters-own
        bond-of-what-the-cluster-needs
        raw-host-local-on-several-nodes raw-known-fields raw-name raw-plugin-of-nobody raw-version
        raw-whereabouts-gateway raw-whereabouts-path
        bandwidth-half bandwidth-without-cable bandwidth-without-room
        capabilities-nobody-serves
        host-device-mtu host-device-named-twice host-device-no-device
        sbr-with-chosen-addresses
        sbr-without-addresses sbr-without-gateway sriov-annotation-by-hand sriov-rates
        sriov-without-its-plugin tuning-disables-ipv6 tuning-nothing
        bridge-hairpin-and-promiscuous bridge-trunk dhcp-in-whereabouts-stack
        dhcp-value-and-argument exclude-beside-ip-ranges gateway-with-dual-stack
        global-namespaces-without-isolation host-local-on-several-nodes
        bridge-name-too-long-for-its-vlan dhcp-option-by-name-and-number
        route-gateway-of-one-subnet second-subnet-of-the-pods services-among-the-pods
        ipam-of-another-stack missing-range missing-subnet mtu-too-small-for-ipv6
        range-beside-ip-ranges ranges-beside-subnet ranges-mix-families
        route-of-other-family static-gateway-is-itself static-twice
    """,
    # It depends on another network.
    "across": """
        bond-takes-a-master extra-binaries-twice host-device-takes-a-master host-device-twice
        vlan-and-bridge-on-one-wire vlan-of-one-master-twice
        duplicate-name gateway-handed-out-by-another-network ipvlan-modes-differ
        bridge-gateway-handed-out-by-another-network bridge-gateways-of-two-networks
        overlap-by-default-vlan static-takes-the-gateway
        macvlan-and-ipvlan overlap-on-master overlap-same-range
        overlap-of-macvlan-and-bridge-on-one-device overlap-static-in-range passthru-shared
        one-subnet-on-two-bridges
    """,
    # Of the right form, and not a possible address, range or number.
    "arithmetic": """
        schedule schedule-never
        chart-repository-broken chart-repository-with-unicode range-without-pool-name
        route-gateway-is-broadcast
        route-half-default gateways-take-all link-local-range route-to-loopback route-twice
        static-gateway-is-another-of-the-pod static-is-broadcast static-route-to-itself
        exclude-everything exclude-foreign exclude-malformed gateway-is-broadcast
        gateway-handed-out-by-another-range gateway-malformed gateway-outside
        gateway-outside-host-local gateway-takes-all ip-ranges-of-one-pool ip-ranges-overlap
        ipv4-mapped route-gateway-handed-out
        loopback-address multicast-range
        host-bits host-bits-ipv6 lease-times no-room no-room-host-local no-room-ipv6
        range-end-is-broadcast range-start-after-end range-start-is-network-address
        range-start-of-other-family range-start-outside ranges-overlap-inside route-default
        route-gateway-unreachable static-is-network-address
    """,
    # Helm values against what the program sets or the chart cannot do.
    "raw": """
        extra-values-conflict extra-values-conflict-above extra-values-conflict-isolation
        extra-values-global-namespaces extra-values-hints extra-values-no-effect
        extra-values-node-slices extra-values-text-for-boolean
        extra-values-thick extra-values-token extra-values-wrong-shape
        extra-values-control-character extra-values-equal
        extra-values-image-with-tag extra-values-log-level extra-values-nested-typo
        extra-values-null extra-values-skipped-plugin extra-values-unquoted-tag
        extra-values-without-whereabouts extra-values-wrong-resources
        extra-values-account-is-a-date extra-values-account-of-k3s extra-values-security
        affinity-that-kubernetes-refuses
        account-of-the-controller
        thick-values registry-twice registry-in-extra-values
    """,
}


def stack(ipam: str, *networks: Stack, cluster: Stack | None = None, **others: Any) -> Stack:
    config: Stack = {"cluster": cluster or (SINGLE if ipam == "host-local" else K3S), "ipam": ipam}
    config |= {"networks": list(networks)} if networks else {}
    return {"config": {f"multus:{key}": value for key, value in {**config, **others}.items()}}


def on(ipam: Stack | None, kind: str = "macvlan", **others: Any) -> Stack:
    ports: dict[str, Stack] = {
        "bridge": {"bridge": "br1"},
        "host-device": {},
        "raw": {},
        "sriov": {"resourceName": "intel.com/netdevice"},
        "bond": {"mode": "active-backup", "links": [{"name": "net1"}, {"name": "net2"}]},
    }
    port = ports.get(kind, {"master": "eth1"})
    body = {"name": "lan", "type": kind, **port, **others}
    return body if ipam is None else {**body, "ipam": ipam}


def wb(**fields: Any) -> Stack:
    return {"type": "whereabouts", **fields}


def local(**fields: Any) -> Stack:
    return {"type": "host-local", **fields}


FLAT: Final = wb(range="10.0.0.0/24")
DUAL: Final[list[Stack]] = [
    {"range": "10.0.0.0/24", "exclude": ["10.0.0.9"]},
    {"range": "fd00::/64"},
]
SUBNET: Final = local(subnet="10.0.0.0/24")
STATIC: Final = {"type": "static", "addresses": [{"address": "10.0.0.5/24", "gateway": "10.0.0.1"}]}
GOOD: Final[dict[str, Stack]] = {
    "nothing but the IPAM": stack("dhcp"),
    "no networks": stack("whereabouts", networks=[]),
    "layer 2 only": stack("dhcp", on(None)),
    "another data directory": stack("dhcp", cluster={**K3S, "dataDir": "/mnt/k3s/"}),
    "a release candidate": stack("dhcp", cluster={**K3S, "version": "v1.35.0-rc1+k3s2"}),
    "RKE2": stack("whereabouts", on(FLAT), cluster=RKE2),
    "a custom cluster": stack("whereabouts", on(FLAT), cluster=CUSTOM),
    "a socket": stack("dhcp", cluster={**CUSTOM, "containerdSocket": "/run/c.sock"}),
    "whereabouts": stack("whereabouts", on(FLAT)),
    "a gateway and routes": stack(
        "whereabouts",
        on(wb(range="10.0.0.0/24", gateway="10.0.0.1", routes=[{"dst": "10.9.0.0/16"}])),
    ),
    "limits and exclusions": stack(
        "whereabouts",
        on(wb(range="fd00::/64", rangeStart="fd00::10", exclude=["fd00::20", "fd00::30/124"])),
    ),
    "dual stack": stack("whereabouts", on(wb(ipRanges=DUAL))),
    "a gateway in one of two ranges": stack(
        "whereabouts",
        on(wb(ipRanges=[{"range": "10.0.0.0/24"}, {"range": "10.1.0.0/24"}], gateway="10.1.0.1")),
    ),
    "a pool with a name of its own": stack(
        "whereabouts", on(wb(range="::1:0/112", networkName="pool"))
    ),
    "a route to many": stack(
        "whereabouts", on(wb(range="10.0.0.0/24", routes=[{"dst": "239.0.0.0/8"}]))
    ),
    "a shared pool": stack(
        "whereabouts",
        on(wb(range="10.0.0.0/24", networkName="pool")),
        on(wb(range="10.0.0.0/24", networkName="pool"), name="two"),
    ),
    "lease times and log": stack(
        "whereabouts",
        on(wb(range="10.0.0.0/24", leaderLeaseDuration=3000, logFile="/a.log", logLevel="debug")),
    ),
    "DNS": stack(
        "whereabouts", on(wb(range="10.0.0.0/24", dns={"nameservers": ["10.0.0.2"], "domain": "x"}))
    ),
    "host-local": stack("host-local", on(SUBNET)),
    "host-local on nodes apart": stack(
        "host-local", on(local(subnet="10.0.0.0/24", allowMultiNode=True)), cluster=K3S
    ),
    "host-local with ranges": stack(
        "host-local",
        on(local(ranges=[[{"subnet": "10.0.0.0/25"}, {"subnet": "10.0.0.128/25"}]])),
    ),
    "host-local with directories": stack(
        "host-local", on(local(subnet="10.0.0.0/24", dataDir="/d", resolvConf="/etc/resolv.conf"))
    ),
    "dhcp": stack("dhcp", on({"type": "dhcp"})),
    "dhcp options": stack(
        "dhcp",
        on({"type": "dhcp", "request": [{"option": "42"}], "priority": 5}),
        on({"type": "dhcp", "provide": [{"option": "host-name", "value": "x"}]}, name="two"),
    ),
    "static": stack("dhcp", on(STATIC)),
    "ipvlan": stack("whereabouts", on(FLAT, "ipvlan", mode="l3s", mtu=1400)),
    "bridge": stack("host-local", on(SUBNET, "bridge", isGateway=True, ipMasq=True)),
    "bridge with VLANs": stack(
        "dhcp", on(None, "bridge", vlan=5, vlanTrunk=[{"id": 7}, {"minID": 10, "maxID": 20}])
    ),
    "vlan": stack("whereabouts", on(FLAT, "vlan", vlanId=5, mtu=1400)),
    "host-device": stack("dhcp", on({"type": "dhcp"}, "host-device", device="eth2")),
    "host-devices by their addresses": stack(
        "dhcp",
        on(None, "host-device", hwaddr="02:00:00:00:00:01"),
        on(None, "host-device", name="two", pciBusID="0000:00:1f.6"),
        on(None, "host-device", name="three", kernelpath="/sys/devices/pci0000:00"),
        on(None, "host-device", name="four", resourceName="intel.com/nic"),
    ),
    "sriov": stack(
        "whereabouts",
        on(
            FLAT,
            "sriov",
            vlan=5,
            vlanQoS=3,
            vlanProto="802.1ad",
            spoofchk=False,
            trust=True,
            linkState="enable",
            minTxRate=10,
            maxTxRate=100,
            logLevel="debug",
            logFile="/var/log/sriov.log",
        ),
        extraBinaries=["sriov"],
    ),
    "bond": stack(
        "dhcp",
        on(None, "bond", failOverMac=1, miimon=200, mtu=1400),
        on(
            None,
            "bond",
            name="two",
            mode="balance-tlb",
            linksInContainer=False,
            allSlavesActive=True,
            tlbDynamicLb=False,
            xmitHashPolicy="layer3+4",
        ),
    ),
    "plugins behind": stack(
        "host-local",
        on(
            SUBNET,
            "bridge",
            tuning={
                "sysctl": {"net.ipv4.conf.IFNAME.arp_filter": "1"},
                "promisc": True,
                "allmulti": False,
                "txQLen": 500,
            },
            sbr={},
            bandwidth={
                "ingressRate": 10**6,
                "ingressBurst": 10**6,
                "egressRate": 10**6,
                "egressBurst": 10**6,
            },
            capabilities=["ips", "mac"],
        ),
    ),
    "raw": stack(
        "dhcp",
        on(None, "raw", config={"type": "macvlan", "master": "eth1", "linkInContainer": False}),
        on(
            None, "raw", name="two", config='{"type": "ovs", "bridge": "br1", "trunk": [{"id": 5}]}'
        ),
        on(
            None,
            "raw",
            name="three",
            config={"plugins": [{"type": "ptp", "ipam": {"type": "dhcp"}}, {"type": "portmap"}]},
        ),
        extraBinaries=["ovs"],
    ),
    "labels and annotations": stack(
        "dhcp", on(None, labels={"team": "net", "a.b/c": ""}, annotations={"note": "any text: é"})
    ),
    "passthru": stack("dhcp", on(None, mode="passthru", bcqueuelen=1000, namespace="data")),
    "an older chart": stack("dhcp", chart={"version": "v4.2.418"}),
    "a chart of one's own": stack(
        "dhcp", chart={"path": "charts", "sha256": "a" * 64, "crdSha256": "sha256:" + "B" * 64}
    ),
    "several IPAMs": stack(
        "whereabouts",
        on(FLAT),
        on({"type": "dhcp"}, name="two"),
        additionalIpam=["dhcp", "host-local"],
    ),
    "air-gapped": stack("dhcp", registry="a.lan:5000/b", imagePullSecrets=["pull"]),
    "placed": stack(
        "whereabouts",
        tolerations=[{"operator": "Exists"}, {"key": "a", "value": "b", "effect": "NoSchedule"}],
        nodeSelector={"example.com/multus": "yes"},
        resources={"whereabouts": {"requests": {"cpu": 1}, "limits": {"memory": "300Mi"}}},
        reconcilerSchedule="0,30 * * * mon-fri",
    ),
    "thick": stack(
        "dhcp",
        cluster=RKE2,
        thickPlugin=True,
        dynamicNetworksController=True,
        resources={"multus": {"limits": {"memory": "2Gi"}}},
    ),
    "a mirror": stack("dhcp", chart={"repository": "http://charts.lan/rke2/"}),
    "namespaces": stack(
        "dhcp", globalNamespaces=["default", "shared"], createNamespaces=True, protect=True
    ),
    "no isolation": stack("dhcp", namespaceIsolation=False, timeout=600),
    "no preflight": stack("dhcp", preflight="off"),
    "raw values": stack("dhcp", extraValues={"image": {"tag": "x"}, "cniplugins": {}}),
    "null for what has no value": stack("dhcp", on(None, mtu=None)),
    "other providers' keys": {
        "config": {**stack("dhcp")["config"], "kubernetes:context": "x", "aws:region": "eu"}
    },
}
# Of these, pydantic sees neither the access keys nor what stands beside `config`.
GOOD_FOR_THE_SCHEMA: Final[dict[str, Stack]] = {
    "access": stack("dhcp", kubeconfig=SECRET, context="lab"),
    "secret raw values": stack("dhcp", extraValues=SECRET),
    "what the CLI writes": {
        **stack("dhcp"),
        "encryptionsalt": "v1:x",
        "secretsprovider": "awskms://x",
        "encryptedkey": "x",
        "environment": ["lab"],
    },
}
BAD_FOR_THE_SCHEMA: Final[dict[str, Stack]] = {
    "a kubeconfig in clear": stack("dhcp", kubeconfig="apiVersion: v1"),
    "a number in quotes": stack("dhcp", timeout="300"),
    "a boolean in quotes": stack("dhcp", protect="true"),
    "the old form of a key": {"config": {**stack("dhcp")["config"], "multus:config:ipam": "dhcp"}},
    "a key without namespace": {"config": {**stack("dhcp")["config"], "protect": True}},
    "a misspelt config": {**stack("dhcp"), "cofnig": {}},
    "no config": {},
}


def ours(config: Stack) -> Stack:
    """What `components.settings` takes from a config."""
    return {key: value for key, value in config.items() if key.startswith("multus:")}


def schema_takes(content: Any) -> bool:
    return VALIDATOR.is_valid(content)


def models_take(content: Any) -> bool:
    return parsed(ours(content["config"]))[0] is not None


WRONG: Final[tuple[Any, ...]] = (7, "?", True, None, [], {})


def changed(node: Any) -> Iterator[Any]:
    """`node` with one thing in it missing, added, or of another kind."""
    children: list[Any] = []
    if isinstance(node, dict):
        children = list(node)
        for key in children:
            yield {name: value for name, value in node.items() if name != key}
        yield {**node, "multus:unheardOf": 1}
    elif isinstance(node, list):
        children = list(range(len(node)))
    for child in children:
        others = [other for other in WRONG if other != node[child]]
        for value in [*others, *changed(node[child])]:
            copied = copy.copy(node)
            copied[child] = value
            yield copied


def test_is_valid_and_committed_as_generated() -> None:
    Draft202012Validator.check_schema(COMMITTED)
    assert schema.FILE.read_text() == schema.text(), f"run {schema.COMMAND}"


def test_check_tells_when_the_file_is_old(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(schema, "FILE", tmp_path / "schemas" / "stack.schema.json")
    assert schema.main(["--check"]) == 1
    assert capsys.readouterr().err == (
        "stack.schema.json is out of date. Run python -m tools.schema\n"
    )
    assert schema.main([]) == 0
    assert schema.main(["--check"]) == 0


def test_every_key_says_what_it_is_for() -> None:
    models = [one["properties"] for one in COMMITTED["$defs"].values()]
    settings = COMMITTED["properties"]["config"]["properties"]
    lacking = [
        key
        for properties in [*models, settings]
        for key, value in properties.items()
        if not value.get("description") and key != "secure"
    ]
    assert lacking == []


@pytest.mark.parametrize("name", STACKS)
def test_both_take_the_committed_stacks(name: str) -> None:
    content = yaml.safe_load(stack_file(name).read_text())
    assert [error.message for error in VALIDATOR.iter_errors(content)] == []
    assert models_take(content)


@pytest.mark.parametrize("name", GOOD)
def test_both_take_good_stacks(name: str) -> None:
    assert [error.message for error in VALIDATOR.iter_errors(GOOD[name])] == []
    assert parsed(ours(GOOD[name]["config"]))[1] == []


@pytest.mark.parametrize("name", GOOD)
def test_what_the_schema_refuses_in_a_changed_stack_the_models_refuse_too(name: str) -> None:
    for config in changed(ours(GOOD[name]["config"])):
        content = {"config": config}
        if not schema_takes(content):
            assert not models_take(content), content


@pytest.mark.parametrize("name", GOOD_FOR_THE_SCHEMA)
def test_the_schema_takes(name: str) -> None:
    assert [error.message for error in VALIDATOR.iter_errors(GOOD_FOR_THE_SCHEMA[name])] == []


@pytest.mark.parametrize("name", BAD_FOR_THE_SCHEMA)
def test_the_schema_refuses(name: str) -> None:
    assert not schema_takes(BAD_FOR_THE_SCHEMA[name])


def test_the_models_alone_see_exactly_the_reviewed_faults() -> None:
    taken = {file.stem for file in FILES if schema_takes(yaml.safe_load(file.read_text()))}
    assert taken == set(" ".join(ONLY_THE_MODELS_SEE.values()).split())
