# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.webtier.apache_balancer.plugins.module_utils._httpd.document import (
    Document,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._httpd.tree import (
    from_document,
)
from ansible_collections.webtier.apache_balancer.plugins.module_utils._httpd.unread import (
    inactive,
    shared,
)

DEFINING = """\
Define
Define Shop shop
<Macro App $x>
ServerAdmin $x
</Macro>
Define ALONE
ServerName ${Shop}
"""


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("ServerAlias ${SHOP}.example.com", ["Shop"]),
        ("<IfDefine !shop>\n</IfDefine>", ["Shop"]),
        ("Use APP one", ["App"]),
        ("Use Shop\n# Use App\nServerAlias $Shop\nUse", []),
        ("Alias Shop /a\nAlias App /b\nVirtualDocumentRoot App", []),
    ],
)
def test_definitions_are_shared_that_another_file_uses(text, names):
    documents = [(DEFINING, "/b"), (text, "/a"), (text, "/c")]
    found = shared([Document.parse(each, path) for each, path in documents])
    assert [each.name for each in found] == names
    assert all((each.file, each.used_in) == ("/b", ["/a", "/c"]) for each in found)


def test_what_only_its_own_file_uses_is_not_shared():
    assert shared([Document.parse(DEFINING, "/a")]) == []


def inactive_in(text):
    document = Document.parse(text, "/a")
    return [(each.section, each.line) for each in inactive([document], from_document(document))]


def test_a_section_of_which_nothing_was_read_is_inactive_once():
    text = "<IfDefine NO>\n<IfModule a>\nServerAdmin a\n</IfModule>\nServerName b\n</IfDefine>\n"
    assert inactive_in(text) == [("<IfDefine NO>", 1)]
    assert inactive_in(text + text) == [("<IfDefine NO>", 1), ("<IfDefine NO>", 7)]


def test_an_inactive_section_in_an_active_one_is_found():
    text = "<IfModule a>\nServerName a\n<IfDefine NO>\nServerAdmin a\n</IfDefine>\n</IfModule>\n"
    assert inactive_in(text) == [("<IfDefine NO>", 3)]


def test_an_inactive_section_in_a_virtual_host_is_found():
    text = "<VirtualHost *:80>\n<IfDefine NO>\nServerAdmin a\n</IfDefine>\n</VirtualHost>\n"
    assert inactive_in(text) == [("<IfDefine NO>", 2)]


@pytest.mark.parametrize(
    "text",
    [
        "<IfDefine NO>\n# nothing\n</IfDefine>\n",
        "<IfModule a>\nServerName a\n</IfModule>\n",
        "<IfDefine NO>\nInclude /b\n</IfDefine>\n",
        "<IfDefine NO>\n<IfModule a>\n</IfModule>\n</IfDefine>\n",
        "<Macro A>\n<IfDefine NO>\nServerName a\n</IfDefine>\n</Macro>\n",
    ],
)
def test_what_httpd_keeps_nothing_of_anyway_is_not_inactive(text):
    assert inactive_in(text) == []
