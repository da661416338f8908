"""The control arm: take a protection away, and the test that guards it fails.

Each row changes one text in a copy of `components/` and names the tests that must notice. A test
that would pass without the protection that it is for guards nothing.
"""

from __future__ import annotations

import contextlib
import io
import multiprocessing
import os
import shutil
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
COPIED: Final = (
    "components",
    "tests/component",
    "tests/stacks/files.py",
    "tests/unit/test_preflight.py",
    "testbed/charts",
    "stacks",
)
GATE: Final = "tests/component/test_gate.py"
STRUCTURE: Final = "tests/component/test_structure.py"
CLUSTER: Final = "tests/unit/test_cluster.py"
IPAM: Final = "tests/unit/test_ipam.py"
VALUES: Final = "tests/unit/test_values.py"
# Each run is a process of its own, forked from one that has these imported already; alone each
# would take a second and a half.
PRELOADED: Final = [
    "hypothesis",
    "pulumi_command",
    "pulumi_kubernetes.helm.v3",
    "pydantic",
    "pytest",
]
OURS: Final = ("components", "testbed", "tests", "tools")
# pytest's exit codes: tests failed, and not that they could not be found or imported.
PASSED, FAILED = 0, 1


@dataclass(frozen=True)
class Mutation:
    """One text in one file, what takes its place, and the tests that must fail."""

    file: str
    text: str
    instead: str
    tests: tuple[str, ...]


WHEREABOUTS: Final = f"{IPAM}::test_whereabouts"
MUTATIONS: Final[dict[str, Mutation]] = {
    "confDir is the chart's own": Mutation(
        "cluster/k3s.py",
        'conf_dir=f"{self.data_dir}/agent/etc/cni/net.d"',
        'conf_dir="/etc/cni/net.d"',
        (
            f"{CLUSTER}::test_plugins_are_where_that_release_has_them",
            f"{VALUES}::test_is_the_documentations_page_with_exactly_the_reviewed_differences",
        ),
    ),
    "Whereabouts is not told where its configuration is": Mutation(
        "ipam/whereabouts.py",
        '{"type": self.type, "configuration_path": configuration_path}',
        '{"type": self.type}',
        (WHEREABOUTS,),
    ),
    "the gateway is handed out, of range": Mutation(
        "ipam/whereabouts.py",
        "self._flat.render(self.gateways)",
        "self._flat.render(())",
        (WHEREABOUTS,),
    ),
    "the gateway is handed out, of ipRanges": Mutation(
        "ipam/whereabouts.py",
        "entry.render(self.gateways)",
        "entry.render(())",
        (WHEREABOUTS,),
    ),
    "the gateway is counted": Mutation(
        "ipam/whereabouts.py",
        "return (*self.exclude, *(single(address) for _, address in lacking))",
        "return self.exclude",
        (WHEREABOUTS,),
    ),
    "networks do not wait for the CRDs": Mutation(
        "multus.py",
        "after: list[pulumi.Resource] = [crds]",
        "after: list[pulumi.Resource] = []",
        (f"{STRUCTURE}::test_networks_depend_on_the_crds_and_not_on_the_release",),
    ),
    "destroy deletes networks before it comes to the guard": Mutation(
        "multus.py",
        "self._options(crds, release, *declared, protect=args.protect)",
        "self._options(crds, release, protect=args.protect)",
        (f"{STRUCTURE}::test_the_guard_depends_on_all_that_matters",),
    ),
    "a new revision replaces the wait": Mutation(
        "multus.py",
        """                **environment,
            },
""",
        """                **{key: it for key, it in environment.items() if "REVISION" not in key},
            },
            triggers=[environment.get("MULTUS_REVISION", "")],
""",
        (
            f"{STRUCTURE}::test_a_new_revision_of_the_release_waits_again_as_an_update",
            f"{STRUCTURE}::test_commands_have_constant_text_and_nothing_that_replaces",
        ),
    ),
    "Helm's wait decides": Mutation(
        "multus.py",
        "skip_await=True,",
        "skip_await=False,",
        (f"{STRUCTURE}::test_releases_are_pinned_named_and_waited_for_as_decided",),
    ),
    "the CRDs are not waited for": Mutation(
        "multus.py",
        "skip_await=False,",
        "skip_await=True,",
        (f"{STRUCTURE}::test_releases_are_pinned_named_and_waited_for_as_decided",),
    ),
    "releases are not protected": Mutation(
        "multus.py",
        "opts=self._options(after, protect=self._args.protect)",
        "opts=self._options(after)",
        (f"{STRUCTURE}::test_protect_holds_the_releases_and_leaves_single_networks_free",),
    ),
    "the guard is not protected": Mutation(
        "multus.py",
        "*declared, protect=args.protect)",
        "*declared)",
        (f"{STRUCTURE}::test_protect_holds_the_releases_and_leaves_single_networks_free",),
    ),
    "a finding does not stop the run": Mutation(
        "gate.py",
        "        raise PreflightError(refused)",
        "        pulumi.log.warn(refused[0])",
        (f"{GATE}::test_all_findings_are_one_error",),
    ),
    "a preview without a cluster fails": Mutation(
        "gate.py",
        'if args.preflight == "required":\n            raise',
        "if True:\n            raise",
        (f"{GATE}::test_without_a_cluster",),
    ),
    "Multus's token expires": Mutation(
        "values/typed.py",
        '"cleanupConfigOnExit": True',
        '"cleanupConfigOnExit": False',
        (f"{VALUES}::test_is_the_documentations_page_with_exactly_the_reviewed_differences",),
    ),
    "the CRD chart is not told about Whereabouts": Mutation(
        "values/typed.py",
        'return {"rke2-whereabouts": {"enabled": "whereabouts" in ipams}}',
        'return {"rke2-whereabouts": {"enabled": False}}',
        (
            f"{VALUES}::test_daemons_follow_from_the_ipam",
            f"{STRUCTURE}::test_both_releases_are_told_about_whereabouts",
        ),
    ),
}
NAMED: Final = sorted({test for mutation in MUTATIONS.values() for test in mutation.tests})


def project(folder: Path, mutation: Mutation | None) -> Path:
    """A copy of what the named tests need, mutated."""
    files = {test.partition("::")[0] for test in NAMED}
    for name in (*COPIED, *files, "pyproject.toml", "tests/__init__.py", "tests/conftest.py"):
        source, target = ROOT / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    if mutation is not None:
        path = folder / "components" / mutation.file
        content = path.read_text()
        assert content.count(mutation.text) == 1, f"{mutation.file} has {mutation.text!r} not once"
        path.write_text(content.replace(mutation.text, mutation.instead))
    return folder


def outcome(folder: Path, mutation: Mutation | None) -> tuple[int, str]:
    """pytest's exit code and what it says; called in a process that ends with it."""
    project(folder, mutation)
    for name in [name for name in sys.modules if name.partition(".")[0] in OURS]:
        del sys.modules[name]
    os.chdir(folder)
    sys.path[:] = [str(folder), *(path for path in sys.path if path not in ("", str(ROOT)))]
    sys.dont_write_bytecode = True
    # No plugin is needed here.
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    os.environ["PYTEST_ADDOPTS"] = ""
    tests = NAMED if mutation is None else mutation.tests
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        code = pytest.main(["-p", "no:cacheprovider", "-q", "--tb=no", *tests])
    for name in ("components", "tests"):
        where = sys.modules[name].__file__
        assert where is not None
        assert Path(where).is_relative_to(folder), f"{name} is not the copy: {where}"
    return int(code), said.getvalue()


Runs = dict[str, Future[tuple[int, str]]]
CONTROL: Final = "nothing is taken away"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    """All runs, two at a time."""
    everything: dict[str, Mutation | None] = {CONTROL: None, **MUTATIONS}
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    with ProcessPoolExecutor(2, mp_context=context, max_tasks_per_child=1) as pool:
        yield {
            name: pool.submit(outcome, tmp_path_factory.mktemp("copy"), mutation)
            for name, mutation in everything.items()
        }


def test_the_named_tests_pass_where_nothing_is_taken_away(runs: Runs) -> None:
    code, said = runs[CONTROL].result()
    assert code == PASSED, said


@pytest.mark.parametrize("name", MUTATIONS)
def test_is_noticed(runs: Runs, name: str) -> None:
    code, said = runs[name].result()
    assert code == FAILED, said
    for test in MUTATIONS[name].tests:
        assert f"FAILED {test}" in said, f"{test} does not notice\n{said}"
