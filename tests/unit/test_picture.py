"""The picture of a stack: what a reader must see of it, as SVG and as text."""

from __future__ import annotations

import json
from ipaddress import ip_address
from itertools import pairwise
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree as ET

import pytest
from typer.testing import CliRunner

from components.args import MultusArgs
from components.cli.app import app
from components.cli.check import read_stack
from components.cli.common import name_of
from components.model import read
from components.picture import rows, svg, text
from components.stack_file import read_stack_file
from tests.stacks.files import ROOT, stack_path
from tests.unit.tasks import executable
from tests.unit.test_doctor import with_interface

Json = dict[str, Any]
SVG: Final = "{http://www.w3.org/2000/svg}"
CLUSTER: Final = {"distribution": "k3s", "version": "v1.34.2+k3s1", "nodes": "multi"}
QUARTER: Final = {
    "type": "whereabouts",
    "range": "192.168.20.0/24",
    "rangeStart": "192.168.20.64",
    "rangeEnd": "192.168.20.127",
    "exclude": ["192.168.20.96/28"],
    "gateway": "192.168.20.1",
}


def networks(*given: Json) -> Any:
    base = {"type": "macvlan", "master": "eth1", "ipam": QUARTER}
    whole = [{k: v for k, v in (base | one).items() if v is not None} for one in given]
    settings = {"cluster": CLUSTER, "ipam": "whereabouts", "networks": whole}
    return read(MultusArgs, settings).networks


def read_xml(drawn: str) -> ET.Element:
    return ET.fromstring(drawn)  # noqa: S314


def parts(drawn: str) -> dict[str, list[tuple[float, float, str]]]:
    """By class of a part of a bar: where it begins, its width, and what it says under a mouse."""
    found: dict[str, list[tuple[float, float, str]]] = {}
    for one in read_xml(drawn).iter(f"{SVG}rect"):
        title = one.find(f"{SVG}title")
        if title is not None:
            place = float(one.attrib["x"]), float(one.attrib["width"]), title.text or ""
            found.setdefault(one.attrib["class"], []).append(place)
    return found


def test_a_range_is_to_scale_with_what_is_kept_back_and_taken() -> None:
    used = {"default/lan": [ip_address("192.168.20.70"), ip_address("192.168.20.200")]}
    found = parts(svg("x", rows(networks({"name": "lan"}), used)))
    [(start, length, _)] = found["none"]
    drawn = {
        kind: [(round((x - start) / length * 256), said) for x, _, said in found[kind]]
        for kind in ("free", "used", "out", "gate")
    }
    assert drawn == {
        "free": [(64, "192.168.20.0/24"), (112, "192.168.20.0/24")],
        "used": [(70, "192.168.20.70")],
        "out": [(200, "192.168.20.200")],
        "gate": [(1, "192.168.20.1")],
    }
    assert [round(width / length * 256) for _, width, _ in found["free"]] == [32, 16]


def test_text_says_the_same() -> None:
    used = {"default/lan": [ip_address("192.168.20.70"), ip_address("192.168.20.200")]}
    several = networks(
        {"name": "lan"},
        {"name": "flat", "type": "bridge", "bridge": "br1", "master": None, "ipam": None},
        {
            "name": "other",
            "type": "raw",
            "master": None,
            "ipam": None,
            "config": {"type": "my-own"},
        },
    )
    assert (
        text(rows(several, used))
        == """\
eth1
  default/lan  macvlan · whereabouts
    G···········─█────···───·············!··········  192.168.20.0/24, 1 of 48 taken, 1 outside
br1
  default/flat  bridge
    no addresses
devices that the program does not know
  default/other  my-own
    others give the addresses

█ taken  ─ free  · kept back or excluded  G gateway  ! taken, and outside the range
"""
    )


@pytest.mark.parametrize("count", [1, 20, 200])
def test_no_line_covers_another(count: int) -> None:
    given = [{"name": f"n{one}", "master": f"eth{one % 7}"} for one in range(count)]
    drawn = read_xml(svg("x", rows(networks(*given), None)))
    titles = [one for one in drawn.iter(f"{SVG}text") if (one.text or "").startswith("default/")]
    ys = sorted(int(one.attrib["y"]) for one in titles)
    assert len(ys) == count
    assert all(below - above >= 40 for above, below in pairwise(ys))
    assert ys[-1] < int(drawn.attrib["height"]) - 20


def test_nothing_of_a_stack_becomes_markup() -> None:
    hostile = "<b>&\"'"
    config = {"type": "macvlan", "master": hostile}
    network = {"name": "x", "type": "raw", "master": None, "ipam": None, "config": config}
    drawn = read_xml(svg(hostile, rows(networks(network), None)))
    assert {one.tag.removeprefix(SVG) for one in drawn.iter()} <= {
        *("svg", "title", "style", "rect", "text", "line")
    }


def picture(folder: Path, kubectl: str, *options: str) -> Any:
    executable(folder / "kubectl", kubectl)
    env = {"PATH": f"{folder}:/usr/bin:/bin", "KUBECONFIG": "/dev/null"}
    return CliRunner().invoke(app, ["picture", str(stack_path("dev")), *options], env=env)


def test_the_command_shows_what_the_cluster_says_is_taken(tmp_path: Path) -> None:
    pods = {"items": [with_interface("default/web", "default/lan=192.168.10.100")]}
    (tmp_path / "pods").write_text(json.dumps(pods))
    asked = picture(tmp_path, f"cat {tmp_path}/pods", "--text")
    assert asked.exit_code == 0, asked.output
    assert "1 of 100 taken" in asked.stdout


def test_without_a_cluster_the_stack_is_drawn_and_that_is_said(tmp_path: Path) -> None:
    out = tmp_path / "x.svg"
    refused = "echo 'error: connection to the server 10.0.0.1 was refused' >&2; exit 1"
    drawn = picture(tmp_path, refused, "--out", str(out))
    assert drawn.exit_code == 0
    assert drawn.stdout == f"wrote {out}\n"
    [line] = drawn.stderr.splitlines()
    assert line.startswith("what is taken is not shown: the cluster does not answer: ")
    assert "used" not in parts(out.read_text())
    assert name_of("prod.v1") == "prod.v1"
    assert name_of("stacks/Pulumi.prod.v1.yaml") == "prod.v1"
    lost = picture(tmp_path, refused, "--offline", "--out", str(tmp_path / "no" / "x.svg"))
    assert (lost.exit_code, lost.stdout) == (2, "")


def test_the_picture_of_the_readme_is_current() -> None:
    file = stack_path("prod")
    parsed = read_stack(read_stack_file(file, str(file)), str(file))
    assert parsed.args is not None
    drawn = svg("Networks of prod", rows(parsed.args.networks, None))
    assert (ROOT / "docs" / "networks-prod.svg").read_text() == drawn, "run make docs"
