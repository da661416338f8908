"""The program in examples/: what it registers."""

from __future__ import annotations

import json
import runpy
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Final

import pytest
from pulumi_command import local

import components
from components.networks.annotation import KEY
from tests.component.recorder import run
from tests.component.test_gate import AWAY
from tests.library import EXAMPLE

PACKAGES: Final = {"rke2-multus": ".charts/main.tgz", "rke2-multus-crd": ".charts/crd.tgz"}


@pytest.fixture(params=[False, True], ids=["up", "preview"])
def preview(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """The example's program, where neither the cluster nor the chart's repository answers."""
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text("")
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    monkeypatch.setattr(components, "fetch", lambda _: PACKAGES)
    monkeypatch.setattr(local, "run", lambda **_: SimpleNamespace(stdout=json.dumps(AWAY)))

    def body() -> None:
        runpy.run_path(str(EXAMPLE / "__main__.py"), run_name="__main__")

    return body


def test_the_example_attaches_its_pods_to_its_network(
    example: Callable[[], None], *, preview: bool
) -> None:
    record = run(example, preview=preview)
    pods = record.named("web").inputs["spec"]["template"]
    assert list(pods["metadata"]["annotations"]) == [KEY]
    [joined] = json.loads(pods["metadata"]["annotations"][KEY])
    assert joined == {"name": "lan", "namespace": "default", "interface": "lan0"}
    [network] = record.of("kubernetes:k8s.cni.cncf.io/v1:NetworkAttachmentDefinition")
    metadata = network.inputs["metadata"]
    assert (metadata["name"], metadata["namespace"]) == (joined["name"], joined["namespace"])


def test_everything_of_the_example_is_on_one_provider(example: Callable[[], None]) -> None:
    record = run(example)
    mine = record.named("cluster").urn
    on = {one.name: one.provider for one in record.resources if one.token.startswith("kubernetes:")}
    assert len(on) == 4
    assert all(one.startswith(f"{mine}::") for one in on.values()), on
