# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes planned changes into the documents they belong to, where things stand and as their neighbours
are laid out.

Private to this collection.
"""

from __future__ import annotations

from typing import Callable, Iterator, Mapping, Sequence

from .._httpd.document import Document
from .._httpd.edit import (
    Edits,
    add_word,
    child_indent,
    indent_of,
    new_line,
    remove_word,
    set_word,
)
from .._httpd.errors import Expected
from .._httpd.lexer import OPEN, Statement, quoted, statement
from .._httpd.secrets import masked
from .codec import balancer_name
from .cookie import ROUTE_CHANGED, Cookie, Header, header
from .health import NAMES, TEMPLATE, expression_name
from .model import (
    Balancer,
    Configuration,
    CookieLine,
    Expression,
    Member,
    Place,
    Setting,
    identity,
)
from .parameters import BALANCER, CONTROL, MEMBER, Parameter, Value
from .plan import HEALTH_CHECK, STICKY_COOKIE, URL, Change, removal

_INDENT = "    "
# What is done to a line that is removed.
_WHOLE = "the line"


class NotEditable(Expected):
    """A change cannot be made where the thing stands; *place* is that position."""

    def __init__(self, place: Place, message: str) -> None:
        super().__init__(f"{place}: {message}")
        self.place = place


class Author:
    """Collects the edits of one change over any number of files.

    *load* returns the document at a path; its ``path`` is the one to write to. Positions are those of the
    model the changes were planned on, so the documents must be the text that model was read from.

    Several balancers of *configuration* may read a line. It is edited once, and only if all of them are meant.
    """

    def __init__(
        self, load: Callable[[str], Document], configuration: Configuration | None = None
    ) -> None:
        self._load = load
        self._edits: dict[str, Edits] = {}
        self._configuration = configuration
        self._shared = configuration.shared() if configuration else {}
        # Of the shared lines, by place and what is done there: what it becomes, and the balancers that are meant.
        self._done: dict[tuple[Place, str], tuple[object, Sequence[Balancer]]] = {}
        self._told: set[tuple[str, str | None, str | None]] = set()
        # Those of the call that is carried out, and whether it changes anything so far.
        self._meant: Sequence[Balancer] = ()
        self._new = False

    def texts(self) -> dict[str, str]:
        """Return the new text of each file that changes, by path.

        Raises :class:`NotEditable` naming a line that balancers read which are not meant.
        """
        for (place, dummy), done in self._done.items():
            if self._others(place, done[1]):
                raise NotEditable(
                    place,
                    f"this belongs to {self._readers(place)}; a change for one would change the others. Use vhost: all,"
                    " declare the same for each in one configuration, or give each its own file",
                )
        return {
            edits.document.path: edits.render() for edits in self._edits.values() if edits.changed
        }

    def apply(
        self, balancer: Balancer, changes: Sequence[Change], meant: Sequence[Balancer] = ()
    ) -> list[Change]:
        """Write *changes*, planned for the existing *balancer*; *meant*: all balancers that they are wished for.
        Return those that were not written already for another one of its name.

        Raises :class:`NotEditable` naming the position where that is not possible.
        """
        self._meant = meant or [balancer]
        home: Place | None = None
        added, written = [], []
        for change in changes:
            self._new = False
            if change.member is not None and change.parameter is None and change.after is not None:
                home = home or self._home(balancer)
                what = f"member {masked(change.member)}"
                if self._once(home, what, (change.member, change.after)):
                    added.append(change)
            else:
                self._apply(balancer, change)
            if self._tell(balancer, change):
                written.append(change)
        if home is not None:
            self._add_members(home, added)
        return written

    def _apply(self, balancer: Balancer, change: Change) -> None:
        if change.parameter == STICKY_COOKIE:
            self._cookie(balancer, change.after)
        elif change.parameter == HEALTH_CHECK:
            self._expression(balancer, change.after)
        elif change.member is None:
            self._parameter(balancer, change)
        elif change.parameter is not None:
            self._member_parameter(_member(balancer, change.member), change)
        else:
            self._remove_line(change.place or _member(balancer, change.member).place)

    def create(
        self,
        path: str,
        changes: Sequence[Change],
        name: str,
        vhost: Place | None,
        section: str = "",
    ) -> Sequence[Change]:
        """Write a new balancer *name* at the end of *path*, or into the virtual host at *vhost*: there
        before the first directive that refers to it, else at its end. *section*: see :attr:`Balancer.section`. Return
        *changes*."""
        section = section or f"balancer://{name}/"
        edits = self._open(path)
        document = edits.document
        if vhost is None:
            spaced = bool(document.lines and document.lines[-1].raw.strip())
            lines = _block(name, changes, "", document.newline, section)
            edits.append(([document.newline] if spaced else []) + lines)
            return changes
        opening = document.index_at(vhost.line)
        indent = child_indent(document, opening)
        lines = _block(name, changes, indent, document.newline, section)
        for index in _directly_in(document, opening):
            words = document.statement(index).words
            if any(balancer_name(word.text) == name for word in words):
                edits.insert_before(index, [*lines, document.newline])
                return changes
        edits.insert_before(document.closing(opening), lines)
        return changes

    def remove(self, balancer: Balancer, meant: Sequence[Balancer] = ()) -> list[Change]:
        """Remove all sections of *balancer*, and outside of them its members and, in its files, its expression that
        no other has a use for; nothing else, and no line that goes on for a balancer which is not *meant*. Return the
        change, unless it was made already for another one of its name."""
        self._meant = meant or [balancer]
        self._new = False
        beside = [line.around for line in balancer.cookies if line.around and line.alone]
        beside = [place for place in beside if not self._others(place, self._meant)]
        for place in dict.fromkeys([*balancer.sections, *beside]):
            self._remove_section(place)
        outside = [member.place for member in balancer.members.values()]
        outside += [merged.place for merged in balancer.merged]
        outside += [setting.place for settings in balancer.history.values() for setting in settings]
        name = expression_name(balancer.name)
        expression = balancer.vhost.expressions.get(name)
        if expression and expression.place.file in balancer.files:
            outside += [] if balancer.vhost.judged_by(name, but=balancer) else [expression.place]
        passes = {reference.place for reference in balancer.references}
        for place in dict.fromkeys(outside):
            if place not in passes and not self._goes_on(place):
                self._remove_line(place)
        change = removal(balancer)
        return [change] if self._tell(balancer, change) else []

    def forget(self, expression: Expression) -> list[Change]:
        """Remove *expression*, which no balancer has a use for; that is no change of one."""
        self._meant = ()
        self._remove_line(expression.place)
        return []

    # Lines that several balancers read

    def _once(self, place: Place, what: str, after: object = None) -> bool:
        """Whether *what* at *place* is still to become *after*; if not, it did so for another balancer.

        Raises :class:`NotEditable` where it became something else.
        """
        if place in self._shared:
            made, meant = self._done.get((place, what), (after, ()))
            if made != after:
                raise self._differing(place, what)
            self._done[place, what] = (after, [*meant, *self._meant])
            if meant:
                return False
        self._new = True
        return True

    def _tell(self, balancer: Balancer, change: Change) -> bool:
        """Whether *change* is new, or new under this name."""
        told = (balancer.name, change.member, change.parameter)
        if not self._new and told in self._told:
            return False
        if self._shared:
            self._told.add(told)
        return True

    def _differing(self, place: Place, what: str) -> NotEditable:
        return NotEditable(
            place,
            f"{what} is declared in different ways, and this line is of {self._readers(place)}; declare the same for"
            " each, or give each its own file",
        )

    def _others(self, place: Place, meant: Sequence[Balancer]) -> list[Balancer]:
        """Return the balancers that read the line at *place* and are not *meant*."""
        return [balancer for balancer in self._shared.get(place, ()) if balancer not in meant]

    def _goes_on(self, place: Place) -> bool:
        """Whether the line at *place*, which does not name a balancer, is also one of those that are not meant."""
        if not self._others(place, self._meant):
            return False
        words = self._open_at(place).document.statement(self._index(place)).words
        return not any(word.text.lower().startswith("balancer://") for word in words)

    def _readers(self, place: Place) -> str:
        label = self._configuration.label if self._configuration else str
        readers = self._shared.get(place) or self._meant
        return ", ".join(f"balancer://{each.name} of {label(each.vhost)}" for each in readers)

    def _common(self, places: list[Place]) -> list[Place]:
        """Return those of *places* that most of the balancers that are meant read; those that others read only where
        there are no others."""
        ranks = [(not self._others(p, self._meant), len(self._shared.get(p, ()))) for p in places]
        best = max(ranks, default=None)
        return [place for place, rank in zip(places, ranks) if rank == best]

    # What stands in one line

    def _line(self, place: Place, what: str, after: object) -> tuple[Edits, int, str] | None:
        """Return the line at *place*, whose *what* is to become *after*: the edits, its index there, and how it
        reads; ``None`` where that was done for another balancer that reads it too."""
        if not self._once(place, what, after):
            return None
        edits = self._open_at(place)
        index = edits.document.index_at(place.line)
        raw = edits.current(index)
        if not raw:
            raise self._differing(place, what)
        return edits, index, raw

    def _url(self, member: Member, url: str) -> None:
        line = self._line(member.place, URL, url)
        if line is None:
            return
        edits, index, raw = line
        words = [word.text for word in statement(raw).words]
        if member.written not in words:
            raise NotEditable(
                member.place, "the URL is set here through a variable; change it there"
            )
        edits.replace(index, set_word(raw, words.index(member.written), url))

    def _member_parameter(self, member: Member, change: Change) -> None:
        if change.parameter == URL:
            self._url(member, change.after)
            return
        setting = member.settings.get(change.parameter or "")
        place = setting.place if setting else member.place
        self._key(place, change.parameter or "", setting, _text(MEMBER, change))

    def _parameter(self, balancer: Balancer, change: Change) -> None:
        name = change.parameter or ""
        text = _text(BALANCER, change)
        history = balancer.history.get(name, [])
        if text is None:
            for place, setting in {setting.place: setting for setting in history}.items():
                self._key(place, name, setting, None)
        elif history:
            self._key(history[-1].place, name, history[-1], text)
        else:
            self._add_parameter(balancer, f"{name}={text}")

    def _key(self, place: Place, name: str, setting: Setting | None, text: str | None) -> None:
        """Set, add (*setting* is ``None``) or remove (*text* is ``None``) ``name=...`` in the line at
        *place*."""
        line = self._line(place, name, text)
        if line is None:
            return
        edits, index, raw = line
        if setting is None:
            if text is not None:
                edits.replace(index, _with_key(raw, name, text))
            return
        found = _having(raw, name)
        last = max(found, default=None)
        words = statement(raw).words
        if last is None or words[last].text.partition("=")[2] != setting.text:
            raise NotEditable(
                place, f"{name} is set here through a variable or macro; change it there"
            )
        if text is not None:
            key = words[last].text.partition("=")[0]
            edits.replace(index, set_word(raw, last, f"{key}={text}"))
            return
        if name == TEMPLATE:
            # What it overrides would have an effect without it.
            found = [i for i in _having(raw, *NAMES) if i <= last]
        for i in reversed(found):
            raw = remove_word(raw, i)
        if statement(raw).name.lower() == "proxyset" and not _keys_present(statement(raw)):
            edits.replace(index, "")
        else:
            edits.replace(index, raw)

    def _add_parameter(self, balancer: Balancer, word: str) -> None:
        """Add *word* to a ProxySet of the balancer, laid out like those that are there."""
        places = self._common([p for p in reversed(balancer.sections) if _is_file(p)])
        if not places:
            raise NotEditable(
                _beginning(balancer),
                "there is no <Proxy> section to put ProxySet into",
            )
        place = places[0]
        if not self._once(place, word.partition("=")[0], word):
            return
        edits = self._open_at(place)
        document = edits.document
        opening = document.index_at(place.line)
        sets = [
            index
            for index in _directly_in(document, opening)
            if statement(edits.current(index)).name.lower() == "proxyset"
        ]
        if not sets:
            indent = child_indent(document, opening)
            new = f"{indent}ProxySet {quoted(word)}{document.newline}"
            edits.insert_before(document.closing(opening), [new])
            return
        one_each = len(sets) > 1 and all(
            len(statement(edits.current(index)).words) == 1 for index in sets
        )
        last = sets[-1]
        like = edits.current(last)
        if one_each:
            edits.insert_after(
                last, [new_line(like, statement(like).name, [word], document.newline)]
            )
        else:
            edits.replace(last, add_word(like, word))

    # The expression of health checks

    def _expression(self, balancer: Balancer, text: str | None) -> None:
        """Let the expression of *balancer* be *text*; ``None``: there is none. A new one stands before everything of
        the balancer, since httpd has to know it when it reads the members."""
        name = expression_name(balancer.name)
        current = balancer.vhost.expressions.get(name)
        if current is None:
            place = _beginning(balancer)
            if not self._once(place, name, text):
                return
            edits = self._open_at(place)
            index = edits.document.index_at(place.line)
            indent = indent_of(edits.document.lines[index].raw)
            new = _expression_line(name, text or "", indent, edits.document.newline)
            edits.insert_before(index, [new])
        elif text is None:
            self._remove_line(current.place)
        else:
            line = self._line(current.place, name, text)
            if line is None:
                return
            edits, index, raw = line
            words = statement(raw).words
            if [word.text for word in words] != [name, current.text]:
                raise NotEditable(
                    current.place,
                    f"the expression {name} is not in quotes here, or comes from a variable; change it there",
                )
            edits.replace(index, set_word(raw, 1, text))

    # The cookie

    def _cookie(self, balancer: Balancer, cookie: Cookie | None) -> None:
        """Let *balancer* issue *cookie* and no other; ``None``: none at all."""
        lines = balancer.cookies
        same = [line for line in lines if cookie and line.header.cookie.name == cookie.name]
        kept = (same or lines)[-1] if cookie and lines else None
        for line in lines:
            if line is not kept:
                self._remove_cookie(line)
        if cookie is None:
            return
        if kept is not None and not balancer.holds(kept):
            if kept.alone and kept.around is not None:
                around = self._line(kept.around, "the section", balancer.section)
                if around is not None:
                    edits, index, raw = around
                    edits.replace(index, set_word(raw, 0, balancer.section))
            else:
                self._remove_cookie(kept)
                kept = None
        if kept is None:
            self._add_cookie(balancer, cookie)
        else:
            self._change_cookie(kept, cookie)

    def _change_cookie(self, line: CookieLine, cookie: Cookie) -> None:
        """Change the words of *line* that differ, and no others."""
        current = self._line(line.place, STICKY_COOKIE, cookie)
        if current is None:
            return
        edits, index, raw = current
        words = [word.text for word in statement(raw).words]
        if header(words) != line.header:
            raise NotEditable(
                line.place, "the cookie is set here through a variable or macro; change it there"
            )
        if line.header.always:
            raw = remove_word(raw, 0)
            words = words[1:]
        first = 1 if words[0].lower() == "onsuccess" else 0
        value = first + 2
        if line.header.action != "add":
            raw = set_word(raw, first, "add")
        if line.header.cookie != cookie:
            raw = set_word(raw, value, cookie.text)
        if not line.header._replace(action="add", always=False).sound:
            for i in reversed(range(value + 1, len(words))):
                raw = remove_word(raw, i)
            raw = add_word(raw, ROUTE_CHANGED)
        edits.replace(index, raw)

    def _add_cookie(self, balancer: Balancer, cookie: Cookie) -> None:
        """Add a section of its own, right after the balancer."""
        places = [p for p in reversed(balancer.sections) if _is_file(p)]
        places += [m.place for m in reversed(list(balancer.members.values())) if _is_file(m.place)]
        places = self._common(places)
        if not places:
            raise NotEditable(
                _beginning(balancer),
                "this comes from a macro or the command line; there is no place for the cookie in a file",
            )
        place = places[0]
        if not self._once(place, "the cookie", (balancer.section, cookie)):
            return
        edits = self._open_at(place)
        document = edits.document
        index = document.index_at(place.line)
        indent = indent_of(document.lines[index].raw)
        inner = indent + _INDENT
        if document.statement(index).kind == OPEN:
            inner = child_indent(document, index)
            index = document.closing(index)
        lines = _cookie_section(balancer.section, cookie, indent, inner, document.newline)
        edits.insert_after(index, lines)

    def _remove_cookie(self, line: CookieLine) -> None:
        """Remove *line*, and the section that has nothing else in it."""
        if not line.alone or line.around is None:
            self._remove_line(line.place)
            return
        self._remove_section(line.around)

    # Whole lines

    def _home(self, balancer: Balancer) -> Place:
        """Return beside which line new members of *balancer* stand: its last member, one that stands directly in a
        section first; without members, the beginning of its section."""
        members = [m.place for m in reversed(list(balancer.members.values())) if _is_file(m.place)]
        anchors = self._common(members)
        direct = next((p for p in anchors if self._directly_inside(p, balancer.sections)), None)
        anchors = anchors or self._common([p for p in balancer.sections if _is_file(p)])
        if not anchors:
            raise NotEditable(
                _beginning(balancer),
                "there is no <Proxy> section to put members into",
            )
        return direct or anchors[0]

    def _add_members(self, home: Place, changes: Sequence[Change]) -> None:
        """Add members beside the line at *home*, laid out as that one where it is a member."""
        edits = self._open_at(home)
        document = edits.document
        index = document.index_at(home.line)
        like = document.lines[index].raw
        if document.statement(index).kind == OPEN:
            indent = child_indent(document, index)
            lines = [
                indent
                + "BalancerMember "
                + " ".join(quoted(w) for w in _member_words(change))
                + document.newline
                for change in changes
            ]
        else:
            words = [word.text for word in statement(like).words]
            prefix = [word for word in words if balancer_name(word) is not None][:1]
            if any(CONTROL.search(word) for word in prefix):
                raise NotEditable(
                    home, "the balancer is spelled with a control character here; remove that first"
                )
            name = statement(like).name
            lines = [
                new_line(like, name, prefix + _member_words(change), document.newline)
                for change in changes
            ]
        edits.insert_after(index, lines)

    def _remove_line(self, place: Place) -> None:
        if self._once(place, _WHOLE):
            self._open_at(place).replace(self._index(place), "")

    def _remove_section(self, place: Place) -> None:
        if self._once(place, _WHOLE):
            edits = self._open_at(place)
            opening = self._index(place)
            edits.remove(opening, edits.document.closing(opening) + 1)

    # Files

    def _directly_inside(self, place: Place, sections: Sequence[Place]) -> bool:
        document = self._open_at(place).document
        parent = document.parent(document.index_at(place.line))
        return parent is not None and Place(place.file, document.lines[parent].last) in sections

    def _index(self, place: Place) -> int:
        return self._open_at(place).document.index_at(place.line)

    def _open_at(self, place: Place) -> Edits:
        if not _is_file(place):
            raise NotEditable(place, "this comes from a macro or the command line; change it there")
        return self._open(place.file)

    def _open(self, path: str) -> Edits:
        if path not in self._edits:
            document = self._load(path)
            # Two names may lead to one file.
            edits = self._edits.get(document.path) or Edits(document)
            self._edits[path] = self._edits[document.path] = edits
        return self._edits[path]


def _directly_in(document: Document, opening: int) -> list[int]:
    """Return the lines that stand in the section which begins at *opening*, and in none within it."""
    inside = range(opening, document.closing(opening))
    return [index for index in inside if document.parent(index) == opening]


def _beginning(balancer: Balancer) -> Place:
    """Return the first line of *balancer* in its first file, which may be one of a member before its section: what has
    to be read before all of it goes there. It has a section or a member."""
    places = [*balancer.sections, *(member.place for member in balancer.members.values())]
    return min(place for place in places if place.file == places[0].file)


def _is_file(place: Place) -> bool:
    return place.file.startswith("/")


def _keys(line: Statement) -> Iterator[str]:
    for word in line.words:
        key, equals, _value = word.text.partition("=")
        yield key.lower() if equals else ""


def _having(raw: str, *names: str) -> list[int]:
    """Return which words of the line set one of *names*."""
    return [i for i, key in enumerate(_keys(statement(raw))) if key in names]


def _with_key(raw: str, name: str, text: str) -> str:
    """Return the line with ``name=...`` added, which has no effect in it so far."""
    found = _having(raw, *NAMES) if name == TEMPLATE else _having(raw, name)
    words = [statement(raw).words[i].text for i in found]
    for i in reversed(found):
        raw = remove_word(raw, i)
    # A template stands before what is to hold beside it.
    for word in [f"{name}={text}", *(words if name == TEMPLATE else ())]:
        raw = add_word(raw, word)
    return raw


def _keys_present(line: Statement) -> bool:
    return any(_keys(line))


def _text(table: Mapping[str, Parameter], change: Change) -> str | None:
    """Return the text to write for *change*; ``None`` to remove the parameter."""
    if change.after is None or (change.parameter == "status" and not change.after):
        return None
    return table[change.parameter or ""].kind.write(change.after)


def _member(balancer: Balancer, url: str) -> Member:
    return balancer.members[identity(url)]


def _member_words(change: Change) -> list[str]:
    values: dict[str, Value] = change.after
    words = [change.member or ""]
    for name, row in MEMBER.items():
        if name in values and not (name == "status" and not values[name]):
            words.append(f"{name}={row.kind.write(values[name])}")
    return words


def _expression_line(name: str, text: str, indent: str, newline: str) -> str:
    expression = quoted(text, '"')
    return f"{indent}ProxyHCExpr {name} {expression}{newline}"


def _cookie_section(
    section: str, cookie: Cookie, indent: str, inner: str, newline: str
) -> list[str]:
    action, name, value, *condition = Header(cookie).words
    words = [action, name, quoted(value, '"'), *condition]
    opening = quoted(section, '"')
    return [
        f"{indent}<Proxy {opening}>{newline}",
        f"{inner}Header {' '.join(words)}{newline}",
        f"{indent}</Proxy>{newline}",
    ]


def _block(
    name: str, changes: Sequence[Change], indent: str, newline: str, section: str
) -> list[str]:
    """Return the lines of a new balancer; *section*: the one of its cookie."""
    values: dict[str, Value] = {}
    beside: list[str] = []
    before: list[str] = []
    lines = [f'{indent}<Proxy "balancer://{name}">']
    for change in changes:
        if change.parameter == HEALTH_CHECK:
            before = [_expression_line(expression_name(name), change.after, indent, newline)]
        elif change.parameter == STICKY_COOKIE:
            beside = _cookie_section(section, change.after, indent, indent + _INDENT, newline)
        elif change.member is None:
            values = change.after
        else:
            words = " ".join(quoted(word) for word in _member_words(change))
            lines.append(f"{indent}{_INDENT}BalancerMember {words}")
    for key, row in BALANCER.items():
        if key in values:
            lines.append(
                f"{indent}{_INDENT}ProxySet " + quoted(f"{key}={row.kind.write(values[key])}")
            )
    lines.append(f"{indent}</Proxy>")
    return before + [line + newline for line in lines] + beside
