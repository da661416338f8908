"""What the workflows run: stacks that a change touches, secrets, and what reaches GitHub."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar, Final

import pytest
import yaml

from ci import post, runs, stacks
from components.cli.plan_forms import ROOM
from components.plan import Plan, failed
from components.plan.report import from_json, written
from tests.stacks.files import EXAMPLES, ROOT
from tests.unit.tasks import executable

Json = dict[str, Any]
KNOWN: Final = {"dev": ["networks/dev/*.yaml"], "prod": ["networks/**/p*.yaml", "more.yaml"]}


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        (["stacks/Pulumi.dev.yaml"], ["dev"]),
        (["stacks/Pulumi.gone.yaml", "docs/x.md", "tests/unit/x.py"], []),
        (["networks/dev/lan.yaml"], ["dev", "prod"]),
        (["networks/x"], ["prod"]),
        (["more.yaml"], ["prod"]),
        (["components/x.py"], ["dev", "prod"]),
        (["requirements.txt", "stacks/Pulumi.dev.yaml"], ["dev", "prod"]),
        ([], []),
    ],
)
def test_a_change_touches_stacks(changed: list[str], found: list[str]) -> None:
    assert stacks.touched(changed, KNOWN) == found


def test_all_stacks_where_the_base_is_not_known(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(EXAMPLES)
    for arguments in ([], ["0" * 40]):
        stacks.main(arguments)
        assert json.loads(capsys.readouterr().out) == ["dev", "prod", "staging"]
    stacks.main(["HEAD"])
    assert json.loads(capsys.readouterr().out) == []


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The environment of a job with all its secrets, and a pulumi that says what it was given."""
    given = 'echo "$@|$PULUMI_ACCESS_TOKEN|$(cat "$KUBECONFIG")|$(env | grep -c SECRET)"'
    executable(
        tmp_path / "pulumi", f"{given} >> {tmp_path}/calls\necho error: no network >&2; exit 3"
    )
    for name, value in {
        "PATH": f"{tmp_path}:/usr/bin:/bin",
        "PYTHONPATH": str(ROOT),
        "RUNNER_TEMP": str(tmp_path),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
        "SECRET_PULUMI_ACCESS_TOKEN": "token",
        "SECRET_KUBECONFIG": "kind: Config",
        "SECRETS_OF": "preview-dev",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(EXAMPLES)
    return tmp_path


@pytest.mark.parametrize("what", ["plan", "up", "drift"])
@pytest.mark.parametrize("missing", ["SECRET_PULUMI_ACCESS_TOKEN", "SECRET_KUBECONFIG"])
def test_a_missing_secret_is_named_and_a_failure(
    what: str,
    missing: str,
    runner: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if what == "drift" and missing == "SECRET_PULUMI_ACCESS_TOKEN":
        return
    monkeypatch.setenv(missing, " ")
    name = missing.removeprefix("SECRET_")
    said = f"{name} is missing among the secrets of preview-dev. Set them there"
    assert runs.main([what, "dev", str(runner / "out.json")]) == runs.REFUSED
    assert not (runner / "calls").exists()
    if what == "plan":
        assert from_json((runner / "out.json").read_text()) == failed("dev", [said])
        first = (runner / "summary").read_text().splitlines()[0]
        assert first.replace("`", "") == f"### dev: no plan. {said}"
    else:
        text = (runner / "out.json").read_text() if what == "drift" else capsys.readouterr().err
        assert said in text


def test_a_plan_gets_the_secrets_and_nobody_else_can_read_them(runner: Path) -> None:
    assert runs.main(["plan", "dev", str(runner / "out.json")]) == 2
    assert "no network" in (runner / "summary").read_text()
    [call] = (runner / "calls").read_text().splitlines()
    options, token, config, _ = call.split("|")
    assert options.startswith("preview --stack=dev ")
    assert (token, config) == ("token", "kind: Config")
    assert (runner / "kubeconfig").stat().st_mode & 0o77 == 0


def test_a_state_in_a_bucket_takes_other_secrets(
    runner: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_PULUMI_ACCESS_TOKEN", "")
    monkeypatch.setenv("PULUMI_BACKEND_URL", "s3://state")
    monkeypatch.setenv("SECRET_PULUMI_CONFIG_PASSPHRASE", "canary")
    monkeypatch.setenv("SECRET_AWS_ACCESS_KEY_ID", "")
    said = (
        'echo "${PULUMI_ACCESS_TOKEN-unset} $PULUMI_CONFIG_PASSPHRASE ${AWS_ACCESS_KEY_ID-unset}"'
    )
    executable(runner / "pulumi", f"{said} > {runner}/calls; exit 3")
    assert runs.main(["up", "dev", "up.json"]) == 3
    assert (runner / "calls").read_text() == "unset canary unset\n"
    monkeypatch.setenv("PULUMI_BACKEND_URL", "https://api.pulumi.example.com")  # the control arm
    assert runs.main(["up", "dev", "up.json"]) == runs.REFUSED


def test_a_fork_begins_with_an_empty_state_and_no_secret(runner: Path) -> None:
    assert runs.main(["fork", "dev", str(runner / "out.json")]) == 3
    calls = (runner / "calls").read_text()
    assert calls.startswith("stack init dev --non-interactive||apiVersion: v1")
    assert "preview" not in calls
    assert runs.NOWHERE in calls
    assert from_json((runner / "out.json").read_text()).failed == ("error: no network",)


def test_up_is_held_to_its_plan(runner: Path) -> None:
    assert runs.main(["up", "dev", "up.json"]) == 3
    [call] = (runner / "calls").read_text().splitlines()
    assert call.startswith("up --stack=dev --plan=up.json --yes --skip-preview ")
    assert call.endswith("|token|kind: Config|1")


@pytest.mark.parametrize("named", [None, "lab"])
def test_the_kubeconfig_of_a_fork_leads_nowhere(
    named: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "stacks").mkdir()
    config = {"multus:ipam": "dhcp"} | ({"multus:context": named} if named else {})
    (tmp_path / "stacks" / "Pulumi.dev.yaml").write_text(json.dumps({"config": config}))
    written_one = yaml.safe_load(runs.nowhere("dev"))
    assert written_one["clusters"][0]["cluster"]["server"] == "https://127.0.0.1:9"
    assert written_one["current-context"] == (named or "nowhere")
    assert runs.nowhere("other")


class Api(BaseHTTPRequestHandler):
    """What GitHub has of one repository, and what was written to it."""

    has: ClassVar[Json] = {}
    calls: ClassVar[list[tuple[str, str, Json]]] = []

    def answer(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        data = json.loads(self.rfile.read(size)) if size else {}
        path, _, query = self.path.removeprefix("/repos/o/r/").partition("?")
        if self.command != "GET":
            self.calls.append((self.command, path, data))
        found = self.has.get(path, []) if "page=1" in query.split("&") else []
        body = json.dumps(found if self.command == "GET" else {}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PATCH = answer  # noqa: N815 (the library's names)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def github(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Api]]:
    Api.has, Api.calls = {}, []
    server = HTTPServer(("127.0.0.1", 0), Api)
    thread = Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    for name, value in {
        "GITHUB_API_URL": f"http://127.0.0.1:{server.server_port}",
        "GITHUB_REPOSITORY": "o/r",
        "GITHUB_TOKEN": "t",
        "HEAD_SHA": "abc",
        "HEAD_REPOSITORY": "fork/r",
        "HEAD_BRANCH": "$(x)`y`&z",
    }.items():
        monkeypatch.setenv(name, value)
    yield Api
    server.shutdown()
    thread.join()
    server.server_close()


PULL: Final = {"number": 7, "head": {"sha": "abc"}}
OURS: Final = {"id": 5, "user": {"login": post.BOT}, "body": post.MARK.format("plan") + "old"}
FORGED: Final = {**OURS, "id": 4, "user": {"login": "mallory"}}


@pytest.mark.parametrize(
    ("comments", "call"),
    [
        ([], ("POST", "issues/7/comments")),
        ([FORGED], ("POST", "issues/7/comments")),
        ([FORGED, OURS], ("PATCH", "issues/comments/5")),
    ],
)
def test_one_comment_is_kept_current(
    comments: list[Json], call: tuple[str, str], github: type[Api], tmp_path: Path
) -> None:
    github.has = {"pulls": [{**PULL, "number": 6, "head": {"sha": "other"}}, PULL]}
    github.has["issues/7/comments"] = comments
    (tmp_path / "plan-dev").mkdir()
    (tmp_path / "plan-dev" / "plan-dev.json").write_text(written(failed("dev", ["x"])))
    post.main(["plans", str(tmp_path)])
    [(method, path, data)] = github.calls
    assert (method, path) == call
    assert data["body"].startswith(f"{post.MARK.format('plan')}{post.OF_A_FORK}### dev: no plan. x")


def test_a_commit_at_no_head_is_nobodys(github: type[Api], tmp_path: Path) -> None:
    github.has = {"pulls": [{**PULL, "head": {"sha": "newer"}}]}
    post.main(["plans", str(tmp_path)])
    assert github.calls == []


PLAIN: Final = Plan("dev", counts={"update": 1}, hazards=("@all " * 40,) * 2000)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ([], "### preview: no plan. The run ended without a plan"),
        ([("plan-dev", "")], "### plan-dev: no plan. The run left no plan that can be read"),
        ([("plan-dev", '{"stack": 1}')], "### plan-dev: no plan."),
        ([("a", written(PLAIN)), ("b", written(failed("prod", ["x"])))], "### prod: no plan. x"),
        ([("a", written(PLAIN))] * 9, "### dev: 0 replaced, 0 deleted, 1 updated"),
    ],
)
def test_a_comment_has_what_is_wrong_first_and_room_for_all(
    files: list[tuple[str, str]], said: str
) -> None:
    text = post.plans(files, fork=False)
    assert text.removeprefix(post.MARK.format("plan")).startswith(said)
    assert len(text.encode()) <= ROOM
    assert text.count("\n### ") == max(1, len(files))
    assert "@all" not in text.replace("`@all`", "")


FOUND: Final = {"findings": [{"subject": "@x", "message": "was edited"}]}
ISSUE: Final = {"number": 3, "user": {"login": post.BOT}, "body": post.MARK.format("drift") + "old"}


@pytest.mark.parametrize(
    ("found", "issues", "call"),
    [
        (FOUND, [], ("POST", "issues")),
        (FOUND, [{**ISSUE, "user": {"login": "mallory"}}], ("POST", "issues")),
        (FOUND, [{**ISSUE, "number": 2, "body": None}, ISSUE], ("PATCH", "issues/3")),
        ({"findings": []}, [ISSUE], ("PATCH", "issues/3")),
        ({"findings": []}, [], None),
        ({"findings": [], "error": "no cluster"}, [], ("POST", "issues")),
        ("nonsense", [], ("POST", "issues")),
    ],
)
def test_one_issue_says_what_drifted(
    found: Any, issues: list[Json], call: tuple[str, str] | None, github: type[Api], tmp_path: Path
) -> None:
    github.has = {"issues": issues}
    (tmp_path / "drift-prod.json").write_text(json.dumps(found))

    post.main(["drift", str(tmp_path)])
    assert [one[:2] for one in github.calls] == ([call] if call else [])
    for _, _, data in github.calls:
        if data.get("state") == "closed":
            assert found == {"findings": []}
        elif found == FOUND:
            assert "\n- `@x` was edited" in data["body"]


def test_an_issue_that_is_too_long_ends_with_a_whole_line() -> None:
    long = json.dumps({"findings": FOUND["findings"] * 9000})
    body, _ = post.drift([("prod", long), ("nested", "[" * 100_000)])
    assert len(body.encode()) <= ROOM
    *_, last, _, more, _, _ = body.splitlines()
    assert last == "- `@x` was edited"
    assert more == f"{9000 - body.count(last) + 2} more lines do not fit here."
