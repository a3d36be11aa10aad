# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the documentation shows of httpd is taken by httpd, and what it shows of our modules does what it says."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from ansible_collections.webtier.apache_balancer.plugins.filter.members_from_groups import (
    members_from_groups,
)
from ansible_collections.webtier.apache_balancer.plugins.filter.site_configuration import (
    site_configuration,
)
from ansible_collections.webtier.apache_balancer.tests.httpd.conftest import module_for
from ansible_collections.webtier.apache_balancer.tests.support import documents
from ansible_collections.webtier.apache_balancer.tests.support.certificates import (
    made_certificate,
)
from ansible_collections.webtier.apache_balancer.tests.support.private_httpd import (
    BINARY,
    PrivateHttpd,
)
from ansible_collections.webtier.apache_balancer.tests.support.private_httpd import (
    MODULES as MODULE_FOLDER,
)

OURS = "webtier.apache_balancer."
MODULES = (
    *("proxy", "proxy_http", "slotmem_shm", "proxy_balancer", "lbmethod_byrequests"),
    *("lbmethod_bybusyness", "lbmethod_bytraffic", "proxy_hcheck"),
    *(
        "headers",
        "rewrite",
        "setenvif",
        "authz_host",
        "authn_core",
        "ssl",
        "socache_shmcb",
        "status",
    ),
)
APACHE = documents.blocks("apache")
# The balancers that the pages speak of, as they may stand on a host.
SITES = """
<VirtualHost *:80>
    ServerName shop.example.com
    Include {folder}/load_balancer/shop.conf
</VirtualHost>
<VirtualHost *:80>
    ServerName forum.example.com
    <Proxy "balancer://forum">
        BalancerMember http://10.0.0.21:8080 route=node1
    </Proxy>
</VirtualHost>
"""
SHOP = """
<Proxy "balancer://shop">
    BalancerMember http://10.0.0.11:8080 route=node1
    BalancerMember http://10.0.0.12:8080 route=node2
</Proxy>
"""
# Modules that change files. What needs an httpd that runs is left out here: it is shown by tests of its own.
WRITING = ("balancer", "balancer_member", "configuration")
OF_RUNNING = ("httpd", "target", "modules", "on_timeout")
TASKS = [
    task
    for block in documents.blocks("yaml")
    for task in (
        documents.tasks(block.data(), block.place) if isinstance(block.data(), list) else ()
    )
    if task.module.startswith(OURS)
    and task.module[len(OURS) :] in WRITING
    # Nothing was loaded that one could go back to, and no variable has a value.
    and "rolled_back" not in str(task.options)
    and "{{ declared" not in str(task.options)
]
SITE_BLOCKS = [
    block
    for block in documents.blocks("yaml")
    if any("load_balancer_sites" in each for each in documents.variables(block.data()))
]


@pytest.mark.parametrize("block", APACHE, ids=str)
def test_httpd_takes_a_block(block, tmp_path):
    httpd = PrivateHttpd(tmp_path, *MODULES)
    own = "<VirtualHost" in block.text
    text = block.text if own else f"<VirtualHost *:80>\n{block.text}</VirtualHost>\n"
    httpd.write("conf/block.conf", text)
    done = subprocess.run(httpd.command("-t"), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_messages_that_pages_number_are_those_of_httpd():
    numbers = {
        number for page in documents.PAGES for number in re.findall(r"AH\d{5}", page.read_text())
    }
    programs = [Path(BINARY), *Path(MODULE_FOLDER).glob("mod_*.so")]
    known = {
        number.decode()
        for program in programs
        for number in re.findall(rb"AH\d{5}(?=: )", program.read_bytes())
    }
    assert numbers and numbers <= known, numbers - known


def test_there_are_blocks_of_each_kind():
    assert len(APACHE) >= 2 and len(SITE_BLOCKS) >= 5 and len(TASKS) > 20


@pytest.mark.parametrize("task", TASKS, ids=str)
def test_a_task_can_be_pasted(task, tmp_path):
    httpd = PrivateHttpd(tmp_path, *MODULES)
    folder = tmp_path / "apache2"
    httpd.write("conf/sites.conf", SITES.format(folder=folder))
    httpd.write("conf/more.conf", f"IncludeOptional {folder}/sites-enabled/*.conf\n")
    httpd.write("apache2/load_balancer/shop.conf", SHOP)
    for name in ("sites-available", "sites-enabled"):
        (folder / name).mkdir()
    httpd.write("apache2/sites-enabled/000-default.conf", "")
    text = yaml.safe_dump(documents.filled_in(task.options))
    text = text.replace("/opt/httpd/conf/extra", f"{folder}/load_balancer")
    options = yaml.safe_load(text.replace("/etc/apache2", str(folder)))
    for key in list(options):
        share = key == "loadfactor" and "%" in str(options[key])
        if share or key.startswith(("manager_", "wait")) or key in OF_RUNNING:
            del options[key]
    result = module_for(httpd, task.module[len(OURS) :])(**options, check=True)
    assert result.get("failed") is not True, result["msg"]
    # It changes what it says, or finds it there; nothing that it brings about ends httpd or requests.
    assert [each for each in result["problems"] if each["code"] < "AB300"] == []


# The resources of a manifest that are of a balancer: the kind, the name and the attributes of each.
RESOURCE = re.compile(r"(?ms)^apache::(balancer(?:member)?) \{ '([^']+)':\n(.*?)^\}$")
TEXTS = re.compile("'([^']+)'")


def written_by_puppet(manifest):
    """Return what puppetlabs-apache makes of the balancer of *manifest*, as its balancer.pp and balancermember.pp have
    it: a line for each member, then one for each key of proxy_set."""
    members, parameters, names = [], [], []
    for kind, name, attributes in RESOURCE.findall(manifest):
        of = dict(re.findall(r"(?m)^  (\w+) +=> (.*),$", attributes))
        if kind == "balancer":
            names.append(name)
            texts = TEXTS.findall(of["proxy_set"])
            parameters += [
                f" Proxyset {key}={value}\n" for key, value in zip(texts[::2], texts[1::2])
            ]
        else:
            assert TEXTS.findall(of["balancer_cluster"]) == names
            words = TEXTS.findall(of["url"]) + TEXTS.findall(of["options"])
            members.append(f" BalancerMember {' '.join(words)}\n")
    return f"<Proxy balancer://{names[0]}>\n{''.join(members + sorted(parameters))}</Proxy>\n"


def test_what_a_manifest_of_puppet_becomes_is_what_puppet_has_written(tmp_path):
    blocks = documents.blocks_of(documents.ROOT / "docs" / "moving.md")
    (here,) = [number for number, block in enumerate(blocks) if block.language == "puppet"]
    (task,) = documents.tasks(blocks[here + 1].data())
    httpd = PrivateHttpd(tmp_path, *MODULES)
    httpd.write("conf/balancer_shop.conf", written_by_puppet(blocks[here].text))
    httpd.write("conf/shop.conf", "ProxyPass / balancer://shop/\n")
    told = {**task.options, "purge": ["members", "parameters"]}
    result = module_for(httpd, task.module[len(OURS) :])(**told, check=True)
    assert (result.get("msg"), result["changed"], result["changes"]) == (None, False, [])


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A file with a certificate and its key."""
    return str(made_certificate(tmp_path_factory.mktemp("tls") / "both.pem"))


@pytest.mark.parametrize("block", SITE_BLOCKS, ids=str)
def test_httpd_takes_what_the_role_makes_of_sites(block, tmp_path, certificate):
    httpd = PrivateHttpd(tmp_path)
    for variables in documents.variables(block.data()):
        sites = documents.filled_in(variables.get("load_balancer_sites", []))
        groups = documents.groups_of(sites)
        sites = members_from_groups(sites, groups, documents.HOSTS)
        text = re.sub(r"/[\w./]+\.pem", certificate, json.dumps(sites))
        text = text.replace("/var/log/apache2", str(tmp_path / "logs"))
        declared = site_configuration(
            json.loads(text),
            folder=str(tmp_path / "sites"),
            main_file=str(tmp_path / "conf" / "load_balancer.conf"),
            log_folder=str(tmp_path / "logs"),
            member_defaults=variables.get("load_balancer_member_defaults", {}),
        )
        names = [module["name"] for module in declared["modules"] if module["name"] != "watchdog"]
        first = [name for name in ("proxy", "slotmem_shm", "proxy_balancer") if name in names]
        rest = [name for name in names if name not in ("authz_core", *first)]
        httpd.write("httpd.conf", httpd.base(*first, *rest))
        changes = {key: declared[key] for key in ("files", "balancers")}
        result = module_for(httpd, "configuration")(**changes, check=True)
        assert result.get("failed") is not True, result["msg"]
