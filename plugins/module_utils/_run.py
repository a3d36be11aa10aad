# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Between AnsibleModule and everything else: options in, result out, one place that fails.

Private to this collection.
"""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, Any, Callable, Container

from ._ansible import Module
from ._httpd.errors import Expected
from ._httpd.secrets import HIDDEN, masked, secrets, url_secrets
from ._httpd.text import display

if TYPE_CHECKING:
    from ._options import Call


def run(module: Module, work: Callable[[Call], dict[str, Any]]) -> None:
    """Run *module*, whose *work* it is to make a result of its options."""
    from ._options import Call
    from ._results import message

    call = Call(
        module.params,
        module.check_mode,
        module._diff,
        warn=lambda text: module.warn(masked(display(text))),
        hide=module.no_log_values.update,
    )
    try:
        result = _discreetly(module, call, work)
    except Expected as problem:
        module.fail_json(msg=message(problem))
    except OSError as problem:
        module.fail_json(
            msg=f"{problem.filename or 'httpd'}: {problem.strerror}",
            exception=traceback.format_exc(),
        )
    else:
        # To look at each value takes long where there are many.
        if "\\udc" in repr(result):
            result = _text(result)
        if "msg" in result:
            module.fail_json(**result)
        module.exit_json(**result)


def _discreetly(
    module: Module, call: Call, work: Callable[[Call], dict[str, Any]]
) -> dict[str, Any]:
    """Return the result of *work*. No secret in the options gets out, and no content of a file but in a diff."""
    try:
        if "\\x00" in repr(module.params):
            _check_nul(module.params, module.no_log_values)
        _hide(module)
        return work(call)
    finally:
        for file in module.params.get("files") or ():
            if file["content"] is not None:
                file["content"] = HIDDEN


def _check_nul(value: Any, secret: Container[str], name: str = "") -> None:
    """Refuse a NUL character in any option: no file, no path and no argument of a command can have one."""
    if isinstance(value, dict):
        for key, item in value.items():
            _check_nul(key, secret, name)
            _check_nul(item, secret, f"{name}.{key}" if name else str(key))
    elif isinstance(value, (list, tuple)):
        for item in value:
            _check_nul(item, secret, name)
    elif isinstance(value, str) and "\0" in value:
        shown = "its value" if value in secret else repr(value)
        raise Expected(f"{name}: {shown} holds a NUL character")


def _hide(module: Module) -> None:
    """Let Ansible mask the secrets in the options, wherever they appear in the result."""
    params = module.params
    balancers = [params, *(params.get("balancers") or ()), *(params.get("declared") or ())]
    members = [params, *(member for each in balancers for member in each.get("members") or ())]
    contents = [file["content"] for file in params.get("files") or () if file["content"]]
    checks = [(each.get("health_check") or {}).get("uri") for each in balancers]
    texts = contents + [each.get("hcuri") for each in members] + checks
    for text in filter(None, texts):
        module.no_log_values.update(secrets(text))
    urls = [each.get("url") for each in members]
    urls += [url for each in balancers for url in each.get("manager_url") or ()]
    for url in filter(None, urls):
        module.no_log_values.update(url_secrets(url))
    # The file before and after is what diff mode is for.
    module.no_log_values.difference_update(contents)


def _text(value: Any) -> Any:
    """Return *value* with bytes that are no text written out, which a controller would refuse."""
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    if isinstance(value, dict):
        return {_text(key): _text(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_text(item) for item in value]
    return value
