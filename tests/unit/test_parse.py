"""Whatever stands in a stack file: `parse` never raises, and what it takes renders cleanly.

Searches by hypothesis: nonsense from the real key names, which gets past the first check and into
the depths, and stacks that are nearly right. Then every place of every good stack has an odd value.
"""

from __future__ import annotations

import json
import math
import random
import re
from collections.abc import Iterator, Mapping
from itertools import cycle
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from components.args import MultusArgs
from components.findings import Finding, Severity
from components.parse import parse
from components.stack_file import decoded
from tests.unit.test_schema import CASES, COMMITTED, K3S

Json = dict[str, Any]
SETTINGS: Final = settings(
    deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)

GOOD: Final[dict[str, Json]] = {
    name: {"cluster": K3S} | found for name, found in CASES["taken"].items()
}
MODELS: Final[list[Mapping[str, Any]]] = [
    one["properties"] for one in COMMITTED["$defs"].values() if "properties" in one
]
RAW_KEYS: Final = {"cniVersion", "plugins", "configuration_path", "range_start", "ingressRate"}
KEYS: Final = sorted(
    {key for one in MODELS for key in one} | {"rangestart", "", "pod.x"} | RAW_KEYS
)
TOP: Final = sorted(
    key.removeprefix("multus:")
    for key in COMMITTED["properties"]["config"]["properties"]
    if key not in ("multus:kubeconfig", "multus:context")
)
WORDS: Final = [
    *("k3s", "single", "multi", "v1.34.2+k3s1", "host-local", "whereabouts", "dhcp", "static"),
    *("macvlan", "ipvlan", "bridge", "l3", "eth1", "lan", "type", "range", "version", ""),
    *(
        "vlan",
        "host-device",
        "sriov",
        "bond",
        "raw",
        "tuning",
        "ips",
        "intel.com/nic",
        '{"type":"a"}',
    ),
    *(
        "10.0.0.0/24",
        "10.0.0.0/25",
        "10.0.0.1",
        "10.0.0.9/24",
        "10.0.0.0/0",
        "fd00::/64",
        "fd00::1",
    ),
    *("fe80::1%eth0", "::ffff:10.0.0.1", "10.0.0.0/255.0.0.0", "/", "é", "\x00", "\ud800"),
]
SCALARS = (
    st.sampled_from(WORDS)
    | st.none()
    | st.booleans()
    | st.sampled_from([-1, 0, 1, 5, 300, 4095, 1500, 2**70, 1.34, float("nan"), float("inf")])
    | st.text(max_size=5)
)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=6)
    ),
    max_leaves=15,
)


def sound(found: list[Finding]) -> None:
    for one in found:
        text = str(one)
        assert text.isprintable()
        assert str(one.path[0]).startswith("multus:"), text


def taken_or_refused(raw: Json) -> MultusArgs | None:
    """What is taken renders to what its plugins can read; what is refused is so in lines."""
    parsed = parse(raw)
    sound(parsed.findings)
    assert (parsed.args is None) == any(one.severity is Severity.ERROR for one in parsed.findings)
    if parsed.args is not None:
        for network in parsed.args.networks:
            text = network.render()
            body = json.loads(text)
            written = getattr(network, "written", "")
            assert text == (written or json.dumps(body, indent=2))
            assert written or body["name"] == network.cni_name
        json.dumps([parsed.args.values, parsed.args.crd_values])
        assert parsed.args.images
    return parsed.args


@settings(SETTINGS, max_examples=150)
@given(raw=st.dictionaries(st.sampled_from([*TOP, "protekt"]), ANYTHING, max_size=6))
def test_never_raises(raw: Json) -> None:
    taken_or_refused(raw)


@st.composite
def mangled(draw: st.DrawFn) -> Json:
    """A good stack in which some values, anywhere, are others."""
    raw = json.loads(json.dumps(GOOD[draw(st.sampled_from(sorted(GOOD)))]))
    for _ in range(draw(st.integers(1, 3))):
        here: Any = raw
        while True:
            places = list(here) if isinstance(here, dict) else list(range(len(here)))
            if not places:
                break
            place = draw(st.sampled_from(places))
            inside = here[place]
            if isinstance(inside, dict | list) and draw(st.integers(0, 3)):
                here = inside
                continue
            here[place] = draw(ANYTHING)
            break
    return dict(raw)


@settings(SETTINGS, max_examples=150)
@given(raw=mangled())
def test_a_nearly_good_stack_is_refused_or_renders(raw: Json) -> None:
    taken_or_refused(raw)


ODD: Final[list[Any]] = [
    None, True, -1, 2**70, 1.5, math.nan, "", "\ud800", "\x1b[31m", "\u0663", "a" * 5000,
    "{}", [], {}, [None], {"": None}, {1: 2}, {"type": ["x"]}, b"x", "0.0.0.0/0",
]  # fmt: skip


def replaced(node: Any, odd: Iterator[Any]) -> Iterator[Any]:
    """The same with an odd value in one place, for every place."""
    yield next(odd)
    keys = node if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()
    for key in keys:
        for inner in replaced(node[key], odd):
            changed = node.copy()
            changed[key] = inner
            yield changed


@pytest.mark.parametrize("name", GOOD)
def test_an_odd_value_in_any_place(name: str) -> None:
    odd = cycle(ODD)
    for key, value in GOOD[name].items():
        for inner in replaced(value, odd):
            taken_or_refused({**GOOD[name], key: inner})


LETTERS: Final = "$`\"'\\;|&<>(){}!*?~#%=,@:/.-a0 \t\r\n\0\x1b\u202e"
INJECTED: Final = ("$(id)", "a; id", "{{ .Values }}", "../../etc", "--all", "%s%n", "a\nb: c")
EACH: Final = 23  # hostile texts in each place


def hostile(place: str) -> list[str]:
    """Injections that are known, and others by chance, which the place's name decides."""
    chance = random.Random(place)  # noqa: S311  no secret
    lengths = (chance.randrange(10) for _ in range(EACH - len(INJECTED)))
    return [*INJECTED, *("".join(chance.choices(LETTERS, k=length)) for length in lengths)]


def texts(node: Any) -> Iterator[tuple[Any, Any]]:
    """Each mapping or list with a key or index under which it has a text."""
    for key in node if isinstance(node, dict) else range(len(node)):
        if isinstance(node[key], dict | list):
            yield from texts(node[key])
        elif isinstance(node[key], str):
            yield node, key


@pytest.mark.parametrize("name", GOOD)
def test_hostile_text_in_any_place_is_refused_or_inert(name: str) -> None:
    """What reaches a shell, a file's name or an argument of kubectl is of harmless letters."""
    for at in range(len([*texts(GOOD[name])])):
        for text in hostile(f"{name}, {at}"):
            raw = json.loads(json.dumps(GOOD[name]))
            node, key = [*texts(raw)][at]
            node[key] = text
            if (args := taken_or_refused(raw)) is not None:
                paths = args.cluster.paths
                told = [paths.conf_dir, paths.bin_dir, *args.workloads, args.chart.version]
                for one in (*told, *(one.key for one in args.networks)):
                    assert re.fullmatch(r"[\w./+-]+", one), one
                    assert not one.startswith("-")


def test_there_are_ten_thousand_of_them() -> None:
    assert sum(len([*texts(raw)]) for raw in GOOD.values()) * EACH > 10_000


@settings(SETTINGS, max_examples=100)
@given(text=st.text(max_size=20) | st.sampled_from(WORDS))
def test_a_text_of_the_cli_is_itself_or_what_its_json_says(text: str) -> None:
    value = decoded(text)
    assert value == text or not isinstance(value, str) or json.dumps(value) == text.strip()
