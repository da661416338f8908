"""The programs in examples/: what they register."""

from __future__ import annotations

import json
import runpy
import sys
from collections.abc import Callable
from typing import Final

import pytest

import components
from components import multus
from components.networks.annotation import KEY
from tests.component.programs import PACKAGES
from tests.component.recorder import Record, run
from tests.library import EXAMPLES

NETWORK: Final = "kubernetes:k8s.cni.cncf.io/v1:NetworkAttachmentDefinition"


@pytest.fixture(autouse=True)
def _library(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library under the name that it has elsewhere, where no chart repository answers."""
    monkeypatch.setitem(sys.modules, "multus_k3s", components)
    monkeypatch.setattr(multus, "download_packages", lambda _: PACKAGES)


def example(name: str) -> Callable[[], None]:
    def body() -> None:
        runpy.run_path(str(EXAMPLES / name / "__main__.py"), run_name="__main__")

    return body


def everything_is_on(record: Record, provider: str) -> bool:
    urn = record.named(provider).urn
    ours = [one for one in record.resources if one.token.startswith("kubernetes:")]
    return len(ours) > 1 and all(one.request.provider.startswith(f"{urn}::") for one in ours)


def test_three_lines_deploy_multus(*, preview: bool) -> None:
    record = run(example("three-lines"), preview=preview)
    assert record.named("multus-release").inputs["chart"] == PACKAGES["rke2-multus"]
    assert len(record.asked) == 1
    assert everything_is_on(record, "multus-cluster")


def test_the_example_attaches_its_pods_to_its_network(*, preview: bool) -> None:
    record = run(example("attached-deployment"), preview=preview)
    pods = record.named("web").inputs["spec"]["template"]
    assert list(pods["metadata"]["annotations"]) == [KEY]
    [joined] = json.loads(pods["metadata"]["annotations"][KEY])
    assert joined == {"name": "lan", "namespace": "default", "interface": "lan0"}
    [network] = record.of(NETWORK)
    metadata = network.inputs["metadata"]
    assert (metadata["name"], metadata["namespace"]) == (joined["name"], joined["namespace"])
    assert everything_is_on(record, "multus-cluster")
