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
PICTURES = sorted([*DIAGRAMS.glob("*.svg"), *(GUIDE / "pictures").iterdir()])
# A picture's link from a page of the guide, as a code host follows it.
_PICTURE_LINK = re.compile(rb"(?<=]\()(\.\./)+(diagrams|pictures)/")
# What the template carries, and the statement for Redshift, as files to read and to reuse.
ASSETS = ("athena/*.sql", "glue_scripts/*.py", "redshift/*.sql")


def files(template: Path) -> dict[str, Path]:
    """Where each file of the package comes from, by its path in the package.

    Args:
        template: the template for events, as `release.event_template` wrote it.
    """
    return {
        "contentspec.yaml": PLATFORM / "contentspec.yaml",
        f"static/{template.name}": template,
        "static/participant-policy.json": PLATFORM / "participant-policy.json",
        **{f"static/{picture.name}": picture for picture in PICTURES},
        **{f"content/{page.relative_to(GUIDE)}": page for page in sorted(GUIDE.rglob("*.en.md"))},
        **{
            f"assets/{path.relative_to(PROJECT)}": path
            for pattern in ASSETS
            for path in sorted(PROJECT.glob(pattern))
        },
    }


def main(template: Path, folder: Path) -> None:
    """Write the folder anew, and beside it the zip: the same files give the same bytes."""
    shutil.rmtree(folder, ignore_errors=True)
    written = folder.with_suffix(".zip")
    folder.mkdir(parents=True)
    with ZipFile(written, "w") as archive:
        for name, source in files(template).items():
            content = source.read_bytes()
            if source.suffix == ".md":
                content = _PICTURE_LINK.sub(b"/static/", content)
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
            archive.writestr(ZipInfo(name), content)  # stored, with the date 1980-01-01
            print(f"{len(content):>7,}  {folder / name}")  # noqa: T201 - its output
    print(f"{written.stat().st_size:>7,}  {written}")  # noqa: T201


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]))
