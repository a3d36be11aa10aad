# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The dumps and messages of a real httpd are read as they are meant."""

from __future__ import annotations

import pytest

from ansible_collections.webtier.apache_balancer.plugins.module_utils._httpd.dump import messages
from ansible_collections.webtier.apache_balancer.plugins.module_utils._httpd.lexer import quoted
from ansible_collections.webtier.apache_balancer.plugins.module_utils._httpd.text import encode
from ansible_collections.webtier.apache_balancer.plugins.module_utils._httpd.tree import (
    MacroPosition,
)
from ansible_collections.webtier.apache_balancer.tests.support.httpd_reader import Reader


def test_lines_of_a_macro_are_counted_without_its_comments(reader: Reader) -> None:
    text = """\
UnsetEnv zero
<Macro Inner $x>

    # a comment \\
      of two lines
    UnsetEnv inner \\
        $x
</Macro>
<Macro Outer $x>
    # another
    <Location /$x>

        Use Inner $x
    </Location>
</Macro>
<IfModule proxy_module>
    Use Outer one
</IfModule>
"""
    root = reader.read(encode(text)).view.root
    (location,) = root.find("Location")
    outer = MacroPosition.parse(location.file)
    assert outer == ("outer", str(reader.file), 9, str(reader.file), 17)
    assert location.line == 1
    (inner,) = location.children
    assert inner.words == ["inner", "one"]
    assert inner.line == 2
    assert MacroPosition.parse(inner.file) == ("inner", str(reader.file), 2, location.file, 3)


def test_macros_may_open_and_close_a_section_for_each_other(reader: Reader) -> None:
    text = """\
<Macro Begin $where>
    <Location $where>
</Macro>
<Macro End>
    </Location>
</Macro>
UnsetEnv one
Use Begin /x
UnsetEnv two
Use End
UnsetEnv three
"""
    view = reader.read(encode(text)).view
    assert [node.words for node in view.root.children if node.name in ("Location", "UnsetEnv")] == [
        ["one"],
        ["/x"],
        ["three"],
    ]
    assert [message.code for message in view.warnings] == ["AH02795", "AH02793", "AH02795"]


def test_one_run_tells_everything_about_a_configuration(reader: Reader) -> None:
    folder = reader.file.parent / "caf\u00e9 (1)"
    folder.mkdir(exist_ok=True)
    fragment = folder / "fragment.conf"
    fragment.write_text("UnsetEnv ${PORT} ${GONE}\n", encoding="utf-8")
    text = f"""\
Define PORT "80 = http"
Define EMPTY
<VirtualHost 127.0.0.1:80>
    ServerName vhost.test
    Include "{fragment}"
</VirtualHost>
Include "{fragment}"
User nobody
"""
    view = reader.read(encode(text)).view
    assert view.server_root == str(reader.main.parent)
    assert view.pid_file == str(reader.main.parent / "httpd.pid")
    assert view.error_log == str(reader.main.parent / "error.log")
    assert view.includes == [str(reader.main), str(reader.file), str(fragment)]
    assert view.user == "nobody"
    assert {"PORT": "80 = http", "EMPTY": "", "DUMP_CONFIG": ""}.items() <= view.defines.items()
    assert {"core_module", "info_module", "proxy_balancer_module"} <= view.modules
    (vhost,) = view.root.find("VirtualHost")
    (unset,) = vhost.find("UnsetEnv")
    assert (unset.file, unset.line, unset.words) == (
        str(fragment),
        1,
        ["80", "=", "http", "${GONE}"],
    )
    assert [(message.code, message.text) for message in view.warnings] == [
        ("AH00111", "Config variable ${GONE} is not defined")
    ] * 2


@pytest.mark.parametrize(
    "text, line, said",
    [
        ("UnsetEnv one\nNo\\\nSuchName\n", 3, "Invalid command 'NoSuchName'"),
        (
            "<Proxy balancer://a>\n  BalancerMember http://h lbset=200\n</Proxy>\n",
            2,
            "lbset must be",
        ),
        ("\n<Location /x>\nUnsetEnv one\n", 2, "<Location> was not closed"),
        ("<Location /x>\n</Proxy>\n", 2, "Expected </Location> but saw </Proxy>"),
        ("Include nowhere.conf\n", 1, "nowhere.conf"),
        ("\n<Macro M>\n", 2, "expected token not found: </Macro>"),
    ],
)
def test_an_error_is_placed_in_the_included_file(
    reader: Reader, text: str, line: int, said: str
) -> None:
    folder = reader.file.parent / "caf\u00e9 \\ 2"
    folder.mkdir(exist_ok=True)
    fragment = folder / "fragment.conf"
    fragment.write_bytes(encode(text))
    answer = reader.read(encode("UnsetEnv one\nInclude " + quoted(str(fragment)) + "\n"))
    assert answer.status == 1
    (message,) = messages(answer.stderr)
    assert (message.file, message.line) == (str(fragment), line)
    assert said in message.text


def test_an_error_in_a_macro_is_placed_in_the_macro(reader: Reader) -> None:
    answer = reader.read(b"<Macro M>\nUnsetEnv one\nNoSuchName\n</Macro>\n\nUse M\n")
    (message,) = messages(answer.stderr)
    assert MacroPosition.parse(message.file or "") == (
        "m",
        str(reader.file),
        1,
        str(reader.file),
        6,
    )
    assert message.line == 2
    assert message.code == "AH00526"
