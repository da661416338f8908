"""What a pod chooses in its annotation arrives in the kernel; what is refused would not have.

Every refusal of `pod_annotation` has its control arm here: the annotation written by hand, and what
Multus 4.3 and the plugins make of it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import pytest

from components.networks.annotation import KEY, pod_annotation
from testbed.node.cni import CniError
from testbed.node.node import Node
from testbed.node.pod import Pod
from tests.wire import kernel
from tests.wire.declared import annotation, bridge, local, macvlan, selection, static
from tests.wire.deployed import Deployed

Json = dict[str, Any]
MAC: Final = "02:00:00:00:00:2a"
FREE: Final = ["ips", "mac"]


LIMITS: Final = {"egressRate": 10**6, "egressBurst": 10**6}
NETWORKS: Final[Sequence[Mapping[str, Any]]] = (
    macvlan("lan", local("192.168.80.0/24", "fd00:80::/64"), capabilities=FREE),
    bridge("pods", local("192.168.81.0/24"), capabilities=FREE, tuning={"txQLen": 9}),
    macvlan("fixed", static("192.168.82.5/24", "fd00:82::5/64"), capabilities=FREE),
    macvlan("chosen", {"type": "static"}, capabilities=["ips"]),
    macvlan("given", local("192.168.83.0/24")),
    macvlan("written", static("192.168.84.5/24")),
    macvlan(
        "counted", {"type": "whereabouts", "range": "192.168.85.0/24", "gateway": "192.168.85.1"}
    ),
    macvlan("answers", local("fd00:86::/64"), sbr={}),
    macvlan("six", local("fd00:87::/64")),
    bridge("limited", local("192.168.88.0/24"), bandwidth=LIMITS),
    {"name": "card", "type": "host-device", "device": "nic0", "ipam": static("192.168.89.5/24")},
)
BY_NAME: Final = {str(one["name"]): one for one in NETWORKS}


@pytest.fixture(scope="module")
def stack(deployed: Callable[..., Deployed]) -> Deployed:
    return deployed(ipam="host-local", additionalIpam=["whereabouts"], networks=list(NETWORKS))


@pytest.fixture
def node(stack: Deployed) -> Iterator[Node]:
    yield stack.living_nodes()[0]
    stack.stop_pods()


def started(node: Node, text: str) -> Pod:
    pod = node.pod(networks=text)
    pod.start()
    return pod


def by_hand(*elements: Json) -> str:
    return json.dumps([{"namespace": "default", **one} for one in elements])


def held(pod: Pod, interface: str = "net1") -> list[str]:
    return [str(one) for one in pod.addresses(interface)]


@pytest.mark.parametrize(
    ("name", "wanted", "count"),
    [
        ("lan", ["192.168.80.77/24"], 2),
        ("lan", ["fd00:80::77/64"], 2),
        ("pods", ["192.168.81.77/24"], 1),
        ("fixed", ["192.168.82.77/24", "fd00:82::77/64"], 2),
    ],
)
def test_a_pod_gets_what_it_chose(name: str, wanted: list[str], count: int, node: Node) -> None:
    """`count`: with those that it did not choose, of the other family."""
    wishes = {"ips": tuple(wanted), "mac": MAC, "interface": "lan0"}
    pod = started(node, annotation(BY_NAME[name], **wishes))
    assert set(pod.links()) == {"lo", "eth0", "lan0"}
    found = held(pod, "lan0")
    assert len(found) == count
    assert {*wanted} <= {*found}
    assert kernel.link(pod, "lan0")["address"] == MAC
    status = pod.status()[1]
    assert (status["interface"], status["mac"]) == ("lan0", MAC)
    assert status["ips"] == [one.partition("/")[0] for one in found]


def test_an_address_is_one_pods_until_it_ends(node: Node) -> None:
    text = annotation(BY_NAME["pods"], ips=("192.168.81.77/24",))
    pod = started(node, text)
    with pytest.raises(CniError, match=r"requested IP address 192\.168\.81\.77 is not available"):
        started(node, text)
    pod.stop()
    assert held(started(node, text)) == ["192.168.81.77/24"]


def test_a_network_can_leave_all_addresses_to_its_pods(stack: Deployed, node: Node) -> None:
    wanted = ["192.168.90.77/24", "fd00:90::77/64"]
    pod = started(node, annotation(BY_NAME["chosen"], ips=tuple(wanted)))
    assert held(pod) == wanted
    outputs = stack.outputs["networks"]["default/chosen"]
    assert held(started(node, outputs["example"][KEY])) == ["192.0.2.10/24"]
    # The plain annotation is not in the outputs, for no pod starts with it.
    assert "annotation" not in outputs
    with pytest.raises(ValueError, match=r"ips is missing: network default/chosen has none"):
        annotation(BY_NAME["chosen"])
    with pytest.raises(CniError, match="IPAM plugin returned missing IP config"):
        started(node, by_hand({"name": "chosen"}))


@pytest.mark.parametrize("name", ["lan", "pods", "fixed"])
def test_the_example_in_the_outputs_is_one_that_a_pod_starts_with(
    name: str, stack: Deployed, node: Node
) -> None:
    example = stack.outputs["networks"][f"default/{name}"]["example"]
    text = example[KEY]
    (asked,) = json.loads(text)
    pod = started(node, text)
    assert {*asked["ips"]} <= {*held(pod)}
    assert kernel.link(pod)["address"] == asked["mac"]


@pytest.mark.parametrize(
    ("name", "wanted", "found", "taken"),
    [
        ("given", "192.168.83.77/24", ["192.168.83.77/24"], True),
        ("written", "192.168.84.77/24", ["192.168.84.5/24", "192.168.84.77/24"], True),
        ("counted", "192.168.85.77/24", ["192.168.85.2/24", "192.168.85.77/24"], True),
        ("card", "192.168.89.77/24", ["192.168.89.5/24", "192.168.89.77/24"], False),
    ],
)
def test_without_the_capability_the_plugins_do_as_they_like(
    name: str, wanted: str, found: list[str], node: Node, *, taken: bool
) -> None:
    """Multus hands wishes to the plugins in another way too: a capability guards nothing."""
    for key, wish in (("ips", (wanted,)), ("mac", MAC)):
        with pytest.raises(ValueError, match=rf"Add capabilities: \[{key}\] to it"):
            annotation(BY_NAME[name], **{key: wish})
    if name == "card":
        node.space.check("ip", "link", "add", "nic0", "type", "veth", "peer", "name", "far0")
    pod = started(node, by_hand({"name": name, "ips": [wanted], "mac": MAC}))
    assert held(pod) == found
    assert (kernel.link(pod)["address"] == MAC) == taken


def test_host_local_takes_one_address_that_a_pod_chooses(node: Node) -> None:
    wanted = ["192.168.80.77/24", "fd00:80::77/64"]
    with pytest.raises(ValueError, match="host-local takes one"):
        annotation(BY_NAME["lan"], ips=tuple(wanted))
    with pytest.raises(CniError, match=r"invalid IP address 192\.168\.80\.77/24,fd00:80"):
        started(node, by_hand({"name": "lan", "ips": wanted}))


def test_eth0s_default_route_stays_so_another_is_refused(node: Node) -> None:
    with pytest.raises(ValueError, match=r"Multus leaves eth0's default route of IPv4 and drops"):
        annotation(BY_NAME["given"], default_route=("192.168.83.1",))
    pod = started(node, by_hand({"name": "given", "default-route": ["192.168.83.1"]}))
    own = [(str(node.subnet[1]), 0)]
    assert pod.default_routes() == own
    # The control: of a family that eth0 has no default route of, the pod gets the one it chose.
    pod = started(node, annotation(BY_NAME["six"], default_route=("fd00:87::1",)))
    assert pod.default_routes() == own
    assert pod.routes()["default"] == "fd00:87::1"


def test_behind_sbr_there_is_no_way_to_a_default_routes_gateway(node: Node) -> None:
    with pytest.raises(ValueError, match="has sbr, which has moved the way to the gateway"):
        annotation(BY_NAME["answers"], default_route=("fd00:86::1",))
    with pytest.raises(CniError, match="error setting default gateway: no route to host"):
        started(node, by_hand({"name": "answers", "default-route": ["fd00:86::1"]}))


def test_a_network_twice_in_a_pod_but_not_with_limits(node: Node) -> None:
    twice = [selection(BY_NAME["limited"])] * 2
    with pytest.raises(ValueError, match="one device for each pod and network"):
        pod_annotation(twice)
    with pytest.raises(CniError, match=r'"bandwidth" failed .add.: adding link: file exists'):
        started(node, by_hand({"name": "limited"}, {"name": "limited"}))
    # The control arm: it is not the network twice that fails.
    pod = started(node, pod_annotation([selection(BY_NAME["lan"])] * 2).value)
    assert len({*held(pod, "net1"), *held(pod, "net2")}) == 4
