# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What somebody has written, adopted: httpd reads the same balancers, requests go the same ways."""

from __future__ import annotations

import http.client
import http.server
import json
import re
import subprocess
import threading

import pytest

from ansible_collections.webtier.apache_balancer.plugins.filter.adopted import adopted
from ansible_collections.webtier.apache_balancer.plugins.filter.site_configuration import (
    site_configuration,
)
from ansible_collections.webtier.apache_balancer.plugins.filter.site_problems import site_problems
from ansible_collections.webtier.apache_balancer.tests.httpd.conftest import module_for
from ansible_collections.webtier.apache_balancer.tests.support.private_httpd import (
    BALANCER,
    PrivateHttpd,
    free_port,
)

MODULES = (
    "headers",
    "alias",
    "rewrite",
    "ssl",
    "socache_shmcb",
    "setenvif",
    "env",
    "macro",
    "proxy_hcheck",
    "lbmethod_bytraffic",
    "authz_host",
)


class Host:
    """An httpd that is configured by hand, in files of sites."""

    def __init__(self, root):
        first = ("proxy", "slotmem_shm", "proxy_balancer")
        rest = [name for name in (*BALANCER, *MODULES) if name not in first]
        self.httpd = PrivateHttpd(root, *first, *rest)
        self.root = root

    def info(self, **options):
        result = module_for(self.httpd, "balancer_info")(**options)
        assert result.get("failed") is not True, result
        return result

    def adopt(self, **options):
        """Put the role's files there instead; return what was adopted, the balancers before and after."""
        before = self.info(directives=True)
        found = adopted(before)
        sites = found["variables"]["load_balancer_sites"]
        assert site_problems(sites) == []
        declared = site_configuration(
            sites,
            folder=str(self.root / "sites"),
            main_file=str(self.root / "conf" / "load_balancer.conf"),
            existing_listen=found["variables"]["load_balancer_existing_listen"],
            **options,
        )
        gone = [
            {"path": path, "state": "absent"}
            for path in found["variables"]["load_balancer_replaces"]
        ]
        result = module_for(self.httpd, "configuration")(
            files=declared["files"] + gone, balancers=declared["balancers"]
        )
        assert result.get("failed") is not True, result
        return found, balancers(before), balancers(self.info())

    def routed(self):
        """Which balancer each request goes to, by what httpd says of its own mapping."""
        found = []
        for vhost in self.info(directives=True)["vhosts"]:
            for each in vhost["directives"]:
                if each["name"].lower() == "proxypass":
                    words = each["text"].replace('"', "").split()
                    found.append((vhost["server_name"], words[0], words[1].lower().rstrip("/")))
        return sorted(found)


def balancers(info):
    return {
        (each["vhost"], each["name"]): (
            each["parameters"],
            {member["url"]: member["config"] for member in each["members"]},
            each["sticky_cookie"],
        )
        for each in info["balancers"]
    }


@pytest.fixture()
def host(tmp_path):
    made = Host(tmp_path / "httpd")
    yield made
    made.httpd.stop()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    request = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=x"]
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    subprocess.run(["openssl", *request, *files], check=True, capture_output=True)
    return folder


# What people write, and what has become of it in other tools.
BY_A_TEMPLATE = """
<VirtualHost *:{port}>
    ServerName shop.example.com
    ServerAlias www.shop.example.com
    <Proxy balancer://shop>
        BalancerMember http://10.0.0.11:8080 route=n1 loadfactor=3 retry=5 timeout=20
        BalancerMember "http://10.0.0.12:8080" "route=n2" status=+N
        ProxySet lbmethod=bytraffic stickysession=JSESSIONID|jsessionid scolonpathdelim=On
    </Proxy>
    ProxyPreserveHost On
    ProxyPass /static !
    ProxyPass / balancer://shop/
    ProxyPassReverse / balancer://shop/
</VirtualHost>
"""
OUTSIDE = """
<Proxy balancer://shop>
    BalancerMember http://10.0.0.11 route=n1
</Proxy>
<VirtualHost *:{port}>
    ServerName shop.example.com
    BalancerMember balancer://own http://10.0.0.13 route=n3 min=2
    ProxySet balancer://own nofailover=On growth=4
    ProxyPass /own/ balancer://own/app/ maxattempts=2
    ProxyPassReverse /own/ balancer://own/app/
    ProxyPassReverseCookiePath /app/ /own/
    ProxyPass / balancer://shop/ stickysession=SID
</VirtualHost>
"""
A_COOKIE_OF_HTTPD = """
<VirtualHost *:{port}>
    ServerName shop.example.com
    Header add Set-Cookie "ROUTEID=.%{{BALANCER_WORKER_ROUTE}}e; path=/" env=BALANCER_ROUTE_CHANGED
    <Proxy "balancer://shop">
        BalancerMember "http://10.0.0.11" route=1
        BalancerMember "http://10.0.0.12" route=2
        ProxySet stickysession=ROUTEID
    </Proxy>
    ProxyPass "/" "balancer://shop/"
    ProxyPassReverse "/" "balancer://shop/"
    ErrorDocument 503 "Please come back"
    <Location "/status">
        Require local
    </Location>
</VirtualHost>
"""
WRAPPED = """
<Macro Pool $name>
    <Proxy balancer://$name>
        BalancerMember http://10.0.0.11 route=$name-1
        <IfModule mod_headers.c>
            ProxySet stickysession=X
        </IfModule>
    </Proxy>
</Macro>
Define SHOP shop
<VirtualHost *:{port}>
    ServerName one.example.com
    Use Pool one
    ProxyPass / balancer://one/
    ProxyPassReverse / balancer://one/
</VirtualHost>
<VirtualHost *:{port}>
    ServerName ${{SHOP}}.example.com
    Use Pool ${{SHOP}}
    ProxyPass / balancer://${{SHOP}}/
    ProxyPassReverse / balancer://${{SHOP}}/
</VirtualHost>
"""
HEALTH = """
<VirtualHost *:{port}>
    ServerName shop.example.com
    ProxyHCExpr ok {{%{{REQUEST_STATUS}} =~ /^[23]/}}
    <Proxy balancer://shop>
        BalancerMember http://10.0.0.11 hcmethod=GET hcuri=/up hcexpr=ok hcinterval=5
    </Proxy>
    ProxyPass / balancer://shop/
    ProxyPassReverse / balancer://shop/
</VirtualHost>
"""
STYLES = {
    "by a template": BY_A_TEMPLATE,
    "a cookie of httpd": A_COOKIE_OF_HTTPD,
    "wrapped": WRAPPED,
    "health checks": HEALTH,
}


@pytest.mark.parametrize("text", STYLES.values(), ids=STYLES)
def test_the_same_balancers_are_read_and_requests_go_the_same_ways(host, text):
    host.httpd.write("conf/site.conf", text.format(port=free_port()))
    ways = host.routed()
    found, before, after = host.adopt()
    assert found["notes"] == []
    assert after == before and len(before) >= 1
    assert host.routed() == ways
    assert found["variables"]["load_balancer_replaces"] == [str(host.root / "conf" / "site.conf")]
    assert not (host.root / "conf" / "site.conf").exists()


def test_balancers_outside_of_virtual_hosts_go_where_they_are_used_and_that_is_said(host):
    host.httpd.write("conf/site.conf", OUTSIDE.format(port=free_port()))
    ways = host.routed()
    found, before, after = host.adopt()
    parameters, members, cookie = before["_main", "shop"]
    shop = after["shop.example.com", "shop"]
    assert shop == ({**parameters, "stickysession": "SID"}, members, cookie)
    assert after["shop.example.com", "own"] == before["shop.example.com", "own"]
    assert host.routed() == ways
    said = " ".join(found["notes"])
    assert "balancer://shop stands outside of the virtual host that uses it" in said
    assert "it has no ProxyPassReverse / balancer://shop/" in said


def test_a_site_with_tls_takes_the_virtual_host_that_redirects_to_it_along(host, certificate):
    port, tls_port = free_port(), free_port()
    host.httpd.write(
        "conf/site.conf",
        f"Listen 127.0.0.1:{port}\nListen 127.0.0.1:{tls_port} https\n"
        f"<VirtualHost *:{port}>\n    ServerName shop.example.com\n"
        f"    Redirect permanent / https://shop.example.com:{tls_port}/\n</VirtualHost>\n"
        f"<VirtualHost *:{tls_port}>\n    ServerName shop.example.com:{tls_port}\n    SSLEngine on\n"
        f"    SSLCertificateFile {certificate}/cert.pem\n    SSLCertificateKeyFile {certificate}/key.pem\n"
        "    RequestHeader set X-Forwarded-Proto https\n"
        "    <Proxy balancer://shop>\n        BalancerMember https://10.0.0.11\n    </Proxy>\n"
        "    SSLProxyEngine On\n    ProxyPass / balancer://shop/\n    ProxyPassReverse / balancer://shop/\n"
        "</VirtualHost>\n",
    )
    found, before, after = host.adopt()
    assert found["notes"] == []
    (site,) = found["variables"]["load_balancer_sites"]
    assert site["tls"]["redirect"] is True and site["listen"] == [f"127.0.0.1:{port}"]
    assert site["extra"] == "RequestHeader set X-Forwarded-Proto https\n"
    assert list(after.values()) == list(before.values())
    listen = [each["address"] for each in host.info(directives=True)["listen"]]
    assert listen == [f"127.0.0.1:{number}" for number in (host.httpd.port, port, tls_port)]


def test_what_cannot_be_taken_over_is_named_and_its_file_stays(host):
    other = "<VirtualHost *:80>\n    ServerName static.example.com\n    DocumentRoot /srv\n</VirtualHost>\n"
    text = BY_A_TEMPLATE.format(port=free_port()).replace("=+N", "=+N secret=hunter2")
    host.httpd.write("conf/site.conf", text + other)
    found = adopted(host.info(directives=True))
    assert found["variables"]["load_balancer_replaces"] == []
    assert "hunter2" not in str(found)
    said = "\n".join(found["notes"])
    assert "the virtual host static.example.com (without balancer, or without ServerName)" in said
    assert (
        "secret of http://10.0.0.12:8080 of balancer://shop is a secret and not shown here" in said
    )


def test_a_path_that_an_earlier_line_took_is_told_of(host):
    text = BY_A_TEMPLATE.format(port=free_port()).replace(
        "ProxyPassReverse", "ProxyPass /never balancer://shop/never\n    ProxyPassReverse", 1
    )
    host.httpd.write("conf/site.conf", text)
    (note, *dummy) = adopted(host.info(directives=True))["notes"]
    assert "ProxyPass / comes first and took these requests" in note


def test_paths_keep_their_order_where_one_of_them_has_no_option(host, backend):
    node = backend("n1")
    host.httpd.write(
        "conf/site.conf",
        f"<VirtualHost 127.0.0.1:{host.httpd.port}>\n    ServerName shop.example.com\n"
        f"    <Proxy balancer://shop>\n        BalancerMember {node} route=n1\n    </Proxy>\n"
        "    ProxyPass /img/private !\n"
        "    ProxyPassMatch ^/(img/.*)$ balancer://shop/$1 stickysession=SID\n"
        "    ProxyPass / balancer://shop/\n    ProxyPassReverse / balancer://shop/\n</VirtualHost>\n",
    )
    paths = ("/img/private/x", "/img/x", "/x")
    host.httpd.start()
    statuses = [host.httpd.get(path).status for path in paths]
    assert statuses == [404, 200, 200]
    found, before, after = host.adopt()
    (site,) = found["variables"]["load_balancer_sites"]
    assert site["proxy_pass"] == [] and "ProxyPass /img/private !\n" in site["extra"]
    assert found["notes"] == [] and after == before
    host.httpd.reload()
    assert [host.httpd.get(path).status for path in paths] == statuses


SECRETS = """\
Define DB_TOKEN hunter2-a
<VirtualHost *:{port}>
    ServerName shop.example.com
    <Proxy balancer://shop>
        BalancerMember http://me:hunter2-b@10.0.0.11 route=a
        BalancerMember http://10.0.0.12 route=b hcuri=/up?token=hunter2-c
    </Proxy>
    ProxyPass / balancer://shop/
    ProxyPassReverse / balancer://shop/
    <Location "/api">
        RequestHeader set Authorization "Basic hunter2-d"
    </Location>
    SetEnv APP_PASSWORD hunter2-e
    Header set X-Region "${{DB_TOKEN}}"
    RewriteCond %{{QUERY_STRING}} token=hunter2-f
    RewriteRule ^/open - [L]
    CustomLog "|/bin/true --password=hunter2-g" common
    ProxySet balancer://shop stickysession=SID nonce=None
</VirtualHost>
"""


def test_secrets_are_not_shown_and_each_place_is_named(host):
    host.httpd.write("conf/site.conf", SECRETS.format(port=free_port()))
    info = host.info(directives=True)
    found = adopted(info)
    shown = json.dumps([info, found], indent=1)
    assert [line for line in shown.splitlines() if "hunter2" in line] == []
    file = host.root / "conf" / "site.conf"
    named = {int(note.split(":")[1]) for note in found["notes"] if note.startswith(str(file))}
    assert named == {5, 6, 11, 13, 14, 15, 17}
    (site,) = found["variables"]["load_balancer_sites"]
    assert site["balancers"][0]["proxy_set"]["stickysession"] == "SID"
    assert 'RequestHeader set Authorization "********"' in site["extra"]


def test_what_virtual_hosts_inherit_holds_for_the_site_as_well(host, backend):
    node, port = backend("n1"), host.httpd.port
    host.httpd.write(
        "conf/00-main.conf",
        "ProxyPreserveHost On\nProxyTimeout 7\nProxyVia On\nRequestHeader set X-Main yes\n"
        '<Directory "/">\n    AllowOverride All\n    Require all granted\n</Directory>\n',
    )
    host.httpd.write(
        "conf/site.conf",
        f"<VirtualHost *:{port}>\n    ServerName shop.example.com\n"
        f"    <Proxy balancer://shop>\n        BalancerMember {node}\n    </Proxy>\n"
        "    ProxyPass / balancer://shop/\n"
        "    ProxyPassReverse / balancer://shop/\n</VirtualHost>\n",
    )

    def seen():
        told = json.loads(host.httpd.get("/headers", {"Host": "shop.example.com"}).body)
        return told["host"], told["via"].partition(" ")[0], told["x-main"]

    host.httpd.start()
    before = seen()
    assert before == ("shop.example.com", "1.1", "yes")
    # httpd listens on one address of that port, in a file that stays.
    found, *same = host.adopt()
    assert found["notes"] == [] and same[0] == same[1]
    assert str(port) in found["variables"]["load_balancer_existing_listen"]
    assert "    AllowOverride All\n" in found["variables"]["load_balancer_sites"][0]["extra"]
    host.httpd.reload()
    assert seen() == before


def test_a_file_stays_whose_definitions_others_use(host):
    text = WRAPPED.format(port=free_port())
    host.httpd.write("conf/site.conf", text)
    user = "<IfDefine SHOP>\n    ServerSignature Off\n</IfDefine>\nUse Pool other\n"
    host.httpd.write("conf/z-user.conf", user)
    found = adopted(host.info(directives=True))
    assert found["variables"]["load_balancer_replaces"] == []
    said = "\n".join(found["notes"])
    assert f"Define SHOP is used in {host.root}/conf/z-user.conf" in said
    assert f"Macro Pool is used in {host.root}/conf/z-user.conf" in said


BY_A_MACRO = """
<Macro App $name>
<VirtualHost *:{port}>
    ServerName $name.example.com
    <Proxy balancer://$name>
        BalancerMember http://10.0.0.11 route=n1
    </Proxy>
    ProxyPass / balancer://$name/
    ProxyPassReverse / balancer://$name/
</VirtualHost>
</Macro>
"""


def test_the_file_that_uses_a_macro_is_replaced_and_not_the_one_that_defines_it(host):
    host.httpd.write("conf/macros.conf", BY_A_MACRO.format(port=free_port()))
    host.httpd.write("conf/site.conf", "Use App one\nUse App two\n")
    ways = host.routed()
    found, before, after = host.adopt()
    assert found["notes"] == [] and after == before and len(after) == 2
    assert found["variables"]["load_balancer_replaces"] == [f"{host.root}/conf/site.conf"]
    assert host.routed() == ways


def test_a_balancer_in_a_file_of_its_own_goes_with_it(host):
    proxy, dummy, vhost = OUTSIDE.format(port=free_port()).partition("<VirtualHost")
    host.httpd.write("conf/balancer.conf", proxy)
    host.httpd.write("conf/site.conf", "<VirtualHost" + vhost)
    found, before, after = host.adopt()
    conf = host.root / "conf"
    assert sorted(found["variables"]["load_balancer_replaces"]) == [
        f"{conf}/balancer.conf",
        f"{conf}/site.conf",
    ]
    assert set(after) == {("shop.example.com", "shop"), ("shop.example.com", "own")}
    assert before["_main", "shop"][1] == after["shop.example.com", "shop"][1]
    assert [each for each in host.info()["problems"] if each["code"] == "AB312"] == []


def test_sections_that_are_switched_off_are_told_of(host):
    spare = "<IfModule mod_nosuch.c>\n    Header set X-Spare yes\n</IfModule>\n"
    on = "<IfModule mod_headers.c>\n    <IfDefine !SPARE>\n        Header set X-On yes\n    </IfDefine>\n</IfModule>\n"
    text = BY_A_TEMPLATE.format(port=free_port()).replace(
        "</VirtualHost>", f"{spare}{on}</VirtualHost>"
    )
    host.httpd.write("conf/site.conf", text)
    (note,) = adopted(host.info(directives=True))["notes"]
    assert note.startswith(
        f"{host.root}/conf/site.conf:14: <IfModule mod_nosuch.c> is switched off"
    )


# As puppetlabs-apache writes it: apache::balancer with target in the site's file, apache::vhost with proxy_pass.
BY_PUPPET = """\
# ************************************
# Vhost template in module puppetlabs-apache
# Managed by Puppet
# ************************************
#
<Proxy balancer://shop>
  BalancerMember http://10.0.0.11:8080 route=node1 ping=5
  BalancerMember http://10.0.0.12:8080 route=node2 ping=5

  ProxySet stickysession=JSESSIONID|jsessionid lbmethod=bytraffic
</Proxy>

<VirtualHost *:{port}>
  ServerName shop.example.com

  ## Vhost docroot
  DocumentRoot "/"

  ## Directories, there should at least be a declaration for /

  <Directory "/">
    AllowOverride None
    Require all denied
  </Directory>

  ## Logging
  ErrorLog "{root}/logs/shop_error.log"
  ServerSignature Off
  CustomLog "{root}/logs/shop_access.log" combined

  ## Server aliases
  ServerAlias www.shop.example.com

  ## Request header rules
  ## as per http://httpd.apache.org/docs/2.4/mod/mod_headers.html#requestheader
  RequestHeader set X-Forwarded-Proto "http"

  ## Proxy rules
  ProxyRequests Off
  ProxyPreserveHost On
  ProxyPass /status !
  ProxyPass / balancer://shop/
  ProxyPassReverse / balancer://shop/
</VirtualHost>
"""


@pytest.mark.parametrize("own_file", [True, False])
def test_what_puppet_has_written_is_adopted(host, own_file):
    text = BY_PUPPET.format(port=free_port(), root=host.root)
    if own_file:
        balancer, dummy, rest = text.partition("\n\n<VirtualHost")
        host.httpd.write("conf/balancer_shop.conf", balancer + "\n")
        text = "<VirtualHost" + rest
    site = host.httpd.write("available/25-shop.conf", text)
    (host.root / "conf" / "25-shop.conf").symlink_to(site)
    ways = host.routed()
    found, before, after = host.adopt()
    assert len(found["notes"]) == 2
    assert "lbmethod of balancer://shop has no effect" in found["notes"][1]
    ((parameters, *members),) = after.values()
    parameters_before, *members_before = before["_main", "shop"]
    assert {**parameters, "lbmethod": "bytraffic"} == parameters_before
    assert members == members_before
    assert host.routed() == ways
    (declared,) = found["variables"]["load_balancer_sites"]
    assert 'RequestHeader set X-Forwarded-Proto "http"\n' in declared["extra"]
    assert not (host.root / "conf" / "25-shop.conf").exists()


@pytest.mark.parametrize(
    ("name", "changes"), [("a-other", False), ("c-other", True), ("n-other", False)]
)
def test_who_answers_for_unknown_names_is_told_of_where_that_changes(host, backend, name, changes):
    node, port = backend("n1"), host.httpd.port
    other = f"<VirtualHost *:{port}>\n    ServerName o.example.com\n    Redirect 410 /\n</VirtualHost>\n"
    host.httpd.write(f"conf/{name}.conf", other)
    host.httpd.write(
        "conf/b-site.conf",
        f"<VirtualHost *:{port}>\n    ServerName shop.example.com\n"
        f"    <Proxy balancer://shop>\n        BalancerMember {node}\n    </Proxy>\n"
        "    ProxyPass / balancer://shop/\n    ProxyPassReverse / balancer://shop/\n</VirtualHost>\n",
    )
    host.httpd.start()
    before = host.httpd.get("/", {"Host": "unknown.example.com"}).status
    found, *dummy = host.adopt()
    host.httpd.reload()
    after = host.httpd.get("/", {"Host": "unknown.example.com"}).status
    said = [
        note for note in found["notes"] if "answers there for names that no other one has" in note
    ]
    assert (before != after, len(said)) == (changes, changes)


FRAGMENT = """
ServerName ${NAME}.example.com
<Proxy balancer://${NAME}>
    BalancerMember http://10.0.0.11 route=n1
</Proxy>
ProxyPass / balancer://${NAME}/
ProxyPassReverse / balancer://${NAME}/
"""


def test_a_definition_for_a_fragment_of_the_virtual_host_goes_with_it(host):
    host.httpd.write("fragments/app.conf", FRAGMENT)
    use = "Define NAME one\n<VirtualHost *:{port}>\n    Include {root}/fragments/app.conf\n</VirtualHost>\n"
    host.httpd.write("conf/site.conf", use.format(port=free_port(), root=host.root))
    ways = host.routed()
    found, before, after = host.adopt()
    assert found["notes"] == [] and after == before and len(after) == 1
    assert found["variables"]["load_balancer_replaces"] == [f"{host.root}/conf/site.conf"]
    assert host.routed() == ways


def test_a_site_without_tls_stays_one_where_the_main_server_speaks_it(host, certificate):
    host.httpd.write(
        "conf/00-tls.conf",
        f"SSLEngine On\nSSLCertificateFile {certificate}/cert.pem\n"
        f"SSLCertificateKeyFile {certificate}/key.pem\n",
    )
    plain = BY_A_TEMPLATE.format(port=free_port())
    host.httpd.write(
        "conf/site.conf", plain.replace("ServerAlias", "SSLEngine Off\n    ServerAlias")
    )
    tls = BY_A_TEMPLATE.format(port=free_port()).replace("shop.example.com", "tls.example.com")
    host.httpd.write("conf/tls.conf", tls)
    site, other = adopted(host.info(directives=True))["variables"]["load_balancer_sites"]
    assert "tls" not in site and site["extra"] == "SSLEngine Off\n"
    assert other["tls"]["certificate"] == f"{certificate}/cert.pem" and "extra" not in other


@pytest.mark.parametrize("recorded", [True, False])
def test_who_is_drained_in_the_running_httpd_alone_stays_so_or_that_is_said(host, recorded):
    port = free_port()
    manager = "<Location /balancer-manager>\nSetHandler balancer-manager\n</Location>\n"
    members = "".join(f"BalancerMember http://127.0.0.1:{n} route=n{n}\n" for n in (1, 2))
    host.httpd.write(
        "conf/site.conf",
        f"Listen 127.0.0.1:{port}\n<VirtualHost 127.0.0.1:{port}>\nServerName shop.example.com\n{manager}"
        f"ProxyPass /balancer-manager !\nProxyPass / balancer://shop/\n"
        f"<Proxy balancer://shop>\n{members}</Proxy>\n</VirtualHost>\n",
    )
    host.httpd.start()
    drained = module_for(host.httpd, "balancer_member")(
        route="n2",
        state="drained",
        target="runtime",
        manager_url=f"http://127.0.0.1:{port}/balancer-manager",
        manager_server_name="shop.example.com",
    )
    assert drained["changed"] is True, drained
    host.adopt()
    url = f"http://127.0.0.2:{port}/balancer-manager"
    if not recorded:
        (host.root / ".apache_balancer" / "proven").unlink()
    result = module_for(host.httpd, "graceful_reload")(manager_url=url)
    status = [m["config"].get("status") for m in host.info()["balancers"][0]["members"]]
    host.httpd.stop()
    assert result["changed"] is True, result
    assert status == [None, ["drained"] if recorded else None], result
    assert ("may get requests again" in str(result.get("warnings"))) is not recorded


ROUTE = "ROUTEID=.%{BALANCER_WORKER_ROUTE}e; Path=/; HttpOnly; SameSite=Lax"
CHANGED = "env=BALANCER_ROUTE_CHANGED"


def a_cookie(around="", inside="", more="", parameters="stickysession=ROUTEID"):
    """Return the text of a site with the balancers shop, which has lines *inside* its section, and api."""
    return f"""\
<VirtualHost *:{{port}}>
    ServerName shop.example.com
    {around}
    <Proxy "balancer://shop/">
        BalancerMember {{node}} route=n1
        ProxySet {parameters}
        {inside}
    </Proxy>
    <Proxy balancer://api>
        BalancerMember {{node}} route=n2
        ProxySet {parameters.replace("ROUTEID", "APIROUTE")}
    </Proxy>
    {more}
    ProxyPass /api balancer://api/api
    ProxyPassReverse /api balancer://api/api
    ProxyPass / balancer://shop/
    ProxyPassReverse / balancer://shop/
</VirtualHost>
"""


ADDED = f'Header add Set-Cookie "{ROUTE}" {CHANGED}'
OF_API = ADDED.replace("ROUTEID", "APIROUTE").replace("; SameSite=Lax", "")
COOKIES = {
    "just as the option says": a_cookie(inside=ADDED),
    "for both balancers": a_cookie(around=ADDED).replace("APIROUTE", "ROUTEID").replace("n2", "n1"),
    "another header shows the route": a_cookie(
        inside=f'{ADDED}\nHeader set X-Served-By "%{{BALANCER_WORKER_ROUTE}}e"'
    ),
    "around the balancers another header shows the route": a_cookie(
        around='Header set X-Served-By "%{BALANCER_WORKER_ROUTE}e"', inside=ADDED
    ),
    "a second cookie": a_cookie(around=f"{ADDED}\n{OF_API}"),
    "a second cookie of the other one": a_cookie(inside=ADDED, more=OF_API),
    "changed afterwards": a_cookie(
        around=f'{ADDED}\nHeader edit Set-Cookie "^(.*)$" "$1; Secure"',
        parameters="stickysession=ROUTEID growth=2",
    ),
    "changed in a section": a_cookie(
        around=ADDED, more='<Proxy "*">\nHeader edit Set-Cookie Lax Strict\n</Proxy>'
    ),
    "an attribute without option": a_cookie(inside=ADDED.replace("=Lax", "=Lax; Partitioned")),
    "an end": a_cookie(inside=ADDED.replace("=Lax", "=Lax; expires=Thu, 01 Jan 2099 00:00:00 GMT")),
    "no path": a_cookie(inside=ADDED.replace("Path=/; ", "")),
    "with each answer": a_cookie(inside=ADDED.replace(CHANGED, "")),
    "twice": a_cookie(inside=f"{ADDED}\n{ADDED.replace('Path=/', 'Path=/x')}"),
    "another separator": a_cookie(
        inside=ADDED.replace("=.%", "=!%"), parameters="stickysession=ROUTEID stickysessionsep=!"
    ),
    "only below a path": a_cookie(
        more=f'<Proxy "balancer://shop/sub/">\n{ADDED}\n</Proxy>',
    ),
    "only under a condition": a_cookie(more=f"<If \"%{{REQUEST_URI}} != '/sub'\">\n{ADDED}\n</If>"),
}


def cookies_and_route(port):
    """Return what the answers for some paths say of cookies and routes."""
    found = []
    for path in ("/", "/sub/x", "/api/x"):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request("GET", path, headers={"Host": "shop.example.com"})
        answer = connection.getresponse()
        headers = answer.headers.get_all("Set-Cookie", []), answer.headers.get("X-Served-By")
        found.append((answer.status, *headers))
        connection.close()
    return found


@pytest.mark.parametrize("text", COOKIES.values(), ids=COOKIES)
def test_clients_get_the_cookies_and_headers_they_got(host, backend, text):
    node, port = backend("n1"), host.httpd.port
    for name, value in (("port", str(port)), ("node", node)):
        text = text.replace(f"{{{name}}}", value)
    host.httpd.write("conf/site.conf", text)

    host.httpd.start()
    before = cookies_and_route(port)
    found, *dummy = host.adopt()
    host.httpd.reload()
    assert found["notes"] == []
    assert cookies_and_route(port) == before and any("ROUTEID" in str(each) for each in before)


REFUSED = {
    "AB319": a_cookie(inside=ADDED.replace("=.%", "=!%")),
    "AB322": a_cookie(inside=ADDED.replace("add", "set")),
    "AB323": a_cookie(inside=ADDED.replace("add", "always add")),
    "AB324": a_cookie(around=ADDED).replace("APIROUTE", "ROUTEID"),
}


@pytest.mark.parametrize(("code", "text"), REFUSED.items(), ids=REFUSED)
def test_a_cookie_by_which_sessions_get_lost_is_told_of_and_stays_as_it_is(host, code, text):
    text = text.replace("{port}", str(free_port())).replace("{node}", "http://10.0.0.11")
    host.httpd.write("conf/site.conf", text)
    (note,) = adopted(host.info(directives=True))["notes"]
    assert f": the role refuses this as it is: {code} " in note and "site.conf:" in note


@pytest.mark.parametrize("outside", [False, True])
def test_sessions_that_stick_nowhere_are_told_of_and_stay_as_they_are(host, outside):
    text = a_cookie(parameters="stickysession=ROUTEID").replace("ROUTEID", "PHPSESSID", 1)
    text = text.replace("{port}", str(free_port())).replace("{node}", "http://10.0.0.11")
    if outside:
        first, section, rest = re.split(r'(?s)(    <Proxy "balancer://shop/">.*?</Proxy>\n)', text)
        text = section + first + rest
    host.httpd.write("conf/site.conf", text)
    found = adopted(host.info(directives=True))
    (note,) = [note for note in found["notes"] if "stands outside" not in note]
    assert f"site.conf:{3 if outside else 6}: AB334 balancer://shop has stickysession=" in note
    balancers = found["variables"]["load_balancer_sites"][0]["balancers"]
    (shop,) = [balancer for balancer in balancers if balancer["name"] == "shop"]
    assert shop["proxy_set"]["stickysession"] == "PHPSESSID" and "sticky_cookie" not in shop


class Redirecting(http.server.BaseHTTPRequestHandler):
    """A backend that sends clients on, by its own address, with a cookie of its own path."""

    def do_GET(self):
        address = "{}:{}".format(*self.server.server_address)
        self.send_response(302)
        self.send_header("Location", f"http://{address}/v2/login")
        self.send_header("Set-Cookie", "app=1; Path=/v2")
        self.end_headers()

    def log_message(self, *dummy):
        """Say nothing."""


@pytest.fixture()
def redirecting():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Redirecting) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield "http://{}:{}".format(*server.server_address)
        server.shutdown()
        thread.join()


REVERSAL = "ProxyPassReverse /api balancer://api/v2"
COOKIE_PATH = "ProxyPassReverseCookiePath /v2 /api"
REVERSALS = {
    "both": ([REVERSAL, COOKIE_PATH], []),
    "no cookies": ([REVERSAL], [COOKIE_PATH]),
    "no redirects": ([COOKIE_PATH], [REVERSAL]),
    "another address": (
        ["ProxyPassReverse /api http://app.internal/v2"],
        [REVERSAL, COOKIE_PATH],
    ),
    "in a section": (
        ["<Location /api>", "ProxyPassReverse balancer://api/v2", COOKIE_PATH, "</Location>"],
        [],
    ),
}


@pytest.mark.parametrize(("lines", "added"), REVERSALS.values(), ids=REVERSALS)
def test_redirects_and_cookies_come_back_as_they_did_unless_that_is_said(
    host, redirecting, lines, added
):
    start = [f"<VirtualHost *:{host.httpd.port}>", "ServerName shop.example.com"]
    members = ["<Proxy balancer://api>", f"BalancerMember {redirecting}", "</Proxy>"]
    text = [*start, *members, "ProxyPass /api balancer://api/v2", *lines, "</VirtualHost>", ""]
    host.httpd.write("conf/site.conf", "\n".join(text))

    def seen():
        headers = host.httpd.get("/api/x").headers
        return headers["Location"].endswith("/api/login"), headers["Set-Cookie"]

    host.httpd.start()
    before = seen()
    found, *dummy = host.adopt()
    host.httpd.reload()
    assert len(found["notes"]) == len(added)
    assert [each for each in added if f"it has no {each}, " not in "".join(found["notes"])] == []
    assert seen() == (True, "app=1; Path=/api") and (seen() == before) is (not added)


def test_what_the_role_has_made_is_told_of_and_not_taken_for_its_own_replacement(host):
    host.httpd.write("conf/site.conf", BY_A_TEMPLATE.format(port=free_port()))
    host.adopt(manager_address="127.0.0.2", manager_port=free_port())
    other = BY_A_TEMPLATE.replace("shop.example.com", "blog.example.com")
    host.httpd.write("conf/blog.conf", other.format(port=free_port()))
    found = adopted(host.info(directives=True))
    assert found["variables"]["load_balancer_replaces"] == [f"{host.root}/conf/blog.conf"]
    (note,) = [each for each in found["notes"] if "the role has made" in each]
    assert note.startswith(f"{host.root}/sites/shop.example.com.conf:")


@pytest.mark.parametrize("target", ["balancer://SHOP/", "balancer://shop/"])
def test_who_may_use_a_balancer_is_as_it_was_however_its_name_is_spelled(host, backend, target):
    # <Proxy> holds for what ProxyPass spells the same way.
    start = [f"<VirtualHost *:{host.httpd.port}>", "ServerName shop.example.com"]
    section = ["<Proxy balancer://SHOP>", f"BalancerMember {backend('n1')}", "Require all denied"]
    forward = ["</Proxy>", f"ProxyPass / {target}", f"ProxyPassReverse / {target}"]
    host.httpd.write("conf/site.conf", "\n".join([*start, *section, *forward, "</VirtualHost>\n"]))
    host.httpd.start()
    before = host.httpd.get("/").status
    assert before == (403 if "SHOP" in target else 200)
    found, *dummy = host.adopt()
    host.httpd.reload()
    assert found["notes"] == [] and host.httpd.get("/").status == before
