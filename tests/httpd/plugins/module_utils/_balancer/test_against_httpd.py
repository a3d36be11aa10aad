# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the model says of a configuration is what an httpd that runs on it reports."""

from __future__ import annotations

import re
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, event, given, settings

from ansible_collections.webtier.apache_balancer.plugins.module_utils._balancer import codec
from ansible_collections.webtier.apache_balancer.plugins.module_utils._balancer.health import NAMES
from ansible_collections.webtier.apache_balancer.plugins.module_utils._balancer.parameters import (
    BALANCER,
    MEMBER,
    Duration,
    Factor,
    Integer,
    Kind,
    Parameter,
    Text,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._instance import Instance
from ansible_collections.webtier.apache_balancer.plugins.module_utils._manager.page import parse
from ansible_collections.webtier.apache_balancer.tests.support.generated import (
    check_balancer,
    reported,
    server_of,
    servers,
    written,
)
from ansible_collections.webtier.apache_balancer.tests.support.private_httpd import (
    BALANCER as MODULES,
)
from ansible_collections.webtier.apache_balancer.tests.support.private_httpd import (
    PrivateHttpd,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(servers())
def test_members_parameters_and_virtual_hosts_are_those_httpd_reports(config):
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        modules = (*MODULES, "lbmethod_bytraffic", "lbmethod_bybusyness")
        with PrivateHttpd(Path(folder) / "httpd", *modules) as httpd:
            dummy, ports = written(httpd, config)
            httpd.start()
            instance = Instance.find("/usr/sbin/apache2", str(httpd.root), str(httpd.config_file))
            configuration = codec.read(instance.view().root)
            for number, port in ports.items():
                shown = reported(httpd, port)
                vhost = server_of(configuration, number)
                defined = {b.name: b for b in vhost.balancers.values() if b.defined}
                assert set(shown) == set(defined)
                for name, balancer in defined.items():
                    check_balancer(balancer, *shown[name])
                    event(f"merged: {bool(balancer.merged)}")


def test_a_member_is_named_as_httpd_names_it(httpd):
    urls = [
        "ajp://Host:8009",
        "ws://Host:80",
        "wss://Host:443",
        "h2://Host:443",
        "h2c://Host:80",
        "fcgi://Host:8000//srv//x",
        "uwsgi://Host:3031",
        "scgi://Host:4000",
        "http://Host:80/Path/",
        "https://Host:443",
        "HTTP://User:Pw@Host2:8080/x?a",
        "unix:/run/A.sock|http://Sock1/",
        "unix:/run/B.sock|http://localhost:80/x",
        "http://[::FF]:80/",
        "http://h3:0080/",
        "http://h4:/",
    ]
    body = "".join(f"BalancerMember {url}\n" for url in urls)
    httpd.write(
        "conf/all.conf",
        f"<Proxy balancer://all>\n{body}</Proxy>\n<Location /bm>\nSetHandler balancer-manager\n</Location>\n",
    )
    httpd.start()
    instance = Instance.find("/usr/sbin/apache2", str(httpd.root), str(httpd.config_file))
    (balancer,) = codec.read(instance.view().root).balancers
    answer = httpd.get("/bm?xml=1", {"Referer": f"http://127.0.0.1:{httpd.port}/"})
    names = re.findall("<httpd:name>(.*)</httpd:name>", answer.body)
    assert [member.url for member in balancer.members.values()] == names[1:]
    assert len(names) == 1 + len(urls)


def test_a_template_takes_the_place_of_all_that_stands_before_it_on_the_line(tmp_path):
    own = "hcmethod=GET hcinterval=9 hcpasses=2 hcfails=3 hcuri=/x hcexpr=well"
    orders = [f"{own} hctemplate=t", f"hctemplate=t {own}", f"hcmethod=GET hctemplate=t {own[13:]}"]
    body = "".join(f"BalancerMember http://h{n} {order}\n" for n, order in enumerate(orders))
    with PrivateHttpd(tmp_path / "httpd", *MODULES, "proxy_hcheck") as httpd:
        httpd.write(
            "conf/all.conf",
            'ProxyHCExpr well "%{REQUEST_STATUS} -eq 200"\nProxyHCTemplate t hcmethod=TCP hcinterval=5\n'
            f"<Proxy balancer://all>\n{body}</Proxy>\n<Location /bm>\nSetHandler balancer-manager\n</Location>\n",
        )
        httpd.start()
        instance = Instance.find("/usr/sbin/apache2", str(httpd.root), str(httpd.config_file))
        (balancer,) = codec.read(instance.view().root).balancers
        running = parse(httpd.get("/bm").body).balancers["all"]
    template = {
        **{name: MEMBER[name].default for name in NAMES},
        "hcmethod": "TCP",
        "hcinterval": 5000,
    }
    for key, member in balancer.members.items():
        shown = {n: v for n, v in running.members[key].values.items() if n in NAMES}
        assert {**template, **member.values} == {**template, **member.values, **shown}


def ends(kind: Kind) -> list[Any]:
    """Return the ends of the range of *kind*, and what is just beyond them."""
    if isinstance(kind, Integer):
        high = [] if kind.high is None else [kind.high, kind.high + 1]
        return [kind.low - 1, kind.low, *kind.also, *high]
    if isinstance(kind, Duration):
        return [f"{kind.low - 1}ms", f"{kind.low}ms"]
    if isinstance(kind, Text):
        return ["x" * kind.longest, "x" * (kind.longest + 1)]
    return [0.99, 1, 100, 100.01] if isinstance(kind, Factor) else []


def possible(row: Parameter, value: Any) -> bool:
    """Return whether *value* can be declared."""
    try:
        row.check(value)
    except ValueError:
        return False
    return True


def test_what_can_be_declared_ends_where_httpd_ends_it(tmp_path):
    # httpd takes a 0 of the first three, and means nothing by it; cuts the next; and looks for what has the name.
    others = {"addressttl": 0, "hcpasses": 0, "hcfails": 0, "stickysession": "x" * 64}
    names = ("hcexpr", "hctemplate")
    rows = [("BalancerMember http://h2", row) for row in MEMBER.values()]
    rows += [("ProxySet", row) for row in BALANCER.values()]
    with PrivateHttpd(tmp_path / "httpd", *MODULES, "proxy_hcheck") as httpd:
        for line, row in rows:
            for value in ends(row.kind) if row.name not in names else ():
                httpd.write(
                    "conf/all.conf",
                    f"<Proxy balancer://a>\nBalancerMember http://h\n{line} {row.name}={value}\n</Proxy>\n",
                )
                tested = subprocess.run(httpd.command("-t"), capture_output=True, check=False)
                taken = tested.returncode == 0 and value != others.get(row.name)
                assert possible(row, value) == taken, (row.name, value, tested.stderr)
