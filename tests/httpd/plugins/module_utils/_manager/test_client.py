# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""balancer-manager of a real httpd, and servers that are none or behave badly."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import tempfile
import threading
from pathlib import Path
from typing import Callable, Iterator, NamedTuple

import pytest

from ansible_collections.webtier.apache_balancer.plugins.module_utils._manager.client import (
    Manager,
    ManagerError,
    Refused,
    Unreachable,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._manager.page import (
    LiveMember,
)
from ansible_collections.webtier.apache_balancer.tests.support.private_httpd import (
    MODULES,
    PrivateHttpd,
    connections,
    free_port,
)

LOCATION = "<Location /balancer-manager>\nSetHandler balancer-manager\n{}</Location>\nProxyPass /balancer-manager !\n"
MANAGER = LOCATION.format("")
IPV4 = "http://127.0.0.1:1"
IPV6 = "http://[::1]:2/a"
SOCKET = "http://sock/"
ESCAPED = "http://127.0.0.1:3/a%20b"
BALANCER = f"""
<Proxy balancer://app>
    BalancerMember {IPV4} route=n1
    BalancerMember {IPV6} route=n2
    BalancerMember unix:/tmp/app.sock|{SOCKET} route=n3
    BalancerMember {ESCAPED} route=n4
    ProxySet growth=2 stickysession=S
</Proxy>
<Proxy balancer://locked>
    BalancerMember http://127.0.0.1:9
    ProxySet nonce=None
</Proxy>
ProxyPass / balancer://app/
"""


def load(*modules: str) -> str:
    return "".join(f"LoadModule {name}_module {MODULES}/mod_{name}.so\n" for name in modules)


def start(httpd: PrivateHttpd, text: str = MANAGER + BALANCER) -> Manager:
    """Start *httpd* on *text* and return its balancer-manager."""
    httpd.write("conf/app.conf", text)
    httpd.start()
    return Manager(url(httpd.port))


def url(port: int, scheme: str = "http", host: str = "127.0.0.1") -> str:
    return f"{scheme}://{host}:{port}/balancer-manager"


def post(manager: Manager, *fields: tuple[str, str], member: str | None = None) -> None:
    """Send *fields* for balancer://app or its *member*, with the nonce that the page shows."""
    nonce = manager.page().balancers["app"].nonce
    assert nonce
    manager.post("app", nonce, fields, member)


def shown(manager: Manager, member: str = IPV4) -> LiveMember:
    return manager.page().balancers["app"].members[member]


# The page.


def test_a_page_has_the_values_and_on_demand_the_counters(httpd):
    manager = start(httpd)
    plain = manager.page().balancers["app"].members[IPV4]
    assert plain.values["route"] == "n1"
    assert "transferred" not in plain.counters
    assert manager.requests == 1
    exact = manager.page(counters=True)
    assert set(exact.balancers) == {"app", "locked"}
    for balancer in exact.balancers.values():
        for member in balancer.members.values():
            assert {"transferred", "read", "retries", "elected", "busy"} <= set(member.counters)
    assert manager.requests == 3


def test_the_page_has_every_member_by_its_identity(httpd):
    members = start(httpd).page().balancers["app"].members
    assert list(members) == [IPV4, IPV6, SOCKET, ESCAPED]
    assert members[SOCKET].url == f"unix:/tmp/app.sock|{SOCKET}"


def test_names_that_hold_what_html_means_otherwise_are_read_as_they_are(httpd):
    odd = "http://127.0.0.1:1/a&copy;b"
    manager = start(
        httpd, f'{MANAGER}<Proxy balancer://x>\nBalancerMember "{odd}" route=&lt;r\n</Proxy>\n'
    )
    member = manager.page(counters=True).balancers["x"].members[odd]
    assert member.values["route"] == "&lt;r"
    assert "transferred" in member.counters


def test_without_a_balancer_counters_need_no_second_request(httpd):
    manager = start(httpd, MANAGER)
    assert manager.page(counters=True).balancers == {}
    assert manager.requests == 1


def test_one_connection_serves_all_requests(httpd):
    manager = start(httpd, "LogLevel info\n" + MANAGER + BALANCER)
    manager.page()
    (used,) = connections(httpd.port)
    post(manager, ("w_ls", "1"), member=IPV4)
    assert manager.page(counters=True)
    assert manager.named("app.example.com").page()
    assert connections(httpd.port) == [used]
    manager.close()
    manager.close()
    assert connections(httpd.port) == []
    assert manager.page()


# What a POST sets.


@pytest.mark.parametrize("member", [IPV4, IPV6, SOCKET, ESCAPED])
def test_a_post_takes_effect_for_the_member_that_it_names_and_no_other(httpd, member):
    manager = start(httpd)
    post(manager, ("w_lf", "2.5"), ("w_ls", "7"), ("w_status_D", "1"), member=member)
    for identity, each in manager.page().balancers["app"].members.items():
        changed = identity == member
        assert each.values["loadfactor"] == (2.5 if changed else 1.0)
        assert each.values["lbset"] == (7 if changed else 0)
        assert each.values["status"] == (frozenset({"disabled"}) if changed else frozenset())


@pytest.mark.parametrize(
    "text", ["&=+%", "a b", "%20", "%2520", "%", "+", "a&w_ls=9", "#?/:;,", "\u00fc", "<b>&amp;"]
)
def test_a_value_arrives_as_it_was_sent(httpd, text):
    manager = start(httpd)
    post(manager, ("w_wr", text), ("w_rr", text), member=ESCAPED)
    values = shown(manager, ESCAPED).values
    assert (values["route"], values["redirect"]) == (text, text)
    assert values["lbset"] == 0


def test_a_value_that_is_no_utf_8_arrives_as_it_was_sent(httpd):
    manager = start(httpd)
    post(manager, ("w_wr", "a\udcffb"), member=IPV4)
    assert shown(manager).values["route"] == "a\udcffb"


def test_a_post_without_a_member_is_for_the_balancer(httpd):
    manager = start(httpd)
    post(manager, ("b_tmo", "4"), ("b_max", "3"), ("b_sforce", "1"), ("b_ss", "A|b"))
    assert manager.page().balancers["app"].values == {
        "timeout": 4,
        "maxattempts": 3,
        "nofailover": True,
        "stickysession": "A|b",
        "lbmethod": "byrequests",
    }


@pytest.mark.parametrize(
    "new", ["http://127.0.0.1:4", "http://[::1]:5/x%20y", "unix:/tmp/new.sock|http://new/"]
)
def test_a_member_can_be_added_once(httpd, new):
    manager = start(httpd)
    identity = new.rpartition("|")[2]
    post(manager, ("b_nwrkr", new), ("b_wyes", "1"))
    assert shown(manager, identity).url == new
    assert shown(manager, identity).values["status"] == frozenset({"disabled"})
    post(manager, ("w_status_D", "0"), member=identity)
    assert shown(manager, identity).usable
    with pytest.raises(Refused, match="no slot is free"):
        post(manager, ("b_nwrkr", new), ("b_wyes", "1"))
    assert len(manager.page().balancers["app"].members) == 5


def test_a_member_is_refused_when_no_slot_is_free(httpd):
    manager = start(httpd)
    for port in (4, 5):
        post(manager, ("b_nwrkr", f"http://127.0.0.1:{port}"), ("b_wyes", "1"))
    with pytest.raises(Refused):
        post(manager, ("b_nwrkr", "http://127.0.0.1:6"), ("b_wyes", "1"))


def test_a_wrong_nonce_changes_nothing(httpd):
    manager = start(httpd)
    nonce = manager.page().balancers["app"].nonce
    for wrong in ("", "00000000-0000-0000-0000-000000000000", nonce + "0", nonce.upper() + " "):
        manager.post("app", wrong, [("w_ls", "7")], IPV4)
        manager.post("app", wrong, [("b_tmo", "7")])
    assert shown(manager).values["lbset"] == 0
    assert manager.page().balancers["app"].values["timeout"] == 0
    manager.post("app", nonce, [("w_ls", "7")], IPV4)
    assert shown(manager).values["lbset"] == 7


def test_the_nonce_of_another_balancer_changes_nothing(httpd):
    manager = start(
        httpd, f"{MANAGER}{BALANCER}<Proxy balancer://two>\nBalancerMember {IPV4}\n</Proxy>\n"
    )
    other = manager.page().balancers["two"].nonce
    manager.post("app", other, [("w_ls", "7")], IPV4)
    assert shown(manager).values["lbset"] == 0


def test_a_balancer_with_nonce_none_is_shown_but_nobody_changes_it(httpd):
    manager = start(httpd)
    locked = manager.page().balancers["locked"]
    assert locked.nonce == ""
    manager.post("locked", "", [("w_ls", "7")], "http://127.0.0.1:9")
    manager.post("locked", "None", [("w_ls", "7")], "http://127.0.0.1:9")
    after = manager.page(counters=True).balancers["locked"].members["http://127.0.0.1:9"]
    assert after.values["lbset"] == 0
    assert "transferred" in after.counters


def test_a_nonce_that_a_user_chose_is_sent_as_it_is(httpd):
    chosen = "a+b%20=c/d"
    manager = start(httpd, MANAGER + BALANCER.replace("growth=2", f'growth=2 "nonce={chosen}"'))
    assert manager.page().balancers["app"].nonce == chosen
    post(manager, ("w_ls", "7"), member=IPV4)
    assert shown(manager).values["lbset"] == 7


def test_a_body_longer_than_httpd_reads_is_sent_in_parts(httpd):
    manager = start(httpd)
    route, redirect = "%" * 63, "&" * 63
    before = manager.requests + 1  # of the page
    post(
        manager,
        ("w_wr", route),
        ("w_rr", redirect),
        *((f"w_status_{letter}", "1") for letter in "INHR"),
        *(("w_status_S", "0") for dummy in range(20)),
        ("w_ls", "42"),
        ("w_lf", "9.99"),
        member=ESCAPED,
    )
    assert manager.requests - before == 2
    values = shown(manager, ESCAPED).values
    assert (values["route"], values["redirect"]) == (route, redirect)
    assert (values["lbset"], values["loadfactor"]) == (42, 9.99)
    assert values["status"] == {"ignore_errors", "drained", "hot_standby", "hot_spare"}


def test_a_field_that_no_body_can_hold_is_refused_before_anything_is_sent(httpd):
    manager = start(httpd)
    nonce = manager.page().balancers["app"].nonce
    before = manager.requests
    with pytest.raises(Refused, match="1024 bytes"):
        manager.post("app", nonce, [("w_ls", "7"), ("w_wr", "x" * 1100)], IPV4)
    assert manager.requests == before
    assert shown(manager).values["lbset"] == 0


# The name of the server.


@pytest.mark.parametrize("canonical", ["Off", "On", "DNS"])
def test_posts_take_effect_whatever_httpd_calls_itself(httpd, canonical):
    named = f"ServerName elsewhere.example.com:81\nUseCanonicalName {canonical}\n"
    manager = start(httpd, named + MANAGER + BALANCER)
    name = manager.page().server_name
    assert name == ("elsewhere.example.com" if canonical == "On" else name)
    post(manager, ("w_ls", "7"), member=IPV4)
    assert shown(manager).values["lbset"] == 7
    assert "transferred" in manager.page(counters=True).balancers["app"].members[IPV4].counters


@pytest.mark.parametrize("canonical", ["Off", "On"])
def test_posts_take_effect_at_an_ipv6_address(httpd, canonical):
    listen = (
        f"Listen [::1]:{httpd.port}\nServerName app.example.com\nUseCanonicalName {canonical}\n"
    )
    start(httpd, listen + MANAGER + BALANCER)
    manager = Manager(url(httpd.port, host="[::1]"))
    post(manager, ("w_ls", "7"), member=IPV4)
    assert shown(manager).values["lbset"] == 7
    assert "transferred" in manager.page(counters=True).balancers["app"].members[IPV4].counters


def test_posts_take_effect_where_the_name_is_not_ascii(httpd):
    named = "ServerName b\u00fccher.example.com\nUseCanonicalName On\n"
    manager = start(httpd, named + MANAGER + BALANCER)
    assert manager.page().server_name == "b\u00fccher.example.com"
    post(manager, ("w_ls", "7"), member=IPV4)
    assert shown(manager).values["lbset"] == 7


def test_the_name_chooses_the_virtual_host(httpd):
    hosts = "".join(
        f"<VirtualHost *:*>\nServerName {name}.example.com\n{MANAGER}"
        f"<Proxy balancer://{name}>\nBalancerMember {IPV4}\n</Proxy>\n</VirtualHost>\n"
        for name in ("one", "two")
    )
    manager = start(httpd, hosts)
    assert set(manager.page().balancers) == {"one"}
    two = manager.named("two.example.com:8080")
    assert two.requests == 0
    found = two.page()
    assert set(found.balancers) == {"two"}
    assert found.server_name == "two.example.com"
    two.post("two", found.balancers["two"].nonce, [("w_ls", "7")], IPV4)
    assert two.page().balancers["two"].members[IPV4].values["lbset"] == 7
    named = Manager(url(httpd.port), server_name="TWO.example.com")
    assert set(named.page().balancers) == {"two"}


# Who may ask.


@pytest.fixture()
def with_passwords(httpd) -> Iterator[PrivateHttpd]:
    hashed = subprocess.run(
        ["openssl", "passwd", "-apr1", "-stdin"],
        input="p\u00e4ss:w\u00f6rd\n".encode(),
        stdout=subprocess.PIPE,
        check=True,
    ).stdout.decode()
    # The children of httpd read it, and have no way into the directories of pytest.
    with tempfile.TemporaryDirectory() as directory:
        Path(directory).chmod(0o755)
        users = Path(directory, "users")
        users.write_text("\u00fcser:" + hashed, encoding="utf-8")
        users.chmod(0o644)
        needs = f'AuthType Basic\nAuthName x\nAuthUserFile "{users}"\nRequire valid-user\n'
        modules = load("authn_core", "authn_file", "authz_user", "auth_basic")
        start(httpd, modules + LOCATION.format(needs) + BALANCER)
        yield httpd


def test_basic_authentication_lets_pages_and_posts_through(with_passwords):
    manager = Manager(
        url(with_passwords.port), username="\u00fcser", password="p\u00e4ss:w\u00f6rd"
    )
    post(manager, ("w_ls", "7"), member=IPV4)
    assert shown(manager).values["lbset"] == 7


@pytest.mark.parametrize("password", [None, "", "wrong", "\udcff"])
def test_a_wrong_password_is_said_and_not_shown(with_passwords, password):
    manager = Manager(url(with_passwords.port), username="\u00fcser", password=password)
    with pytest.raises(Unreachable, match="401 .* give manager_username") as caught:
        manager.page()
    assert "wrong" not in str(caught.value)


def test_without_a_password_the_page_says_what_to_give(with_passwords):
    with pytest.raises(Unreachable, match="give manager_username and manager_password"):
        Manager(url(with_passwords.port)).page()


def test_a_host_that_is_not_allowed_is_told_so(httpd):
    manager = start(httpd, LOCATION.format("Require all denied\n") + BALANCER)
    with pytest.raises(Unreachable, match="403 .*\\(Require\\)"):
        manager.page()


@pytest.mark.parametrize("text", ["", BALANCER])
def test_where_no_balancer_manager_is_served_the_way_to_serve_it_is_said(httpd, text):
    manager = start(httpd, text)
    with pytest.raises(Unreachable, match="erve balancer-manager there"):
        manager.page()


def test_a_post_that_is_not_allowed_is_unreachable_not_refused(httpd):
    limited = "<Limit POST>\nRequire all denied\n</Limit>\n"
    manager = start(httpd, LOCATION.format(limited) + BALANCER)
    with pytest.raises(Unreachable, match="403"):
        post(manager, ("w_ls", "7"), member=IPV4)
    assert shown(manager).values["lbset"] == 0


# TLS.


class Certificates(NamedTuple):
    """Files: an authority, a server and a client it signed, and the client's key in two forms."""

    ca: str
    server: str
    server_key: str
    client: str
    client_key: str
    locked_key: str


@pytest.fixture(scope="module")
def certificates(tmp_path_factory) -> Certificates:
    root = tmp_path_factory.mktemp("certificates")

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=root, check=True, capture_output=True)

    new = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    openssl(
        *("req", "-x509", *new, "-days", "2", "-subj", "/CN=CA", "-keyout", "ca.key"),
        *("-out", "ca.crt", "-addext", "keyUsage=critical,keyCertSign,cRLSign"),
    )
    for name, extension in (
        ("server", "subjectAltName=DNS:app.example.com,IP:127.0.0.2"),
        ("client", "extendedKeyUsage=clientAuth"),
    ):
        openssl(
            *("req", "-new", *new, "-subj", f"/CN={name}", "-keyout", f"{name}.key"),
            *("-out", f"{name}.csr"),
        )
        (root / f"{name}.ext").write_text(extension + "\n")
        openssl(
            *("x509", "-req", "-days", "2", "-in", f"{name}.csr", "-CA", "ca.crt"),
            *("-CAkey", "ca.key", "-CAcreateserial", "-out", f"{name}.crt"),
            *("-extfile", f"{name}.ext"),
        )
    openssl("ec", "-aes256", "-passout", "pass:x", "-in", "client.key", "-out", "locked.key")
    names = ("ca.crt", "server.crt", "server.key", "client.crt", "client.key", "locked.key")
    return Certificates(*(str(root / name) for name in names))


def start_tls(
    httpd: PrivateHttpd, certificates: Certificates, more: str = "", location: str = ""
) -> str:
    """Start *httpd* with balancer-manager on TLS only, and return its address."""
    port = free_port()
    start(
        httpd,
        f"{load('ssl')}Listen 127.0.0.1:{port} https\n<VirtualHost *:{port}>\n"
        "ServerName app.example.com\nSSLEngine on\n"
        f"SSLCertificateFile {certificates.server}\n"
        f"SSLCertificateKeyFile {certificates.server_key}\n{more}{LOCATION.format(location)}{BALANCER}</VirtualHost>\n",
    )
    return url(port, "https")


def test_tls_works_with_an_own_authority_and_the_name_of_the_server(httpd, certificates):
    address = start_tls(httpd, certificates)
    manager = Manager(address, "app.example.com", ca_path=certificates.ca)
    post(manager, ("w_ls", "7"), member=IPV4)
    assert shown(manager).values["lbset"] == 7
    assert manager.named("app.example.com:443").page(counters=True).balancers["app"].nonce


def test_with_tls_a_connection_is_for_one_name_and_there_is_one_at_a_time(httpd, certificates):
    address = start_tls(httpd, certificates, "ServerAlias *\n")
    manager = Manager(address, "one.example.com", validate_certs=False)
    other = manager.named("two.example.com")
    port, seen = int(address.split(":")[2].partition("/")[0]), []
    for asked in (manager, manager, other, other, manager):
        assert asked.page()
        seen += connections(port)
    first, second, third = seen[0], seen[2], seen[4]
    assert seen == [first, first, second, second, third] and len({first, second, third}) == 3


def test_tls_with_an_unknown_authority_is_refused(httpd, certificates):
    address = start_tls(httpd, certificates)
    with pytest.raises(Unreachable, match="see manager_ca_path"):
        Manager(address, "app.example.com").page()


def test_tls_with_a_certificate_for_another_name_is_refused(httpd, certificates):
    address = start_tls(httpd, certificates)
    for name in (None, "other.example.com"):
        with pytest.raises(Unreachable, match="manager_server_name"):
            Manager(address, name, ca_path=certificates.ca).page()


def test_tls_without_validation_works_with_any_certificate(httpd, certificates):
    manager = Manager(start_tls(httpd, certificates), validate_certs=False)
    post(manager, ("w_ls", "7"), member=IPV4)
    assert shown(manager).values["lbset"] == 7


def with_certificate(address: str, certificates: Certificates) -> Manager:
    return Manager(
        address,
        "app.example.com",
        ca_path=certificates.ca,
        client_cert=certificates.client,
        client_key=certificates.client_key,
    )


def test_a_client_certificate_is_shown_where_httpd_wants_one(httpd, certificates):
    wanted = f"SSLVerifyClient require\nSSLCACertificateFile {certificates.ca}\n"
    address = start_tls(httpd, certificates, wanted)
    manager = with_certificate(address, certificates)
    post(manager, ("w_ls", "7"), member=IPV4)
    assert shown(manager).values["lbset"] == 7
    without = Manager(address, "app.example.com", ca_path=certificates.ca)
    with pytest.raises(Unreachable):
        without.page()


@pytest.mark.parametrize("versions", ["-all +TLSv1.2", "-all +TLSv1.3"])
def test_a_client_certificate_is_shown_where_httpd_wants_one_for_that_path_alone(
    httpd, certificates, versions
):
    # With TLS 1.3 httpd asks for it after the handshake.
    more = f"SSLProtocol {versions}\nSSLCACertificateFile {certificates.ca}\n"
    address = start_tls(httpd, certificates, more, "SSLVerifyClient require\n")
    manager = with_certificate(address, certificates)
    nonce = manager.page().balancers["app"].nonce
    manager.post("app", nonce, [("w_ls", "7")], IPV4)
    manager.close()
    manager.post("app", nonce, [("w_lf", "2")], IPV4)
    values = shown(manager).values
    assert (values["lbset"], values["loadfactor"]) == (7, 2.0)
    with pytest.raises(Unreachable, match="manager_client_cert" if "1.3" in versions else None):
        Manager(address, "app.example.com", ca_path=certificates.ca).page()


def test_a_client_certificate_may_hold_its_key(httpd, certificates, tmp_path):
    both = tmp_path / "both.pem"
    both.write_text(
        Path(certificates.client).read_text() + Path(certificates.client_key).read_text()
    )
    wanted = f"SSLVerifyClient require\nSSLCACertificateFile {certificates.ca}\n"
    address = start_tls(httpd, certificates, wanted)
    manager = Manager(address, "app.example.com", ca_path=certificates.ca, client_cert=str(both))
    assert manager.page().balancers["app"]


def test_an_encrypted_key_is_refused_and_nobody_is_asked_for_its_password(certificates):
    manager = Manager(
        url(1, "https"), client_cert=certificates.client, client_key=certificates.locked_key
    )
    with pytest.raises(Unreachable, match="see manager_ca_path, manager_client_cert") as caught:
        manager.page()
    assert certificates.locked_key in str(caught.value)


@pytest.mark.parametrize("option", ["ca_path", "client_cert"])
def test_a_file_that_is_missing_or_no_certificate_is_named(option, tmp_path):
    (tmp_path / "empty").write_text("")
    for name in ("missing", "empty"):
        path = str(tmp_path / name)
        with pytest.raises(Unreachable) as caught:
            Manager(url(1, "https"), **{option: path}).page()
        assert path in str(caught.value)


def test_tls_to_a_server_without_tls_is_unreachable_and_so_is_the_reverse(httpd, certificates):
    address = start_tls(httpd, certificates)
    with pytest.raises(Unreachable):
        Manager(url(httpd.port, "https"), validate_certs=False).page()
    with pytest.raises(Unreachable, match="400"):
        Manager(address.replace("https:", "http:")).page()


# Kept connections and a reload.


@pytest.mark.parametrize("tls", [False, True])
def test_a_kept_connection_that_httpd_closed_is_opened_anew(httpd, certificates, tls):
    address = start_tls(httpd, certificates) if tls else url(httpd.port)
    if not tls:
        start(httpd)
    manager = Manager(address, validate_certs=False)
    nonce = manager.page().balancers["app"].nonce
    httpd.reload()
    after = manager.page().balancers["app"].nonce
    assert after != nonce
    manager.post("app", after, [("w_ls", "7")], IPV4)
    assert shown(manager).values["lbset"] == 7


def test_httpd_that_stopped_is_unreachable_and_found_again(httpd):
    manager = start(httpd)
    manager.page()
    httpd.stop()
    with pytest.raises(Unreachable, match="connection refused; is httpd running"):
        manager.page()
    httpd.start()
    assert manager.page()


# Servers that behave badly.

PAGE = (
    "<html><h1>Load Balancer Manager for {}</h1>\n"
    '<h3>LoadBalancer Status for <a href="/?b=app&amp;nonce=n">balancer://app</a> [p_app]</h3>\n'
    "<table><tr><th>MaxMembers</th><th>StickySession</th></tr>\n"
    "<tr><td>1 [1 Used]</td><td> (None) </td></tr></table>\n"
    "<table><tr><th>Worker URL</th><th>Status</th></tr></table>\n</body></html>\n"
)
Act = Callable[[socket.socket], None]


class Server:
    """A server on loopback that does *acts*: one for each connection, the last one for all further ones.

    ``requests``: what it was sent.
    """

    def __init__(self, *acts: Act) -> None:
        self._acts = acts
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.url = url(self.port)
        self.requests: list[bytes] = []
        self.connections = 0
        self.stopped = threading.Event()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, dummy = self._socket.accept()
            except OSError:
                return
            act = self._acts[min(self.connections, len(self._acts) - 1)]
            self.connections += 1
            threading.Thread(target=self._handle, args=(connection, act), daemon=True).start()

    def _handle(self, connection: socket.socket, act: Act) -> None:
        # The client may hang up at any time.
        with contextlib.suppress(OSError), connection:
            act(connection)

    def read(self, connection: socket.socket) -> bool:
        """Read one request; whether there was one."""
        request = b""
        while b"\r\n\r\n" not in request:
            part = connection.recv(65536)
            if not part:
                return False
            request += part
        head, dummy, body = request.partition(b"\r\n\r\n")
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                while len(body) < int(line[15:]):
                    body += connection.recv(65536)
        self.requests.append(head + b"\r\n\r\n" + body)
        return True

    def close(self) -> None:
        self.stopped.set()
        self._socket.close()


@pytest.fixture()
def serve() -> Iterator[Callable[..., Server]]:
    """Return what starts a server that answers each connection with bytes, once or again and again."""
    servers: list[Server] = []

    def started(*answers: bytes | Act, requests: int = 1) -> Server:
        def act(answer: bytes | Act) -> Act:
            def does(connection: socket.socket) -> None:
                for dummy in range(requests):
                    if not server.read(connection):
                        return
                    if callable(answer):
                        answer(connection)
                    else:
                        connection.sendall(answer)

            return does

        server = Server(*map(act, answers))
        servers.append(server)
        return server

    yield started
    for server in servers:
        server.close()


def answer(body: str = PAGE.format("localhost"), status: str = "200 OK", more: str = "") -> bytes:
    content = body.encode("utf-8", "surrogateescape")
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(content)}\r\n{more}\r\n"
    return head.encode() + content


@pytest.mark.parametrize(
    ("version", "sent"),
    [("2.4.37", b"/a%2520b&"), ("2.4.52", b"/a%252520b&"), ("2.4.71", b"/a%252520b&")],
)
def test_a_value_is_encoded_as_often_as_that_httpd_decodes(serve, version, sent):
    page = PAGE.format("localhost").replace("<h1>", f"Server Version: Apache/{version} (x)<h1>", 1)
    server = serve(answer(page), requests=2)
    manager = Manager(server.url)
    manager.page()
    manager.post("app", "nonce", [("w_ls", "1")], member=ESCAPED)
    assert sent in server.requests[-1]


def test_what_a_httpd_might_misread_is_not_sent(serve):
    page = PAGE.format("localhost").replace("<h1>", "Server Version: Apache/2.4.50 (x)<h1>", 1)
    server = serve(answer(page), requests=3)
    manager = Manager(server.url)
    manager.page()
    manager.post("app", "nonce", [("w_ls", "1")], member=IPV4)
    with pytest.raises(Refused, match="2.4.50 may misread"):
        manager.post("app", "nonce", [("w_ls", "1")], member=ESCAPED)
    assert len(server.requests) == 2


def refused(server: Server, timeout: float = 10.0) -> str:
    """Return why there is no page at *server*."""
    manager = Manager(server.url, timeout=timeout)
    with pytest.raises(Unreachable) as caught:
        manager.page()
    said = str(caught.value)
    assert said.startswith(f"{server.url}") and "\n" not in said and len(said) < 1000
    return said


def drips(text: bytes) -> Callable[[socket.socket], None]:
    def act(connection: socket.socket) -> None:
        pause = threading.Event()
        for place in range(len(text)):
            connection.sendall(text[place : place + 1])
            pause.wait(0.05)

    return act


def test_a_server_that_never_answers_is_given_up(serve):
    server = serve(lambda connection: server.stopped.wait(20) and None)
    assert "no complete answer within 0.2 s (manager_timeout)" in refused(server, timeout=0.2)


@pytest.mark.parametrize("timeout", [0, -1])
def test_no_time_at_all_is_no_time_to_wait_for_an_answer(timeout):
    with pytest.raises(ManagerError, match=f"manager_timeout: {timeout} is not possible"):
        Manager(url(1), timeout=timeout)


def test_a_server_that_never_ends_its_answer_is_given_up(serve):
    def halts(connection: socket.socket) -> None:
        connection.sendall(answer()[:-50])
        server.stopped.wait(20)

    server = serve(halts)
    assert "no complete answer within 0.2 s" in refused(server, timeout=0.2)


@pytest.mark.parametrize(
    "text",
    [
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 10_000,
        b"HTTP/1.1 100 Continue\r\n\r\n" * 1000,
        answer("x" * 10_000),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 1000,
    ],
    ids=["head", "continue", "body", "chunks"],
)
def test_a_server_that_answers_byte_by_byte_is_given_up_in_time(serve, text):
    # Each byte comes in time, and the whole would take minutes.
    server = serve(drips(text))
    assert "no complete answer within 0.3 s" in refused(server, timeout=0.3)


def test_a_slow_answer_that_is_complete_in_time_is_a_page(serve):
    whole = answer()

    def act(connection: socket.socket) -> None:
        for part in (whole[:5], whole[5:40], whole[40:100], whole[100:]):
            connection.sendall(part)
            threading.Event().wait(0.02)

    assert Manager(serve(act).url).page().balancers["app"].nonce == "n"


def test_an_answer_has_its_full_time_whatever_the_one_before_took(serve):
    def act(connection: socket.socket) -> None:
        threading.Event().wait(0.6)
        connection.sendall(answer())

    manager = Manager(serve(act, requests=4).url, timeout=1.0)
    for dummy in range(4):
        assert manager.page()


def test_half_an_answer_is_said_to_break_off(serve):
    assert "the answer breaks off" in refused(serve(answer()[:-50]))


def test_half_a_chunked_answer_is_said_to_break_off(serve):
    half = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n400\r\n<html>"
    assert "the answer breaks off" in refused(serve(half))


@pytest.mark.parametrize(
    "head",
    ["HTTP/1.0 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"],
)
def test_half_a_page_that_calls_itself_whole_is_refused(serve, head):
    page = head + PAGE.format("x")
    assert "page of balancer-manager" in refused(serve(page[:-20].encode()))
    assert "page of balancer-manager" in refused(serve(answer(PAGE.format("x")[:-20])))
    assert Manager(serve(page.encode()).url).page()


def test_a_chunked_page_is_a_page(serve):
    text = PAGE.format("localhost").encode()
    chunks = b"".join(b"%x;x=y\r\n%b\r\n" % (1, text[n : n + 1]) for n in range(len(text)))
    whole = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\nX: y\r\n\r\n"
    manager = Manager(serve(whole, requests=2).url)
    assert manager.page() and manager.page()


@pytest.mark.parametrize(
    "junk",
    [
        b"",
        b"\r\n\r\n",
        b"\x16\x03\x01\x00\x01\xff",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200,
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n\xff\xfe",
        b"\xff" * 1000,
    ],
)
def test_garbage_is_unreachable(serve, junk):
    refused(serve(junk))


def test_a_foreign_page_is_said_to_be_one(serve):
    said = refused(serve(answer("<html><title>Welcome &amp; more</title></html>")))
    assert "this is no page of balancer-manager" in said and "Welcome & more" in said


def test_a_redirect_is_not_followed_and_its_target_is_shown_without_password(serve):
    other = serve(answer())
    target = f"Location: http://me:secret@127.0.0.1:{other.port}/elsewhere\r\n"
    said = refused(serve(answer("", "302 Found", target)))
    assert f"status 302 Found, to http://127.0.0.1:{other.port}/elsewhere" in said
    assert "manager_url" in said and "secret" not in said
    assert other.requests == []
    assert "to nowhere" in refused(serve(answer("", "301 Moved")))


def test_of_what_a_server_says_a_message_has_no_more_than_one_reads(serve):
    target = f"Location: http://elsewhere/{'x' * 9999}\r\n"
    assert len(refused(serve(answer("", f"302 {'Found' * 9999}", target)))) < 600


@pytest.mark.parametrize("chunked", [True, False])
def test_an_answer_without_end_is_given_up_at_12_mib(serve, chunked):
    part = b"x" * 2**20
    sent = 0

    def endless(connection: socket.socket) -> None:
        nonlocal sent
        head = "Transfer-Encoding: chunked" if chunked else "Content-Length: 99999999999"
        connection.sendall(f"HTTP/1.1 200 OK\r\n{head}\r\n\r\n".encode())
        for dummy in range(200):
            connection.sendall(b"100000\r\n" + part + b"\r\n" if chunked else part)
            sent += len(part)

    server = serve(endless)
    assert "the answer is larger than 12 MiB" in refused(server, timeout=60)
    # With what waits in buffers on the way.
    assert 12 * 2**20 <= sent + 2**20 < 40 * 2**20


def test_a_kept_connection_that_was_closed_is_opened_once_more(serve):
    server = serve(answer())
    manager = Manager(server.url)
    for dummy in range(3):
        assert manager.page().server_name == "localhost"
    manager.post("app", "n", [("w_ls", "7")], IPV4)
    assert len(server.requests) == 4
    assert server.connections == 4
    assert server.requests[-1].endswith(b"&nonce=n&w_ls=7")


def test_the_password_is_sent_once_it_was_asked_for_and_from_then_on(serve):
    asks = answer("", "401 Unauthorized", 'WWW-Authenticate: Digest x, basic realm="x"\r\n')
    replies = iter([asks, answer(), answer()])
    server = serve(lambda connection: connection.sendall(next(replies)) or None, requests=3)
    manager = Manager(server.url, username="ops", password="s3cret")
    manager.page()
    manager.post("app", "n", [("w_ls", "7")], IPV4)
    sent = [b"Authorization: Basic b3BzOnMzY3JldA==" in request for request in server.requests]
    assert sent == [False, True, True]


def test_the_password_is_sent_although_the_connection_ends_with_the_question(serve):
    asks = answer("", "401 Unauthorized", 'WWW-Authenticate: Basic realm="x"\r\n')
    server = serve(asks, answer())
    assert Manager(server.url, username="ops", password="s3cret").page().balancers["app"]
    assert [b"Authorization" in request for request in server.requests] == [False, True]


@pytest.mark.parametrize("status", ["200 OK", "401 Unauthorized", "404 Not Found"])
def test_an_application_that_does_not_ask_gets_no_password(with_passwords, serve, status):
    # A virtual host without balancer-manager, which is asked at the same address by its name.
    application = serve(answer("", status), requests=9)
    forwards = f"ProxyPass / http://127.0.0.1:{application.port}/\n"
    site = "<VirtualHost *:*>\nServerName {}\n{}</VirtualHost>\n".format
    own = with_passwords.root.joinpath("conf", "app.conf").read_text()
    loads = "".join(line for line in own.splitlines(True) if line.startswith("LoadModule"))
    with_passwords.stop()
    text = site("one.example.com", own.replace(loads, "")) + site("two.example.com", forwards)
    with_passwords.write("conf/app.conf", loads + text)
    with_passwords.start()
    manager = Manager(
        url(with_passwords.port),
        "one.example.com",
        username="\u00fcser",
        password="p\u00e4ss:w\u00f6rd",
    )
    assert manager.page().balancers["app"]
    with pytest.raises(Unreachable):
        manager.named("two.example.com").page()
    (request,) = application.requests
    assert b"Host: 127.0.0.1" in request and b"authorization" not in request.lower()


def test_a_connection_that_was_just_opened_is_not_tried_again(serve):
    server = serve(b"")
    refused(server)
    assert len(server.requests) == 1
    server = serve(answer(), b"")
    manager = Manager(server.url)
    manager.page()
    with pytest.raises(Unreachable):
        manager.post("app", "n", [("w_ls", "7")])
    assert len(server.requests) == 2


def test_a_kept_connection_that_breaks_within_an_answer_is_not_tried_again(serve):
    replies = iter([answer(), answer()[:-50]])
    server = serve(
        lambda connection: connection.sendall(next(replies)) or None, answer(), requests=2
    )
    manager = Manager(server.url)
    manager.page()
    with pytest.raises(Unreachable, match="breaks off"):
        manager.page()
    assert len(server.requests) == 2
    assert manager.page()


def test_a_post_that_fails_says_so(serve):
    manager = Manager(serve(answer(status="500 Oops")).url)
    with pytest.raises(Unreachable, match="status 500 Oops"):
        manager.post("app", "n", [("w_ls", "7")])
    manager = Manager(serve(answer(status="400 Bad Request")).url)
    with pytest.raises(Refused):
        manager.post("app", "n", [("w_ls", "7")])


@pytest.mark.parametrize("name", ["a&#10;b", "a&#13;&#10;X: y", " ", "a b", "\u00fc&#9;x"])
def test_a_page_cannot_put_a_header_into_the_next_request(serve, name):
    server = serve(answer(PAGE.format(name)), requests=2)
    manager = Manager(server.url)
    manager.page()
    manager.post("app", "n", [("w_ls", "7")])
    first, second = (
        [line.partition(b":")[0] for line in request.partition(b"\r\n\r\n")[0].splitlines()[1:]]
        for request in server.requests
    )
    assert set(second) - set(first) == {b"Content-Length", b"Content-Type"}
    assert second.count(b"Referer") == 1


def test_xml_that_is_html_leaves_the_counters_as_they_are(serve):
    manager = Manager(serve(answer(), requests=2).url)
    assert manager.page(counters=True).server_name == "localhost"
    assert manager.requests == 2


# What is sent.


def test_no_body_is_longer_than_httpd_reads_and_each_names_all_that_is_needed(serve):
    server = serve(answer(), requests=100)
    fields = [(f"w_{n}", "%" * (n % 70)) for n in range(100)]
    Manager(server.url).post("app", "n", fields, ESCAPED)
    bodies = [request.partition(b"\r\n\r\n")[2] for request in server.requests]
    start = b"b=app&w=http://127.0.0.1:3/a%252520b&nonce=n&"
    assert all(body.startswith(start) and len(body) <= 1024 for body in bodies)
    sent = [field.partition(b"=")[0] for body in bodies for field in body[len(start) :].split(b"&")]
    assert sent == [name.encode() for name, dummy in fields]
    assert all(len(one) + len(two) > 1024 for one, two in zip(bodies, bodies[1:]))


@pytest.mark.parametrize("length", range(960, 1000, 3))
def test_a_new_member_and_its_confirmation_are_never_parted(serve, length):
    server = serve(answer(), requests=2)
    manager = Manager(server.url)
    fields = [("b_tmo", "1"), ("b_nwrkr", "x" * length), ("b_wyes", "1")]
    try:
        manager.post("app", "n", fields)
    except Refused:
        assert server.requests == []
    else:
        assert sum(b"b_nwrkr=" in request for request in server.requests) == 1
        for request in server.requests:
            assert (b"b_nwrkr=" in request) == (b"&b_wyes=1" in request)


def test_requests_carry_the_name_as_host_and_referer(serve):
    server = serve(answer(PAGE.format("called.example.com")), requests=2)
    manager = Manager(server.url, server_name="asked.example.com:99")
    manager.page()
    manager.post("app", "n", [("w_ls", "7")])
    first, second = server.requests
    assert b"Host: asked.example.com:99\r\n" in first
    assert b"Referer: http://asked.example.com/\r\n" in first
    assert b"Referer: http://called.example.com/\r\n" in second
    assert b"Authorization" not in first + second


# Addresses.


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "balancer-manager",
        "ftp://localhost/",
        "http://",
        "http:///x",
        "http://localhost:99999/",
        "http://localhost:x/",
        "http://[::1/",
        "http://localhost/?b=app",
        "http://localhost/a b",
        "http://localhost/\r\nX: y",
        "http://localhost/\u00fc",
        "http://me:secret@localhost/",
        "http://me:secret@localhost:x/",
    ],
)
def test_an_address_that_cannot_be_is_refused_without_its_password(wrong):
    with pytest.raises(ManagerError) as caught:
        Manager(wrong)
    assert "manager_url" in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("wrong", ["a b", "a\r\nX: y", "\u00fc.example.com"])
def test_a_server_name_that_no_header_can_hold_is_refused(wrong):
    with pytest.raises(ManagerError, match="manager_server_name"):
        Manager(url(80), server_name=wrong)


@pytest.mark.parametrize("host", ["a..b", "x" * 64 + ".example", "no-such-host.invalid"])
def test_a_host_that_nobody_can_find_is_unreachable(host):
    with pytest.raises(Unreachable):
        Manager(f"http://{host}/balancer-manager", timeout=5).page()


def test_a_port_where_nobody_listens_is_said_to_refuse():
    with pytest.raises(Unreachable, match="connection refused; is httpd running"):
        Manager(url(free_port())).page()
