# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whatever is read, it is understood or refused in words: no crash, no hang.

The folder corpus has inputs that were hard once, or look like it; each reader gets all of them. The others are made of
pieces, or by mutation of the corpus and of what is read every day. Many of them must come to what a test is about.
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
from ansible_collections.webtier.apache_balancer.tests.support.fuzzing import (
    fuzz,
    is_linear,
    mutated,
)

CORPUS = Path(__file__).parent / "corpus"
FIXTURES = Path(__file__).parents[2] / "unit" / "fixtures"
SECONDS = 1.5
# The part of the inputs that has to come to what a test is about.
LEAST = 0.03

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
texts = st.lists(
    st.sampled_from(PIECES) | st.text(max_size=4) | st.binary(max_size=4).map(decode), max_size=30
).map("".join)


@pytest.fixture()
def many(dice, tally, full) -> Callable[..., None]:
    """Give a check the inputs that are *known*, and others for some time; it returns whether one came to what it is
    about."""

    def run(check: Callable[[Any], bool], inputs: Any, known: Any = ()) -> None:
        count, came = fuzz(check, inputs, dice, SECONDS * 200 if full else SECONDS, known)
        tally("inputs fuzzed", count)
        tally("inputs fuzzed that came to what is tested", came)
        assert came >= LEAST * count, f"only {came} of {count} inputs came to what is tested"

    return run


def texts_in(folder: Path, pattern: str = "*") -> list[str]:
    return [decode(path.read_bytes()) for path in sorted(folder.glob(pattern))]


KEPT = texts_in(CORPUS)
# Of two balancers, and what stands around them.
APP = """<Proxy "balancer://app">
    BalancerMember "http://127.0.0.1:1" route=a loadfactor=2.5 secret="x y"
    BalancerMember http://b1.example:2/a \\
        route=b status=+D ping=500ms
    ProxySet stickysession=SID lbmethod=bytraffic
</Proxy>
"""
OTHER = """<Proxy balancer://other timeout=3>
    BalancerMember http://127.0.0.1:1 route=a hcmethod=GET hcuri=/u
    BalancerMember unix:/run/s|http://h/ keepalive=On lbset=1
</Proxy>
"""
SECTIONS = [
    *(APP, OTHER),
    "BalancerMember balancer://app http://[::1]:3 route=c retry=5\n",
    "BalancerMember balancer://other http://B2:4 route=d\n",
    "ProxySet balancer://app nofailover=On\nProxySet balancer://other nonce=None\n",
    "ProxyPass /a balancer://app/ maxattempts=2\nProxyPassReverse /a balancer://app/\n",
    "ProxyPass /o balancer://other/ stickysession=JSESSIONID|jsessionid\n",
    'Header add Set-Cookie "R=.%{BALANCER_WORKER_ROUTE}e; path=/" env=BALANCER_ROUTE_CHANGED\n',
    f"<VirtualHost *:80>\nServerName x\n{OTHER}{APP}</VirtualHost>\n",
    f"<IfModule mod_proxy.c>\n{APP}</IfModule>\n",
]
FILES = [*texts_in(FIXTURES / "httpd", "*/in.*"), *KEPT]
files = mutated(
    st.tuples(
        st.just("") | st.sampled_from(FILES),
        st.sampled_from([APP + OTHER, OTHER]),
        st.lists(st.sampled_from(SECTIONS), max_size=4).map("".join),
    ).map("".join),
    texts,
)


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
    def check(content: bytes) -> bool:
        configuration = resolve(content)
        if configuration is None:
            return False
        view = dump.View(from_dump(""), [], set(), "/", "", "", {}, "", "", [])
        for problem in lint(configuration, view):
            assert problem.result()["message"]
        return any(balancer.members for balancer in configuration.balancers)

    many(check, (files | texts).map(encode), map(encode, KEPT))


word = st.text("abcXYZ019_-", min_size=1, max_size=10)
hosts = st.sampled_from(["127.0.0.1", "b1.example", "[::1]", "B2"])
urls = st.builds("http://{}:{}{}".format, hosts, st.integers(1, 9), st.sampled_from(["", "/a"]))


def declarations_with(odd: Any) -> Any:
    """Declarations of a balancer that httpd understands, but for the texts that are *odd*."""
    members = st.fixed_dictionaries(
        {"url": urls | odd, "route": st.none() | word},
        optional={
            "loadfactor": st.sampled_from([1, 2.25, 100]),
            "timeout": st.integers(0, 9),
            "ping": st.sampled_from(["5", "500ms", "1mi"]) | odd,
            "secret": word | odd,
            "status": st.lists(st.sampled_from(["drained", "disabled", "hot_standby"])),
            "hcuri": st.just("/up") | odd,
        },
    )
    return st.fixed_dictionaries(
        {"members": st.lists(members, min_size=1, max_size=3) | st.none()},
        optional={
            "proxy_set": st.fixed_dictionaries(
                {},
                optional={
                    "stickysession": st.sampled_from(["SID", "JSESSIONID|jsessionid"]) | odd,
                    "lbmethod": st.sampled_from(["byrequests", "bytraffic"]) | odd,
                    "timeout": st.integers(0, 9),
                    "failonstatus": st.lists(st.integers(99, 600), max_size=3),
                    "stickysessionsep": st.just("_") | odd,
                    "nonce": word | odd,
                },
            ),
            "sticky_cookie": st.fixed_dictionaries(
                {}, optional={"name": word, "path": st.just("/a") | odd}
            ),
            "health_check": st.fixed_dictionaries(
                {},
                optional={
                    "uri": st.just("/up") | odd,
                    "expect_body": word | odd,
                    "expect_status": st.lists(st.sampled_from(["200", "3xx"]) | odd, max_size=3),
                },
            ),
            "purge": st.lists(st.sampled_from(["members", "parameters"])),
        },
    )


declarations = declarations_with(st.nothing()) | declarations_with(texts)
REFUSED = (DeclarationError, HttpdError, NotEditable)


def test_a_declaration_written_to_a_file_is_what_is_read_from_it(many):
    def check(declared: dict[str, Any]) -> bool:
        try:
            wanted = Declaration("app", **declared)
        except REFUSED:
            return False
        document = Document.parse("", "/x.conf")
        author = Author(lambda path: document)
        author.create("/x.conf", plan(None, wanted), "app", None)
        configuration = codec.read(from_document(Document.parse(author.texts()["/x.conf"])))
        (balancer,) = configuration.balancers
        assert plan(balancer, wanted) == []
        assert not balancer.merged
        return True

    many(check, declarations)


def told(configuration: Configuration, server: int) -> list[Any]:
    """Return what a configuration says of other balancers than app of the server with this number."""
    return [
        (number, name, [(m.url, m.values) for m in balancer.members.values()], balancer.values)
        for number, vhost in enumerate(configuration.vhosts)
        for name, balancer in vhost.balancers.items()
        if balancer.defined and (number, name) != (server, "app")
    ]


def test_a_declaration_leaves_other_balancers_of_any_file_alone(many):
    def check(given: tuple[bytes, dict[str, Any]]) -> bool:
        content, declared = given
        text = decode(content)
        configuration = resolve(content)
        if configuration is None:
            return False
        document = Document.parse(text, "/x.conf")
        author = Author(lambda path: document, configuration)
        try:
            wanted = Declaration("app", **declared)
            found = next((b for b in configuration.balancers if b.name == "app"), None)
            if found is None:
                author.create("/x.conf", plan(None, wanted), "app", None)
            else:
                author.apply(found, plan(found, wanted))
            new = author.texts().get("/x.conf", text)
        except REFUSED:
            return False
        written = resolve(encode(new))
        assert written is not None
        server = configuration.vhosts.index(found.vhost) if found else 0
        others = told(configuration, server)
        assert told(written, server) == others
        return new != text and others != []

    known = [(encode(text), {}) for text in KEPT]
    many(check, st.tuples(files.map(encode), declarations), known)


# What httpd prints


DUMPS = texts_in(FIXTURES / "dump")


def test_a_dump_of_anything_is_read(many):
    def check(text: str) -> bool:
        codec.read(from_dump(text))
        view = dump.parse(text, text)
        return any(balancer.members for balancer in codec.read(view.root).balancers)

    lines = [
        "# In file: /x\n",
        "  # 3:\n",
        "    # 12:\n",
        " (*) /x\n",
        "Define: A=b\n",
        "AH00526: ",
    ]
    lines += ["Syntax error on line 7 of /x:\n", 'ServerRoot: "/"\n', "[a] [b:c] ", "macro 'a' ("]
    made = st.lists(st.sampled_from([*lines, *PIECES]), max_size=40).map("".join)
    many(check, mutated(st.sampled_from(DUMPS), made) | made, KEPT)


PAGES = texts_in(FIXTURES / "manager")


def test_a_page_of_anything_is_read_or_refused(many):
    def check(text: str) -> bool:
        try:
            page.with_counters(page.parse(text), page.parse(PAGES[-1]))
        except page.PageError:
            return False
        return True

    many(check, mutated(st.sampled_from(PAGES), texts), KEPT)


# What servers and files of sessions say


COOKIES = [
    "JSESSIONID=1A2B.n1; Path=/a; Secure; HttpOnly",
    "R=.n2; Domain=.example.com; Path=/; Max-Age=60; SameSite=None; Secure",
    "__Host-R=x; Secure; Path=/; Expires=Sun, 06 Nov 2044 08:49:37 GMT",
    "ROUTEID=.%{BALANCER_WORKER_ROUTE}e; path=/",
]


def test_cookies_of_anything_are_taken_or_ignored(many):
    origin = Origin("shop.example.com", "/a/b", True)

    def check(text: str) -> bool:
        cookie.read(text)
        found = parse_set_cookie(text)
        jar = Jar()
        if found is not None:
            jar.store(found, origin, 0.0)
        sent = header(jar.sent(origin, 0.0))
        assert "\n" not in sent and "\r" not in sent
        assert Jar.load(json.loads(json.dumps(jar.dump()))).dump() == jar.dump()
        return bool(sent)

    words = ["a=b", "; Path=", "; Domain=", "; Expires=", "; Max-Age=", "; SameSite=", "; Secure"]
    words += ["Sun, 06 Nov 1994 08:49:37 GMT", "example.com", "%{BALANCER_WORKER_ROUTE}e", *PIECES]
    made = st.lists(st.sampled_from(words), max_size=12).map("".join)
    many(check, mutated(st.sampled_from(COOKIES), made) | made, KEPT)


class Said:
    """A socket from which *answer* is read, *step* bytes at a time."""

    def __init__(self, answer: bytes, step: int) -> None:
        self._pieces = [answer[at : at + step] for at in range(0, len(answer), step)]

    def recv(self, _size: int) -> bytes:
        return self._pieces.pop(0) if self._pieces else b""

    def close(self) -> None:
        """There is nothing to close."""


ANSWERS = [
    "HTTP/1.1 200 OK\r\nSet-Cookie: R=.n1; path=/\r\nContent-Length: 9\r\n\r\nnode=<n1>",
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 302 Found\r\nLocation: /login;jsessionid=1.n1\r\n"
    "Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nnode=\r\n4\r\n<n1>\r\n0\r\n\r\n",
    "HTTP/1.0 503 Service Unavailable\nServer: Apache\n\n<p>node=<n1></p>",
    "HTTP/1.1 204 No Content\r\nSet-Cookie: A=b\r\nSet-Cookie: C=d\r\n\r\n",
]


def test_an_answer_of_anything_is_taken_or_told(many):
    origin = Origin("shop.example.com", "/", False)
    pattern = re.compile("node=<(.*?)>")
    target = Target(("127.0.0.1", 1), origin, "shop.example.com", "/", node_pattern=pattern)

    def check(given: tuple[bytes, int]) -> bool:
        client = Client(Session(1))
        driver = Driver(target, [client], 1, 1)
        client.left = 1
        connection = _Connection(driver)
        connection._sock, connection.client = Said(*given), client
        while connection.client is not None:
            connection.event()
        (visit,) = client.session.visits
        assert visit.status or visit.reason
        return visit.status != 0

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
    made = st.lists(st.sampled_from([*heads, *fields, *rest]), max_size=20).map("".join)
    answers = (mutated(st.sampled_from(ANSWERS), made) | made).map(encode)
    known = [(heads[0].encode() * 5_000, step) for step in (7, 65536)]
    known += [(encode(text), 65536) for text in KEPT]
    many(check, st.tuples(answers, st.sampled_from([1, 7, 65536])), known)


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
json_values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=9) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=12,
)


def test_a_file_of_sessions_with_anything_in_it_is_read_or_refused(many, tmp_path):
    path = tmp_path / "sessions.json"
    origin = Origin("h", "/", True)

    def check(content: bytes) -> bool:
        path.write_bytes(content)
        path.chmod(0o600)
        try:
            found = session_file.read(str(path), "h", "cookie")
        except StickyError:
            return False
        for session in found:
            assert "\n" not in header(session.jar.sent(origin, 0.0))
        return found != []

    def file_of(rows: Any) -> str:
        return json.dumps({**whole, "sessions": rows})

    def but(original: Any, key: Any, value: Any) -> Any:
        changed = original.copy()
        changed[key] = value
        return changed

    jar = Jar()
    for text in COOKIES:
        jar.store(parse_set_cookie(text), origin, 0.0)
    session_file.write(str(path), "h", "cookie", [session_file.Kept("n1", jar, "x.n1", False)])
    whole = json.loads(path.read_bytes())
    (session,) = whole["sessions"]
    odd = scalars | json_values
    cookie = st.builds(but, st.sampled_from(session["cookies"]), st.integers(0, 7), odd)
    sessions = st.lists(
        st.builds(but, st.just(session), st.sampled_from([*session]), odd)
        | st.builds(but, st.just(session), st.just("cookies"), st.lists(cookie, max_size=2)),
        max_size=2,
    )
    made = sessions.map(file_of) | json_values.map(file_of)
    spliced = mutated(st.just(path.read_text()), st.text(max_size=5) | json_values.map(json.dumps))
    known = [*map(encode, KEPT), b"[" * 100_000]
    many(check, (spliced | made | texts).map(encode), known)


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
