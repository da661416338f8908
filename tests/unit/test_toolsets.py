"""The table of tools, and the pins that it points to."""

from __future__ import annotations

import re

import pytest

from testbed.toolsets import (
    GROUPS,
    TOOLCHAIN,
    TOOLSETS,
    Toolset,
    in_groups,
    parse_version,
)

SETS = {toolset.name: toolset for toolset in TOOLSETS}
# What goes with one version of Kubernetes' libraries, or is part of a program as it is released.
APART = (
    "github.com/google/gnostic-models",
    "github.com/pulumi/pulumi/",
    "go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc",
    "helm.sh/helm/v3",
    "sigs.k8s.io/kustomize/",
)


def _required(pins: str) -> dict[str, str]:
    text = (TOOLCHAIN / pins / "go.mod").read_text(encoding="utf-8")
    return dict(re.findall(r"^\s*(?:require )?(\S+) (v\S+)(?: // indirect)?$", text, re.MULTILINE))


@pytest.mark.parametrize("toolset", TOOLSETS, ids=lambda toolset: toolset.name)
def test_every_set_is_pinned_and_names_its_version(toolset: Toolset) -> None:
    assert {"go.mod", "go.sum"} <= {entry.name for entry in toolset.folder.iterdir()}
    assert parse_version(toolset.version) is not None
    module = (toolset.folder / "go.mod").read_text()
    for tool in toolset.tools:
        assert tool.package.startswith("./") or tool.package in module or toolset.module in module


def test_no_module_set_is_forgotten() -> None:
    assert {folder.name for folder in TOOLCHAIN.iterdir()} == {one.folder.name for one in TOOLSETS}
    assert set(in_groups(GROUPS)) == set(TOOLSETS)


def test_the_kubelet_is_built_from_the_pins_of_its_control_plane() -> None:
    assert SETS["kubelet"].version == SETS["kubernetes"].version


def test_the_sets_agree_on_every_library_but_those_that_hold_them_apart() -> None:
    """A library of two versions is compiled twice, and so is all that imports it."""
    one, other = (_required(name) for name in ("k8s-0.34", "k8s-0.33"))
    differ = {path for path in one.keys() & other.keys() if one[path] != other[path]}
    assert {path for path in differ if not path.startswith(("k8s.io/", *APART))} == set()
    # The rule above would hold of files in which nothing is found.
    assert len(one.keys() & other.keys()) > 200
    assert all(any(path.startswith(prefix) for path in differ) for prefix in APART)


def test_small_sets_come_before_large_ones() -> None:
    minutes = [toolset.minutes for toolset in in_groups(("engine",))]
    assert minutes == sorted(minutes)


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("v3.255.0", (3, 255, 0)),
        ("Kubernetes v1.34.2+k3s1", (1, 34, 2)),
        ("etcd Version: 3.6.5\nGo Version: go1.26.8", (3, 6, 5)),
        ("v3.19", (3, 19)),
        ("unknown", None),
    ],
)
def test_versions_are_read_from_what_programs_say(
    text: str, version: tuple[int, ...] | None
) -> None:
    assert parse_version(text) == version
