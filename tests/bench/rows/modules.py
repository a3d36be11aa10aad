# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One task on a private httpd: that has nothing to do, that drains, that changes a file."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import Any, Iterator, Sequence

from ansible_collections.webtier.apache_balancer.plugins.module_utils._argspec import (
    balancer_options,
    httpd_options,
    manager_options,
    write_options,
)
from ansible_collections.webtier.apache_balancer.tests.bench import plays
from ansible_collections.webtier.apache_balancer.tests.bench.measure import (
    Goal,
    Measured,
    Row,
    paired,
    ratios,
)
from ansible_collections.webtier.apache_balancer.tests.bench.payload import Payload, memory
from ansible_collections.webtier.apache_balancer.tests.support.private_httpd import (
    BALANCER,
    BINARY,
    PrivateHttpd,
)
from ansible_collections.webtier.apache_balancer.tests.support.proxy import Proxy, vhost

_SPEC = {**balancer_options(), **manager_options(), **write_options(), **httpd_options()}
_EMPTY = """#!/usr/bin/python
from ansible.module_utils.basic import AnsibleModule

AnsibleModule(argument_spec={spec!r}).exit_json(changed=False)
"""
# apache2_mod_proxy finds a member by its host, and takes that for a pattern: no name begins with another.
_HOSTS = [f"127.0.1.{number}" for number in range(101, 201)]
_OTHER = "community.general.apache2_mod_proxy"
# Of the 99 members, what is drained by a loop in each turn.
_SAMPLE = 11


@contextlib.contextmanager
def _proxy(folder: Path, urls: Sequence[str]) -> Iterator[Proxy]:
    """A running httpd with the members *urls* in the balancer app."""
    with PrivateHttpd(folder, *BALANCER, "authz_host") as httpd:
        yield Proxy(httpd).start(_site(urls))


def _site(urls: Sequence[str], more: str = "") -> str:
    members = "".join(
        f"        BalancerMember {url} route=n{number}{more}\n" for number, url in enumerate(urls)
    )
    body = f"    <Proxy balancer://app>\n{members}    </Proxy>\n    ProxyPass /app balancer://app\n"
    return vhost("127.0.0.1", body)


def _urls(count: int) -> list[str]:
    return [f"http://10.0.{number // 100}.{number % 100}:8080" for number in range(count)]


def _members(urls: Sequence[str], **parameters: Any) -> list[dict[str, Any]]:
    return [{"url": url, "route": f"n{number}", **parameters} for number, url in enumerate(urls)]


def _task(module: str, **options: Any) -> dict[str, Any]:
    return {f"webtier.apache_balancer.{module}": options}


def _nothing_to_do(count: int, pairs: int) -> Measured:
    """Compare a balancer of *count* members, as declared in its file and in the running httpd, with a module that
    takes the same options and does nothing.

    Its options are declared to Ansible as ours are, so that Ansible checks the same arguments for both.
    """
    urls = _urls(count)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        with _proxy(folder / "httpd", urls) as proxy:
            (folder / "empty.py").write_text(_EMPTY.format(spec=_SPEC))
            library = f"--module-path={folder}"
            given = {**proxy.options("balancer"), "name": "app", "members": "{{ members }}"}
            variables = {"members": _members(urls)}
            ours: dict[str, Any] = {**_task("balancer", **given), "vars": variables}
            theirs: dict[str, Any] = {"empty": given, "vars": variables}
            turns = plays.by_turns(
                folder,
                {"ours": {"tasks": [ours]}, "theirs": {"tasks": [theirs]}, "ping": plays.PING},
                pairs,
                plays.HERE,
                library,
            )
            for turn in turns["ours"]:
                result = turn.result
                assert result["validated"] == "unchanged" and not result["changed"], result
                assert not result["reload_required"], result
                assert len(result["balancer"][0]["members"]) == count, result
            seconds = {side: plays.seconds(turns[side]) for side in turns}
            peaks = {
                side: memory(Payload(folder / side, task, library).peak())
                for side, task in (("ours", ours), ("theirs", theirs))
            }
            pings = {side: ratios(seconds[side], seconds["ping"]) for side in peaks}
            notes = [
                f"in pings {pings['ours']:.2f}, the empty module {pings['theirs']:.2f}",
                f"memory of the process {peaks['ours']}, the empty module {peaks['theirs']}",
            ]
            return paired(seconds["ours"], seconds["theirs"], notes)


def _drain(pairs: int) -> Measured:
    """Compare one task that drains 99 of 100 members with a loop, which does it for some of them in each turn.

    Each member takes the loop a task of its own that is as long as any other, so all of them are that many times as
    long. Both change the running httpd only; ours reads back what it changed.
    """
    urls = [f"http://{host}:8080" for host in _HOSTS]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        with _proxy(folder / "httpd", urls) as proxy:

            def status(*words: str) -> dict[str, Any]:
                members = [{"url": url, "status": list(words)} for url in urls[:99]]
                given = {"name": "app", "members": members, "purge": [], "target": "runtime"}
                return _task("balancer", **proxy.options("balancer", **given))

            def other(host: str) -> dict[str, Any]:
                where = {"balancer_vhost": f"127.0.0.1:{proxy.httpd.port}"}
                where["balancer_url_suffix"] = "/balancer-manager"
                return {_OTHER: {**where, "member_host": host, "state": "drained"}}

            loop = {**other("{{ item }}"), "loop": _HOSTS[:_SAMPLE]}
            turns = plays.by_turns(
                folder,
                {
                    "ours": {"tasks": [status("drained")]},
                    "theirs": {"tasks": [loop]},
                    "ping": plays.PING,
                },
                pairs,
                before={"tasks": [status()]},
            )
            for turn in turns["ours"]:
                assert len(turn.result["changes"]) == 99, turn.result
            for turn in turns["theirs"]:
                assert [each["changed"] for each in turn.result["results"]] == [True] * _SAMPLE
            ours, pings = (plays.seconds(turns[side]) for side in ("ours", "ping"))
            theirs = [seconds * 99 / _SAMPLE for seconds in plays.seconds(turns["theirs"])]
            peaks = []
            for number, task in enumerate((status("drained"), other(_HOSTS[0]))):
                payload = Payload(folder / str(number), task)
                # Nobody is drained then.
                proxy.httpd.reload()
                peaks.append(memory(payload.peak(changed=True)))
            notes = [
                f"the loop measured with {_SAMPLE} members, per member x 99",
                f"ours in pings {ratios(ours, pings):.2f}",
                f"memory of the process {peaks[0]}, of each in the loop {peaks[1]}",
            ]
            return paired(ours, theirs, notes)


def _change(pairs: int) -> Measured:
    """Compare a task that gives 100 members another weight, in the file and in the running httpd, with what brings the
    same about by a template: writing the file once ``httpd -t`` accepts it, and a graceful reload.

    Each has an httpd of its own, as a reload would be in the way of the other.
    """
    urls = _urls(100)
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o755)
        proxy, other, file = (
            stack.enter_context(_one_file(folder / side, urls))
            for side in ("ours", "theirs", "file")
        )
        template = folder / "httpd.conf.j2"
        text = other.httpd.config_file.read_text()
        template.write_text(text.replace("loadfactor=1", "loadfactor={{ turn + 2 }}"))

        def ours(where: Proxy, target: str, weight: str = "{{ turn + 2 }}") -> dict[str, Any]:
            members = _members(urls, loadfactor=weight)
            given = {"name": "app", "members": members, "target": target}
            return _task("balancer", **where.options("balancer", **given))

        path = str(other.httpd.config_file)
        test = [BINARY, "-t", "-d", str(other.httpd.root), "-f"]
        theirs = [
            {
                "ansible.builtin.template": {
                    "src": str(template),
                    "dest": path,
                    "validate": " ".join([*test, "%s"]),
                }
            },
            {"ansible.builtin.command": {"argv": other.httpd.command("-k", "graceful")}},
        ]
        turns = plays.by_turns(
            folder,
            {
                "ours": {"tasks": [ours(proxy, "both")]},
                "file": {"tasks": [ours(file, "config")]},
                "theirs": {"tasks": theirs},
            },
            pairs,
        )
        for side, layers in (("ours", 2), ("file", 1)):
            for turn in turns[side]:
                result = turn.result
                assert result["validated"] == "rehearsed", result
                assert len(result["changes"]) == 100 * layers, result
                assert result["reload_required"] == (side == "file"), result
        for turn in turns["theirs"]:
            assert all(task.results["here"]["changed"] for task in turn.tasks), turn
        times = {side: plays.seconds(turns[side]) for side in turns}
        written = [turn.tasks[0].seconds for turn in turns["theirs"]]
        payload = Payload(folder / "payload", ours(proxy, "both", "99"))
        proxy.run("balancer", name="app", members=_members(urls, loadfactor="98"))
        notes = [
            "ours also changes the running httpd, which needs no reload then",
            f"only the file, against theirs without the reload: {ratios(times['file'], written):.2f}",
            f"memory of the process {memory(payload.peak(changed=True))}",
        ]
        return paired(times["ours"], times["theirs"], notes)


@contextlib.contextmanager
def _one_file(folder: Path, urls: Sequence[str]) -> Iterator[Proxy]:
    """A running httpd that has all of its configuration in one file."""
    with PrivateHttpd(folder, *BALANCER, "authz_host") as httpd:
        httpd.write("httpd.conf", httpd.config_file.read_text() + _site(urls, " loadfactor=1"))
        httpd.start_on_old_files()
        yield Proxy(httpd)


ROWS = (
    Row(
        "no-op-100",
        "a `balancer` task with nothing to do, 100 members, file and running httpd",
        "an empty module given the same arguments",
        Goal(1.2),
        lambda pairs: _nothing_to_do(100, pairs),
    ),
    Row(
        "no-op-1000",
        "the same with 1,000 members",
        "the same",
        Goal(1.15),
        # Single turns of the empty module take half as long again: of few pairs, the median is another one each time.
        lambda pairs: _nothing_to_do(1000, pairs * 3),
    ),
    Row(
        "drain",
        "drain 99 of 100 members, verified",
        f"a loop of `{_OTHER}`",
        Goal(150, faster=True),
        _drain,
    ),
    Row(
        "change",
        "change one parameter of 100 members in the file, preflight included",
        "`template` with `validate`, and a graceful reload",
        Goal(1.0),
        _change,
    ),
)
