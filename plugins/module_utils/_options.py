# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a module was asked for: its options, as what the rooms below take.

Private to this collection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Iterable, Mapping, NamedTuple

from ._access import Access
from ._balancer.plan import Declaration
from ._httpd.text import encode
from ._wishes import BalancerWish, ConfigurationError, FileWish

if TYPE_CHECKING:
    from ._httpd.modules import ModuleWish
    from ._instance import Instance

Params = Mapping[str, Any]

# Modes without their zero; as numbers they would be 0620, 0670, 0674 and 0764, which nobody means either.
_DECIMAL = (400, 440, 444, 500)


class Call(NamedTuple):
    """One run of a module: its options, how Ansible runs it, how to *warn* the user, and how to *hide* secrets."""

    params: Params
    check_mode: bool
    diff: bool
    warn: Callable[[str], None]
    hide: Callable[[Iterable[str]], None]


def how(call: Call) -> dict[str, bool]:
    """Return how files are to be changed."""
    return {
        "validate": call.params["validate"],
        "backup": call.params["backup"],
        "check_mode": call.check_mode,
    }


def instance_of(params: Params) -> Instance:
    """Return the httpd that is meant."""
    # Imported late, as all of the files: the running httpd alone is changed without them.
    from ._instance import Instance

    options = params["httpd"] or {}
    return Instance.find(
        binary=options.get("binary"),
        server_root=options.get("server_root"),
        config_file=options.get("config_file"),
        defines=options.get("defines") or (),
    )


def target_of(options: Params) -> str:
    """Return the layers that are meant: "config", "runtime" or "both"."""
    target = options["target"] or ("both" if options["manager_url"] else "config")
    if target != "config" and not options["manager_url"]:
        raise ConfigurationError(f"target: {target} needs manager_url")
    return str(target)


def access_of(options: Params) -> Access | None:
    """Return how balancer-manager is reached; ``None`` if that is not wished.

    Raises ManagerError where an address is none, wished or not.
    """
    if not options["manager_url"]:
        return None
    # Imported late: it is only needed with an address.
    from ._manager.client import Manager

    access = Access(*(options[f"manager_{name}"] for name in Access._fields))
    for url in access.url:
        Manager(url, *access[1:])
    return None if options.get("target") == "config" else access._replace(url=tuple(access.url))


def access_needed(options: Params) -> Access:
    """Return how balancer-manager is reached, which is the only way to the running httpd."""
    access = access_of(options)
    if access is None:
        raise ConfigurationError("target: runtime needs manager_url")
    return access


def balancer_wish(options: Params) -> BalancerWish:
    """Return what the options of one balancer wish."""
    target_of(options)
    if options["mode"] is not None and not options["path"]:
        raise ConfigurationError("mode needs path")
    return BalancerWish(
        Declaration(
            options["name"],
            options["members"],
            options["proxy_set"],
            options["purge"],
            options["reset"],
            sticky_cookie=options["sticky_cookie"],
            health_check=options["health_check"],
        ),
        present=options["state"] == "present",
        path=options["path"],
        vhost=options["vhost"],
        force=options["force"],
        owner=options["owner"],
        group=options["group"],
        mode=_mode(options),
        access=access_of(options),
    )


def module_wish(options: Params) -> ModuleWish:
    """Return what the options of one module of httpd wish."""
    from ._httpd.modules import ModuleWish, misnamed

    problem = misnamed(options["name"])
    if problem:
        raise ConfigurationError(f"modules: {problem}")
    return ModuleWish(options["name"], options["state"] == "present")


def file_wish(options: Params) -> FileWish:
    """Return what the options of one file wish."""
    path, wanted = options["path"], options["state"]
    given = [name for name in ("content", "src", "link") if options[name] is not None]
    allowed = {"present": ("content", "src"), "link": ("link",), "absent": ()}[wanted]
    if len(given) != (0 if wanted == "absent" else 1) or any(name not in allowed for name in given):
        needed = {
            "present": "content or src",
            "link": "link",
            "absent": "none of content, src, link",
        }
        raise ConfigurationError(f"files: {path}: state {wanted} needs {needed[wanted]}")
    if wanted == "absent":
        return FileWish(path)
    if wanted == "link":
        return FileWish(path, link=options["link"])
    if options["src"] is not None:
        with open(options["src"], "rb") as stream:
            content = stream.read()
    else:
        content = encode(options["content"])
    return FileWish(path, content, None, options["owner"], options["group"], _mode(options))


def _mode(options: Params) -> int | None:
    mode = options["mode"]
    if mode is None:
        return None
    try:
        # YAML reads 0640 as an octal number, and 640 as a decimal one that nobody means.
        if not isinstance(mode, int):
            return int(str(mode), 8)
        if mode <= 0o777 and mode not in _DECIMAL:
            return mode
        raise ValueError
    except ValueError:
        raise ConfigurationError(
            f"mode: {mode!r} is not possible; write an octal number in quotes, such as '0640'"
        ) from None
