# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Private Linux namespaces: the system calls, and a child process to make them in.

Private to this collection. Whatever is done here is done to the calling process alone; call it
inside ``in_child`` and it ends with that child.
"""

from __future__ import annotations

import contextlib
import errno as errnos
import fcntl
import json
import os
import select
import signal
import socket
import stat
import struct
import time
import traceback
from typing import Any, Callable, NamedTuple, Sequence

# linux/sched.h
NEWNS = 0x00020000
NEWIPC = 0x08000000
NEWUSER = 0x10000000
NEWPID = 0x20000000
NEWNET = 0x40000000

# linux/mount.h
_RDONLY, _NOSUID, _NODEV, _NOEXEC, _REMOUNT = 1, 2, 4, 8, 32
_NOATIME, _NODIRATIME, _BIND, _REC = 1024, 2048, 4096, 16384
_PRIVATE, _RELATIME = 1 << 18, 1 << 21
_FLAGS = {
    "ro": _RDONLY,
    "nosuid": _NOSUID,
    "nodev": _NODEV,
    "noexec": _NOEXEC,
    "noatime": _NOATIME,
    "nodiratime": _NODIRATIME,
    "relatime": _RELATIME,
}

# linux/prctl.h, linux/sockios.h, linux/if.h
_PR_SET_PDEATHSIG = 1
_SIOCSIFFLAGS, _SIOCSIFADDR, _SIOCSIFNETMASK = 0x8914, 0x8916, 0x891C
_IFF_UP, _IFF_LOOPBACK, _IFF_RUNNING = 1, 8, 64

# linux/if_addr.h
_TENTATIVE = 0x40

# net/tcp_states.h
_LISTEN = "0A"


class NamespaceError(Exception):
    """A private namespace could not be made. ``attempted``: what was tried; ``errno``: why not."""

    def __init__(self, attempted: str, errno: int) -> None:
        super().__init__(f"{attempted}: {os.strerror(errno)} (errno {errno})")
        self.attempted = attempted
        self.errno = errno


class TimedOut(Exception):
    """The child did not finish in its time and was killed with everything below it."""


class ChildFailed(Exception):
    """The child ended without an answer, or with an error that is a fault of ours."""


class Killed(Exception):
    """Somebody, such as a kernel short of memory, killed the child or one below it: its answer is not known."""


try:
    import ctypes

    _libc = ctypes.CDLL(None, use_errno=True)
except ImportError:  # some small builds of Python
    _libc = None  # type: ignore[assignment]  # _call checks it once for all


def _call(attempted: str, function: str, *arguments: Any) -> None:
    if _libc is None:
        raise NamespaceError(f"{attempted} (this Python has no ctypes)", errnos.ENOSYS)
    if getattr(_libc, function)(*arguments) != 0:
        raise NamespaceError(attempted, ctypes.get_errno())


# --- a child process -----------------------------------------------------------------------


def in_child(work: Callable[[], Any], timeout: float) -> Any:
    """Run ``work`` in a forked child and return what it returned (JSON types only).

    The child has a session of its own and dies with this process. Everything ``work`` needs must
    be imported beforehand: in another mount namespace our modules may be out of reach. Raises
    what ``work`` raised of NamespaceError, TimedOut, Killed and OSError; TimedOut after ``timeout``
    seconds, the child killed; Killed if somebody else did that; ChildFailed for anything else.
    """
    reading, writing = os.pipe()
    us = os.getpid()
    pid = os.fork()
    if pid == 0:
        _child(work, us, writing)
    os.close(writing)
    answer = b""
    try:
        answer = _read_all(reading, time.monotonic() + timeout)
    finally:
        os.close(reading)
        # After a full answer there is nothing left that it should do.
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        dummy, status = os.waitpid(pid, 0)
    try:
        kind, value = json.loads(answer)
    except ValueError:  # nothing, or the beginning of an answer
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
            raise Killed("the child was killed") from None
        raise ChildFailed(f"the child ended without an answer (wait status {status})") from None
    if kind == "namespace":
        raise NamespaceError(*value)
    if kind == "os":
        raise OSError(*value)
    if kind == "time":
        raise TimedOut(value)
    if kind == "killed":
        raise Killed(value)
    if kind == "failed":
        raise ChildFailed(value)
    return value


def _child(work: Callable[[], Any], parent: int, writing: int) -> None:
    """Do the work, write the answer, and end: nothing of the caller's code may run on."""
    try:
        os.setsid()
        die_with_parent(parent)
        answer = json.dumps(["done", work()])
    except NamespaceError as error:
        answer = json.dumps(["namespace", [error.attempted, error.errno]])
    except OSError as error:
        answer = json.dumps(["os", [error.errno, error.strerror, error.filename]])
    except TimedOut as error:
        answer = json.dumps(["time", str(error)])
    except Killed as error:
        answer = json.dumps(["killed", str(error)])
    except BaseException:
        answer = json.dumps(["failed", traceback.format_exc()])
    try:
        data = answer.encode("ascii")
        while data:
            data = data[os.write(writing, data) :]
    finally:
        os._exit(0)


def _read_all(descriptor: int, deadline: float) -> bytes:
    pieces: list[bytes] = []
    while True:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([descriptor], [], [], left)[0]:
            raise TimedOut("no answer in time")
        piece = os.read(descriptor, 1 << 16)
        if not piece:
            return b"".join(pieces)
        pieces.append(piece)


def die_with_parent(parent: int) -> None:
    """Let the kernel kill this process when its parent (process id ``parent``) ends."""
    _call("prctl(PR_SET_PDEATHSIG)", "prctl", _PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    # The first process of a process namespace has no parent that it could see.
    if os.getppid() not in (parent, 0):
        os._exit(1)


# --- namespaces ----------------------------------------------------------------------------


def unshare(flags: int, what: str) -> None:
    """Leave the shared namespaces ``flags`` (NEW...). ``what`` names them in the error."""
    _call(f"unshare({what})", "unshare", flags)


def own_user_namespace() -> None:
    """Enter a user namespace of our own in which every id keeps its number.

    A process that may (CAP_SETUID, as root in a container has) maps all ids that it knows, any
    other one its own id alone.
    """
    uid, gid = os.geteuid(), os.getegid()
    ready, go = os.pipe(), os.pipe()
    target = os.getpid()
    # Only a process of the outer namespace may map more than its own id.
    helper = os.fork()
    if helper == 0:
        mapped = b"0"
        try:
            os.close(ready[1])
            os.read(ready[0], 1)
            for kind in ("uid", "gid"):
                with open(f"/proc/self/{kind}_map", encoding="utf-8") as known:
                    ranges = [line.split() for line in known]
                text = "".join(f"{inner} {inner} {count}\n" for inner, dummy, count in ranges)
                with open(f"/proc/{target}/{kind}_map", "w", encoding="utf-8") as out:
                    out.write(text)
            mapped = b"1"
        except OSError:
            pass
        finally:
            os.write(go[1], mapped)
            os._exit(0)
    os.close(ready[0])
    os.close(go[1])
    try:
        unshare(NEWUSER, "user namespace")
    finally:
        os.close(ready[1])
        mapped = os.read(go[0], 1)
        os.close(go[0])
        os.waitpid(helper, 0)
    if not mapped:
        raise Killed("a helper of the child was killed")
    if mapped == b"1":
        return
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{uid} {uid} 1"),
        ("gid_map", f"{gid} {gid} 1"),
    ):
        try:
            with open(f"/proc/self/{name}", "w", encoding="utf-8") as out:
                out.write(text)
        except OSError as error:
            raise NamespaceError(f"write /proc/self/{name}", error.errno or 0) from error


def enter_mount_namespace(pid: int) -> None:
    """Enter the mount namespace of process ``pid``, where it is another one than ours.

    A service started with PrivateTmp, ReadOnlyPaths and the like sees other files than we do.
    """
    theirs, ours = f"/proc/{pid}/ns/mnt", "/proc/self/ns/mnt"
    try:
        if os.readlink(theirs) == os.readlink(ours):
            return
        descriptor = os.open(theirs, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise NamespaceError(f"open {theirs}", error.errno or 0) from error
    try:
        _call(f"setns({theirs})", "setns", descriptor, NEWNS)
    finally:
        os.close(descriptor)
    os.chdir("/")


# --- files ---------------------------------------------------------------------------------


def mount(source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    """mount(2)."""
    _call(
        f"mount({kind or source} on {target})",
        "mount",
        os.fsencode(source),
        os.fsencode(target),
        kind.encode() or None,
        flags,
        data.encode() or None,
    )


def bind(source: str, target: str) -> None:
    """Let ``target`` show what ``source`` shows, with all that is mounted below it."""
    mount(source, target, "", _BIND | _REC)


def private_read_only_files() -> None:
    """Make a mount namespace of our own in which nothing outside can be written.

    Writable places are mounted over it afterwards, so whatever runs in here cannot change a
    real file, whether we foresaw it or not.
    """
    unshare(NEWNS, "mount namespace")
    mount("none", "/", "", _PRIVATE | _REC)
    for mounted in _mounts():
        # A mount may be out of our reach, below another mount or in a 0700 directory; then it
        # is out of httpd's too.
        with contextlib.suppress(NamespaceError):
            mount("none", mounted.path, "", _REMOUNT | _BIND | _RDONLY | mounted.flags)


class _Mounted(NamedTuple):
    path: str
    flags: int


def _mounts() -> list[_Mounted]:
    found = []
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as lines:
        for line in lines:
            fields = line.split(" ")
            path = _unescaped(fields[4])
            if path == "/proc" or path.startswith("/proc/"):
                continue
            flags = 0
            for option in fields[5].split(","):
                flags |= _FLAGS.get(option, 0)
            found.append(_Mounted(path, flags))
    return found


def _unescaped(text: str) -> str:
    for character in " \t\n\\":
        text = text.replace(f"\\{ord(character):03o}", character)
    return text


def cover(directory: str, keep: Callable[[str], bool]) -> None:
    """Mount an empty writable directory over ``directory`` and show in it what ``keep`` wants.

    ``directory``: an absolute path without links. ``keep(name)``: whether the entry is to be
    seen as it really is. Owner and permissions of the directory stay.
    """
    if directory == "/":
        raise NamespaceError("mount(tmpfs on /)", errnos.EBUSY)
    info = os.stat(directory)
    original = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        # Asked before the mount, after which the paths lead to the empty directory.
        with os.scandir(original) as listing:
            kept = [entry for entry in listing if keep(entry.name)]
        # An owner outside our user namespace cannot be named in it, nor matters in it.
        mode = stat.S_IMODE(info.st_mode)
        options = f"mode={mode:o},uid={info.st_uid},gid={info.st_gid}"
        try:
            mount("tmpfs", directory, "tmpfs", _NOSUID | _NODEV, options)
        except NamespaceError:
            mount("tmpfs", directory, "tmpfs", _NOSUID | _NODEV, f"mode={mode | 0o700:o}")
        # Relative to the covered directory, which has no path any more.
        os.fchdir(original)
        for entry in kept:
            _show(entry, f"{directory}/{entry.name}")
    finally:
        os.chdir("/")
        os.close(original)


def _show(entry: os.DirEntry[str], target: str) -> None:
    # Of a listing by descriptor, entry.path is the bare name.
    if entry.is_symlink():
        os.symlink(os.readlink(entry.name), target)
        return
    if entry.is_dir(follow_symlinks=False):
        os.mkdir(target)
    else:
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o600))
    bind(f"./{entry.name}", target)


# --- network -------------------------------------------------------------------------------


def loopback_with(addresses: Sequence[str]) -> None:
    """Bring up ``lo`` of a private network namespace and give it ``addresses``.

    IPv4 or IPv6 literals. With them a ``Listen`` binds, and can be reached, as on the real host.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        flags = _IFF_UP | _IFF_LOOPBACK | _IFF_RUNNING
        _interface(control, _SIOCSIFFLAGS, "lo", struct.pack("h14x", flags))
        for number, address in enumerate(a for a in addresses if ":" not in a):
            if address.startswith("127."):
                continue
            name = f"lo:{number}"
            _interface(control, _SIOCSIFADDR, name, _sockaddr(address))
            _interface(control, _SIOCSIFNETMASK, name, _sockaddr("255.255.255.255"))
    if any(":" in address for address in addresses):
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as control:
            index = socket.if_nametoindex("lo")
            for address in addresses:
                if ":" in address and address != "::1":
                    binary = socket.inet_pton(socket.AF_INET6, address.partition("%")[0])
                    request = struct.pack("16sIi", binary, 128, index)
                    fcntl.ioctl(control, _SIOCSIFADDR, request)
        _await_ipv6()


def _await_ipv6() -> None:
    """Wait until the IPv6 addresses may be used; the kernel sees to that a moment later.

    A tentative address (linux/if_addr.h: IFA_F_TENTATIVE) cannot be bound.
    """
    deadline = time.monotonic() + 2.0
    while time.monotonic() < deadline:
        with open("/proc/self/net/if_inet6", encoding="utf-8") as lines:
            flags = [int(line.split()[4], 16) for line in lines]
        if not any(flag & _TENTATIVE for flag in flags):
            return
        time.sleep(0.002)


def _interface(control: socket.socket, request: int, name: str, data: bytes) -> None:
    try:
        fcntl.ioctl(control, request, struct.pack("16s", name.encode()) + data.ljust(24, b"\0"))
    except OSError as error:
        raise NamespaceError(f"ioctl({request:#x} on {name})", error.errno or 0) from error


def _sockaddr(address: str) -> bytes:
    return struct.pack("=HH4s8x", socket.AF_INET, 0, socket.inet_aton(address))


class Listener(NamedTuple):
    """A listening TCP socket; ``inode`` tells whose (socket:[inode] in /proc/PID/fd)."""

    address: str
    port: int
    inode: str


def listening() -> list[Listener]:
    """Return every listening TCP socket of this process's network namespace (proc_net(5))."""
    found = []
    for name, family, words in (("tcp", socket.AF_INET, 1), ("tcp6", socket.AF_INET6, 4)):
        try:
            with open(f"/proc/self/net/{name}", encoding="utf-8") as lines:
                rows = [line.split() for line in lines][1:]
        except FileNotFoundError:
            continue
        for row in rows:
            if row[3] != _LISTEN:
                continue
            address, dummy, port = row[1].partition(":")
            # The kernel prints each 32-bit word of the address in the order of this machine.
            numbers = struct.unpack(f">{words}I", bytes.fromhex(address))
            binary = struct.pack(f"={words}I", *numbers)
            found.append(Listener(socket.inet_ntop(family, binary), int(port, 16), row[9]))
    return found
