"""`python -m tools.images`: the images of a stack's file, with no cluster and no Pulumi."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.stacks.files import STACKS, arguments
from tools import images

LEAST = """config:
  multus:cluster: {distribution: k3s, version: v1.34.2+k3s1, nodes: multi}
  multus:ipam: dhcp
  multus:registry: mirror.lan
"""


def said(capsys: pytest.CaptureFixture[str]) -> tuple[list[str], str]:
    out, err = capsys.readouterr()
    return out.splitlines(), err


@pytest.mark.parametrize("stack", STACKS)
def test_one_a_line_of_each_committed_stack(stack: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert images.main(["--stack", stack]) == 0
    assert said(capsys) == (list(arguments(stack).images), "")


def test_the_registry_and_what_to_copy_from(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "Pulumi.lab.yaml").write_text(LEAST)
    assert images.main(["--stack", "lab"], tmp_path) == 0
    mirrored, _ = said(capsys)
    assert images.main(["--stack", "lab", "--published"], tmp_path) == 0
    published, _ = said(capsys)
    assert mirrored == [f"mirror.lan/{one}" for one in published]
    assert len(published) == 3


def test_a_key_without_a_namespace_is_the_projects_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As the CLI has it: the lists must not differ."""
    (tmp_path / "Pulumi.lab.yaml").write_text(LEAST.replace("multus:registry", "registry"))
    assert images.main(["--stack", "lab"], tmp_path) == 0
    out, _ = said(capsys)
    assert {one.partition("/")[0] for one in out} == {"mirror.lan"}


def test_a_secret_is_passed_over_with_a_word(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = "  multus:kubeconfig: {secure: x}\n  multus:extraValues: {secure: y}\n"
    (tmp_path / "Pulumi.lab.yaml").write_text(LEAST + secret)
    assert images.main(["--stack", "lab"], tmp_path) == 0
    out, err = said(capsys)
    assert len(out) == 3
    assert err == "multus:extraValues is a secret and was not read\n"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "Pulumi.lab.yaml. There are: "),
        ("config: [", "Pulumi.lab.yaml line 1: expected the node content"),
        ("", "Pulumi.lab.yaml has no mapping called config"),
        (LEAST + "  multus:ipam: dhcp\n", "line 5: multus:ipam is there twice"),
        (LEAST + "  multus:ipma: dhcp\n", 'Did you mean "ipam"?'),
        (LEAST + "  mutlus:timeout: 9\n", 'Did you mean "multus:timeout"?'),
    ],
)
def test_what_cannot_be_read(
    content: str | None, reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if content is not None:
        (tmp_path / "Pulumi.lab.yaml").write_text(content)
    assert images.main(["--stack", "lab"], tmp_path) == 1
    out, err = said(capsys)
    assert out == []
    assert reason in err
    if "nothing was changed" not in err:
        assert err.count("\n") == 1


def test_names_the_stacks_that_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert images.main(["--stack", "prd"]) == 1
    out, err = said(capsys)
    assert (out, err) == (
        [],
        "error: there is no stacks/Pulumi.prd.yaml. There are: dev, prod, staging\n",
    )
