# Copyright (c) 2026, webtier.apache_balancer contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Every target does all of its own set-up, inside .build. Needed beforehand: Python 3.11 or newer.
# ARGS goes to the tool behind a target: make units ARGS='-k lexer', make sanity ARGS='--test pep8'.

export PATH := $(CURDIR)/.build/venv-dev/bin:$(PATH)
export ANSIBLE_COLLECTIONS_PATH := $(CURDIR)/.build/collections
export ANSIBLE_HOME := $(CURDIR)/.build/ansible

collection := ansible_collections.webtier.apache_balancer
lint := ruff types yamllint ansible-lint reuse changelog public-host
pure := $(addprefix tests/unit/plugins/,plugin_utils filter $(addprefix module_utils/,_balancer _httpd _manager _sticky))
tests := $(lint) docs units artifact importer httpd load many reliability-sample browser demo-check sanity integration

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo demo-stop test test-all lint $(tests) build coverage matrix mutation reliability bench report-image molecule molecule-all format setup clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## a balancer with backends on this machine, shown at work and left running
	@tools/demo start $(ARGS)

demo-stop: ## end what the demo left running
	@tools/demo stop

demo-check: ## the demo, ended when it has proved its claims
	@tools/demo check

# Tests marked "long" are left to test-all.
test: export PYTEST_ADDOPTS = -m "not long"
test: setup ## every check, fast ones first (at most 30 minutes on 2 cores)
	@python tools/steps.py $(tests) molecule

test-all: setup ## the same with every scenario, and what takes long (at most 80 minutes)
	@python tools/steps.py $(tests) coverage molecule-all

lint: $(lint) ## format, style, types, licences

ruff: setup
	ruff format --check .
	ruff check .

types: setup
	mypy --package $(collection).plugins
	mypy tools

yamllint: setup
	yamllint --strict .

ansible-lint: setup
	ansible-lint

reuse: setup
	reuse --root $$(tools/collection copy) lint

changelog: setup
	antsibull-changelog lint

public-host: setup
	check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
	check-jsonschema --builtin-schema vendor.github-issue-config .github/ISSUE_TEMPLATE/config.yml
	check-jsonschema --builtin-schema vendor.github-issue-forms .github/ISSUE_TEMPLATE/bug.yml .github/ISSUE_TEMPLATE/feature.yml

docs: setup ## a site of all documentation in .build/docs/html; warnings are errors
	@tools/venv docs
	@PATH="$(CURDIR)/.build/venv-docs/bin:$$PATH" python tools/docs.py

units: setup ## tests of the pure parts, no httpd needed
	pytest tests/unit --numprocesses=2 $(ARGS)

build: setup ## the artifact that Galaxy and Automation Hub take, in .build/artifact
	@tools/build

artifact: setup ## tests of that artifact, installed where nothing else is
	@tools/debian-packages apache2-bin procps
	pytest tests/artifact $(ARGS)

importer: setup ## what Galaxy and Automation Hub say about it: nothing
	@tools/importer

coverage: setup ## what the tests of the pure packages run of them: at least 95 % of the branches
	@mkdir -p .build/coverage
	pytest $(pure) --cov --cov-report= --numprocesses=2 $(ARGS)
	coverage report
	@coverage json --quiet -o .build/coverage/report.json
	@python -c 'import json; said = json.load(open(".build/coverage/report.json"))["totals"]; \
		share = said["percent_branches_covered"]; print(f"{share:.1f} % of the branches"); exit(share < 95)'

matrix: setup ## every ansible-core and Python that is said to work (make matrix ARGS='--help')
	@tools/debian-packages apache2-bin procps util-linux
	python tools/matrix.py $(ARGS)

mutation: setup ## small changes of _balancer and _httpd that no test notices (make mutation ARGS='--help')
	@tools/venv mutation
	.build/venv-mutation/bin/python tools/mutation.py $(ARGS)

httpd: setup ## tests on a real, private httpd
	@tools/debian-packages apache2-bin apache2-utils openssl procps strace
	pytest tests/httpd/plugins tests/httpd/live tests/httpd/playbooks tests/httpd/docs --numprocesses=4 $(ARGS)

load: setup ## changes of an httpd that many sessions use all the while
	@tools/debian-packages apache2-bin procps
	pytest tests/httpd/load $(ARGS)

many: setup ## many proxies in one play
	@tools/debian-packages apache2-bin procps
	pytest tests/many $(ARGS)

reliability-sample: setup ## a sample of what may go wrong: kills, full disks, races, hostile input
	@tools/debian-packages apache2-bin apache2-utils iproute2 openssl procps rpm strace
	pytest tests/httpd/reliability --numprocesses=2 --dist=loadfile $(ARGS)

reliability: setup ## all of it, with a table of what was done (three hours or more)
	@tools/debian-packages apache2-bin apache2-utils iproute2 openssl procps rpm strace
	pytest tests/httpd/reliability --numprocesses=3 --dist=load --maxschedchunk=1 --full $(ARGS)

bench: setup ## speed, side by side with what one would use instead: a table (make bench ARGS='--help')
	@tools/debian-packages apache2-bin apache2-utils curl procps
	PYTHONPATH=.build/collections python -m $(collection).tests.bench $(ARGS)

browser: setup ## the report and the demo's page in a real browser, without a screen
	@tools/debian-packages chromium fonts-dejavu-core apache2-bin procps
	pytest tests/browser $(ARGS)

report-image: setup ## the picture of the report in docs/images, made anew
	@tools/debian-packages chromium fonts-dejavu-core
	pytest tests/browser/test_report.py -k picture
	cp .build/browser/report.png docs/images/report.png

sanity: setup ## ansible-test sanity
	@tools/sanity $(ARGS)

integration: setup ## ansible-test integration: the modules on private httpds
	@tools/debian-packages apache2-bin apache2-utils openssl openssh-client procps
	@tools/integration $(ARGS)

molecule: setup ## role and playbooks in containers
	@tools/molecule default live_changes

molecule-all: setup
	@tools/molecule --all

format: setup ## let ruff format the code
	ruff format .
	ruff check --fix .

setup:
	@tools/venv dev
	@tools/collection link

clean: ## end what was started here and remove .build
	@tools/demo stop
	@tools/engine stop
	rm -rf .build
