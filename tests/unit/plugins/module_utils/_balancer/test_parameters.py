# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.webtier.apache_balancer.plugins.module_utils._balancer.parameters import (
    BALANCER,
    MEMBER,
    Duration,
    Factor,
    Integer,
    Text,
    argument_spec,
    checked,
    flags,
    shown,
)

BOTH = {
    **{f"member {n}": p for n, p in MEMBER.items()},
    **{f"balancer {n}": p for n, p in BALANCER.items()},
}

# One acceptable declared value of each parameter, and the text that is written for it.
WRITTEN = {
    "member loadfactor": (2.5, "2.5"),
    "member route": ("node-1", "node-1"),
    "member redirect": ("node2", "node2"),
    "member status": (["drained", "disabled"], "+DN"),
    "member lbset": (3, "3"),
    "member retry": (0, "0"),
    "member timeout": (30, "30"),
    "member connectiontimeout": ("1500ms", "1500ms"),
    "member acquire": ("2s", "2000"),
    "member ping": ("2", "2"),
    "member ttl": (60, "60"),
    "member min": (0, "0"),
    "member smax": (5, "5"),
    "member max": (10, "10"),
    "member keepalive": (True, "On"),
    "member disablereuse": (False, "Off"),
    "member enablereuse": (True, "On"),
    "member addressttl": (-1, "-1"),
    "member flushpackets": ("auto", "auto"),
    "member flushwait": (1000, "1000"),
    "member flusher": ("flush", "flush"),
    "member iobuffersize": (0, "0"),
    "member receivebuffersize": (4096, "4096"),
    "member responsefieldsize": (16384, "16384"),
    "member upgrade": ("websocket", "websocket"),
    "member secret": ("s3cret", "s3cret"),
    "member hcmethod": ("GET", "GET"),
    "member hcinterval": ("1mi", "60"),
    "member hcpasses": (2, "2"),
    "member hcfails": (3, "3"),
    "member hcuri": ("/health", "/health"),
    "member hcexpr": ("ok234", "ok234"),
    "member hctemplate": ("every10", "every10"),
    "balancer lbmethod": ("bybusyness", "bybusyness"),
    "balancer stickysession": ("JSESSIONID|jsessionid", "JSESSIONID|jsessionid"),
    "balancer stickysessionsep": ("-", "-"),
    "balancer scolonpathdelim": (True, "On"),
    "balancer nofailover": (False, "Off"),
    "balancer timeout": (5, "5"),
    "balancer maxattempts": (0, "0"),
    "balancer failonstatus": ([503, 500, 503], "500,503"),
    "balancer failontimeout": (True, "On"),
    "balancer forcerecovery": (False, "Off"),
    "balancer growth": (10, "10"),
    "balancer nonce": ("None", "None"),
}

LARGEST = 2147483647  # of the ints of C
# What the sources of httpd 2.4.68 let through (set_worker_param, set_balancer_param, set_worker_hc_param), from the
# least to the most. Three begin higher here, as httpd takes a 0 of them and means nothing by it: addressttl, hcpasses,
# hcfails.
RANGES = {
    "member loadfactor": (1, 100),
    "member lbset": (0, 99),
    "member retry": (0, LARGEST),
    "member timeout": (1, LARGEST),
    "member ttl": (1, LARGEST),
    "member min": (0, LARGEST),
    "member smax": (0, LARGEST),
    "member max": (0, LARGEST),
    "member addressttl": (1, LARGEST),
    "member flushwait": (0, 1000),
    "member iobuffersize": (512, LARGEST),
    "member receivebuffersize": (512, LARGEST),
    "member responsefieldsize": (0, LARGEST),
    "member hcpasses": (1, LARGEST),
    "member hcfails": (1, LARGEST),
    "balancer timeout": (1, LARGEST),
    "balancer maxattempts": (0, LARGEST),
    "balancer growth": (1, 100),
}
# Beside the range.
SPECIAL = {"member addressttl": -1, "member iobuffersize": 0, "member receivebuffersize": 0}
# The least time that it lets through, with the unit of a bare number.
TIMES = {
    "member connectiontimeout": (1, "s"),
    "member acquire": (1, "ms"),
    "member ping": (1, "s"),
    "member hcinterval": (100, "s"),
}
# The bytes of a text for which it has room, its closing NUL aside (mod_proxy.h). Of hctemplate any number.
ROOM = {
    "member route": 63,
    "member redirect": 63,
    "member flusher": 15,
    "member upgrade": 15,
    "member secret": 63,
    "member hcuri": 63,
    "member hcexpr": 15,
    "member hctemplate": 63,
    "balancer stickysession": 63,
    "balancer nonce": 36,
}
# What holds where nothing is said. What depends on others has no value here, nor what is nothing by default.
DEFAULTS = {
    "member loadfactor": 1,
    "member lbset": 0,
    "member retry": 60,  # PROXY_WORKER_DEFAULT_RETRY
    "member min": 0,
    "member keepalive": False,
    "member disablereuse": False,
    "member enablereuse": True,
    "member addressttl": -1,
    "member flushpackets": "off",
    "member flushwait": 10,  # PROXY_FLUSH_WAIT
    "member flusher": "flush",
    "member iobuffersize": 8192,  # AP_IOBUFSIZE
    "member receivebuffersize": 0,
    "member responsefieldsize": 8192,  # HUGE_STRING_LEN
    "member hcmethod": "NONE",
    "member hcinterval": 30_000,  # HCHECK_WATHCHDOG_DEFAULT_INTERVAL
    "member hcpasses": 1,
    "member hcfails": 1,
    "balancer lbmethod": "byrequests",
    "balancer stickysessionsep": ".",
    "balancer scolonpathdelim": False,
    "balancer nofailover": False,
    "balancer timeout": 0,
    "balancer failontimeout": False,
    "balancer forcerecovery": True,
    "balancer growth": 0,
}


def test_every_parameter_has_an_example_here():
    assert set(WRITTEN) == set(BOTH)


@pytest.mark.parametrize("name", BOTH)
def test_what_is_written_reads_back_as_what_was_declared(name):
    parameter = BOTH[name]
    value, text = WRITTEN[name]
    declared = parameter.check(value)
    assert parameter.kind.write(declared) == text
    assert parameter.read(text) == declared
    assert parameter.kind.misread(text) is None


def refused(name, value):
    """Whether *value* is, and what httpd reads from a file is told from what it refuses in the same way."""
    try:
        declared = BOTH[name].check(value)
    except ValueError:
        assert BOTH[name].read(str(value)) == str(value)
        return True
    assert BOTH[name].read(str(value)) == declared == value
    return False


@pytest.mark.parametrize("name", RANGES)
def test_a_range_ends_where_that_of_httpd_ends(name):
    low, high = RANGES[name]
    step = 0.01 if name == "member loadfactor" else 1
    allowed = [value for value in (low - step, low, high, high + step) if not refused(name, value)]
    assert allowed == [low, high]


@pytest.mark.parametrize("name", SPECIAL)
def test_a_value_beside_the_range_is_allowed_alone(name):
    value = SPECIAL[name]
    assert not refused(name, value)
    assert refused(name, value - 1) and refused(name, value + 1)


def test_no_other_number_has_a_range():
    numbers = {name for name in BOTH if isinstance(BOTH[name].kind, (Factor, Integer))}
    assert numbers == set(RANGES)
    assert {name for name in BOTH if isinstance(BOTH[name].kind, Duration)} == set(TIMES)
    assert {name for name in BOTH if isinstance(BOTH[name].kind, Text)} == set(ROOM)


@pytest.mark.parametrize("name", TIMES)
def test_a_time_begins_where_that_of_httpd_begins(name):
    least, unit = TIMES[name]
    assert BOTH[name].check(f"{least}ms") == least
    with pytest.raises(ValueError, match=f"it must be {least} ms or more"):
        BOTH[name].check(f"{least - 1}ms")
    assert BOTH[name].check("200") == BOTH[name].read("200") == BOTH[name].check(f"200{unit}")


@pytest.mark.parametrize("name", ROOM)
def test_a_text_is_as_long_as_httpd_has_room_for(name):
    assert BOTH[name].check("x" * ROOM[name]) == "x" * ROOM[name]
    reason = f"it is {ROOM[name] + 1} bytes long; httpd keeps {ROOM[name]}"
    with pytest.raises(ValueError, match=reason):
        BOTH[name].check("x" * (ROOM[name] + 1))
    with pytest.raises(ValueError, match=reason):
        BOTH[name].check("x" * (ROOM[name] - 1) + "é")


def test_what_holds_without_a_parameter_is_what_httpd_takes_then():
    told = {name: row.default for name, row in BOTH.items()}
    assert {
        name: value for name, value in told.items() if value not in (None, "", frozenset())
    } == DEFAULTS


@pytest.mark.parametrize("name", BOTH)
def test_a_default_is_an_acceptable_value_or_a_word_for_absent(name):
    default = BOTH[name].default
    if default not in (None, "", 0, frozenset()):
        assert BOTH[name].check(BOTH[name].kind.write(default)) == default or isinstance(
            default, bool
        )


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("member loadfactor", 0.5, "1 to 100"),
        ("member loadfactor", 101, "1 to 100"),
        ("member loadfactor", 1.005, "two decimals"),
        ("member route", "a.b", "cookie"),
        ("member route", "a;b", "cookie"),
        ("member route", "", "cookie"),
        ("member route", "x" * 64, "63"),
        ("member route", "a\nb", "control character"),
        (
            "member status",
            ["stopped", "broken", "worn"],
            "broken is no status; use disabled, stopped",
        ),
        ("member lbset", 100, "0 to 99"),
        ("member retry", -1, "0 s or more"),
        ("member timeout", 0, "1 s or more"),
        ("member timeout", 2**31, "no number above 2147483647"),
        ("member timeout", "500ms", "a whole number without a unit (1 s or more)"),
        ("member lbset", "x", "a whole number (0 to 99)"),
        ("member lbset", [1], "a whole number (0 to 99)"),
        ("member lbset", float("inf"), "a whole number (0 to 99)"),
        ("member loadfactor", "10 %", "a number (1 to 100)"),
        ("member loadfactor", [1], "a number (1 to 100)"),
        ("member loadfactor", 10**400, "a number (1 to 100)"),
        ("member connectiontimeout", "0", "1 ms or more"),
        ("member connectiontimeout", "1.5s", "whole number"),
        ("member connectiontimeout", "5 s", "whole number"),
        ("member connectiontimeout", "5min", "whole number"),
        ("member connectiontimeout", "9" * 5000, "whole number"),
        ("member hcinterval", "99ms", "100 ms or more"),
        ("member addressttl", 0, "-1 or 1 s or more"),
        ("member iobuffersize", 511, "0 or 512 bytes or more"),
        ("member flushwait", 1001, "0 to 1000 ms"),
        ("member hcmethod", "PUT", "one of NONE, TCP, OPTIONS, HEAD, GET"),
        ("member secret", "x" * 64, "63"),
        ("member upgrade", "web socket", "white space"),
        ("member hcuri", "/a${B}", "variable"),
        ("balancer lbmethod", "by requests", "plain word"),
        ("balancer stickysession", "A" * 64, "63"),
        ("balancer stickysession", 'A"B', "cookie name"),
        ("balancer stickysession", "A|B|C", "cookie name"),
        ("balancer stickysession", "", "cookie name"),
        ("balancer stickysessionsep", "::", "one character"),
        ("balancer stickysessionsep", ";", "cookie"),
        ("balancer stickysessionsep", "\x85", "cookie"),
        ("balancer stickysessionsep", "é", "cookie"),
        ("balancer stickysessionsep", "\x7f", "cookie"),
        ("balancer stickysessionsep", " ", "cookie"),
        ("balancer stickysessionsep", "", "cookie"),
        ("balancer failonstatus", [600, 99], "99 is no HTTP status code (100 to 599)"),
        ("balancer failonstatus", [100, 599, 600], "600 is no HTTP status code (100 to 599)"),
        ("balancer failonstatus", ["5xx"], "a list of HTTP status codes (100 to 599)"),
        ("balancer failonstatus", 503, "a list of HTTP status codes (100 to 599)"),
        ("balancer failonstatus", [], "at least one"),
        ("balancer growth", 0, "1 to 100"),
        ("balancer growth", 101, "1 to 100"),
        ("balancer nonce", "x" * 37, "36"),
    ],
)
def test_an_impossible_value_is_refused_with_parameter_and_reason(name, value, reason):
    with pytest.raises(ValueError, match="is not possible") as refusal:
        BOTH[name].check(value)
    assert reason in str(refusal.value)
    assert str(refusal.value).startswith(name.split()[1] + ":")


@pytest.mark.parametrize("name", ["member secret", "balancer nonce"])
def test_a_refused_secret_is_not_repeated_in_the_message(name):
    with pytest.raises(ValueError) as refusal:
        BOTH[name].check("hunter2" * 20)
    assert "hunter2" not in str(refusal.value)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("member timeout", "500ms", 500),
        ("member max", "abc", 0),
        ("member lbset", "9x", 9),
        ("member loadfactor", "1.999", 1.99),
        ("member loadfactor", "2x", 2.0),
        ("member loadfactor", "1e1", 10.0),
        ("member loadfactor", "0.2e1", 2.0),
        ("member loadfactor", "100.009", 100.0),
        # An int of C holds no more.
        ("member retry", "4294967301", 5),
        ("member retry", "\u0663", 0),
        ("balancer timeout", "900ms", 900),
    ],
)
def test_what_httpd_misreads_is_read_like_httpd_and_told(name, text, value):
    assert BOTH[name].read(text) == value
    assert BOTH[name].kind.misread(text)


@pytest.mark.parametrize("name", ["member loadfactor", "member retry", "balancer failonstatus"])
@pytest.mark.parametrize("digits", [400, 5000])
def test_a_number_without_end_is_no_number_and_no_crash(name, digits):
    for text in ("9" * digits, "9" * digits + "x"):
        assert BOTH[name].read(text) == text
        BOTH[name].kind.misread(text)


@pytest.mark.parametrize(
    ("text", "flags"),
    [
        ("+D", {"disabled"}),
        ("D", {"disabled"}),
        ("+DN", {"disabled", "drained"}),
        ("+H-D", {"hot_standby"}),
        ("+D-D", set()),
        ("isr", {"ignore_errors", "stopped", "hot_spare"}),
        ("", set()),
        ("E", set()),
    ],
)
def test_status_letters_are_read_with_their_signs(text, flags):
    assert MEMBER["status"].read(text) == frozenset(flags)


def test_a_load_factor_has_two_decimals_and_no_binary_noise():
    values = (1.15, 29.99, 100, "2.50", 3 * 0.7)
    assert [MEMBER["loadfactor"].check(value) for value in values] == [1.15, 29.99, 100.0, 2.5, 2.1]


def test_httpd_reads_each_load_factor_as_it_is_written():
    factor = MEMBER["loadfactor"].kind
    for hundredths in range(100, 10001):
        text = factor.write(hundredths / 100)
        assert (factor.read(text), factor.misread(text)) == (hundredths / 100, None)
    assert [factor.write(value) for value in (2.0, 40.0, 2.5, 2.3, 9.7, 1.15)] == [
        "2",
        "40",
        "2.5",
        "2.301",
        "9.701",
        "1.151",
    ]


def test_a_load_factor_that_httpd_reads_one_hundredth_lower_is_told_with_the_spelling_that_helps():
    factor = MEMBER["loadfactor"].kind
    assert factor.read("2.3") == 2.29
    assert factor.misread("2.3") == "httpd reads it as 2.29, and 2.301 as 2.3"
    assert factor.misread("2.50") is None


@pytest.mark.parametrize("value", [1.999, "inf", "nan", float("inf"), 100.001])
def test_a_load_factor_that_httpd_would_cut_or_cannot_read_is_refused(value):
    with pytest.raises(
        ValueError, match="is not possible: (httpd keeps two decimals|it must be 1 to 100)"
    ):
        MEMBER["loadfactor"].check(value)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("addressttl", "5mi", 300),
        ("addressttl", "5min", 300),
        ("addressttl", "2000ms", 2),
        ("addressttl", "60", 60),
        ("ping", "30sec", 30_000),
        ("acquire", "5msec", 5),
        ("connectiontimeout", "1hour", 3_600_000),
        ("addressttl", "-1", -1),
        # What httpd refuses stays what it is.
        ("addressttl", "", ""),
        ("addressttl", "1500ms", "1500ms"),
        ("ping", "5m", "5m"),
        ("ping", "5 s", "5 s"),
        ("ping", "5S", "5S"),
    ],
)
def test_a_time_in_a_file_may_have_a_unit_and_a_longer_word_for_it(name, text, value):
    assert MEMBER[name].read(text) == value
    assert MEMBER[name].kind.misread(text) is None


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("-", 0),
        ("", 0),
        ("\t+007 ", 7),
        ("30s", 30),
        ("-5s", -5),
        ("2147483648", -2147483648),
        ("-2147483649", 2147483647),
        ("4294967295", -1),
        ("9223372036854775806", -2),
        ("9223372036854775807", -1),
        ("9223372036854775813", -1),
        ("-9223372036854775807", 1),
        ("-9223372036854775813", 0),
    ],
)
def test_of_a_number_an_int_of_c_keeps_what_has_room_there(text, number):
    assert MEMBER["retry"].kind.misread(text) == f"httpd reads it as {number} s"
    assert MEMBER["min"].kind.misread(text) == f"httpd reads it as {number}"
    assert MEMBER["retry"].read(text) == (text if number < 0 else number)


@pytest.mark.parametrize("text", ["0", "+5", "-5", "0" * 5000 + "1", "2147483647", "-2147483648"])
def test_a_number_that_an_int_of_c_holds_is_what_it_is(text):
    assert MEMBER["retry"].kind.misread(text) is None


def test_on_and_off_are_read_in_any_case():
    assert MEMBER["keepalive"].read("ON") is True
    assert MEMBER["keepalive"].read("oFF") is False
    assert MEMBER["keepalive"].read("1") == "1"


def test_a_word_of_a_few_is_read_in_any_case():
    assert MEMBER["hcmethod"].read("head11") == "HEAD11"
    assert MEMBER["flushpackets"].read("AUTO") == "auto"


def test_quotes_around_a_value_alone_are_told():
    told = MEMBER["route"].kind.misread
    assert told('"n1"') == told("'n1'") == 'the quotes are part of the value; write "key=value"'
    assert [told(text) for text in ("", '"', "n1", "n'1'")] == [None] * 4


def test_a_separator_is_any_character_that_a_cookie_can_carry():
    separator = BALANCER["stickysessionsep"]
    for character in "!~.:|-":
        assert separator.check(character) == character
    assert {separator.check(off) for off in (False, "False", "off", "OFF")} == {"Off"}
    assert (separator.read("oFF"), separator.read("::")) == ("Off", "::")


def test_an_unknown_parameter_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="wieght is no parameter; known are loadfactor"):
        checked(MEMBER, {"wieght": 3})


def test_an_omitted_parameter_is_not_a_value():
    assert checked(MEMBER, {"route": None, "lbset": 0}) == {"lbset": 0}


def test_the_argument_spec_hides_secrets_and_nothing_else():
    specs = {**argument_spec(MEMBER), **argument_spec(BALANCER)}
    assert {name for name, spec in specs.items() if spec["no_log"]} == {"secret", "nonce"}


def test_results_show_values_as_they_can_be_declared():
    values = {
        "status": frozenset({"drained", "disabled"}),
        "lbset": 3,
        "keepalive": True,
        "hcinterval": 1500,
        "ping": "5m",  # that httpd refuses
        "route": None,
        "weight": "4",  # that httpd does not know
    }
    told = {"status": ["disabled", "drained"], "hcinterval": "1500ms"}
    assert shown(MEMBER, values) == {**values, **told}
    assert shown(BALANCER, {"failonstatus": (500, 503)}) == {"failonstatus": [500, 503]}


def test_a_member_has_the_flags_of_its_status_and_none_where_httpd_reads_none():
    assert flags({"status": frozenset({"drained"})}) == {"drained"}
    assert flags({"status": "x"}) == flags({}) == frozenset()


def test_a_secret_within_a_value_is_masked():
    assert MEMBER["hcuri"].shown("/up?token=hunter2") == "/up?token=********"
    assert MEMBER["route"].shown("n1") == "n1"


def test_a_nonce_that_is_switched_off_is_no_secret():
    assert BALANCER["nonce"].shown("None") == "None"
    assert BALANCER["nonce"].shown("abc") == "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"
