# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules of httpd, enabled and disabled as the distribution does it.

Private to this collection. Plans into a file set; writes nothing.

Debian: ``mods-enabled/X.load`` and ``X.conf`` are links into ``mods-available``, whose ``X.load`` names what
it needs in a line ``# Depends:`` (what ``a2enmod`` and ``a2dismod`` do). RedHat: ``conf.modules.d/*.conf`` have
LoadModule lines; those that the distribution's files lack are in one file of ours, which is read last. A build
from source has neither: its main file is its administrator's.
"""

from __future__ import annotations

import os
import re
from typing import AbstractSet, Iterable, Sequence

from ._fileset import FileSet
from ._httpd.document import Document
from ._httpd.errors import Expected
from ._httpd.modules import PACKAGES, ModuleWish, in_order, needed_by, own_lbmethods
from ._httpd.text import decode, encode
from ._instance import Instance

#: The file of LoadModule lines in the folder of a distribution that has one; httpd reads the folder by name.
DROP_IN = "99-apache_balancer.conf"
_HEAD = "# Modules that the collection webtier.apache_balancer was asked for and that no other file loads.\n"
_DEPENDS = re.compile(r"(?m)^# Depends:[ \t]*(.*)$")


class ModuleError(Expected):
    """A module cannot be enabled or disabled."""


def switch_modules(
    instance: Instance,
    fileset: FileSet,
    wishes: Sequence[ModuleWish],
    loaded: AbstractSet[str] | None,
) -> None:
    """Plan into *fileset* what enables and disables the modules of *wishes*.

    *loaded* are the modules httpd has now (``proxy_module``); one that is compiled in needs no file. ``None``: httpd
    cannot say, and what has no file may be compiled in. Raises :class:`ModuleError` for a module that does not exist,
    one that others need, or one that is not ours to switch.
    """
    wanted = [w.name for w in wishes if w.present]
    unwanted = [w.name for w in wishes if not w.present]
    own = instance.main_file() == instance.layout.config_file
    if own and instance.layout.module_style == "drop-in":
        _drop_in(instance, fileset, wanted, unwanted, {_plain(name) for name in loaded or ()})
        return
    missing = [name for name in wanted if f"{name}_module" not in (loaded or ())]
    if not own or instance.layout.module_style != "links":
        if loaded is not None:
            there = [name for name in unwanted if f"{name}_module" in loaded]
            _refuse(instance, missing, there, loaded)
        return
    root = instance.layout.server_root
    for name in missing:
        _enable(root, fileset, name, loaded, [])
    for name in unwanted:
        _disable(root, fileset, name, set(unwanted))


def _plain(identifier: str) -> str:
    return identifier[: -len("_module")] if identifier.endswith("_module") else identifier


# A folder with files of LoadModule lines


def _drop_in(
    instance: Instance,
    fileset: FileSet,
    wanted: Sequence[str],
    unwanted: Sequence[str],
    loaded: AbstractSet[str],
) -> None:
    folder = instance.layout.mods_enabled or ""
    path = os.path.join(folder, DROP_IN)
    before = list(_lines(fileset, path))
    others = _loaded_by_others(fileset, folder)
    # Where the configuration is broken, httpd cannot say what it loads.
    elsewhere = {name for name in loaded or others if name not in before or name in others}
    for name in unwanted:
        if name in elsewhere:
            where = others.get(name) or "another file, or httpd itself,"
            raise ModuleError(
                f"modules: {name} is loaded by {where}, which is not changed here; comment the line out there, or leave"
                " the module enabled"
            )
    kept = [name for name in before if name not in unwanted and name not in elsewhere]
    after = in_order([*kept, *(name for name in wanted if name not in elsewhere)], elsewhere)
    for name in unwanted:
        needing = needed_by(name, [*after, *elsewhere])
        if needing and name in before:
            raise ModuleError(
                f"modules: {needing[0]} is enabled and needs {name}; disable {needing[0]} too"
            )
    for name in after:
        if name not in before:
            _check_file(instance, name)
    if after == before:
        return
    if after:
        fileset.write(path, encode(_HEAD + "".join(_load_module(instance, name) for name in after)))
    else:
        fileset.remove(path)


def _lines(fileset: FileSet, path: str) -> dict[str, str]:
    """Return the modules that the file *path* loads whatever the conditions, each with its place."""
    content = fileset.read(path)
    if content is None:
        return {}
    document = Document.parse(decode(content), path)
    return {
        _plain(found.words[0].text): f"{path}:{document.lines[index].first}"
        for index, found in document.named("LoadModule")
        if found.words and document.parent(index) is None
    }


def _loaded_by_others(fileset: FileSet, folder: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
        if name.endswith(".conf") and name != DROP_IN:
            found = {**_lines(fileset, os.path.join(folder, name)), **found}
    return found


def _load_module(instance: Instance, name: str) -> str:
    path = os.path.join(instance.layout.modules_dir, f"mod_{name}.so")
    inside = os.path.relpath(path, instance.layout.server_root)
    return f"LoadModule {name}_module {path if inside.startswith('..') else inside}\n"


def _check_file(instance: Instance, name: str) -> None:
    path = os.path.join(instance.layout.modules_dir, f"mod_{name}.so")
    if not os.path.exists(path):
        raise _absent(name, path, PACKAGES.get(name) if instance.layout.name == "redhat" else None)


def _absent(name: str, path: str, package: str | None = None) -> ModuleError:
    advice = f"install {package or 'the package that has it'}"
    if name.startswith("lbmethod_"):
        advice += f" ({own_lbmethods('lbmethod_')})"
    return ModuleError(f"modules: there is no module {name} ({path} does not exist); {advice}")


def check_switched(instance: Instance, fileset: FileSet, loaded: AbstractSet[str]) -> None:
    """Raise :class:`ModuleError` if httpd, which would have *loaded* these, does not read our LoadModule lines."""
    path = os.path.join(instance.layout.mods_enabled or "", DROP_IN)
    if instance.layout.module_style != "drop-in":
        return
    missing = [name for name in _lines(fileset, path) if f"{name}_module" not in loaded]
    if missing:
        raise ModuleError(
            f"modules: {missing[0]} would not be loaded, as httpd does not read {path}; include its folder, by"
            f" Include conf.modules.d/*.conf in {instance.layout.config_file}"
        )


# Whatever has no folder for it


def _refuse(
    instance: Instance, missing: Sequence[str], unwanted: Sequence[str], loaded: Iterable[str]
) -> None:
    """Raise :class:`ModuleError` with the lines that the administrator of this httpd has to write or remove."""
    main = instance.main_file()
    if missing:
        order = in_order(missing, {_plain(name) for name in loaded})
        lines = "".join("\n  " + _load_module(instance, name).rstrip() for name in order)
        raise ModuleError(
            f"modules: {', '.join(missing)}: this httpd has no folder of modules. Write these lines into {main}, or"
            f" declare a file that it includes:{lines}"
        )
    if unwanted:
        raise ModuleError(
            f"modules: {', '.join(unwanted)}: this httpd has no folder of modules; remove the LoadModule lines from"
            f" {main} or the files it includes"
        )


# Links


def _enable(
    root: str, fileset: FileSet, name: str, loaded: AbstractSet[str] | None, path: list[str]
) -> None:
    if name in path:
        return
    available = os.path.join(root, "mods-available", f"{name}.load")
    content = fileset.read(available)
    if content is None:
        if loaded is None or f"{name}_module" in loaded:
            return
        raise _absent(name, available)
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
