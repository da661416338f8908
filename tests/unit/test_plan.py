"""What a preview means, in words, for a terminal and for a pull request."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

import pytest
from markdown_it import MarkdownIt
from typer.testing import CliRunner

from components.chart.versions import CHART, CRD_CHART, DEFAULT
from components.cli import planning
from components.cli.app import app
from components.cli.markdown import code, prose
from components.cli.plan_forms import LEFT_OUT, ROOM, markdown
from components.cli.planning import NoPreviewError, preview
from components.model import read as read_model
from components.networks.macvlan import Macvlan
from components.plan import Plan, failed, planned
from components.plan.engine import Preview, Step, read
from components.plan.networks import Field, NetworkChange
from components.plan.objects import Difference, objects
from components.plan.report import from_json, headline, refuses, written
from tests.stacks.files import EXAMPLES
from tests.unit.cases import load
from tests.unit.tasks import executable
from tests.unit.test_doctor import with_interface

Json = dict[str, Any]
URN: Final = "urn:pulumi:prod::multus::multus:index:MultusComponent${}::multus-{}"
NETWORK: Final = "kubernetes:k8s.cni.cncf.io/v1:NetworkAttachmentDefinition"
RELEASE: Final = "kubernetes:helm.sh/v3:Release"
COMMAND: Final = "command:local:Command"
LAN: Final[Json] = {
    "type": "macvlan",
    "master": "eth1",
    "ipam": {"type": "whereabouts", "range": "192.168.20.0/29"},
}


def manifest(config: Json | str) -> Json:
    text = config if isinstance(config, str) else json.dumps(config)
    return {"metadata": {"name": "lan", "namespace": "default"}, "spec": {"config": text}}


def step(op: str, kind: str, name: str, old: Json | None = None, new: Json | None = None) -> Step:
    return Step(op, URN.format(kind, name), kind, old or {}, new or {})


def network(op: str, old: Json | str | None, new: Json | str | None) -> Step:
    sides = [None if one is None else manifest(one) for one in (old, new)]
    return step(op, NETWORK, "default.lan", *sides)


def plan(
    *steps: Step, pods: Json | None = None, rendered: Any = ({}, {}), warnings: Any = ()
) -> Plan:
    found = Preview(steps, (), tuple(warnings))
    return planned("prod", found, pods=pods or {}, rendered=rendered)


@pytest.mark.parametrize("case", load("plan", "networks"))
def test_a_network_changes_by_fields_and_addresses(case: Any) -> None:
    [found] = plan(network("update", case["old"], case["new"])).networks
    assert found.key == "default/lan"
    assert [[one.name, one.old, one.new] for one in found.fields] == case["fields"]
    assert found.gained == case.get("gained", "")
    assert found.lost == case.get("lost", "")


def test_what_the_program_made_is_in_the_stack_files_words() -> None:
    old, new = (made(end) for end in (".5", ".4"))
    [found] = plan(network("update", old, new)).networks
    assert found.fields == (Field("ipam.rangeEnd", '"192.168.20.5"', '"192.168.20.4"'),)


def made(end: str) -> str:
    ipam = {"type": "whereabouts", "range": "192.168.20.0/29", "rangeEnd": f"192.168.20{end}"}
    return read_model(Macvlan, {"name": "lan", **LAN, "ipam": ipam}).render()


PODS: Final[Json] = {
    f"default/{name}": with_interface(f"default/{name}", f"default/lan=192.168.20.{number}")
    for name, number in (("a", 2), ("b", 6))
} | {"default/other": with_interface("default/other", "default/else=192.168.20.6")}
UPGRADE: Final = step("update", RELEASE, "release", {"version": "1"}, {"version": "2"})
HOLD: Final = step("update", COMMAND, "hold", {"a": 1}, {"a": 2})


def daemons(image: str, away: Any = 1, name: str = "multus") -> str:
    return json.dumps(
        {
            "kind": "DaemonSet",
            "metadata": {"name": name},
            "spec": {
                "template": {"image": image},
                "updateStrategy": {"rollingUpdate": {"maxUnavailable": away}},
            },
        }
    )


def sides(*texts: str) -> Any:
    return tuple(objects(one, "kube-system") for one in texts)


HAZARDS: Final[dict[str, tuple[Plan, list[str]]]] = {
    "nothing": (plan(), []),
    "a shorter range under pods": (
        plan(
            network(
                "update", LAN, {**LAN, "ipam": {**LAN["ipam"], "exclude": ["192.168.20.6/32"]}}
            ),
            pods=PODS,
        ),
        [
            "2 pods of default/lan keep old addresses until restarted, "
            "1 outside the new range: default/b (192.168.20.6)"
        ],
    ),
    "a device under pods": (
        plan(network("update", LAN, {**LAN, "master": "eth2"}), pods=PODS),
        ["2 pods of default/lan keep the old configuration until restarted: default/a, default/b"],
    ),
    "a network that nobody has": (plan(network("update", LAN, {**LAN, "mtu": 9000})), []),
    "a network goes": (
        plan(network("delete", LAN, None), pods=PODS),
        [
            "default/lan is deleted: a pod that asks for it does not start any more. "
            "2 pods have it now: default/a, default/b"
        ],
    ),
    "a network is replaced": (
        plan(network("replace", LAN, LAN)),
        ["multus-default.lan is replaced: pods that start while it is gone do not come up"],
    ),
    "a release is replaced": (
        plan(step("replace", RELEASE, "release", {"name": "a"}, {"name": "b"})),
        ["multus-release is replaced: Helm uninstalls a release and all that is in it"],
    ),
    "an upgrade": (
        plan(UPGRADE, HOLD, rendered=sides(daemons("a"), daemons("b"))),
        [
            "Multus restarts on every node, one at a time. Pods that start meanwhile wait for it",
        ],
    ),
    "an upgrade that holds nothing": (
        plan(UPGRADE, rendered=sides(daemons("a"), daemons("b", "20%"))),
        ["Multus restarts on every node, 20% at a time"],
    ),
    "an upgrade beside a network of the hold's name": (
        plan(
            UPGRADE,
            step("update", NETWORK, "default.x-hold", manifest(LAN), manifest(LAN)),
            step("delete", COMMAND, "hold", {"a": 1}),
            rendered=sides(daemons("a"), daemons("b")),
        ),
        ["Multus restarts on every node, one at a time"],
    ),
    "another daemon": (
        plan(UPGRADE, rendered=sides(daemons("a", name="x"), daemons("b", name="x"))),
        ["DaemonSet kube-system/x restarts on every node, one at a time"],
    ),
    "a daemon goes": (
        plan(UPGRADE, rendered=sides(daemons("a"), "")),
        ["DaemonSet kube-system/multus is removed, and its pods end on every node"],
    ),
    "an upgrade that restarts nothing": (
        plan(UPGRADE, rendered=sides(daemons("a"), daemons("a"))),
        [],
    ),
    "an upgrade that nobody rendered": (
        plan(UPGRADE, HOLD, rendered=None),
        ["Multus and its daemons may restart on every node. Pods that start meanwhile wait for it"],
    ),
    "a rule's warning": (
        plan(warnings=["x may surprise [rule]"]),
        ["warning: x may surprise [rule]"],
    ),
}


@pytest.mark.parametrize("name", HAZARDS)
def test_what_may_hurt_is_a_sentence(name: str) -> None:
    found, said = HAZARDS[name]
    assert list(found.hazards) == said


def test_replacements_and_deletions_are_counted_first() -> None:
    found = plan(UPGRADE, network("delete", LAN, None), step("replace", COMMAND, "ready"))
    assert headline(found) == "prod: 1 replaced, 1 deleted, 1 updated"
    assert found.lost == (
        "delete NetworkAttachmentDefinition multus-default.lan",
        "replace Command multus-ready",
    )
    assert headline(plan(UPGRADE)) == "prod: 0 replaced, 0 deleted, 1 updated"
    assert headline(plan()) == "prod: nothing changes"


def test_a_preview_that_failed_is_its_findings_and_nothing_else() -> None:
    preview = Preview((UPGRADE,), ("it cannot be deployed: 1 error:", "file:3: error: x"), ("w",))
    found = planned("prod", preview, pods={}, rendered=None, unseen=["the cluster"])
    assert found == failed("prod", preview.errors)
    assert headline(found) == "prod: no plan. it cannot be deployed: 1 error:"


def test_what_was_not_seen_comes_first_and_the_rest_is_shown() -> None:
    found = planned("prod", Preview((UPGRADE,), (), ()), pods={}, rendered=None, unseen=["No x"])
    assert headline(found) == "prod: incomplete. No x. 0 replaced, 0 deleted, 1 updated"


LOST: Final = plan(network("delete", LAN, None))


@pytest.mark.parametrize(
    ("found", "allow", "refused"),
    [
        (plan(UPGRADE), False, False),
        (LOST, False, True),
        (LOST, True, False),
        (failed("prod", ["x"]), True, True),
        (Plan("prod", unseen=("x",), gated=True), True, True),
        (Plan("prod", unseen=("x",)), False, False),
    ],
)
def test_the_gate(found: Plan, allow: bool, refused: bool) -> None:  # noqa: FBT001
    assert refuses(found, allow=allow) is refused


@pytest.mark.parametrize("found", [LOST, plan(UPGRADE, HOLD, pods=PODS), failed("a", ["b"])])
def test_json_is_the_whole_plan(found: Plan) -> None:
    assert from_json(written(found)) == found


HOSTILE: Final = (
    "`", "``` \n```", "a|b", "a\\|b|c", "</code></summary></details><script>x</script>",
    "<img src=x onerror=y>", "@everyone", "@org/team", "![x](https://evil.example/x.png)",
    "[text](javascript:x)", "https://evil.example", "www.evil.example", "#1", "org/repo#2",
    "3d3c42e5aac5ba805825da76410c181273ba90b1", "abcdef1", "**bold**", "_it_", "~~x~~",
    "\n\n# Title", "<!-- x", "-->", "&lt;b&gt;",
    "\x1b[31mred", "\u202egnp.exe", "| a | b |", "---", "$x^2$",
    "mail@example.org", ":tada:", "- [ ] task", "> quote", "1) item", "GH-12",
)  # fmt: skip
# In the middle of a line of Markdown.
HARMLESS: Final = ("---", "1) item", "\n\n# Title")
PLAIN: Final = re.compile(r"[A-Za-z0-9 .,:;()'-]*")
OURS: Final = re.compile(r"<details><summary><code>[^<]*</code></summary>|</details>")
# What GitHub makes something of in plain text: hosts, emoji, commits, issues by their number.
REFERENCE: Final = re.compile(r"[.:]\w|\b(?=[a-f]*\d)[0-9a-f]{7,}\b|#\d|\w-\d")


def broken_out(text: str) -> list[str]:
    """What a reader of GitHub's Markdown finds outside code, but for words and our own elements."""
    found = []
    for token in MarkdownIt("commonmark", {"html": True}).enable("table").parse(text):
        inside = token.children or []
        known = ("text", "code_inline", "softbreak")
        found += [one.type for one in inside if one.type not in known]
        words = [one.content for one in inside if one.type == "text"]
        found += [one for one in words if not PLAIN.fullmatch(one) or REFERENCE.search(one)]
        if token.type == "html_block":
            found += [one for one in token.content.split("\n") if one and not OURS.fullmatch(one)]
    return found


@pytest.mark.parametrize("hostile", HOSTILE)
def test_nothing_breaks_out_of_a_comment(hostile: str) -> None:
    """Of a name, a value, a finding, a diff, a stack: all that is not our words is code."""
    found = Plan(
        hostile,
        unseen=(f"x {hostile}",),
        counts={hostile: 1},
        lost=(hostile,),
        networks=(NetworkChange(hostile, hostile, (Field(hostile, hostile, hostile),), hostile),),
        hazards=(f"warning: {hostile}",),
        manifests=(Difference(hostile, f"+{hostile}\n{hostile}"),),
    )
    text = markdown(found)
    for one in (text, markdown(failed(hostile, [hostile, hostile]))):
        assert broken_out(one) == []
    tokens = MarkdownIt("commonmark", {"html": True}).enable("table").parse(text)
    kinds = [one.type for one in tokens]
    assert (kinds.count("heading_open"), kinds.count("td_open"), kinds.count("fence")) == (1, 4, 1)


@pytest.mark.parametrize("hostile", [one for one in HOSTILE if one not in HARMLESS])
def test_control_as_it_stands_it_would(hostile: str) -> None:
    assert broken_out(f"a {hostile} b")


def test_words_stay_words() -> None:
    said = "2 pods of default/lan keep old addresses until restarted (see docs), one-by-one"
    assert prose(said) == said.replace("default/lan", "`default/lan`")
    assert prose('is "a", but') == 'is `"a"`, but'
    assert code("a`b") == "`` a`b ``"


def test_a_comment_is_below_the_limit_and_says_what_is_left_out() -> None:
    one = Difference("DaemonSet kube-system/multus", "+ü\n" * 300)
    found = Plan("prod", counts={"update": 1}, hazards=("x",), manifests=(one,) * 200)
    for room in (ROOM, 20_000, 1_000):
        text = markdown(found, room)
        assert len(text.encode()) <= room
        assert text.rstrip().endswith(LEFT_OUT)
        assert text.count("<details>") == text.count("</details>")
    assert LEFT_OUT not in markdown(LOST)


@pytest.mark.parametrize("form", ["events", "digest"])
def test_both_forms_of_the_engine_are_read(form: str) -> None:
    old, new = manifest(LAN), manifest({**LAN, "mtu": 9000})
    urn = URN.format(NETWORK, "default.lan")
    meta: Json = {
        "op": "update",
        "urn": urn,
        "detailedDiff": {"spec.config": {}},
    }
    said = [
        ("error", "error: it fails"),
        ("warning", "using pulumi-resource-x from $PATH at /x"),
        ("debug", "x"),
    ]
    told = [{"severity": kind, "message": text} for kind, text in said]
    if form == "digest":
        states = {
            "oldState": {"type": NETWORK, "inputs": old},
            "newState": {"type": NETWORK, "inputs": new},
        }
        text = json.dumps(
            {"steps": [{**meta, **states}, {**meta, **states, "op": "same"}], "diagnostics": told}
        )
    else:
        events = [
            {
                "resourcePreEvent": {
                    "metadata": {
                        **meta,
                        "type": NETWORK,
                        "old": {"inputs": old},
                        "new": {"inputs": new},
                    }
                }
            },
            *({"diagnosticEvent": one} for one in told),
            {"summaryEvent": {}},
        ]
        text = "\n".join(map(json.dumps, events))
    found = read(text)
    assert found.steps == (Step("update", urn, NETWORK, old, new, ("spec.config",)),)
    assert (found.errors, found.warnings) == (("it fails",), ())


def test_a_default_provider_is_no_loss() -> None:
    """After a refusal by network-exists the next run drops the one that asked the state."""

    def lost(name: str) -> tuple[str, ...]:
        kind = "pulumi:providers:pulumi"
        urn = f"urn:pulumi:prod::multus::{kind}::{name}"
        gone: Json = {"op": "delete", "urn": urn, "type": kind, "old": {"inputs": {}}, "new": None}
        events = [{"resourcePreEvent": {"metadata": gone}}, {"summaryEvent": {}}]
        found = read("\n".join(map(json.dumps, events)))
        return planned("prod", found, pods={}, rendered=({}, {})).lost

    assert lost("default") == lost("default_1_2_3") == ()
    assert lost("multus-cluster") == ("delete pulumi multus-cluster",)


GOOD: Final[Json] = {"op": "update", "urn": "u::n", "type": NETWORK}
ODD: Final[tuple[Json, ...]] = (
    {"type": 5},
    {"urn": None},
    {"diffs": [5]},
    {"new": {"inputs": {"metadata": {"name": 5}}}},
    {"new": {"inputs": {"metadata": "x"}}},
    {"new": {"inputs": [1]}},
)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"steps": 1}', "neither an event log"),
        ("no JSON", "it is no JSON"),
        ("[1]", "neither an event log"),
        ('{"steps": [{}]}', "neither an event log"),
        ("[" * 100_000, "nested beyond all reason"),
        *((json.dumps({"resourcePreEvent": {"metadata": GOOD | bad}}), "neither") for bad in ODD),
    ],
)
def test_what_is_no_preview_is_one_line(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        read(text)


def test_a_preview_that_was_stopped_is_no_plan() -> None:
    assert read('{"preludeEvent": {}}').errors == ("the preview has no end: pulumi was stopped",)


def run(*arguments: str, path: str, monkeypatch: pytest.MonkeyPatch) -> tuple[int, str, str]:
    monkeypatch.setenv("PATH", path)
    monkeypatch.chdir(EXAMPLES)
    done = CliRunner().invoke(app, ["plan", *arguments])
    return done.exit_code, done.stdout, done.stderr


BAD: Final = {
    "no engine": ("", "pulumi is not on PATH. Install it: https://www.pulumi.com/docs/install/"),
    "no stack": (
        "echo \"error: no stack named 'prod' found\" >&2; exit 255",
        "pulumi preview: no stack named 'prod' found. Make it: pulumi stack init prod",
    ),
    "a wrong passphrase": (
        "echo 'error: incorrect passphrase' >&2; exit 255",
        "pulumi preview: incorrect passphrase",
    ),
    "words alone": ("echo no network >&2; exit 1", "pulumi preview: no network"),
    "silence": ("exit 1", "pulumi preview: it ended"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_surroundings_are_one_line(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script, said = BAD[name]
    if script:
        executable(tmp_path / "pulumi", script)
    status, out, err = run("prod", path=str(tmp_path), monkeypatch=monkeypatch)
    assert (status, out, err) == (2, "", f"error: {said}\n")
    status, out, _ = run("prod", "--markdown", path=str(tmp_path), monkeypatch=monkeypatch)
    assert (status, out) == (2, f"### {prose(f'prod: no plan. {said}')}\n")


def of_release(
    inputs: Json, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[int, str, str]:
    """The plan from a log in which one release is made, with this folder's helm."""
    found = {"op": "create", "urn": "u::multus-release", "type": RELEASE, "new": {"inputs": inputs}}
    events = [{"resourcePreEvent": {"metadata": found}}, {"summaryEvent": {}}]
    (tmp_path / "log").write_text("\n".join(map(json.dumps, events)))
    return run("prod", f"--from={tmp_path}/log", path=str(tmp_path), monkeypatch=monkeypatch)


def test_helm_gets_no_name_that_a_file_invents(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A log may be of a pull request, and what begins with a dash is an option of helm's."""
    executable(tmp_path / "helm", f"echo ran > {tmp_path}/ran")
    inputs = {"name": f"--post-renderer={tmp_path}/evil", "chart": str(tmp_path / "helm")}
    status, out, _ = of_release(inputs, tmp_path, monkeypatch)
    assert status == 0
    assert "is no release of the program" in out
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("inputs", [{"chart": "x", "version": DEFAULT}, {"chart": "x"}, {}])
def test_where_helm_gives_no_reason_the_plan_says_so(
    inputs: Json, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    executable(tmp_path / "helm", "exit 1")
    packages = dict.fromkeys((CHART, CRD_CHART), "package.tgz")
    monkeypatch.setattr(planning, "download_packages", lambda _: packages)
    status, out, _ = of_release({"name": "multus", **inputs}, tmp_path, monkeypatch)
    assert status == 0
    assert "The charts' manifests were not compared: helm failed and gave no reason" in out


def test_a_stack_that_does_not_exist_lists_those_that_do(monkeypatch: pytest.MonkeyPatch) -> None:
    status, _, err = run("pord", path="", monkeypatch=monkeypatch)
    assert (status, err) == (
        2,
        "error: there is no stacks/Pulumi.pord.yaml. Stacks: dev, prod, staging\n",
    )


STARTED: Final = '{"preludeEvent": {}}'
NO_HOST: Final = "error: no language plugin 'pulumi-language-python' found"
FAULT: Final = '{"diagnosticEvent":{"severity":"error","message":"x"}}'


@pytest.mark.parametrize(
    ("events", "raised"), [("", True), (STARTED, True), (f"{STARTED}\n{FAULT}", False)]
)
def test_a_preview_that_ends_without_a_word_in_its_log_has_pulumis(
    events: str, *, raised: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the language host is not installed."""
    (tmp_path / "log").write_text(events)
    script = f"""for one in "$@"; do case "$one" in --event-log=*) to=${{one#*=}};; esac; done
cp {tmp_path}/log "$to"; echo "{NO_HOST}" >&2; exit 255"""
    executable(tmp_path / "pulumi", script)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    if raised:
        with pytest.raises(NoPreviewError, match="preview: no language plugin"):
            preview("dev", None)
    else:
        assert preview("dev", None).strip() == events
