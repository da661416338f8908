"""YAML with the line of everything in it; whatever a file holds, one `UnreadableError` at most."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import yaml

from .findings import UNREADABLE, Finding
from .findings import Path as Steps

MOST_BYTES: Final = 10 * 1024 * 1024
MOST_VALUES: Final = 500_000  # an alias counts for all that it stands for
MOST_LEVELS: Final = 64
TAG: Final = "tag:yaml.org,2002:"
SCALARS: Final = {
    "bool": ("true|True|TRUE|false|False|FALSE", "tTfF"),
    "int": ("[-+]?(0b[01]+|0x[0-9a-fA-F]+|0o?[0-7]+|0|[1-9][0-9_]{0,18})", "-+0123456789"),
    "float": (
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        "-+.0123456789",
    ),
    "null": ("~|null|Null|NULL|", ("~", "n", "N", "")),
    "merge": ("<<", "<"),
}


class UnreadableError(Exception):
    """A file cannot be read; the finding says why."""

    def __init__(self, file: str, message: str, line: int | None = None) -> None:
        self.finding = Finding((), message, rule=UNREADABLE, file=file, line=line)
        super().__init__(str(self.finding))


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Reads as the Pulumi CLI does (gopkg.in/yaml.v3, resolve.go): JSON's types, keys are texts.

    PyYAML by itself takes `off` for false, and 52:54:00:12:34:56 for a number of base 60.
    """

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 (PyYAML's own form)
    yaml_constructors: dict[Any, Any] = {  # noqa: RUF012
        None: yaml.SafeLoader.construct_undefined,
        **{
            TAG + name: yaml.SafeLoader.yaml_constructors[TAG + name]
            for name in ("bool", "int", "float", "null", "str", "seq", "map")
        },
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[str, Any]:  # noqa: FBT001, FBT002 (PyYAML's signature)
        known = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.value in known:
                twice = isinstance(key, yaml.ScalarNode)
                problem = f"{key.value} is there twice" if twice else "a key must be a text"
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=key.start_mark)
            known.add(key.value)
        self.flatten_mapping(node)
        for key, _ in node.value:
            key.tag = TAG + "str"
        found: dict[str, Any] = super().construct_mapping(node, deep=deep)
        return found


for _name, (_form, _first) in SCALARS.items():
    _Loader.add_implicit_resolver(TAG + _name, re.compile(rf"(?:{_form})\Z"), [*_first])


@dataclass(frozen=True)
class Document:
    """A YAML document: its data, and where each part of it stands in the whole text."""

    data: Any
    node: yaml.Node
    text: str
    file: str

    def locate(self, finding: Finding, path: Steps | None = None) -> Finding:
        """The finding with the file and the line of what it is about: its own path, or this."""
        steps = finding.path if path is None else path
        return replace(finding, file=self.file, line=self.line(steps))

    def line(self, path: Steps) -> int:
        """The line, from 1, of the deepest step of the path that is there."""
        line, node, rest = _walk(self.node, path)
        if isinstance(node, yaml.ScalarNode) and node.value.lstrip()[:1] in ("{", "["):
            line = self._line_in_json(node, rest, line)
        return line + 1

    def _line_in_json(self, node: yaml.ScalarNode, path: Steps, line: int) -> int:
        """The same inside JSON in a text: of the path, or of where it is no JSON; else `line`.

        It is read as it stands in the file: folding changes the lines.
        """
        raw = self.text[node.start_mark.index : node.end_mark.index]
        if node.style in ("|", ">"):
            raw = "\n" + raw.partition("\n")[2]
        elif node.style == "'":
            raw = raw[1:-1].replace("''", "'")
        elif node.style == '"':
            raw = re.sub(r'\\(["\\\n])|\\.', r"\1", raw[1:-1])
        found = _json(raw)
        if isinstance(found, yaml.Node):
            found = _walk(found, path)[0] if path else None
        return line if found is None else int(node.start_mark.line) + found


@lru_cache(maxsize=1)  # what is said of one text is said together
def _json(raw: str) -> yaml.Node | int | None:
    """JSON as nodes with their lines; or the line, from 0, of where it is none, if known."""
    try:
        json.loads(raw, strict=False)  # a text may go over lines, which YAML folds
        _bounded(raw)
        found: yaml.Node = _Loader(raw).get_single_node()
    except json.JSONDecodeError as error:
        return error.lineno - 1
    except (yaml.YAMLError, _TooLargeError, RecursionError):
        return None
    return found


def read_text(path: Path | str, file: str, most: int = MOST_BYTES) -> str:
    """The text at a path, "-" being standard input; raises UnreadableError, which says `file`.

    most: bytes.
    """
    try:
        if path == "-" and sys.stdin is None:
            raise UnreadableError(file, "standard input is closed")
        with sys.stdin.buffer if path == "-" else Path(path).open("rb") as opened:
            data = opened.read(most + 1)
        if len(data) > most:
            raise UnreadableError(file, f"the file has more than {most >> 20} MB. Split it")
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise UnreadableError(file, "that is no text in UTF-8. Save it as such", line) from None
    except FileNotFoundError:
        raise UnreadableError(file, "there is no such file") from None
    except IsADirectoryError:
        message = f"that is a folder. Name its files: {file.rstrip('/')}/*.yaml"
        raise UnreadableError(file, message) from None
    except (OSError, ValueError) as error:
        raise UnreadableError(file, getattr(error, "strerror", None) or str(error)) from None
    return text


def documents(text: str, file: str) -> list[Document]:
    """Every document of a YAML text that is not empty; raises UnreadableError."""
    found = []
    line = None
    try:
        _bounded(text)
        loader = _Loader(text)
        while loader.check_node():
            node = loader.get_node()
            loader.deep_construct = True  # in the order of the text, which merging needs
            found.append(Document(loader.construct_document(node), node, text, file))
        return [one for one in found if one.data is not None]
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        character = text[error.position : error.position + 1] or "?"
        message = f"the character U+{ord(character):04X} is not allowed in YAML"
    except yaml.constructor.ConstructorError as error:
        line, problem = _line(error, text), error.problem or ""
        message = f"that is no YAML: {problem}"
        if tag := re.fullmatch(r"could not determine a constructor for the tag '(.*)'", problem):
            message = f"{tag[1].replace(TAG, '!!')} is no tag of JSON's types. Write it without"
    except yaml.MarkedYAMLError as error:
        line = _line(error, text)
        message = f"that is no YAML: {error.problem or error.context}"
        if "start any token" in message and line and "\t" in text.split("\n")[line - 1]:
            message = "that is no YAML: it is indented with spaces, and here is a tab"
    except _TooLargeError as error:
        line, message = error.line, str(error)
    except ValueError as error:
        message = f"that is no YAML: {error}"
    raise UnreadableError(file, message, line)


class _TooLargeError(Exception):
    def __init__(self, message: str, line: int) -> None:
        self.line = line
        super().__init__(message)


def _line(error: yaml.MarkedYAMLError, text: str) -> int | None:
    return min(error.problem_mark.line, text.count("\n")) + 1 if error.problem_mark else None


def _bounded(text: str) -> None:
    """Raise _TooLargeError for what would take all memory, or crash libyaml's users in C."""
    sizes: dict[str | None, int] = {}
    around: list[tuple[str | None, int]] = []
    count = 0
    for event in yaml.parse(text, Loader=_Loader):
        count += 1
        problem = ""
        if isinstance(event, yaml.CollectionStartEvent):
            around.append((event.anchor, count))
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = around.pop()
            sizes[anchor] = count - before
        elif isinstance(event, yaml.AliasEvent):
            count += sizes.get(event.anchor, 0)
            if event.anchor in dict(around):
                problem = f"the list or mapping &{event.anchor} contains itself"
        if len(around) > MOST_LEVELS:
            problem = f"it is nested more than {MOST_LEVELS} levels deep"
        if count > MOST_VALUES:
            problem = f"it holds more than {MOST_VALUES} values. Split it"
        if problem:
            mark: Any = event.start_mark
            raise _TooLargeError(problem, mark.line + 1)


def _walk(node: yaml.Node, path: Steps) -> tuple[int, yaml.Node, Steps]:
    """The line, from 0, of the deepest step of a path, what stands there, and the steps left."""
    line = int(node.start_mark.line)
    for index, step in enumerate(path):
        if (found := _child(node, step)) is None:
            return line, node, path[index:]
        line, node = found[0].start_mark.line, found[1]
    return line, node, ()


def _child(node: yaml.Node, step: str | int) -> tuple[yaml.Node, yaml.Node] | None:
    """The key and the value of a step; an entry of a list is its own key."""
    if isinstance(node, yaml.MappingNode):
        return next((pair for pair in reversed(node.value) if pair[0].value == step), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step], node.value[step]
    return None


class _Dumper(yaml.SafeDumper):
    """Texts of several lines stand as they are."""


_Dumper.add_representer(
    str,
    lambda dumper, text: dumper.represent_scalar(
        "tag:yaml.org,2002:str", text, style="|" if "\n" in text else None
    ),
)


def dumped(data: Any, *, width: int = 100, sort: bool = False) -> str:
    """Plain data as YAML for people, in its own order unless it is to be sorted."""
    text: str = yaml.dump(data, Dumper=_Dumper, sort_keys=sort, allow_unicode=True, width=width)
    return text
