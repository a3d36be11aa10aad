# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The site of the documentation, in .build/docs/html: modules, roles and filters by antsibull-docs, guides as they are.

The guides stay Markdown in docs/, for who reads them there. Here they are copied, and their links to what is a page of
the site lead to that page; all others lead to the repository. A warning of any tool is an error.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
SITE = ROOT / ".build" / "docs"
COLLECTION = "webtier.apache_balancer"
REPOSITORY = "https://github.com/webtier/apache_balancer/blob/main/"
#: A link or a picture of Markdown: its target, without the anchor.
_TARGET = re.compile(r"(?<=\]\()(?!https?:|#)([^)#\s]+)")
_CODE = re.compile(r"(?ms)^ *```.*?^ *```$|`[^`\n]+`")


def page_of(path: Path) -> str:
    """Return the page that shows the file *path* (below the root) on the site; "" where none does."""
    if path.parent == Path("docs") and path.suffix == ".md":
        return "index.md" if path.name == "README.md" else path.name
    if path.parts[0] == "roles" and path.name == "README.md":
        return f"role-{path.parts[1]}.md"
    if path.parts[:2] == ("plugins", "modules"):
        return f"collection/{path.stem}_module.rst"
    return str(path.relative_to("docs")) if path.parts[:2] == ("docs", "images") else ""


def moved(text: str, page: Path) -> str:
    """Return the Markdown *text* of *page* (below the root) with links as the site has them."""

    def target(found: re.Match[str]) -> str:
        path = Path(os.path.normpath(page.parent / found[1]))
        return page_of(path) or REPOSITORY + str(path)

    code = _CODE.findall(text)
    words = _CODE.split(text)
    parts = [_TARGET.sub(target, word) for word in words]
    return "".join(part + more for part, more in zip(parts, [*code, ""]))


def toctree(caption: str, pages: list[str]) -> str:
    """Return a table of contents that the margin shows."""
    entries = "\n".join(pages)
    return f"\n```{{toctree}}\n:caption: {caption}\n:hidden:\n:maxdepth: 1\n\n{entries}\n```\n"


def write_pages(folder: Path) -> None:
    """Write the guides into *folder*, and an index of all."""
    roles = sorted(Path(path.parent.name) for path in ROOT.glob("roles/*/README.md"))
    pages = [*ROOT.glob("docs/*.md"), *ROOT.glob("roles/*/README.md")]
    for path in pages:
        page = path.relative_to(ROOT)
        (folder / page_of(page)).write_text(moved(path.read_text(encoding="utf-8"), page))
    shutil.copytree(ROOT / "docs" / "images", folder / "images")
    index = folder / "index.md"
    text = index.read_text()
    for caption, listed in re.findall(r"(?ms)^## (.+?)\n(.*?)(?=^## |\Z)", text):
        text += toctree(caption, re.findall(r"^- \[.+?\]\((.+?)\)", listed, re.M))
    text += toctree("Roles", [f"role-{role}.md" for role in roles])
    text += toctree("Reference", ["collection/index.rst"])
    index.write_text(text)


def collections() -> Path:
    """Return where Ansible finds the collection.

    A checkout below ansible_collections is found there only: Ansible goes by the first folder of that name in a path.
    """
    own = ROOT.parts[-3:] == ("ansible_collections", *COLLECTION.split("."))
    return ROOT.parents[2] if own else ROOT / ".build" / "collections"


def missing(folder: Path) -> list[str]:
    """Return the pages that antsibull-docs should have made in *folder* and has not."""
    names = [f"{path.stem}_module" for path in ROOT.glob("plugins/modules/*.py")]
    names += [f"{path.stem}_filter" for path in ROOT.glob("plugins/filter/*.yml")]
    names += [f"{path.parent.name}_role" for path in ROOT.glob("roles/*/README.md")]
    return sorted(name for name in names if not (folder / f"{name}.rst").exists())


def run(*command: str, attempts: int = 1) -> None:
    """Run a tool, *attempts* times at most; end with its status where it is not content."""
    environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(collections())}
    status = 0
    for dummy in range(attempts):
        print("+", *command, flush=True)
        status = subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
        if not status:
            return
    sys.exit(status)


def main() -> None:
    """Check, write and build."""
    os.umask(0o022)
    shutil.rmtree(SITE, ignore_errors=True)
    source = SITE / "source"
    (source / "collection").mkdir(parents=True)
    strict = ("--validate-collection-refs", "all", "--disallow-unknown-collection-refs")
    # It names a temporary folder by chance, and takes the name for a reference where it ends in "_".
    run("antsibull-docs", "lint-collection-docs", "--plugin-docs", *strict, ".", attempts=3)
    options = ("--use-current", "--fail-on-error", "--squash-hierarchy", "--dest-dir")
    run("antsibull-docs", "collection", *options, str(source / "collection"), COLLECTION)
    if missing(source / "collection"):
        sys.exit(f"antsibull-docs made no page of {', '.join(missing(source / 'collection'))}")
    write_pages(source)
    conf = str(ROOT / "docs" / "docsite")
    sphinx = ("sphinx-build", "--fail-on-warning", "--keep-going", "--quiet", "--jobs", "2")
    run(*sphinx, "--conf-dir", conf, str(source), str(SITE / "html"))
    print(f"{SITE / 'html' / 'index.html'}")


if __name__ == "__main__":
    main()
