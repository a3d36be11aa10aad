# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the documentation shows: the blocks of its pages, and the examples of modules and filters."""

from __future__ import annotations

import ast
import re
import textwrap
from pathlib import Path
from typing import Any, Iterator, NamedTuple

import yaml

ROOT = Path(__file__).parents[2]
#: All pages for readers; CHANGELOG.rst is written by a tool.
PAGES = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "roles/*/README.md", "examples/**/*.md")
    for path in ROOT.glob(pattern)
)
#: Keys of a task that are no module.
KEYWORDS = frozenset(
    {
        *(
            "args",
            "become",
            "become_user",
            "changed_when",
            "check_mode",
            "delay",
            "delegate_to",
            "diff",
        ),
        *(
            "environment",
            "failed_when",
            "ignore_errors",
            "ignore_unreachable",
            "loop",
            "loop_control",
        ),
        *(
            "name",
            "no_log",
            "notify",
            "register",
            "retries",
            "run_once",
            "tags",
            "throttle",
            "until",
        ),
        *("vars", "when"),
    }
)
#: Hosts of an inventory, for balancers whose members come from a group.
HOSTS = {f"app{number}": {"ansible_host": f"10.0.0.{number}"} for number in (11, 12)}
_FENCE = re.compile(r"(?ms)^(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^(?P=indent)```$")


class Block(NamedTuple):
    """One piece of *text* in a *language* that a reader may paste; *place* is its file and line."""

    place: str
    language: str
    text: str

    def __str__(self) -> str:
        return self.place

    def data(self) -> Any:
        """Return what it is as YAML."""
        return yaml.load(self.text, Loader=_Loader)  # a SafeLoader


class Task(NamedTuple):
    """One task of a block: its *module*, and the *options* given."""

    place: str
    module: str
    options: Any

    def __str__(self) -> str:
        return f"{self.place} {self.module.rpartition('.')[2]}"


class _Loader(yaml.SafeLoader):
    """Knows the tags of Ansible, and takes no key twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _value in node.value]
        assert len(keys) == len(set(keys)), f"a key stands twice: {keys}"
        return super().construct_mapping(node, deep)


for _tag in ("!unsafe", "!vault"):
    _Loader.add_constructor(_tag, _Loader.construct_yaml_str)


def blocks_of(page: Path) -> list[Block]:
    """Return the fenced blocks of one page."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(
            f"{page.relative_to(ROOT)}:{text.count(chr(10), 0, found.start()) + 1}",
            found["language"],
            textwrap.dedent(found["text"]),
        )
        for found in _FENCE.finditer(text)
    ]


def examples() -> Iterator[Block]:
    """Yield the EXAMPLES of each module, each filter and each role."""
    for path in sorted(ROOT.glob("plugins/modules/*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "EXAMPLES":
                yield Block(f"EXAMPLES of {path.stem}", "yaml", ast.literal_eval(node.value))
    for path in sorted(ROOT.glob("plugins/filter/*.yml")):
        text = yaml.safe_load(path.read_text(encoding="utf-8"))["EXAMPLES"]
        yield Block(f"EXAMPLES of the filter {path.stem}", "yaml", text)
    for path in sorted(ROOT.glob("roles/*/meta/argument_specs.yml")):
        text = yaml.safe_load(path.read_text(encoding="utf-8"))["argument_specs"]["main"][
            "examples"
        ]
        yield Block(f"EXAMPLES of the role {path.parts[-3]}", "yaml", text)


def blocks(*languages: str) -> list[Block]:
    """Return all blocks and examples in one of these *languages*."""
    found = [*(block for page in PAGES for block in blocks_of(page)), *examples()]
    return [block for block in found if not languages or block.language in languages]


def is_plays(data: Any) -> bool:
    """Whether *data* are plays, as a playbook has them."""
    return isinstance(data, list) and all(
        "hosts" in each or "import_playbook" in str(each) for each in data
    )


def tasks(data: Any, place: str = "") -> Iterator[Task]:
    """Yield each task of plays or tasks, with those in their blocks, and roles of plays as such."""
    for each in data:
        if "hosts" in each:
            for key in ("pre_tasks", "tasks", "post_tasks", "handlers"):
                yield from tasks(each.get(key, []), place)
            continue
        for key in ("block", "rescue", "always"):
            yield from tasks(each.get(key, []), place)
        if "block" in each:
            continue
        modules = [key for key in each if key not in KEYWORDS]
        assert len(modules) == 1, f"{place}: not one module but {modules} in {each}"
        yield Task(place, modules[0], each[modules[0]])


def variables(data: Any) -> Iterator[dict[str, Any]]:
    """Yield each set of variables in a block: of plays, of roles, of tasks; or the block itself."""
    if isinstance(data, dict):
        yield data
        return
    for each in data:
        yield each.get("vars", {})
        for key in ("roles", "pre_tasks", "tasks", "post_tasks", "block", "rescue", "always"):
            yield from variables([one for one in each.get(key, []) if isinstance(one, dict)])


def filled_in(value: Any) -> Any:
    """Return *value* with a word in the place of what a person fills in, or Ansible."""
    if isinstance(value, str):
        value = re.sub(r"{{[^}]*ansible_host[^}]*}}", HOSTS["app11"]["ansible_host"], value)
        return re.sub(r"\*{8}|{{.*?}}", "filled-in", value)
    if isinstance(value, list):
        return [filled_in(each) for each in value]
    if isinstance(value, dict):
        return {key: filled_in(each) for key, each in value.items()}
    return value


def groups_of(sites: list[dict[str, Any]]) -> dict[str, list[str]]:
    """Return the groups of the inventory that *sites* have members from."""
    balancers = [balancer for site in sites for balancer in site["balancers"]]
    return {
        each["members_from"]["group"]: list(HOSTS) for each in balancers if "members_from" in each
    }
