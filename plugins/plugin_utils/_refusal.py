# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How filters refuse what is not of the shape they take.

Private to this collection.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ansible.errors import AnsibleFilterError

from ..module_utils._httpd.secrets import MASK, is_secret, masked


@contextmanager
def refusing(name: str, given: Any, problem: str) -> Iterator[None]:
    """Turn what Python says inside, of values that *given* has where others belong, into a sentence of the filter
    *name*: that *given* is what *problem* says."""
    try:
        yield
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise AnsibleFilterError(
            f"{name}: {shown(given)} {problem} ({type(error).__name__}: {masked(str(error))})"
        ) from None


def shown(value: Any) -> str:
    """Return *value* for a message, without secrets, as much as fits; of a dictionary, something of each key."""
    value = _tame(value)
    if isinstance(value, dict):
        return "; ".join(f"{key}: {item!r:.160}" for key, item in value.items())
    return f"{value!r:.400}"


def _tame(value: Any, name: str = "") -> Any:
    if isinstance(value, Mapping):
        return {key: _tame(item, str(key)) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_tame(item, name) for item in value]
    if is_secret(name, str(value)):
        return MASK
    return masked(value) if isinstance(value, str) else value
