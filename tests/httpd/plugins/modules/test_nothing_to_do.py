# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a module does to the system where everything is as declared, as strace(1) sees it."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from ansible_collections.webtier.apache_balancer.tests.support.private_httpd import (
    BALANCER,
    BINARY,
    PrivateHttpd,
)
from ansible_collections.webtier.apache_balancer.tests.support.proxy import BODY, Proxy, vhost
from ansible_collections.webtier.apache_balancer.tests.support.traced import Traced

MEMBERS = [{"url": f"http://127.0.0.1:{number}", "route": f"n{number}"} for number in (1, 2, 3)]
DECLARED = {"name": "app", "members": MEMBERS, "proxy_set": {"growth": 5}}
TASKS: dict[str, dict[str, Any]] = {
    "balancer": DECLARED,
    "configuration": {"balancers": [DECLARED], "modules": [{"name": "headers"}]},
}
ENTERED = re.compile(r"(setns|unshare|mount|umount2|pivot_root|chroot)\(|CLONE_NEW")


@pytest.fixture()
def proxy(tmp_path):
    with PrivateHttpd(tmp_path / "httpd", *BALANCER, "authz_host", "headers") as httpd:
        yield Proxy(httpd).start(vhost("app.example.com", BODY))


def traced(proxy: Proxy, module: str, **options: Any) -> tuple[Traced, list[list[str]], list[str]]:
    """Return *module* at its end, what was executed, and the calls about namespaces."""
    ran = Traced(module, proxy.options(module, **options), family=True)
    assert "msg" not in ran.result, ran.result
    executed = re.findall(r"execve\(\"[^\"]*\", (\[.*?\]), ", ran.log)
    entered = [line for line in ran.log.splitlines() if ENTERED.search(line)]
    return ran, [json.loads(words) for words in executed], entered


@pytest.mark.parametrize("module", TASKS)
def test_httpd_is_asked_once_what_it_reads_and_not_started(proxy: Proxy, module: str) -> None:
    ran, executed, entered = traced(proxy, module, **TASKS[module])
    assert ran.result["changed"] is False and ran.result["running"] is True
    assert [words[0] for words in executed] == [BINARY]
    (words,) = executed
    assert "-t" in words and "DUMP_CONFIG" in words
    assert entered == []


@pytest.mark.parametrize("module", TASKS)
def test_a_change_is_more_than_that(proxy: Proxy, module: str) -> None:
    """So that nobody would see it is not the reason why nothing was seen."""
    task = json.loads(json.dumps(TASKS[module]).replace('"n3"', '"n4"'))
    ran, executed, entered = traced(proxy, module, **task)
    assert ran.result["changed"] is True
    assert len([words for words in executed if words[0] == BINARY]) > 1
    assert entered != [] or ran.result["validated"] == "tested"
