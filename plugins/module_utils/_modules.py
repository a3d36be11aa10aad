# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules of httpd, enabled and disabled as the distribution does it.

Private to this collection. Plans into a file set; writes nothing.

Debian: ``mods-enabled/X.load`` and ``X.conf`` are links into ``mods-available``, whose ``X.load`` names what
it needs in a line ``# Depends:`` (what ``a2enmod`` and ``a2dismod`` do).
"""

from __future__ import annotations

import os
import re
from typing import AbstractSet, NamedTuple, Sequence

from ._fileset import FileSet
from ._httpd.text import decode
from ._instance import Instance

_DEPENDS = re.compile(r"(?m)^# Depends:[ \t]*(.*)$")


class ModuleError(Exception):
    """A module cannot be enabled or disabled."""


class ModuleWish(NamedTuple):
    """One module as declared: *name* without ``mod_`` and ``_module``, as ``a2enmod`` takes it."""

    name: str
    present: bool = True


def switch_modules(
    instance: Instance, fileset: FileSet, wishes: Sequence[ModuleWish], loaded: AbstractSet[str]
) -> None:
    """Plan into *fileset* what enables and disables the modules of *wishes*.

    *loaded* are the modules httpd has now (``proxy_module``); one that is compiled in needs no file. Raises
    :class:`ModuleError` for a module that does not exist, or one that others need.
    """
    for wish in wishes:
        if not re.fullmatch(r"[A-Za-z0-9_.-]+", wish.name):
            raise ModuleError(
                f"modules: {wish.name!r} is no module name; write it as a2enmod takes it"
            )
    missing = [w.name for w in wishes if w.present and f"{w.name}_module" not in loaded]
    unwanted = [w.name for w in wishes if not w.present]
    if not missing and not unwanted:
        return
    if (
        instance.layout.module_style != "links"
        or instance.main_file() != instance.layout.config_file
    ):
        raise ModuleError(
            f"modules: {', '.join(missing + unwanted)}: this httpd has no mods-available folder; load modules by"
            " LoadModule lines in files"
        )
    root = instance.layout.server_root
    for name in missing:
        _enable(root, fileset, name, loaded, [])
    for name in unwanted:
        _disable(root, fileset, name, {w.name for w in wishes if not w.present})


def _enable(
    root: str, fileset: FileSet, name: str, loaded: AbstractSet[str], path: list[str]
) -> None:
    if name in path:
        return
    available = os.path.join(root, "mods-available", f"{name}.load")
    content = fileset.read(available)
    if content is None:
        if f"{name}_module" in loaded:
            return
        raise ModuleError(
            f"modules: there is no module {name} ({available} does not exist); install the package that has it"
        )
    for needed in _depends(content):
        _enable(root, fileset, needed, loaded, [*path, name])
    for kind in ("load", "conf"):
        if fileset.read(os.path.join(root, "mods-available", f"{name}.{kind}")) is not None:
            link = os.path.join(root, "mods-enabled", f"{name}.{kind}")
            if not fileset.present(link):
                fileset.link(link, f"../mods-available/{name}.{kind}")


def _disable(root: str, fileset: FileSet, name: str, going: AbstractSet[str]) -> None:
    enabled = os.path.join(root, "mods-enabled")
    if not fileset.present(os.path.join(enabled, f"{name}.load")):
        return
    for other, content in _enabled(enabled, fileset).items():
        if name in _depends(content) and other not in going:
            raise ModuleError(f"modules: {other} is enabled and needs {name}; disable {other} too")
    for kind in ("load", "conf"):
        link = os.path.join(enabled, f"{name}.{kind}")
        if fileset.present(link):
            fileset.remove(link)


def _enabled(folder: str, fileset: FileSet) -> dict[str, bytes]:
    names = [name for name in sorted(os.listdir(folder)) if name.endswith(".load")]
    contents = {name[: -len(".load")]: fileset.read(os.path.join(folder, name)) for name in names}
    return {name: content for name, content in contents.items() if content is not None}


def _depends(content: bytes) -> list[str]:
    found = _DEPENDS.search(decode(content))
    return re.split(r"[\s,]+", found.group(1).strip()) if found and found.group(1).strip() else []
