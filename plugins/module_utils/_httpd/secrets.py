# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is secret in directives, files and messages, so that nothing shows it.

A value is secret by the name it goes by: of a parameter, a header, a variable, an option of a command. What httpd makes
of a request (``%{NAME}e``, ``$1``), a pattern that fits anything, a switch and the path of a file are not.

Private to this collection.
"""

from __future__ import annotations

import re
from typing import Callable, Iterable, Iterator, Mapping, NamedTuple, Sequence

from .lexer import SPACE, Word, logical_lines, split_words, statement

#: What stands for a secret: within a text, and for a value of its own, as Ansible writes it.
MASK = "********"
HIDDEN = "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"

# A name is cut into words, DB_PASSWORD as sharedSecret, which become _db_password_ and _shared_secret_.
_NAME_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_SECRET_NAME = re.compile(
    r"_(?:authorization|bearer|credentials?|hmac|jwt|nonce|pass|pgpw|pw|pwd|salt|sig|signature)_"
    r"|(?:apikey|passphrase|passwd|password|secret|token)_"
    r"|(?<!by)(?<!com)pass_\Z"
    r"|_auth_\Z"
    r"|(?:\A|_(?:access|api|app|auth|crypto|encryption|master|private|secret|service|shared|signing|x))_key_\Z"
)
# Such a name is about a secret, and the name of none.
_ABOUT = re.compile(
    r"_(?:dir|expires|file|header|id|length|name|path|realm|through|ttl|type|url|user)_\Z"
    # Where a shell is.
    r"|\A_(?:old)?pwd_\Z"
)

# A text that is not longer would be hidden wherever it stands.
_SHORT = 3

# Parameters of balancers and members, which are secret whatever they look like; None switches a nonce off.
_ALWAYS = frozenset(("nonce", "secret"))

_SWITCHES = frozenset(
    ["on", "off", "yes", "no", "true", "false", "none", "null", "enabled", "disabled", "optional"]
)
_FUNCTION = r"%\{(?:base64|md5|sha1|escape|unescape):"
_MADE_BY_HTTPD = re.compile(rf"(?!{_FUNCTION})%\{{[^{{}}]*\}}[a-z]?|[$%][0-9]")
_SCHEME = re.compile(r"(?i)\Aexpr=|\b(?:basic|bearer|digest|negotiate|token)\b(?=\W|\Z)")
_PATTERN = re.compile(r"\[[^\]]*\]|\\.|\{[0-9,]*\}")
_OF_A_FILE = re.compile(r"(?:exec:)?/(?:etc|home|opt|run|srv|usr|var)/\S*")

_PAIR = re.compile(r"(?<![\w.-])([\w.-]+)=")
_VALUE = re.compile(r"[^\s\"'&<>]+")
# In quotes a parameter may hold white space.
_QUOTED_PARAMETER = re.compile(r"(?i)[\"'](?:nonce|secret)=([^\"'\n]+)")
_CREDENTIALS = re.compile(r"://([^/\s]+)@")
# Most URLs are an address without a user and parameters, and in one word without those nothing is secret.
_ADDRESS = re.compile(r"[A-Za-z][^\s@=%(]*")
# RewriteRule ... [E=NAME:VALUE]
_FLAG = re.compile(r"\b(?:E|env)=([\w-]+):([^\],\s]+)")
# --password VALUE
_OPTION = re.compile(r"(?<!\S)--?([A-Za-z][\w-]*)[ \t]+([^\s\"'-][^\s\"']*)")
# curl -H 'NAME: VALUE'. It is looked for at each letter, and not to the end of a long text.
_HEADER = re.compile(r"([A-Za-z][\w-]{0,99}):[ \t]+([^\"'\n]+)")
_USER = re.compile(r"(?<!\S)(?:-u|--user)[ =]?([^\s\"':]+:[^\s\"']+)")
# %{HTTP:NAME}, %{HTTP_COOKIE}, req('NAME')
_OPERAND = (
    r"(?:%\{(?:HTTP[:_]|ENV:|REQ:)(?P<variable>[\w-]+)\}"
    r"|\b(?:http|req|req_novary|env|reqenv|osenv)\s*\(\s*['\"](?P<argument>[\w-]+)['\"]\s*\))"
)
# ... == 'VALUE', ... =~ /VALUE/, 'VALUE' == ..., ... in {'VALUE', 'VALUE'}
_COMPARED = [
    re.compile(_OPERAND + r"['\"]?\s*(?:[=!]=?~?|-\w+)\s*m?(?P<values>(['\"/#|]).*?\4)"),
    re.compile(r"(?P<values>(['\"])(?:(?!\2).)*\2)\s*(?:[=!]=?|-\w+)\s*['\"]?" + _OPERAND),
    re.compile(_OPERAND + r"['\"]?\s*-?in\s*\{(?P<values>[^}]*)\}"),
]
_LITERAL = re.compile(r"(['\"/#|])(.*?)\1")
_VARIABLE = re.compile(r"%\{(?:HTTP|ENV|REQ):([\w-]+)\}")
_COOKIE = re.compile(r"(?<![^;\s\"'(])([^=;\s\"'(]+)=([^;]*)")
_OF_COOKIES = frozenset(["path", "domain", "max-age", "expires", "samesite"])

# Of Header and RequestHeader.
_WITHOUT_VALUE = ("echo", "unset")
_CONDITION = re.compile(r"(?i)early\Z|env=|expr=")

# Directives whose last argument, of this number, is a secret.
_ARGUMENTS = {"authbasicfake": 1, "mdexternalaccountbinding": 1, "sslsrpunknownuserseed": 0}
_WHOLE = re.compile(r"(?i)(?:passphrase|password|secret)\Z")
# Directives that give the variable named by the argument of this number the value that follows.
_ASSIGN = {
    "define": 0,
    "fcgidinitialenv": 0,
    "passengerenvvar": 0,
    "php_admin_value": 0,
    "php_value": 0,
    "proxyfcgisetenvif": 1,
    "setenv": 0,
}


class _Span(NamedTuple):
    """A secret in a text: where it begins and ends."""

    start: int
    end: int


def masked(text: str) -> str:
    """Return *text*, a message or a URL, with ``********`` for what is secret in it."""
    return _hidden(text, _of_text(text))


def masked_url(url: str) -> str:
    """Return *url*, which may be none, with ``********`` for what is secret in it. With a space or without a scheme it
    does not show where a password begins and ends."""
    start, end = _user(url)
    return masked(url[:start] + MASK + url[end:] if end > start else url)


def _user(url: str) -> _Span:
    """Return where user and password stand in *url*; nothing between start and end where there are none."""
    end = url.rfind("@")
    start = url.find("//", 0, end) + 2
    # Without a scheme, the user begins at once.
    start = start if 1 < start < end else 0
    return _Span(start, max(start, end))


def masked_arguments(name: str, args: str) -> str:
    """Return *args*, the arguments of the directive *name*, with ``********`` for what is secret in them."""
    return _hidden(args, _of_directive(name, args, split_words(args)))


def masked_file(text: str) -> str:
    """Return *text*, a whole file, with ``********`` for what is secret in it; in comments too."""
    return _hidden(text, _of_file(text))


def secrets(text: str) -> set[str]:
    """Return what is secret in *text*, a file or a URL, as it stands there."""
    if _ADDRESS.fullmatch(text):
        return set()
    found = {text[start:end] for start, end in _of_file(text)}
    found |= {match[1].partition(":")[2] for match in _CREDENTIALS.finditer(text)}
    return found - {""}


def url_secrets(url: str) -> set[str]:
    """Return what is secret in *url*, which may be none: see :func:`masked_url`."""
    found = secrets(url)
    start, end = _user(url)
    password = url[start:end].partition(":")[2]
    # In a URL that is one, what looks like a password may be a part of its path, and any text.
    return found | {password} if len(password) > _SHORT else found


def secret_values(variables: Mapping[str, str]) -> set[str]:
    """Return the values of *variables* that are secret by their names."""
    return {
        value for name, value in variables.items() if _is_secret_name(name) and _is_literal(value)
    }


def _hidden(text: str, spans: Iterable[_Span]) -> str:
    pieces, done = [], 0
    for start, end in sorted(spans):
        if start >= done:
            pieces += [text[done:start], MASK]
        done = max(done, end)
    return "".join([*pieces, text[done:]])


# Names and values


def _words(name: str) -> str:
    return "_".join(["", *_NAME_WORD.findall(name), ""]).lower()


def _is_secret_name(name: str) -> bool:
    words = _words(name)
    return bool(_SECRET_NAME.search(words)) and not _ABOUT.search(words)


def _is_secret_header(name: str) -> bool:
    return _is_secret_name(name) or _words(name).endswith("_key_")


def _is_literal(value: str) -> bool:
    """Whether *value* says something by itself."""
    value = value.strip(SPACE)
    if value.lower() in _SWITCHES or _OF_A_FILE.fullmatch(value):
        return False
    said = re.sub(_FUNCTION, "", _MADE_BY_HTTPD.sub("", _SCHEME.sub("", value)))
    return len(re.findall(r"\w", said)) > 2


def _is_pattern_of(value: str) -> bool:
    """Whether *value*, a regular expression, fits only what it spells out."""
    return _is_literal(_PATTERN.sub("", value))


def is_secret(name: str, value: str) -> bool:
    """Whether *value* is a secret, by the *name* it goes by."""
    if name.lower() in _ALWAYS:
        return value.lower() != "none"
    return _is_secret_name(name) and _is_pattern_of(value)


# Texts


def _of_text(text: str) -> Iterator[_Span]:
    # In a value there may be another pair: hcuri=/up?token=VALUE. In a secret it is hidden as well.
    end = 0
    for match in _PAIR.finditer(text):
        inside = match.start() < end
        value = None if inside or not _is_secret_name(match[1]) else _VALUE.match(text, match.end())
        if value and is_secret(match[1], value.group()):
            end = value.end()
            yield _Span(*value.span())
    for match in _QUOTED_PARAMETER.finditer(text):
        if match[1].lower() != "none":
            yield _Span(*match.span(1))
    for match in _CREDENTIALS.finditer(text):
        yield _Span(*match.span(1))
    # A message may be about a program, and say how that is called.
    for match in _OPTION.finditer(text):
        if is_secret(match[1], match[2]):
            yield _Span(*match.span(2))
    for match in _USER.finditer(text):
        yield _Span(*match.span(1))


def _of_file(text: str) -> Iterator[_Span]:
    start = 0
    for line in logical_lines(text):
        for span in _of_line(line.raw):
            yield _Span(start + span.start, start + span.end)
        start += len(line.raw)


def _of_line(raw: str) -> Iterator[_Span]:
    # A comment may be a directive that somebody has switched off.
    begin = len(raw) - len(raw.lstrip(SPACE + "#"))
    found = statement(raw[begin:])
    for span in _of_directive(found.name, raw[begin:], found.words):
        yield _Span(begin + span.start, begin + span.end)


def _of_directive(name: str, text: str, words: Sequence[Word]) -> Iterator[_Span]:
    """Give what is secret in *text*, which holds the arguments *words* of the directive *name*."""
    name = name.lower()
    yield from _of_text(text)
    for pattern in (_FLAG, *([_HEADER] if "|" in text else [])):
        for match in pattern.finditer(text):
            if is_secret(match[1], match[2]):
                yield _Span(*match.span(2))
    yield from _of_comparisons(text)
    for word in words:
        key, equals, value = word.text.partition("=")
        if equals and re.fullmatch(r"[\w.-]+", key) and is_secret(key, value):
            yield _Span(_content(word).start + len(key) + 1, _content(word).end)
    yield from map(_content, _secret_words(name, words))
    for word in _cookies(name, words):
        yield from _of_cookies(text, _content(word))


def _of_comparisons(text: str) -> Iterator[_Span]:
    for pattern in _COMPARED:
        for found in pattern.finditer(text):
            name = found["variable"] or found["argument"]
            for literal in _LITERAL.finditer(text, *found.span("values")):
                span = _Span(*literal.span(2))
                if name.lower() == "cookie":
                    yield from _of_cookies(text, span)
                elif _is_secret_header(name) and _is_pattern_of(literal[2]):
                    yield span


def _of_cookies(text: str, span: _Span) -> Iterator[_Span]:
    """Give the values of the cookies in that part of *text*."""
    start, end = span
    for match in _COOKIE.finditer(text[start:end]):
        if match[1].lower() not in _OF_COOKIES and _is_pattern_of(match[2]):
            yield _Span(start + match.start(2), start + match.end(2))


def _content(word: Word) -> _Span:
    """Return where what is in the quotes of *word* stands."""
    size = len(word.quote)
    return _Span(word.start + size, word.end - size)


def _secret_words(name: str, words: Sequence[Word]) -> list[Word]:
    """Return those of *words*, the arguments of the directive *name*, that are secret as a whole."""
    texts = [word.text for word in words]
    if _WHOLE.search(name):
        return [word for word in words if _is_literal(word.text)]
    if name in _ARGUMENTS:
        return list(words[_ARGUMENTS[name] :])
    if name in _ASSIGN:
        names, values = texts[_ASSIGN[name] :], words[_ASSIGN[name] + 1 :]
        return _named(names, values, _is_literal, _is_secret_name)
    if name in ("header", "requestheader"):
        header, values = _header(words)
        return _named([header], values, _is_literal, _is_secret_header)
    if name in ("setenvif", "setenvifnocase"):
        return _named(texts, words[1:2], _is_pattern_of, _is_secret_header)
    if name == "rewritecond":
        # Behind a backslash the pattern goes on: in words[1:] only the flags are not of it.
        names = _VARIABLE.findall("".join(texts[:1]))
        return _named(names, words[1:], _is_pattern_of, _is_secret_header)
    return []


def _named(
    names: Sequence[str],
    values: Sequence[Word],
    says: Callable[[str], bool],
    is_secret: Callable[[str], bool],
) -> list[Word]:
    """Return those of *values* that say something, if the first of *names* is that of a secret."""
    if not names or not is_secret(names[0]):
        return []
    return [word for word in values if says(word.text)]


def _header(words: Sequence[Word]) -> tuple[str, list[Word]]:
    """Return the name of the header, and what follows it but for conditions, in *words*, the arguments of ``Header`` or
    ``RequestHeader``."""
    if words and words[0].text.lower() in ("always", "onsuccess"):
        words = words[1:]
    if len(words) < 2:
        return "", []
    action, name, *values = words
    # What sets a header is its value, and may be an expression itself.
    first = [] if action.text.lower() in _WITHOUT_VALUE else values[:1]
    rest = [word for word in values[len(first) :] if not _CONDITION.match(word.text)]
    return name.text.rstrip(":"), first + rest


def _cookies(name: str, words: Sequence[Word]) -> Sequence[Word]:
    """Return those of *words*, the arguments of the directive *name*, that have cookies in them."""
    if name in ("header", "requestheader"):
        header, values = _header(words)
        return values if header.lower() in ("set-cookie", "set-cookie2", "cookie") else ()
    if name == "rewritecond" and words and "http_cookie" in words[0].text.lower():
        return words[1:]
    return ()
