"""Pods of the component's user: what their annotation waits for, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pulumi
import pytest
from pulumi_kubernetes.core.v1 import ConfigMap
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from components import Access, Macvlan, MultusComponent, Selection, access, provider
from components.faults import ArgsError
from components.networks.annotation import KEY
from tests.component.recorder import Record, run
from tests.component.test_structure import arguments


@pytest.fixture(params=[False, True], ids=["up", "preview"])
def preview(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def joined(record: Record) -> set[str]:
    """What a resource depends on that was made with the annotations."""
    assert record.named("pod").inputs["metadata"]["annotations"][KEY]
    return record.after("pod")


def pod(annotations: Any) -> None:
    ConfigMap("pod", metadata=ObjectMetaArgs(annotations=annotations))


@pytest.mark.parametrize("by", ["networks", "pod_annotations"])
def test_what_is_made_from_an_output_comes_after_networks_and_ready_pods(
    by: str, *, preview: bool
) -> None:
    """Else a pod would start without its network, and nothing would say so."""
    args = arguments()

    def body() -> None:
        made = MultusComponent("multus", args)
        plain = made.networks["data/storage"]["annotation"]
        chosen = made.pod_annotations(Selection(network=args.networks[0]))
        pod(plain if by == "networks" else chosen)

    assert joined(run(body, preview=preview)) == {
        "multus-crd-handover",
        "multus-crds",
        "multus-release",
        "multus-data.storage",
        "multus-default.plain",
        "multus-ready",
    }


def test_control_the_release_alone_does_not_wait_for_them() -> None:
    def body() -> None:
        made = MultusComponent("multus", arguments())
        pod({KEY: made.release_name})

    assert "multus-ready" not in joined(run(body))


def test_a_network_that_the_component_does_not_deploy_is_refused() -> None:
    other = Macvlan(name="storage", namespace="data", master="eth9")

    def body() -> None:
        MultusComponent("multus", arguments()).pod_annotations(Selection(network=other))

    with pytest.raises(ArgsError, match=r'network is "data/storage", but that is not one of the'):
        run(body)


def test_one_program_can_serve_two_clusters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access, "refuse_context", lambda *_: None)
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text("")
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))

    def body() -> None:
        for name in ("east", "west"):
            reach = Access(context=name)
            on = pulumi.ResourceOptions(provider=provider(reach, name))
            MultusComponent(f"multus-{name}", arguments(), access=reach, opts=on)

    record = run(body)
    for name in ("east", "west"):
        made = record.named(f"multus-{name}-release")
        assert made.provider.startswith(f"{record.named(name).urn}::")
    urns = [one.urn for one in record.resources]
    assert len(urns) == len({*urns})
