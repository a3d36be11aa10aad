# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report on one check of a site: whether its sessions stick, and why not.

Private to this collection. Pure: results in, HTML out. Only the keys documented of ``sticky_check`` and
``balancer_info`` are read, so nothing else can get on the page; user names, parameters and queries are taken out of
the address.
"""

from __future__ import annotations

from typing import Any, Mapping
from urllib.parse import SplitResult, urlsplit

from . import tables
from .markup import Html, count, tag
from .nodes import Node, named, nodes_of, patterns
from .page import document
from .sessions import ROWS, chart, chosen, in_words, sessions_of
from .verdict import Verdict, unread, violated

_WORDS = {
    "good": ("✓", "Proven"),
    "warn": ("!", "Proven, with remarks"),
    "open": ("?", "Not seen to move: not proven"),
    "bad": ("✗", "Not proven"),
}
_MOVED = ("?", "Seen to move: not proven")


def plain(url: str) -> SplitResult:
    """Return *url* without what may be secret: user name, password, path parameters, query, fragment."""
    split = urlsplit(url)
    host = split.netloc.rpartition("@")[2]
    return split._replace(
        netloc=host, path=split.path.partition(";")[0] or "/", query="", fragment=""
    )


def report(
    result: Mapping[str, Any],
    balancers: Mapping[str, Mapping[str, Any]],
    judged: Verdict,
    *,
    url: str,
    server_name: str = "",
    origin: str = "",
    time: str = "",
    expect: str = "same",
) -> str:
    """Return the page. *result*: of ``sticky_check`` (its ``trace`` is drawn if it is there); *balancers*: results of
    ``balancer_info`` by host; *server_name*: by which the site was asked, where it is not that of
    *url*; *origin*: the host from which the check was made; *time*: when, as it is to be shown."""
    address = plain(url)
    site = address._replace(netloc=server_name) if server_name else address
    nodes = nodes_of(result)
    header = tag(
        "header",
        tag("p", "Sticky sessions of", class_="over"),
        tag("h1", tag("bdi", site.geturl())),
        _badge(judged, expect),
        tag(
            "p",
            _circumstances(result, origin, time, address if server_name else None),
            class_="soft",
        ),
    )
    main = tag(
        "main",
        _found(result, judged),
        _sessions(result, nodes, expect),
        _load(result, nodes),
        _cookies(result, site),
        [_host(host, info, nodes) for host, info in balancers.items()],
    )
    footer = tag(
        "footer",
        "Made by the collection webtier.apache_balancer. A letter, a pattern and a colour stand for each node. No value"
        " of a cookie is on this page.",
    )
    title = f"{_words(judged, expect)[1]}: sticky sessions of {site.hostname or site.geturl()}"
    numbers = _numbers(result, nodes, judged, expect)
    return document(title, patterns(nodes.values()), header, numbers, main, footer, style=STYLE)


def _section(name: str, title: object, *content: object) -> Html:
    heading = tag("h2", title, id=name)
    return tag("section", heading, content, aria_labelledby=name)


def _words(judged: Verdict, expect: str) -> tuple[str, str]:
    """Return the sign and the words of the verdict."""
    return _MOVED if judged.level == "open" and expect != "same" else _WORDS[judged.level]


def _badge(judged: Verdict, expect: str) -> Html:
    sign, words = _words(judged, expect)
    return tag(
        "p",
        tag("span", tag("span", sign, aria_hidden="true"), " ", words, class_="badge"),
        " ",
        tag("strong", judged.headline),
        class_=f"verdict {judged.level}",
    )


def _circumstances(
    result: Mapping[str, Any], origin: str, time: str, asked: SplitResult | None
) -> list[object]:
    clients = count(int(result.get("sessions") or 0), "client")
    requests = count(int(result.get("requests") or 0), "request")
    said: list[object] = [f"{clients} made {requests} in {result.get('seconds', 0)} s"]
    if asked:
        said += [", asked at ", tag("bdi", asked.netloc)]
    if origin:
        said += [", from ", tag("bdi", origin)]
    if time:
        said.append(f", {time}")
    return [*said, "."]


def _numbers(
    result: Mapping[str, Any], nodes: Mapping[str, Node], judged: Verdict, expect: str
) -> Html:
    wrong, failed = violated(result, expect), int(result.get("failed_requests") or 0)
    moved = "seen to move" if judged.unseen else "moved"
    told = sum(1 for name in nodes if name)
    rows = [
        (count(int(result.get("sessions") or 0), "session"), ""),
        (
            str(wrong) or (f"0 {moved}" if expect == "same" else "0 did not move"),
            "bad" if any(wrong) else "",
        ),
        (count(int(result.get("requests") or 0), "request"), ""),
        (f"{failed} without an answer", "bad" if failed else ""),
        (count(told, "node"), ""),
        (f"{float(result.get('requests_per_second') or 0):.0f} requests a second", ""),
    ]
    items = []
    for text, class_ in rows:
        number, dummy, noun = text.partition(" ")
        items.append(tag("li", tag("b", number), " ", noun, class_=class_ or None))
    return tag("ul", items, class_="numbers", aria_label="In numbers")


def _found(result: Mapping[str, Any], judged: Verdict) -> Html:
    """Problems with their fixes, then remarks."""
    diagnosis = result.get("diagnosis") or ()
    known = {judged.headline, *(f"{each['code']}: {each['message']}" for each in diagnosis)}
    others = [problem for problem in judged.problems if problem not in known]
    content: list[object] = []
    if others:
        content.append(tag("ul", [tag("li", problem) for problem in others], class_="problems"))
    for each in diagnosis:
        content.append(
            tag(
                "article",
                tag("h3", tag("span", each["code"], class_="code"), " ", each["message"]),
                [tag("p", "What to do:"), tag("pre", each["fix"])] if each.get("fix") else None,
                class_="finding",
            )
        )
    if judged.remarks:
        content.append(tag("h3", "Also to be looked at"))
        content.append(tag("ul", [tag("li", remark) for remark in judged.remarks]))
    if not content:
        content.append(tag("p", "Nothing else." if judged.problems else "Nothing that is wrong."))
    return _section("found", "What was found", content)


def _sessions(result: Mapping[str, Any], nodes: Mapping[str, Node], expect: str) -> Html:
    trace = sessions_of(result.get("trace") or ())
    title = "Which session went where"
    content: list[object] = []
    if trace:
        drawn = chosen(trace, ROWS)
        content = [
            tag(
                "p",
                "A row is a session, a bar the time in which one node answered it, a stroke in the bar a request, and ×"
                " a request without an answer. At the end of the row are the letters of its nodes, and how many"
                " requests were lost. ",
                in_words(trace, drawn),
            ),
            tag(
                "ul",
                [tag("li", named(node)) for node in nodes.values()],
                class_="legend",
                aria_label="Nodes",
            ),
            tag(
                "div",
                chart(drawn, nodes),
                class_="scroll",
                tabindex="0",
                role="group",
                aria_label=title,
            ),
        ]
    else:
        content = [tag("p", "The check kept no trace (trace: true).")]
    shown, number = len(result.get("violations") or ()), int(result.get("violation_count") or 0)
    if shown:
        content.append(tables.moves(result, nodes, expect))
    if number > shown:
        content.append(tag("p", f"These are {shown} of {number}."))
    if result.get("failures"):
        content.append(tables.failures(result))
    return _section("sessions", title, content)


def _load(result: Mapping[str, Any], nodes: Mapping[str, Node]) -> Html:
    content = tables.load(result, nodes) if nodes else tag("p", "No node answered.")
    return _section("load", "Load of each node", content)


def _cookies(result: Mapping[str, Any], address: SplitResult) -> Html:
    content = (
        tables.flags(result, address)
        if result.get("cookies")
        else tag("p", "The site set no cookie.")
    )
    return _section("cookies", "Cookies", content)


def _host(host: str, info: Mapping[str, Any], nodes: Mapping[str, Node]) -> Html:
    """The balancers of one host."""
    content: list[object] = []
    if "balancers" not in info:
        content.append(tag("p", "They could not be read: ", unread(info)))
    elif not info["balancers"]:
        content.append(tag("p", "There is none."))
    for balancer in info.get("balancers") or ():
        place = f"{balancer['vhost']}, {balancer['file']}:{balancer['line']}"
        content += [
            tag(
                "h3", tag("bdi", f"balancer://{balancer['name']}"), tag("small", tag("bdi", place))
            ),
            tables.members(balancer, nodes),
            tables.drift(balancer)
            if balancer.get("drift")
            else tag("p", "Files and running httpd agree, as far as both were read."),
        ]
    said = [
        f"balancer://{missed['balancer']} of {missed['vhost']} was not reached: {missed['reason']}"
        for missed in info.get("not_reached") or ()
    ]
    said += [f"A reload is needed: {reason}" for reason in info.get("reload_reasons") or ()]
    if said:
        content.append(tag("ul", [tag("li", each) for each in said]))
    for each in info.get("problems") or ():
        place = f"{each['file']}:{each['line']}" if each.get("file") else ""
        content.append(
            tag(
                "article",
                tag(
                    "h3",
                    tag("span", each["code"], class_="code"),
                    " ",
                    each["message"],
                    tag("small", tag("bdi", place)),
                ),
                tag("p", each["fix"]) if each.get("fix") else None,
                class_="finding",
            )
        )
    name = "balancers-" + "".join(sign if sign.isalnum() else "-" for sign in host)
    return _section(name, ["Balancers of ", tag("bdi", host)], content)


STYLE = """
.hidden { position: absolute; }
.over { margin: 0; color: var(--soft); }
h1 { overflow-wrap: anywhere; }
.soft { color: var(--soft); } .good { color: var(--good); } .bad { color: var(--bad); }
.verdict { max-width: none; font-size: 1.15rem; margin: 1rem 0 .7rem; padding: .9rem 1.2rem; border-radius: 12px;
  border-left: 6px solid; }
.verdict strong { color: var(--ink); font-weight: 600; }
.verdict.good { background: var(--good-back); color: var(--good); }
.verdict.warn, .verdict.open { background: var(--warn-back); color: var(--warn); }
.verdict.bad { background: var(--bad-back); color: var(--bad); }
.badge { font-weight: 700; margin-right: .6rem; white-space: nowrap; }
.numbers { display: grid; grid-template-columns: repeat(auto-fit, minmax(8rem, 1fr)); gap: .75rem; list-style: none;
  margin: 1.25rem 0 0; padding: 0; }
.numbers li { background: var(--card); border-radius: 12px; padding: .7rem 1rem; color: var(--soft);
  box-shadow: 0 1px 3px rgb(0 0 0 / .07); line-height: 1.3; }
.numbers b { display: block; font-size: 1.7rem; color: var(--ink); font-variant-numeric: tabular-nums; }
.numbers .bad, .numbers .bad b { color: var(--bad); }
.problems { color: var(--bad); font-weight: 600; padding-left: 1.2rem; }
.finding { border: 1px solid var(--line); border-radius: 10px; padding: .9rem 1.1rem; margin: 0 0 1rem; }
.finding h3 { margin: 0 0 .5rem; overflow-wrap: anywhere; } .finding p { margin: 0 0 .4rem; }
.finding pre { white-space: pre-wrap; overflow-wrap: anywhere; }
.code { font: 700 .8rem ui-monospace, monospace; background: var(--lane); border: 1px solid var(--line);
  border-radius: 6px; padding: .1rem .4rem; margin-right: .3rem; }
section > ul { margin: 0 0 1rem; padding-left: 1.2rem; overflow-wrap: anywhere; }
.legend { display: flex; flex-wrap: wrap; gap: .4rem 1.4rem; list-style: none; padding: 0 !important; }
.node { display: inline-flex; align-items: center; gap: .4rem; white-space: nowrap; }
.chip, .bar { flex: none; }
svg text.on { fill: #fff; font-weight: 700; font-size: 11.5px; }
.sessions { display: block; width: 100%; min-width: 44rem; height: auto; }
.sessions .moved { fill: var(--bad-back); } .sessions .grid { stroke: var(--line); fill: none; }
.sessions .step { stroke: currentColor; stroke-width: 1.5; stroke-dasharray: 2 2; fill: none; }
.sessions .visit { stroke: #fff; stroke-opacity: .85; fill: none; }
.sessions .lost { fill: var(--bad); font-weight: 700; font-size: 16px; stroke: var(--card); stroke-width: 5px;
  paint-order: stroke; }
svg .lane { fill: var(--lane); }
table { border-collapse: collapse; width: 100%; min-width: 42rem; font-size: .92rem;
  font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--soft); padding: .3rem 0; }
th, td { text-align: left; vertical-align: top; padding: .45rem .9rem .45rem 0; border-top: 1px solid var(--line); }
thead th { border: 0; color: var(--soft); font-weight: 500; white-space: nowrap; }
tbody th { font-weight: 600; }
td ul { margin: 0; padding-left: 1.1rem; min-width: 15rem; }
.bar { vertical-align: -2px; margin: 0 .6rem; }
.number { display: inline-block; min-width: 2.5rem; text-align: right; font-weight: 600; }
.scroll { margin: 0 0 .8rem; }
section > :last-child { margin-bottom: 0; }
.scroll:focus-visible, pre:focus-visible { outline: 2px solid var(--good); outline-offset: 3px; border-radius: 4px; }
@media print { .numbers li { border: 1px solid var(--line); box-shadow: none; } table { min-width: 0; } }
footer { color: var(--soft); font-size: .85rem; margin: 1.5rem .25rem 0; }
"""
