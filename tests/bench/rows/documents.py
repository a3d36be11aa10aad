# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files in process: read, changed and written anew, without httpd, without Ansible and without a start of Python."""

from __future__ import annotations

import functools
import gc
import os
import statistics
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
    at_most,
    by_turns,
    timed,
)
from ansible_collections.webtier.apache_balancer.tests.bench.memory import note, peak
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


class Steps(NamedTuple):
    """The seconds that each step takes from a file to the file as declared."""

    parse: float
    model: float
    check: float
    plan: float
    render: float

    @property
    def whole(self) -> float:
        return sum(self)


def changed(given: Balancers) -> Steps:
    """Make the file what is declared."""
    # What the last one left is not for this one to clear up.
    gc.collect()
    times = [time.perf_counter()]
    document = Document.parse(decode(given.text), _PATH)
    times.append(time.perf_counter())
    configuration = codec.read(from_document(document))
    found = list(configuration.balancers)
    times.append(time.perf_counter())
    declared = [Declaration(**options) for options in given.declared]
    times.append(time.perf_counter())
    changes = [plan(balancer, declaration) for balancer, declaration in zip(found, declared)]
    times.append(time.perf_counter())
    author = Author(lambda path: document, configuration)
    for balancer, each in zip(found, changes):
        author.apply(balancer, each)
    encode(author.texts()[_PATH])
    times.append(time.perf_counter())
    return Steps(*(end - begin for begin, end in zip(times, times[1:])))


def _change(members: int, among: int) -> None:
    changed(balancers(members, among))


def _members(among: int, pairs: int) -> Measured:
    """Compare planning and rendering; what comes before is in the notes."""
    given = balancers(_MEMBERS, among)
    loads = "".join(
        f"LoadModule {name}_module {MODULES}/mod_{name}.so\n"
        for name in ("mpm_event", "authz_core", *BALANCER)
    )
    done: list[Steps] = []

    def ours() -> float:
        done.append(changed(given))
        return done[-1].plan + done[-1].render

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "httpd.conf")
        head = f"ServerRoot {folder}\nServerName localhost\nErrorLog error.log\n{loads}"
        file.write_bytes(head.encode() + given.text)
        test = [BINARY, "-t", "-f", str(file)]
        measured = by_turns(
            ours,
            lambda: timed(lambda: subprocess.run(test, check=True, capture_output=True)),
            pairs,
        )
    whole = Spread(
        tuple(steps.whole / test for steps, test in zip(done[1:], measured.theirs.figures))
    )
    each = ", ".join(
        f"{name} {statistics.median(seconds) * 1000:.0f} ms"
        for name, seconds in zip(Steps._fields, zip(*done[1:]))
    )
    memory = {
        f"{size:,} members": peak(_change, size, min(among, size))
        for size in (100, 1_000, _MEMBERS)
    }
    return measured._replace(notes=(f"from file to file {whole:.3g} x ({each})", note(memory)))


def _per_line(pairs: int) -> Measured:
    large, small = balancers(100_000, 100), balancers(1_000, 1)
    done: list[tuple[float, float]] = []

    def each(given: Balancers, times: int, lines: int) -> float:
        steps = [changed(given) for dummy in range(times)]
        done.append((sum(each.whole for each in steps) / times / lines, lines))
        return sum(each.parse + each.plan + each.render for each in steps) / times / lines

    measured = by_turns(lambda: each(large, 1, 100_000), lambda: each(small, 20, 1_000), pairs)
    whole = {
        count: statistics.median(seconds for seconds, lines in done[2:] if lines == count)
        for count in (100_000, 1_000)
    }
    per_line = measured.ours.median * 1e6
    notes = [
        f"{per_line:.1f} µs a line{at_most(per_line, 8)}; from file to file "
        + " and ".join(f"{seconds * 1e6:.1f} µs" for seconds in whole.values()),
        note({f"{size:,} lines": peak(_change, size, 100) for size in (1_000, 100_000)}),
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
    part = f"that is {most / size:.1f} x the file (to reach: <= 10 x{at_most(most / size, 10)})"
    return measured._replace(notes=(f"{before.count(10):,} lines", note({"50 MiB": most}), part))


ROWS = (
    Row(
        "members",
        f"plan and render a file of {_MEMBERS:,} members in one balancer, one in ten changed",
        "`httpd -t` of that file",
        Goal(0.1),
        functools.partial(_members, 1),
    ),
    Row(
        "members-100",
        f"the same with {_MEMBERS:,} members in 100 balancers",
        "`httpd -t` of that file",
        Goal(1),
        functools.partial(_members, 100),
    ),
    Row(
        "lines",
        "parse, plan and render, time per line, 100,000 lines (to reach: <= 8 µs)",
        "the same for 1,000 lines",
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
