# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import copy
import re
from pathlib import Path

import pytest
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.webtier.apache_balancer.plugins.filter.members_from_groups import (
    members_from_groups,
)
from ansible_collections.webtier.apache_balancer.plugins.filter.site_problems import site_problems
from ansible_collections.webtier.apache_balancer.plugins.module_utils._argspec import (
    balancer_options,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._balancer.parameters import (
    BALANCER,
    MEMBER,
    argument_spec,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._httpd.modules import (
    PACKAGES,
)
from ansible_collections.webtier.apache_balancer.plugins.plugin_utils._adopt import files
from ansible_collections.webtier.apache_balancer.plugins.plugin_utils._sites import host, model

ROLE = Path(__file__).parents[3] / "roles" / "load_balancer"


def load(path):
    return yaml.safe_load((ROLE / path).read_text())


SPEC = load("meta/argument_specs.yml")["argument_specs"]["main"]["options"]
SITE = SPEC["load_balancer_sites"]["options"]
SITE_BALANCER = SITE["balancers"]["options"]
MEMBERS = SITE_BALANCER["members"]["options"]


def defaults_of(options):
    return {name: option["default"] for name, option in options.items() if "default" in option}


def walk(options, path=""):
    for name, option in options.items():
        yield f"{path}{name}", option
        yield from walk(option.get("options", {}), f"{path}{name}.")


def test_the_defaults_are_those_the_specification_names():
    assert load("defaults/main.yml") == defaults_of(SPEC)


@pytest.mark.parametrize(
    ("options", "defaults"),
    [
        (SITE, model.SITE),
        (SITE["tls"]["options"], model.TLS),
        (SITE_BALANCER, model.BALANCER),
        (SITE_BALANCER["proxy_set"]["options"], model.PROXY_SET),
    ],
)
def test_the_defaults_inside_a_site_are_those_the_specification_names(options, defaults):
    assert defaults_of(options) == defaults


@pytest.mark.parametrize(
    ("options", "table"),
    [
        (SITE_BALANCER["proxy_set"]["options"], BALANCER),
        ({name: MEMBERS[name] for name in MEMBERS if name != "url"}, MEMBER),
    ],
)
def test_parameters_are_named_and_typed_as_the_modules_take_them(options, table):
    keys = ("type", "elements", "choices")
    declared = {
        name: {key: option[key] for key in keys if key in option}
        for name, option in options.items()
    }
    assert declared == {
        name: {key: option[key] for key in keys if key in option}
        for name, option in argument_spec(table).items()
    }


@pytest.mark.parametrize("name", ["sticky_cookie", "health_check"])
def test_what_is_more_than_a_parameter_is_typed_as_the_modules_take_it(name):
    def typed(options):
        keys = ("type", "elements", "choices", "default")
        return {n: {key: o[key] for key in keys if key in o} for n, o in options.items()}

    wanted = typed(balancer_options()[name]["options"])
    if name == "sticky_cookie":
        # What is best depends on the site.
        del wanted["secure"]["default"]
    assert wanted == typed(SITE_BALANCER[name]["options"])


def test_each_application_is_known():
    assert SITE_BALANCER["application"]["choices"] == list(model.APPLICATIONS)


def test_each_profile_of_tls_is_known():
    assert SPEC["load_balancer_tls_profile"]["choices"] == list(host.TLS_PROFILES)


def test_without_a_profile_old_tls_is_refused_on_debian_and_redhat_goes_by_the_policy_of_the_host():
    own = {
        platform: load(f"vars/{platform}.yml")["__load_balancer_default_tls_profile"]
        for platform in ("Debian", "RedHat")
    }
    assert own == {"Debian": "intermediate", "RedHat": "system"}
    taken = load("vars/main.yml")["__load_balancer_httpd"]["tls_profile"]
    assert taken == "{{ load_balancer_tls_profile | default(__load_balancer_default_tls_profile) }}"
    assert "load_balancer_tls_profile" not in load("defaults/main.yml")


def test_members_can_have_defaults_for_everything_that_does_not_tell_them_apart():
    defaults = SPEC["load_balancer_member_defaults"]["options"]
    assert set(MEMBERS) - set(defaults) == {"url", "route"}
    assert set(defaults) <= set(MEMBERS)


def test_what_is_purged_is_chosen_from_what_the_modules_know():
    assert SITE_BALANCER["purge"]["choices"] == balancer_options()["purge"]["choices"]


@pytest.mark.parametrize(("name", "option"), list(walk(SPEC)))
def test_every_variable_is_typed_and_described(name, option):
    assert option["type"]
    assert option["description"]


@pytest.mark.parametrize("name", list(SPEC))
def test_every_variable_is_in_the_readme(name):
    assert f"| `{name}` |" in (ROLE / "README.md").read_text()


def refused(variables):
    """Return what ansible-core says against *variables*; it writes into the specification."""
    return ArgumentSpecValidator(copy.deepcopy(SPEC)).validate(variables).error_messages


def test_two_balancers_may_both_do_without_an_option():
    balancers = [{"name": name, "members": [{"url": f"http://{name}"}]} for name in "ab"]
    site = {"name": "shop", "server_name": "shop.example.com", "balancers": balancers}
    assert refused({"load_balancer_sites": [site]}) == []


def examples():
    """The variables of the role in each example of its README."""
    for text in re.findall(r"(?s)```yaml\n(.*?)```", (ROLE / "README.md").read_text()):
        # A template stands for some word.
        example = yaml.safe_load(re.sub(r"\{\{.*?\}\}", "word", text))
        if isinstance(example, dict):
            yield example
            continue
        for play in example:
            for role in play.get("roles", ()):
                yield role["vars"]


@pytest.mark.parametrize("variables", list(examples()))
def test_every_example_of_the_readme_is_one(variables):
    groups = {"shop_servers": ["app1.example.com", "app3.example.com"]}
    hosts = {"app1.example.com": {}, "app3.example.com": {}}
    # What a host says of itself is an option of members_from, and so of its members.
    own = variables.pop("load_balancer_member", None)
    if own is not None:
        hosts["app3.example.com"]["load_balancer_member"] = own
        source = {"group": "shop_servers"}
        app = {"name": "app", "members_from": source}
        site = {"name": "shop", "server_name": "shop.example.com", "balancers": [app]}
        variables["load_balancer_sites"] = [site]
    assert refused(variables) == []
    sites = members_from_groups(variables["load_balancer_sites"], groups, hosts)
    # With the members that come from groups, too.
    assert refused({**variables, "load_balancer_sites": sites}) == []
    assert site_problems(sites, variables.get("load_balancer_member_defaults", {})) == []


@pytest.mark.parametrize("path", sorted((ROLE / "tasks").iterdir()))
def test_every_name_inside_the_role_says_whose_it_is(path):
    for task in load(path):
        registered = [task["register"]] if "register" in task else []
        for name in [*registered, *task.get("vars", {})]:
            assert name.startswith("__load_balancer_"), name


def test_every_platform_says_the_same_things():
    platforms = [load(f"vars/{name}.yml") for name in ("Debian", "RedHat")]
    assert set(platforms[0]) == set(platforms[1])


def test_the_packages_of_modules_are_those_that_the_modules_name():
    assert load("vars/RedHat.yml")["__load_balancer_packages_of_modules"] == PACKAGES


@pytest.mark.parametrize(
    ("name", "brought"),
    [
        ("ssl.conf", True),
        ("README", True),
        ("ssl-shop.conf", False),
        ("ssl.conf.d/shop.conf", False),
        ("welcome_portal.conf", False),
        ("README.conf", False),
    ],
)
def test_only_files_that_the_distribution_brings_are_not_to_be_replaced(name, brought):
    path = f"/etc/httpd/conf.d/{name}"
    pattern = load("vars/RedHat.yml")["__load_balancer_distribution_files"]
    assert bool(re.fullmatch(pattern, path)) is brought
    # The filter adopted says the same.
    assert bool(files.OF_THE_DISTRIBUTION.fullmatch(path)) is brought
