# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one table of member and balancer parameters.

Private to this collection.

Everything that depends on a parameter is derived from here: the argument specs of the modules, how a
value is read from and written to a file, what the lint says, which live field carries it. Sources:
mod_proxy.c ``set_worker_param`` and ``set_balancer_param``, mod_proxy_hcheck.c ``set_worker_hc_param``,
mod_proxy_balancer.c ``balancer_handler``.

A *kind* knows four things about a value: what httpd reads from a text (``read``), whether httpd reads
something else than was meant (``misread``), whether a declared value is acceptable (``check``), and how
it is written (``write``). ``read`` and ``check`` return the same canonical Python value, so that a
declared value and one found in a file compare equal when httpd makes no difference between them.
"""

from __future__ import annotations

import re
from typing import Any, FrozenSet, Mapping, NamedTuple, Sequence, Tuple, Union

from .._httpd.modules import LBMETHODS
from .._httpd.secrets import HIDDEN, is_secret, masked

Value = Union[bool, int, float, str, FrozenSet[str], Tuple[int, ...]]

CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_INTEGER = re.compile(r"[ \t\n\v\f\r]*([+-]?)0*([0-9]{1,20})")
_FLOAT = re.compile(r"[ \t\n\v\f\r]*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?", re.IGNORECASE)


class Kind:
    """How one sort of value is read, checked and written."""

    argument: dict[str, Any] = {"type": "str"}

    def read(self, text: str) -> Value:
        """Return what httpd makes of *text*; raise ``ValueError`` where httpd refuses it."""
        return text

    def misread(self, text: str) -> str | None:
        """Return a sentence where httpd silently reads something else than *text* says."""
        return None

    def check(self, value: Any) -> Value:
        """Return the canonical form of a declared *value*; raise ``ValueError`` with the reason."""
        raise NotImplementedError

    def write(self, value: Value) -> str:
        """Return the text that httpd reads as *value*."""
        return str(value)


# The largest int and the largest long of C.
_LARGEST = 0x7FFFFFFF
_LONG = 0x7FFFFFFFFFFFFFFF


def _atoi(text: str) -> int:
    """Return what C's ``atoi`` reads: leading digits, 0 for anything else; of a number that is too large for a long
    the largest one, of that what fits into an int (glibc)."""
    found = _INTEGER.match(text)
    number = int("".join(found.groups())) if found else 0
    number = min(max(number, ~_LONG), _LONG)
    return (number & 0xFFFFFFFF ^ 0x80000000) - 0x80000000


class Integer(Kind):
    """A whole number that httpd reads with ``atoi``: trailing junk is dropped without a word.

    *low* and *high* are inclusive; *also* lists values outside that range which are accepted too.
    """

    argument = {"type": "int"}

    def __init__(
        self, low: int, high: int | None = None, also: Sequence[int] = (), unit: str = ""
    ) -> None:
        self.low, self.high, self.also, self.unit = low, high, tuple(also), unit

    def read(self, text: str) -> Value:
        return self._ranged(_atoi(text))

    def misread(self, text: str) -> str | None:
        plain = re.fullmatch(r"([+-]?)0*([0-9]{1,10})", text)
        if plain and int("".join(plain.groups())) == _atoi(text):
            return None
        unit = " " + self.unit if self.unit else ""
        return f"httpd reads it as {_atoi(text)}{unit}"

    def check(self, value: Any) -> Value:
        try:
            number = int(value)
        except (TypeError, ValueError, OverflowError):
            plain = "a whole number without a unit" if self.unit else "a whole number"
            raise ValueError(f"it must be {plain} ({self.range})") from None
        return self._ranged(number)

    def _ranged(self, number: int) -> int:
        if number in self.also:
            return number
        if number > _LARGEST:
            raise ValueError(f"httpd reads no number above {_LARGEST}")
        if number < self.low or (self.high is not None and number > self.high):
            raise ValueError(f"it must be {self.range}")
        return number

    @property
    def range(self) -> str:
        """The accepted range in words."""
        unit = " " + self.unit if self.unit else ""
        words = (
            f"{self.low} to {self.high}{unit}"
            if self.high is not None
            else f"{self.low}{unit} or more"
        )
        return " or ".join([str(number) for number in self.also] + [words])


class Factor(Kind):
    """A load factor: 1 to 100, two decimals. mod_proxy.c cuts ``fval * 100.0`` to an int, which makes 2.29 of 2.3."""

    argument = {"type": "float"}

    def read(self, text: str) -> Value:
        found = _FLOAT.match(text)
        return self._cut(float(found.group(0) if found else "0") * 100.0)

    def misread(self, text: str) -> str | None:
        try:
            value = self.read(text)
        except ValueError:
            return None
        if text == self.write(value):
            return None
        if not re.fullmatch(r"[0-9]+(\.[0-9]{0,2}0*)?", text):
            return f"httpd reads it as {value:g}"
        meant = float(text)
        return (
            f"httpd reads it as {value:g}, and {self.write(meant)} as {meant:g}"
            if meant != value
            else None
        )

    def check(self, value: Any) -> Value:
        try:
            number = float(value)
        except (TypeError, ValueError, OverflowError):
            raise ValueError("it must be a number (1 to 100)") from None
        kept = self._cut(number * 100.0 + 0.5)
        if abs(number - kept) > 1e-8:
            raise ValueError("httpd keeps two decimals")
        return kept

    def _cut(self, hundredths: float) -> float:
        if not 100 <= hundredths < 10001:  # inf and nan too
            raise ValueError("it must be 1 to 100")
        return int(hundredths) / 100

    def write(self, value: Value) -> str:
        text = f"{value:.2f}"
        if int(float(text) * 100.0) < round(float(value) * 100):  # type: ignore[arg-type]  # a float here
            return text + "1"
        return text.rstrip("0").rstrip(".")


_NO_TIME = "it must be a whole number with an optional unit ms, s, mi or h"
_MILLISECONDS = {"ms": 1, "s": 1000, "mi": 60_000, "h": 3_600_000}


def _milliseconds(text: str, unit: str) -> int:
    """Return what httpd makes of a time, a bare number of *unit*s; it ignores what follows the unit, as in ``5min``
    (server/util.c ``ap_timeout_parameter_parse``). Raises ``ValueError`` where httpd refuses it."""
    found = re.fullmatch(r"([0-9]{1,18})(?:(ms|s|mi|h).*)?", text)
    if not found:
        raise ValueError(_NO_TIME)
    return int(found.group(1)) * _MILLISECONDS[found.group(2) or unit]


class Seconds(Integer):
    """A whole number of seconds, for which a file may say a time with a unit; -1 has none."""

    def read(self, text: str) -> Value:
        number, rest = (-1, 0) if text == "-1" else divmod(_milliseconds(text, "s"), 1000)
        if rest:
            raise ValueError("it must be whole seconds")
        return self._ranged(number)

    def misread(self, text: str) -> str | None:
        return None


class Duration(Kind):
    """A time with an optional unit ``ms``, ``s``, ``mi`` or ``h``; *unit* is what a bare number means, *low* the least
    in milliseconds.

    The canonical value is the number of milliseconds.
    """

    def __init__(self, unit: str, low: int = 1) -> None:
        self.unit, self.low = unit, low

    def read(self, text: str) -> Value:
        value = _milliseconds(text, self.unit)
        if value < self.low:
            raise ValueError(f"it must be {self.low} ms or more")
        return value

    def check(self, value: Any) -> Value:
        text = str(value).lower()
        if not re.fullmatch(r"[0-9]+(ms|s|mi|h)?", text):
            raise ValueError(_NO_TIME)
        return self.read(text)

    def write(self, value: Value) -> str:
        number, rest = divmod(int(value), _MILLISECONDS[self.unit])  # type: ignore[arg-type]  # an int here
        return f"{value}ms" if rest else f"{number}"


class Switch(Kind):
    """``On`` or ``Off``. *inverse_of* names the parameter of the opposite meaning."""

    argument = {"type": "bool"}

    def read(self, text: str) -> Value:
        try:
            return {"on": True, "off": False}[text.lower()]
        except KeyError:
            raise ValueError("it must be On or Off") from None

    def check(self, value: Any) -> Value:
        return bool(value)

    def write(self, value: Value) -> str:
        return "On" if value else "Off"


class Choice(Kind):
    """One of a few words. httpd compares without regard to case."""

    def __init__(self, *words: str) -> None:
        self.words = words
        self.argument = {"type": "str", "choices": list(words)}

    def read(self, text: str) -> Value:
        for word in self.words:
            if text.lower() == word.lower():
                return word
        raise ValueError("it must be one of " + ", ".join(self.words))

    def check(self, value: Any) -> Value:
        return self.read(str(value))


class Provider(Kind):
    """A word that a loaded module registers, compared by case (lbmethod)."""

    def __init__(self, *known: str) -> None:
        self.known = known

    def check(self, value: Any) -> Value:
        if not re.fullmatch(r"[A-Za-z0-9_-]+", str(value)):
            raise ValueError("it must be a plain word such as " + ", ".join(self.known))
        return str(value)


class Text(Kind):
    """A text of at most *longest* bytes. *pattern* is what we let a declaration say: httpd accepts
    more, but not to the effect that was meant; *reason* says so in words."""

    def __init__(self, longest: int, pattern: str = r"[^\s]*", reason: str = "") -> None:
        self.longest, self.pattern = longest, re.compile(pattern)
        self.reason = reason or "it may not contain white space"

    def misread(self, text: str) -> str | None:
        if re.match("[\"'].", text):
            return 'the quotes are part of the value; write "key=value"'
        return None

    def check(self, value: Any) -> Value:
        text = str(value)
        if CONTROL.search(text):
            raise ValueError("it contains a control character")
        size = len(text.encode("utf-8", "surrogateescape"))
        if size > self.longest:
            raise ValueError(f"it is {size} bytes long; httpd keeps {self.longest}")
        if "${" in text:
            raise ValueError("httpd would replace ${...} by a variable")
        if not self.pattern.fullmatch(text):
            raise ValueError(self.reason)
        return text


class Separator(Kind):
    """One character, or ``Off``."""

    def read(self, text: str) -> Value:
        return "Off" if text.lower() == "off" else text

    def check(self, value: Any) -> Value:
        # YAML reads a bare Off as a boolean.
        text = "Off" if value in (False, "False") else str(value)
        if not re.fullmatch(r"(?i:off)|(?![;,\"'\\=])[!-~]", text):
            raise ValueError("it must be one character that a cookie can carry, or Off")
        return self.read(text)


class Codes(Kind):
    """HTTP status codes, separated by commas."""

    argument = {"type": "list", "elements": "int"}

    def read(self, text: str) -> Value:
        return self.check([_atoi(word) for word in re.split(r"[,\s]+", text) if word])

    def check(self, value: Any) -> Value:
        try:
            codes = tuple(sorted({int(code) for code in value}))
        except (TypeError, ValueError):
            raise ValueError("it must be a list of HTTP status codes (100 to 599)") from None
        wrong = [code for code in codes if not 100 <= code <= 599]
        if wrong:
            raise ValueError(f"{wrong[0]} is no HTTP status code (100 to 599)")
        if not codes:
            raise ValueError("it must name at least one status code; use reset to remove it")
        return codes

    def write(self, value: Value) -> str:
        return ",".join(str(code) for code in value)  # type: ignore[union-attr]  # a tuple here


class Status(Kind):
    """The flags of a member: a set of words, one letter each in the file (mod_proxy.h
    ``PROXY_WORKER_*_FLAG``, proxy_util.c ``ap_proxy_set_wstatus``)."""

    words = {
        "disabled": "D",
        "stopped": "S",
        "ignore_errors": "I",
        "hot_standby": "H",
        "hot_spare": "R",
        "drained": "N",
    }
    _letters = {letter: word for word, letter in words.items()}
    # Flags that httpd sets by itself; accepted in a file, of no use there.
    _internal = "OUGFEC"
    argument = {"type": "list", "elements": "str", "choices": list(words)}

    def read(self, text: str) -> Value:
        flags: set[str] = set()
        present = True
        for letter in text.upper():
            if letter in "+-":
                present = letter == "+"
            elif letter in self._letters:
                (flags.add if present else flags.discard)(self._letters[letter])
            elif letter not in self._internal:
                raise ValueError(f"{letter} is no status letter (D S I H R N)")
        return frozenset(flags)

    def check(self, value: Any) -> Value:
        unknown = [word for word in value if word not in self.words]
        if unknown:
            raise ValueError(f"{unknown[0]} is no status; use " + ", ".join(self.words))
        return frozenset(value)

    def write(self, value: Value) -> str:
        letters = "".join(self.words[word] for word in self.words if word in value)  # type: ignore[operator]  # a set
        return "+" + letters if letters else ""


class Live(NamedTuple):
    """The balancer-manager field of a parameter and the most that is accepted there, if that is less than in a file."""

    field: str
    high: int | None = None


class Parameter(NamedTuple):
    """One row of the table.

    *default* is what httpd uses when the parameter is absent (a word where it depends on others),
    *since* the first httpd release that knows it, *module* the module it needs beside mod_proxy,
    *secret* whether its value must never be shown.
    """

    name: str
    kind: Kind
    default: Value | None = None
    live: Live | None = None
    since: str = "2.2"
    module: str = ""
    secret: bool = False

    def check(self, value: Any) -> Value:
        """Return the canonical form of a declared value; raise ``ValueError`` naming parameter, value
        and reason."""
        try:
            return self.kind.check(value)
        except (TypeError, ValueError) as problem:
            shown = "its value" if self.secret else f"{value!r}"
            raise ValueError(f"{self.name}: {shown} is not possible: {problem}") from None

    def read(self, text: str) -> Value:
        """Return what httpd reads from *text*; a text that httpd refuses is returned as it stands."""
        try:
            return self.kind.read(text)
        except ValueError:
            return text

    def shown(self, value: Value | None) -> Any:
        """Return *value* as it appears in results: JSON types, secrets masked."""
        if value is None:
            return None
        if self.secret and is_secret(self.name, str(value)):
            return HIDDEN
        if isinstance(value, frozenset):
            return [word for word in Status.words if word in value]
        if isinstance(value, tuple):
            return list(value)
        if isinstance(self.kind, Duration) and isinstance(value, int):
            return self.kind.write(value)
        return masked(value) if isinstance(value, str) else value


_ROUTE = Text(
    63,
    r"[A-Za-z0-9_-]+",
    "a cookie must be able to carry it: letters, digits, _ and - (httpd cuts a session id at the first dot)",
)
_SECONDS = Integer(1, unit="s")
_BUFFER = Integer(512, also=(0,), unit="bytes")
_HCHECK = "proxy_hcheck_module"


def _table(*rows: Parameter) -> dict[str, Parameter]:
    return {row.name: row for row in rows}


MEMBER: dict[str, Parameter] = _table(
    Parameter("loadfactor", Factor(), 1.0, Live("w_lf")),
    Parameter("route", _ROUTE, "", Live("w_wr")),
    Parameter("redirect", _ROUTE, "", Live("w_rr"), since="2.4.0"),
    Parameter("status", Status(), frozenset(), Live("w_status_")),
    Parameter("lbset", Integer(0, 99), 0, Live("w_ls")),
    Parameter("retry", Integer(0, unit="s"), 60),
    Parameter("timeout", _SECONDS),
    Parameter("connectiontimeout", Duration("s")),
    Parameter("acquire", Duration("ms")),
    Parameter("ping", Duration("s")),
    Parameter("ttl", _SECONDS),
    Parameter("min", Integer(0), 0),
    Parameter("smax", Integer(0)),
    Parameter("max", Integer(0)),
    Parameter("keepalive", Switch(), False),
    Parameter("disablereuse", Switch(), False),
    Parameter("enablereuse", Switch(), True, since="2.4.11"),
    Parameter("addressttl", Seconds(1, also=(-1,), unit="s"), -1, since="2.4.59"),
    Parameter("flushpackets", Choice("on", "off", "auto"), "off"),
    Parameter("flushwait", Integer(0, 1000, unit="ms"), 10),
    Parameter("flusher", Text(15), "flush", module="proxy_fdpass_module"),
    Parameter("iobuffersize", _BUFFER, 8192),
    Parameter("receivebuffersize", _BUFFER, 0),
    Parameter("responsefieldsize", Integer(0, unit="bytes"), 8192, since="2.4.34"),
    Parameter("upgrade", Text(15), "", since="2.4.26"),
    Parameter("secret", Text(63), "", since="2.4.42", secret=True),
    # Before the others, as it takes their place where it stands behind them.
    Parameter("hctemplate", Text(63), "", since="2.4.21", module=_HCHECK),
    Parameter(
        "hcmethod",
        Choice("NONE", "TCP", "OPTIONS", "HEAD", "GET", "CPING", "OPTIONS11", "HEAD11", "GET11"),
        "NONE",
        Live("w_hm"),
        since="2.4.21",
        module=_HCHECK,
    ),
    Parameter("hcinterval", Duration("s", 100), 30000, Live("w_hi"), "2.4.21", _HCHECK),
    Parameter("hcpasses", Integer(1), 1, Live("w_hp"), "2.4.21", _HCHECK),
    Parameter("hcfails", Integer(1), 1, Live("w_hf"), "2.4.21", _HCHECK),
    Parameter("hcuri", Text(63), "", Live("w_hu"), "2.4.21", _HCHECK),
    Parameter("hcexpr", Text(15), "", Live("w_he"), "2.4.21", _HCHECK),
)

BALANCER: dict[str, Parameter] = _table(
    Parameter(
        "lbmethod",
        Provider(*LBMETHODS),
        "byrequests",
        Live("b_lbm"),
    ),
    Parameter(
        "stickysession",
        Text(
            63,
            r"[^\s;,=\"'|]+(\|[^\s;,=\"'|&?#/]+)?",
            "it is a cookie name, or a cookie name and a URL parameter name separated by |",
        ),
        None,
        Live("b_ss"),
    ),
    Parameter("stickysessionsep", Separator(), ".", since="2.4.4"),
    Parameter("scolonpathdelim", Switch(), False),
    Parameter("nofailover", Switch(), False, Live("b_sforce")),
    Parameter("timeout", _SECONDS, 0, Live("b_tmo", 7200)),
    Parameter("maxattempts", Integer(0), None, Live("b_max", 99)),
    Parameter("failonstatus", Codes()),
    Parameter("failontimeout", Switch(), False, since="2.4.5"),
    Parameter("forcerecovery", Switch(), True, since="2.4.2"),
    Parameter("growth", Integer(1, 100), 0, since="2.4.0"),
    Parameter("nonce", Text(36), None, secret=True),
)


def argument_spec(table: dict[str, Parameter]) -> dict[str, dict[str, Any]]:
    """Return the Ansible argument spec of all parameters of *table*."""
    spec = {}
    for row in table.values():
        option = dict(row.kind.argument)
        # Saying False keeps Ansible from guessing a secret by the option's name.
        option["no_log"] = row.secret
        spec[row.name] = option
    return spec


def checked(table: dict[str, Parameter], declared: dict[str, Any]) -> dict[str, Value]:
    """Return the canonical values of all *declared* parameters that are not ``None``.

    Raises ``ValueError`` for an unknown name or an impossible value.
    """
    values: dict[str, Value] = {}
    for name, value in declared.items():
        if value is None:
            continue
        if name not in table:
            raise ValueError(f"{name} is no parameter; known are " + ", ".join(table))
        values[name] = table[name].check(value)
    return values


def shown(table: dict[str, Parameter], values: dict[str, Value]) -> dict[str, Any]:
    """Return *values* as they appear in results."""
    return {
        name: table[name].shown(value) if name in table else value for name, value in values.items()
    }


def flags(values: Mapping[str, Any]) -> frozenset[str]:
    """Return the words of ``status`` among the *values* of a member; none where it is not set."""
    status = values.get("status")
    return status if isinstance(status, frozenset) else frozenset()


# Parameters of which the one written last decides, because they are one setting with two names.
INVERSE = {"enablereuse": "disablereuse", "disablereuse": "enablereuse"}
