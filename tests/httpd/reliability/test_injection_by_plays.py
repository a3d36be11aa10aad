# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nobody gets in through a variable of a playbook, or of the role rolling_update, or through the packages of the role
load_balancer: it is refused, naming variable or value, or what modules are given is the value and nothing else.

The variables are those that the playbooks have. Values are unsafe to Ansible (``!unsafe``), as AWX hands on what a
survey was answered: nothing of ours may make a template of them all the same. All is in check mode, on a host for each
value.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any, Collection, Iterator, Mapping, NamedTuple, Sequence

import pytest
import yaml

from ansible_collections.webtier.apache_balancer.tests.httpd.playbooks.conftest import (
    PLAYBOOKS,
    SITE,
    LoadBalancer,
)
from ansible_collections.webtier.apache_balancer.tests.support import playbook
from ansible_collections.webtier.apache_balancer.tests.support.certificates import (
    made_certificate,
)
from ansible_collections.webtier.apache_balancer.tests.support.hostile import (
    ATTACKS,
    CANARY,
    Lost,
    Seen,
    attack,
    difference,
    head,
)
from ansible_collections.webtier.apache_balancer.tests.support.options import (
    Option,
    given,
    playbook_spec,
    role_spec,
    texts,
    value_of,
)
from ansible_collections.webtier.apache_balancer.tests.support.private_httpd import (
    BALANCER,
    PrivateHttpd,
)
from ansible_collections.webtier.apache_balancer.tests.support.traffic import Backend

ROLE = "webtier.apache_balancer.rolling_update"
LOAD_BALANCER = "webtier.apache_balancer.load_balancer"
MODULES = {
    "adopt": ("balancer_info",),
    "node": ("balancer_member",),
    "status": ("balancer_info",),
    "verify": ("balancer_info", "sticky_check"),
}
# What asks for packages, by the families that have it.
QUERIES = {"Debian": "dpkg-query", "RedHat": "rpm"}
BOOKS = (*MODULES, "rolling_update", *QUERIES)
# Hosts, which are Ansible's to find; and what is told below.
LEFT_OUT = ("load_balancer_hosts", "verify_host", "node_reason")
# How many variables of each playbook a sample has.
SAMPLE = 3
HOST = "host{}"
WORD = "word"
HARMLESS = {
    "any": "word",
    "balancer": "shop",
    "config_file": "httpd.conf",
    "contains": ".",
    "from": "balancers",
    "header": "X-Served-By",
    "load_balancer_manager_address": "127.0.0.1",
    "manager_server_name": "front.example",
    "node_balancer": "shop",
    "node_host": "127.0.0.1",
    "node_state": "drained",
    "regex": "(x)",
    "route": "node1",
    "separator": ".",
    "verify_balancer": "shop",
    "verify_report_host": "localhost",
    "verify_separator": ".",
    "rolling_update_balancers": "balancers",
    "vhost": "_main",
}
# Modules of Ansible's own that are told what to ask.
ASKING = ("ansible.builtin.uri", "ansible.builtin.command")
PATHS = ("ca_path", "client_cert", "client_key")


class Unsafe(str):
    """A text that Ansible may not take for a template."""


class _Dumper(yaml.SafeDumper):
    """Writes variables with what is unsafe in them."""


def _represent(dumper: yaml.SafeDumper, value: Unsafe) -> yaml.Node:
    """Mark only what may be a template: Ansible takes ``!unsafe ""`` for null."""
    tag = "!unsafe" if "{" in value else "tag:yaml.org,2002:str"
    return dumper.represent_scalar(tag, str(value), style='"')


_Dumper.add_representer(Unsafe, _represent)


class Case(NamedTuple):
    """A *value* for a variable that an attack, *called* so, makes of a *harmless* one; a command that it has run would
    make the file *canary*."""

    option: Option
    called: str
    harmless: str
    value: str
    canary: Path


class Ground:
    """A load balancer that runs, what the playbooks are told of it, and what stood where before."""

    def __init__(self, root: Path, front: LoadBalancer, nodes: Sequence[Backend]) -> None:
        self.root = root
        self.front = front
        self.nodes = nodes
        self.scratch = root / "scratch"
        self.scratch.mkdir()
        self.pem = str(made_certificate(root / "shop.pem"))
        self.tasks = root / "update.yml"
        self.tasks.write_text("- name: Update\n  ansible.builtin.meta: noop\n")
        self.files = self.content()

    def content(self) -> dict[str, bytes]:
        """Return what stands where hostile values could make or change something."""
        found = [*self.front.httpd.root.rglob("*"), *self.scratch.rglob("*"), *self.root.glob("*")]
        return {
            str(path): path.read_bytes()
            for path in found
            if path.is_file() and not {"logs", "run", ".apache_balancer"} & set(path.parts)
        }

    def changed(self, places: Collection[str] = ()) -> list[str]:
        """Return which files are not what they were, but for those that may be made at *places*, and make them so."""
        now = self.content()
        found = sorted(
            path for path in {*now, *self.files} if now.get(path) != self.files.get(path)
        )
        for path in found:
            if path in self.files:
                Path(path).write_bytes(self.files[path])
            else:
                Path(path).unlink()
        return [Lost(f"changed: {path}") for path in found if path not in places]

    def spec(self, book: str) -> Mapping[str, Any]:
        """Return the argument spec of the variables of *book*."""
        if book == "rolling_update":
            return role_spec(book)
        if book in QUERIES:
            name = "load_balancer_package"
            return {name: role_spec("load_balancer")[name]}
        return {
            name: option
            for name, option in playbook_spec(book, *MODULES[book]).items()
            if name not in LEFT_OUT
        }

    def base(self, book: str) -> dict[str, Any]:
        """Return variables with which *book* does something harmless."""
        manager = {"manager_url": [self.front.manager_url], "manager_timeout": 5}
        of_book: dict[str, dict[str, Any]] = {
            "adopt": {
                "adopt_file": str(self.scratch / "adopted.yml"),
                "adopt_httpd": self.front.instance,
            },
            **dict.fromkeys(QUERIES, {}),
            "node": {"node_host": "127.0.0.1", "node_min_usable": 0, "node_wait": False},
            "status": {},
            "verify": {
                "verify_url": self.front.url,
                "verify_clients": 1,
                "verify_requests": 2,
                "verify_timeout": 5,
                "verify_balancer": "shop",
                "verify_report": str(self.scratch / "page.html"),
            },
            "rolling_update": {
                "rolling_update_tasks": str(self.tasks),
                "rolling_update_balancers": "balancers",
                "rolling_update_min_usable": 0,
                "rolling_update_member": {"route": "node1"},
                "rolling_update_manager": manager,
            },
        }
        return {**self.front.host(), **of_book[book]}

    def variables(self, book: str, option: Option, value: str) -> dict[str, Any]:
        """Return variables of *book* that are harmless but for *value* of *option*."""
        base = self.base(book)
        if option.path[0] == "rolling_update_member" and option.name in ("host", "url"):
            base["rolling_update_member"] = {}
        if option.path[0] == "rolling_update_health_check":
            base["rolling_update_health_check"] = {"url": self.front.url, "retries": 0}
        return given(base, option, Unsafe(value))

    def harmless(self, book: str, option: Option) -> str:
        """Return a value of *option* that is only one."""
        if option.spec.get("choices"):
            return str(option.spec["choices"][0])
        if option.name.endswith(PATHS):
            return self.pem
        if option.name.endswith("session_file"):
            return str(self.scratch / "sessions")
        if str(option) == "rolling_update_member.url":
            return self.nodes[0].url
        if str(option) == "rolling_update_member.host":
            return "127.0.0.1"
        if str(option) == "load_balancer_manager_port":
            return str(self.front.httpd.port)
        present = value_of(self.variables(book, option._replace(path=("none",)), ""), option)
        if option.name.endswith("manager_url"):
            present = self.front.manager_url
        return str(present or HARMLESS.get(option.name, WORD))

    def places(self, hosts: Sequence[Mapping[str, Any]]) -> set[str]:
        """Return where hosts with these variables may make files: adopt does, in check mode as well."""
        made = set()
        for number, variables in enumerate(hosts):
            path, suffix = os.path.splitext(variables.get("adopt_file", ""))
            path = os.path.expandvars(f"{path}-{HOST.format(number)}{suffix}")
            made.add(os.path.normpath(self.scratch / path))
        return made

    def play(self, book: str, hosts: Sequence[Mapping[str, Any]], **extra: Any) -> playbook.Played:
        """Run *book* in check mode on hosts with these variables, and with *extra* ones."""
        with tempfile.TemporaryDirectory() as name, contextlib.chdir(self.scratch):
            folder = Path(name)
            (folder / "host_vars").mkdir()
            names = [HOST.format(number) for number in range(len(hosts))]
            more = {"load_balancer_hosts": "all", "verify_host": "all", **extra}
            files = {f"host_vars/{host}.yml": each for host, each in zip(names, hosts)}
            for file, variables in {**files, "extra.yml": more}.items():
                (folder / file).write_text(yaml.dump(dict(variables), Dumper=_Dumper))
            everybody: dict[str, Any] = {host: {} for host in names}
            which: Path | list[dict[str, Any]] = PLAYBOOKS / f"{book}.yml"
            if book == "rolling_update":
                everybody["lb1"] = self.front.host()
                which = self.rolling()
            if book in QUERIES:
                which = self.asking(book)
            arguments = ("--check", "--forks=4", f"--extra-vars=@{folder / 'extra.yml'}")
            shown = {"ANSIBLE_SHOW_CUSTOM_STATS": "true"}
            return playbook.play(folder, which, everybody, *arguments, **shown)

    def asking(self, family: str) -> list[dict[str, Any]]:
        """Return a play that asks whether packages are installed, as on a host of *family*, whatever they are."""
        assert shutil.which(QUERIES[family]), f"{QUERIES[family]} is missing"
        variables = PLAYBOOKS.parent / "roles" / "load_balancer" / "vars" / f"{family}.yml"
        task = {"include_role": {"name": LOAD_BALANCER, "tasks_from": "install"}}
        common = {"gather_facts": False, "vars_files": [str(variables)]}
        return [{"hosts": "all", **common, "tasks": [task]}]

    def rolling(self) -> list[dict[str, Any]]:
        """Return plays that use the role rolling_update on one host after the other, whatever becomes of each."""
        httpd = {"httpd": self.front.instance}
        health = {"name": ROLE, "tasks_from": "health", "apply": {"check_mode": False}}
        asked = "rolling_update_health_check.url is defined"
        roll = [{"include_role": {"name": ROLE}}, {"include_role": health, "when": asked}]
        block = {"name": "Roll", "block": roll, "rescue": [{"meta": "noop"}]}
        common = {"gather_facts": False}
        return [
            {"hosts": "lb1", **common, "tasks": [{"group_by": {"key": "balancers"}}]},
            {
                "hosts": "all:!lb1",
                **common,
                "serial": 1,
                "module_defaults": {"group/webtier.apache_balancer.balancer_manager": httpd},
                "tasks": [block],
            },
        ]


@pytest.fixture(scope="module")
def ground() -> Iterator[Ground]:
    with contextlib.ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        # httpd's user has to get to its files.
        root.chmod(0o755)
        httpd = stack.enter_context(PrivateHttpd(root / "httpd", *BALANCER, "authz_host"))
        nodes = [stack.enter_context(Backend(f"node{number}")) for number in (1, 2)]
        members = "".join(f"    BalancerMember {n.url} route={n.route}\n" for n in nodes)
        httpd.write("conf/site.conf", SITE.format(members=members))
        httpd.start()
        yield Ground(root, LoadBalancer(httpd), nodes)


def results_of(played: playbook.Played, host: str) -> list[tuple[str, dict[str, Any]]]:
    """Return the results of *host*, those of a loop each, by the names of their tasks."""
    found = [(task.name, task.results[host]) for task in played.tasks if host in task.results]
    return [
        (name, {**each, "action": result["action"]})
        for name, result in found
        for each in result.get("results", [result])
        if isinstance(each, dict)
    ]


def words(value: Any) -> Iterator[str]:
    """Yield each text in *value*, keys as well."""
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield str(key)
            yield from words(each)
    elif isinstance(value, list):
        for each in value:
            yield from words(each)
    else:
        yield str(value)


def told(results: Sequence[tuple[str, dict[str, Any]]]) -> list[Seen]:
    """Return what modules were told by the tasks that have these *results*: ours, who asks how a node is, and what is
    run."""
    return [
        Seen((name,), list(words(result["invocation"]["module_args"])))
        for name, result in results
        if "module_args" in result.get("invocation", {})
        and result["action"].startswith(("webtier.", *ASKING))
    ]


def refusals(results: Sequence[tuple[str, dict[str, Any]]]) -> list[str]:
    """Return why something could not be done."""
    return [
        str(result["msg"])
        for dummy, result in results
        if "msg" in result
        and (
            result.get("failed")
            or result.get("unreachable")
            or result["action"].startswith("webtier.")
        )
    ]


def wrong(
    case: Case,
    results: Sequence[tuple[str, dict[str, Any]]],
    before: Sequence[tuple[str, dict[str, Any]]],
) -> str:
    """Return what is wrong with the *results* of *case*, in words; nothing where all is well. *before*: those with a
    harmless value."""
    value = case.value
    if case.canary.exists():
        return Lost("a command was run")
    shown = json.dumps(results, ensure_ascii=False)
    if "Traceback" in shown:
        return shown[shown.index("Traceback") :]
    known = [case.option.name, head(value), os.path.normpath(value)]
    said = refusals(results)
    # Nothing may as well mean that the variable is not there.
    if not value.strip() or any(word in message for message in said for word in known):
        return ""
    # If a module has refused it without a name for it, it was told the value and nothing else all the same.
    # In a path Ansible puts in the variables of the environment.
    given_to = os.path.expandvars(value) if case.option.spec.get("type") == "path" else value
    problem = difference(told(results), told(before), case.harmless, given_to)
    return f"{problem} {' '.join(said)}" if problem else ""


def tried(ground: Ground, book: str, pairs: Sequence[tuple[Option, str]]) -> list[str]:
    """Return what goes wrong when variables of *book* have hostile values: *pairs* of a variable and an attack."""
    hosts: list[dict[str, Any]] = []
    first: dict[str, int] = {}
    found: list[tuple[int, Case]] = []
    for option, called in pairs:
        harmless = ground.harmless(book, option)
        if str(option) not in first:
            first[str(option)] = len(hosts)
            hosts.append(ground.variables(book, option, harmless))
        canary = ground.root / f"{CANARY}{len(hosts)}"
        case = Case(option, called, harmless, attack(called, harmless, canary), canary)
        found.append((len(hosts), case))
        hosts.append(ground.variables(book, option, case.value))
    played = ground.play(book, hosts)
    results = [results_of(played, HOST.format(number)) for number in range(len(hosts))]
    assert all(results), "a host was asked nothing"
    problems = []
    for number, case in found:
        problem = wrong(case, results[number], results[first[str(case.option)]])
        if problem:
            said = f"{case.option}, {case.called}: {problem[:1000]}"
            problems.append(type(problem)(said))
    return [*problems, *ground.changed(ground.places(hosts))]


@pytest.mark.parametrize("book", BOOKS)
def test_no_value_of_a_variable_becomes_more_than_a_value(ground, book, tally, full, dice):
    """With ``--full`` each variable gets each of the values, else some of them get one."""
    options = list(texts(ground.spec(book)))
    runs = [[(option, name) for name in ATTACKS] for option in options]
    if not full:
        chosen = dice.sample(options, min(SAMPLE, len(options)))
        runs = [[(option, dice.choice(sorted(ATTACKS))) for option in chosen]]
    problems = []
    for pairs in runs:
        problems += tried(ground, book, pairs)
        tally("hostile values given to variables of playbooks", len(pairs))
    tally.lost(sum(isinstance(problem, Lost) for problem in problems))
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("book", ["node", "status", "verify"])
def test_a_comma_does_not_make_two_addresses_of_one(ground, book):
    """As it does where Ansible takes a text for a list."""
    (option,) = [o for o in texts(ground.spec(book)) if str(o) == "load_balancer_manager_address"]
    assert "," in attack("template", "", Path("/canary"))
    assert tried(ground, book, [(option, "template")]) == []


def test_a_reason_is_told_as_it_was_given(ground, tally, full, dice):
    """It is nobody's option, so nothing is refused."""
    for name in ATTACKS if full else dice.sample(sorted(ATTACKS), 1):
        canary = ground.root / CANARY
        reason = attack(name, "new disk", canary)
        played = ground.play("node", [{**ground.base("node"), "node_reason": Unsafe(reason)}])
        tally("hostile values given to variables of playbooks")
        assert played.status == 0, (name, played)
        assert played.custom_stats["node"]["reason"] == reason, name
        said = "\n".join(played.of("Say how it went")[HOST.format(0)]["msg"])
        assert "".join(reason.split()) in "".join(said.split()), (name, said)
        assert not canary.exists() and ground.changed() == [], name


def test_a_batch_is_a_number_of_hosts_and_nothing_else(ground, tally, full, dice):
    """It is about the play itself, so only an extra variable has a say."""
    for name in ATTACKS if full else dice.sample(sorted(ATTACKS), 1):
        canary = ground.root / CANARY
        serial = attack(name, "1", canary)
        played = ground.play("load_balancer", [{}], load_balancer_serial=Unsafe(serial))
        tally("hostile values given to variables of playbooks")
        assert played.status == 2, (name, played)
        (said,) = refusals(results_of(played, HOST.format(0)))
        assert said.startswith("load_balancer_serial: ") and head(serial) in said, name
        assert not canary.exists() and ground.changed() == [], name
