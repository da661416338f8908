"""Scalar types of the settings: names, paths, and values as plugins write them.

Each says what is wrong with a value in the field's own words, suggests what was probably meant,
and gives its JSON Schema.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, Field, PlainSerializer, ValidationInfo, WithJsonSchema
from pydantic_core import CoreSchema, core_schema

from .findings import Finding, FindingsError, invalid, needs_quotes
from .model import PLUGIN


@dataclass(frozen=True, eq=False)
class Checked:
    """Metadata of a field: a check that returns the value or raises, and the JSON Schema."""

    check: Callable[[Any], Any]
    schema: Mapping[str, Any]

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: Any) -> dict[str, Any]:
        return dict(self.schema)


def matches(pattern: str, rule: str) -> Checked:
    """A text of a certain form, or `rule` says what is wrong."""

    def check(value: Any) -> str:
        if isinstance(value, str) and re.fullmatch(pattern, value):
            return value
        raise invalid(rule if isinstance(value, str) else needs_quotes(value), value)

    return Checked(check, {"type": "string", "pattern": f"^{pattern}$"})


# --- Names of Kubernetes (apimachinery's validation, v0.34) ---

DNS_NAME: Final = r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*"
QUALIFIED: Final = rf"(?![^/]{{254}})({DNS_NAME}/)?[A-Za-z0-9]([A-Za-z0-9_.-]{{0,61}}[A-Za-z0-9])?"
LABEL: Final = r"([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?"
A_LABEL: Final = "a label has at most 63 letters, digits, -, _ and ."
A_KEY: Final = "is no such name: it is like example.com/name, with at most 63 letters"
DNS_LABEL: Final = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
MOST_BYTES: Final = 256 * 1024  # of all annotations together


def _kubernetes_name(pattern: str, most: int, letters: str) -> Checked:
    pattern = rf"(?=.{{1,{most}}}$){pattern}"

    def check(value: Any) -> str:
        if not isinstance(value, str):
            raise invalid(needs_quotes(value), value)
        if re.fullmatch(pattern, value):
            return value
        meant = re.sub(r"[^a-z0-9]+", "-", value.lower()).strip("-")[:63].strip("-")
        hint = f' Did you mean "{meant}"?' if meant else ""
        rule = f"a name has lower case letters, digits{letters}, at most {most}, and starts and "
        raise invalid(f"{rule}ends with a letter or digit.{hint}", value)

    return Checked(check, {"type": "string", "pattern": f"^{pattern}$"})


Namespace = Annotated[str, _kubernetes_name(DNS_LABEL, 63, " and -")]
Name = Annotated[str, _kubernetes_name(DNS_NAME, 253, ", - and .")]
ResourceName = Annotated[
    str,
    matches(
        rf"{DNS_NAME}/[A-Za-z0-9]([A-Za-z0-9_.-]{{0,61}}[A-Za-z0-9])?",
        "a resource of a device plugin has the name of its domain, like intel.com/sriov_netdevice",
    ),
]


def _texts(pattern: str, rule: str) -> Checked:
    """A mapping from qualified names to texts of a form."""

    def check(found: Any) -> Any:
        if not isinstance(found, Mapping):
            return found
        faults = []
        for key, value in found.items():
            if not isinstance(key, str) or not re.fullmatch(QUALIFIED, key):
                faults.append(Finding((str(key),), A_KEY))
            elif not isinstance(value, str):
                faults.append(Finding((key,), needs_quotes(value), value))
            elif not re.fullmatch(pattern, value):
                faults.append(Finding((key,), rule, value))
        size = sum(len(str(one).encode(errors="replace")) for pair in found.items() for one in pair)
        if size > MOST_BYTES:
            rule_of_size = f"hold {size} bytes together, and Kubernetes takes {MOST_BYTES}"
            faults.append(Finding((), rule_of_size))
        if faults:
            raise FindingsError(faults)
        return dict(found)

    value: dict[str, Any] = {"type": "string"}
    schema = {"type": "object", "propertyNames": {"pattern": f"^{QUALIFIED}$"}}
    if pattern == LABEL:
        value["pattern"] = f"^{LABEL}$"
    return Checked(check, {**schema, "additionalProperties": value})


Labels = Annotated[dict[str, str], _texts(LABEL, A_LABEL)]
Annotations = Annotated[dict[str, str], _texts(r"[^\ud800-\udfff]*", "that is no text in Unicode")]

# --- Names and paths on nodes ---

LONGEST_INTERFACE: Final = 15
# The kernel counts bytes, and takes % for the start of a number that it chooses.
INTERFACE: Final = r"[!-$&-.0-9;-~]{1,15}"
# Another name that udev gives an interface (ALTIFNAMSIZ in the kernel's if.h).
ALTNAME: Final = r"[!-.0-~]{16,127}"
RESERVED: Final = (".", "..", "all", "default")  # directories of sysfs and sysctl


def _interface(pattern: str, lengths: str) -> Checked:
    def check(value: Any) -> str:
        if not isinstance(value, str):
            raise invalid(needs_quotes(value), value)
        if re.fullmatch(pattern, value) and value not in RESERVED:
            return value
        if re.fullmatch(r"[^\s/:]{1,15}:.*", value):
            rule = "that is the label of an address, not an interface (multus-cni#424). Did you "
            raise invalid(f'{rule}mean "{value.split(":")[0]}"?', value)
        rule = f"an interface name has 1 to {lengths}, none of them a space, /, : or %, and is none"
        raise invalid(f"{rule} of ., .., all and default", value)

    schema = {"type": "string", "pattern": f"^({pattern})$", "not": {"enum": sorted(RESERVED)}}
    return Checked(check, schema)


InterfaceName = Annotated[str, _interface(INTERFACE, "15 ASCII characters")]
"""The name of an interface that a plugin makes."""
Device = Annotated[
    str,
    _interface(
        f"{INTERFACE}|{ALTNAME}",
        "15 ASCII characters, or up to 127 as an altname (ip link show has them)",
    ),
]
"""An interface that there is, by its name or an altname (`LinkByName` in vishvananda/netlink)."""
NodePath = Annotated[
    str,
    matches(
        r"(/(?!\.{1,2}(/|$))[A-Za-z0-9._-]+)+",
        "an absolute path on the node is needed, of letters, digits, dots, - and _",
    ),
]
DIRECTORY: Final = r"(/(?!\.{1,2}(/|$))[A-Za-z0-9._-]+)+/*"


def directory(example: str) -> Checked:
    """A directory on every node. The chart's templates pass it on without quotes."""

    def check(value: Any) -> str:
        if isinstance(value, str) and re.fullmatch(DIRECTORY, value):
            return value.rstrip("/")
        rule = "an absolute path is needed, of letters, digits, dots, - and _ (the chart does not "
        raise invalid(f'{rule}quote it), like "{example}"', value)

    return Checked(check, {"type": "string", "pattern": f"^{DIRECTORY}$"})


PluginName = Annotated[
    str,
    matches(
        r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}",
        "the name of a plugin is needed here, without its directory",
    ),
]

# As Go's net.ParseMAC reads them.
MAC: Final = "[0-9a-fA-F]{2}((:[0-9a-fA-F]{2}){5}|(-[0-9a-fA-F]{2}){5}|" + (
    r"[0-9a-fA-F]{2}(\.[0-9a-fA-F]{4}){2})"
)
# An odd first byte is a group's; nothing but zeros is what lo has.
SINGLE_MAC: Final = f"(?![0:.-]+$)(?=.[02468aceACE]){MAC}"
EXAMPLE_MAC: Final = "02:00:00:00:00:01"  # locally administered, as every made-up one must be


def _mac(value: Any) -> str:
    if not isinstance(value, str):
        raise invalid(needs_quotes(value), value)
    if not re.fullmatch(MAC, value):
        raise invalid(f"a MAC address is six pairs of hex digits, like {EXAMPLE_MAC}", value)
    if not re.fullmatch(SINGLE_MAC, value):
        rule = f"no interface can have it: it is a group's, or nobody's. Use one like {EXAMPLE_MAC}"
        raise invalid(rule, value)
    return ":".join(re.findall("..", re.sub("[:.-]", "", value).lower()))


MacAddress = Annotated[str, Checked(_mac, {"type": "string", "pattern": f"^{SINGLE_MAC}$"})]

Mtu = Annotated[int, Field(ge=68, le=65535)]
VlanId = Annotated[int, Field(ge=1, le=4094)]

# `domain` in distribution's reference grammar. A first part without a dot or a port is no host but
# a folder of Docker Hub, except localhost (`splitDockerDomain` in normalize.go).
_PART: Final = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_PORT: Final = r":(?!0)(6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[1-5]?[0-9]{1,4})"
_HOST: Final = (
    rf"({_PART}(\.{_PART})+({_PORT})?|{_PART}{_PORT}|localhost|\[[0-9a-fA-F:]{{2,39}}\]({_PORT})?)"
)
Registry = Annotated[
    str,
    matches(
        rf"(?=.{{1,180}}$){_HOST}(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*",
        "a registry is a host with a dot or a port (a bare word is a folder of Docker Hub), "
        'without https:// and without / at its end, like "a.lan:5000"',
    ),
]

# --- Values that a plugin writes otherwise than a stack file ---


def _as_plugin(told: Mapping[Any, Any], rule: str) -> BeforeValidator:
    def check(value: Any, info: ValidationInfo) -> Any:
        if info.context != PLUGIN:
            return value
        for theirs, ours in told.items():
            if type(value) is type(theirs) and value == theirs:
                return ours
        raise invalid(rule, value)

    return BeforeValidator(check)


OnOff = Annotated[
    bool,
    _as_plugin({"on": True, "off": False}, 'the plugin reads "on" or "off" here, in quotes'),
    PlainSerializer(lambda value: "on" if value else "off", return_type=str),
]
ZeroOne = Annotated[
    bool,
    _as_plugin({1: True, 0: False}, "the plugin reads 0 or 1 here"),
    PlainSerializer(int, return_type=int),
]


def _milliseconds(value: Any, info: ValidationInfo) -> Any:
    number = isinstance(value, str) and re.fullmatch("[0-9]{1,9}", value)
    if info.context == PLUGIN:
        if not number:
            raise invalid('the plugin reads milliseconds as a text. Write "100"', value)
        return int(value)
    if number:
        rule = f"milliseconds are a number here. Write {value} without quotes"
        raise invalid(rule, value)
    return value


MillisecondsText = Annotated[
    int,
    BeforeValidator(_milliseconds),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "integer", "minimum": 0}),
]
