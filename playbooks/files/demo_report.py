# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo's report: ``demo_report.py DIRECTORY`` reads what the demo wrote to DIRECTORY/results,
writes results/summary.txt for a terminal and report.html for a browser (one file, nothing loaded
from elsewhere), and ends with 0 when every claim was kept, else with 1.

Python 3.8 or later, standard library only.
"""

from __future__ import annotations

import json
import sys
from html import escape
from pathlib import Path
from typing import Any

from demo_backend import colour
from demo_claims import DRAINED, Claim, claims, codes, diff, drain_of, summary

# Run by itself, it is in no package: the rooms of the plugins are found beside it.
sys.path.append(str(Path(__file__).resolve().parents[2] / "plugins" / "plugin_utils"))

from _report.markup import Html
from _report.page import document
from _report.scale import ticks

WIDTH, LEFT, LANE, GAP = 960, 70, 74, 10  # of the time line, in SVG units


def topology(seen: dict[str, Any]) -> str:
    """The balancer, its nodes, and what each of them served while sessions were counted."""
    height = 74 * len(seen["nodes"])
    middle = height / 2
    parts = [f'<svg viewBox="0 0 960 {height}" role="img" aria-label="Topology">']
    for index, (node, stats) in enumerate(zip(seen["nodes"], seen["stats"])):
        y, hue = 37 + 74 * index, colour(node["name"])
        parts.append(
            f'<path d="M560 {middle} C620 {middle} 590 {y} 650 {y}" fill="none" stroke="{hue}" '
            f'stroke-width="{2 + stats["requests"] / 25:.1f}"/>'
            f'<rect x="650" y="{y - 28}" width="308" height="56" rx="9" fill="{hue}"/>'
            f'<text x="668" y="{y - 5}" class="on strong">{escape(node["name"])}</text>'
            f'<text x="668" y="{y + 15}" class="on">{escape(node["url"])}</text>'
            f'<text x="942" y="{y - 5}" class="on" text-anchor="end">{stats["sessions"]} '
            f'sessions</text><text x="942" y="{y + 15}" class="on" text-anchor="end">'
            f"{stats['requests']} requests</text>"
        )
    parts.append(
        f'<path d="M150 {middle} H320" stroke="currentColor" stroke-width="2" fill="none"/>'
        f'<text x="2" y="{middle - 4}" class="strong">{1 + len(seen["twenty"]["clients"])} clients'
        f'</text><text x="2" y="{middle + 16}" class="soft">a cookie jar each</text>'
        f'<rect x="320" y="{middle - 40}" width="240" height="80" rx="9" class="box"/>'
        f'<text x="338" y="{middle - 14}" class="strong">balancer://shop</text>'
        f'<text x="338" y="{middle + 7}">{escape(seen["url"])}</text>'
        f'<text x="338" y="{middle + 27}" class="soft">Apache httpd '
        f"{escape(seen['httpd']['version'])}</text></svg>"
    )
    return "".join(parts)


def sessions(seen: dict[str, Any]) -> str:
    """A table of clients and nodes: requests in each cell."""
    clients = seen["twenty"]["clients"]
    head = "".join(
        f'<th title="{escape(" ".join(c["sessions"]))}">{escape(c["client"].split()[-1])}</th>'
        for c in clients
    )
    rows = []
    for node in seen["nodes"]:
        name = node["name"]
        cells = "".join(
            f'<td style="background:{colour(name)}" class="hit">{c["nodes"][name]}</td>'
            if c["nodes"].get(name)
            else "<td>·</td>"
            for c in clients
        )
        total = seen["twenty"]["nodes"].get(name, {"sessions": 0})["sessions"]
        rows.append(f'<tr><th scope="row">{escape(name)}</th>{cells}<td>{total}</td></tr>')
    return (
        '<div class="scroll"><table class="matrix"><thead><tr><th>client</th>'
        f"{head}<th>sessions</th></tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def difference(seen: dict[str, Any]) -> str:
    """The diff of the virtual host."""
    kinds = {"+": "add", "-": "del", "@": "at"}
    lines = (
        f'<span class="{kinds.get(line[:1], "same")}">{escape(line)}</span>'
        for line in diff(seen)[2:]
    )
    return f"<pre>{''.join(lines)}</pre>"


def refusal(seen: dict[str, Any]) -> str:
    """What httpd -t, httpd itself, and the module said to the same mistake."""
    said = [
        ("httpd -t", seen["configtest"]["stderr"], f"exit {seen['configtest']['rc']}"),
        ("httpd, started on it", seen["trial"]["stderr"], f"exit {seen['trial']['rc']}"),
        (
            "the balancer module",
            seen["refused"].get("msg", "not refused"),
            "nothing written, server answers",
        ),
    ]
    return "".join(
        f"<h3>{escape(who)} <small>{escape(outcome)}</small></h3>"
        f'<pre class="wrap">{escape(str(text).strip())}</pre>'
        for who, text, outcome in said
    )


def timeline(seen: dict[str, Any], traffic: dict[str, Any]) -> str:
    """Every request of the live traffic, by time and node, around the drain."""
    drain = drain_of(seen, traffic)
    names = [node["name"] for node in seen["nodes"]]
    height = len(names) * (LANE + GAP) + 62
    seconds = max(float(traffic["seconds"]), 0.001)

    def x(t: float) -> float:
        return round(LEFT + min(max(t, 0) / seconds, 1) * (WIDTH - LEFT - 4), 1)

    top = {name: 34 + index * (LANE + GAP) for index, name in enumerate(names)}
    bottom = 34 + len(names) * (LANE + GAP)
    parts = [f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="Time line of the drain">']
    for name, y in top.items():
        parts.append(
            f'<rect x="{LEFT}" y="{y}" width="{WIDTH - LEFT}" height="{LANE}" class="lane"/>'
            f'<text x="0" y="{y + 30}" class="strong">{escape(name)}</text>'
        )
        if name == DRAINED:
            parts.append(
                f'<rect x="{x(drain.holds)}" y="{y}" width="{x(drain.ends) - x(drain.holds):.1f}" '
                f'height="{LANE}" class="drained"/>'
                f'<text x="{x(drain.holds) + 8}" y="{y + LANE - 9}" class="soft">'
                "no new sessions</text>"
            )
    for event in traffic["events"]:
        if event["lost"]:
            parts.append(f'<text x="{x(event["t"])}" y="{bottom + 2}" class="lost">×</text>')
            continue
        y, hue, at = top[event["node"]], colour(event["node"]), x(event["t"])
        title = f"<title>{escape(event['client'])}, {event['t']:.2f} s, {event['ms']} ms</title>"
        if event["kind"] == "new":
            parts.append(f'<circle cx="{at}" cy="{y + 54}" r="4.5" fill="{hue}">{title}</circle>')
        elif event["kind"] == "slow":
            end = x(event["t"] + event["ms"] / 1000)
            parts.append(
                f'<rect x="{at}" y="{y + 31}" width="{max(end - at, 1):.1f}" height="4" rx="2" '
                f'fill="{hue}" opacity=".55">{title}</rect>'
            )
        else:
            parts.append(f'<path d="M{at} {y + 7}v17" stroke="{hue}" opacity=".55">{title}</path>')
    for t, text, anchor in (
        (drain.begins, "drain declared", "end"),
        (drain.holds, "loaded", "start"),
        (drain.ends, "put back", "end"),
        (drain.back, "loaded", "start"),
    ):
        shift = -5 if anchor == "end" else 5
        parts.append(
            f'<path d="M{x(t)} 20V{bottom}" class="mark"/><text x="{x(t) + shift}" y="18" '
            f'text-anchor="{anchor}" class="soft">{text}</text>'
        )
    for ms, text in ticks(seconds * 1000):
        parts.append(
            f'<text x="{x(ms / 1000)}" y="{bottom + 20}" text-anchor="middle" class="soft">'
            f"{text}</text>"
        )
    parts.append("</svg>")
    return "".join(parts)


def claim_list(made: list[Claim]) -> str:
    """The claims with their measurements."""
    return "".join(
        f'<li class="{"kept" if claim.kept else "broken"}"><b>{escape(claim.word)}</b>'
        f"<span>{escape(claim.measured)}</span></li>"
        for claim in made
    )


def page(seen: dict[str, Any], traffic: dict[str, Any], made: list[Claim]) -> str:
    """The whole report."""
    drain = drain_of(seen, traffic)
    broken = sum(not claim.kept for claim in made)
    verdict = f"{len(made)} claims, all measured true" if not broken else f"{broken} NOT true"
    links = "".join(
        f'<a href="{escape(url)}" style="--c:{hue}">{escape(name)}</a>'
        for name, url, hue in [
            ("balancer", seen["url"], "#344054"),
            *((n["name"], n["url"] + "/", colour(n["name"])) for n in seen["nodes"]),
        ]
    )
    one = seen["one"]
    body = f"""<header><h1>A sticky balancer, from nothing</h1>
<p>Apache httpd {escape(seen["httpd"]["version"])}, {len(seen["nodes"])} application servers, one
declaration. Every number on this page was measured in this run: {verdict}.</p>
<nav aria-label="Addresses">{links}</nav></header>
<main>
<section><h2>What was claimed, and what was measured</h2>
<ul class="claims">{claim_list(made)}</ul></section>
<section><h2>Topology</h2><div class="scroll">{topology(seen)}</div></section>
<section><h2>Sessions stick</h2>
<p>Each client keeps one cookie jar. A number is how many of its requests that node answered; the
tooltip of a client is its session. One more client then made {one["requests"]} requests, all
answered by {escape(" and ".join(one["nodes"]))}.</p>{sessions(seen)}</section>
<section><h2>What the declaration changed</h2>
<p><code>{escape(seen["site"])}</code>: everything else in the file stayed as it was. The second
run changed nothing.</p>{difference(seen)}</section>
<section><h2>A drain under live traffic</h2>
<p>Upright strokes are requests of running sessions, bars are requests that take half a second, dots
are new sessions. {escape(DRAINED)} was drained and loaded in {drain.holds - drain.begins:.1f} s;
{traffic["requests"]} requests in {traffic["seconds"]:.1f} s, {traffic["lost"]} lost,
{traffic["moved"]} sessions moved. Clients renewed {traffic["reconnects"]} kept connections that
httpd had closed.</p>
<div class="scroll">{timeline(seen, traffic)}</div></section>
<section><h2>An outage that did not happen</h2>
<p>A second balancer without an <code>lbmethod</code>, while the module of the default method is not
loaded ({escape(codes(seen["trial"]["stderr"]))}).</p>{refusal(seen)}</section>
</main>"""
    return document("A sticky balancer: what was seen", Html(body), style=STYLE)


STYLE = """
:root { --add: #e3f5ea; --del: #fde7e3; }
@media (prefers-color-scheme: dark) { :root { --add: #173a2b; --del: #472019; } }
@media print { :root { --add: #e3f5ea; --del: #fde7e3; } }
nav a { display: inline-block; margin: 0 .5rem .4rem 0; padding: .35rem .9rem; border-radius: 8px;
  background: var(--c); color: #fff; text-decoration: none; }
pre span { display: block; white-space: pre; min-height: 1.55em; }
pre.wrap { white-space: pre-wrap; overflow-wrap: anywhere; }
.add { background: var(--add); } .del { background: var(--del); } .at { color: var(--soft); }
.claims { list-style: none; margin: 0; padding: 0; }
.claims li { display: grid; grid-template-columns: 1.6rem 6.5rem 1fr; padding: .42rem 0;
  border-top: 1px solid var(--line); }
.claims li:first-child { border: 0; }
.claims li::before { content: "\\2713"; color: var(--good); font-weight: 700; }
.claims li.broken::before { content: "\\2717"; color: var(--bad); }
.claims li.broken { color: var(--bad); }
svg { display: block; width: 100%; min-width: 40rem; height: auto; }
svg .strong { font-size: 15px; }
svg .on { fill: #fff; } svg .box { fill: var(--lane); stroke: var(--line); }
svg .lane { fill: var(--lane); } svg .drained { fill: var(--ink); opacity: .1; }
svg .mark { stroke: var(--soft); stroke-dasharray: 3 3; fill: none; }
svg .lost { fill: var(--bad); font-weight: 700; }
.matrix { border-collapse: separate; border-spacing: 3px; font-variant-numeric: tabular-nums; }
.matrix th { font-weight: 500; color: var(--soft); font-size: .85rem; padding: 0 .35rem; }
.matrix tbody th { text-align: left; color: var(--ink); font-weight: 650; }
.matrix td { width: 2.2rem; height: 2.2rem; text-align: center; border-radius: 6px;
  background: var(--lane); color: var(--soft); }
.matrix td.hit { color: #fff; font-weight: 600; }
.matrix td:last-child { background: none; color: var(--ink); font-weight: 650; }
"""


def main(arguments: list[str]) -> int:
    """Write the summary and the report; 0 when every claim was kept."""
    directory = Path(arguments[0]).resolve()
    results = directory / "results"
    seen = json.loads((results / "play.json").read_text(encoding="utf-8"))
    traffic = json.loads((results / "drain.json").read_text(encoding="utf-8"))
    made = claims(seen, traffic)
    report = directory / "report.html"
    report.write_text(page(seen, traffic, made), encoding="utf-8")
    text = summary(seen, made, report.as_uri())
    (results / "summary.txt").write_text(text, encoding="utf-8")
    print(text, end="")
    return 0 if all(claim.kept for claim in made) else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
