# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What can be wrong with a piece of httpd configuration.

Private to this collection.
"""

from __future__ import annotations


class Expected(Exception):
    """Something is wrong with the input, the files or the httpd, as opposed to with us; the text says what."""


class HttpdError(Expected):
    """Anything wrong with a configuration text, with the place if it is known.

    :param message: one sentence without the place.
    :param path: file the text came from; "" if it came from none.
    :param line: physical line, counted from 1.
    :param column: character in that line, counted from 1.

    ``str()`` gives ``path:line:column: message``, without the parts that are not known.
    """

    def __init__(
        self,
        message: str,
        path: str = "",
        line: int | None = None,
        column: int | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.path = path
        self.line = line
        self.column = column

    def __str__(self) -> str:
        place = [self.path] if self.path else []
        place += [str(number) for number in (self.line, self.column) if number is not None]
        return ":".join(place) + ": " + self.message if place else self.message


class NotText(HttpdError):
    """The file holds a NUL byte, so it is no text file."""


class SyntaxProblem(HttpdError):
    """The document does not hold together: httpd would refuse to read it as it stands."""
