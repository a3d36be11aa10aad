# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files in process: read, changed and written anew, without httpd, without Ansible and without a start of Python."""

from __future__ import annotations

import functools
import os
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

from ansible_collections.webtier.apache_balancer.plugins.module_utils._balancer import codec
from ansible_collections.webtier.apache_balancer.plugins.module_utils._balancer.author import Author
from ansible_collections.webtier.apache_balancer.plugins.module_utils._balancer.plan import (
    Declaration,
    plan,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._httpd.document import (
    Document,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._httpd.text import (
    decode,
    encode,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._httpd.tree import (
    from_document,
)
from ansible_collections.webtier.apache_balancer.tests.bench.measure import (
    Goal,
    Measured,
    Row,
    Spread,
    by_turns,
    timed,
)
from ansible_collections.webtier.apache_balancer.tests.bench.memory import peak, shown
from ansible_collections.webtier.apache_balancer.tests.support.private_httpd import (
    BALANCER,
    BINARY,
    MODULES,
)

_PATH = "/etc/apache2/balancers.conf"
_MEMBERS = 10_000
_LARGE = 50 * 2**20


class Balancers(NamedTuple):
    """A file with balancers, and what is declared about each: one member in ten gets another weight."""

    text: bytes
    declared: list[dict[str, Any]]


def balancers(members: int, among: int) -> Balancers:
    """Return so many *members*, *among* so many balancers."""
    lines, declared = [], []
    for number in range(among):
        name, numbers = f"app{number}", range(number, members, among)
        lines.append(f'<Proxy "balancer://{name}">')
        lines += [f"    BalancerMember {_url(i)} route=n{i} loadfactor=1" for i in numbers]
        lines += ["    ProxySet stickysession=ROUTEID", "</Proxy>"]
        lines.append(f"ProxyPass /{name}/ balancer://{name}/")
        wanted = [
            {"url": _url(i), "route": f"n{i}", "loadfactor": 1 if index % 10 else 2}
            for index, i in enumerate(numbers)
        ]
        declared.append({"name": name, "members": wanted})
    return Balancers("\n".join([*lines, ""]).encode(), declared)


def _url(number: int) -> str:
    return f"http://10.{number >> 16}.{number >> 8 & 255}.{number & 255}:8080"


def changed(given: Balancers, steps: dict[str, float] | None = None) -> bytes:
    """Return the file as declared. *steps* gets the seconds that each step takes."""
    times = [time.perf_counter()]
    document = Document.parse(decode(given.text), _PATH)
    found = list(codec.read(from_document(document)).balancers)
    times.append(time.perf_counter())
    declared = [Declaration(**options) for options in given.declared]
    times.append(time.perf_counter())
    author = Author(lambda path: document)
    for balancer, declaration in zip(found, declared):
        author.apply(balancer, plan(balancer, declaration))
    text = encode(author.texts()[_PATH])
    times.append(time.perf_counter())
    names = ("read the file", "check what is declared", "plan and render")
    if steps is not None:
        steps.update((name, end - begin) for name, begin, end in zip(names, times, times[1:]))
    return text


def _change(members: int, among: int) -> None:
    changed(balancers(members, among))


def _members(among: int, pairs: int) -> Measured:
    given = balancers(_MEMBERS, among)
    loads = "".join(
        f"LoadModule {name}_module {MODULES}/mod_{name}.so\n"
        for name in ("mpm_event", "authz_core", *BALANCER)
    )
    steps: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "httpd.conf")
        head = f"ServerRoot {folder}\nServerName localhost\nErrorLog error.log\n{loads}"
        file.write_bytes(head.encode() + given.text)
        test = [BINARY, "-t", "-f", str(file)]
        measured = by_turns(
            lambda: timed(lambda: changed(given, steps)),
            lambda: timed(lambda: subprocess.run(test, check=True, capture_output=True)),
            pairs,
        )
    notes = [", ".join(f"{name} {seconds * 1000:.0f} ms" for name, seconds in steps.items())]
    notes += [
        f"{size:,} members: {shown(peak(_change, size, min(among, size)))}"
        for size in (100, 1_000, _MEMBERS)
    ]
    return measured._replace(notes=tuple(notes))


def _per_line(pairs: int) -> Measured:
    """Measure all that :func:`changed` does, divided by the lines of the file."""
    large, small = balancers(100_000, 100), balancers(1_000, 1)
    measured = by_turns(
        lambda: timed(lambda: changed(large)) / 100_000,
        lambda: timed(lambda: [changed(small) for dummy in range(20)]) / 20_000,
        pairs,
    )
    text = decode(large.text)
    lines = Spread(
        tuple(timed(lambda: Document.parse(text).render()) / 100_000 for dummy in range(pairs))
    )
    notes = [
        f"{measured.ours.median * 1e6:.1f} µs a line (of them parse and render {lines.median * 1e6:.1f} µs)",
        f"100,000 lines: {shown(peak(_change, 100_000, 100))}",
    ]
    return measured._replace(notes=tuple(notes))


def _configuration(size: int) -> bytes:
    """Return at least *size* bytes of virtual hosts, as they are written by hand."""
    hosts, length = [], 0
    while length < size:
        number = len(hosts)
        hosts.append(
            f"# The site of customer {number}, moved here from the old machine in spring\n"
            f"<VirtualHost *:443>\n"
            f"    ServerName www{number}.example.com\n"
            f"    ServerAlias customer{number}.example.com\n\n"
            f"    SSLEngine on\n"
            f"    SSLCertificateFile /etc/ssl/certs/www{number}.example.com.pem\n"
            f'    Header always set Strict-Transport-Security \\\n        "max-age=31536000"\n'
            f"    <Proxy balancer://app{number}>\n"
            f"        BalancerMember {_url(number % 65536)} route=node1\n"
            f"        BalancerMember {_url((number + 1) % 65536)} route=node2\n"
            f"        ProxySet stickysession=JSESSIONID|jsessionid\n"
            f"    </Proxy>\n"
            f"    ProxyPass / balancer://app{number}/\n"
            f"</VirtualHost>\n\n"
        )
        length += len(hosts[-1])
    return "".join(hosts).encode()


def _rewritten(path: Path) -> None:
    path.write_bytes(encode(Document.parse(decode(path.read_bytes())).render()))


def _large(pairs: int) -> Measured:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "large.conf")
        file.write_bytes(_configuration(_LARGE))
        before = file.read_bytes()
        measured = by_turns(
            lambda: timed(lambda: _rewritten(file)),
            lambda: timed(lambda: file.write_bytes(file.read_bytes())),
            pairs,
        )
        if file.read_bytes() != before:
            raise AssertionError("parsed and rendered, the file is another one")
        size = os.stat(file).st_size
        most = peak(_rewritten, file)
    note = f"memory {most / size:.1f} x the file ({shown(most)}; to reach: <= 10 x)"
    return measured._replace(notes=(note, f"{before.count(10):,} lines"))


ROWS = (
    Row(
        "members",
        f"a file of {_MEMBERS:,} members in one balancer, one in ten changed: read, plan, render",
        "`httpd -t` of that file",
        Goal(0.1),
        functools.partial(_members, 1),
    ),
    Row(
        "members-100",
        f"{_MEMBERS:,} members in 100 balancers",
        "`httpd -t` of that file",
        Goal(1),
        functools.partial(_members, 100),
    ),
    Row(
        "lines",
        "the same for 100,000 members: time per line (to reach: <= 8 µs)",
        "per line for 1,000 members",
        Goal(1.5),
        _per_line,
    ),
    Row(
        "large",
        "parse and render a configuration of 50 MiB",
        "reading and writing it",
        Goal(),
        _large,
    ),
)
