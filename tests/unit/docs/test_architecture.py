# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page about the architecture, and its picture, show the layers as they are."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from ansible_collections.webtier.apache_balancer.tests.unit import test_layers

DOCS = Path(__file__).parents[3] / "docs"
PLUGINS = DOCS.parent / "plugins"
UTILS = PLUGINS / "module_utils"
LAYERS = ["glue", "work", "host", "pure"]
ROWS = re.findall(r"(?m)^\| (\w*) ?\| (`_.*`) \|", (DOCS / "architecture.md").read_text())
PICTURE = ElementTree.parse(DOCS / "images" / "architecture.svg")
NAMED = {
    text.text
    for text in PICTURE.iter("{http://www.w3.org/2000/svg}text")
    if text.get("class", "").startswith("name")
}


def layers():
    """Return the layer of each file, or folder, that the page names."""
    found, layer = {}, ""
    for word, names in ROWS:
        layer = word or layer
        found.update(dict.fromkeys(re.findall(r"`([^`]+)`", names), layer))
    return found


def layer_of(path):
    """Return the layer of one file, by its own name or by that of its folder."""
    name = str(path.relative_to(UTILS).with_suffix(""))
    return layers().get(name) or layers().get(name.partition("/")[0])


def used(path):
    """Yield the files that *path* imports from its neighbours."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.ImportFrom) or not node.level:
            continue
        folder = path.parents[node.level - 1].joinpath(*(node.module or "").split("."))
        for each in (
            folder.with_suffix(".py"),
            *(folder / f"{name.name}.py" for name in node.names),
        ):
            if each.exists():
                yield each


FILES = sorted(path for path in UTILS.rglob("*.py"))


def test_the_page_has_the_layers_in_their_order():
    assert list(dict.fromkeys(layers().values())) == LAYERS
    assert all((UTILS / name).is_dir() or (UTILS / f"{name}.py").exists() for name in layers())


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(UTILS)))
def test_a_file_has_a_layer_and_uses_none_above(path):
    layer = layer_of(path)
    assert layer in LAYERS
    for other in used(path):
        assert LAYERS.index(layer_of(other)) >= LAYERS.index(layer), other


def test_pure_on_the_page_is_what_is_tested_to_be_pure():
    shown = {str(path.relative_to(UTILS)) for path in FILES if layer_of(path) == "pure"}
    assert shown == set(map(test_layers.name, test_layers.PURE))


def test_the_picture_names_what_there_is():
    there = {str(path.relative_to(UTILS).with_suffix("")) for path in FILES}
    there |= {path.name for path in (*UTILS.iterdir(), *(PLUGINS / "plugin_utils").iterdir())}
    there |= {path.stem for path in (PLUGINS / "modules").glob("*.py")}
    there |= {path.name for path in (DOCS.parent / "roles").iterdir()}
    assert NAMED - there == {"configuration files", "running httpd: balancer-manager"}


def test_the_picture_has_every_module_role_and_pure_package():
    modules = {path.stem for path in (PLUGINS / "modules").glob("*.py")}
    roles = {path.name for path in (DOCS.parent / "roles").iterdir()}
    assert modules | roles | {"_httpd", "_balancer", "_manager/page", "_sticky"} <= NAMED
