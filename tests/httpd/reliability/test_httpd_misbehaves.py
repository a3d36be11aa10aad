# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the modules do when balancer-manager is slow, broken, somebody else's or lies, and when httpd dies.

What stands between (tests/support/between.py) has an address of the httpd itself, so that nobody can tell.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import signal
import ssl
import subprocess
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Callable, Iterator, NamedTuple

import pytest

from ansible_collections.webtier.apache_balancer.plugins.module_utils._manager.client import (
    Manager,
)
from ansible_collections.webtier.apache_balancer.tests.support.between import (
    Between,
    Fault,
    Talk,
    honest,
)
from ansible_collections.webtier.apache_balancer.tests.support.modules import started
from ansible_collections.webtier.apache_balancer.tests.support.private_httpd import (
    BALANCER,
    BINARY,
    PrivateHttpd,
    alive,
    wait_for,
)
from ansible_collections.webtier.apache_balancer.tests.support.proxy import vhost

MIB = 2**20
# What a module has for itself (50 MiB), and some; seconds that a machine with other things to do may take for it.
MEMORY = 96 * MIB
PATIENCE = 60
N1, N2 = "http://127.0.0.1:1", "http://127.0.0.1:2"
BODY = f"""
    <Proxy balancer://app>
        BalancerMember {N1} route=n1
        BalancerMember {N2} route=n2
    </Proxy>
    <Proxy balancer://admin>
        BalancerMember http://127.0.0.1:3
    </Proxy>
    ProxyPass /app balancer://app
    ProxyPass /admin balancer://admin
"""


class Measured(NamedTuple):
    """The result of a module, the *seconds* it took, and the most memory it had, in bytes."""

    result: dict[str, Any]
    seconds: float
    peak: int


class Site(NamedTuple):
    """An httpd that runs, and what stands between its balancer-manager and the modules."""

    httpd: PrivateHttpd
    between: Between

    def measured(self, module: str, /, **options: Any) -> Measured:
        """Run *module*; it asks balancer-manager by the way that may be bad."""
        instance = {"server_root": str(self.httpd.root), "config_file": str(self.httpd.config_file)}
        options = {"manager_url": self.between.url(), **options}
        if module == "configuration":
            own = {key: options.pop(key) for key in list(options) if key != "check"}
            options["balancers"] = [own]
        begun = time.monotonic()
        work = started(module, httpd={"binary": BINARY, **instance}, **options)
        result = work.wait()
        return Measured(result, time.monotonic() - begun, work.peak)

    def run(self, module: str, /, **options: Any) -> dict[str, Any]:
        return self.measured(module, **options).result

    def files(self) -> dict[str, bytes]:
        """Return all files of the configuration."""
        return {str(path): path.read_bytes() for path in self.httpd.root.glob("**/*.conf")}

    def written(self) -> list[str]:
        """Return the numbers of N1 in the files: each change of these tests sets another one."""
        text = (self.httpd.root / "conf" / "site.conf").read_text()
        return re.findall(f"{N1} .*lbset=([0-9]+)", text)

    def running(self) -> object:
        """Return the number of N1 in the running httpd."""
        url = f"http://127.0.0.1:{self.httpd.port}/balancer-manager"
        manager = Manager(url, "one.example.com")
        with contextlib.closing(manager):
            return manager.page().balancers["app"].members[N1].values["lbset"]

    def agrees(self) -> bool:
        """Whether files and running httpd are the same, and nothing is left to a reload."""
        state = self.run("balancer_info")
        rows = [row for each in state["balancers"] for row in each["drift"]]
        return (state["reload_required"], state["not_reached"], rows) == (False, [], [])

    def serves(self) -> bool:
        """Whether httpd does, though no member is there to answer."""
        return self.httpd.get("/app", {"Host": "one.example.com"}).status == 503


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[Site]:
    """An httpd with two virtual hosts of two balancers each, which all tests of this file share."""
    with Between() as between:
        root = tmp_path_factory.mktemp("misbehaves") / "httpd"
        with PrivateHttpd(root, *BALANCER, "authz_host") as httpd:
            text = vhost("one.example.com", BODY) + vhost("two.example.com", BODY)
            httpd.write("conf/site.conf", text)
            httpd.start_on_old_files(pass_fds=[between.fileno])
            between.behind = httpd.port
            yield Site(httpd, between)


# Balancer-manager is bad before anything is written.


def silent(talk: Talk) -> None:
    talk.over.wait(60)


def dripping(talk: Talk) -> None:
    for byte in talk.ask():
        talk.say(bytes([byte]))
        if talk.over.wait(0.05):
            return


def answering(status: str, body: str = "", more: str = "") -> Fault:
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n{more}\r\n"
    return lambda talk: talk.say((head + body).encode())


def cut(talk: Talk) -> None:
    head, end, body = without_length(talk.ask()).partition(b"\r\n\r\n")
    length = b"\r\nContent-Length: %d" % len(body)
    talk.say(head + length + end + body[: len(body) // 2])


def spoiled(pattern: bytes, by: bytes, count: int = 0) -> Fault:
    """Replace in the page what matches *pattern*."""

    def does(talk: Talk) -> None:
        page, found = re.subn(pattern, by, without_length(talk.ask()), count=count)
        assert found
        talk.say(page)

    return does


def without_length(answer: bytes) -> bytes:
    """Return *answer*, whose end is now that of the connection."""
    return re.sub(rb"(?i)\r\nContent-Length: \d+", b"", answer, count=1)


def endless(part: bytes) -> Fault:
    """Say that 1 GB follows, and begin with 100 MB."""

    def does(talk: Talk) -> None:
        talk.say(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        for dummy in range(100):
            talk.say(part * (MIB // len(part)))

    return does


def resetting(talk: Talk) -> None:
    talk.reset()


def hanging_up(talk: Talk) -> None:
    pass


ELSEWHERE = "Location: http://me:hush-hush@elsewhere.example.com/manager\r\n"
FAULTS: dict[str, tuple[Fault, str]] = {
    "never answers": (silent, r"no complete answer within 1 s \(manager_timeout\)"),
    "answers byte by byte": (dripping, r"no complete answer within 1 s \(manager_timeout\)"),
    "breaks off": (cut, "the answer breaks off"),
    "is another server": (
        answering("200 OK", "<html><title>Welcome to nginx!</title></html>"),
        "no page of balancer-manager, but .*Welcome to nginx!",
    ),
    "says nothing": (answering("200 OK"), "the answer is empty"),
    "wants a password": (answering("401 Unauthorized"), "401 .* give manager_username"),
    "forbids it": (answering("403 Forbidden"), r"403 .* allow this host there \(Require\)"),
    "is not there": (answering("404 Not Found"), "404 .* serve balancer-manager there"),
    "has an error": (answering("500 Oops"), "500 Oops"),
    "redirects": (
        answering("302 Found", more=ELSEWHERE),
        "302 Found, to http://elsewhere.example.com/manager; name that address in manager_url",
    ),
    "has no end": (endless(b"<tr><td>x"), "the answer is larger than"),
    "has a row that does not fit": (spoiled(rb"<td>", b"", 1), "a row that does not fit"),
    "has rows without end": (
        spoiled(rb"</table>", b"<tr><td>x" * 99_000, 1),
        "more than 10000 rows",
    ),
    "has no table": (spoiled(rb"<table", b"<div"), "breaks off in balancer://"),
    "speaks another protocol": (lambda talk: talk.say(b"SSH-2.0-x\r\n"), "the answer is no HTTP"),
    "resets the connection": (resetting, "Connection reset"),
    "hangs up": (hanging_up, "ended without an answer"),
}


def of_a_balancer(number: int) -> dict[str, Any]:
    return {
        "name": "app",
        "vhost": "one.example.com",
        "members": [{"url": N1, "lbset": number}],
        "purge": [],
    }


# What each module that talks to balancer-manager is asked to do; the number is another one each time.
CHANGE: dict[str, Callable[[int], dict[str, Any]]] = {
    "balancer": of_a_balancer,
    "balancer_member": lambda number: {
        "url": N1,
        "vhost": "one.example.com",
        "balancer": "app",
        "lbset": number,
    },
    "configuration": of_a_balancer,
    "balancer_info": lambda number: {},
    "graceful_reload": lambda number: {"only_if_needed": False},
}
NUMBERS = itertools.count(10)
# Those that change something where balancer-manager has to agree.
REFUSING = ("balancer", "balancer_member", "configuration")


def said(result: dict[str, Any]) -> str:
    """Return what a module says of a balancer-manager that it did not reach."""
    missed = [row["reason"] for row in result.get("not_reached", ())]
    return "\n".join([result.get("msg", ""), *missed, *map(str, result.get("warnings", ()))])


def rotated(index: int, full: bool, seed: int) -> list[str]:
    """Return the modules to try with fault number *index*: one of them in turn, unless all is wanted."""
    names = list(CHANGE)
    return names if full else [names[(index + seed) % len(names)]]


@pytest.fixture()
def seed(pytestconfig: pytest.Config) -> int:
    return int(pytestconfig.option.seed)


@pytest.mark.parametrize("name", FAULTS)
def test_a_bad_manager_is_named_in_time_and_nothing_is_written(site: Site, name, full, seed, tally):
    fault, reason = FAULTS[name]
    everything = full or fault is silent
    for module in rotated(list(FAULTS).index(name), everything, seed):
        before = site.files()
        with site.between.doing(fault):
            done = site.measured(module, manager_timeout=1, **CHANGE[module](99))
            asked = site.between.connections
        tally("faults injected")
        assert re.search(reason, said(done.result)), (module, done.result)
        assert "hush-hush" not in str(done.result)
        assert ("msg" in done.result) is (module in REFUSING), (module, done.result)
        # Four balancers of two virtual hosts at one address: each name is asked for once, silence is enough for both.
        assert asked <= (1 if "no complete answer" in reason else 2), (module, asked)
        assert done.seconds < 1 + PATIENCE, (module, done.seconds)
        assert done.peak < MEMORY, (module, done.peak)
        assert site.files() == before and site.serves(), module


def only_xml(fault: Fault) -> Fault:
    return lambda talk: fault(talk) if b"?xml=1" in talk.request else honest(talk)


# The page is good, and the XML, which has the exact counters, is not.
XML_FAULTS: dict[str, tuple[Fault, str]] = {
    **{name: FAULTS[name] for name in FAULTS if not re.search("row|table|password|forbids", name)},
    "has rows without an end": (spoiled(rb"</httpd:worker>", b""), "a row that breaks off"),
    "has a field without an end": (spoiled(rb"</httpd:elected>", b"", 1), "a row that breaks off"),
    "has a counter that is none": (
        spoiled(rb"<httpd:elected>\d+", b"<httpd:elected>x", 1),
        "a counter that is no number",
    ),
    "has rows without number": (
        spoiled(rb"<httpd:worker>", b"<httpd:worker>" * 10_001, 1),
        "more than 10000 rows",
    ),
    "has no end of its own": (spoiled(rb"</httpd:manager>", b""), "ends before its end"),
}


@pytest.mark.parametrize("name", XML_FAULTS)
def test_bad_xml_is_named_in_time_and_no_counter_is_made_up(site: Site, name, tally):
    fault, reason = XML_FAULTS[name]
    asked = {"name": "app", "vhost": "one.example.com", "manager_timeout": 1}
    with site.between.doing(only_xml(fault)):
        done = site.measured("balancer_info", **asked)
    tally("faults injected")
    (missed,) = done.result["not_reached"]
    assert missed["balancer"] == "app" and re.search(reason, missed["reason"]), done.result
    assert "hush-hush" not in str(done.result)
    (balancer,) = done.result["balancers"]
    assert [member["runtime"] for member in balancer["members"]] == [None, None]
    assert done.seconds < 1 + PATIENCE and done.peak < MEMORY, done[1:]
    assert site.serves()


@pytest.mark.parametrize(
    ("kind", "mark", "before", "row"),
    [
        ("HTML", b"<table", b"<table><tr><th>Worker URL</th></tr>%b</table>", b"<tr><td>%b"),
        (
            "XML",
            b"<httpd:worker>",
            b"%b",
            b"<httpd:worker><httpd:name>%b</httpd:name></httpd:worker>",
        ),
    ],
    ids=["HTML", "XML"],
)
def test_the_largest_page_that_is_read_takes_bounded_time_and_memory(
    site: Site, kind, mark, before, row, tally
):
    rows = [row % (b"h://%0350d" % number) for number in range(9_900)]
    more = before % b"".join(rows)
    assert 3.3 * MIB < len(more) < 4 * MIB

    def bloated(talk: Talk) -> None:
        if (b"?xml=1" in talk.request) is (kind == "XML"):
            spoiled(mark, more + mark, 1)(talk)
        else:
            honest(talk)

    with site.between.doing(bloated):
        done = site.measured("balancer_info", name="app", vhost="one.example.com")
    tally("faults injected")
    (balancer,) = done.result["balancers"]
    assert len(balancer["members"]) == (9_902 if kind == "HTML" else 2)
    assert done.seconds < PATIENCE and done.peak < 4 * MEMORY, (done.seconds, done.peak)


# Balancer-manager turns bad after the files are written.


def at_a_post(fault: Fault) -> Fault:
    return lambda talk: fault(talk) if talk.is_post else honest(talk)


def done_and_reset(talk: Talk) -> None:
    talk.ask()
    talk.reset()


def lying(talk: Talk) -> None:
    """Answer as httpd does, and let it do nothing."""
    talk.say(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


LATE_FAULTS: dict[str, tuple[Fault, str]] = {
    "resets before it did it": (resetting, "Connection reset"),
    "resets after it did it": (done_and_reset, "Connection reset"),
    "never answers": (silent, "no complete answer within 1 s"),
    "breaks off": (cut, "breaks off"),
    "has an error": (answering("500 Oops"), "500 Oops"),
    "forbids it": (answering("403 Forbidden"), "403 Forbidden"),
    "lies": (lying, "lbset needs a reload: balancer-manager answered, but did not do it"),
}


@pytest.mark.parametrize("name", LATE_FAULTS)
def test_a_manager_that_turns_bad_leaves_whole_files_and_the_next_run_does_the_rest(
    site: Site, name, full, seed, tally
):
    fault, reason = LATE_FAULTS[name]
    changing = [module for module in CHANGE if module in REFUSING]
    start = list(LATE_FAULTS).index(name) + seed
    for module in changing if full else [changing[start % len(changing)]]:
        number = next(NUMBERS)
        options = CHANGE[module](number)
        with site.between.doing(at_a_post(fault)):
            # Its honest answers have to come in this time as well.
            done = site.measured(module, manager_timeout=1 if "1 s" in reason else 10, **options)
        tally("faults injected")
        reasons = "\n".join([done.result.get("msg", ""), *done.result["reload_reasons"]])
        assert re.search(reason, reasons), (module, done.result)
        assert ("msg" in done.result) is (name != "lies"), (module, done.result)
        assert done.result["changed"] is True and done.result["reload_required"] is True
        assert done.seconds < 1 + PATIENCE and done.peak < MEMORY, (module, done[1:])
        assert site.serves() and site.written() == [str(number)]

        again = site.run(module, **options)
        assert "msg" not in again and site.running() == number, (module, again)
        # Whether httpd had taken it was not certain for a while: only a reload ends all doubt.
        assert site.run("graceful_reload")["running"] is True
        assert site.agrees()


def test_a_lie_about_the_running_httpd_alone_is_told(site: Site, tally):
    for module in ("balancer", "balancer_member"):
        options = {key: value for key, value in CHANGE[module](98).items() if key != "vhost"}
        before = site.files()
        name = {"manager_server_name": "two.example.com", "target": "runtime"}
        with site.between.doing(at_a_post(lying)):
            result = site.run(module, **options, **name)
        tally("faults injected")
        assert "balancer-manager answered, but did not do it" in result["msg"], result
        assert result.get("changed", False) is False
        assert site.files() == before and site.running() != 98


def test_a_wait_ends_in_its_time_when_the_manager_falls_silent(site: Site, tally):
    seen: list[bool] = []

    def falling_silent(talk: Talk) -> None:
        """Answer until both virtual hosts were given it, and have shown it, and never again."""
        if seen.count(True) == 2 and not seen[-1]:
            silent(talk)
        else:
            honest(talk)
        seen.append(talk.is_post)

    wait = {"wait": True, "wait_timeout": 3, "wait_idle": 2, "wait_interval": 1}
    options = {"manager_timeout": 2, **wait}
    with site.between.doing(falling_silent):
        done = site.measured("balancer_member", url=N1, balancer="app", state="drained", **options)
        asked = site.between.connections
    tally("faults injected")
    assert "no complete answer within 2 s" in done.result["msg"], done.result
    # What was done until then is told.
    assert done.result["changed"] is True, done.result
    assert [change["layer"] for change in done.result["changes"]].count("runtime") == 2
    # Both are at one address: each look that is in vain asks it once, and takes two seconds at least.
    assert asked - len(seen) <= 2, (asked, seen)
    assert done.seconds < 3 + 2 + PATIENCE, done.seconds
    assert "msg" not in site.run("balancer_member", url=N1, balancer="app", state="enabled")
    assert site.run("graceful_reload")["running"] is True and site.agrees()


def test_a_httpd_that_is_reloaded_all_the_time_is_given_up(site: Site, tally):
    def reloaded(talk: Talk) -> None:
        """Show another nonce each time, as after a reload, and know none of them."""
        reloaded.count += 1
        spoiled(rb"nonce=[0-9a-f-]+", b"nonce=%d" % reloaded.count)(talk)

    reloaded.count = 0
    with site.between.doing(reloaded):
        result = site.run("balancer", **CHANGE["balancer"](97))
    tally("faults injected")
    assert "somebody else keeps changing it, or reloading httpd" in result["msg"], result
    assert reloaded.count < 20
    assert "msg" not in site.run("balancer", **CHANGE["balancer"](97))
    assert site.run("graceful_reload")["running"] is True
    assert site.agrees()


# TLS.


def test_a_failure_of_tls_is_named_and_nothing_is_written(site: Site, tmp_path, tally):
    request = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=one.example.com"
    subprocess.run(
        [*request.split(), "-keyout", "key.pem", "-out", "certificate.pem"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    before = site.files()
    options = CHANGE["balancer"](96)
    plain = site.run(
        "balancer", manager_url=site.between.url("https"), manager_timeout=1, **options
    )
    assert re.search("no complete answer|SSL", plain["msg"]), plain
    site.between.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    site.between.tls.load_cert_chain(tmp_path / "certificate.pem", tmp_path / "key.pem")
    try:
        for module in ("balancer", "balancer_member", "configuration"):
            url = site.between.url("https")
            result = site.run(module, manager_url=url, **CHANGE[module](96))
            assert "self-signed" in result["msg"] and "manager_ca_path" in result["msg"], result
        tls_wanted = site.run("balancer", manager_timeout=1, **options)
        assert "http" in tls_wanted["msg"]
    finally:
        site.between.tls = None
    tally("faults injected", 5)
    assert site.files() == before and site.serves()


# httpd itself: it does not run, it is slow, it dies.


def test_a_httpd_that_does_not_run_has_its_files_changed_and_nobody_is_asked(site: Site, tally):
    site.httpd.stop()
    site.between.connections = 0
    for number, module in enumerate(CHANGE, start=90):
        result = site.run(module, **CHANGE[module](number))
        assert "msg" not in result and result["running"] is False, (module, result)
        tally("faults injected")
    assert site.between.connections == 0
    for module in ("balancer", "balancer_member"):
        options = {key: value for key, value in CHANGE[module](9).items() if key != "vhost"}
        gone = f"http://127.0.0.1:{site.httpd.port}/balancer-manager"
        result = site.run(module, target="runtime", manager_url=gone, **options)
        assert "connection refused; is httpd running" in result["msg"], result
        tally("faults injected")
    site.httpd.start_on_old_files(pass_fds=[site.between.fileno])
    assert site.agrees()


@contextlib.contextmanager
def reloading(site: Site, **options: Any) -> Iterator[Future[Measured]]:
    """Let httpd be reloaded, whose parent does not even notice yet that it was told to."""
    parent = site.httpd.pid
    os.kill(parent, signal.SIGSTOP)
    try:
        with ThreadPoolExecutor() as pool:
            running = pool.submit(site.measured, "graceful_reload", only_if_needed=False, **options)
            wait_for(lambda: running.done() or told(parent), "SIGUSR1", PATIENCE)
            try:
                yield running
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(parent, signal.SIGCONT)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(parent, signal.SIGCONT)


def told(pid: int) -> bool:
    """Whether SIGUSR1 waits for *pid*."""
    pending = re.findall(r"(?m)^ShdPnd:\s+(\w+)$", Path(f"/proc/{pid}/status").read_text())
    return bool(int(pending[0], 16) >> signal.SIGUSR1 - 1 & 1)


def test_httpd_serves_while_its_reload_takes_long_and_the_end_is_waited_for(
    site: Site, full, tally
):
    seconds = 30.0 if full else 2.0
    with reloading(site, timeout=seconds + PATIENCE) as running:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            assert site.serves() and not running.done(), running
            tally("requests sent")
            time.sleep(0.05)
    result = running.result().result
    tally("faults injected")
    assert result["changed"] is True and result["seconds"] >= seconds, result
    assert site.agrees()


def test_a_reload_that_takes_too_long_is_told_and_loads_everything_all_the_same(site: Site, tally):
    generation = site.httpd.pid_file.stat().st_mtime_ns
    options = {**CHANGE["balancer"](95), "target": "config"}
    assert site.run("balancer", **options)["reload_required"] is True
    with reloading(site, timeout=1, manager_url=None) as running:
        result = running.result().result
        assert "did not load its configuration within 1 s" in result["msg"], result
        assert "it goes on with what it had loaded" in result["msg"], result
        assert site.serves() and site.running() != 95
    tally("faults injected")
    wait_for(lambda: site.httpd.pid_file.stat().st_mtime_ns != generation, "a reload", PATIENCE)
    wait_for(lambda: site.running() == 95, "the new children", PATIENCE)
    assert site.agrees()


def test_a_httpd_that_is_killed_during_its_reload_is_started_again(site: Site, tally):
    site.run("graceful_reload", only_if_needed=False)
    before = site.files()
    pid, children = site.httpd.pid, site.httpd.children()
    with reloading(site) as running:
        os.kill(pid, signal.SIGKILL)
    result = running.result().result
    tally("faults injected")
    assert "httpd ended when it was told to reload" in result["msg"], result
    assert "and started it again" in result["msg"], result
    assert site.httpd.pid != pid and site.serves()
    assert children and not any(map(alive, children))
    assert site.files() == before
    assert site.run("graceful_reload")["running"] is True and site.agrees()
