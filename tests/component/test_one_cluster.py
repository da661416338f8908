"""The Kubernetes provider and the commands reach one cluster, or nothing is registered."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pulumi
import pytest
from pulumi.output import UNKNOWN
from pulumi_kubernetes import HelmReleaseSettingsArgs, Provider
from pulumi_kubernetes.core.v1 import ConfigMap
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from components import access
from components.access import Access, KubeconfigError
from tests.component.programs import arguments, deploy
from tests.component.recorder import Record, kubeconfig, run

EAST: Final = kubeconfig("east", "e")
KEYS: Final = ("MULTUS_KUBECONFIG", "MULTUS_CONTEXT", "MULTUS_CLUSTER")
Body = Callable[[], Any]


def reached(record: Record, name: str = "multus") -> list[Any]:
    """What all commands and the survey are told; everything is on the named provider."""
    told = [
        *(one.inputs["environment"] for one in record.of("command:local:Command")),
        *(one["environment"] for one in record.asked),
    ]
    found = [[environment.get(key) for key in KEYS] for environment in told]
    assert len(found) > 2
    assert all(one == found[0] for one in found)
    provider = record.named(name).urn
    for one in record.resources:
        if one.token.startswith("kubernetes:"):
            assert one.request.provider.startswith(f"{provider}::")
    return found[0]


def test_without_a_provider_the_component_makes_one_from_access(*, preview: bool) -> None:
    record = run(lambda: deploy(arguments(), access=Access(EAST, "east", "c")), preview=preview)
    assert reached(record, "multus-cluster") == [EAST, "east", "c"]
    made = record.named("multus-cluster").inputs
    assert [made[key] for key in ("kubeconfig", "context", "cluster")] == [EAST, "east", "c"]


def test_all_is_ambient_where_nothing_is_said(*, preview: bool) -> None:
    record = run(lambda: deploy(arguments()), preview=preview)
    assert reached(record, "multus-cluster") == [None, None, None]
    assert not {"kubeconfig", "context"} & {*record.named("multus-cluster").inputs}


def test_what_the_stack_says_to_the_default_provider_holds(here: Path) -> None:
    pulumi.runtime.set_all_config({"kubernetes:context": "other"})
    try:
        assert here.is_file()
        assert reached(run(lambda: deploy(arguments())), "multus-cluster") == [None, "other", None]
    finally:
        pulumi.runtime.set_all_config({})


def by_parent(made: Provider) -> pulumi.ResourceOptions:
    outer = pulumi.ComponentResource(
        "test:index:Outer", "outer", None, pulumi.ResourceOptions(providers=[made])
    )
    return pulumi.ResourceOptions(parent=outer)


WAYS: Final[dict[str, Callable[[Provider], pulumi.ResourceOptions]]] = {
    "provider": lambda made: pulumi.ResourceOptions(provider=made),
    "a list": lambda made: pulumi.ResourceOptions(providers=[made]),
    "a mapping": lambda made: pulumi.ResourceOptions(providers={"kubernetes": made}),
    "a parent": by_parent,
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_commands_follow_the_provider_in_opts(
    way: Callable[[Provider], pulumi.ResourceOptions], *, preview: bool
) -> None:
    def body() -> None:
        made = Provider("east", kubeconfig=pulumi.Output.secret(EAST), context="e", cluster="c")
        deploy(arguments(), opts=way(made))

    record = run(body, preview=preview)
    assert reached(record, "east") == [EAST, "e", "c"]
    assert len(record.of("pulumi:providers:kubernetes")) == 1


def test_a_providers_path_is_passed_on_and_what_it_lacks_is_ambient(
    here: Path, monkeypatch: pytest.MonkeyPatch, *, preview: bool
) -> None:
    def body() -> None:
        deploy(arguments(), opts=pulumi.ResourceOptions(provider=Provider("east", context="other")))

    # The SDK copies the variable into the provider's inputs.
    assert reached(run(body, preview=preview), "east") == [str(here), "other", None]
    monkeypatch.delenv("KUBECONFIG")
    (here.parent / ".kube").mkdir()
    here.rename(here.parent / ".kube" / "config")
    assert reached(run(body, preview=preview), "east") == [None, "other", None]


def test_a_kubeconfig_that_is_not_known_at_preview_leaves_preflight_out() -> None:
    def body() -> None:
        unknown: Any = UNKNOWN
        made = Provider("east", kubeconfig=pulumi.Output.from_input(unknown))
        deploy(arguments(preflight="required"), opts=pulumi.ResourceOptions(provider=made))

    record = run(body, preview=True)
    assert record.asked == []
    said = "preflight left out: the kubeconfig is not known before up"
    assert ("info", said) in record.said
    assert record.named("multus-ready")


def test_several_clusters_and_networks_of_others_on_one() -> None:
    alone = arguments(deploy="networks", ipam=None)

    def body() -> None:
        for name in ("east", "west"):
            first = deploy(arguments(), name, access=Access(kubeconfig(name)))
            on = pulumi.ResourceOptions(provider=first.provider)
            deploy(alone, f"{name}-again", opts=on)
            ConfigMap(f"{name}-pod", metadata=ObjectMetaArgs(name="x"), opts=on)

    for _ in range(2):  # one process may run a program twice, as the Automation API does
        record = run(body)
    for name in ("east", "west"):
        provider = record.named(f"{name}-cluster").urn
        for other in (f"{name}-release", f"{name}-again-default.plain", f"{name}-pod"):
            assert record.named(other).request.provider.startswith(f"{provider}::")


def test_a_second_multus_on_one_cluster_is_refused_at_preview(*, preview: bool) -> None:
    def body() -> None:
        deploy(arguments(), access=Access(context="here"))
        deploy(arguments(), "second", access=Access(pulumi.Output.secret(kubeconfig("here"))))

    record = Record()
    said = '"second" deploys Multus to https://here:6443, and so does "multus". Give the networks'
    with pytest.raises(pulumi.RunError, match=said):
        run(body, preview=preview, record=record)
    assert not any(one.name.startswith("second") for one in record.resources)


@pytest.mark.parametrize("driver", ["configmap", "sql"])
def test_a_helm_driver_that_the_commands_do_not_read_is_refused(
    driver: str, monkeypatch: pytest.MonkeyPatch, *, preview: bool
) -> None:
    settings = HelmReleaseSettingsArgs(driver=driver)
    own = on(lambda: Provider("east", kubeconfig=EAST, helm_release_settings=settings))
    with pytest.raises(pulumi.RunError, match=f'Helm\'s driver is "{driver}", but releases are'):
        run(own, preview=preview)
    monkeypatch.setenv("PULUMI_K8S_HELM_DRIVER", driver)
    with pytest.raises(pulumi.RunError, match=f'Helm\'s driver is "{driver}", but releases are'):
        run(lambda: deploy(arguments()), preview=preview)
    settings = HelmReleaseSettingsArgs(driver="secret")
    assert run(on(lambda: Provider("east", kubeconfig=EAST, helm_release_settings=settings)))


def test_a_provider_that_renders_to_files_is_refused(*, preview: bool) -> None:
    """The networks would be files, and the releases would go to the live cluster."""
    rendering = on(lambda: Provider("east", kubeconfig=EAST, render_yaml_to_directory="out"))
    with pytest.raises(pulumi.RunError, match="renders to files"):
        run(rendering, preview=preview)


def test_windows_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "WINDOWS", True)
    with pytest.raises(pulumi.RunError, match=r"from Windows: .* Run Pulumi in WSL"):
        run(lambda: deploy(arguments()))


def test_what_is_set_for_the_provider_by_variables_is_not_in_the_state(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else it would differ from machine to machine. The plugin reads them by itself."""
    monkeypatch.setenv("PULUMI_K8S_DELETE_UNREACHABLE", "true")
    record = run(lambda: deploy(arguments()))
    assert {*record.named("multus-cluster").inputs} == {"clusterIdentifier"}


def on(make: Callable[[], pulumi.ProviderResource], **others: Any) -> Body:
    return lambda: deploy(arguments(), opts=pulumi.ResourceOptions(provider=make()), **others)


def reference() -> pulumi.ProviderResource:
    """What a component in another language's program is given."""
    urn = "urn:pulumi:test::multus::pulumi:providers:kubernetes::east::id"
    return pulumi.resource.DependencyProviderResource(urn)


def refusals() -> Iterator[tuple[str, Body, str]]:
    two = 'the Kubernetes provider "east" in opts reaches context "east" at https://east:6443, '
    yield (
        "another access",
        on(lambda: Provider("east", kubeconfig=EAST), access=Access(context="other")),
        f'{two}but access= reaches context "other" at https://other:6443: that could be two ',
    )
    yield (
        "an ambient access",
        on(lambda: Provider("east", kubeconfig=EAST), access=Access()),
        f'{two}but access= reaches context "here" at https://here:6443: that could be two ',
    )
    yield (
        "a secret is not told",
        on(
            lambda: Provider("east", kubeconfig=pulumi.Output.secret(EAST)),
            access=Access(context="here"),
        ),
        'provider "east" in opts reaches the current context, but access= reaches context "here"',
    )
    yield "a reference", on(reference), "does not say which cluster it reaches"
    yield "no context", lambda: deploy(arguments(), access=Access(context="her")), 'mean "here"'


@pytest.mark.parametrize(
    ("body", "message"), [pytest.param(b, m, id=name) for name, b, m in refusals()]
)
def test_what_could_be_two_clusters_registers_nothing(
    body: Body, message: str, *, preview: bool
) -> None:
    record = Record()
    with pytest.raises(KubeconfigError) as caught:
        run(body, preview=preview, record=record)
    assert message in str(caught.value)
    assert str(caught.value).endswith(" Nothing was changed")
    assert "\n" not in str(caught.value)
    assert [one.name for one in record.resources] in ([], ["east"])
    assert record.asked == []
