# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import functools
from typing import Any, Callable, Dict, Iterator

import pytest

from ansible_collections.webtier.apache_balancer.tests.support import machine
from ansible_collections.webtier.apache_balancer.tests.support.modules import run
from ansible_collections.webtier.apache_balancer.tests.support.private_httpd import (
    BALANCER,
    BINARY,
    PrivateHttpd,
)


@pytest.fixture()
def httpd(tmp_path) -> Iterator[PrivateHttpd]:
    """A private httpd with what one balancer needs, not started."""
    with PrivateHttpd(tmp_path / "httpd", *BALANCER) as server:
        yield server


@pytest.fixture(scope="session")
def provable() -> str:
    """What a change that is fine comes to be on this machine: "rehearsed" or "tested"."""
    return machine.proof(machine.refused())


Module = Callable[..., Dict[str, Any]]


def module_for(httpd: PrivateHttpd, name: str) -> Module:
    """Return module *name*, told which httpd is meant."""
    instance = {"server_root": str(httpd.root), "config_file": str(httpd.config_file)}
    return functools.partial(run, name, httpd={"binary": BINARY, **instance})


@pytest.fixture()
def balancer(httpd: PrivateHttpd) -> Module:
    return module_for(httpd, "balancer")


@pytest.fixture()
def balancer_member(httpd: PrivateHttpd) -> Module:
    return module_for(httpd, "balancer_member")


@pytest.fixture()
def balancer_info(httpd: PrivateHttpd) -> Module:
    return module_for(httpd, "balancer_info")


@pytest.fixture()
def configuration(httpd: PrivateHttpd) -> Module:
    return module_for(httpd, "configuration")


@pytest.fixture()
def configuration_of() -> Callable[[PrivateHttpd], Module]:
    return functools.partial(module_for, name="configuration")


@pytest.fixture()
def graceful_reload(httpd: PrivateHttpd) -> Module:
    return module_for(httpd, "graceful_reload")
