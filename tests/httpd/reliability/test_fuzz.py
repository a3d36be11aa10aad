# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever is read, it is understood or refused in words: no crash, no hang.

The folder corpus has inputs that were hard once, or look like it; each reader gets all of them.
"""

from __future__ import annotations

import contextlib
import json
import re
from pathlib import Path
from typing import Any, Callable

import pytest
from hypothesis import strategies as st

from ansible_collections.webtier.apache_balancer.plugins.module_utils._balancer import (
    codec,
    cookie,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._balancer.author import (
    Author,
    NotEditable,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._balancer.lint import lint
from ansible_collections.webtier.apache_balancer.plugins.module_utils._balancer.model import (
    Configuration,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._balancer.plan import (
    Declaration,
    DeclarationError,
    plan,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._httpd import dump, secrets
from ansible_collections.webtier.apache_balancer.plugins.module_utils._httpd.document import (
    Document,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._httpd.errors import (
    HttpdError,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._httpd.text import (
    decode,
    encode,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._httpd.tree import (
    from_document,
    from_dump,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._manager import page
from ansible_collections.webtier.apache_balancer.plugins.module_utils._sticky import session_file
from ansible_collections.webtier.apache_balancer.plugins.module_utils._sticky.cookies import (
    Jar,
    Origin,
    header,
    parse_set_cookie,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._sticky.driver import (
    Client,
    Driver,
    StickyError,
    Target,
    _Connection,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._sticky.visits import Session
from ansible_collections.webtier.apache_balancer.tests.support.fuzzing import fuzz, is_linear

CORPUS = Path(__file__).parent / "corpus"
FIXTURES = Path(__file__).parents[2] / "unit" / "fixtures"
SECONDS = 1.5

# What configurations are made of, and what breaks readers: quotes, continuations, brackets, numbers without end.
PIECES = [
    *("<Proxy balancer://app>", "</Proxy>", "<VirtualHost *:80>", "</VirtualHost>", "<IfModule x>"),
    *("BalancerMember ", "http://127.0.0.1:80/", "unix:/s|http://h/", "unix:", "|", "ProxySet "),
    *("ProxyPass / balancer://app/", "Header add Set-Cookie ", '"R=.%{BALANCER_WORKER_ROUTE}e"'),
    *(" route=", " loadfactor=", " timeout=", " status=", " stickysession=", " lbmethod=", "ping="),
    *(
        " hcinterval=",
        " failonstatus=",
        "9" * 400,
        "9" * 5000,
        "-1",
        "0x1",
        "1e999",
        "nan",
        "\u0663",
    ),
    *("Define X y\n", "${X}", "<Macro m $a>", "</Macro>", "Use m ", "<If ", "</", "<", ">", "#"),
    *(
        '"',
        "'",
        "\\",
        "\\\n",
        "\\\r\n",
        "\n",
        "\n",
        "\n",
        "\r\n",
        " ",
        "\t",
        "=",
        "secret=",
        "nonce=",
    ),
    *("\0", "\x0b", "\x85", "\u2028", "\u202e", "\ufeff", "é", "\udcff", "://", "@", "%", "["),
]
texts = st.lists(st.sampled_from(PIECES) | st.text(max_size=4), max_size=30).map("".join)
contents = st.binary(max_size=200) | texts.map(lambda text: text.encode("utf-8", "surrogatepass"))


@pytest.fixture()
def many(dice, tally, full) -> Callable[..., None]:
    """Give a check all inputs that are kept, those that are *known*, and others for some time."""

    def run(check: Callable[[Any], None], inputs: Any, known: Any = ()) -> None:
        seconds = SECONDS * 200 if full else SECONDS
        tally("inputs fuzzed", fuzz(check, inputs, dice, seconds, known))

    return run


def kept() -> list[bytes]:
    return [path.read_bytes() for path in sorted(CORPUS.iterdir())]


def kept_texts() -> list[str]:
    return [decode(content) for content in kept()]


# Configuration files


def resolve(content: bytes) -> Configuration | None:
    """Do with the bytes of a file all that is done with one where no httpd can be asked."""
    try:
        document = Document.parse(decode(content), "/x.conf")
    except HttpdError:
        return None
    assert encode(document.render()) == content
    return codec.read(from_document(document))


def test_a_file_of_any_bytes_is_kept_byte_by_byte_and_read_or_refused(many):
    def check(content: bytes) -> None:
        configuration = resolve(content)
        if configuration is not None:
            view = dump.View(from_dump(""), [], set(), "/", "", "", {}, "", "", [])
            for problem in lint(configuration, view):
                assert problem.result()["message"]

    many(check, contents, kept())


word = st.text("abcXYZ019_-", min_size=1, max_size=10)
hosts = st.sampled_from(["127.0.0.1", "b1.example", "[::1]", "B2"])
urls = st.builds("http://{}:{}{}".format, hosts, st.integers(1, 9), st.sampled_from(["", "/a"]))
members = st.fixed_dictionaries(
    {"url": urls | texts, "route": st.none() | word},
    optional={
        "loadfactor": st.sampled_from([1, 2.25, 100]),
        "timeout": st.integers(0, 9),
        "ping": st.sampled_from(["5", "500ms", "1mi"]) | texts,
        "secret": texts,
        "status": st.lists(st.sampled_from(["drained", "disabled", "hot_standby"])),
        "hcuri": texts,
    },
)
declarations = st.fixed_dictionaries(
    {"members": st.none() | st.lists(members, min_size=1, max_size=3)},
    optional={
        "proxy_set": st.fixed_dictionaries(
            {},
            optional={
                "stickysession": st.sampled_from(["SID", "JSESSIONID|jsessionid"]) | texts,
                "lbmethod": st.sampled_from(["byrequests", "bytraffic"]) | texts,
                "timeout": st.integers(0, 9),
                "failonstatus": st.lists(st.integers(99, 600)),
                "stickysessionsep": texts,
                "nonce": texts,
            },
        ),
        "sticky_cookie": st.fixed_dictionaries({}, optional={"name": word, "path": texts}),
        "health_check": st.fixed_dictionaries(
            {}, optional={"uri": texts, "expect_body": texts, "expect_status": st.lists(texts)}
        ),
        "purge": st.lists(st.sampled_from(["members", "parameters"])),
    },
)
REFUSED = (DeclarationError, HttpdError, NotEditable)


def test_a_declaration_written_to_a_file_is_what_is_read_from_it(many):
    def check(declared: dict[str, Any]) -> None:
        try:
            wanted = Declaration("app", **declared)
        except REFUSED:
            return
        document = Document.parse("", "/x.conf")
        author = Author(lambda path: document)
        author.create("/x.conf", plan(None, wanted), "app", None)
        configuration = codec.read(from_document(Document.parse(author.texts()["/x.conf"])))
        (balancer,) = configuration.balancers
        assert plan(balancer, wanted) == []
        assert not balancer.merged

    many(check, declarations)


def told(configuration: Configuration) -> list[Any]:
    """Return what a configuration says of other balancers than app."""
    return [
        (b.name, [(m.url, m.values) for m in b.members.values()], b.values)
        for b in configuration.balancers
        if b.name != "app"
    ]


def test_a_declaration_leaves_other_balancers_of_any_file_alone(many):
    def check(given: tuple[bytes, dict[str, Any]]) -> None:
        content, declared = given
        configuration = resolve(content)
        if configuration is None:
            return
        document = Document.parse(decode(content), "/x.conf")
        author = Author(lambda path: document)
        try:
            wanted = Declaration("app", **declared)
            found = next((b for b in configuration.balancers if b.name == "app"), None)
            if found is None:
                author.create("/x.conf", plan(None, wanted), "app", None)
            else:
                author.apply(found, plan(found, wanted))
        except REFUSED:
            return
        written = resolve(encode(author.texts().get("/x.conf", decode(content))))
        assert written is not None
        assert told(written) == told(configuration)

    many(check, st.tuples(contents, declarations), [(content, {}) for content in kept()])


# What httpd prints


def test_a_dump_of_anything_is_read(many):
    def check(text: str) -> None:
        codec.read(from_dump(text))
        view = dump.parse(text, text)
        codec.read(view.root)

    lines = [
        "# In file: /x\n",
        "  # 3:\n",
        "    # 12:\n",
        " (*) /x\n",
        "Define: A=b\n",
        "AH00526: ",
    ]
    lines += ["Syntax error on line 7 of /x:\n", 'ServerRoot: "/"\n', "[a] [b:c] ", "macro 'a' ("]
    many(
        check, st.lists(st.sampled_from([*lines, *PIECES]), max_size=40).map("".join), kept_texts()
    )


PAGES = [path.read_text() for path in sorted((FIXTURES / "manager").iterdir())]


def test_a_page_of_anything_is_read_or_refused(many):
    def check(text: str) -> None:
        with contextlib.suppress(page.PageError):
            page.with_counters(page.parse(text), page.parse(PAGES[-1]))

    places = st.tuples(st.sampled_from(PAGES), st.integers(0, 10_000), st.integers(0, 300), texts)
    many(
        check,
        places.map(lambda p: p[0][: p[1] % len(p[0])] + p[3] + p[0][p[1] % len(p[0]) + p[2] :]),
        kept_texts(),
    )


# What servers and files of sessions say


def test_cookies_of_anything_are_taken_or_ignored(many):
    origin = Origin("shop.example.com", "/a/b", True)

    def check(text: str) -> None:
        cookie.read(text)
        found = parse_set_cookie(text)
        jar = Jar()
        if found is not None:
            jar.store(found, origin, 0.0)
        sent = header(jar.sent(origin, 0.0))
        assert "\n" not in sent and "\r" not in sent
        assert Jar.load(json.loads(json.dumps(jar.dump()))).dump() == jar.dump()

    words = ["a=b", "; Path=", "; Domain=", "; Expires=", "; Max-Age=", "; SameSite=", "; Secure"]
    words += ["Sun, 06 Nov 1994 08:49:37 GMT", "example.com", "%{BALANCER_WORKER_ROUTE}e", *PIECES]
    many(check, st.lists(st.sampled_from(words), max_size=12).map("".join), kept_texts())


class Said:
    """A socket from which *answer* is read, *step* bytes at a time."""

    def __init__(self, answer: bytes, step: int) -> None:
        self._pieces = [answer[at : at + step] for at in range(0, len(answer), step)]

    def recv(self, _size: int) -> bytes:
        return self._pieces.pop(0) if self._pieces else b""

    def close(self) -> None:
        """There is nothing to close."""


def test_an_answer_of_anything_is_taken_or_told(many):
    origin = Origin("shop.example.com", "/", False)
    pattern = re.compile("node=<(.*?)>")
    target = Target(("127.0.0.1", 1), origin, "shop.example.com", "/", node_pattern=pattern)

    def check(given: tuple[bytes, int]) -> None:
        client = Client(Session(1))
        driver = Driver(target, [client], 1, 1)
        client.left = 1
        connection = _Connection(driver)
        connection._sock, connection.client = Said(*given), client
        while connection.client is not None:
            connection.event()
        (visit,) = client.session.visits
        assert visit.status or visit.reason

    heads = [
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 103\n\n",
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.0 ",
    ]
    fields = [
        "Content-Length: 5\r\n",
        "Content-Length: ",
        "Transfer-Encoding: chunked\r\n",
        "Set-Cookie: ",
    ]
    rest = [
        "Location: ",
        "\r\n",
        "\r\n\r\n",
        "5\r\n",
        "0\r\n",
        "ffffffffffffff\r\n",
        "node=<n1>",
        *PIECES,
    ]
    answers = st.lists(st.sampled_from([*heads, *fields, *rest]), max_size=20)
    known = [(heads[0].encode() * 5_000, step) for step in (7, 65536)]
    known += [(content, 65536) for content in kept()]
    encoded = answers.map(lambda words: "".join(words).encode("utf-8", "surrogatepass"))
    many(check, st.tuples(encoded, st.sampled_from([1, 7, 65536])), known)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=9) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=12,
)


def test_a_file_of_sessions_with_anything_in_it_is_read_or_refused(many, tmp_path):
    path = tmp_path / "sessions.json"

    def check(content: bytes) -> None:
        path.write_bytes(content)
        path.chmod(0o600)
        with contextlib.suppress(StickyError):
            for kept_session in session_file.read(str(path), "h", "cookie"):
                origin = Origin("h", "/", True)
                assert "\n" not in header(kept_session.jar.sent(origin, 0.0))

    def file_of(rows: Any) -> bytes:
        return json.dumps(
            {"version": session_file._VERSION, "host": "h", "told_by": "cookie", "sessions": rows}
        ).encode()

    cookies = st.lists(json_values, min_size=8, max_size=8)
    session = st.fixed_dictionaries(
        {"node": json_values, "value": json_values, "cookies": st.lists(cookies) | json_values}
    )
    sessions = (st.lists(session, max_size=3) | json_values).map(file_of)
    many(check, sessions | contents, [*kept(), b"[" * 100_000])


# Time


def lines(line: str) -> Callable[[int], str]:
    return lambda size: line * (size // len(line) + 1)


LONG = [
    *(
        "\\\n",
        "a \\\n",
        '"',
        "'\\",
        "\\\\",
        "<a>\n",
        "</a>\n",
        "<",
        ">",
        "# \\\n",
        "\r\n",
        "=",
        "\n",
    ),
    *(
        "secret=",
        "://",
        "nonce=x ",
        "${X}",
        "BalancerMember http://h:1/ route=",
        "unix:a|",
        "'a",
        "\\\n\n",
    ),
    *(
        "<td>",
        "<table><tr><th>",
        "&amp;",
        "<httpd:a>",
        "; a=b",
        "%{BALANCER_WORKER_ROUTE}e;",
        " - ",
    ),
    *("x", "-x", "x1", "/x"),
    *("\tx\n", "Syntax error on line 1 of /x: ", "in /x ", "# In file: /x\n  # 1:\n<a b>\n", " <a"),
]
READERS: dict[str, Callable[[str], object]] = {
    "document": lambda text: resolve(encode(text)),
    "section": lambda text: resolve(encode(f"<Proxy balancer://app>\n{text}\n</Proxy>\n")),
    "member": lambda text: resolve(
        encode(f"<Proxy balancer://app>\nBalancerMember {text}\n</Proxy>\n")
    ),
    "dump": lambda text: codec.read(dump.parse(text, "").root),
    "messages": dump.messages,
    "page": lambda text: read_page(PAGES[-2].replace("</h3>", "</h3>" + text)),
    "cell": lambda text: read_page(PAGES[-2].replace("<td>", "<td>" + text)),
    "xml": lambda text: read_page(PAGES[-1].replace("<httpd:worker>", "<httpd:worker>" + text, 1)),
    "cookie": lambda text: (cookie.read(text), parse_set_cookie("a=b;" + text)),
    "secrets": lambda text: (secrets.masked_file(text), secrets.secrets(text)),
    "program": lambda text: secrets.masked_arguments("CustomLog", f'"|{text}"'),
    "one secret": lambda text: (secrets.masked(text), secrets.masked_arguments("SetEnv", text)),
}


def read_page(text: str) -> None:
    with contextlib.suppress(page.PageError):
        page.parse(text)


@pytest.mark.parametrize("name", READERS)
def test_the_time_to_read_something_long_grows_as_it_does(name, tally, full, dice):
    chosen = LONG if full else dice.sample(LONG, 5)
    slow = [line for line in chosen if not is_linear(READERS[name], lines(line))]
    tally("inputs fuzzed", len(chosen))
    assert slow == []
