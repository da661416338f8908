"""Brings plans to a pull request and drift to an issue: one comment, one issue, kept current.

    python -m ci.post plans FOLDER    with HEAD_SHA, HEAD_REPOSITORY, HEAD_BRANCH of the run
    python -m ci.post drift FOLDER

The files in FOLDER were made by a run that may have had a stranger's code. So they are data: read
as such, shown as text by this branch's own renderer, and the pull request is looked up by the
commit that GitHub itself names.
"""

from __future__ import annotations

import json
import os
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any, Final

from components.cli.markdown import prose
from components.cli.plan_forms import ROOM, markdown
from components.plan import Plan, failed
from components.plan.report import from_json

OF_A_FORK: Final = "From a fork: its own code made this, with no state and no cluster.\n\n"
MARK: Final = "<!-- multus-k3s {} -->\n"
BOT: Final = "github-actions[bot]"
TITLE: Final = "Clusters have drifted from their stacks"
DRIFT_MORE: Final = "\n{} more lines do not fit here."
DRIFT_END: Final = (
    "\n`multus-k3s drift STACK` shows the differences, and the command that repairs each.\n"
)
LARGEST: Final = 8 * 1024 * 1024
MOST_FILES: Final = 50
TIMEOUT_SECONDS: Final = 30


@dataclass(frozen=True)
class GitHub:
    """The API, for one repository."""

    url: str
    repository: str
    token: str

    def call(self, method: str, path: str, data: Mapping[str, Any] | None = None) -> Any:
        request = urllib.request.Request(  # noqa: S310 (the runner's own API)
            f"{self.url}/repos/{self.repository}/{path}",
            json.dumps(data).encode() if data is not None else None,
            {
                "Authorization": f"Bearer {self.token}",
                "Accept": "application/vnd.github+json",
                "Content-Type": "application/json",
            },
            method=method,
        )
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310
            return json.load(answer)

    def all(self, path: str, **query: str) -> Iterator[Any]:
        """Every item of a list, page by page."""
        page = 1
        while found := self.call(
            "GET", f"{path}?{urllib.parse.urlencode({**query, 'per_page': 100, 'page': page})}"
        ):
            yield from found
            page += 1


def read(folder: Path) -> list[tuple[str, str]]:
    """Name and text of each file that a run left, in order; the name only for those too large."""
    paths = sorted(folder.rglob("*.json"))[:MOST_FILES]
    small = ((one, one.is_file() and one.stat().st_size <= LARGEST) for one in paths)
    return [
        (one.stem, one.read_text(encoding="utf-8", errors="replace") if ok else "")
        for one, ok in small
    ]


def plans(files: Sequence[tuple[str, str]], *, fork: bool) -> str:
    """A comment below GitHub's limit, in which each stack has its share."""
    head = MARK.format("plan") + (OF_A_FORK if fork else "")
    found = [_plan(name, text) for name, text in files] or [
        failed("preview", ["The run ended without a plan. Its log says why"])
    ]
    found.sort(key=lambda one: not (one.failed or one.unseen))  # what is wrong comes first
    share = (ROOM - len(head)) // len(found)
    return head + "\n".join(markdown(one, share - 1) for one in found)


def _plan(name: str, text: str) -> Plan:
    try:
        return from_json(text)
    except ValueError:
        return failed(name, ["The run left no plan that can be read. Its log says why"])


def drift(files: Sequence[tuple[str, str]]) -> tuple[str, bool]:
    """The text of an issue, and whether there is anything to say."""
    lines = []
    for name, text in files:
        try:
            found = json.loads(text)
            said = [f"{one['subject']} {one['message']}" for one in found["findings"]]
            said += [f"not looked at: {found['error']}"] if "error" in found else []
        except (ValueError, TypeError, KeyError, RecursionError):
            said = ["the run left nothing that can be read. Its log says why"]
        lines += [f"\n### {prose(name)}\n", *(f"- {prose(one)}" for one in said)] if said else []
    head = MARK.format("drift")
    sizes = accumulate(len(one.encode()) + 1 for one in lines)
    room = ROOM - len(head) - len(DRIFT_END) - len(DRIFT_MORE) - 9
    # Whole lines: the half of a quoted text is no longer quoted.
    shown = [line for line, size in zip(lines, sizes, strict=True) if size <= room]
    more = [DRIFT_MORE.format(len(lines) - len(shown))] if len(shown) < len(lines) else []
    return "\n".join([head, *shown, *more, DRIFT_END]), bool(lines)


def comment(github: GitHub, body: str, sha: str, head: str) -> str:
    """Write the comment, or write it anew; says what was done."""
    pulls = github.all("pulls", state="open", head=head)
    number = next((one["number"] for one in pulls if one["head"]["sha"] == sha), None)
    if number is None:
        return "no open pull request has this commit at its head: nothing to say"
    mark = MARK.format("plan")
    for one in github.all(f"issues/{number}/comments"):
        if one["user"]["login"] == BOT and one["body"].startswith(mark.strip()):
            github.call("PATCH", f"issues/comments/{one['id']}", {"body": body})
            return f"the comment on #{number} is current"
    github.call("POST", f"issues/{number}/comments", {"body": body})
    return f"commented on #{number}"


def issue(github: GitHub, body: str, *, drifted: bool) -> str:
    """Open the one issue, keep it current, close it when all is well; says what was done."""
    mark = MARK.format("drift").strip()
    for one in github.all("issues", state="open"):
        if one["user"]["login"] == BOT and (one["body"] or "").startswith(mark):
            change = {"body": body} if drifted else {"state": "closed"}
            github.call("PATCH", f"issues/{one['number']}", change)
            return f"issue #{one['number']} is {'current' if drifted else 'closed'}"
    if not drifted:
        return "nothing has drifted"
    github.call("POST", "issues", {"title": TITLE, "body": body})
    return "opened an issue"


def main(arguments: Sequence[str]) -> None:
    what, folder = arguments
    env = os.environ
    github = GitHub(env["GITHUB_API_URL"], env["GITHUB_REPOSITORY"], env["GITHUB_TOKEN"])
    files = read(Path(folder))
    if what == "plans":
        head = f"{env['HEAD_REPOSITORY'].partition('/')[0]}:{env['HEAD_BRANCH']}"
        body = plans(files, fork=env["HEAD_REPOSITORY"] != github.repository)
        print(comment(github, body, env["HEAD_SHA"], head))
    else:
        body, drifted = drift(files)
        print(issue(github, body, drifted=drifted))


if __name__ == "__main__":
    main(sys.argv[1:])
