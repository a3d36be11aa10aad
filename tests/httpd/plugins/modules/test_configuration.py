# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import subprocess

import pytest

from ansible_collections.webtier.apache_balancer.tests.support.modules import run
from ansible_collections.webtier.apache_balancer.tests.support.private_httpd import (
    BALANCER,
    PrivateHttpd,
    free_port,
)

GOOD = "<Proxy balancer://app>\nBalancerMember http://127.0.0.1:1011 route=a\n</Proxy>\n"


@pytest.fixture()
def running(httpd):
    """An httpd that serves one balancer."""
    httpd.write("conf/app.conf", GOOD + 'ProxyPass "/" "balancer://app/"\n')
    return httpd.start()


def everything(httpd):
    """All files of the configuration with their bytes and times."""
    return {
        path: (path.read_bytes(), path.stat().st_mtime_ns)
        for path in sorted(httpd.root.rglob("*"))
        if path.is_file() and "logs" not in path.parts and "run" not in path.parts
    }


def refused(httpd, configuration, passes_the_test=True, **options):
    """The message of a refusal that left every file as it was and httpd serving."""
    before, pid, children = everything(httpd), httpd.pid, httpd.children()
    result = configuration(**options)
    assert result.get("failed") is True, result
    assert everything(httpd) == before
    assert (httpd.pid, httpd.children()) == (pid, children)
    assert httpd.get("/").status == 503
    if passes_the_test:
        assert says_syntax_ok(httpd, options["files"])
    return result["msg"]


def says_syntax_ok(httpd, files):
    """Whether ``httpd -t`` finds nothing wrong with these files, once they are really written."""
    kept = {}
    try:
        for file in files:
            path = httpd.root / file["path"]
            kept[path] = path.read_text() if path.exists() else None
            path.write_text(file["content"])
        done = subprocess.run(httpd.command("-t"), capture_output=True, text=True, check=False)
        return done.returncode == 0 and "Syntax OK" in done.stderr
    finally:
        for path, text in kept.items():
            path.unlink() if text is None else path.write_text(text)


def file(httpd, name, content):
    return {"path": str(httpd.root / name), "content": content}


def without(httpd, module):
    """The main file that does not load *module*."""
    lines = httpd.config_file.read_text().splitlines(keepends=True)
    return file(httpd, "httpd.conf", "".join(line for line in lines if module not in line))


def test_a_balancer_without_its_lbmethod_module_is_refused(running, configuration):
    message = refused(running, configuration, files=[without(running, "lbmethod_byrequests")])
    assert "AB101" in message and "Enable the module lbmethod_byrequests" in message


@pytest.mark.parametrize("state", ["present", "absent"])
def test_a_module_by_another_name_is_refused_whether_or_not_it_is_loaded(
    running, configuration, state
):
    modules = [{"name": "mod_proxy", "state": state}]
    message = refused(running, configuration, passes_the_test=False, modules=modules)
    assert message == "modules: mod_proxy: write proxy"


def test_a_balancer_without_slotmem_shm_is_refused(running, configuration):
    message = refused(running, configuration, files=[without(running, "slotmem_shm")])
    assert "AB102" in message and "Enable the module slotmem_shm" in message


def test_two_balancers_whose_names_collide_in_shared_memory_are_refused(running, configuration):
    # The second one has more members than the memory of the first holds.
    text = (
        "<Proxy balancer://app-1>\nBalancerMember http://127.0.0.1:1\n</Proxy>\n"
        "<Proxy balancer://app_1>\nBalancerMember http://127.0.0.1:2\nBalancerMember http://127.0.0.1:3\n</Proxy>\n"
    )
    message = refused(running, configuration, files=[file(running, "conf/two.conf", text)])
    assert "AB104" in message and f"{running.root}/conf/two.conf:4" in message


def test_a_key_that_does_not_match_its_certificate_is_refused(tmp_path, configuration_of):
    with PrivateHttpd(tmp_path / "tls", *BALANCER, "ssl", "socache_shmcb") as httpd:
        httpd.write("conf/app.conf", GOOD + 'ProxyPass "/" "balancer://app/"\n')
        httpd.start()
        for name in ("one", "two"):
            command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost"
            keys = ["-keyout", f"{httpd.root}/{name}.key", "-out", f"{httpd.root}/{name}.crt"]
            subprocess.run([*command.split(), *keys], check=True, capture_output=True)
        text = (
            f"Listen 127.0.0.1:{free_port()} https\nSSLEngine On\n"
            f"SSLCertificateFile {httpd.root}/one.crt\nSSLCertificateKeyFile {httpd.root}/two.key\n"
        )
        message = refused(
            httpd, configuration_of(httpd), files=[file(httpd, "conf/tls.conf", text)]
        )
        assert "do not match" in message


def test_a_listen_that_overlaps_is_refused(running, configuration):
    text = f"Listen 0.0.0.0:{running.port}\n"
    message = refused(running, configuration, files=[file(running, "conf/listen.conf", text)])
    assert str(running.port) in message and f"{running.root}/conf/listen.conf:1" in message


def test_a_change_of_several_files_of_which_one_is_bad_leaves_every_file_as_it_was(
    running, configuration
):
    files = [
        file(running, "conf/app.conf", GOOD.replace("route=a", "route=b")),
        file(running, "conf/new.conf", "# fine\n"),
        file(running, "conf/zbad.conf", "NoSuchDirective On\n"),
    ]
    message = refused(running, configuration, passes_the_test=False, files=files)
    assert f"{running.root}/conf/zbad.conf:1" in message and "NoSuchDirective" in message


def test_files_links_and_balancers_are_written_together(
    running, configuration, graceful_reload, provable
):
    site = (
        f"<VirtualHost 127.0.0.1:{running.port}>\nServerName shop\nProxyPass / balancer://shop/\n"
        f"Include {running.root}/balancers/shop.conf\n</VirtualHost>\n"
    )
    options = {
        "files": [
            file(running, "sites/shop.conf", site),
            {
                "path": str(running.root / "conf/shop.conf"),
                "state": "link",
                "link": "../sites/shop.conf",
            },
            {"path": str(running.root / "conf/app.conf"), "state": "absent"},
        ],
        "balancers": [
            {
                "name": "shop",
                "path": str(running.root / "balancers/shop.conf"),
                "members": [{"url": "http://127.0.0.1:1021", "route": "x"}],
            }
        ],
    }
    foretold = configuration(check=True, **options)
    assert foretold["changed"] is True and foretold["validated"] == provable
    assert not (running.root / "sites").exists()
    done = configuration(**options)
    assert done["changed"] is True and done["changes"] == foretold["changes"]
    assert [balancer["vhost"] for balancer in done["balancers"]] == ["shop"]
    assert (running.root / "conf/shop.conf").is_symlink()
    assert not (running.root / "conf/app.conf").exists()
    again = configuration(**options)
    assert (again["changed"], again["reload_required"]) == (False, True)
    assert graceful_reload()["changed"] is True
    after = configuration(**options)
    assert (after["changed"], after["reload_required"]) == (False, False)


def test_two_names_of_one_file_are_one_file(running, configuration):
    """A site that is enabled by a link, as on Debian, and named by its real path."""
    site = running.write(
        "available/two.conf",
        "<Proxy balancer://one>\nBalancerMember http://127.0.0.1:1\n</Proxy>\n",
    )
    (running.root / "conf/two.conf").symlink_to("../available/two.conf")
    balancers = [
        {"name": "one", "members": [{"url": "http://127.0.0.1:2"}]},
        {"name": "two", "path": str(site), "members": [{"url": "http://127.0.0.1:3"}]},
    ]
    assert configuration(balancers=balancers)["changed"] is True
    text = site.read_text()
    assert "127.0.0.1:1" not in text and "127.0.0.1:2" in text and "127.0.0.1:3" in text
    assert (running.root / "conf/two.conf").is_symlink()
    assert configuration(balancers=balancers)["changed"] is False


def test_a_removed_file_needs_a_reload_too(running, configuration, graceful_reload):
    extra = {"path": str(running.root / "conf/extra.conf")}
    configuration(files=[{**extra, "content": "# x\n"}])
    graceful_reload()
    configuration(files=[{**extra, "state": "absent"}])
    again = configuration(files=[{**extra, "state": "absent"}])
    assert (again["changed"], again["reload_required"]) == (False, True)
    assert graceful_reload()["changed"] is True
    assert configuration(files=[{**extra, "state": "absent"}])["reload_required"] is False


def test_rolling_back_restores_what_was_loaded_last(
    running, configuration, graceful_reload, provable
):
    nothing = configuration(state="rolled_back")
    assert nothing["failed"] and "nothing to roll back to" in nothing["msg"]
    graceful_reload(only_if_needed=False)
    before = everything(running)
    new = [file(running, "conf/app.conf", GOOD), file(running, "conf/new.conf", "# new\n")]
    configuration(files=new)
    assert configuration(state="rolled_back", check=True)["changed"] is True
    assert (running.root / "conf/new.conf").exists()
    result = configuration(state="rolled_back")
    assert result["changed"] is True and result["validated"] == provable
    after = everything(running)
    assert {p: text for p, (text, dummy) in after.items() if ".apache_balancer" not in p.parts} == {
        p: text for p, (text, dummy) in before.items() if ".apache_balancer" not in p.parts
    }
    assert configuration(state="rolled_back")["changed"] is False
    assert "takes no files" in configuration(state="rolled_back", files=new)["msg"]


def test_what_another_httpd_of_the_same_folder_has_loaded_is_not_brought_back(httpd, configuration):
    # As instances of the RedHat family are (httpd@.service: conf/NAME.conf).
    second = httpd.root / "second.conf"
    second.write_text(httpd.config_file.read_text().replace("httpd.pid", "second.pid"))
    binary = httpd.command()[0]
    instance = {"binary": binary, "server_root": str(httpd.root), "config_file": str(second)}
    changed = configuration(files=[file(httpd, "conf/app.conf", GOOD)])
    assert changed["changed"] is True
    before = everything(httpd)
    assert (
        "nothing to roll back to"
        in run("configuration", state="rolled_back", httpd=instance)["msg"]
    )
    assert everything(httpd) == before


def test_files_that_are_declared_no_more_are_purged_and_no_others(running, configuration):
    made = "# Made by us\n"
    for name in ("kept.conf", "gone.conf", "gone.txt", "sub/kept.conf"):
        running.write(f"conf/{name}", made)
    running.write("conf/foreign.conf", "# By hand. # Made by us\n")
    purge = [{"folder": str(running.root / "conf"), "contains": "^# Made by us"}]
    options = {"files": [file(running, "conf/kept.conf", made)], "purge": purge}
    foretold = configuration(**options, check=True, diff=True)
    assert foretold["changed"] is True
    assert [d["before_header"] for d in foretold["diff"]] == [f"{running.root}/conf/gone.conf"]
    assert (running.root / "conf/gone.conf").exists()
    assert configuration(**options)["changed"] is True
    left = sorted(path.name for path in (running.root / "conf").rglob("*") if path.is_file())
    assert left == ["app.conf", "foreign.conf", "gone.txt", "kept.conf", "kept.conf"]
    assert configuration(**options)["changed"] is False


def test_a_file_that_is_still_included_is_not_purged_away(running, configuration):
    running.write("conf/site.conf", f"Include {running.root}/made/app.conf\n")
    running.write("made/app.conf", "# Made by us\n")
    purge = [{"folder": str(running.root / "made"), "contains": "Made by us"}]
    result = configuration(purge=purge)
    assert result["failed"] and "conf/site.conf:1" in result["msg"]
    assert (running.root / "made/app.conf").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"folder": "conf", "contains": ""}, "no absolute path"),
        ({"folder": "/x", "contains": "("}, "no regular expression"),
    ],
)
def test_a_purge_that_cannot_be_meant_is_refused(running, configuration, options, message):
    result = configuration(purge=[options])
    assert result.get("failed") is True and message in result["msg"]


def test_backups_lie_where_httpd_does_not_read(running, configuration):
    before = (running.root / "conf/app.conf").read_text()
    result = configuration(files=[file(running, "conf/app.conf", GOOD)], backup=True)
    (backup,) = result["backup_files"].values()
    with open(backup, encoding="utf-8") as stream:
        assert stream.read() == before
    assert ".apache_balancer" in backup


def test_without_validation_the_result_says_so(running, configuration):
    result = configuration(files=[file(running, "conf/app.conf", GOOD)], validate=False)
    assert (result["changed"], result["validated"]) == (True, "no")


def test_a_broken_configuration_can_be_mended(running, configuration, provable):
    (running.root / "conf/app.conf").write_text("NoSuchDirective On\n")
    result = configuration(files=[file(running, "conf/app.conf", GOOD)])
    assert result["changed"] is True and result["validated"] == provable


def test_what_is_declared_twice_is_refused(running, configuration):
    name = str(running.root / "conf/app.conf")
    twice = [{"path": name, "content": ""}, {"path": name, "content": "#"}]
    assert f"files: {name} is declared twice" in configuration(files=twice)["msg"]
    balancers = [
        {"name": spelled, "members": [{"url": "http://127.0.0.1:9"}]} for spelled in ("app", "APP")
    ]
    assert "balancers: app is declared twice" in configuration(balancers=balancers)["msg"]


def test_a_secret_in_the_content_of_a_file_is_shown_only_where_it_stands(running, configuration):
    content = GOOD.replace("route=a", "route=a secret=hunter2")
    result = configuration(files=[file(running, "conf/app.conf", content)], diff=True)
    assert result["changed"] is True and "hunter2" not in str(result)
    assert "route=a" in result["diff"][0]["after"]


def test_a_secret_of_a_directive_is_not_in_the_difference(running, configuration):
    running.write("conf/app.conf", "# SetEnv APP_PASSWORD hunter2-old\n")
    content = "# SetEnv APP_PASSWORD hunter2-new\n"
    result = configuration(files=[file(running, "conf/app.conf", content)], diff=True)
    assert result["changed"] is True and "hunter2" not in str(result)


@pytest.mark.parametrize(
    ("declared", "where"),
    [
        ({"content": "# whole\n"}, {"path": "conf/app.conf"}),
        ({"state": "absent"}, {"path": "conf/app.conf"}),
        ({"content": "<VirtualHost *:1>\nServerName a\n</VirtualHost>\n"}, {"vhost": "a"}),
    ],
)
def test_a_balancer_is_not_written_into_a_file_whose_whole_content_is_declared(
    running, configuration, declared, where
):
    """It would be made anew by each run, and lose what it was given meanwhile, such as a drain."""
    path = str(running.root / "conf/app.conf")
    where = {"path": path} if "path" in where else where
    before = everything(running)
    result = configuration(
        files=[{"path": path, **declared}],
        balancers=[{"name": "app", "members": [{"url": "http://127.0.0.1:9"}], **where}],
    )
    assert result.get("failed") is True and f"{path}: " in result["msg"]
    assert "path of its own" in result["msg"]
    assert everything(running) == before


def test_what_a_file_or_module_takes_from_a_declared_balancer_is_refused(
    tmp_path, configuration_of
):
    with PrivateHttpd(tmp_path / "tls", *BALANCER, "ssl", "socache_shmcb") as httpd:
        configuration = configuration_of(httpd)

        def declared(inside, **more):
            site = f"<VirtualHost *:1>\n{inside}ProxyPass / balancer://app/\n"
            site += f"Include {httpd.root}/app.conf\n</VirtualHost>\n"
            member = {"url": "https://127.0.0.1:1011", "route": "a"}
            path = str(httpd.root / "app.conf")
            return {
                "files": [file(httpd, "conf/site.conf", site), *more.pop("files", ())],
                "balancers": [{"name": "app", "path": path, "members": [member]}],
                **more,
            }

        assert configuration(**declared("SSLProxyEngine On\n"))["changed"] is True
        before = everything(httpd)
        result = configuration(**declared(""))
        assert result.get("failed") is True and "AB205" in result["msg"]
        result = configuration(
            **declared("SSLProxyEngine On\n", files=[without(httpd, "proxy_http")])
        )
        assert result.get("failed") is True and "AB202" in result["msg"]
        assert everything(httpd) == before
        # What is wrong already keeps nobody from other changes.
        assert configuration(**declared("", validate=False))["changed"] is True
        assert configuration(**declared("ServerName app\n"))["changed"] is True


def test_in_a_broken_configuration_a_balancer_is_not_searched_for(running, balancer):
    (running.root / "conf/bad.conf").write_text("NoSuchDirective On\n")
    result = balancer(name="app", members=[{"url": "http://127.0.0.1:1"}])
    assert result["failed"] and f"{running.root}/conf/bad.conf:1" in result["msg"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"path": "conf/x.conf", "content": ""}, "absolute path"),
        ({"path": "/x"}, "needs content or src"),
        ({"path": "/x", "state": "absent", "content": ""}, "needs none of"),
        ({"path": "/x", "state": "link"}, "needs link"),
        ({"path": "/x\ny", "content": ""}, "control character"),
        ({"path": "/x", "content": "", "owner": "nobody-at-all"}, "no owner"),
        ({"path": "/x", "src": "/nonexistent"}, "/nonexistent"),
    ],
)
def test_a_file_that_cannot_be_meant_is_refused(running, configuration, options, message):
    result = configuration(files=[options])
    assert result.get("failed") is True and message in result["msg"]


def test_a_httpd_that_is_not_there_is_planned_for_in_check_mode_and_refused_else(tmp_path):
    options = {
        "httpd": {"binary": str(tmp_path / "httpd"), "server_root": str(tmp_path)},
        "balancers": [
            {"name": "app", "path": str(tmp_path / "a.conf"), "members": [{"url": "http://a"}]}
        ],
    }
    foretold = run("configuration", check=True, **options)
    assert (foretold["changed"], foretold["validated"], foretold["running"]) == (True, "no", False)
    assert "could not be proven" in str(foretold["warnings"])
    result = run("configuration", **options)
    assert result["failed"] and "install it first" in result["msg"]
    assert list(tmp_path.iterdir()) == []


def test_a_balancer_that_is_to_go_needs_no_file_where_there_is_no_httpd(tmp_path):
    gone = {"name": "app", "path": str(tmp_path / "a.conf"), "state": "absent"}
    httpd = {"binary": str(tmp_path / "httpd"), "server_root": str(tmp_path)}
    foretold = run("configuration", check=True, diff=True, httpd=httpd, balancers=[gone])
    assert (foretold["changed"], foretold["diff"]) == (False, [])


def test_a_balancer_goes_from_its_file_together_with_the_site_that_read_it(running, configuration):
    site = f"Include {running.root}/other.conf\nProxyPass /other/ balancer://other/\n"
    other = {"name": "other", "path": str(running.root / "other.conf")}
    members = [{"url": "http://127.0.0.1:9"}]
    configuration(
        files=[file(running, "conf/site.conf", site)], balancers=[{**other, "members": members}]
    )
    (running.root / "other.conf").write_text("# mine\n" + (running.root / "other.conf").read_text())
    gone = {
        "files": [{"path": str(running.root / "conf/site.conf"), "state": "absent"}],
        "balancers": [{**other, "state": "absent"}],
    }
    foretold = configuration(**gone, check=True)
    done = configuration(**gone)
    assert (running.root / "other.conf").read_text() == "# mine\n"
    assert [change["balancer"] for change in done["changes"]] == ["other"]
    assert foretold["changes"] == done["changes"]
    assert configuration(**gone)["changed"] is False


@pytest.mark.parametrize("content", ["# a SECRET\n", "NoSuchDirective SECRET\n"])
def test_the_content_of_a_file_is_in_its_diff_and_nowhere_else(running, configuration, content):
    result = configuration(
        files=[{"path": str(running.root / "conf/x.conf"), "content": content}], diff=True
    )
    assert result.get("failed", False) is content.startswith("No")
    diff = result.pop("diff", [])
    assert "SECRET" not in str(result["invocation"])
    assert result.get("failed") or "SECRET" in str(diff)


@pytest.mark.parametrize("name", ["", "ServerName one\n"])
def test_virtual_hosts_without_a_name_of_their_own_may_move(httpd, configuration, name):
    """As lines of a file they are found in what httpd makes of the change, too, which moves them."""
    member = "BalancerMember http://127.0.0.1:1011 route=a\n"

    def vhost(balancer):
        section = (
            f"<Proxy balancer://{balancer}>\n{member}</Proxy>\nProxyPass / balancer://{balancer}/\n"
        )
        return f"<VirtualHost *:80>\n{name}{section}</VirtualHost>\n"

    site = httpd.write("conf/site.conf", vhost("first") + vhost("second"))
    line = vhost("first").count("\n") + 1
    more = [{"url": f"http://127.0.0.1:{port}", "route": f"r{port}"} for port in (1012, 1013)]
    result = configuration(
        balancers=[
            {"name": "first", "members": more},
            {"name": "second", "vhost": f"{site}:{line}", "proxy_set": {"timeout": 5}},
        ]
    )
    assert result.get("changed") is True, result
    assert site.read_text().count("timeout=5") == 1


@pytest.mark.parametrize("name", ["", "ServerName one\n"])
def test_members_of_virtual_hosts_without_a_name_of_their_own_go(httpd, balancer_member, name):
    members = "".join(f"BalancerMember http://127.0.0.{n}:1011 route=r{n}\n" for n in (1, 2))
    site = "".join(
        f"<VirtualHost *:80>\n{name}<Proxy balancer://{each}>\n{members}</Proxy>\n</VirtualHost>\n"
        for each in ("first", "second")
    )
    path = httpd.write("conf/site.conf", site)
    result = balancer_member(host="127.0.0.1", state="absent")
    assert result.get("changed") is True, result
    assert path.read_text().count("BalancerMember") == 2
