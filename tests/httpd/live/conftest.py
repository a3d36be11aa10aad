# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Iterator

import pytest

from ansible_collections.webtier.apache_balancer.tests.support.private_httpd import (
    BALANCER,
    PrivateHttpd,
)
from ansible_collections.webtier.apache_balancer.tests.support.proxy import BODY, Proxy, vhost


@pytest.fixture()
def proxy(tmp_path) -> Iterator[Proxy]:
    """A proxy that is not started."""
    modules = (*BALANCER, "authz_host", "lbmethod_bybusyness", "lbmethod_bytraffic")
    with PrivateHttpd(tmp_path / "httpd", *modules) as httpd:
        yield Proxy(httpd)


@pytest.fixture()
def app(proxy: Proxy) -> Proxy:
    """A proxy with one balancer of three members."""
    return proxy.start(vhost("app.example.com", BODY))
