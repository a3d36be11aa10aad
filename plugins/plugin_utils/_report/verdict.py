# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the results of a check come to. The page and the play judge by the same words.

Private to this collection. Pure: data in, sentences out.
"""

from __future__ import annotations

from typing import Any, Iterator, Mapping, NamedTuple

from .markup import count
from .sessions import sessions_of

FLAGS = {
    "disabled": "disabled",
    "stopped": "stopped",
    "drained": "drained",
    "hot_standby": "hot standby",
    "hot_spare": "hot spare",
    "ignore_errors": "ignores errors",
    "in_error": "in error",
    "health_check_failed": "health check failed",
}


# Remarks of the check by which a session may have moved and was not seen to.
_UNSEEN = ("AB416", "AB419", "AB420", "AB421", "AB423")


class Verdict(NamedTuple):
    """*problems*: sentences that say what is wrong; *remarks*: what else a person should look at. *unseen*: a session
    that moves may not have been seen to, so that nothing is proven."""

    headline: str
    problems: list[str]
    remarks: list[str]
    unseen: bool = False

    @property
    def proven(self) -> bool:
        """Whether sessions do what they have to, and would have been seen not to."""
        return not (self.problems or self.unseen)

    @property
    def level(self) -> str:
        """``bad``, ``open`` (nothing is wrong, nor proven), ``warn`` or ``good``."""
        if self.problems:
            return "bad"
        return "open" if self.unseen else "warn" if self.remarks else "good"


def verdict(
    result: Mapping[str, Any], balancers: Mapping[str, Mapping[str, Any]], expect: str = "same"
) -> Verdict:
    """Judge the result of ``sticky_check``, and of ``balancer_info`` by host. *expect*: as in ``sticky_check``."""
    problems = list(_problems(result, expect))
    remarks = [
        *(
            f"{each['code']}: {each['message']} {each['fix']}"
            for each in result.get("remarks") or ()
        ),
        *(r for host, info in balancers.items() for r in _remarks(host, info)),
    ]
    unseen = any(each["code"] in _UNSEEN for each in result.get("remarks") or ())
    return Verdict(_headline(result, problems, remarks, unseen, expect), problems, remarks, unseen)


class Wrong(NamedTuple):
    """How many sessions *moved* although they had to stay, by now, and *stayed* although they had to move."""

    moved: int
    stayed: int

    def __str__(self) -> str:
        return " and ".join(
            f"{number} {what}"
            for number, what in ((self.moved, "moved"), (self.stayed, "did not move"))
            if number
        )


def violated(result: Mapping[str, Any], expect: str = "same") -> Wrong:
    """Return how many sessions are in a violation. The list of violations may end before; the trace has them all."""
    violations = result.get("violations") or ()
    moved = {str(each["client"]) for each in violations if each.get("before") != each.get("after")}
    stayed = {str(each["client"]) for each in violations} - moved
    for session in sessions_of(result.get("trace") or ()):
        if session.moved if expect == "same" else session.moved_again:
            moved.add(session.client)
        if expect != "same" and session.before and session.home == session.before:
            stayed.add(session.client)
    return Wrong(len(moved), len(stayed - moved))


def _problems(result: Mapping[str, Any], expect: str) -> Iterator[str]:
    sessions, failed = int(result.get("sessions") or 0), int(result.get("failed_requests") or 0)
    wrong = violated(result, expect)
    if not sessions:
        yield "No session was made, so nothing was proven" + (
            f": {said(result)}" if result.get("msg") else "."
        )
    shown = result.get("violations") or ()
    # What ends before is in the trace, if there is one.
    listed = result.get("trace") or int(result.get("violation_count") or 0) <= len(shown)
    of_all = f"of {count(sessions, 'session')}"
    if wrong.moved:
        again = "" if expect == "same" else " once more, after they had"
        yield f"{'' if listed else 'At least '}{wrong.moved} {of_all} moved to another node{again}."
    if wrong.stayed:
        yield f"{'' if listed else 'At least '}{wrong.stayed} {of_all} did not move, although they had to."
    if (
        sessions
        and not any(wrong)
        and failed < int(result.get("requests") or 0)
        and not _told(result)
    ):
        yield "No answer told which node gave it, so nothing was proven: say how to tell them apart (served_by)."
    if failed:
        yield f"{failed} of {count(int(result.get('requests') or 0), 'request')} got no answer 2xx or 3xx."
    for each in result.get("diagnosis") or ():
        yield f"{each['code']}: {each['message']}"


def _told(result: Mapping[str, Any]) -> list[str]:
    """The nodes that told who they are."""
    return [str(name) for name in result.get("distribution") or () if name]


def _remarks(host: str, info: Mapping[str, Any]) -> Iterator[str]:
    if "balancers" not in info:
        yield f"{host}: the balancers could not be read: {unread(info)}"
        return
    for balancer in info["balancers"]:
        name = f"{host}: balancer://{balancer['name']}"
        for member in balancer["members"]:
            if member.get("runtime") and not member.get("usable"):
                yield f"{name}: {member['url']} cannot be used: {status(member)}."
        if balancer.get("drift"):
            yield f"{name}: files and running httpd differ in {count(len(balancer['drift']), 'place')}."
    for missed in info.get("not_reached") or ():
        yield f"{host}: balancer://{missed['balancer']} was not reached: {missed['reason']}"
    if info.get("running") is False:
        yield f"{host}: httpd does not run."
    if info.get("reload_required"):
        yield f"{host}: a reload is needed."
    if info.get("problems"):
        yield f"{host}: {count(len(info['problems']), 'finding')} in the configuration."


def unread(info: Mapping[str, Any]) -> str:
    """Return why a host has no balancers to show, with a stop at its end."""
    return said(info) if info.get("msg") else "not asked."


def said(result: Mapping[str, Any]) -> str:
    """Return why a task failed, with a stop at its end."""
    reason = str(result["msg"]).rstrip(". \n")
    return reason if reason.endswith(("?", "!")) else f"{reason}."


def status(member: Mapping[str, Any]) -> str:
    """Return the state of a member of ``balancer_info`` in the running httpd, in words."""
    runtime = member.get("runtime")
    if not runtime:
        return "not in the running httpd, or not asked"
    return ", ".join(word for flag, word in FLAGS.items() if runtime.get(flag)) or "in service"


def _headline(
    result: Mapping[str, Any], problems: list[str], remarks: list[str], unseen: bool, expect: str
) -> str:
    if any(violated(result, expect)) or not _told(result):
        return problems[0]
    went = _went(int(result.get("sessions") or 0), unseen, expect)
    if result.get("failed_requests"):
        return f"{went}, but {problems[0]}"
    if problems:
        return f"{went}, but {count(len(problems), 'finding says', 'findings say')} that not all is well."
    if unseen:
        return f"Not proven: {went[0].lower()}{went[1:]}, but not every move could be seen."
    if remarks:
        return f"{went}; {count(len(remarks), 'remark')} on what was found beside."
    return f"{went}."


def _went(sessions: int, unseen: bool, expect: str) -> str:
    """Return what became of the *sessions*, none of which is in a violation."""
    if expect != "same":
        moved = "seen to move, as they had to" if unseen else "moved, as they had to"
        if sessions == 1:
            return "The one session " + ("was " if unseen else "") + moved.replace("they", "it")
        return f"All {sessions} sessions " + ("were " if unseen else "") + moved
    if unseen:
        one = "The one session was not seen to move"
        return one if sessions == 1 else f"None of {sessions} sessions was seen to move"
    one = "The one session stayed on its node"
    return one if sessions == 1 else f"All {sessions} sessions stayed on their node"
