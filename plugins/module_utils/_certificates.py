# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether each private key belongs to its certificate, for where httpd cannot be started on them.

Private to this collection.
"""

from __future__ import annotations

import contextlib
import os
import ssl
from typing import Iterator, Sequence

from ._fileset import Entry, FileProblem, FileSet, State
from ._httpd.dump import Message, View
from ._httpd.tree import Node

# So many entries of a virtual host stand in for those of the main server, one by one
# (modules/ssl: ssl_engine_config.c, CERTKEYS_IDX_MAX).
_REPLACING = 3
# What OpenSSL says of keys with other numbers, and of keys of another kind than the certificate.
_NO_PAIR = ("KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH", "NO_CERTIFICATE_ASSIGNED")


def mismatches(view: View, candidates: Sequence[Entry]) -> list[Message]:
    """Return a message for each key in ``view`` that does not belong to its certificate, placed
    where the certificate is named; httpd ends then (AH02565, AH02579).

    ``candidates`` stand for what is on the disk. Left out are encrypted keys, what cannot be read
    here as a file, and servers without SSLEngine, which may speak TLS by the protocol of Listen.
    """
    files = FileSet()
    for entry in candidates:
        files.restore(entry.path, State(entry.content, entry.link))
    found = []
    for certificate, key in dict.fromkeys(_pairs(view.root)):
        paths = [os.path.join(view.server_root, node.words[0]) for node in (certificate, key)]
        problem = _problem(files, paths[0], paths[1])
        if problem:
            found.append(Message(certificate.file, certificate.line, None, problem))
    return found


def _pairs(root: Node) -> Iterator[tuple[Node, Node]]:
    """Give the directives that name certificate and key, of each server with SSLEngine on.

    The first key is that of the first certificate, and so on; without one, httpd looks for it in
    the file of the certificate (modules/ssl: ssl_engine_init.c, ssl_init_server_certs).
    """
    for server in (root, *root.find("VirtualHost")):
        engine = _own(server, "SSLEngine") or _own(root, "SSLEngine")
        if engine and engine[-1].words[0].lower() == "on":
            certificates = _merged(server, root, "SSLCertificateFile")
            keys = _merged(server, root, "SSLCertificateKeyFile")
            for number, certificate in enumerate(certificates):
                yield certificate, keys[number] if number < len(keys) else certificate


def _merged(server: Node, root: Node, name: str) -> list[Node]:
    """Return the directives ``name`` in force in ``server`` (modssl_ctx_cfg_merge_certkeys_array)."""
    own = _own(server, name)
    inherited = _own(root, name) if server is not root else []
    return own[:_REPLACING] + inherited[min(len(own), _REPLACING) :] + own[_REPLACING:]


def _own(server: Node, name: str) -> list[Node]:
    return [node for node in server.children if node.name.lower() == name.lower() and node.words]


def _content(files: FileSet, path: str) -> bytes | None:
    with contextlib.suppress(FileProblem):
        return files.read(path)
    return None


def _problem(files: FileSet, certificate_path: str, key_path: str) -> str:
    """Return what is wrong with the two; "" if nothing is known to be."""
    certificate, key = _content(files, certificate_path), _content(files, key_path)
    if certificate is None or key is None:
        return ""
    if b"PRIVATE KEY-----" not in key:
        return f"there is no private key in {key_path} for the certificate {certificate_path}"
    if b"ENCRYPTED" in key:
        return ""
    with _in_memory(certificate) as first, _in_memory(key) as second:
        try:
            # With a password, even an empty one, OpenSSL asks nobody for it.
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(first, second, password="")
        except OSError as error:
            if isinstance(error, ssl.SSLError) and error.reason in _NO_PAIR:
                return (
                    f"certificate and private key from {certificate_path} and {key_path}"
                    " do not match"
                )
    return ""


@contextlib.contextmanager
def _in_memory(content: bytes) -> Iterator[str]:
    """Show ``content``, which may be a secret, as a file that is on no disk."""
    descriptor = os.memfd_create("certificate")
    with open(descriptor, "wb") as stream:
        stream.write(content)
        stream.flush()
        yield f"/proc/self/fd/{descriptor}"
