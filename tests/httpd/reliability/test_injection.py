# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nobody gets in through the value of an option: it is refused, naming option and value, or it is one word and nothing
else wherever it goes.

The options are those that the modules have. Each gets values that would become more than a value if anything were put
together from texts without care. Where one is taken, httpd's own dump must be what it is with a harmless value, word by
word, but for the value itself; no file may be made but where one is expected, and no command be run.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import tempfile
from pathlib import Path
from typing import Any, Iterator

import pytest
from ansible.errors import AnsibleFilterError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.webtier.apache_balancer.plugins.filter.members_from_groups import (
    members_from_groups,
)
from ansible_collections.webtier.apache_balancer.plugins.filter.site_configuration import (
    site_configuration,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._instance import Instance
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
from ansible_collections.webtier.apache_balancer.tests.support.modules import run
from ansible_collections.webtier.apache_balancer.tests.support.options import (
    Option,
    argument_spec,
    given,
    module_names,
    role_spec,
    texts,
    value_of,
)
from ansible_collections.webtier.apache_balancer.tests.support.private_httpd import (
    BALANCER,
    BINARY,
    PrivateHttpd,
    free_port,
)
from ansible_collections.webtier.apache_balancer.tests.support.proxy import vhost

MODULES = (*BALANCER, "headers", "proxy_hcheck", "authz_host")
APP = """
    <Proxy "balancer://app">
        BalancerMember "http://127.0.0.1:1011" route=n1
        BalancerMember "http://127.0.0.1:1012" route=n2
        ProxySet growth=5
    </Proxy>
    ProxyPass /app balancer://app
"""


# What is harmless where a plain word is not.
HARMLESS = {
    "url": "http://127.0.0.1:1011",
    "uri": "/up",
    "path": "/up",
    "hcuri": "/up",
    "domain": "front.example",
    "connectiontimeout": "5",
    "acquire": "5",
    "ping": "5",
    "hcinterval": "5",
    "interval": "5",
    "loadfactor": "2",
    "expect_status": "200",
    "stickysessionsep": ".",
    "lbmethod": "byrequests",
    "vhost": "front.example",
    "owner": "root",
    "group": "root",
    "mode": "0644",
    "host": "127.0.0.1",
    "balancer": "app",
    "content": "# nothing",
    "separator": ".",
    "regex": "(x)",
    "reset": "timeout",
    "contains": "never there",
    "patterns": "x*.conf",
    "members.route": "n1",
}
# Where an option is, others may not be.
INSTEAD = {"host": ("url",), "route": ("url",), "served_by.regex": ("cookie",)}
# What is no value in a configuration, but all of one.
CONFIGURATION = ("files.content", "load_balancer_sites.extra")
# Where files may be made.
DECLARED = (("files", 0, "path"), ("session_file",))
# What is about a file is asked of a file.
FILE = {"src": {}, "link": {"state": "link"}}


class Ground:
    """An httpd that runs, what modules are told of it, and what stood where before."""

    def __init__(self, httpd: PrivateHttpd, scratch: Path, canary: Path) -> None:
        self.httpd = httpd
        self.scratch = scratch
        self.canary = canary
        self.site = httpd.write("conf/site.conf", vhost("front.example", APP))
        httpd.start()
        self.files = self.content()
        self._harmless: dict[tuple[str, str], list[Seen]] = {}

    def content(self) -> dict[str, bytes]:
        """Return what stands in httpd's folder, without what it and our memory write, in the folder that modules work
        in, and where the canary would be."""
        found = [*self.httpd.root.rglob("*"), *self.scratch.rglob("*"), self.canary]
        return {
            str(path): path.read_bytes()
            for path in found
            if path.is_file() and not {"logs", "run", ".apache_balancer"} & set(path.parts)
        }

    def restore(self) -> None:
        """Make the files what they were, and let httpd load them."""
        for path in self.content():
            if path not in self.files:
                Path(path).unlink()
        for path, content in self.files.items():
            Path(path).write_bytes(content)
        self.httpd.reload()

    def seen(self) -> list[Seen]:
        """Return what httpd sees: each directive, and what it stands in."""
        instance = Instance.find(BINARY, str(self.httpd.root), str(self.httpd.config_file))
        return [
            Seen((node.parent.name if node.parent else "", node.name), node.words)
            for node in instance.view().root.walk()
        ]

    def seen_harmless(self, module: str, option: Option) -> list[Seen]:
        """Return what httpd sees when *option* of *module* has a value that is just one."""
        key = (module, str(option))
        if key not in self._harmless:
            harmless = self.harmless(module, option)
            result = self.play(module, self.arguments(module, option, harmless))
            assert "msg" not in result, (module, str(option), result["msg"])
            self._harmless[key] = self.seen()
            self.restore()
        return self._harmless[key]

    def play(self, module: str, arguments: dict[str, Any], check: bool = False) -> dict[str, Any]:
        """Return the result of *module* with *arguments*."""
        return run(module, check=check, **arguments)

    def places(self, arguments: dict[str, Any]) -> set[str]:
        """Return where files may be made: Ansible itself puts the variables of the host into a path."""
        made = [str(value_of(arguments, Option(path, {}))) for path in DECLARED]
        return {os.path.normpath(os.path.expandvars(path)) for path in made}

    def base(self, module: str) -> dict[str, Any]:
        """Return arguments with which *module* does something harmless."""
        front = f"http://127.0.0.1:{self.httpd.port}"
        live = {
            "manager_url": [f"{front}/balancer-manager"],
            "manager_server_name": "front.example",
            "manager_timeout": 5,
        }
        httpd = {
            "binary": BINARY,
            "server_root": str(self.httpd.root),
            "config_file": str(self.httpd.config_file),
        }
        members = [{"url": "http://127.0.0.1:1011", "route": "n1"}]
        balancer = {"name": "app", "path": str(self.site), "members": members, "purge": []}
        arguments: dict[str, dict[str, Any]] = {
            "balancer": {**balancer, **live, "httpd": httpd},
            "balancer_info": {"name": "app", **live, "httpd": httpd},
            "balancer_member": {"url": members[0]["url"], "retry": 5, **live, "httpd": httpd},
            "configuration": {"balancers": [{**balancer, **live}], "httpd": httpd},
            "graceful_reload": {**live, "httpd": httpd},
            "sticky_check": {
                "url": f"{front}/app/",
                "clients": 1,
                "requests": 1,
                "timeout": 5,
                "fail_on_violation": False,
                **live,
            },
        }
        return arguments[module]

    def arguments(self, module: str, option: Option, value: str) -> dict[str, Any]:
        """Return arguments of *module* that are harmless but for *value* of *option*."""
        base = self.base(module)
        for other in INSTEAD.get(str(option), ()):
            base.pop(other, None)
        if str(option).startswith("files."):
            more = FILE.get(option.name, {"content": "# nothing"})
            base["files"] = [{"path": str(self.httpd.root / "conf" / "other.conf"), **more}]
        if str(option).startswith("modules."):
            base["modules"] = [{"name": "headers"}]
        if str(option).startswith("purge."):
            base["purge"] = [{"folder": str(self.site.parent), "contains": "never there"}]
        if option.name in ("domain", "samesite"):
            base = given(base, option._replace(path=(*option.path[:-1], "name")), "R")
        if "declared" in option.path:
            base["declared"] = [{"name": "app", "members": [{"url": "http://127.0.0.1:1011"}]}]
        return given(base, option, value)

    def harmless(self, module: str, option: Option) -> str:
        """Return a value of *option* that is only one."""
        if option.spec.get("choices"):
            return str(option.spec["choices"][0])
        if str(option) in ("session_file", "files.path"):
            return str(self.scratch / "file")
        if option.secret and str(option) not in CONFIGURATION:
            return "s3cr3tw0rd"
        present = value_of(self.arguments(module, option._replace(path=("none",)), ""), option)
        return str(present or HARMLESS.get(str(option), HARMLESS.get(option.name, "word")))


@contextlib.contextmanager
def standing(kind: type[Ground], *modules: str) -> Iterator[Ground]:
    """Give a ground, and work in a folder of its own as long as it stands."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        # httpd's user has to get to its files.
        root.chmod(0o755)
        scratch = root / "scratch"
        scratch.mkdir()
        with PrivateHttpd(root / "httpd", *modules) as httpd, contextlib.chdir(scratch):
            yield kind(httpd, scratch, root / CANARY)


@pytest.fixture(scope="module")
def ground() -> Iterator[Ground]:
    with standing(Ground, *MODULES) as made:
        yield made


def wrong(ground: Ground, module: str, option: Option, value: str) -> str:
    """Return what is wrong with what *module* did with *value* for *option*, in words; nothing where all is well."""
    arguments = ground.arguments(module, option, value)
    try:
        result = ground.play(module, arguments)
        return judged(ground, module, option, arguments, value, result)
    except AssertionError as crash:
        return f"no result: {str(crash)[-900:]}"
    finally:
        if ground.content() != ground.files:
            ground.restore()


def judged(
    ground: Ground,
    module: str,
    option: Option,
    arguments: dict[str, Any],
    value: str,
    result: dict[str, Any],
) -> str:
    now = ground.content()
    if ground.canary.exists():
        return Lost("a command was run")
    shown = json.dumps(result, ensure_ascii=False)
    configuration = str(option) in CONFIGURATION
    if option.secret and not configuration and "s3cr3tw0rd" in shown:
        return Lost(f"the secret is shown: {shown}")
    if "msg" in result:
        if now != ground.files:
            return Lost(f"refused, and yet files changed: {result['msg']}")
        known = [option.name, head(value), os.path.normpath(head(value)), os.path.normpath(value)]
        # What a proxy in between says of a request is no secret, but all that there is to say.
        known += arguments.get("manager_url", []) if option.name.startswith("manager_") else []
        if not configuration and not any(word in result["msg"] for word in known):
            return f"refused without naming option or value: {result['msg']}"
        return ""
    new = {path for path in now if path not in ground.files}
    if new - ground.places(arguments):
        return Lost(f"made files: {new}")
    if not result["changed"]:
        left = {path: content for path, content in now.items() if path not in new}
        return "" if left == ground.files else Lost("files changed, and nobody says so")
    if now == ground.files:
        # A reload.
        return ""
    again = ground.play(module, arguments, check=True)
    if again.get("changed") is not False:
        return f"not what was declared: {again}"
    seen = ground.seen()
    # Nothing may as well mean that the option is not there.
    if configuration or not value.strip():
        return ""
    ground.restore()
    harmless = ground.harmless(module, option)
    return difference(seen, ground.seen_harmless(module, option), harmless, value)


def test_a_refusal_without_a_name_is_wrong_and_nothing_is_lost_by_it(ground, monkeypatch):
    (option,) = [each for each in options_of("balancer_info") if str(each) == "name"]

    def refuse(module, arguments):
        return {"msg": "no"}

    def refuse_and_write(module, arguments):
        (ground.scratch / "file").write_text("")
        return refuse(module, arguments)

    def run_a_command(module, arguments):
        ground.canary.write_text("")
        return refuse(module, arguments)

    for play, lost in ((refuse, False), (refuse_and_write, True), (run_a_command, True)):
        monkeypatch.setattr(ground, "play", play)
        problem = wrong(ground, "balancer_info", option, "app>")
        assert problem and isinstance(problem, Lost) is lost


def options_of(module: str) -> list[Option]:
    return list(texts(argument_spec(module)))


@pytest.mark.parametrize("module", module_names())
def test_no_value_of_an_option_becomes_more_than_a_value(ground, module, tally, full, dice):
    """With ``--full`` each option gets each of the values, else one of them."""
    found = []
    for option in options_of(module):
        harmless = ground.harmless(module, option)
        for name in ATTACKS if full else dice.sample(sorted(ATTACKS), 1):
            value = attack(name, harmless, ground.canary)
            problem = wrong(ground, module, option, value)
            tally("hostile values given to options of modules")
            tally.lost(isinstance(problem, Lost))
            if problem:
                found.append(f"{option}, {name}: {problem[:1000]}")
    assert not found, "\n".join(found)


# The variables of the role

SITE_MODULES = (
    *(*BALANCER, "lbmethod_bybusyness", "headers", "alias", "setenvif", "remoteip", "status"),
    *("socache_shmcb", "ssl", "session", "session_cookie", "session_crypto", "request"),
    *("proxy_hcheck", "authz_host"),
)
# How the filter site_configuration calls what is not about a site.
FILTERED = {
    "load_balancer_server_name": "server_name",
    "load_balancer_existing_listen": "existing_listen",
    "load_balancer_member_defaults": "member_defaults",
    "load_balancer_manager_address": "manager_address",
}
# What it calls httpd.
OF_HTTPD = ("mpm", "tls_profile")
# For the package manager, which is no matter of httpd: test_injection_by_plays.py.
ELSEWHERE = ("load_balancer_package",)
OTHERS = (
    *("load_balancer_sites", "load_balancer_modules", "load_balancer_replaces"),
    *(f"load_balancer_{name}" for name in OF_HTTPD),
)
MAIN = "load_balancer.conf"
HARMLESS_VARIABLES = {
    # With a path, what it answers is turned back.
    "url": "http://127.0.0.1:1011/x",
    "server_aliases": "www.shop.example.com",
    "trusted_proxies": "fe80::1",
    "group": "nodes",
    "scheme": "http",
    "address": "ansible_host",
    "backend_path": "/b.p",
    "load_balancer_existing_listen": "8080",
    "load_balancer_manager_address": "127.0.0.2",
    "load_balancer_mpm": "event",
    "load_balancer_replaces": "/nowhere/old.conf",
}


FILES = ("certificate", "key", "ca_certificate", "crypto_passphrase_file", "error_pages")


class RoleGround(Ground):
    """What the role load_balancer does about files, on an httpd that does not run."""

    def __init__(self, httpd: PrivateHttpd, scratch: Path, canary: Path) -> None:
        super().__init__(httpd, scratch, canary)
        httpd.stop()
        self.site.unlink()
        self.pem = str(made_certificate(httpd.root.parent / "shop.pem"))
        self._listen = f"127.0.0.1:{free_port()}"
        self.files = self.content()

    def restore(self) -> None:
        for path, content in self.content().items():
            if self.files.get(path) != content:
                Path(path).unlink()

    def base(self, module: str) -> dict[str, Any]:
        members = [{"url": "http://127.0.0.1:1011", "route": "n1"}]
        site = {
            "name": "shop",
            "server_name": "shop.example.com",
            "listen": [self._listen],
            "balancers": [{"name": "app", "members": members}],
            "proxy_pass": [{"path": "/", "balancer": "app"}],
        }
        return {"load_balancer_sites": [site]}

    def arguments(self, module: str, option: Option, value: str) -> dict[str, Any]:
        base = self.base(module)
        if "tls" in option.path:
            base["load_balancer_sites"][0]["tls"] = {"certificate": self.pem}
        if "session" in option.path:
            base["load_balancer_sites"][0]["session"] = {"cookie": "session"}
        if option.name == "backend_path":
            base["load_balancer_sites"][0]["proxy_pass"][0]["path"] = "/app"
        if "members_from" in option.path:
            base["load_balancer_sites"][0]["balancers"][0]["members_from"] = {"group": "nodes"}
        if "error_pages" in option.path and option.path[-1] == "any":
            option = option._replace(path=(*option.path[:-1], "503"))
        return given(base, option, value)

    def harmless(self, module: str, option: Option) -> str:
        if option.name in FILES:
            return self.pem
        if option.name in HARMLESS_VARIABLES:
            return HARMLESS_VARIABLES[option.name]
        return super().harmless(module, option)

    def places(self, arguments: dict[str, Any]) -> set[str]:
        root = self.httpd.root
        names = [path.name for path in (root / "sites").iterdir()]
        plain = [name for name in names if re.fullmatch(r"[A-Za-z0-9+._-]+\.conf", name)]
        return {str(root / "conf" / MAIN), *(str(root / "sites" / name) for name in plain)}

    def play(self, module: str, arguments: dict[str, Any], check: bool = False) -> dict[str, Any]:
        """Return the result of the module that the role calls, or why its filters refuse *arguments*."""
        assert arguments.keys() <= {*FILTERED, *ELSEWHERE, *OTHERS}, "a variable that nobody tries"
        # As the role has it done before anything else.
        errors = (
            ArgumentSpecValidator(role_spec("load_balancer")).validate(arguments).error_messages
        )
        if errors:
            return {"msg": "; ".join(errors)}
        more = {FILTERED[name]: value for name, value in arguments.items() if name in FILTERED}
        folder = self.httpd.root / "sites"
        try:
            declared = site_configuration(
                members_from_groups(
                    arguments["load_balancer_sites"],
                    {"nodes": ["node1"]},
                    {"node1": {"ansible_host": "127.0.0.1"}},
                ),
                folder=str(folder),
                main_file=str(self.httpd.root / "conf" / MAIN),
                log_folder=str(self.httpd.root / "logs"),
                httpd={name: arguments.get(f"load_balancer_{name}") for name in OF_HTTPD},
                **{"manager_address": "127.0.0.2", **more},
            )
        except AnsibleFilterError as problem:
            return {"msg": str(problem)}
        gone = [{"path": p, "state": "absent"} for p in arguments.get("load_balancer_replaces", [])]
        return run(
            "configuration",
            check=check,
            files=[*declared["files"], *gone],
            balancers=declared["balancers"],
            # Others are loaded by the main file.
            modules=[{"name": name} for name in arguments.get("load_balancer_modules", [])],
            httpd=super().base("balancer")["httpd"],
        )


@pytest.fixture()
def role_ground() -> Iterator[Ground]:
    with standing(RoleGround, *SITE_MODULES) as made:
        yield made


def test_no_value_of_a_variable_of_the_role_becomes_more_than_a_value(
    role_ground, tally, full, dice
):
    """With ``--full`` each variable gets each of the values, else one of them."""
    found = []
    for option in texts(role_spec("load_balancer")):
        if option.path[0] in ELSEWHERE:
            continue
        harmless = role_ground.harmless("load_balancer", option)
        for name in ATTACKS if full else dice.sample(sorted(ATTACKS), 1):
            value = attack(name, harmless, role_ground.canary)
            problem = wrong(role_ground, "load_balancer", option, value)
            tally("hostile values given to variables of the role")
            tally.lost(isinstance(problem, Lost))
            if problem:
                found.append(f"{option}, {name}: {problem[:1000]}")
    assert not found, "\n".join(found)
