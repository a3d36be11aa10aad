# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No secret is said by anything that speaks: results, diffs, messages, logs, process lists, files that others may read.

Each secret is a word of its own, planted where such secrets stand: in a file that exists, in options, behind a URL, in
the file of a key. What comes out is searched for all of them.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Callable, Iterator, NamedTuple

import pytest

from ansible_collections.webtier.apache_balancer.tests.support.modules import run
from ansible_collections.webtier.apache_balancer.tests.support.private_httpd import (
    BALANCER,
    BINARY,
    PrivateHttpd,
)

ROOT = Path(__file__).parents[3]
MODULES = (*BALANCER, "authz_host", "authn_core", "authn_file", "auth_basic", "authz_user")
NAME = "operator"
#: by what each is.
SECRETS = {
    "user in a URL": "Zu5UserInUrl",
    "password in a URL": "Zp5PassInUrl",
    "secret of a member": "Zs5MemberSecret",
    "another one": "Zs6OtherSecret",
    "nonce of a balancer": "Zn5NonceOfBalancer",
    "password of balancer-manager": "Zm5ManagerPass",
    "wrong password": "Zm6WrongPass",
    "header": "Zh5HeaderToken",
    "private key": "Zk5PrivateKey",
    "content": "Zc5ContentSecret",
}
S = SECRETS
SITE = """
<Location /balancer-manager>
    SetHandler balancer-manager
    AuthType Basic
    AuthName manager
    AuthUserFile {users}
    Require valid-user
</Location>
<Proxy "balancer://app">
    BalancerMember "http://{user}:{password}@127.0.0.1:1011" route=n1 secret={secret}
    BalancerMember "http://127.0.0.1:1012" route=n2
    ProxySet nonce={nonce} growth=5
</Proxy>
ProxyPass /balancer-manager !
ProxyPass /app balancer://app
"""


def said(text: str) -> list[str]:
    """Return which of the secrets are in *text*, also as Basic authentication encodes them."""
    found = []
    for what, secret in SECRETS.items():
        encoded = base64.b64encode(f"{NAME}:{secret}".encode()).decode().rstrip("=")
        if secret in text or encoded in text:
            found.append(what)
    return found


class Task(NamedTuple):
    """What is asked of a module; what it says where it has to fail."""

    name: str
    module: str
    options: dict[str, Any]
    refusal: str = ""


class Front:
    """An httpd that runs, with secrets wherever there may be some, and tasks that touch them."""

    def __init__(self, httpd: PrivateHttpd) -> None:
        self.httpd = httpd
        self.root = httpd.root
        users = self.root / "users"
        password = S["password of balancer-manager"]
        command = ["htpasswd", "-ics", str(users), NAME]
        subprocess.run(command, input=password, text=True, check=True, capture_output=True)
        self.key = self.root / "client.key"
        self.key.write_text(f"-----BEGIN PRIVATE KEY-----\n{S['private key']}\n")
        self.key.chmod(0o600)
        text = SITE.format(
            users=users,
            user=S["user in a URL"],
            password=S["password in a URL"],
            secret=S["secret of a member"],
            nonce=S["nonce of a balancer"],
        )
        self.site = httpd.write("conf/site.conf", text)
        self.site.chmod(0o640)
        httpd.start()

    @property
    def manager(self) -> dict[str, Any]:
        return {
            "manager_url": [f"http://127.0.0.1:{self.httpd.port}/balancer-manager"],
            "manager_username": NAME,
            "manager_password": S["password of balancer-manager"],
        }

    def tasks(self) -> list[Task]:
        """Return tasks that touch the secrets, in this order; some fail, each in its own way."""
        httpd = {
            "binary": BINARY,
            "server_root": str(self.root),
            "config_file": str(self.httpd.config_file),
        }
        n2, new = "http://127.0.0.1:1012", f"http://x:{S['another one']}@127.0.0.1:1013"
        other, wrong = S["another one"], S["wrong password"]
        full = {**self.manager, "httpd": httpd}
        app = {"name": "app", "purge": [], **full}
        url = f"http://127.0.0.1:{self.httpd.port}"

        def members(url: str, **options: Any) -> dict[str, Any]:
            return {**app, "members": [{"url": url, "route": "n2", **options}]}

        def content(line: str) -> dict[str, Any]:
            member = f'BalancerMember "http://u:{S["content"]}@127.0.0.1:1" secret={other}'
            text = f'<Proxy "balancer://b">\n{member}{line}\n</Proxy>\n'
            path = str(self.root / "conf" / "other.conf")
            files = [{"path": path, "content": text, "mode": "0640"}]
            return {"files": files, "httpd": httpd, "backup": True}

        there = [f"http://{NAME}:{wrong}@127.0.0.1:{self.httpd.port}/balancer-manager"]
        key = {"manager_url": ["https://127.0.0.1:1/"], "manager_client_key": str(self.key)}
        headers = {"Authorization": f"Bearer {S['header']}", "X-Api-Key": S["header"]}
        check = {"url": f"{url}/app/", "clients": 1, "requests": 1, "headers": headers}
        check.update(self.manager, balancer="app", fail_on_violation=False)
        kept = str(self.root / "sessions")
        probe = f"/up?token={other}"
        wished = [{"name": "app", "members": [{"url": new}, {"url": n2, "hcuri": probe}]}]
        bad = {**headers, "X-Token": S["header"] + "\n"}
        return [
            Task("look", "balancer_info", {**full, "directives": True}),
            Task("look by a wrong password", "balancer_info", {**full, "manager_password": wrong}),
            Task("a secret", "balancer", {**members(n2, secret=other), "backup": True}),
            Task("too long", "balancer", members(n2, secret=other * 9), "secret: its value"),
            Task("line end", "balancer", members(n2, secret=other + "\n"), "secret: its value"),
            Task("no URL", "balancer", members(new + " x"), "may not contain ' '"),
            Task("balancer", "balancer", members(new.replace("http", "balancer")), "is a server"),
            Task("a URL", "balancer", members(new, route="n3")),
            Task("a nonce", "balancer", {**app, "proxy_set": {"nonce": other}}),
            Task(
                "a wrong password",
                "balancer",
                {**members(n2, retry=7), "manager_password": wrong},
                "status 401",
            ),
            Task("drain", "balancer_member", {**full, "url": n2, "state": "drained"}),
            Task("drain by its URL", "balancer_member", {**full, "url": new, "state": "drained"}),
            Task("a file", "configuration", content("")),
            Task("another one", "configuration", content(" route=x")),
            Task("nonsense", "configuration", content(" nonsense=1"), "unknown Worker parameter"),
            Task(
                "no command",
                "configuration",
                content(f"\nNonsense {S['content']}"),
                "Invalid command",
            ),
            Task("a reload", "graceful_reload", {**full, "only_if_needed": False}),
            Task(
                "credentials of a manager",
                "balancer_info",
                {**full, "manager_url": there},
                "user and password belong in manager_username and manager_password",
            ),
            Task("a key", "balancer_info", {**full, **key, "manager_client_cert": str(self.key)}),
            Task("sessions", "sticky_check", {**check, "session_file": kept}),
            Task("credentials", "sticky_check", {**check, "url": there[0]}, "user and password"),
            Task("bad header", "sticky_check", {**check, "headers": bad}, "headers: 'X-Token'"),
            Task("no scheme", "balancer", members(new[7:]), "is no member URL"),
            Task("a slash", "balancer", members(new.replace("@", "/@")), "is no member URL"),
            Task("declared", "balancer_info", {**full, "declared": wished}),
        ]


@pytest.fixture()
def front() -> Iterator[Front]:
    with tempfile.TemporaryDirectory() as folder:
        # httpd's user reads who may see balancer-manager.
        Path(folder).chmod(0o755)
        with PrivateHttpd(Path(folder) / "httpd", *MODULES) as httpd:
            yield Front(httpd)


@pytest.fixture()
def searched(tally: Any) -> Callable[[str, str], list[str]]:
    """Search what came of a task, and say what was found."""

    def search(name: str, text: str) -> list[str]:
        tally("outputs searched for secrets")
        found = said(text)
        tally.lost(len(found))
        return [f"{name}: {what}" for what in found]

    return search


def open_files(*folders: Path) -> Iterator[tuple[str, str]]:
    """Give the files below *folders* that everybody may read, with what is in them."""
    for folder in folders:
        for path in folder.rglob("*"):
            if path.is_file() and not path.is_symlink() and path.stat().st_mode & 0o007:
                yield str(path), path.read_text(errors="replace")


def test_results_diffs_messages_and_files_that_everybody_may_read_say_no_secret(front, searched):
    """Check mode too, with what ``-vvv`` shows."""
    found = []
    for task in front.tasks():
        for check in (True, False):
            options = {**task.options, "_ansible_verbosity": 4}
            result = run(task.module, check=check, diff=True, **options)
            assert task.refusal in result.get("msg", "") and ("msg" in result) == bool(task.refusal)
            found += searched(f"{task.name}, check mode: {check}", json.dumps(result))
    for path, text in open_files(front.root):
        found += searched(path, text)
    assert not found, "\n".join(found)


# Lines of a file that is there, which httpd refuses; it says the secrets in them.
BROKEN = {
    "URL": f'<Proxy balancer://b>\nBalancerMember "http://u:{S["content"]}@127.0.0.1:x"\n</Proxy>\n',
    "nonce": f"<Proxy balancer://b>\nProxySet nonce={S['content'] * 4}\n</Proxy>\n",
    "logger": f'CustomLog "|/nowhere/logger --password {S["content"]}" common\n',
}


@pytest.mark.parametrize("line", BROKEN)
@pytest.mark.namespaces
def test_what_httpd_says_of_a_file_that_it_refuses_says_no_secret(front, searched, line):
    front.httpd.write("conf/broken.conf", BROKEN[line])
    found = []
    for task in front.tasks():
        if task.name in ("look", "a secret", "a URL", "drain", "a file", "a reload"):
            result = run(task.module, **{**task.options, "_ansible_verbosity": 4})
            refused = "msg" in result
            # Who only looks does not start it.
            assert refused or (line, task.name) in {("logger", "look"), ("logger", "drain")}, result
            found += searched(task.name, json.dumps(result))
    assert not found, "\n".join(found)


# Runs a module as Ansible does, and writes down what it would tell the system's log.
LOGGED = """
import importlib, json, sys
from ansible.module_utils import basic
from ansible.module_utils.testing import patch_module_args
name, log, arguments = sys.argv[1], open(sys.argv[2], "w"), json.load(sys.stdin)
basic.has_journal = False
basic.syslog.syslog = lambda priority, message: print(message, file=log)
module = importlib.import_module(
    "ansible_collections.webtier.apache_balancer.plugins.modules." + name
)
with patch_module_args(arguments):
    module.main()
"""


def test_the_systems_log_and_the_list_of_processes_say_no_secret(
    front, searched, tmp_path, full, dice
):
    """All commands with all their arguments and variables, seen by strace. With ``--full`` of each task."""
    traced, log = tmp_path / "traced", tmp_path / "log"
    strace = ["strace", "-f", "-qq", "-v", "-s", "100000", "-e", "trace=execve", "-o", str(traced)]
    tasks = front.tasks()
    found = []
    for task in tasks if full else dice.sample(tasks, 3):
        done = subprocess.run(
            [*strace, sys.executable, "-c", LOGGED, task.module, str(log)],
            input=json.dumps(task.options),
            capture_output=True,
            text=True,
            timeout=120,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            check=False,
        )
        assert done.stdout.startswith("\n{") or done.stdout.startswith("{"), done
        assert "execve(" in traced.read_text() and "Invoked with" in log.read_text()
        found += searched(f"{task.name}, log", log.read_text())
        found += searched(f"{task.name}, processes", traced.read_text())
    assert not found, "\n".join(found)


@pytest.mark.parametrize("callback", ["default", "ansible.posix.json"])
def test_what_ansible_prints_and_logs_says_no_secret(front, searched, tmp_path, full, callback):
    """By ``-vvvv --diff``, as people see it and as programs read it."""
    tasks = front.tasks()
    play = {
        "hosts": "localhost",
        "gather_facts": False,
        "tasks": [
            {
                "name": task.name,
                f"webtier.apache_balancer.{task.module}": task.options,
                "ignore_errors": True,
            }
            for task in (tasks if full else tasks[2:4] + tasks[12:15:2])
        ],
    }
    book, log = tmp_path / "play.json", tmp_path / "ansible.log"
    book.write_text(json.dumps([play]))
    environment = {
        **os.environ,
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".build" / "collections"),
        "ANSIBLE_HOME": str(tmp_path / "ansible"),
        "ANSIBLE_STDOUT_CALLBACK": callback,
        "ANSIBLE_LOG_PATH": str(log),
    }
    program = str(Path(sys.executable).with_name("ansible-playbook"))
    here = ["--inventory", "localhost,", "--connection", "local", "-vvvv", "--diff"]
    python = ["--extra-vars", f"ansible_python_interpreter={sys.executable}"]
    done = subprocess.run(
        [program, *here, *python, str(book)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0 and "too long" in done.stdout, done
    found = searched("output", done.stdout) + searched("errors", done.stderr)
    found += searched("log", log.read_text())
    for path, text in open_files(front.root, tmp_path / "ansible"):
        found += searched(path, text)
    assert not found, "\n".join(found)
