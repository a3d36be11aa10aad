# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which session went where over time: from the trace of ``sticky_check`` to a drawing.

Private to this collection. Pure: data in, HTML out.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, Iterable, Mapping, NamedTuple, Sequence

from .markup import Html, count, tag
from .nodes import Node, answered
from .scale import Scale, ticks

ROWS = 200  # sessions drawn at most
MARKS = 12000  # runs and requests drawn at most, in all rows together
PATH = 5  # letters at most of where a session went

WIDTH, LEFT = 1000, 96  # in SVG units: of all, and where time begins
SIGN = 7.5  # of a letter, at most
TOP, HEADING, GAP, AXIS = 4, 26, 5, 30


class Run(NamedTuple):
    """Requests of a session that one node answered in succession; *visits*: when, in ms since the check began."""

    node: str
    visits: tuple[float, ...]


class Session(NamedTuple):
    """One client. *lost*: when it made the requests that got no answer, in ms. *before*: the node that an earlier check
    left it on; "" for a new one."""

    client: str
    runs: tuple[Run, ...]
    lost: tuple[float, ...]
    before: str = ""

    @property
    def moved(self) -> bool:
        """Whether several nodes answered it, the one of an earlier check among them. An answer that does not tell its
        node moves nobody."""
        return len(self._nodes | ({self.before} if self.before and self._nodes else set())) > 1

    @property
    def moved_again(self) -> bool:
        """Whether several nodes answered it in this check."""
        return len(self._nodes) > 1

    @property
    def _nodes(self) -> set[str]:
        return {run.node for run in self.runs if run.node}

    @property
    def home(self) -> str:
        """The first node that answered it, as far as that was told."""
        return next((run.node for run in self.runs if run.node), "")


def sessions_of(trace: Iterable[Mapping[str, Any]]) -> list[Session]:
    """Return the sessions in the ``trace`` of ``sticky_check``. A request is answered with a status from 200 to 399."""
    found = []
    for row in trace:
        runs: list[tuple[str, list[float]]] = []
        lost = []
        for at, node, status in row["visits"]:
            if not answered(status):
                lost.append(float(at))
                continue
            if not runs or runs[-1][0] != str(node or ""):
                runs.append((str(node or ""), []))
            runs[-1][1].append(float(at))
        found.append(
            Session(
                str(row["client"]),
                tuple(Run(node, tuple(visits)) for node, visits in runs),
                tuple(lost),
                str(row.get("before") or ""),
            )
        )
    return found


def chosen(sessions: Sequence[Session], limit: int = ROWS) -> list[Session]:
    """Return at most *limit* of them, in their order: those that moved before those that lost a request, these before
    others, and of the others evenly many from the first to the last."""
    if len(sessions) <= limit:
        return list(sessions)
    taken = [n for n, session in enumerate(sessions) if session.moved]
    taken += [n for n, session in enumerate(sessions) if session.lost and not session.moved]
    others = [n for n, session in enumerate(sessions) if not session.lost and not session.moved]
    room = max(limit - len(taken), 0)
    taken = taken[:limit] + [others[step * len(others) // room] for step in range(room)]
    return [sessions[n] for n in sorted(taken)]


def in_words(sessions: Sequence[Session], drawn: Sequence[Session]) -> str:
    """Return what the drawing does not show, as a sentence, or nothing."""
    if len(drawn) == len(sessions):
        return ""
    moved = sum(session.moved for session in sessions)
    shown = sum(session.moved for session in drawn)
    which = "all that moved among them" if shown == moved else f"{shown} of the {moved} that moved"
    return (
        f"{len(drawn)} of {len(sessions)} sessions are drawn, {which if moved else 'none moved'}."
    )


def chart(sessions: Sequence[Session], nodes: Mapping[str, Node]) -> Html:
    """Return the drawing of *sessions*: one row each, those that moved first, then by node."""
    end = max((at for s in sessions for at in _times(s)), default=0.0) or 1.0
    moved = [session for session in sessions if session.moved]
    stayed = [session for session in sessions if session.runs and not session.moved]
    stayed.sort(key=lambda session: nodes[session.home].number)
    silent = [session for session in sessions if not session.runs]
    room = max((len(_ending(session, nodes)) for session in sessions), default=0) * SIGN
    scale = Scale(end, LEFT, WIDTH - 24 - room)
    height = 20 if len(sessions) <= 60 else 14
    y = TOP
    bands, rows = [], []
    for title, group in (("Moved", moved), ("Stayed", stayed), ("Never answered", silent)):
        if not group:
            continue
        heading = f"{title}: {count(len(group), 'session')}"
        if title == "Moved":
            bands.append(
                tag(
                    "rect",
                    width=WIDTH,
                    height=HEADING + height * len(group) + 4,
                    y=y,
                    rx=6,
                    class_="moved",
                )
            )
        rows.append(tag("text", heading, x=8, y=y + 18, class_="strong"))
        y += HEADING
        for before, session in zip([group[0], *group], group):
            if title == "Stayed" and session.home != before.home:
                y += GAP
            rows.append(_row(session, nodes, y, height, scale, MARKS // len(sessions)))
            y += height
        y += 10
    grid = [
        Html(
            f'<path d="M{scale.x(at)} {TOP + HEADING}V{y}" class="grid"/>'
            f'<text x="{scale.x(at)}" y="{y + 18}" text-anchor="middle" class="soft">{said}</text>'
        )
        for at, said in ticks(end)
    ]
    return tag(
        "svg",
        tag("title", "Which node answered which session, over time", id="sessions-title"),
        tag("desc", _description(moved, stayed, nodes), id="sessions-desc"),
        bands,
        grid,
        rows,
        viewBox=f"0 0 {WIDTH} {y + AXIS}",
        role="img",
        aria_labelledby="sessions-title",
        aria_describedby="sessions-desc",
        class_="sessions",
    )


def _description(
    moved: Sequence[Session], stayed: Sequence[Session], nodes: Mapping[str, Node]
) -> str:
    numbers = Counter(session.home for session in stayed)
    said = [
        f"{count(number, 'session')} stayed on {nodes[name].label}"
        for name, number in numbers.items()
    ]
    said += [f"client {session.client} went {way(session, nodes)}" for session in moved[:20]]
    if len(moved) > 20:
        said.append(f"{len(moved) - 20} more moved")
    return "; ".join(said) + "." if said else "No session was answered."


def way(session: Session, nodes: Mapping[str, Node], letters: bool = False) -> str:
    """Return where a session went: the names of its nodes, or only their letters."""
    said = [nodes[run.node].letter if letters else nodes[run.node].label for run in session.runs]
    if len(said) > PATH:
        said[PATH - 1 : -1] = ["…"]
    return " → ".join(said) if said else "no answer"


def _times(session: Session) -> list[float]:
    return [*(at for run in session.runs for at in (run.visits[0], run.visits[-1])), *session.lost]


def _row(
    session: Session, nodes: Mapping[str, Node], y: int, height: int, scale: Scale, marks: int
) -> Html:
    """One session: a bar for each run, with its letter where there is room, and a stroke for each request."""
    thick = height - 5
    size = min(12, height - 4)
    base = y + height / 2 + size * 0.36
    parts = [
        tag("title", _told(session, nodes)),
        tag("text", f"client {session.client}"[:14], x=8, y=base, style=f"font-size:{size}px"),
    ]
    before = 0.0
    for run in session.runs[:marks]:
        node, first, last = nodes[run.node], scale.x(run.visits[0]), scale.x(run.visits[-1]) + 4
        if before:
            parts.append(Html(f'<path d="M{before} {y + height / 2}H{first}" class="step"/>'))
        parts.append(
            Html(
                f'<rect x="{first}" y="{y + 2}" width="{last - first:.1f}" height="{thick}" rx="3" fill="{node.fill}"/>'
            )
        )
        wide = 6 + 8 * len(node.letter)
        if last - first > wide + 4:
            parts.append(
                Html(
                    f'<rect x="{first}" y="{y + 2}" width="{wide}" height="{thick}" rx="3" fill="{node.colour}"/>'
                    f'<text x="{first + wide / 2}" y="{base}" text-anchor="middle" class="on"'
                    f' style="font-size:{size - 1}px">{node.letter}</text>'
                )
            )
        before = last
    left = marks - len(session.runs)
    strokes = [at for run in session.runs for at in run.visits]
    if len(strokes) <= min(left, 120):
        drawn = "".join(f"M{scale.x(at) + 2} {y + 2 + thick - 4}v4" for at in strokes)
        parts.append(Html(f'<path d="{drawn}" class="visit"/>'))
    parts += [
        Html(f'<text x="{scale.x(at)}" y="{base}" class="lost" text-anchor="middle">×</text>')
        for at in session.lost[: max(left, 1)]
    ]
    parts.append(
        tag(
            "text",
            _ending(session, nodes),
            x=scale.right + 10,
            y=base,
            style=f"font-size:{size}px",
            class_="strong",
        )
    )
    return tag("g", parts)


def _ending(session: Session, nodes: Mapping[str, Node]) -> str:
    """What stands at the end of a row."""
    lost = f" ×{len(session.lost)}" if session.lost else ""
    return (way(session, nodes, letters=True) if session.runs else "") + lost


def _told(session: Session, nodes: Mapping[str, Node]) -> str:
    requests = count(sum(len(run.visits) for run in session.runs), "request")
    lost = f", {len(session.lost)} without an answer" if session.lost else ""
    return f"client {session.client}: {way(session, nodes)}, {requests} answered{lost}"
