# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where balancer-manager is not reached, that is said, and a change of state that would not be one fails."""

from __future__ import annotations

import os
import signal
import socket
import time
from typing import Any

import pytest

from ansible_collections.webtier.apache_balancer.plugins.module_utils._namespaces import listening
from ansible_collections.webtier.apache_balancer.tests.support.modules import run
from ansible_collections.webtier.apache_balancer.tests.support.private_httpd import (
    MODULES,
    alive,
    free_port,
    wait_for,
)
from ansible_collections.webtier.apache_balancer.tests.support.proxy import (
    BODY,
    MANAGER,
    Proxy,
    vhost,
)

N1, N2, N3 = (f"http://127.0.0.1:{port}" for port in (1, 2, 3))
DISABLED = {"url": N1, "state": "disabled"}
CHANGES: dict[str, dict[str, Any]] = {
    "balancer_member": DISABLED,
    "balancer": {"name": "app", "members": [{"url": N1, "status": ["disabled"]}], "purge": []},
}


def at(port: int, name: str, body: str = BODY, manager: str = MANAGER) -> str:
    """Return a virtual host at one *port* alone."""
    return vhost(name, body, manager).replace("*:*", f"127.0.0.1:{port}")


@pytest.fixture()
def shop(proxy: Proxy) -> Proxy:
    """One virtual host at the address of httpd."""
    return proxy.start(at(proxy.httpd.port, "shop.example.com"))


def touch(proxy: Proxy) -> str:
    """Let a reload be needed, and return what the file says since."""
    with proxy.site.open("a") as file:
        file.write("# touched\n")
    return proxy.site.read_text()


def refused(proxy: Proxy, module: str, **options: Any) -> str:
    """Return why *module* fails; nothing may be written."""
    before = proxy.site.read_text()
    result = proxy.attempt(module, **{**CHANGES[module], **options})
    assert "msg" in result, result
    assert proxy.site.read_text() == before
    return str(result["msg"])


def warnings(result: dict[str, Any]) -> list[str]:
    """Return the warnings of *result*; later versions of Ansible give them as more than a text."""
    given = result.get("warnings", [])
    return [each["event"]["msg"] if isinstance(each, dict) else each for each in given]


@pytest.mark.parametrize("touched", [False, True], ids=["all loaded", "a reload is needed"])
@pytest.mark.parametrize("module", CHANGES)
class TestNothingIsWritten:
    def test_where_nobody_listens(self, shop: Proxy, module, touched):
        if touched:
            touch(shop)
        port = free_port()
        for url in (f"http://127.0.0.1:{port}/balancer-manager", f"http://127.0.0.2:{port}/x"):
            message = refused(shop, module, manager_url=url)
            assert f"manager_url: nobody listens at {url}; this httpd listens at" in message
            assert f"127.0.0.1:{shop.httpd.port}" in message and "answers for" not in message

    def test_where_the_files_have_no_virtual_host_of_their_own_for_an_address(
        self, proxy: Proxy, module, touched
    ):
        proxy.start(vhost("shop.example.com", BODY))
        if touched:
            touch(proxy)
        url = f"http://127.0.0.1:{free_port()}/balancer-manager"
        message = refused(proxy, module, manager_url=url)
        own = f"this httpd listens at 127.0.0.1:{proxy.httpd.port}"
        assert f"manager_url: nobody listens at {url}; {own}" in message

    def test_where_the_files_declare_no_balancer_manager(self, shop: Proxy, module, touched):
        if touched:
            touch(shop)
        url = shop.manager_url.replace("/balancer-manager", "/nowhere")
        assert "status 404" in refused(shop, module, manager_url=url)

    def test_where_another_virtual_host_answers(self, proxy: Proxy, module, touched):
        other = free_port()
        text = at(proxy.httpd.port, "shop.example.com") + at(other, "blog.example.com", "")
        proxy.start(f"Listen 127.0.0.1:{other}\n{text}")
        if touched:
            touch(proxy)
        url = f"http://127.0.0.1:{other}/balancer-manager"
        answers = f"{url} answers for the virtual host blog.example.com when asked for shop"
        assert answers in refused(proxy, module, manager_url=url)

    @pytest.mark.parametrize("url", ["127.0.0.1:8008/balancer-manager", "/balancer-manager", "x"])
    def test_where_the_address_is_none(self, shop: Proxy, module, touched, url):
        if touched:
            touch(shop)
        write = "is not possible; write http://host[:port]/path or https://..."
        for options in ({}, {"target": "config"}):
            message = refused(shop, module, manager_url=url, **options)
            assert message == f"manager_url: {url} {write}"


@pytest.mark.parametrize("module", ["balancer_info", "graceful_reload", "sticky_check"])
def test_an_address_that_is_none_is_refused_by_who_only_looks_as_well(shop: Proxy, module):
    options = {"sticky_check": {"url": f"http://127.0.0.1:{shop.httpd.port}/app"}}
    given = shop.options(module, manager_url="127.0.0.1:8008/x", **options.get(module, {}))
    if module == "sticky_check":
        given.pop("httpd")
    said = "manager_url: 127.0.0.1:8008/x is not possible; write http://host[:port]/path"
    assert run(module, **given)["msg"].startswith(said)


class TestAWarning:
    def test_names_the_virtual_host_that_was_not_reached(self, proxy: Proxy):
        proxy.start(vhost("one.example.com", BODY) + vhost("two.example.com", BODY, manager=""))
        result = proxy.run("balancer_member", **DISABLED)
        (warning,) = warnings(result)
        assert warning.startswith("balancer://app of two.example.com: the running httpd goes on")
        assert "graceful_reload" in warning and result["not_reached"][0]["reason"] in warning
        assert [row["vhost"] for row in result["not_reached"]] == ["two.example.com"]
        assert warnings(proxy.run("balancer_member", **DISABLED, vhost="one.example.com")) == []

    def test_comes_where_balancers_are_shown_as_well(self, shop: Proxy):
        url = f"http://127.0.0.1:{free_port()}/balancer-manager"
        result = shop.run("balancer_info", manager_url=url)
        (warning,) = warnings(result)
        assert warning.startswith("balancer://app of shop.example.com: how it runs is not known")
        assert "nobody listens at" in warning
        assert set(result["not_reached"][0]) == {"balancer", "vhost", "reason"}
        shop.httpd.stop()
        assert warnings(shop.run("balancer_info", manager_url=url)) == []


class TestWhatIsToBeLoaded:
    """What the files declare and the running httpd has not loaded is no failure, and a warning."""

    @pytest.fixture()
    def plain(self, proxy: Proxy) -> Proxy:
        """A proxy without a balancer-manager, and files that declare one."""
        return proxy.start(at(proxy.httpd.port, "shop.example.com", manager=""))

    def changed(self, proxy: Proxy, **options: Any) -> dict[str, Any]:
        result = proxy.run("balancer_member", **DISABLED, **options)
        assert [c["layer"] for c in result["changes"]] == ["config"], result
        assert result["reload_required"] is True
        (warning,) = warnings(result)
        assert "shop.example.com: the running httpd goes on as before" in warning
        return result

    def test_is_a_balancer_manager(self, plain: Proxy):
        plain.site.write_text(at(plain.httpd.port, "shop.example.com"))
        self.changed(plain)

    def test_is_an_address(self, plain: Proxy):
        port = free_port()
        text = plain.site.read_text().replace(
            f"<VirtualHost 127.0.0.1:{plain.httpd.port}>",
            f"Listen 127.0.0.1:{port}\n<VirtualHost 127.0.0.1:{plain.httpd.port} 127.0.0.1:{port}>",
        )
        plain.site.write_text(text.replace("ServerName", f"{MANAGER}ServerName"))
        self.changed(plain, manager_url=f"http://127.0.0.1:{port}/balancer-manager")

    def test_is_an_address_that_waits_for_a_module(self, proxy: Proxy):
        # As that of Debian's ports.conf waits for mod_ssl: the file is old, and now it says more.
        port = free_port()
        listen = f"<IfModule status_module>\nListen 127.0.0.1:{port}\n</IfModule>\n"
        proxy.httpd.write("conf/ports.conf", listen)
        modules = proxy.httpd.write("conf/m.conf", "")
        text = at(proxy.httpd.port, "shop.example.com", manager="")
        proxy.start(text)
        modules.write_text(f"LoadModule status_module {MODULES}/mod_status.so\n")
        text = text.replace(f":{proxy.httpd.port}>", f":{proxy.httpd.port} 127.0.0.1:{port}>")
        proxy.site.write_text(text.replace("ServerName", f"{MANAGER}ServerName"))
        self.changed(proxy, manager_url=f"http://127.0.0.1:{port}/balancer-manager")

    def test_is_a_site_that_was_there_and_is_linked_now(self, proxy: Proxy):
        body = BODY.replace("app", "blog")
        there = proxy.httpd.write(
            "available/blog.conf", at(proxy.httpd.port, "blog.example.com", body)
        )
        proxy.start(at(proxy.httpd.port, "shop.example.com"))
        link = str(proxy.httpd.root / "conf" / "t.conf")
        result = proxy.run(
            "configuration",
            files=[{"path": link, "state": "link", "link": str(there)}],
            balancers=[{**CHANGES["balancer"], "name": "blog"}],
        )
        assert [row["vhost"] for row in result["not_reached"]] == ["blog.example.com"]
        assert os.readlink(link) == str(there) and result["reload_required"] is True

    def test_is_a_virtual_host(self, plain: Proxy):
        body = BODY.replace("app", "blog")
        first = plain.site.read_text().replace("shop", "first").replace("//app", "//first")
        plain.site.write_text(first + at(plain.httpd.port, "shop.example.com", body))
        self.changed(plain, balancer="blog")

    def test_may_stand_in_a_macro(self, plain: Proxy):
        modules = f"LoadModule macro_module {MODULES}/mod_macro.so\n"
        text = at(plain.httpd.port, "shop.example.com", manager="Use Manager\n")
        plain.site.write_text(f"{modules}<Macro Manager>\n{MANAGER}</Macro>\n{text}")
        self.changed(plain)

    def test_is_written_with_the_balancers(self, plain: Proxy):
        shared = plain.httpd.write("shared.inc", BODY)
        plain.site.write_text(
            at(plain.httpd.port, "shop.example.com", f"Include {shared}\n", manager="")
        )
        plain.reload()
        text = at(plain.httpd.port, "shop.example.com", f"Include {shared}\n")
        result = plain.run(
            "configuration",
            files=[{"path": str(plain.site), "content": text}],
            balancers=[CHANGES["balancer"]],
        )
        assert [row["vhost"] for row in result["not_reached"]] == ["shop.example.com"]
        assert len(warnings(result)) == 1 and result["reload_required"] is True

    @pytest.mark.parametrize("where", ["the balancer", "another file"])
    def test_is_no_balancer_manager_that_is_loaded_already(self, proxy: Proxy, where):
        shared = proxy.httpd.write("shared.inc", BODY)
        other = proxy.httpd.write("conf/other.conf", "")
        manager = MANAGER.replace("Require local", "Require all denied")
        include = f"    Include {shared}\n"
        proxy.start(at(proxy.httpd.port, "shop.example.com", include, manager))
        touched = shared if where == "the balancer" else other
        touched.write_text(f"{touched.read_text()}# touched\n")
        assert "status 403" in refused(proxy, "balancer_member")
        assert "status" not in shared.read_text()

    def test_is_no_balancer_manager_that_the_last_reload_has_loaded(self, proxy: Proxy):
        # Its own file is newer, and says the same of it as before.
        denied = MANAGER.replace("Require local", "Require all denied")
        proxy.start(at(proxy.httpd.port, "shop.example.com", manager=denied))
        proxy.reload()
        touch(proxy)
        assert "status 403" in refused(proxy, "balancer_member")
        # Somebody else's reload leaves nothing that is known.
        proxy.httpd.reload()
        touch(proxy)
        self.changed(proxy)

    def test_is_no_address_that_httpd_has_given_up(self, proxy: Proxy):
        # As after graceful-stop: it waits for its requests, and listens no more.
        with socket.create_server(("127.0.0.1", 0)) as node, socket.socket() as client:
            body = BODY.replace(f"{N2} ", f"http://127.0.0.1:{node.getsockname()[1]} ")
            body = body.replace("growth=5", "stickysession=S")
            # Without PidFile it is told by the second of its start what it has loaded.
            time.sleep(1.6)
            proxy.start(at(proxy.httpd.port, "shop.example.com", body))
            client.connect(("127.0.0.1", proxy.httpd.port))
            client.sendall(b"GET /app HTTP/1.0\r\nHost: shop.example.com\r\nCookie: S=x.n2\r\n\r\n")
            node.accept()
            touch(proxy)
            pid = proxy.httpd.pid
            os.kill(pid, signal.SIGWINCH)
            wait_for(
                lambda: not any(one.port == proxy.httpd.port for one in listening()), "its end"
            )
            try:
                assert "nobody listens at" in refused(proxy, "balancer_member")
            finally:
                os.kill(pid, signal.SIGTERM)
                wait_for(lambda: not alive(pid), f"the end of {pid}")

    def test_does_not_ask_for_a_password(self, proxy: Proxy):
        loads = "".join(
            f"LoadModule {name}_module {MODULES}/mod_{name}.so\n"
            for name in ("authn_core", "authn_file", "auth_basic", "authz_user")
        )
        users = proxy.httpd.write("users", "")
        locked = f"AuthType Basic\nAuthName x\nAuthUserFile {users}\nRequire user ops"
        site = loads + at(
            proxy.httpd.port, "shop.example.com", manager=MANAGER.replace("Require local", locked)
        )
        proxy.start(site)
        touch(proxy)
        assert "status 401" in refused(proxy, "balancer_member")
