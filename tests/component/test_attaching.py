"""Pods of the component's user: what their annotation waits for, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from pulumi_kubernetes.core.v1 import ConfigMap
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from components import ArgsError, Macvlan
from components.networks.annotation import KEY, Selection
from tests.component.programs import arguments, deploy
from tests.component.recorder import run


def pod(annotations: Any) -> None:
    ConfigMap("pod", metadata=ObjectMetaArgs(annotations=annotations))


@pytest.mark.parametrize("by", ["networks", "pod_annotations"])
def test_what_is_made_from_an_output_comes_after_networks_and_ready_pods(
    by: str, *, preview: bool
) -> None:
    """Else a pod would start without its network, and nothing would say so."""

    def body() -> None:
        args = arguments()
        made = deploy(args)
        plain = made.networks["data/storage"]["annotation"]
        chosen = made.pod_annotations(Selection(network=args.networks[0]))
        pod(plain if by == "networks" else chosen)

    record = run(body, preview=preview)
    assert "storage" in record.named("pod").inputs["metadata"]["annotations"][KEY]
    assert record.after("pod") == {
        "multus-crd-handover",
        "multus-hold",
        "multus-crds",
        "multus-release",
        "multus-data.storage",
        "multus-default.plain",
        "multus-ready",
    }


def test_control_the_release_alone_does_not_wait_for_them() -> None:
    record = run(lambda: pod({KEY: deploy(arguments()).release_name}))
    assert "multus-ready" not in record.after("pod")


def test_a_network_that_the_component_does_not_deploy_is_refused() -> None:
    other = Macvlan(name="storage", namespace="data", master="eth9")
    with pytest.raises(ArgsError, match=r'network is "data/storage", but that is not one of the'):
        run(lambda: deploy(arguments()).pod_annotations(Selection(network=other)))
