# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.webtier.apache_balancer.plugins.plugin_utils._adopt.sites import adopt

FILE = "/etc/httpd/conf.d/shop.conf"
MAIN = "/etc/httpd/conf/httpd.conf"


def directive(name, text, line=9, *inside):
    found = {"name": name, "text": text, "file": FILE, "line": line}
    return {**found, "directives": list(inside)} if inside else found


def vhost(*directives, **options):
    return {
        "vhost": "shop.example.com",
        "file": FILE,
        "line": 1,
        "addresses": ["*:80"],
        "server_name": "shop.example.com",
        "server_aliases": [],
        "inherited": {},
        "directives": list(directives),
        **options,
    }


def balancer(**options):
    return {
        "name": "shop",
        "vhost": "shop.example.com",
        "file": FILE,
        "line": 3,
        "parameters": {},
        "references": [],
        "members": [{"url": "http://n1", "config": {}, "file": FILE, "line": 4}],
        **options,
    }


NOTHING = {
    "balancers": [],
    "vhosts": [],
    "listen": [],
    "config_files": [],
    "server_directives": [],
    "server_root": "/etc/httpd",
    "shared": [],
    "inactive": [],
    "problems": [],
}


def adopted(*vhosts, balancers=(), listen=(), files=(MAIN, FILE), outside=(), **more):
    return adopt(
        {
            **NOTHING,
            "balancers": list(balancers) or [balancer()],
            "vhosts": list(vhosts),
            "listen": [{"address": each, "file": MAIN, "line": 2} for each in listen],
            "config_files": list(files),
            "server_directives": list(outside),
            **more,
        }
    )


FORWARD = directive("ProxyPass", "/ balancer://shop/")
REVERSE = directive("ProxyPassReverse", "/ balancer://shop/")


def test_a_host_without_balancers_has_nothing_to_adopt():
    found = adopt(NOTHING)
    assert found.variables == {
        "load_balancer_sites": [],
        "load_balancer_existing_listen": [],
        "load_balancer_replaces": [],
    }
    assert found.notes == []


def test_a_virtual_host_without_a_name_is_not_adopted():
    found = adopted(vhost(FORWARD, server_name="", vhost="*:80"))
    assert found.variables["load_balancer_sites"] == []
    assert found.variables["load_balancer_replaces"] == []
    assert f"{FILE}:1: it has no ServerName" in found.notes[0]


def test_httpds_main_file_is_not_replaced():
    found = adopted(vhost(FORWARD), files=[FILE])
    assert found.variables["load_balancer_replaces"] == []
    assert "it stands in httpd's main file" in found.notes[-1]


def test_listen_lines_that_stay_are_named():
    found = adopted(vhost(FORWARD), listen=["80", "10.0.0.1:443"])
    assert found.variables["load_balancer_existing_listen"] == ["80", "10.0.0.1:443"]


def test_how_tls_is_spoken_stays_as_it_was():
    certificate = directive("SSLCertificateFile", "/etc/ssl/shop.pem")
    tls = [directive("SSLEngine", "on"), certificate, directive("SSLProtocol", "all -SSLv3")]
    secure = adopted(vhost(*tls, FORWARD, addresses=["*:443"])).variables
    assert secure["load_balancer_tls_profile"] == "system"
    assert secure["load_balancer_sites"][0]["extra"] == "SSLProtocol all -SSLv3\n"
    assert "load_balancer_tls_profile" not in adopted(vhost(FORWARD)).variables


@pytest.mark.parametrize(
    ("address", "listen"),
    [
        ("*:8080", "8080"),
        ("_default_:443", "443"),
        ("10.0.0.1:80", "10.0.0.1:80"),
        ("[fd00::1]:80", "[fd00::1]:80"),
    ],
)
def test_an_address_is_one_to_listen_on(address, listen):
    (site,) = adopted(vhost(FORWARD, addresses=[address])).variables["load_balancer_sites"]
    assert site["listen"] == [listen]


@pytest.mark.parametrize(
    "text",
    [
        "/ balancer://shop",  # the slashes do not match
        "/x/ balancer://shop/x/ nocanon",
        '"/a b/" balancer://shop/a/',
        "/x/ http://other/",
        "/x/ balancer://elsewhere/x/",
    ],
)
def test_a_line_that_no_option_can_say_stays_as_it_is(text):
    (site,) = adopted(vhost(directive("ProxyPass", text))).variables["load_balancer_sites"]
    assert site["proxy_pass"] == []
    assert site["extra"] == f"ProxyPass {text}\n"


def test_sections_stay_in_order_with_what_is_in_them():
    rule = directive("Require", "local", 21)
    (site,) = adopted(
        vhost(directive("Header", "set X-A b"), FORWARD, directive("Location", '"/x"', 20, rule))
    ).variables["load_balancer_sites"]
    assert site["extra"] == 'Header set X-A b\n<Location "/x">\n    Require local\n</Location>\n'


def test_what_else_stands_in_the_section_of_a_balancer_stays():
    member = directive("BalancerMember", "http://n1", 4)
    section = directive(
        "Proxy", '"balancer://shop"', 3, member, directive("Require", "all granted")
    )
    (site,) = adopted(vhost(section, FORWARD)).variables["load_balancer_sites"]
    assert site["extra"] == '<Proxy "balancer://shop">\n    Require all granted\n</Proxy>\n'


def test_members_outside_of_sections_are_the_balancer_wherever_their_parameters_stand():
    lines = (
        "balancer://shop http://n1 route=a",
        '"balancer://shop" http://n1',
        "route=a balancer://shop http://n1",
    )
    members = [directive("BalancerMember", text, 4) for text in lines]
    (site,) = adopted(vhost(*members, FORWARD)).variables["load_balancer_sites"]
    assert "extra" not in site


def test_two_virtual_hosts_of_one_name_are_two_sites():
    first = vhost(FORWARD)
    second = vhost(FORWARD, addresses=["*:8080"], line=30, vhost="shop.example.com:8080")
    both = [balancer(), balancer(vhost="shop.example.com:8080")]
    sites = adopted(first, second, balancers=both).variables["load_balancer_sites"]
    assert [site["name"] for site in sites] == ["shop.example.com", "shop.example.com-2"]


def test_a_balancer_that_nobody_uses_is_told_of():
    found = adopted(vhost(FORWARD), balancers=[balancer(), balancer(name="old", vhost="_main")])
    assert any("balancer://old stands outside" in note for note in found.notes)


def test_several_certificates_are_told_of():
    files = [directive("SSLCertificateFile", f"/etc/{kind}.pem") for kind in ("rsa", "ecdsa")]
    found = adopted(vhost(directive("SSLEngine", "On"), *files, FORWARD, addresses=["*:443"]))
    assert any("it has 2 SSLCertificateFile" in note for note in found.notes)


@pytest.mark.parametrize(
    ("text", "said"), [("60", {"timeout": 60}), ("60s", {"extra": "ProxyTimeout 60s\n"})]
)
def test_a_timeout_with_a_unit_stays_as_it_is(text, said):
    (site,) = adopted(vhost(directive("ProxyTimeout", text), FORWARD)).variables[
        "load_balancer_sites"
    ]
    assert {key: site[key] for key in ("timeout", "extra") if key in site} == said


def test_a_file_with_more_than_virtual_hosts_stays_and_that_is_said():
    found = adopted(vhost(FORWARD), outside=[directive("LogFormat", '"%h" mine', 2)])
    assert found.variables["load_balancer_replaces"] == []
    assert found.notes[-1].startswith(f"{FILE}:2: LogFormat stands outside of the virtual hosts")


@pytest.mark.parametrize(("url", "kept"), [("http://n1", True), ("https://n1", False)])
def test_tls_to_backends_stays_on_where_the_role_does_not_switch_it_on(url, kept):
    member = {"url": url, "config": {}, "file": FILE, "line": 4}
    engine = directive("SSLProxyEngine", "On")
    found = adopted(vhost(engine, FORWARD), balancers=[balancer(members=[member])])
    (site,) = found.variables["load_balancer_sites"]
    assert ("SSLProxyEngine On\n" in site.get("extra", "")) is kept


def test_a_server_name_with_a_scheme_is_told_of():
    found = adopted(vhost(FORWARD, server_name="https://shop.example.com"))
    assert "its ServerName has a scheme" in found.notes[0]
    assert found.variables["load_balancer_sites"][0]["server_name"] == "shop.example.com"


def test_what_the_main_server_says_is_said_by_the_site_where_the_role_would_say_otherwise():
    everywhere = directive("Directory", '"/"', 5, directive("AllowOverride", "All", 6))
    main = [directive("ProxyPreserveHost", "On", 4), directive("ProxyTimeout", "7", 5), everywhere]
    found = adopted(vhost(FORWARD), outside=[{**each, "file": MAIN} for each in main])
    (site,) = found.variables["load_balancer_sites"]
    assert site["preserve_host"] is True and "timeout" not in site
    assert site["extra"] == '<Directory "/">\n    AllowOverride All\n</Directory>\n'
    (site,) = adopted(
        vhost(directive("ProxyPreserveHost", "Off"), FORWARD), outside=main
    ).variables["load_balancer_sites"]
    assert site["preserve_host"] is False


def test_a_certificate_of_the_main_server_is_the_one_of_the_site():
    main = [
        directive("SSLCertificateFile", "conf/all.pem", 4),
        directive("SSLCertificateKeyFile", '"/etc/all key.pem"', 4),
    ]
    found = adopted(vhost(directive("SSLEngine", "On"), FORWARD), outside=main, files=[MAIN])
    (site,) = found.variables["load_balancer_sites"]
    assert site["tls"]["certificate"] == "/etc/httpd/conf/all.pem"
    assert site["tls"]["key"] == "/etc/all key.pem"


def test_a_port_of_the_server_name_that_is_another_one_is_told_of():
    found = adopted(vhost(FORWARD, server_name="shop.example.com:443"))
    assert "its ServerName has a port, shop.example.com:443" in found.notes[0]
    assert adopted(vhost(FORWARD, REVERSE, server_name="shop.example.com:80")).notes == []


@pytest.mark.parametrize("outside", [True, False])
def test_an_open_proxy_is_told_of(outside):
    on = directive("ProxyRequests", "On", 2)
    found = (
        adopted(vhost(FORWARD), outside=[{**on, "file": MAIN}])
        if outside
        else adopted(vhost(on, FORWARD))
    )
    assert "ProxyRequests On makes it an open proxy" in found.notes[0]


@pytest.mark.parametrize("address", ["*", "*:*", "_default_:*"])
def test_an_address_without_port_is_each_port_and_that_is_said(address):
    found = adopted(vhost(FORWARD, addresses=[address]), listen=["80", "10.0.0.1:8080"])
    (site,) = found.variables["load_balancer_sites"]
    assert site["listen"] == ["80", "8080"]
    assert f"its address {address} stands for each port" in found.notes[0]


def test_sites_of_a_port_on_which_httpd_listens_at_some_addresses_add_none():
    found = adopted(vhost(FORWARD), listen=["10.0.0.1:80", "127.0.0.1:80", "[::]:81"])
    assert found.variables["load_balancer_sites"][0]["listen"] == ["80"]
    assert found.variables["load_balancer_existing_listen"] == [
        "10.0.0.1:80",
        "127.0.0.1:80",
        "81",
        "80",
    ]


def test_listen_lines_that_go_are_among_the_addresses_with_those_that_stay():
    lines = [
        {"address": "10.0.0.1:80", "file": FILE, "line": 1},
        {"address": "10.0.0.2:80", "file": MAIN, "line": 1},
    ]
    found = adopted(vhost(FORWARD), listen=["10.0.0.2:80"], **{"files": (MAIN, FILE)})
    assert found.variables["load_balancer_sites"][0]["listen"] == ["80"]
    info = {**NOTHING, "vhosts": [vhost(FORWARD)], "balancers": [balancer()], "listen": lines}
    variables = adopt({**info, "config_files": [MAIN, FILE]}).variables
    assert variables["load_balancer_sites"][0]["listen"] == ["10.0.0.1:80", "10.0.0.2:80"]
    assert variables["load_balancer_existing_listen"] == ["10.0.0.2:80"]


OTHER = "/etc/httpd/conf.d/other.conf"
DEBIAN = "/etc/apache2/sites-enabled/"


def other(**options):
    names = {"vhost": "static.example.com", "server_name": "static.example.com", "file": OTHER}
    return vhost(**{**names, **options})


@pytest.mark.parametrize(
    ("before", "swapped"), [("000-default", False), ("b-static", False), ("n-static", True)]
)
def test_another_virtual_host_that_answers_unknown_names_is_told_of(before, swapped):
    # load_balancer.conf is read after a file whose name comes first.
    static = other(file=f"{DEBIAN}{before}.conf")
    shop = vhost(FORWARD, file=f"{DEBIAN}x-shop.conf")
    files = [MAIN, static["file"], shop["file"]]
    found = adopted(static, shop, files=files)
    said = [note for note in found.notes if "the first virtual host at *:80" in note]
    assert len(said) == swapped
    assert all(f"with the role shop.example.com ({shop['file']}:1) does" in note for note in said)


def test_a_wildcard_that_would_take_the_names_of_another_site_is_told_of():
    shop = vhost(FORWARD, file=f"{DEBIAN}a-shop.conf")
    wild = other(file=f"{DEBIAN}b-wild.conf", server_aliases=["*.example.com"])
    first = other(file=f"{DEBIAN}000.conf", server_name="first.example.org", vhost="first")
    files = [MAIN, first["file"], shop["file"], wild["file"]]
    found = adopted(first, shop, wild, files=files)
    (note,) = [each for each in found.notes if "it stands before" in each]
    assert note.startswith(f"{shop['file']}:1: at *:80 it stands before static.example.com")


def test_debians_own_site_stays_on_where_it_is_on():
    default = other(file=f"{DEBIAN}000-default.conf")
    shop = vhost(FORWARD, file=f"{DEBIAN}shop.conf")
    found = adopted(default, shop, files=[MAIN, default["file"], shop["file"]])
    assert found.variables["load_balancer_default_site"] is True
    assert "load_balancer_default_site" not in adopted(shop, files=[MAIN, shop["file"]]).variables


def test_what_other_files_use_keeps_its_file_and_that_of_what_it_uses():
    third = "/etc/httpd/conf.d/third.conf"
    shared = [
        {"directive": "Define", "name": "A", "file": FILE, "line": 1, "used_in": [third]},
        {"directive": "Macro", "name": "B", "file": third, "line": 1, "used_in": [OTHER]},
    ]
    found = adopted(
        vhost(FORWARD),
        vhost(FORWARD, file=third, server_name="b.example.com", vhost="b.example.com"),
        balancers=[balancer(), balancer(vhost="b.example.com")],
        files=[MAIN, FILE, OTHER, third],
        shared=shared,
    )
    assert found.variables["load_balancer_replaces"] == []
    assert any(note.startswith(f"{third}:1: Macro B is used in {OTHER}") for note in found.notes)
    assert any(note.startswith(f"{FILE}:1: Define A is used in {third}") for note in found.notes)


def test_a_section_that_is_switched_off_is_told_of():
    off = {"section": "<IfDefine SPARE>", "file": FILE, "line": 30}
    found = adopted(vhost(FORWARD, REVERSE), inactive=[off, {**off, "file": OTHER}])
    assert found.notes == [
        f"{FILE}:30: <IfDefine SPARE> is switched off here, and what is in it goes away with this file"
    ]


def test_what_the_role_refuses_is_told_of():
    member = {"url": "http://n1", "config": {}, "file": FILE, "line": 4}
    sticky = balancer(parameters={"stickysession": "SID"}, members=[member])
    found = adopted(vhost(FORWARD), vhost(FORWARD, line=20), balancers=[sticky])
    assert any("member http://n1 has no route" in note for note in found.notes)
    assert any(
        note.startswith(f"{FILE}:20: the role refuses this as it is: requests for shop.example.com")
        for note in found.notes
    )


def test_a_file_of_the_distribution_is_not_replaced():
    ssl = "/etc/httpd/conf.d/ssl.conf"
    found = adopted(vhost(FORWARD, REVERSE, file=ssl), files=[MAIN, ssl])
    assert found.variables["load_balancer_replaces"] == []
    assert "it stands in a file of the distribution" in found.notes[0]


@pytest.mark.parametrize(
    ("reverse", "told"),
    [
        (directive("ProxyPassReverse", "/ balancer://SHOP/"), False),
        (directive("Location", "/", 9, directive("ProxyPassReverse", "balancer://shop/")), False),
        (directive("ProxyPassReverse", "/ http://10.0.0.1/"), True),
        (directive("ProxyPassReverse", "/x/ balancer://shop/x/"), True),
    ],
)
def test_a_reversal_that_the_role_adds_is_told_of(reverse, told):
    notes = adopted(vhost(FORWARD, reverse)).notes
    assert [
        each for each in notes if "it has no ProxyPassReverse / balancer://shop/" in each
    ] == notes
    assert len(notes) == told


def test_a_reversal_of_cookies_that_the_role_adds_is_told_of():
    lines = [directive("ProxyPass", "/A balancer://shop/V2")]
    lines += [directive("ProxyPassReverse", "/A balancer://shop/V2")]
    (note,) = adopted(vhost(*lines)).notes
    assert "it has no ProxyPassReverseCookiePath /V2 /A," in note
    assert "write the ProxyPass lines into extra" in note
    lines += [directive("ProxyPassReverseCookiePath", "/V2 /A")]
    found = adopted(vhost(*lines))
    assert found.notes == [] and "extra" not in found.variables["load_balancer_sites"][0]


@pytest.mark.parametrize(
    ("paths", "kept"),
    [("/app /", False), ("/app/ /", False), ("/app/ /x/", True), ("/apple /", True)],
)
def test_a_cookie_path_that_the_role_turns_back_is_not_kept(paths, kept):
    forward = directive("ProxyPass", "/ balancer://shop/app/")
    cookie = directive("ProxyPassReverseCookiePath", paths)
    (found,) = adopted(vhost(forward, cookie)).variables["load_balancer_sites"]
    assert found["proxy_pass"] == [{"path": "/", "balancer": "shop", "backend_path": "/app/"}]
    assert ("ProxyPassReverseCookiePath" in found.get("extra", "")) is kept


def test_a_neighbour_that_is_not_asked_any_more_is_told_of():
    listen = [{"address": "10.0.0.1:80", "file": FILE, "line": 1}]
    found = adopted(
        vhost(FORWARD, REVERSE),
        other(addresses=["*:80"], line=7),
        listen=[],
        **{"files": [MAIN, FILE, OTHER]},
    )
    assert found.notes == []
    info = {**NOTHING, "vhosts": [vhost(FORWARD, REVERSE), other(addresses=["*:80"], line=7)]}
    info.update(balancers=[balancer()], listen=listen, config_files=[MAIN, FILE, OTHER])
    (note,) = adopt(info).notes
    assert note.startswith(
        f"{FILE}:1: it is to stand at 10.0.0.1:80, where httpd listens, and then static"
    )


def test_a_redirect_that_comes_first_with_its_site_is_told_of():
    redirect = directive("Redirect", "permanent / https://shop.example.com/")
    engine = [directive("SSLEngine", "On"), directive("SSLCertificateFile", "/c")]
    tls = vhost(*engine, FORWARD, REVERSE, addresses=["*:443"])
    blog = vhost(FORWARD, REVERSE, line=20, vhost="blog", server_name="blog.example.com")
    plain = vhost(redirect, line=30, vhost="shop.example.com:80")
    found = adopted(tls, blog, plain, balancers=[balancer(), balancer(vhost="blog")])
    (note,) = found.notes
    assert note.startswith(f"{FILE}:20: it is the first virtual host at *:80")


def test_bytes_that_are_no_text_are_told_of():
    found = adopted(vhost(directive("Header", r"set X caf\xe9", 12), FORWARD, REVERSE))
    (note,) = found.notes
    assert note.startswith(f"{FILE}:12: Header has bytes that are no UTF-8")


def test_a_balancer_that_another_virtual_host_uses_too_stays_and_that_is_said():
    pools = "/etc/httpd/conf.d/pools.conf"
    section = directive("Proxy", "balancer://shop", 1, directive("BalancerMember", "http://n1", 2))
    inherits = {"inherited": {"shop": {}}}
    found = adopted(
        vhost(FORWARD, REVERSE, **inherits),
        other(directives=[FORWARD], server_name="", **inherits),
        balancers=[balancer(vhost="_main", file=pools)],
        outside=[{**section, "file": pools}],
        files=[MAIN, pools, FILE, OTHER],
    )
    assert found.variables["load_balancer_replaces"] == [FILE]
    assert any(
        "static.example.com is not taken over and uses balancer://shop too" in n
        for n in found.notes
    )


def test_a_route_cookie_of_the_main_server_that_stays_is_told_of():
    added = 'add Set-Cookie "R=.%{BALANCER_WORKER_ROUTE}e" env=BALANCER_ROUTE_CHANGED'
    line = {**directive("Header", added, 7), "file": MAIN}
    sticky = balancer(parameters={"stickysession": "R"})
    sticky["members"][0]["config"]["route"] = "a"
    found = adopted(vhost(FORWARD, REVERSE), balancers=[sticky], outside=[line])
    (note,) = found.notes
    assert note.startswith(f"{MAIN}:7: it issues a route cookie in all virtual hosts")


def test_a_line_outside_goes_only_where_it_is_an_option_of_all_that_it_holds_for():
    added = 'add Set-Cookie "R=.%{BALANCER_WORKER_ROUTE}e; Path=/; SameSite=Lax" env=BALANCER_ROUTE_CHANGED'
    pools = "/etc/httpd/conf.d/pools.conf"
    inside = directive("BalancerMember", "http://n1"), directive("Header", added)
    section = {**directive("Proxy", "balancer://shop", 1, *inside), "file": pools}
    edit = directive("Header", "edit Set-Cookie Lax Strict")
    for more, replaced in (((), [FILE, pools]), ((edit,), [FILE])):
        found = adopted(
            vhost(FORWARD, REVERSE, inherited={"shop": {"stickysession": "R"}}),
            vhost(*more, FORWARD, REVERSE, line=20, inherited={"shop": {"stickysession": "R"}}),
            balancers=[balancer(vhost="_main", parameters={"stickysession": "R"}, file=pools)],
            outside=[section],
            files=[MAIN, pools, FILE],
        )
        assert found.variables["load_balancer_replaces"] == replaced


def test_a_certificate_without_tls_is_told_of():
    certificate = directive("SSLCertificateFile", "/etc/ssl/shop.pem", 12)
    (note,) = adopted(vhost(certificate, FORWARD, REVERSE)).notes
    assert note.startswith(f"{FILE}:12: it has a certificate, but no SSLEngine On")
    off = directive("SSLEngine", "Off")
    assert adopted(vhost(off, certificate, FORWARD, REVERSE)).notes == []


@pytest.mark.parametrize(
    ("code", "line", "told"),
    [
        ("AB324", 9, True),
        ("AB324", 99, False),  # not of a virtual host that is taken over
        ("AB309", 9, False),  # advice
        ("AB314", 9, False),  # no more with the role
        ("AB305", 9, False),  # told of as a problem of the variables
    ],
)
def test_a_finding_is_told_of_where_the_role_would_stop_at_it(code, line, told):
    problem = {"code": code, "message": "It is so.", "fix": "Mend it.", "file": FILE, "line": line}
    said = f"{FILE}:{line}: the role refuses this as it is: {code} It is so. Mend it."
    assert adopted(vhost(FORWARD, REVERSE), problems=[problem]).notes == [said] * told


@pytest.mark.parametrize("code", ["AB304", "AB334"])
def test_what_nobody_means_is_told_of_though_the_role_takes_it(code):
    said = {"code": code, "message": "It is so.", "fix": "Mend it.", "file": FILE}
    for line in (9, 99):
        notes = adopted(vhost(FORWARD, REVERSE), problems=[{**said, "line": line}]).notes
        assert notes == [f"{FILE}:9: {code} It is so. Mend it."] * (line == 9)


@pytest.mark.parametrize("name", ["shop", "other"])
def test_what_nobody_means_of_a_balancer_outside_is_told_of_where_it_is_used(name):
    sticky = directive("ProxySet", "stickysession=PHPSESSID", 7)
    section = directive("Proxy", f"balancer://{name}", 3, sticky)
    said = {"message": "It is so.", "fix": "Mend it.", "file": FILE, "line": 7}
    balancers = [balancer(name=name, vhost="_main"), balancer(line=20)]
    for code in ("AB334", "AB303"):
        problem = {**said, "code": code}
        site = vhost(FORWARD, REVERSE, inherited={"shop": {}} if name == "shop" else {})
        notes = adopted(site, balancers=balancers, outside=[section], problems=[problem]).notes
        told = code == "AB334" and name == "shop"
        assert (f"{FILE}:7: AB334 It is so. Mend it." in notes) is told
        assert ("It is so" in str(notes)) is told
