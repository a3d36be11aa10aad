# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One HTML page that needs nothing but itself: its frame, its colours, its tables. Shared with the demo's report.

Private to this collection. Pure: text in, text out. Python 3.8 or later, because the demo uses it too.
"""

from __future__ import annotations

from .markup import Html, tag, text

# What the words and surfaces of a page are drawn in, by colour scheme. A test holds their contrast.
LIGHT = {
    "ink": "#1c2330",
    "soft": "#566072",
    "card": "#ffffff",
    "ground": "#eef1f5",
    "line": "#d5dbe3",
    "lane": "#f5f7f9",
    "good": "#0b6b4b",
    "warn": "#8a5300",
    "bad": "#b42318",
    "good-back": "#e3f5ec",
    "warn-back": "#fdf1d8",
    "bad-back": "#fde8e5",
}
DARK = {
    "ink": "#e8ebf0",
    "soft": "#a3adbd",
    "card": "#1d232d",
    "ground": "#12161d",
    "line": "#3a4353",
    "lane": "#262d39",
    "good": "#4fd6a4",
    "warn": "#f0b849",
    "bad": "#ff9a85",
    "good-back": "#16352a",
    "warn-back": "#3a2d10",
    "bad-back": "#451f1a",
}
# Nothing is loaded and nothing runs, whatever stands on the page.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def _tokens(scheme: dict[str, str]) -> str:
    return " ".join(f"--{name}: {colour};" for name, colour in scheme.items())


STYLE = f"""
:root {{ color-scheme: light dark; {_tokens(LIGHT)} }}
@media (prefers-color-scheme: dark) {{ :root {{ {_tokens(DARK)} }} }}
@media print {{ :root {{ color-scheme: light; {_tokens(LIGHT)} --ground: #ffffff; }} }}
* {{ box-sizing: border-box; }}
body {{ margin: 0 auto; max-width: 68.5rem; padding: 2.5rem 1.25rem 3rem; background: var(--ground);
  color: var(--ink); font: 16px/1.55 system-ui, sans-serif; }}
h1 {{ font-size: clamp(1.4rem, 5vw, 2.1rem); letter-spacing: -.02em; line-height: 1.2; margin: 0 0 .5rem; }}
h2 {{ font-size: 1.2rem; margin: 0 0 .8rem; }}
h3 {{ font-size: .95rem; margin: 1.1rem 0 .4rem; }}
h3 small {{ font-weight: 400; color: var(--soft); margin-left: .5rem; }}
p {{ margin: 0 0 1rem; max-width: 50rem; }}
section {{ background: var(--card); border-radius: 14px; padding: 1.5rem 1.75rem; margin-top: 1.25rem;
  box-shadow: 0 1px 3px rgb(0 0 0 / .07); }}
code, pre {{ font: .84rem/1.55 ui-monospace, monospace; }}
pre {{ margin: 0; padding: .8rem 1rem; overflow-x: auto; background: var(--lane); border-radius: 8px; }}
svg text {{ font: 13px system-ui, sans-serif; fill: currentColor; }}
svg .strong {{ font-weight: 650; }}
svg .soft {{ fill: var(--soft); }}
.scroll {{ overflow-x: auto; }}
@media (max-width: 40rem) {{ body {{ padding: 1.25rem .75rem; }} section {{ padding: 1rem; }} }}
@media print {{
  @page {{ margin: 14mm; }}
  body {{ padding: 0; font-size: 12px; max-width: none; -webkit-print-color-adjust: exact; print-color-adjust: exact; }}
  section {{ box-shadow: none; border: 1px solid var(--line); padding: 1rem 1.2rem; }}
  h2, h3, tr, svg {{ break-inside: avoid; }}
  h2, h3 {{ break-after: avoid; }}
  .scroll {{ overflow: visible; }}
  pre {{ white-space: pre-wrap; overflow-wrap: anywhere; }}
}}
"""


def document(title: str, *body: object, style: str = "") -> str:
    """Return the page: *body* is header, main and footer; *style* is added to ``STYLE``, as CSS."""
    head = tag(
        "head",
        "\n",
        tag("meta", charset="utf-8"),
        "\n",
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        "\n",
        tag("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        "\n",
        tag("title", title),
        "\n",
        tag("style", Html(STYLE + style)),
        "\n",
    )
    return f"<!DOCTYPE html>\n{tag('html', head, tag('body', text(body)), lang='en')}\n"
