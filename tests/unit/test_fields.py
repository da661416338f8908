"""Values and clusters: what is taken, how it is written then, and what is said of the rest."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from pydantic import TypeAdapter, ValidationError

from components import addresses, fields
from components.cluster import CLUSTERS, WHEREABOUTS_CONF, Cluster
from components.findings import FindingsError
from components.model import read

CASES: Final[dict[str, Any]] = yaml.safe_load(
    (Path(__file__).parent / "cases" / "fields.yaml").read_text()
)
KINDS: Final[dict[str, TypeAdapter[Any]]] = {
    "mac": TypeAdapter(fields.MacAddress),
    "address": TypeAdapter(addresses.AddressField),
    "cidr": TypeAdapter(addresses.CidrField),
    "exclusion": TypeAdapter(addresses.ExclusionField),
    "interface": TypeAdapter(addresses.InterfaceField),
    "destination": TypeAdapter(addresses.DestinationField),
    "sloppy address": TypeAdapter(addresses.SloppyAddressField),
    "name": TypeAdapter(fields.Name),
    "namespace": TypeAdapter(fields.Namespace),
    "interface name": TypeAdapter(fields.InterfaceName),
    "device": TypeAdapter(fields.Device),
    "range": TypeAdapter(addresses.RangeField),
}


def cluster(kind: str, others: dict[str, Any]) -> Cluster:
    body = {**CASES["clusters"][kind], **others}
    return read(CLUSTERS[kind], {key: it for key, it in body.items() if it != "gone"})


@pytest.mark.parametrize(("kind", "text", "canonical"), CASES["taken"])
def test_takes_and_writes_canonically(kind: str, text: str, canonical: str) -> None:
    value = KINDS[kind].validate_python(text)
    assert KINDS[kind].dump_python(value, mode="json") == canonical
    assert KINDS[kind].validate_python(value) == value


@pytest.mark.parametrize(("kind", "value", "said"), CASES["refused"])
def test_refuses_in_the_fields_own_words(kind: str, value: Any, said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        KINDS[kind].validate_python(value)
    assert said in str(caught.value)


@pytest.mark.parametrize(("kind", "others", "conf", "binaries"), CASES["paths"])
def test_directories_are_where_the_release_has_them(
    kind: str, others: dict[str, Any], conf: str, binaries: str
) -> None:
    """A wrong one is the failure that nobody sees: Multus runs, is ready and is never called."""
    paths = cluster(kind, others).paths
    assert (paths.conf_dir, paths.bin_dir) == (conf, binaries)
    assert paths.multus_kubeconfig == f"{conf}/multus.d/multus.kubeconfig"
    # Its control loop knows /host/etc/cni/net.d alone (GetFlatIPAM in Whereabouts' pkg/config).
    assert WHEREABOUTS_CONF == "/etc/cni/net.d/whereabouts.d/whereabouts.conf"
    assert paths.standard == (conf == "/etc/cni/net.d")


@pytest.mark.parametrize(("kind", "others", "said"), CASES["clusters_refused"])
def test_refuses_clusters(kind: str, others: dict[str, Any], said: str) -> None:
    with pytest.raises(FindingsError) as caught:
        cluster(kind, others)
    assert said in str(caught.value)


def test_a_cluster_knows_its_own_networks() -> None:
    own = {kind: [str(cidr) for cidr, _ in cluster(kind, {}).own_networks] for kind in CLUSTERS}
    usual = ["10.42.0.0/16", "10.43.0.0/16"]
    custom = ["10.244.0.0/16", "fd00:1::/56", "10.96.0.0/12"]
    assert own == {"k3s": usual, "rke2": usual, "custom": custom}
