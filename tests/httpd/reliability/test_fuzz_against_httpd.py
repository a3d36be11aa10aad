# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever is declared for whatever stands there already: httpd starts on what is written, and reports what was
declared, and of everything else what it reported before; or it is refused and nothing has changed."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from ansible_collections.webtier.apache_balancer.plugins.module_utils._balancer import codec
from ansible_collections.webtier.apache_balancer.plugins.module_utils._balancer.plan import (
    Declaration,
    plan,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._instance import Instance
from ansible_collections.webtier.apache_balancer.tests.httpd.conftest import module_for
from ansible_collections.webtier.apache_balancer.tests.support.fuzzing import fuzz
from ansible_collections.webtier.apache_balancer.tests.support.generated import (
    check_balancer,
    reported,
    server_of,
    servers,
    word,
    written,
)
from ansible_collections.webtier.apache_balancer.tests.support.private_httpd import (
    BALANCER,
    BINARY,
    PrivateHttpd,
)

SECONDS = 20
MODULES = (*BALANCER, "lbmethod_bytraffic", "lbmethod_bybusyness")
numbers = st.sampled_from([1, 7, 99, 1, 7, 99, 0, 2**31 - 1, 2**31, 2**32 + 5])
flags = ["disabled", "stopped", "ignore_errors", "hot_standby", "hot_spare", "drained"]
members = st.fixed_dictionaries(
    {
        "url": st.builds(
            "{}://{}:{}{}".format,
            st.sampled_from(["http", "HTTP"]),
            st.sampled_from(["127.0.0.1", "LocalHost", "[::1]"]),
            st.integers(80, 85),
            st.sampled_from(["", "", "/", "/App"]),
        ),
        "route": word,
    },
    optional={
        "redirect": word,
        "loadfactor": st.sampled_from([1, 1.5, 2.25, 2.3, 100, 0.5]),
        "lbset": numbers,
        "retry": numbers,
        "timeout": numbers,
        "ttl": numbers,
        "keepalive": st.booleans(),
        "status": st.lists(st.sampled_from(flags), max_size=2),
    },
)
declarations = st.fixed_dictionaries(
    {"members": st.lists(members, min_size=1, max_size=3)},
    optional={
        "proxy_set": st.fixed_dictionaries(
            {},
            optional={
                "lbmethod": st.sampled_from(["byrequests", "bytraffic", "bybusyness"]),
                "stickysession": st.sampled_from(["SID", "JSESSIONID|jsessionid"]),
                "nofailover": st.booleans(),
                "scolonpathdelim": st.booleans(),
                "timeout": numbers,
                "maxattempts": numbers,
            },
        ),
        "purge": st.sampled_from([[], ["members"], ["members", "parameters"]]),
        "reset": st.lists(st.sampled_from(["retry", "timeout", "maxattempts", "ttl"]), max_size=2),
    },
)


def others(configuration: Any, name: str, number: int) -> list[Any]:
    """Return what a configuration says of all balancers but the one that is declared."""
    vhost = server_of(configuration, number)
    return [
        (
            configuration.label(b.vhost),
            b.name,
            [(m.url, m.values) for m in b.members.values()],
            b.values,
        )
        for b in configuration.balancers
        if (b.vhost, b.name) != (vhost, name)
    ]


def check(given: tuple[dict[int, list[str]], dict[str, Any]]) -> bool:
    """Declare a balancer beside what stands there; return whether it was written, not refused."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        with PrivateHttpd(Path(folder) / "httpd", *MODULES) as httpd:
            return declare(httpd, *given)


def declare(httpd: PrivateHttpd, config: dict[int, list[str]], declared: dict[str, Any]) -> bool:
    file, ports = written(httpd, config)
    before = file.read_text()
    number = min(ports)
    instance = Instance.find(BINARY, str(httpd.root), str(httpd.config_file))
    known = codec.read(instance.view().root)
    vhost = f"v{number}" if number else None
    options = {"name": "app", "vhost": vhost, **declared}
    result = module_for(httpd, "balancer")(**options)
    if "msg" in result:
        assert result["msg"] and file.read_text() == before
        return False
    configuration = codec.read(instance.view().root)
    assert others(configuration, "app", number) == others(known, "app", number)
    balancer = server_of(configuration, number).balancers["app"]
    kept = {key: value for key, value in options.items() if key != "vhost"}
    assert plan(balancer, Declaration(**kept)) == []
    again = module_for(httpd, "balancer")(check=True, **options)
    assert again.get("changed") is False, again
    httpd.start()
    for each, port in ports.items():
        shown = reported(httpd, port)
        for name, found in server_of(configuration, each).balancers.items():
            if found.defined:
                check_balancer(found, *shown[name])
    return True


def test_httpd_reports_what_was_declared_whatever_stood_there(dice, tally, full):
    seconds = SECONDS * 30 if full else SECONDS
    count, written_down = fuzz(check, st.tuples(servers(), declarations), dice, seconds, batch=2)
    tally("declarations held against a real httpd", count)
    assert written_down
