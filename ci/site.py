"""Hooks of mkdocs: the README is the first page, and links lead to pages of the site or nowhere.

The pages are read in the repository first, and there link to its files.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path, PurePosixPath
from typing import Any, Final

from mkdocs.structure.files import File, Files

DECISIONS: Final = "adr/index.md"
README: Final = Path(__file__).parents[1] / "README.md"
_LINK: Final = re.compile(r"(?<!!)\[(?P<text>[^\]]+)\]\((?P<to>[^)#\s]+)(?P<anchor>#[^)]*)?\)")


def on_files(files: Files, config: Any) -> Files:
    text = (
        README.read_text(encoding="utf-8")
        .replace("](docs/", "](")
        .replace("](adr/)", f"]({DECISIONS})")
    )
    decisions = [one for one in sorted(files.src_uris) if one.startswith("adr/")]
    titles = [
        files.src_uris[one].content_string.partition("\n")[0].lstrip("# ") for one in decisions
    ]
    listed = "\n".join(
        f"- [{title}]({PurePosixPath(one).name})"
        for one, title in zip(decisions, titles, strict=True)
    )
    files.append(File.generated(config, "index.md", content=text))
    files.append(File.generated(config, DECISIONS, content=f"# Decisions\n\n{listed}\n"))
    return files


def on_page_markdown(markdown: str, page: Any, files: Files, **_: Any) -> str:
    """Without links to what is no page: the text stays."""
    folder = PurePosixPath(page.file.src_uri).parent

    def kept(link: re.Match[str]) -> str:
        to, anchor = link["to"], link["anchor"] or ""
        if "://" in to:
            return link[0]
        if to.endswith("/README.md"):
            to = "/".join([".."] * len(folder.parts) + ["index.md"])
        page_there = files.get_file_from_path(posixpath.normpath(folder / to))
        return f"[{link['text']}]({to}{anchor})" if page_there else link["text"]

    return _LINK.sub(kept, markdown)
