"""`multus_k3s` in somebody else's program: how it comes there, what importing does, its names."""

from __future__ import annotations

import ast
import inspect
import json
from collections.abc import Iterable, Iterator
from itertools import takewhile
from pathlib import Path
from typing import Any, Final, get_args

import pytest

import components
from components import K3s, Macvlan, MultusArgs, Selection, Whereabouts
from components.model import Model
from components.one_of import OneOf
from components.wording import descriptions
from tests.library import EXAMPLE, EXAMPLES, ROOT, install, run
from tests.unit.test_readme import README

# What a module can do to the world outside its process, as Python's audit events name it, and the
# stack's config. What others do is not ours: pulumi_kubernetes' urllib3 tries whether it has IPv6.
WATCHED: Final = """
import json, os, sys
import pulumi, pulumi.runtime.config as config
import pulumi_command.local, pulumi_kubernetes.helm.v3, pydantic, yaml

seen = []
OUTSIDE = ("socket.", "subprocess.", "urllib.", "os.system", "os.exec", "os.fork", "os.posix_spawn")
CHANGES = ("os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.link", "os.symlink", "os.putenv")
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT

def hook(event, args):
    if event.startswith(OUTSIDE) or event in CHANGES or event == "open" and args[2] & WRITES:
        seen.append(event)

for name in ("get_config", "get_config_env"):
    setattr(config, name, lambda *_: seen.append("config"))
sys.addaudithook(hook)
import components
for name in components.__all__:
    getattr(components, name)
"""
DONE: Final = "\nprint(json.dumps(seen))"
ACTS: Final = {
    "pulumi.Config('multus').get('x')": "config",
    "import socket; socket.socket().close()": "socket.__new__",
    "os.mkdir('made')": "os.mkdir",
    "open('made/file', 'w').close()": "open",
    "import subprocess; subprocess.run(['true'])": "subprocess.Popen",
}


def test_importing_it_does_nothing_to_the_world(tmp_path: Path) -> None:
    assert json.loads(run(WATCHED + DONE, ROOT, tmp_path)) == []
    assert list(tmp_path.iterdir()) == []


def test_control_each_of_these_would_be_seen(tmp_path: Path) -> None:
    acts = "".join(f"seen.append({act!r})\n{act}\n" for act in ACTS)
    seen = json.loads(run(WATCHED + acts + DONE, ROOT, tmp_path))
    for act, event in ACTS.items():
        after = takewhile(lambda one: one not in ACTS, seen[seen.index(act) + 1 :])
        assert event in after, f"{act} is not seen"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install(tmp_path_factory.mktemp("installed"))


def files(folder: Path) -> set[str]:
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {str(path) for path in found if "__pycache__" not in path.parts}


def test_pip_installs_the_package_and_all_that_it_reads(installed: Path) -> None:
    assert files(installed / "multus_k3s") == files(ROOT / "components")
    names = {one.name for one in installed.iterdir() if one.suffix != ".dist-info"}
    assert names == {"multus_k3s", "bin"}


def test_it_works_beside_a_folder_components_of_the_program(
    installed: Path, tmp_path: Path
) -> None:
    """The table of charts and the tasks' sources are files that are read, not imported."""
    (tmp_path / "components").mkdir()
    (tmp_path / "components" / "__init__.py").write_text("MINE = True\n")
    code = """
import json, typing
import components
from multus_k3s import Chart, MultusComponent
from multus_k3s.cluster_tasks import Task, script
for task in typing.get_args(Task):
    compile(script(task), task, "exec")
import multus_k3s
print(json.dumps([components.MINE, multus_k3s.__file__, Chart().facts.sha256]))
"""
    expected = [True, str(installed / "multus_k3s/__init__.py"), components.Chart().facts.sha256]
    assert json.loads(run(code, installed, tmp_path)) == expected


@pytest.mark.parametrize("module", ["multus_k3s", "multus_k3s.cli"])
def test_these_are_imported_without_pulumi(module: str, installed: Path, tmp_path: Path) -> None:
    code = f"import json, sys, {module}; print(json.dumps(sorted(sys.modules)))"
    loaded = json.loads(run(code, installed, tmp_path))
    assert not [name for name in loaded if name.startswith("pulumi")]
    if module == "multus_k3s":
        assert [name for name in loaded if name.startswith(module)] == [module]


def reached(annotation: Any, metadata: Iterable[Any] = ()) -> Iterator[type[Model]]:
    """Every model that a field of this type can hold."""
    metadata = (*metadata, *getattr(annotation, "__metadata__", ()))
    if kinds := [
        kind for one in metadata if isinstance(one, OneOf) for kind in one.kinds().values()
    ]:
        for kind in kinds:
            yield from reached(kind)
    elif inspect.isclass(annotation) and issubclass(annotation, Model):
        yield annotation
        for field in annotation.model_fields.values():
            yield from reached(field.annotation, field.metadata)
    else:
        for inner in get_args(annotation):
            yield from reached(inner)


PUBLIC: Final = {name: getattr(components, name) for name in vars(components)["__all__"]}
FOUND: Final[set[type[Model]]] = {*reached(MultusArgs), Selection}
MODELS: Final = sorted(FOUND, key=lambda one: one.__name__)


def test_every_type_of_the_arguments_is_public() -> None:
    assert {model.__name__ for model in MODELS} <= set(PUBLIC)
    assert {Macvlan, Whereabouts, K3s} < FOUND  # the control: the walk goes down


@pytest.mark.parametrize("name", PUBLIC)
def test_the_public_api_says_what_it_is(name: str) -> None:
    one = PUBLIC[name]
    text = vars(one).get("__doc__") if inspect.isclass(one) else one.__doc__
    assert text
    assert not text.startswith(f"{name}(")  # a dataclass without one gets its signature


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_argument_says_what_it_is(model: type[Model]) -> None:
    assert {*model.model_fields} - {"type", "distribution"} <= {*descriptions(model)}


def statements(source: str) -> tuple[set[str], list[str]]:
    """What a program imports from the library, and its other statements in their order."""
    body = ast.parse(source).body
    froms = [one for one in body if isinstance(one, ast.ImportFrom) and one.module == "multus_k3s"]
    names = {alias.name for one in froms for alias in one.names}
    return names, [ast.unparse(one) for one in body if one not in froms]


def test_the_snippet_of_the_readme_is_the_examples() -> None:
    """Statement by statement and in its order; the example is deployed by a test."""
    section = README.partition("\n## As a library\n")[2].partition("\n## ")[0]
    snippet = section.partition("```python\n")[2].partition("```")[0]
    names, shown = statements(snippet)
    known, example = statements((EXAMPLE / "__main__.py").read_text(encoding="utf-8"))
    assert "MultusComponent" in names
    assert names <= known
    assert len(shown) > 4
    assert shown == [statement for statement in example if statement in shown]


def test_a_program_needs_three_lines() -> None:
    source = (EXAMPLES / "three-lines" / "__main__.py").read_text(encoding="utf-8")
    assert len(ast.parse(source).body[1:]) == 3  # after its docstring
