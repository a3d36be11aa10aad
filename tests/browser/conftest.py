# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian's Chromium without a screen. Screenshots go to .build/browser, to be looked at."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any, Callable, ContextManager, Iterator

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from ansible_collections.webtier.apache_balancer.tests.support.private_httpd import (
    BALANCER,
    PrivateHttpd,
)

CHROMIUM = "/usr/bin/chromium"
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
SCREENSHOTS = Path(__file__).parents[2] / ".build" / "browser"


class Visit:
    """A page in a context of its own, with everything it asked for and complained about."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.requests: list[str] = []
        self.complaints: list[str] = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("requestfailed", lambda request: self.complaints.append(f"no {request.url}"))

    def screenshot(self, name: str, **options: Any) -> Path:
        """Write .build/browser/NAME.png and return its path."""
        path = SCREENSHOTS / f"{name}.png"
        self.page.screenshot(path=path, **{"full_page": True, **options})
        return path


Visitor = Callable[..., ContextManager[Visit]]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    assert Path(CHROMIUM).exists(), f"{CHROMIUM} is missing: tools/debian-packages chromium"
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture()
def visitor(chromium: Browser) -> Visitor:
    """Return a function that makes a private context: own cookies, nothing cached."""

    @contextlib.contextmanager
    def visit(**options: Any) -> Iterator[Visit]:
        size = {"width": 1180, "height": 900}
        context = chromium.new_context(**{"viewport": size, **options})
        try:
            yield Visit(context.new_page())
        finally:
            context.close()

    return visit


@pytest.fixture()
def httpd(tmp_path: Path) -> Iterator[PrivateHttpd]:
    """A private httpd with what one balancer needs, not started."""
    with PrivateHttpd(tmp_path / "httpd", *BALANCER) as server:
        yield server
