# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook adopt, as somebody runs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ansible_collections.webtier.apache_balancer.tests.support import playbook
from ansible_collections.webtier.apache_balancer.tests.support.private_httpd import (
    BALANCER,
    BINARY,
    PrivateHttpd,
)

ADOPT = Path(__file__).parents[3] / "playbooks" / "adopt.yml"
SITE = """\
<VirtualHost *:8080>
    ServerName {name}.example.com
    <Proxy balancer://shop>
        BalancerMember http://10.0.0.11 route=n1
    </Proxy>
    Header set X-Braces "{{{{ 7 * 7 }}}}"
    Header set X-Percent "{{%t {{%t"
    LogFormat "%{{X-Real}}i {{# %t %{{Host}}i" mine
    ProxyPass / balancer://shop/
    ProxyPassReverse / balancer://shop/
</VirtualHost>
"""
EXTRA = """\
Header set X-Braces "{{ 7 * 7 }}"
Header set X-Percent "{%t {%t"
LogFormat "%{X-Real}i {# %t %{Host}i" mine
"""


def httpd(folder, name):
    """Return the variables of a host whose httpd has one site called *name*."""
    made = PrivateHttpd(folder / name, *BALANCER, "headers")
    made.write("conf/site.conf", SITE.format(name=name))
    return {
        "adopt_httpd": {
            "binary": BINARY,
            "server_root": str(made.root),
            "config_file": str(made.config_file),
        }
    }


@pytest.fixture()
def adopt(tmp_path):
    """Run the playbook for hosts of these names; return what was played."""

    def run(names, *arguments, **variables):
        hosts = {name: httpd(tmp_path, name) for name in names}
        given = {"load_balancer_hosts": "all", "ansible_become": False, **variables}
        played = playbook.play(tmp_path, ADOPT, hosts, "-e", json.dumps(given), *arguments)
        assert played.status == 0, json.dumps([task.results for task in played.tasks])
        return played

    return run


READ = {
    "sites": "{{ load_balancer_sites }}",
    "files": "{{ (load_balancer_sites | webtier.apache_balancer.site_configuration("
    "folder='/f', main_file='/m')).files | map(attribute='content') }}",
}


def read(folder, file):
    """Return the sites, and the files the role makes of them, that a playbook reads from the variables in *file*."""
    task = {"name": "Read", "ansible.builtin.debug": {"msg": READ}}
    plays = [{"hosts": "all", "gather_facts": False, "vars_files": [str(file)], "tasks": [task]}]
    played = playbook.play(folder, plays, {"lb1": {}})
    assert played.status == 0, json.dumps([task.results for task in played.tasks])
    return played.of("Read")["lb1"]["msg"]


def test_what_looks_like_a_template_is_read_back_as_it_was(adopt, tmp_path):
    adopt(["lb1"], adopt_file=str(tmp_path / "adopted.yml"))
    found = read(tmp_path, tmp_path / "adopted.yml")
    (site,) = found["sites"]
    assert site["extra"] == EXTRA
    assert all(f"    {line}\n" in found["files"][1] for line in EXTRA.splitlines())
    assert site["server_name"] == "lb1.example.com"


def test_an_empty_name_is_no_file(adopt, tmp_path, monkeypatch):
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    played = adopt(["lb1"], adopt_file="")
    assert played.of("Show the variables")["lb1"]["msg"]
    assert list(here.iterdir()) == []


def test_each_host_has_a_file_of_its_own(adopt, tmp_path):
    adopt(["lb1", "lb12"], adopt_file=str(tmp_path / "adopted.yml"))
    for name in ("lb1", "lb12"):
        (site,) = read(tmp_path, tmp_path / f"adopted-{name}.yml")["sites"]
        assert site["server_name"] == f"{name}.example.com"
    assert not (tmp_path / "adopted.yml").exists()


def test_a_file_that_is_named_after_the_host_is_that_one(adopt, tmp_path):
    adopt(["lb1", "lb12"], adopt_file=f"{tmp_path}/for-{{{{ inventory_hostname }}}}.yml")
    assert sorted(path.name for path in tmp_path.glob("*.yml")) == ["for-lb1.yml", "for-lb12.yml"]


def test_check_mode_writes_the_file_too_as_the_host_is_only_read(adopt, tmp_path):
    adopt(["lb1"], "--check", "--diff", adopt_file=str(tmp_path / "adopted.yml"))
    assert (tmp_path / "adopted.yml").stat().st_mode & 0o777 == 0o600


def test_a_relative_file_is_written_where_ansible_was_called(adopt, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    played = adopt(["lb1"], adopt_file="adopted.yml")
    assert (tmp_path / "adopted.yml").is_file()
    assert played.of("Say where they are")["lb1"]["msg"] == f"{tmp_path}/adopted.yml"
    monkeypatch.setenv("HOME", str(tmp_path))
    adopt(["lb1"], adopt_file="~/at-home.yml")
    assert (tmp_path / "at-home.yml").is_file()
