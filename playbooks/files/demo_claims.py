# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the demo claims, held against what was seen. Pure: data in, data out.

``seen`` is results/play.json as playbooks/demo.yml writes it, ``traffic`` is results/drain.json as
demo_sessions.py writes it.

Python 3.8 or later, standard library only.
"""

from __future__ import annotations

import difflib
import re
import textwrap
from collections import Counter
from typing import Any, NamedTuple

DRAINED = "node2"


class Claim(NamedTuple):
    """One promise: a word for it, what was measured, and whether it was kept."""

    word: str
    measured: str
    kept: bool


class Drain(NamedTuple):
    """The live traffic around the drain; times in seconds since its start."""

    begins: float  # the declaration starts
    reload: float  # httpd loads it
    holds: float  # the task that loads it has ended
    ends: float  # the declaration that takes it back starts
    back: float  # and is loaded
    before: Counter[str]  # new sessions per node: before the change
    during: Counter[str]  # while drained
    after: Counter[str]  # after
    residents: int  # sessions of clients that live on the drained node
    resident_requests: int  # their requests to it while it was drained
    in_flight: int  # requests being served when httpd reloaded
    longest: float  # ms that one request took, other than the slow ones


def drain_of(seen: dict[str, Any], traffic: dict[str, Any]) -> Drain:
    """Sort the live traffic by time and node."""
    times = {name: float(at) - traffic["started"] for name, at in seen["times"].items()}
    spans: list[Counter[str]] = [Counter(), Counter(), Counter()]
    resident_requests = in_flight = 0
    for event in traffic["events"]:
        t, node = event["t"], event["node"]
        in_flight += t < times["reload"] < t + event["ms"] / 1000
        if event["lost"]:
            continue
        drained = times["drain_holds"] <= t < times["drain_ends"]
        if event["kind"] == "new":
            if t < times["drain_begins"]:
                spans[0][node] += 1
            elif drained:
                spans[1][node] += 1
            elif t >= times["back_holds"]:
                spans[2][node] += 1
        elif drained and node == DRAINED:
            resident_requests += 1
    residents = [c for c in traffic["clients"] if c["kind"] != "new" and DRAINED in c["nodes"]]
    return Drain(
        times["drain_begins"],
        times["reload"],
        times["drain_holds"],
        times["drain_ends"],
        times["back_holds"],
        spans[0],
        spans[1],
        spans[2],
        sum(len(c["sessions"]) for c in residents),
        resident_requests,
        in_flight,
        max((e["ms"] for e in traffic["events"] if e["kind"] != "slow"), default=0.0),
    )


def diff(seen: dict[str, Any]) -> list[str]:
    """The lines of the unified diff of the virtual host."""
    return list(
        difflib.unified_diff(
            seen["before"].splitlines(), seen["after"].splitlines(), "before", "after", lineterm=""
        )
    )


def codes(text: str) -> str:
    """The codes of httpd's messages in a log, in their order."""
    return " ".join(dict.fromkeys(re.findall(r"\bAH\d{5}\b", text)))


def claims(seen: dict[str, Any], traffic: dict[str, Any]) -> list[Claim]:
    """Every claim of the demo, in the order of the play."""
    one, twenty, drain = seen["one"], seen["twenty"], drain_of(seen, traffic)
    names = {node["name"] for node in seen["nodes"]}
    added = [line for line in diff(seen)[2:] if line[:1] == "+"]
    removed = [line for line in diff(seen)[2:] if line[:1] == "-"]
    shares = ", ".join(f"{name} {node['sessions']}" for name, node in twenty["nodes"].items())
    started = sum(node["sessions"] for node in seen["stats"])
    loyal = [client for client in twenty["clients"] if len(client["nodes"]) == 1]
    elsewhere = sum(drain.during.values()) - drain.during[DRAINED]
    return [
        Claim(
            "declares",
            f"balancer://shop with {len(names)} members: {len(added)} lines added, "
            f"{len(removed)} removed, proof: {seen['declared']['validated']}",
            seen["declared"]["changed"] is True and bool(added) and not removed,
        ),
        Claim(
            "balances",
            f"{len(twenty['clients'])} clients, {twenty['requests']} requests: sessions on "
            f"{shares}; {twenty['moved']} moved, {twenty['lost']} lost",
            len(loyal) == 20
            and twenty["requests"] == 200
            and not twenty["moved"]
            and not twenty["lost"]
            and set(twenty["nodes"]) == names,
        ),
        Claim(
            "sticks",
            f"1 client, {one['requests']} requests: {' '.join(one['nodes'])}, "
            f"{sum(n['sessions'] for n in one['nodes'].values())} session, {one['lost']} lost",
            one["requests"] == 20
            and not one["lost"]
            and [node["sessions"] for node in one["nodes"].values()] == [1],
        ),
        Claim(
            "witnessed",
            f"the application servers started {started} sessions for "
            f"{1 + len(twenty['clients'])} clients",
            started == 1 + len(twenty["clients"]),
        ),
        Claim(
            "repeats",
            f"the same declaration again: changed={str(seen['again']['changed']).lower()}",
            seen["again"]["changed"] is False,
        ),
        Claim(
            "refuses",
            f"a mistake that httpd -t passes (exit {seen['configtest']['rc']}) and that ends httpd "
            f"(exit {seen['trial']['rc']}, {codes(seen['trial']['stderr'])}): refused, the file "
            f"{'untouched' if seen['untouched'] else 'CHANGED'}, the server "
            f"{'answers' if seen['alive'].get('status') == 200 else 'is DEAD'}",
            seen["configtest"]["rc"] == 0
            and seen["trial"]["rc"] == 1  # 124: it was still alive after ten seconds
            and "AH02432" in seen["trial"]["stderr"]  # and for this reason, no other
            and bool(seen["refused"].get("msg"))
            and seen["untouched"] is True
            and seen["alive"].get("status") == 200,
        ),
        Claim(
            "drains",
            f"{DRAINED} taken out and put back under {traffic['requests']} requests in "
            f"{traffic['seconds']:.1f} s: {traffic['lost']} lost, {drain.in_flight} in flight at "
            f"the reload, longest wait {drain.longest / 1000:.2f} s",
            traffic["requests"] > 0
            and not traffic["lost"]
            and seen["drained"]["changed"] is True
            and seen["drain_loaded"]["changed"] is True
            and seen["back"]["changed"] is True
            and seen["back_loaded"]["changed"] is True
            and drain.in_flight > 0,
        ),
        Claim(
            "keeps",
            f"{drain.residents} running sessions of {DRAINED}: {drain.resident_requests} requests "
            f"there while drained; {traffic['moved']} sessions moved",
            drain.residents > 0 and drain.resident_requests > 0 and not traffic["moved"],
        ),
        Claim(
            "diverts",
            f"new sessions on {DRAINED}: {drain.before[DRAINED]} before, {drain.during[DRAINED]} "
            f"while drained ({elsewhere} elsewhere), {drain.after[DRAINED]} after",
            drain.before[DRAINED] > 0
            and drain.during[DRAINED] == 0
            and elsewhere > 0
            and drain.after[DRAINED] > 0,
        ),
    ]


def summary(seen: dict[str, Any], made: list[Claim], report: str) -> str:
    """The claims and the addresses, for a terminal."""
    broken = [claim.word for claim in made if not claim.kept]
    lines = ["", f"A sticky balancer on Apache httpd {seen['httpd']['version']}, as seen:"]
    for claim in made:
        head = f"  {'ok' if claim.kept else 'NO'}  {claim.word:<10} "
        lines += textwrap.wrap(claim.measured, 100, initial_indent=head, subsequent_indent=" " * 17)
    if broken:
        lines += ["", "NOT TRUE here: " + ", ".join(broken)]
    lines += ["", "Open:", f"  balancer  {seen['url']}"]
    lines += [f"  {node['name']:<9} {node['url']}/" for node in seen["nodes"]]
    lines += [f"  report    {report}", ""]
    return "\n".join(lines)
