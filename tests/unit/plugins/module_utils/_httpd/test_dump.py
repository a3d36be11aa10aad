# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.webtier.apache_balancer.plugins.module_utils._httpd.dump import (
    Message,
    messages,
    parse,
)
from ansible_collections.webtier.apache_balancer.tests.support.fuzzing import no_endless_work

# As printed by 2.4.71, shortened.
STDOUT = """Included configuration files:
  (*) /etc/apache2/apache2.conf
    (146) /etc/apache2/mods-enabled/proxy.load
    (228) /etc/apache2/sites-enabled/app.conf
      (7) /etc/apache2/balancers/app (1).conf
    (229) /etc/apache2/balancers/app (1).conf
VirtualHost configuration:
127.0.0.1:80           is a NameVirtualHost
         default server a.test (/etc/apache2/sites-enabled/app.conf:1)
# In file: /etc/apache2/apache2.conf
#   3:
PidFile /ignored
# In file: /etc/apache2/sites-enabled/app.conf
#   1:
<VirtualHost 127.0.0.1:80>
  #   2:
  ServerName a.test
</VirtualHost>
ServerRoot: "/etc/apache2"
Main DocumentRoot: "/var/www/html"
Main ErrorLog: "/var/log/apache2/error.log"
Mutex default: dir="/var/run/apache2/" mechanism=default
PidFile: "/var/run/apache2/apache2.pid"
Define: DUMP_CONFIG
Define: PORT=9001
Define: FORMAT=a=b c
User: name="www-data" id=33 not_used
Group: name="#-1" id=4294967295
Loaded Modules:
 core_module (static)
 proxy_module (shared)
"""


def test_the_dumps_of_one_run_are_read_together() -> None:
    view = parse(STDOUT, "AH00111: Config variable ${X} is not defined\nSyntax OK\n")
    assert [node.name for node in view.root.walk()] == ["PidFile", "VirtualHost", "ServerName"]
    assert view.includes == [
        "/etc/apache2/apache2.conf",
        "/etc/apache2/mods-enabled/proxy.load",
        "/etc/apache2/sites-enabled/app.conf",
        "/etc/apache2/balancers/app (1).conf",
    ]
    assert view.modules == {"core_module", "proxy_module"}
    assert view.server_root == "/etc/apache2"
    assert view.pid_file == "/var/run/apache2/apache2.pid"
    assert view.error_log == "/var/log/apache2/error.log"
    assert view.defines == {"DUMP_CONFIG": "", "PORT": "9001", "FORMAT": "a=b c"}
    assert (view.user, view.group) == ("www-data", "#-1")
    assert [message.code for message in view.warnings] == ["AH00111"]


def test_the_configuration_itself_is_not_mistaken_for_another_dump() -> None:
    stdout = '# In file: /a\n#   1:\nDefine: A=1\n#   2:\nServerRoot: "/x"\n#   3:\n (*) /y\n'
    view = parse(stdout, "")
    assert (view.defines, view.server_root, view.includes) == ({}, "", [])


def test_missing_dumps_leave_their_part_empty() -> None:
    view = parse("", "")
    assert view.root.children == []
    assert (view.includes, view.modules, view.pid_file, view.warnings) == ([], set(), "", [])


@pytest.mark.parametrize(
    "stderr, message",
    [
        (
            "AH00526: Syntax error on line 22 of /etc/a b.conf:\n"
            "BalancerMember lbset must be between 0 and 99\n",
            ("/etc/a b.conf", 22, "AH00526", "BalancerMember lbset must be between 0 and 99"),
        ),
        (
            "apache2: Syntax error on line 18 of /etc/httpd.conf:"
            " Syntax error on line 9 of /etc/t.conf: /etc/t.conf:7: <Location> was not closed.\n",
            ("/etc/t.conf", 7, None, "<Location> was not closed."),
        ),
        (
            "httpd: Syntax error on line 18 of /etc/httpd.conf:"
            " Syntax error on line 3 of /etc/t.conf: Expected </> but saw </Location>\n",
            ("/etc/t.conf", 3, None, "Expected </> but saw </Location>"),
        ),
        (
            "AH00526: Syntax error on line 8 of macro 'm' (defined on line 1 of \"/t.conf\")"
            " used on line 15 of \"/t.conf\":\nInvalid command 'Err'\n",
            (
                'macro \'m\' (defined on line 1 of "/t.conf") used on line 15 of "/t.conf"',
                8,
                "AH00526",
                "Invalid command 'Err'",
            ),
        ),
        (
            "httpd: Syntax error on line 1 of /t.conf: macro 'm' (defined on line 1 of \"/t.conf\")\n"
            "\tcontents error: expected token not found: </Macro>\n",
            (
                "/t.conf",
                1,
                None,
                "macro 'm' (defined on line 1 of \"/t.conf\")"
                " contents error: expected token not found: </Macro>",
            ),
        ),
        (
            "[Sun Nov 22 22:04:05.587865 2026] [core:warn] [pid 2744:tid 2744]"
            " AH00111: Config variable ${NO} is not defined\n",
            (None, None, "AH00111", "Config variable ${NO} is not defined"),
        ),
        (
            "[Sun Nov 22 22:04:05.8 2026] [macro:warn] [pid 2:tid 2] AH02989: AH02794: non blank"
            " chars found after directive closing on line 3 of /t.conf:  junk\n",
            (
                "/t.conf",
                3,
                "AH02989",
                "non blank chars found after directive closing on line 3 of /t.conf:  junk",
            ),
        ),
        # What stands behind the line may look like another place.
        (
            "AH02989: AH02794: non blank chars found after directive closing on line 3 of /t.conf:"
            "  in /x.conf at line 5\n",
            (
                "/t.conf",
                3,
                "AH02989",
                "non blank chars found after directive closing on line 3 of /t.conf:"
                "  in /x.conf at line 5",
            ),
        ),
        (
            "[Sun Nov 22 22:04:05.8 2026] [alias:warn] [pid 2:tid 2] AH00671: The Alias directive"
            " in /t.conf at line 5 will probably never match\n",
            (
                "/t.conf",
                5,
                "AH00671",
                "The Alias directive in /t.conf at line 5 will probably never match",
            ),
        ),
        (
            "AH00548: NameVirtualHost has no effect /etc/t.conf:42\n",
            ("/etc/t.conf", 42, "AH00548", "NameVirtualHost has no effect /etc/t.conf:42"),
        ),
        (
            "(2)No such file or directory: AH02291: Cannot access directory '/x/' for main log\n",
            (
                None,
                None,
                "AH02291",
                "(2)No such file or directory: Cannot access directory '/x/' for main log",
            ),
        ),
        (
            "AH00526: Syntax error on line 1 of /d\\xc3\\xa4 \\\\ \\xff.conf:\nInvalid '\\xc3\\xa4'\n",
            ("/dä \\ \udcff.conf", 1, "AH00526", "Invalid '\\xc3\\xa4'"),
        ),
        ("something else\r\n", (None, None, None, "something else")),
    ],
)
def test_a_message_is_read_with_its_place(stderr: str, message: tuple) -> None:
    assert messages(stderr) == [Message(*message)]


def test_messages_stay_in_order_and_success_is_none() -> None:
    stderr = "AH00558: one\n\nSyntax error on line 2 of /t.conf:\ntwo\nSyntax OK\nAH00014: three\n"
    assert messages(stderr) == [
        Message(None, None, "AH00558", "one"),
        Message("/t.conf", 2, None, "two"),
        Message(None, None, "AH00014", "three"),
    ]


def test_an_indented_line_goes_on_with_the_message_before_it() -> None:
    assert [message.text for message in messages("one\n\ttwo\nthree\n\tfour\n")] == [
        "one two",
        "three four",
    ]


def test_a_place_that_nothing_follows_is_a_message_all_the_same() -> None:
    assert messages("Syntax error on line 2 of /t.conf:\n") == [Message("/t.conf", 2, None, "")]


def test_the_innermost_of_many_places_is_the_one_where_it_happened() -> None:
    places = "".join(f"Syntax error on line {n} of /etc/{n}.conf: " for n in range(1, 300))
    (message,) = messages(places + "Bad")
    assert (message.file, message.line, message.text) == ("/etc/299.conf", 299, "Bad")


@pytest.mark.parametrize("more", ["\ttwo\n", "\ttwo:\nthree:\n"])
def test_a_message_of_very_many_lines_is_read_in_no_time(more: str) -> None:
    with no_endless_work():
        (message,) = messages("Syntax error on line 2 of /t.conf:\n" + more * 600_000)
    assert message.text.startswith("two")
