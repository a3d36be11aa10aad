# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Configurations with balancers, written in all the ways there are; what an httpd that runs on one reports of it."""

from __future__ import annotations

from xml.etree import ElementTree

from hypothesis import strategies as st

from ansible_collections.webtier.apache_balancer.plugins.module_utils._balancer.parameters import (
    BALANCER,
    MEMBER,
)

from .private_httpd import free_port

TAG = "{http://httpd.apache.org}"
FLAGS = {
    "Dis": "disabled",
    "Stop": "stopped",
    "Ign": "ignore_errors",
    "Stby": "hot_standby",
    "Spar": "hot_spare",
    "Drn": "drained",
}

word = st.text("abcdefgXYZ0123456789_-", min_size=1, max_size=8)
gap = st.sampled_from([" ", "  ", "\t", " \\\n  ", "   "])
host = st.sampled_from(["127.0.0.1", "LocalHost", "[::1]", "127.0.0.2"])
path = st.sampled_from(["", "", "", "/", "/App", "/app", "/app/x"])
url = st.one_of(
    st.builds(
        "{}://{}:{}{}".format, st.sampled_from(["http", "HTTP"]), host, st.integers(80, 85), path
    ),
    st.builds("unix:/run/{}.sock|http://{}/".format, word, word),
)
switch = st.sampled_from(["On", "off", "ON"])
member_words = {
    "route": word,
    "redirect": word,
    "loadfactor": st.sampled_from(["1", "1.5", "2.3", "2.25", "7", "1.999", "100", "1e1"]),
    "lbset": st.sampled_from(["0", "3", "99", "7x"]),
    "retry": st.sampled_from(["0", "5", "500ms", "4294967301", "+7"]),
    "timeout": st.sampled_from(["1", "30", "20s"]),
    "status": st.sampled_from(["+D", "S", "+H", "R", "I", "N", "+DN", "+D-D", "d+n-d", ""]),
    "keepalive": switch,
    "ttl": st.sampled_from(["60", "5m"]),
}
balancer_words = {
    "lbmethod": st.sampled_from(["byrequests", "bytraffic", "bybusyness"]),
    "stickysession": st.sampled_from(["SID", "JSESSIONID|jsessionid", "x" * 63]),
    "nofailover": switch,
    "scolonpathdelim": switch,
    "timeout": st.sampled_from(["1", "9", "900ms"]),
    "maxattempts": st.sampled_from(["0", "1", "5"]),
}


@st.composite
def arguments(draw, table, most=4):
    """Some ``key=value`` words, each in its own spelling, a key perhaps twice."""
    found = []
    for key in draw(st.lists(st.sampled_from(sorted(table)), max_size=most)):
        spelled = draw(st.sampled_from([key, key.upper(), key.capitalize()]))
        text = f"{spelled}={draw(table[key])}"
        quote = draw(st.sampled_from(["", "", '"', "'"]))
        found.append(draw(gap) + quote + text + quote)
    return "".join(found)


@st.composite
def member(draw, name=None):
    target = f"balancer://{name}/ " if name else ""
    return f"BalancerMember{draw(gap)}{target}{draw(url)}{draw(arguments(member_words))}"


@st.composite
def balancer(draw, name):
    """The lines of one balancer, all over the place."""
    spelled = draw(
        st.sampled_from(["balancer://{}", '"balancer://{}"', "balancer://{}/any", "BALANCER://{}"])
    )
    spelled = spelled.format(draw(st.sampled_from([name, name.upper()])))
    lines = []
    for _section in range(draw(st.integers(1, 2))):
        body = []
        for _member in range(draw(st.integers(1, 3))):
            line = draw(member())
            if draw(st.booleans()):
                body += ["<IfModule mod_proxy.c>", line, "</IfModule>"]
            elif draw(st.booleans()):
                body += ["# \\", line, line]
            else:
                body.append(line)
        body.insert(
            draw(st.integers(0, len(body) - 1)) if len(body) == 1 else len(body), _proxyset(draw)
        )
        inner = draw(arguments(balancer_words, 2))
        lines += [
            f"<Proxy {spelled}{inner}>",
            *body,
            draw(st.sampled_from(["</Proxy>", "</proxy>"])),
        ]
    if draw(st.booleans()):
        lines.append(draw(member(name)))
    if draw(st.booleans()):
        words = draw(arguments(balancer_words, 2))
        if words.strip():
            lines.append(f"ProxySet balancer://{name}{words}")
    lines.append(f"ProxyPass /{name} balancer://{name}/{draw(arguments(balancer_words, 1))}")
    return lines


def _proxyset(draw):
    words = draw(arguments(balancer_words, 3))
    return f"ProxySet{words}" if words.strip() else ""


@st.composite
def servers(draw):
    """The lines of each virtual host, or of the main server alone."""
    names = ["app", "App-2", "a.b_c", "q"]
    count = draw(st.integers(0, 2))
    if count == 0:
        return {0: [line for name in names[:2] for line in draw(balancer(name.lower()))]}
    return {
        number: [line for name in names[:2] for line in draw(balancer(name.lower()))]
        for number in range(1, count + 1)
    }


def written(httpd, config):
    """Write what *config* (see ``servers``) says to a file of *httpd*; return it, and the port of each server."""
    ports = {}
    text = "<Location /bm>\nSetHandler balancer-manager\n</Location>\n"
    for number, lines in config.items():
        body = "\n".join(lines) + "\n"
        ports[number] = free_port() if number else httpd.port
        if number:
            text += f"Listen 127.0.0.1:{ports[number]}\n<VirtualHost 127.0.0.1:{ports[number]}>\n"
            text += f"ServerName v{number}\n{body}</VirtualHost>\n"
        else:
            text += body
    return httpd.write("conf/generated.conf", text), ports


def server_of(configuration, number):
    """Return the server of the model with that number in ``servers``."""
    return configuration.named(f"v{number}" if number else "_main")[0]


def reported(httpd, port):
    """What the balancer-manager of *httpd* at *port* shows, as the model would say it."""
    httpd.port = port
    answer = httpd.get("/bm?xml=1", {"Referer": f"http://127.0.0.1:{httpd.port}/bm"})
    found = {}
    for element in ElementTree.fromstring(answer.body).iter(f"{TAG}balancer"):
        text = {child.tag[len(TAG) :]: child.text or "" for child in element}
        members = []
        for worker in element.iter(f"{TAG}worker"):
            members.append({child.tag[len(TAG) :]: child.text or "" for child in worker})
        found[text["name"][len("balancer://") :]] = (text, members)
    return found


def check_balancer(balancer, text, members):
    """Compare one balancer of the model with what httpd reports of it."""
    values = {name: row.default for name, row in BALANCER.items()} | balancer.values
    assert text["lbmethod"] == values["lbmethod"]
    assert text["timeout"] == str(values["timeout"])
    if values["stickysession"]:
        assert text["stickysession"] == values["stickysession"].partition("|")[0]
        assert (text["nofailover"] == "On") == values["nofailover"]
        assert (text["scolonpathdelim"] == "On") == values["scolonpathdelim"]
    if len(members) > 1 and values["maxattempts"] is not None:
        assert text["maxattempts"] == str(values["maxattempts"])
    names = [member["name"] for member in members]
    # httpd shows a member whose default port is written out as another entry of the same name.
    assert list(dict.fromkeys(names)) == [member.url for member in balancer.members.values()]
    for member in balancer.members.values():
        check_member(member, next(each for each in members if each["name"] == member.url))


def check_member(member, shown):
    values = {name: row.default for name, row in MEMBER.items()} | member.values
    assert float(shown["loadfactor"]) == values["loadfactor"]
    assert (shown["route"], shown["redirect"]) == (values["route"], values["redirect"])
    assert shown["lbset"] == str(values["lbset"])
    assert shown["ttl"] == str(values["ttl"] or 0)
    assert shown.get("retry", "60") == str(values["retry"])
    assert shown.get("timeout") == (str(values["timeout"]) if values["timeout"] else None)
    assert (shown.get("keepalive") == "On") == values["keepalive"]
    assert {FLAGS[flag] for flag in shown["status"].split() if flag in FLAGS} == values["status"]
