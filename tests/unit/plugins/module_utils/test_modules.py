# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.webtier.apache_balancer.plugins.module_utils._fileset import FileSet
from ansible_collections.webtier.apache_balancer.plugins.module_utils._httpd.layout import (
    DEBIAN,
    REDHAT,
    SOURCE,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._instance import Instance
from ansible_collections.webtier.apache_balancer.plugins.module_utils._modules import (
    DROP_IN,
    ModuleError,
    ModuleWish,
    check_switched,
    switch_modules,
)

SHIPPED = ("proxy", "proxy_balancer", "slotmem_shm", "alias")
BUILT = (*SHIPPED, "proxy_hcheck", "watchdog", "session", "session_cookie")


class Host:
    """A host of the RedHat family: what its files load, what is built, and what stands in our own file."""

    def __init__(self, root):
        self.folder = root / "conf.modules.d"
        self.file = self.folder / DROP_IN
        for folder in ("conf.modules.d", "modules", "conf"):
            (root / folder).mkdir()
        lines = "".join(f"LoadModule {name}_module modules/mod_{name}.so\n" for name in SHIPPED)
        (self.folder / "00-base.conf").write_text(lines)
        for name in BUILT:
            (root / "modules" / f"mod_{name}.so").touch()
        facts = REDHAT._replace(
            server_root=str(root),
            config_file=str(root / "conf" / "httpd.conf"),
            modules_dir=str(root / "modules"),
            mods_enabled=str(self.folder),
        )
        self.instance = Instance("/usr/sbin/httpd", [], {}, facts)

    def loaded(self):
        ours = self.file.read_text() if self.file.exists() else ""
        return {
            f"{n}_module" for n in (*SHIPPED, *BUILT) if n in SHIPPED or f" {n}_module " in ours
        }

    def switch(self, *wishes, loaded=None):
        """Plan *wishes* and write what is planned; return whether there was anything."""
        planned = FileSet()
        switched = [ModuleWish(w.lstrip("-"), not w.startswith("-")) for w in wishes]
        switch_modules(
            self.instance, planned, switched, self.loaded() if loaded is None else loaded
        )
        for entry in planned.changed():
            assert entry.path == str(self.file)
            if entry.content is None:
                self.file.unlink()
            else:
                self.file.write_bytes(entry.content)
        return bool(planned.changed())

    def lines(self):
        if not self.file.exists():
            return None
        return [line for line in self.file.read_text().splitlines() if not line.startswith("#")]


@pytest.fixture
def host(tmp_path):
    return Host(tmp_path)


def test_what_the_distribution_loads_needs_no_line(host):
    assert not host.switch("proxy", "proxy_balancer")
    assert host.lines() is None


def test_a_module_is_loaded_by_our_file_after_what_it_needs(host):
    assert host.switch("proxy_hcheck")
    assert host.lines() == [
        "LoadModule watchdog_module modules/mod_watchdog.so",
        "LoadModule proxy_hcheck_module modules/mod_proxy_hcheck.so",
    ]
    assert not host.switch("proxy_hcheck", "proxy")


def test_a_second_wish_keeps_the_first(host):
    host.switch("proxy_hcheck")
    host.switch("session")
    assert len(host.lines()) == 3


def test_a_disabled_module_leaves_the_file_and_the_last_one_takes_the_file_along(host):
    host.switch("session_cookie")
    assert host.switch("-session_cookie")
    assert host.lines() == ["LoadModule session_module modules/mod_session.so"]
    assert host.switch("-session")
    assert host.lines() is None
    assert not host.switch("-session")


def test_a_module_that_another_one_needs_stays(host):
    host.switch("session_cookie")
    with pytest.raises(ModuleError, match="session_cookie is enabled and needs session; disable"):
        host.switch("-session")


def test_a_module_of_the_distribution_is_not_ours_to_disable(host):
    with pytest.raises(ModuleError, match=r"proxy is loaded by .*/00-base\.conf:1, which is not"):
        host.switch("-proxy")


def test_a_module_that_is_compiled_in_is_not_ours_to_disable(host):
    with pytest.raises(ModuleError, match="http is loaded by another file, or httpd itself"):
        host.switch("-http", loaded={"http_module"})


def test_a_module_of_another_package_is_named_with_it(host):
    with pytest.raises(ModuleError, match=r"no module ssl \(.*mod_ssl\.so .*; install mod_ssl$"):
        host.switch("ssl", loaded={"setenvif_module", "mime_module", "socache_shmcb_module"})


def test_a_module_that_nobody_knows_is_refused(host):
    with pytest.raises(ModuleError, match="no module nonsense .*install the package that has it"):
        host.switch("nonsense")


def test_our_line_goes_when_a_package_brings_its_own(host):
    host.switch("session")
    (host.folder / "01-session.conf").write_text(
        "LoadModule session_module modules/mod_session.so\n"
    )
    assert host.switch("session")
    assert host.lines() is None
    assert not host.switch("session", loaded=host.loaded() | {"session_module"})


def test_our_line_stays_beside_one_that_only_holds_on_a_condition(host):
    host.switch("session")
    (host.folder / "01-session.conf").write_text(
        "<IfDefine NEVER>\nLoadModule session_module modules/mod_session.so\n</IfDefine>\n"
    )
    assert not host.switch("session")


def test_where_httpd_cannot_be_asked_the_files_tell_what_is_loaded(host):
    host.switch("session")
    assert not host.switch("session", "proxy", loaded=set())


def test_a_folder_that_httpd_does_not_read_is_noticed(host):
    host.switch("session")
    with pytest.raises(ModuleError, match=r"session would not be loaded, .*include its folder"):
        check_switched(host.instance, FileSet(), {"proxy_module"})
    check_switched(host.instance, FileSet(), {"session_module"})


def test_a_private_httpd_is_told_the_lines_to_write(host):
    host.instance.arguments = ["-f", "/srv/own.conf"]
    with pytest.raises(ModuleError) as caught:
        host.switch("session_cookie")
    assert str(caught.value).splitlines()[1:] == [
        "  LoadModule session_module modules/mod_session.so",
        "  LoadModule session_cookie_module modules/mod_session_cookie.so",
    ]
    assert "/srv/own.conf" in str(caught.value)
    assert not host.switch("proxy")


def test_a_build_from_source_is_told_the_lines_to_write_and_to_remove():
    instance = Instance(SOURCE.binary, [], {}, SOURCE)
    with pytest.raises(
        ModuleError, match="LoadModule slotmem_shm_module modules/mod_slotmem_shm.so"
    ):
        switch_modules(instance, FileSet(), [ModuleWish("proxy_balancer")], {"proxy_module"})
    with pytest.raises(
        ModuleError, match="remove the LoadModule lines from /usr/local/apache2/conf"
    ):
        switch_modules(instance, FileSet(), [ModuleWish("proxy", False)], {"proxy_module"})


def test_those_that_httpd_has_are_told_where_there_is_no_module_of_an_lbmethod(host, tmp_path):
    own = "lbmethod_byrequests, lbmethod_bytraffic, lbmethod_bybusyness and lbmethod_heartbeat"
    with pytest.raises(ModuleError, match=f"httpd's own are {own}"):
        host.switch("lbmethod_byrequest")
    layout = DEBIAN._replace(server_root=str(tmp_path), config_file=str(tmp_path / "apache2.conf"))
    debian = Instance(layout.binary, [], {}, layout)
    with pytest.raises(ModuleError, match=f"httpd's own are {own}"):
        switch_modules(debian, FileSet(), [ModuleWish("lbmethod_byrequest")], set())


def test_where_httpd_cannot_say_what_it_has_a_module_without_a_file_may_be_compiled_in(tmp_path):
    for folder in ("mods-available", "mods-enabled"):
        (tmp_path / folder).mkdir()
    (tmp_path / "mods-available/proxy.load").write_text("LoadModule proxy_module /m/mod_proxy.so\n")
    layout = DEBIAN._replace(server_root=str(tmp_path), config_file=str(tmp_path / "apache2.conf"))
    instance = Instance(layout.binary, [], {}, layout)
    planned = FileSet()
    switch_modules(instance, planned, [ModuleWish("watchdog"), ModuleWish("proxy")], None)
    assert [entry.path for entry in planned] == [str(tmp_path / "mods-enabled/proxy.load")]
    with pytest.raises(ModuleError, match="there is no module watchdog"):
        switch_modules(instance, planned, [ModuleWish("watchdog")], set())
    switch_modules(Instance(SOURCE.binary, [], {}, SOURCE), planned, [ModuleWish("proxy")], None)
