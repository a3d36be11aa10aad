# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of modules and roles, found by walking their argument specs, so that a new one is found as well."""

from __future__ import annotations

import contextlib
import copy
import importlib
import pkgutil
import re
from pathlib import Path
from typing import Any, Iterator, Mapping, NamedTuple
from unittest import mock

import yaml

from ansible_collections.webtier.apache_balancer.plugins import modules

ROOT = Path(__file__).parents[2]
_TEXTS = ("str", "path", "raw")
#: The last word of the path of an option that is a key of a dict, where any may stand.
KEY = "KEY"


class Option(NamedTuple):
    """One option that takes a text: its *path*, where ``0`` is the first element of a list, and its *spec*."""

    path: tuple[Any, ...]
    spec: Mapping[str, Any]

    @property
    def name(self) -> str:
        """Its last word."""
        return next(str(word) for word in reversed(self.path) if word not in (0, "any", KEY))

    @property
    def secret(self) -> bool:
        """Whether its value is never shown."""
        return bool(self.spec.get("no_log"))

    def __str__(self) -> str:
        return ".".join(str(word) for word in self.path if word != 0)


class _Stop(Exception):
    """A module said what its options are."""


def module_names() -> list[str]:
    """Return the names of all modules."""
    return sorted(found.name for found in pkgutil.iter_modules(modules.__path__))


def arguments_of(module: str) -> dict[str, Any]:
    """Return what *module* says of itself to Ansible: its ``argument_spec``, what excludes what, and so on."""
    room = importlib.import_module(f"{modules.__name__}.{module}")
    patched = mock.patch.object(room, "Module", side_effect=_Stop)
    with patched as asked, contextlib.suppress(_Stop):
        room.main()
    return dict(asked.call_args.kwargs)


def argument_spec(module: str) -> dict[str, Any]:
    """Return the argument spec of *module*."""
    spec: dict[str, Any] = arguments_of(module)["argument_spec"]
    return spec


def role_spec(role: str) -> dict[str, Any]:
    """Return the argument spec of the entry point ``main`` of *role*."""
    path = ROOT / "roles" / role / "meta" / "argument_specs.yml"
    spec: dict[str, Any] = yaml.safe_load(path.read_text())["argument_specs"]["main"]["options"]
    return spec


def playbook_variables(playbook: str) -> set[str]:
    """Return the variables that *playbook* takes: those with its name in front, and what has a default there."""
    text = re.sub(r"(?m)^ *#.*$", "", (ROOT / "playbooks" / f"{playbook}.yml").read_text())
    own = set(re.findall(rf"(?<![\w.']){playbook}_[a-z_]+(?![\w:])", text))
    made = set(re.findall(r"register: (\w+)", text)) | set(
        re.findall(r"(?m)^ +(\w+_result):", text)
    )
    given = set(re.findall(r"(?<![\w.])([a-z]\w+) \| default\(", text))
    return {name for name in own | given if name.partition("_")[2] and name not in made}


def playbook_spec(playbook: str, *modules_used: str) -> dict[str, Any]:
    """Return an argument spec of the variables of *playbook*: most are options of *modules_used*, and called so; any
    other one is a text."""
    known = {name: option for each in modules_used for name, option in argument_spec(each).items()}
    managers = {name: option for name, option in known.items() if name.startswith("manager_")}
    known["manager"] = {"type": "dict", "options": managers}
    own = f"{playbook}_"
    return {
        name: known.get(name[len(own) :] if name.startswith(own) else name, {"type": "str"})
        for name in sorted(playbook_variables(playbook))
    }


def texts(spec: Mapping[str, Any], start: tuple[Any, ...] = ()) -> Iterator[Option]:
    """Return each option of *spec* that takes a text, or a list or a dict of any texts."""
    for name, option in spec.items():
        path = (*start, name)
        kind = option.get("type", "str")
        if kind == "list":
            path, kind = (*path, 0), option.get("elements", "str")
        if option.get("options"):
            yield from texts(option["options"], path)
        elif kind == "dict":
            yield Option((*path, "any"), option)
            yield Option((*path, KEY), option)
        elif kind in _TEXTS:
            yield Option(path, option)


def given(arguments: Mapping[str, Any], option: Option, value: Any) -> dict[str, Any]:
    """Return *arguments* with *value* for *option*; what leads there is made where it is missing."""
    found: Any = copy.deepcopy(dict(arguments))
    here = found
    for word, following in zip(option.path, option.path[1:]):
        empty: Any = [{}] if following == 0 else {}
        if word == 0:
            if not here or not isinstance(here[0], (dict, list)):
                here[:] = [{}]
            here = here[0]
            continue
        if not here.get(word):
            here[word] = empty
        here = here[word]
    if option.path[-1] == 0:
        here[:] = [value]
    elif option.path[-1] == KEY:
        here[value] = "any"
    else:
        here[option.path[-1]] = value
    return dict(found)


def value_of(arguments: Any, option: Option) -> Any:
    """Return what *arguments* have for *option*; ``None`` where they have nothing."""
    for word in option.path:
        try:
            arguments = arguments[word]
        except (KeyError, IndexError, TypeError):
            return None
    return arguments
