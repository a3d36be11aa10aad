# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.webtier.apache_balancer.tools import docs

PAGE = Path("docs/live.md")


@pytest.mark.parametrize(
    ("page", "text", "moved"),
    [
        (PAGE, "[x](sticky.md)", "[x](sticky.md)"),
        (PAGE, "[x](sticky.md#when)", "[x](sticky.md#when)"),
        (PAGE, "[x](#here)", "[x](#here)"),
        (PAGE, "[x](https://example.com/a.md)", "[x](https://example.com/a.md)"),
        (PAGE, "![x](images/a.svg)", "![x](images/a.svg)"),
        (PAGE, "[x](../roles/load_balancer/README.md)", "[x](role-load_balancer.md)"),
        (PAGE, "[x](../plugins/modules/balancer.py)", "[x](collection/balancer_module.rst)"),
        (PAGE, "[x](../CONTRIBUTING.md)", f"[x]({docs.REPOSITORY}CONTRIBUTING.md)"),
        (PAGE, "[x](README.md)", "[x](index.md)"),
        (Path("roles/a/README.md"), "[x](../../docs/live.md)", "[x](live.md)"),
        (Path("roles/a/README.md"), "[x](../b/README.md#y)", "[x](role-b.md#y)"),
    ],
)
def test_a_link_leads_to_the_page_of_the_site_else_to_the_repository(page, text, moved):
    assert docs.moved(text, page) == moved


def test_code_is_left_alone():
    text = "`[x](../a.md)`\n\n```text\n[x](../a.md)\n```\n\n[x](../a.md)\n"
    moved = docs.moved(text, PAGE)
    assert moved.endswith(f"[x]({docs.REPOSITORY}a.md)\n")
    assert moved[: moved.rindex("[x]")] == text[: text.rindex("[x]")]


def test_the_index_lists_every_page(tmp_path):
    docs.write_pages(tmp_path)
    index = (tmp_path / "index.md").read_text()
    pages = {path.name for path in tmp_path.glob("*.md")} - {"index.md"}
    assert len(pages) > 10 and all(f"\n{page}\n" in index for page in pages)


def test_a_page_that_antsibull_docs_did_not_make_is_missed(tmp_path):
    everything = docs.missing(tmp_path)
    assert {"balancer_module", "route_filter", "load_balancer_role"} <= set(everything)
    for name in everything[1:]:
        (tmp_path / f"{name}.rst").touch()
    assert docs.missing(tmp_path) == everything[:1]


@pytest.mark.parametrize(
    ("root", "found"),
    [
        ("/src/ansible_collections/webtier/apache_balancer", "/src"),
        ("/src/apache_balancer", "/src/apache_balancer/.build/collections"),
    ],
)
def test_ansible_finds_the_collection_by_the_first_folder_of_that_name(root, found, monkeypatch):
    monkeypatch.setattr(docs, "ROOT", Path(root))
    assert docs.collections() == Path(found)
