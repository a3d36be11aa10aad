# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""AnsibleModule as it is here, and what makes it start faster.

Private to this collection. Modules import it before anything else of ours.
"""

from __future__ import annotations

import functools
import gc
from typing import Any
from zipimport import zipimporter

from ansible.module_utils.basic import AnsibleModule

# Most of what a module takes is Python compiling it. What is imported from Ansible's zip file is compiled twice, the
# first time to find out its name; from here on, once (Python 3.10 and newer). Nor is garbage looked for meanwhile.
for _name, _function in {
    "get_code": functools.lru_cache(maxsize=None)(zipimporter.get_code),
    "get_filename": lambda archive, name: archive.get_code(name).co_filename,
}.items():
    setattr(zipimporter, _name, _function)
gc.set_threshold(100_000)


class Module(AnsibleModule):
    """What Ansible gives every module, but for two things that it tells.

    To the system's log: no value that may hold a secret. In ``invocation``: no option that was not given. A member has
    thirty that seldom are, and with a hundred members Ansible would take longer for them than for all of the result.
    """

    def _return_formatted(self, kwargs: dict[str, Any]) -> None:
        kwargs.setdefault("invocation", {"module_args": _given(self.params)})
        super()._return_formatted(kwargs)

    def _log_invocation(self) -> None:
        """Say what is asked for: simple values, and of all others the names.

        What Ansible itself writes there are all options as Python spells them. In that spelling it does not find a
        secret with a quote or a line end, and of those in texts and headers it does not know yet.
        """
        from ._httpd.secrets import masked
        from ._httpd.text import display

        words = []
        for name, value in self.params.items():
            if isinstance(value, (bool, int, float, str)):
                hidden = self.argument_spec[name].get("no_log")
                words.append(name if hidden else f"{name}={display(masked(str(value)))}")
            elif value is not None:
                words.append(name)
        self.log(f"Invoked with {' '.join(words)}")


def _given(value: Any) -> Any:
    """Return *value* without the options in it that were not given."""
    if isinstance(value, dict):
        return {key: _given(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_given(item) for item in value]
    return value
