# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How Sphinx makes the site (make docs): pages of antsibull-docs, and the guides as they are, in Markdown."""

from __future__ import annotations

from typing import Any

from docutils import nodes

project = title = html_short_title = "webtier.apache_balancer"
copyright = "webtier.apache_balancer contributors"

extensions = ["myst_parser", "sphinx_antsibull_ext"]
# Links to headings, as GitHub has them.
myst_heading_anchors = 4

pygments_style = "ansible"
highlight_language = "YAML+Jinja"
html_theme = "sphinx_ansible_theme"
html_theme_options = {"display_version": False}
html_show_sphinx = False
html_use_smartypants = True
html_use_modindex = False
html_use_index = False
html_copy_source = False
default_role = "any"
nitpicky = True

# Pages of Ansible that those of antsibull-docs lead to, known without asking anybody.
ELSEWHERE = {
    "ansible_configuration_settings": "config",
    "common_return_values": "common_return_values",
}


def elsewhere(_app: Any, _env: Any, node: Any, shown: Any) -> Any:
    """Return a link to a page of Ansible for a label that no page here has."""
    page = ELSEWHERE.get(node["reftarget"])
    url = f"https://docs.ansible.com/ansible/latest/reference_appendices/{page}.html"
    return nodes.reference("", "", shown, refuri=url, internal=False) if page else None


def setup(app: Any) -> None:
    """Called by Sphinx."""
    app.connect("missing-reference", elsewhere)
