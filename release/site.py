"""The hooks of the site's build (mkdocs.yml): what its pages need beside what a code host shows."""

import posixpath
import re
import shutil
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).parent.parent
# Lets the search run in a page that was opened from a folder.
WORKER = PROJECT / "node_modules" / "iframe-worker" / "shim" / "index.js"
_LINK = re.compile(r"(?<!!)\[([^][]+)]\((\.\.?/[^)#]*)[^)]*\)")


def on_page_markdown(markdown: str, page: Any, **_: object) -> str:  # noqa: ANN401 - MkDocs' own
    """Turn links to files of the project that are not pages into text."""
    folder = posixpath.dirname(page.file.src_uri)

    def text(link: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(folder, link[2]))
        return link[1] if target.startswith("..") else link[0]

    markdown = _LINK.sub(text, markdown)
    if page.file.src_uri == "decisions/README.md":  # a code host lists the folder beside it
        for path in sorted(Path(page.file.abs_src_path).parent.glob("0*.md")):
            title = path.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")
            markdown += f"\n- [{title.replace('. ', ' ', 1)}]({path.name})"
    return markdown


def on_post_build(config: dict[str, Any]) -> None:
    """Add the script that the offline search needs, so that no page fetches it from elsewhere."""
    shutil.copy(WORKER, Path(config["site_dir"]) / "iframe-worker.js")
