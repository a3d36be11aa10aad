# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which tasks of the role load_balancer run on a host of the RedHat family, where they are most."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

ROLE = Path(__file__).parents[3] / "roles" / "load_balancer"
VARIABLES = yaml.safe_load((ROLE / "vars" / "main.yml").read_text())
AS_DECLARED = {"changed": False, "reload_required": False, "running": True, "problems": []}
# What is known on a host on which nothing is left to do.
CONFIGURED = {
    "ansible_check_mode": False,
    "__load_balancer_first_start": ["httpd-ssl-gencerts"],
    "__load_balancer_install_packages": ["httpd", "mod_ssl"],
    "__load_balancer_selinux": True,
    "__load_balancer_installed": {"rc": 0, "stdout_lines": ["installed", "installed"]},
    "__load_balancer_install": {"changed": False},
    "__load_balancer_never_started": {"changed": False},
    "__load_balancer_first": {"changed": False},
    "__load_balancer_configuration": AS_DECLARED,
    "__load_balancer_missing": VARIABLES["__load_balancer_missing"],
    "__load_balancer_empty_host": VARIABLES["__load_balancer_empty_host"],
    "__load_balancer_to_load": VARIABLES["__load_balancer_to_load"],
}
FIRST_START = (
    "Install | Make what the packages' files name and their service makes at its first start"
)
ASK_SELINUX = "SELinux | Ask whether httpd may connect to backends"


def holds(conditions, variables):
    """Whether all *conditions* of a task hold."""
    trusted = {
        name: trust_as_template(value) if isinstance(value, str) else value
        for name, value in variables.items()
    }
    templar = Templar(DataLoader(), variables=trusted)
    listed = conditions if isinstance(conditions, list) else [conditions]
    return all(templar.evaluate_conditional(trust_as_template(str(each))) for each in listed)


def run(**changes):
    """The tasks that run on the host itself, by name, with their modules."""
    variables = {**CONFIGURED, **changes}
    found = {}
    for part in yaml.safe_load((ROLE / "tasks" / "main.yml").read_text()):
        name = part.get("ansible.builtin.import_tasks") or part["ansible.builtin.include_tasks"]
        if name in ("set_vars.yml", "preflight.yml") or not holds(
            part.get("when", True), variables
        ):
            continue
        for task in yaml.safe_load((ROLE / "tasks" / name).read_text()):
            (module,) = [
                key for key in task if "." in key and key != "ansible.builtin.set_fact"
            ] or [""]
            # Conditions within selinux.yml are about what its own tasks have read.
            if module and (name == "selinux.yml" or holds(task.get("when", True), variables)):
                found[task["name"]] = module
    return found


def test_a_host_that_is_as_declared_needs_four_modules():
    assert sorted(set(run().values())) == [
        "ansible.builtin.command",
        "ansible.builtin.service",
        "webtier.apache_balancer.configuration",
        "webtier.apache_balancer.graceful_reload",
    ]


@pytest.mark.parametrize(
    "said",
    [
        {"rc": 1, "stdout_lines": ["installed"]},
        # Removed, but for its configuration.
        {"rc": 0, "stdout_lines": ["installed", "config-files"]},
    ],
)
def test_the_package_manager_is_asked_where_a_package_is_missing(said):
    install = "Install | Install the packages"
    assert install not in run()
    assert install in run(__load_balancer_installed=said)


def test_nothing_is_installed_where_no_packages_are_asked_for():
    modules = run(
        __load_balancer_install_packages=[],
        __load_balancer_installed={"skipped": True, "changed": False},
    )
    assert not {name for name in modules if name.startswith("Install | Ask")}
    assert "Install | Install the packages" not in modules


@pytest.mark.parametrize("name", ["__load_balancer_install", "__load_balancer_never_started"])
def test_what_a_first_start_makes_is_made_before_it(name):
    assert FIRST_START not in run()
    names = list(run(**{name: {"changed": True}}))
    assert names.index(FIRST_START) < names.index(
        "Configure | Write modules, ports, sites and balancers, proven together"
    )


@pytest.mark.parametrize(
    "change",
    [
        {"changed": True},
        # A play that ended before httpd was started, or before it loaded everything.
        {"running": False},
        {"reload_required": True},
        {"problems": [{"code": "AB301"}, {"code": "AB207"}]},
    ],
)
def test_selinux_is_asked_before_httpd_starts_or_loads_something(change):
    assert ASK_SELINUX not in run()
    names = list(run(__load_balancer_configuration={**AS_DECLARED, **change}))
    assert names.index(ASK_SELINUX) < names.index("Service | Start httpd now and at boot")


def evaluated(expression, **variables):
    return Templar(DataLoader(), variables=variables).template(trust_as_template(expression))


@pytest.mark.parametrize("given", ["one, two", "one,two", ["one", "two"]], ids=repr)
@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("load_balancer_package", "__load_balancer_install_packages"),
        ("load_balancer_replaces", "__load_balancer_replaces"),
    ],
)
def test_a_text_with_commas_is_taken_for_a_list(name, meant, given):
    assert evaluated(VARIABLES[meant], **{name: given}) == ["one", "two"]
    assert evaluated(VARIABLES[meant], **{name: []}) == []


def task(file, name):
    """The task called *name* in *file* of the role."""
    (found,) = [
        each for each in yaml.safe_load((ROLE / "tasks" / file).read_text()) if each["name"] == name
    ]
    return found


@pytest.mark.parametrize("family", ["Debian", "RedHat"])
def test_no_package_is_an_option_of_the_query(family):
    ask = task("install.yml", "Install | Ask whether the packages are installed")
    packages = ["httpd", "--eval=%(reboot)"]
    argv = evaluated(
        ask["ansible.builtin.command"]["argv"],
        __load_balancer_query=yaml.safe_load((ROLE / "vars" / f"{family}.yml").read_text())[
            "__load_balancer_query"
        ],
        __load_balancer_install_packages=packages,
    )
    assert argv[argv.index("--") + 1 :] == packages


@pytest.mark.parametrize("given", [["httpd", "--eval=x", " -y"], "httpd, --eval=x, -y"], ids=repr)
def test_a_package_that_is_an_option_is_refused(given):
    check = task("preflight.yml", "Preflight | Check that packages are no options")
    check_of = check["ansible.builtin.assert"]
    found = {}
    for packages in (given, ["httpd", "mod_ssl"]):
        named = evaluated(
            VARIABLES["__load_balancer_install_packages"], load_balancer_package=packages
        )
        variables = {
            "load_balancer_package": packages,
            "__load_balancer_no_packages": evaluated(
                check["vars"]["__load_balancer_no_packages"],
                __load_balancer_install_packages=named,
            ),
        }
        assert holds(check["when"], variables)
        found[str(packages)] = holds(check_of["that"], variables)
        said = evaluated(check_of["fail_msg"], **variables)
        assert said.startswith("load_balancer_package: --eval=x, ") or packages is not given
    assert list(found.values()) == [False, True]
    assert not holds(check["when"], {})


@pytest.mark.parametrize(("empty", "names"), [(True, ["proxy"]), (False, ["proxy", "ssl"])])
def test_a_module_whose_package_is_still_to_be_installed_is_not_asked_for_in_check_mode(
    empty, names
):
    found = evaluated(
        VARIABLES["__load_balancer_modules"],
        __load_balancer_declared={"modules": [{"name": "proxy"}, {"name": "ssl"}]},
        __load_balancer_packages_of_modules={"ssl": "mod_ssl"},
        __load_balancer_empty_host=empty,
    )
    assert [module["name"] for module in found] == names


@pytest.fixture()
def result():
    """What is kept for the play, before it is evaluated."""
    tasks = yaml.safe_load((ROLE / "tasks" / "service.yml").read_text())
    facts = [
        each["ansible.builtin.set_fact"] for each in tasks if "ansible.builtin.set_fact" in each
    ]
    return facts[-1]["load_balancer_result"]


@pytest.mark.parametrize("written", [True, False])
@pytest.mark.parametrize("started", [True, False])
def test_a_host_is_changed_whose_httpd_was_only_started(result, written, started):
    variables = {
        "__load_balancer_configuration": {"changed": written},
        "__load_balancer_started": {"changed": started},
    }
    assert evaluated(result["changed"], **variables) is (written or started)


def test_what_selinux_was_told_is_no_problem_any_more(result):
    found = [{"code": "AB301"}, {"code": "AB207"}]
    for selinux, left in ((True, found[:1]), (False, found)):
        variables = {
            "__load_balancer_configuration": {"problems": found},
            "__load_balancer_selinux": selinux,
        }
        assert evaluated(result["problems"], **variables) == left


def test_check_mode_on_an_empty_host_leaves_out_what_needs_httpd():
    names = run(
        ansible_check_mode=True,
        __load_balancer_installed={"rc": 1, "stdout_lines": []},
        __load_balancer_configuration={**AS_DECLARED, "changed": True, "running": False},
    )
    assert list(names.values()) == [
        "ansible.builtin.command",
        "ansible.builtin.debug",
        "webtier.apache_balancer.configuration",
    ]
