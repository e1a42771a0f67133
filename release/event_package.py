"""The package for AWS Workshop Studio: a folder to push into its repository, and the same as a zip.

Run: python -m release.event_package TEMPLATE.json FOLDER
"""

import re
import shutil
import sys
from pathlib import Path
from zipfile import ZipFile, ZipInfo

PROJECT = Path(__file__).parent.parent
PLATFORM = PROJECT / "release" / "workshop-studio"
GUIDE = PROJECT / "docs" / "guide"
DIAGRAMS = PROJECT / "docs" / "diagrams"
# The links of a page, as a code host and the site follow them, and what is folded there.
_PICTURE = re.compile(r"(?<=]\()((?:\.\./)+(?:diagrams|images|pictures)/)([^)]+)")
_PAGE = re.compile(r"(?<=]\()(?:\.\./)*([0-9a-z-]+/)?index\.en\.md")
_TEMPLATE = re.compile(r"\[([a-z-]+\.template\.json)]\([^)]+\)")
_OUTSIDE = re.compile(r"(?<!!)\[([^]]+)]\(\.\.[^)]+\)")
_FOLDED = re.compile(
    r'<details markdown="1">\n<summary>(.+?)</summary>\n(.+?)\n</details>', re.DOTALL
)
# What the template carries, and the statement for Redshift, as files to read and to reuse.
ASSETS = ("athena/*.sql", "glue_scripts/*.py", "redshift/*.sql")


def files(template: Path) -> dict[str, Path]:
    """Where each file of the package comes from, by its path in the package.

    Args:
        template: the template for events, as `release.event_template` wrote it.
    """
    pages = sorted(GUIDE.rglob("*.en.md"))
    pictures = {
        (page.parent / folder / name).resolve()
        for page in pages
        for folder, name in _PICTURE.findall(page.read_text(encoding="utf-8"))
    }
    return {
        "contentspec.yaml": PLATFORM / "contentspec.yaml",
        f"static/{template.name}": template,
        "static/participant-policy.json": PLATFORM / "participant-policy.json",
        **{f"static/{picture.name}": picture for picture in sorted(pictures)},
        **{f"content/{page.relative_to(GUIDE)}": page for page in pages},
        **{
            f"assets/{path.relative_to(PROJECT)}": path
            for pattern in ASSETS
            for path in sorted(PROJECT.glob(pattern))
        },
    }


def for_workshop_studio(page: str) -> str:
    """A page of the guide with the links and the folded parts that Workshop Studio knows.

    A page is named by its folder, from the root; the template and the pictures are in `static/`;
    what is outside of the guide is text. Source: aws-samples' public workshops.
    """
    page = _PICTURE.sub(r"/static/\2", page)
    page = _PAGE.sub(lambda found: "/" + (found[1] or "").rstrip("/"), page)
    page = _TEMPLATE.sub(r"[\1](/static/\1)", page)
    page = _OUTSIDE.sub(r"\1", page)
    return _FOLDED.sub(r'::::expand{header="\1"}\n\2\n::::', page)


def main(template: Path, folder: Path) -> None:
    """Write the folder and, beside it, the zip; the same files always give the same bytes."""
    shutil.rmtree(folder, ignore_errors=True)
    written = folder.with_suffix(".zip")
    folder.mkdir(parents=True)
    with ZipFile(written, "w") as archive:
        for name, source in files(template).items():
            content = source.read_bytes()
            if source.suffix == ".md":
                content = for_workshop_studio(content.decode()).encode()
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
            archive.writestr(ZipInfo(name), content)  # stored, with the date 1980-01-01
            print(f"{len(content):>7,}  {folder / name}")  # noqa: T201 - its output
    print(f"{written.stat().st_size:>7,}  {written}")  # noqa: T201


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]))
