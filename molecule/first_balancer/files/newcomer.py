# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Does what docs/first-balancer.md says, to the letter and by the clock: newcomer.py CHECKOUT CONTAINER ADDRESS

CONTAINER is the empty host that becomes the load balancer, ADDRESS is where visitors find it. The files of the page are
written to an empty folder, and its commands are run there. What has to differ is in DIFFERENT and REACHED. Ends with an
AssertionError where a command fails, does not come to what the page promises, or all of it takes too long.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Iterator

CHECKOUT = Path(sys.argv[1])
CONTAINER, ADDRESS = sys.argv[2:]
(ARTIFACT,) = CHECKOUT.glob(".build/artifact/*.tar.gz")
FOLDER = CHECKOUT / ".build" / "newcomer" / CONTAINER
#: What a newcomer has, and what this scenario has instead.
DIFFERENT = {
    # What is published, built from this checkout.
    "collection install webtier.apache_balancer": f"collection install {ARTIFACT}",
    # The servers with the application.
    "10.0.0.11": "node1",
    "10.0.0.12": "node2",
    # The way that the page has for who does not resolve the name of the site. Nothing is left in the home of who tests.
    "verify_url=http://shop.example.com/": (
        f"verify_url=http://{ADDRESS}/ -e verify_server_name=shop.example.com -e verify_report={FOLDER}/report.html"
    ),
}
#: What the first balancer takes a newcomer at most, in seconds.
LONGEST = 600
#: The host is reached by Docker instead of SSH, and as root.
LOAD_BALANCER = "lb1.example.com"
REACHED = (
    ("ansible_connection: community.docker.docker\nansible_become: false\n", "group_vars/all.yml"),
    (f"ansible_host: {CONTAINER}\n", f"host_vars/{LOAD_BALANCER}.yml"),
)
_BLOCK = re.compile(r"(?m)(?P<before>(?:^.+\n)+)\n```(?P<language>\w+)\n(?P<text>(?:.*\n)*?)```$")


def blocks(language: str) -> Iterator[tuple[str, str]]:
    """Return each block of the page in a *language*: its text, and the file that is named before it, or ""."""
    for found in _BLOCK.finditer((CHECKOUT / "docs" / "first-balancer.md").read_text()):
        if found["language"] == language:
            text = found["text"]
            for theirs, ours in DIFFERENT.items():
                text = text.replace(theirs, ours)
            file = re.search(r"`([\w./]+\.yml)`", found["before"])
            yield text, file[1] if file else ""


def write(text: str, file: str) -> None:
    path = FOLDER / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def run(command: str) -> str:
    """Run a *command* of the page, as somebody who has no settings of their own; return what it said."""
    own = {"HOME": str(FOLDER), "LANG": "C.UTF-8"}
    passed = {name: os.environ[name] for name in ("PATH", "DOCKER_HOST") if name in os.environ}
    begun = time.monotonic()
    done = subprocess.run(
        shlex.split(command),
        cwd=FOLDER,
        env={**passed, **own},
        capture_output=True,
        text=True,
        check=False,
    )
    print(f"{time.monotonic() - begun:4.0f} s  {command}", flush=True)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


def main() -> None:
    shutil.rmtree(FOLDER, ignore_errors=True)
    for text, file in REACHED:
        write(text, file)
    [install], [check, deploy], [verify], [drain, enable, status] = (
        text.splitlines() for text, dummy in blocks("console")
    )
    *declared, weight = blocks("yaml")
    [(promised, dummy)] = blocks("text")

    begun = time.monotonic()
    run(install)
    for each in declared:
        write(*each)
    run(check)
    assert f"{LOAD_BALANCER}: changed, loaded by httpd" in run(deploy)
    run(verify)
    assert (FOLDER / "report.html").stat().st_size > 10_000
    seconds = time.monotonic() - begun
    print(f"{seconds:4.0f} s  from an empty host to sessions that are proven to stick", flush=True)
    assert seconds < LONGEST
    assert promised.strip() in run(deploy)

    write(*weight)
    said = run(deploy)
    assert f"{LOAD_BALANCER}: changed" in said and "loaded by httpd" not in said, said
    run(drain)
    assert "http://node1:8080: file drained; running drained, weight 2" in run(status)
    run(enable)
    assert "http://node1:8080: file in; running in, weight 2" in run(status)


if __name__ == "__main__":
    main()
