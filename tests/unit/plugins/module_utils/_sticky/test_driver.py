# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The driver against servers that answer in every way HTTP knows, and in some that it does not."""

from __future__ import annotations

import re
from typing import Any

import pytest

from ansible_collections.webtier.apache_balancer.plugins.module_utils._sticky.cookies import Origin
from ansible_collections.webtier.apache_balancer.plugins.module_utils._sticky.driver import (
    Client,
    Driver,
    StickyError,
    Target,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._sticky.visits import (
    Session,
    Visit,
)
from ansible_collections.webtier.apache_balancer.tests.support.faulty import Raw

HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Node: n1\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Node: n1\r\n\r\n"
BODY = re.compile("node=<(.*?)>")


def drive(server: Raw, requests: int = 1, clients: int = 1, **options: Any) -> list[Visit]:
    """Return the visits of all clients of *server*."""
    interval = options.pop("interval", 0.0)
    target = Target(
        ("127.0.0.1", server.port),
        Origin("shop", "/", False),
        "shop",
        "/?x=1",
        **{"node_header": "X-Node", "timeout": 2.0, **options},
    )
    made = [Client(Session(number)) for number in range(1, clients + 1)]
    Driver(target, made, requests, 1, interval).run()
    return [visit for client in made for visit in client.session.visits]


def test_a_request_is_what_a_browser_sends():
    with Raw(HELLO) as server:
        drive(server, headers=(("X-Own", "1"),))
    assert server.requests == [
        b"GET /?x=1 HTTP/1.1\r\nHost: shop\r\nX-Own: 1\r\nUser-Agent: webtier.apache_balancer\r\nAccept: */*\r\n\r\n"
    ]


def test_connections_are_kept_and_shared():
    with Raw(*[HELLO] * 6) as server:
        visits = drive(server, requests=2, clients=3)
    assert [visit.node for visit in visits] == ["n1"] * 6 and server.connections == 1


@pytest.mark.parametrize(
    "answer",
    [
        CHUNKED + b"b\r\nnode=<n2> x\r\n0\r\n\r\n",
        CHUNKED + b"5\r\nnode=\r\n6;a=b\r\n<n2> x\r\n0\r\nTrailer: 1\r\n\r\n",
        CHUNKED.replace(b"\r\n", b"\n") + b"B\nnode=<n2> x\n0\n\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nnode=<n2>",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nA: b\r\n\r\n"
        b"HTTP/1.1 200 OK\r\ncontent-LENGTH : 9\r\n\r\nnode=<n2>",
        b"HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 9\r\n\r\nnode=<n2>",
    ],
)
@pytest.mark.parametrize("step", [100_000, 7, 1])
def test_a_body_is_read_in_any_form_and_the_connection_kept(answer, step):
    with Raw(answer, answer, step=step) as server:
        visits = drive(server, requests=2, node_header="", node_pattern=BODY)
    assert [(visit.node, visit.reason) for visit in visits] == [("n2", "")] * 2
    assert server.connections == 1


def test_an_answer_may_be_announced_as_often_as_there_is_time_for():
    with Raw(b"HTTP/1.1 103 Hints\r\n\r\n" * 20_000 + HELLO) as server:
        assert [visit.node for visit in drive(server)] == ["n1"]


@pytest.mark.parametrize(
    "head", ["HTTP/1.1 200 OK", "HTTP/1.0 200 OK", "HTTP/1.1 200 OK\r\nConnection: close"]
)
def test_a_body_may_end_with_the_connection(head):
    answer = f"{head}\r\n\r\nnode=<n2>".encode()
    with Raw(answer, None, answer, None) as server:
        visits = drive(server, requests=2, node_header="", node_pattern=BODY)
    assert [visit.node for visit in visits] == ["n2", "n2"] and server.connections == 2


def test_answers_without_a_body_are_complete():
    with Raw(
        b"HTTP/1.1 204 No\r\nX-Node: n1\r\n\r\n", b"HTTP/1.1 304 Not\r\nX-Node: n1\r\n\r\n"
    ) as server:
        assert [visit.status for visit in drive(server, requests=2)] == [204, 304]
    assert server.connections == 1


def test_only_the_first_64_kib_are_searched_and_all_is_read():
    early, late = b"node=<n2>" + b"x" * 300_000, b"x" * 300_000 + b"node=<n2>"
    answers = [
        b"HTTP/1.1 200 OK\r\nContent-Length: 300009\r\n\r\n" + body for body in (early, late)
    ]
    with Raw(*answers) as server:
        visits = drive(server, requests=2, node_header="", node_pattern=BODY)
    assert [visit.node for visit in visits] == ["n2", ""] and server.connections == 1


def test_a_request_is_sent_again_where_a_kept_connection_had_ended():
    with Raw(HELLO, None, HELLO) as server:
        visits = drive(server, requests=2)
    assert [visit.reason for visit in visits] == ["", ""] and server.connections == 2


def test_a_request_is_sent_again_only_once():
    with Raw(HELLO, None, None, HELLO) as server:
        visits = drive(server, requests=3)
    assert [visit.reason for visit in visits] == [
        "",
        "the server ended the connection before it answered",
        "",
    ]


def test_a_connection_that_ends_while_nobody_needs_it_is_no_failure():
    with Raw(HELLO, HELLO, linger=0.05) as server:
        visits = drive(server, requests=2, interval=0.4)
    assert [visit.reason for visit in visits] == ["", ""] and server.connections == 2
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"SSH-2.0-OpenSSH\r\n\r\n", "the answer is no HTTP"),
        (b"HTTP/1.1 abc\r\n\r\n", "the answer is no HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort", "the answer breaks off"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5_000 + b"\r\n\r\nhello",
            "the answer has a length that is none",
        ),
        (CHUNKED + b"5\r\nhel", "the answer breaks off"),
        (CHUNKED + b"-5\r\nhello\r\n0\r\n\r\n", "the answer has a chunk without a size"),
        (
            b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 12_000,
            "the head of the answer is longer than 64 KiB",
        ),
    ],
)
def test_an_answer_that_is_none_is_a_failure_with_its_reason(answer, reason):
    with Raw(answer, None) as server:
        (visit,) = drive(server)
    assert (visit.reason, visit.status, visit.node) == (reason, 0, "")


def test_a_request_ends_in_time():
    # The server says no more, and leaves the connection open: nothing else can end it.
    with Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort") as server:
        (visit,) = drive(server, timeout=0.3)
        assert visit.reason == "no complete answer within 0.3 s (timeout)"


def test_cookies_are_sent_back_and_what_was_set_is_told():
    first = HELLO.replace(
        b"X-Node", b"Set-Cookie: a=1.n1\r\nSET-COOKIE: b=2; Path=/other\r\nX-Node"
    )
    gone = HELLO.replace(b"X-Node", b"Set-Cookie: a=; Max-Age=0\r\nX-Node")
    with Raw(first, HELLO, gone, HELLO) as server:
        visits = drive(server, requests=4)
    assert [b"Cookie: a=1.n1\r\n" in request for request in server.requests] == [
        False,
        True,
        True,
        False,
    ]
    assert [dict(visit.sent) for visit in visits] == [{}, {"a": "1.n1"}, {"a": "1.n1"}, {}]
    assert [(issue.cookie.name, issue.unsent) for issue in visits[0].issues] == [
        ("a", ""),
        ("b", "path"),
    ]


def test_a_cookie_that_ends_is_not_sent_any_more():
    first = HELLO.replace(b"X-Node", b"Set-Cookie: a=1; Max-Age=1\r\nX-Node")
    with Raw(first, HELLO, HELLO) as server:
        drive(server, requests=3, interval=0.6)
    assert [b"Cookie: a=1" in request for request in server.requests] == [False, True, False]


def test_each_client_has_cookies_of_its_own():
    answers = [HELLO.replace(b"X-Node", b"Set-Cookie: a=%d\r\nX-Node" % n) for n in (1, 2)]
    with Raw(*answers, HELLO, HELLO) as server:
        drive(server, requests=2, clients=2)
    sent = [re.findall(rb"Cookie: (a=.)\r\n", request) for request in server.requests]
    assert sorted(sent) == [[], [], [b"a=1"], [b"a=2"]]


def redirect(location: str) -> bytes:
    """An answer that leads to *location*."""
    head = f"HTTP/1.1 302 Found\r\nLocation: {location}\r\nX-Node: n1\r\n"
    return f"{head}Content-Length: 0\r\n\r\n".encode()


@pytest.mark.parametrize(
    ("answer", "asked"),
    [
        (redirect("./;sid=a.n1"), b"/;sid=a.n1?x=1"),
        (redirect("./?sid=a.n1"), b"/?x=1&sid=a.n1"),
        (CHUNKED + b"1f\r\n<a href='/x;sid=a.n1?y=2'>x</a>\r\n0\r\n\r\n", b"/;sid=a.n1?x=1"),
        (
            CHUNKED + b"23\r\n<a href='/x?y=2&amp;sid=a.n1'>x</a>\r\n0\r\n\r\n",
            b"/?x=1&sid=a.n1",
        ),
    ],
)
def test_a_session_in_the_url_is_followed(answer, asked):
    cookie = answer.replace(b"X-Node", b"Set-Cookie: c=1\r\nX-Node")
    with Raw(cookie, HELLO) as server:
        visits = drive(server, requests=2, parameter="sid")
    assert server.requests[1].startswith(b"GET %s HTTP/1.1\r\n" % asked)
    assert b"Cookie" not in server.requests[1]
    assert [dict(visit.sent) for visit in visits] == [{}, {"sid": "a.n1"}]
    assert visits[0].issues[0].cookie.name == "c"


@pytest.mark.parametrize(
    ("location", "leads"),
    [
        ("/shop/?a=b", "http://127.0.0.1:{port}/shop/?a=b"),
        ("login", "http://127.0.0.1:{port}/login"),
        # Under the name of the site, it is found where the site is asked.
        ("http://shop/cart", "http://127.0.0.1:{port}/cart"),
        ("//SHOP/", "http://127.0.0.1:{port}/"),
        ("https://shop/cart", "https://shop/cart"),
        ("http://other/cart", "http://other/cart"),
        ("//other/cart", "http://other/cart"),
        ("http://user:password@other/cart", "http://other/cart"),
        ("http://[other/cart", "http://[other/cart"),
    ],
)
def test_a_redirect_is_kept_as_the_address_to_ask(location, leads):
    with Raw(redirect(location), HELLO.replace(b"X-Node", b"Location: /x\r\nX-Node")) as server:
        visits, expected = drive(server, requests=2), leads.format(port=server.port)
    assert [visit.location for visit in visits] == [expected, ""]


def test_where_nobody_is_nothing_can_be_said():
    with Raw() as server:
        port = server.port
    target = Target(("127.0.0.1", port), Origin("shop", "/", False), "shop", "/")
    with pytest.raises(StickyError, match="shop: connection refused; is httpd running"):
        Driver(target, [Client(Session(1))], 1, 1).run()
    target = target._replace(address=("no.such.host.invalid", 80))
    with pytest.raises(StickyError, match="url: no.such.host.invalid is not known"):
        Driver(target, [Client(Session(1))], 1, 1).run()
