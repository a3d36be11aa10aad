# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the demo needs around its playbook: an httpd, free ports, application servers, an end.

Called by tools/demo, with the Python of .build/venv-demo. Everything is in .build/demo,
or in the folder of .build that DEMO_FOLDER names.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Iterator

ROOT = Path(__file__).resolve().parents[1]
DEMO = ROOT / ".build" / os.environ.get("DEMO_FOLDER", "demo")
OS_RELEASE = Path("/etc/os-release")
LOOPBACK = "127.0.0.1"
NODES = ("node1", "node2", "node3")
MODULES = (
    "mpm_event",
    "unixd",
    "log_config",
    "authz_core",
    "proxy",
    "proxy_http",
    "proxy_balancer",
    "slotmem_shm",
    "lbmethod_bytraffic",
)
INSTALL = {
    "debian": "apt-get install --no-install-recommends apache2-bin",
    "fedora": "dnf install httpd",
    "rhel": "dnf install httpd",
    "suse": "zypper install apache2",
    "alpine": "apk add apache2 apache2-proxy",
    "arch": "pacman -S apache",
}
CONFIG = """\
[defaults]
home = {demo}/ansible
async_dir = {demo}/ansible/async
remote_tmp = {demo}/ansible/remote
collections_path = {collections}
display_skipped_hosts = false
localhost_warning = false
"""


class Failure(Exception):
    """The demo cannot go on; the message says why and what to do."""


# httpd


def find_httpd() -> str | None:
    """The path of the httpd binary, by its names on the common distributions."""
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin", "/sbin"])
    return shutil.which("apache2", path=path) or shutil.which("httpd", path=path)


def install_httpd() -> str:
    """Install httpd where that is possible without asking; otherwise say how to."""
    system = {}
    with contextlib.suppress(OSError):
        for line in OS_RELEASE.read_text(encoding="utf-8").splitlines():
            key, dummy, value = line.partition("=")
            system[key] = value.strip("\"'")
    family = [system.get("ID", ""), *system.get("ID_LIKE", "").split()]
    if "debian" in family and os.geteuid() == 0:
        subprocess.run([ROOT / "tools" / "debian-packages", "apache2-bin"], cwd=ROOT, check=False)
    binary = find_httpd()
    if binary:
        return binary
    command = next((INSTALL[name] for name in family if name in INSTALL), None)
    raise Failure(
        f"The demo needs Apache httpd. As root run: {command}"
        if command
        else "The demo needs Apache httpd 2.4 with mod_proxy_balancer: install it and try again."
    )


def describe_httpd(binary: str) -> dict[str, Any]:
    """What the private configuration must know about this httpd."""
    compiled = subprocess.run([binary, "-l"], capture_output=True, text=True, check=True).stdout
    static = {line.strip()[:-2].replace("mod_", "", 1) for line in compiled.splitlines()}
    if static & {"event", "worker", "prefork"}:
        static.add("mpm_event")
    # Not checked: Debian's says all this and then fails, where /etc/apache2 is missing.
    settings = subprocess.run([binary, "-V"], capture_output=True, text=True, check=False).stdout
    home = settings.partition('HTTPD_ROOT="')[2].partition('"')[0]
    for folder in (
        f"{home}/modules",
        "/usr/lib/apache2/modules",
        "/usr/lib64/httpd/modules",
        "/usr/lib64/apache2",
        "/usr/lib/httpd/modules",
        "/usr/lib/apache2",
        "/usr/local/libexec/apache24",
    ):
        if Path(folder, "mod_proxy_balancer.so").exists():
            break
    else:
        raise Failure(f"Cannot find the modules of {binary}: no mod_proxy_balancer.so.")
    version = subprocess.run([binary, "-v"], capture_output=True, text=True, check=True).stdout
    return {
        "binary": binary,
        "version": version.partition("Apache/")[2].split()[0],
        "modules_dir": folder,
        "modules": [name for name in MODULES if name not in static],
        # Started by root, httpd wants to serve as somebody else.
        "user": "#65534" if os.geteuid() == 0 else "",
        "group": "#65534" if os.geteuid() == 0 else "",
    }


# Processes


def free_ports(first: int) -> Iterator[int]:
    """Ports nobody uses on the loopback address, from `first` upwards."""
    for port in range(first, 65536):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                continue
        yield port
    raise Failure(f"No free port from {first} upwards.")


def start_backend(name: str, port: int) -> None:
    """Start one application server and wait until it listens."""
    log = DEMO / "logs" / f"{name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                sys.executable,
                str(ROOT / "playbooks" / "files" / "demo_backend.py"),
                f"--name={name}",
                f"--bind={LOOPBACK}",
                f"--port={port}",
            ],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    (DEMO / "run" / f"{name}.pid").write_text(f"{process.pid}\n", encoding="ascii")
    deadline = time.monotonic() + 20
    while "listens on" not in log.read_text(encoding="utf-8"):
        if process.poll() is not None or time.monotonic() > deadline:
            raise Failure(f"{name} did not start on port {port}: see {log}")
        time.sleep(0.02)


def ours(pid: int, folder: Path = ROOT) -> bool:
    """Whether the process runs and its command names the folder of this demo."""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
    return os.fsencode(folder) in command  # empty for a process that has ended (zombie)


def traffic_runs() -> bool:
    """Whether a task of Ansible is still in the background."""
    return any(ours(int(p.name), DEMO / "ansible") for p in Path("/proc").glob("[0-9]*"))


def stop() -> list[str]:
    """End everything the demo started here; the names of what was running."""
    (DEMO / "run" / "traffic").unlink(missing_ok=True)
    running = {}
    for file in sorted((DEMO / "run").glob("*.pid")):
        with contextlib.suppress(OSError, ValueError):
            pid = int(file.read_text(encoding="ascii"))
            if ours(pid):
                running[file.stem] = pid
    for number, patience in ((signal.SIGTERM, 15.0), (signal.SIGKILL, 5.0)):
        deadline = time.monotonic() + patience
        for pid in running.values():
            if ours(pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
        while any(ours(pid) for pid in running.values()) and time.monotonic() < deadline:
            time.sleep(0.05)
    left = [f"{name} ({pid})" for name, pid in running.items() if ours(pid)]
    deadline = time.monotonic() + 15
    while traffic_runs():  # it ends by itself, without its file
        if time.monotonic() > deadline:
            left.append("traffic")
            break
        time.sleep(0.1)
    if left:
        raise Failure("Still running: " + ", ".join(left))
    return list(running)


# The demo


def run_playbook(variables: dict[str, Any]) -> int:
    """Run playbooks/demo.yml with this folder's collection and nothing of the user's set-up."""
    file = DEMO / "variables.json"
    file.write_text(json.dumps(variables, indent=2) + "\n", encoding="utf-8")
    config = DEMO / "ansible.cfg"
    config.write_text(
        CONFIG.format(demo=DEMO, collections=ROOT / ".build" / "collections"), "utf-8"
    )
    environment = {k: v for k, v in os.environ.items() if not k.startswith("ANSIBLE_")}
    environment.update(ANSIBLE_CONFIG=str(config), LC_ALL="C.UTF-8")
    if sys.stdout.isatty():
        environment["ANSIBLE_FORCE_COLOR"] = "true"
    command = [
        str(Path(sys.executable).parent / "ansible-playbook"),
        "webtier.apache_balancer.demo",
        "--inventory=localhost,",
        f"--extra-vars=@{file}",
    ]
    return subprocess.run(command, cwd=DEMO, env=environment, check=False).returncode


def start(port: int) -> int:
    """Run the demo from a clean folder; 0 when every claim of the summary was seen to hold."""
    begin = time.monotonic()
    if stop():
        print("The earlier demo was ended.")
    shutil.rmtree(DEMO, ignore_errors=True)
    for folder in ("sites", "run", "logs", "results", "ansible", "trial"):
        (DEMO / folder).mkdir(parents=True)
    for folder in ("sites", "run", "logs"):
        (DEMO / "trial" / folder).mkdir()
    httpd = describe_httpd(find_httpd() or install_httpd())
    ports = free_ports(port)
    balancer = next(ports)
    nodes = {name: next(ports) for name in NODES}
    trial = next(ports)
    kept = False
    try:
        for name, number in nodes.items():
            start_backend(name, number)
        failed = run_playbook(
            {
                "demo_dir": str(DEMO),
                "demo_url": f"http://{LOOPBACK}:{balancer}/",
                "demo_address": f"{LOOPBACK}:{balancer}",
                "demo_trial_address": f"{LOOPBACK}:{trial}",
                "demo_httpd": httpd,
                "demo_nodes": [
                    {"name": name, "url": f"http://{LOOPBACK}:{number}"}
                    for name, number in nodes.items()
                ],
                "ansible_python_interpreter": sys.executable,
            }
        )
        summary = DEMO / "results" / "summary.txt"
        if summary.exists():
            print(summary.read_text(encoding="utf-8"), end="")
        if failed:
            raise Failure(f"The demo failed. Its files and logs stay in {DEMO}.")
        print(f"Took {time.monotonic() - begin:.0f} seconds. To end it: make demo-stop")
        kept = True
    finally:
        if not kept:
            stop()
    return 0


def main() -> int:
    """Parse the command line and run."""
    parser = argparse.ArgumentParser(prog="tools/demo")
    commands = parser.add_subparsers(dest="command", required=True)
    begin = commands.add_parser("start")
    begin.add_argument("--port", type=int, default=8080, help="of the balancer, or the next free")
    commands.add_parser("stop")
    options = parser.parse_args()
    try:
        if options.command == "start":
            return start(options.port)
        ended = stop()
    except Failure as failure:
        print(failure, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    print("Ended: " + ", ".join(ended) if ended else "The demo was not running.")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
