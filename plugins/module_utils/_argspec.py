# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The argument specs of all modules, mirrored by the documentation fragments.

Private to this collection.
"""

from __future__ import annotations

from typing import Any, Dict

from ._balancer.parameters import BALANCER, MEMBER, argument_spec

Spec = Dict[str, Dict[str, Any]]


def balancer_options() -> Spec:
    """Return the options that declare one balancer (fragment ``balancer``)."""
    return {
        "name": {"type": "str", "required": True},
        "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
        "path": {"type": "path"},
        "vhost": {"type": "str"},
        "members": {
            "type": "list",
            "elements": "dict",
            "options": {"url": {"type": "str", "required": True}, **argument_spec(MEMBER)},
        },
        "proxy_set": {"type": "dict", "options": argument_spec(BALANCER)},
        "sticky_cookie": {"type": "dict", "options": sticky_cookie_options()},
        "health_check": {"type": "dict", "options": health_check_options()},
        "purge": {
            "type": "list",
            "elements": "str",
            "choices": ["members", "parameters"],
            "default": ["members"],
        },
        "reset": {"type": "list", "elements": "str", "default": [], "no_log": False},
        "force": {"type": "bool", "default": False},
        "owner": {"type": "str"},
        "group": {"type": "str"},
        "mode": {"type": "raw"},
    }


def sticky_cookie_options() -> Spec:
    """Return the options of the cookie that httpd issues (``sticky_cookie`` in fragment ``balancer``)."""
    return {
        "name": {"type": "str"},
        "path": {"type": "str", "default": "/"},
        "domain": {"type": "str"},
        "secure": {"type": "bool", "default": False},
        "httponly": {"type": "bool", "default": True},
        "samesite": {"type": "str", "choices": ["strict", "lax", "none"], "default": "lax"},
        "max_age": {"type": "int"},
    }


def health_check_options() -> Spec:
    """Return the options of the health check of all members (``health_check`` in fragment ``balancer``)."""
    return {
        "method": {**MEMBER["hcmethod"].kind.argument, "default": "GET"},
        "uri": {"type": "str"},
        "interval": {"type": "str"},
        # Saying False keeps Ansible from guessing a secret by the option's name.
        "passes": {"type": "int", "no_log": False},
        "fails": {"type": "int"},
        "expect_status": {"type": "list", "elements": "str"},
        "expect_body": {"type": "str"},
    }


def manager_options() -> Spec:
    """Return the options that lead to the running balancer (fragment ``manager``)."""
    return {
        "target": {"type": "str", "choices": ["config", "runtime", "both"]},
        **manager_connection_options(),
    }


def manager_connection_options() -> Spec:
    """Return the options that say how balancer-manager is reached (fragment ``manager.connection``)."""
    return {
        "manager_url": {"type": "list", "elements": "str"},
        "manager_server_name": {"type": "str"},
        "manager_username": {"type": "str"},
        "manager_password": {"type": "str", "no_log": True},
        "manager_validate_certs": {"type": "bool", "default": True},
        "manager_ca_path": {"type": "path"},
        "manager_client_cert": {"type": "path"},
        "manager_client_key": {"type": "path"},
        "manager_timeout": {"type": "int", "default": 10},
    }


def member_options() -> Spec:
    """Return the options of members wherever they are (module ``balancer_member``, fragment ``member``)."""
    return {
        **argument_spec(MEMBER),
        "url": {"type": "str"},
        "host": {"type": "str"},
        "route": {"type": "str"},
        "balancer": {"type": "str"},
        "vhost": {"type": "str"},
        "state": {
            "type": "str",
            "choices": [
                "present",
                "absent",
                "enabled",
                "disabled",
                "drained",
                "stopped",
                "hot_standby",
                "hot_spare",
                "ignore_errors",
            ],
            "default": "present",
        },
        # A number, or a percentage of the one in the file.
        "loadfactor": {"type": "str"},
        "wait": {"type": "bool", "default": False},
        "wait_timeout": {"type": "int", "default": 300},
        "wait_interval": {"type": "float", "default": 2},
        "wait_idle": {"type": "float", "default": 30},
        "on_timeout": {
            "type": "str",
            "choices": ["fail", "continue", "disable", "restore"],
            "default": "fail",
        },
        "min_usable": {"type": "int", "default": 1},
    }


def write_options() -> Spec:
    """Return the options of a change of the configuration (fragment ``write``)."""
    return {
        "validate": {"type": "bool", "default": True},
        "backup": {"type": "bool", "default": False},
    }


def httpd_options() -> Spec:
    """Return the option that says which httpd is meant (fragment ``httpd``)."""
    return {
        "httpd": {
            "type": "dict",
            "options": {
                "binary": {"type": "path"},
                "server_root": {"type": "path"},
                "config_file": {"type": "path"},
                "defines": {"type": "list", "elements": "str", "default": []},
            },
        }
    }


def configuration_options() -> Spec:
    """Return the options of one transaction over files, modules and balancers."""
    return {
        "state": {"type": "str", "choices": ["present", "rolled_back"], "default": "present"},
        "files": {
            "type": "list",
            "elements": "dict",
            "default": [],
            "options": {
                "path": {"type": "path", "required": True},
                "state": {
                    "type": "str",
                    "choices": ["present", "absent", "link"],
                    "default": "present",
                },
                "content": {"type": "str", "no_log": True},
                "src": {"type": "path"},
                "link": {"type": "str"},
                "owner": {"type": "str"},
                "group": {"type": "str"},
                "mode": {"type": "raw"},
            },
        },
        "modules": {
            "type": "list",
            "elements": "dict",
            "default": [],
            "options": {
                "name": {"type": "str", "required": True},
                "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            },
        },
        "balancers": {
            "type": "list",
            "elements": "dict",
            "default": [],
            "options": {**balancer_options(), **manager_options()},
        },
        "purge": {
            "type": "list",
            "elements": "dict",
            "default": [],
            "options": {
                "folder": {"type": "path", "required": True},
                "patterns": {"type": "list", "elements": "str", "default": ["*.conf"]},
                "contains": {"type": "str", "required": True},
            },
        },
    }


def info_options() -> Spec:
    """Return the options that narrow what is read, and what it is compared with."""
    declared = balancer_options()
    return {
        "name": {"type": "str"},
        "vhost": {"type": "str"},
        "directives": {"type": "bool", "default": False},
        "declared": {
            "type": "list",
            "elements": "dict",
            "default": [],
            "options": {name: declared[name] for name in ("name", "vhost", "members", "proxy_set")},
        },
    }


def reload_options() -> Spec:
    """Return the options of a graceful reload."""
    return {
        "only_if_needed": {"type": "bool", "default": True},
        "restart": {"type": "bool", "default": False},
        "timeout": {"type": "int", "default": 30},
    }


def sticky_check_options() -> Spec:
    """Return the options of a check with client sessions (module ``sticky_check``)."""
    return {
        "url": {"type": "str", "required": True},
        "clients": {"type": "int", "default": 20},
        "requests": {"type": "int", "default": 10},
        "concurrency": {"type": "int"},
        "interval": {"type": "float", "default": 0},
        "served_by": {
            "type": "dict",
            "options": {"header": {"type": "str"}, "regex": {"type": "str"}},
            "mutually_exclusive": [("header", "regex")],
            "required_one_of": [("header", "regex")],
        },
        "cookie": {"type": "str"},
        "url_parameter": {"type": "str"},
        "separator": {"type": "str", "default": "."},
        "expected_routes": {"type": "list", "elements": "str", "default": []},
        "max_imbalance": {"type": "float"},
        "session_file": {"type": "path"},
        "expect": {"type": "str", "choices": ["same", "moved"], "default": "same"},
        "fail_on_violation": {"type": "bool", "default": True},
        "headers": {"type": "dict", "default": {}},
        "server_name": {"type": "str"},
        "validate_certs": {"type": "bool", "default": True},
        "ca_path": {"type": "path"},
        "timeout": {"type": "float", "default": 10},
        "trace": {"type": "bool", "default": False},
        "balancer": {"type": "str"},
    }
