"""What `doctor` finds in a cluster, and that it says nothing of a healthy one."""

from __future__ import annotations

import json
import re
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

import pytest
from typer.testing import CliRunner

from components.args import MultusArgs
from components.cli.app import app
from components.cli.doctor import show
from components.cluster_tasks.attachments import NETWORKS, STATUS
from components.doctor import Seen, examined
from components.doctor.diagnosis import Diagnosis
from components.doctor.seen import READS
from components.findings import Severity
from components.model import read
from tests.stacks.files import stack_path
from tests.unit.tasks import cases, executable

Json = dict[str, Any]
RANGE: Final = "192.168.20.0/28"
DEPLOYED: Final = {"multus": ["1 deployed"], "multus-crd": ["1 deployed"]}
SETTINGS: Final[Json] = {
    "cluster": {"distribution": "k3s", "version": "v1.34.2+k3s1", "nodes": "multi"},
    "networks": [
        {
            "name": "lan",
            "namespace": "default",
            "type": "macvlan",
            "master": "eth1",
            "ipam": {
                "type": "whereabouts",
                "range": RANGE,
                "rangeStart": "192.168.20.2",
                "rangeEnd": "192.168.20.11",
            },
        }
    ],
}


def pod(key: str, notes: Json, status: Json | None = None, daemons: str = "") -> Json:
    """A pod that runs on node-1, with what is given of its status; of a DaemonSet, if named."""
    space, _, name = key.partition("/")
    owners = [{"kind": "DaemonSet", "name": daemons}] if daemons else []
    meta = {"name": name, "namespace": space, "uid": key, "ownerReferences": owners}
    state = {"phase": "Running", "podIPs": [{"ip": "10.42.0.9"}], **(status or {})}
    return {
        "metadata": {**meta, "annotations": notes},
        "spec": {"nodeName": "node-1"},
        "status": state,
    }


def with_interface(key: str, given: str | None) -> Json:
    network, _, address = (given or "default/lan").partition("=")
    eth0 = {"name": "cbr0", "default": True, "ips": ["10.42.0.9"]}
    status = {STATUS: json.dumps([eth0, {"name": network, "ips": [address]}])}
    return pod(key, {NETWORKS: network, **(status if given else {})})


def pods_of(case: Json) -> list[Json]:
    asks = {NETWORKS: "lan"}
    return [
        *(with_interface(key, one) for key, one in case.get("pods", {}).items()),
        *(pod(one, asks, {"phase": "Succeeded"}) for one in case.get("ended", ())),
        *(pod(one, asks, {"podIPs": []}) for one in case.get("starting", ())),
        *(pod(f"kube-system/{one}-x", {}, daemons=one) for one in case.get("daemonsets", ())),
        *(with_interface(name, f"default/lan={address}") for address, name in many(case).items()),
        pod("kube-system/m", {}, {"conditions": [{"type": "Ready", "status": "True"}]}, "multus"),
    ]


def many(case: Json) -> dict[str, str]:
    first = ip_address("192.168.20.2")
    return {str(first + one): f"default/m{one}" for one in range(case.get("many", 0))}


def node(name: str, labels: list[str]) -> Json:
    own = dict(one.split("=") for one in labels)
    return {"metadata": {"name": name, "labels": {"kubernetes.io/os": "linux", **own}}}


def network(name: str, ipam: str) -> Json:
    config = json.dumps({"ipam": {"type": ipam}})
    return {"metadata": {"name": name, "namespace": "default"}, "spec": {"config": config}}


def record(name: str, revision: str) -> Json:
    version, status = revision.split()
    return {"metadata": {"labels": {"name": name, "version": version, "status": status}}}


def refused(key: str, why: str) -> Json:
    """An event about a pod, in containerd's words."""
    head = "Failed to create pod sandbox: rpc error: code = Unknown desc = failed to "
    said = f'{head}setup network for sandbox "4f1c": plugin type="multus" failed (add): {why}'
    return {"involvedObject": {"uid": key}, "message": said, "eventTime": None}


def seen(case: Json, *forbidden: str) -> Seen:
    base = int(ip_address("192.168.20.0"))
    held = {**case.get("pools", {}), **many(case)}

    def pool(name: str, held: Json) -> Json:
        taken = {str(int(ip_address(ip)) - base): {"podref": of} for ip, of in held.items()}
        return {
            "metadata": {"name": name, "namespace": "kube-system"},
            "spec": {"range": RANGE, "allocations": taken},
        }

    releases = case.get("releases", DEPLOYED)
    lists = {
        "pods": pods_of(case),
        "nodes": [node(*one) for one in case.get("nodes", {"node-1": []}).items()],
        "networks": [network("lan", "whereabouts"), network("other", "static")],
        "pools": [
            pool("192.168.20.0-28", held),
            pool("team-192.168.20.0-28", case.get("poolOfTeam", {})),
        ],
        "events": [refused(*one) for one in case.get("refused", {}).items()],
        "releases": [record(name, one) for name, all_of in releases.items() for one in all_of],
    }
    found = {name: {"items": items} for name, items in lists.items() if name not in forbidden}
    not_ready = {name: tuple(lines) for name, lines in case.get("notReady", {}).items()}
    return Seen(found, frozenset(forbidden), not_ready)


@pytest.mark.parametrize("case", cases("doctor"))
def test_what_is_found(case: Json) -> None:
    settings = {**SETTINGS, "nodeSelector": case.get("nodeSelector", {})}
    if case.get("deploy") == "networks":
        settings["deploy"] = "networks"
    else:
        settings["ipam"] = "whereabouts"
    found = [*examined(seen(case), read(MultusArgs, settings))]
    named = {f"{one.severity} {one.check} {one.subject}": one.command for one in found}
    expected = case["found"]
    if not any("unused" in one for one in expected):  # which the first case shows
        named = {name: one for name, one in named.items() if "unused" not in name}
    assert named.keys() == expected.keys()
    for name, command in expected.items():
        assert named[name].startswith(command), named[name]


HEALTHY: Final[Json] = {
    "pods": {"default/a": "default/lan=192.168.20.2", "default/b": "default/other=192.168.30.2"},
    "pools": {"192.168.20.2": "default/a"},
}


@pytest.mark.parametrize("forbidden", [None, *READS])
def test_what_may_not_be_read_is_not_said_to_be_missing(forbidden: str | None) -> None:
    args = read(MultusArgs, {**SETTINGS, "ipam": "whereabouts"})
    found = seen(HEALTHY, *([forbidden] if forbidden else []))
    assert [*examined(found, args)] == []


def test_pools_that_whereabouts_did_not_write_stop_nobody() -> None:
    meta = {"name": "p", "namespace": "kube-system"}
    odd = {"x": {}, "-5": {"podref": "a/b"}, "9" * 60: {"podref": "a/b"}, "3": None}
    specs = [{"range": "nope"}, {"range": RANGE, "allocations": odd}]
    found = Seen({"pools": {"items": [{"metadata": meta, "spec": one} for one in specs]}})
    assert [str(one.address) for one in found.allocations] == ["192.168.20.3"]


@pytest.mark.parametrize(
    ("name", "cidr", "network"),
    [
        ("192.168.20.0-28", RANGE, ""),
        ("team.a-192.168.20.0-28", RANGE, "team.a"),
        ("192.168.20.0-28-node-1", RANGE, ""),
        ("team-192.168.20.0-28-node-1", RANGE, "team"),
        ("team-fd00---64", "fd00::/64", "team"),
    ],
)
def test_a_pool_is_of_the_network_in_its_name(name: str, cidr: str, network: str) -> None:
    """As `IPPoolName` in Whereabouts' pkg/storage/kubernetes/ipam.go puts it together."""
    spec = {"range": cidr, "allocations": {"3": {"podref": "a/b"}}}
    pool = {"metadata": {"name": name, "namespace": "kube-system"}, "spec": spec}
    [allocation] = Seen({"pools": {"items": [pool]}}).allocations
    assert allocation.network == network


EMPTY: Final = "echo '{\"items\": []}'"
NO_WORKLOADS: Final = f"""
case "$*" in *daemonsets,deployments*)
    echo 'Error from server (Forbidden): deployments.apps is forbidden: User "u"' >&2; exit 1;;
esac
{EMPTY}"""
SILENT: Final = "echo 'error: connection to the server 10.0.0.1 was refused' >&2; exit 1"


def doctor(folder: Path, kubectl: str, *options: str) -> Any:
    executable(folder / "kubectl", kubectl)
    env = {"PATH": f"{folder}:/usr/bin:/bin", "KUBECONFIG": "/dev/null"}
    result = CliRunner().invoke(app, ["doctor", str(stack_path("dev")), *options], env=env)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def test_each_finding_has_its_next_command(tmp_path: Path) -> None:
    result = doctor(tmp_path, EMPTY)
    assert result.exit_code == 1
    assert result.output.splitlines()[-5:] == [
        "warning: multus is no Helm release here [release]",
        "  next: pulumi up --refresh",
        "warning: DaemonSet/multus is not ready: does not exist [workload]",
        "  next: pulumi config set multus:repair WHY && pulumi up",
        "3 findings",
    ]
    found = json.loads(doctor(tmp_path, EMPTY, "--json").stdout)
    assert [one["check"] for one in found["findings"]] == ["release", "release", "workload"]
    assert found["unread"] == []


def test_workloads_that_may_not_be_read_hide_nothing_else(tmp_path: Path) -> None:
    result = doctor(tmp_path, NO_WORKLOADS)
    assert result.exit_code == 1
    assert result.output.splitlines()[-4:] == [
        "warning: multus is no Helm release here [release]",
        "  next: pulumi up --refresh",
        "note: the kubeconfig's user may not read workloads, so they were not looked at",
        "2 findings",
    ]


def test_a_cluster_that_does_not_answer_is_one_line(tmp_path: Path) -> None:
    result = doctor(tmp_path, SILENT)
    assert result.exit_code == 2
    [line] = result.stderr.splitlines()
    assert line.startswith("error: the cluster does not answer: ")


@pytest.mark.parametrize(
    ("severities", "said"),
    [
        ("", "nothing is wrong"),
        ("n", "nothing is wrong and 1 note"),
        ("w", "1 finding"),
        ("wnwn", "2 findings and 2 notes"),
    ],
)
def test_notes_are_counted_apart(
    severities: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    kinds = {"n": Severity.NOTE, "w": Severity.WARNING}
    show([Diagnosis("x", "a", "is", "go", kinds[one]) for one in severities], as_json=False)
    assert capsys.readouterr().out.splitlines()[-1] == said


def test_as_markdown_a_finding_is_text_and_nothing_more(
    capsys: pytest.CaptureFixture[str],
) -> None:
    hostile = "<img src=x> @everyone [a](b) `c`"
    one = Diagnosis(
        "x", f"pod {hostile}", f"is {hostile}", "kubectl get pod", details=("- a", "+ b")
    )
    show([one], ["pods"], as_markdown=True)
    said = capsys.readouterr().out
    assert said.startswith("### 1 finding\n")
    assert "  Next: `kubectl get pod`" in said
    assert "  ```diff\n  - a\n  + b\n  ```" in said
    assert "- note: the " in said
    code = re.compile(r"(`+)[^`](?:.*?[^`])?\1(?!`)|<details>.*</details>", re.DOTALL)
    outside = code.sub("", said)
    assert not re.search(r"[<@\[]", outside)
