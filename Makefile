# SPDX-License-Identifier: Apache-2.0
#
# make demo [DATA=dir]   see the service at work on real files
# make test              everything the tests need, unit tests, and the
#                        functional ones that take ten minutes together
# make test-long         the other functional tests, and beside them all those
#                        with a real Manila: for every night
#
# make venv              .venv/ with the service and the command line clients
# make unit              unit tests only: no server needed
# make coverage          the unit tests, and which lines they ran: in cover/
# make test-manila       the tests beside a real Manila; test-manila-short
#                        leaves out those that take long
# make test-galera       the service on a Galera cluster of three servers
# make test-cephfs       the drivers on a Ceph cluster of one host, which it
#                        starts; as root
# make test-ganesha      shares that NFS-Ganesha exports while they are backed
#                        up and restored; as root
# make ui-test           the pages in a real browser; PICTURES=DIR takes the
#                        documentation's pictures of them
# make dashboard-test    the panels in a real Horizon; PICTURES=DIR as above
# make heat-test         the resources in Heat's own engine
# make tempest           manila-tempest-plugin's tests of share backups
# make client-functional python-manilaclient's tests of share backups
# make devstack-harness  DevStack's plugin at work on this machine, without
#                        DevStack, and tempest against what it has deployed
# make soak              the service under load while all around it dies;
#                        MINUTES=10, SEED=n, DRIVER=posix|restic,
#                        DATABASE=mysql|postgresql|galera; then policies
#                        with DEATHS=12 workers that die
# make openapi           what /v2/openapi.json allows and forbids, tried in all
#                        versions; EXAMPLES=50, SEED=n
# make fidelity          generated, large and hostile shares on ext4, xfs and
#                        btrfs; EXAMPLES=300, SECONDS=60
# make keystone, manila, dashboard, heat  what the tests run as Keystone, Manila,
#                        Horizon and Heat
# make restic            a restic that is new enough, whatever the machine has
# make environments      what the tests run in; with -j, side by side
# make constraints       the newest versions of what gets installed, into
#                        constraints.txt
# make lint              style and static checks
# make lint-deploy       checks of the roles and the chart in deploy
# make docs, api-ref     the documentation as HTML
# make api-samples       the API reference's samples, from a running service
# make dashboard-policies  what Horizon knows of the rules, from the service
# make bench             a benchmark: NAME=copy, changed, latency, courtesy,
#                        restic, files, callers, api, operations, policies,
#                        pages or embedded; BENCH=... are its arguments
# make recovery-drill    the database lost, and made again from repositories:
#                        posix, nfs, and restic on S3
# make upgrade-drill     from the oldest release to this one, process by process,
#                        with a hundred backups being made
# make region-drill      all lost but the repositories; restored elsewhere
# make availability-drill  APIs behind HAProxy, and clusters of the others, of
#                        which each is killed while backups are asked for
# make dist              a release of the last commit, in dist/: see "Releases"
#                        in the contributor's guide; EXTRAS=mysql,... that can
#                        be installed from it without an index
# make test-dist         the same, installed from there and looked at
# make deb               Debian packages of it, in dist/debian; installs what
#                        they are built with, which comes from Debian
# make test-deb          the same, installed in a Debian of its own and used as
#                        "One host" in the administrator's guide says; as root
# make clean             remove what the other targets made
#
# PYTHON=... names the interpreter (3.10 or newer); without it the newest
# suitable one on the machine is taken. CONSTRAINTS=file names the versions to
# install (constraints.txt); CONSTRAINTS= takes the newest ones.

SHELL = /bin/sh
PYTHON ?=
VENV = .venv
TOOLS = .tools
RESULTS = .stestr

# pbr takes the version from git. Without git, or in a copy without history,
# it needs to be told one.
export PBR_VERSION ?= $(shell git rev-parse -q --verify HEAD >/dev/null 2>&1 \
	|| sed -n 's/^version = //p' setup.cfg)
ifeq ($(strip $(PBR_VERSION)),)
unexport PBR_VERSION
endif

# Empty: the newest versions that requirements.txt and its like allow.
CONSTRAINTS = constraints.txt
export CONSTRAINTS

# Which benchmark.
NAME = copy

# What "make test" runs at once.
SUITES = short+unit

# What a release can be installed with.
EXTRAS = mysql,postgresql,manila,castellan

export PIP_DISABLE_PIP_VERSION_CHECK = 1
export PIP_NO_PYTHON_VERSION_WARNING = 1

.PHONY: help venv demo test unit coverage functional lint docs api-ref \
	api-samples bench clean openapi ui-test \
	services keystone manila restic dashboard dashboard-test heat heat-test \
	dashboard-policies test-manila test-manila-short tempest \
	client-functional devstack-harness soak \
	fidelity test-long test-galera test-cephfs test-ganesha environments \
	constraints FORCE \
	dist test-dist deb test-deb \
	recovery-drill upgrade-drill region-drill availability-drill lint-deploy

help:
	@sed -n '/^# make/,/^$$/s/^# \{0,1\}//p' Makefile

venv: $(VENV)/.stamp

# Which versions the environments were made with: a change of CONSTRAINTS makes
# them anew.
CONSTRAINED = .tox/.constraints

$(CONSTRAINED): FORCE
	@mkdir -p $(@D)
	@echo '$(CONSTRAINTS)' | cmp -s - $@ || echo '$(CONSTRAINTS)' >$@

FORCE:

# Each stamp is newer than whatever decides what gets installed; the code
# itself is installed in place and needs no second installation.
MADE_BY = tools/make-venv tools/install tools/uv tools/pip_settings.py \
	$(CONSTRAINTS) $(CONSTRAINED)

# With uv, which makes all others.
$(TOOLS)/.stamp: tools/requirements.txt $(MADE_BY)
	tools/make-venv $(TOOLS) tools/requirements.txt "$(PYTHON)"
	@touch $@

$(VENV)/.stamp: setup.cfg setup.py pyproject.toml requirements.txt \
		$(MADE_BY) | $(TOOLS)/.stamp
	tools/make-venv $(VENV) '.[mysql,postgresql,clients,manila]' "$(PYTHON)"
	@touch $@

# Below the tools' environment, and gone when that is made anew.
$(TOOLS)/keystone/.stamp: tools/keystone-requirements.txt $(TOOLS)/.stamp
	tools/make-venv $(TOOLS)/keystone tools/keystone-requirements.txt \
		"$(PYTHON)"
	@touch $@

$(TOOLS)/manila/.stamp: tools/manila-requirements.txt $(TOOLS)/.stamp
	tools/make-venv $(TOOLS)/manila tools/manila-requirements.txt \
		"$(PYTHON)"
	@touch $@

$(TOOLS)/dashboard/.stamp: tools/dashboard-requirements.txt $(TOOLS)/.stamp
	tools/make-venv $(TOOLS)/dashboard tools/dashboard-requirements.txt \
		"$(PYTHON)"
	@touch $@

# With the resources, as entry points are found only of what is installed.
$(TOOLS)/heat/.stamp: tools/heat-requirements.txt heat/pyproject.toml \
		heat/requirements.txt clients/pyproject.toml \
		clients/requirements.txt $(TOOLS)/.stamp
	tools/make-venv $(TOOLS)/heat tools/heat-requirements.txt "$(PYTHON)"
	tools/install $(TOOLS)/heat/bin/python -e ./clients -e ./heat
	@touch $@

$(TOOLS)/suites/.stamp: tools/make-suites tools/suites-requirements.txt \
		$(TOOLS)/.stamp
	tools/make-suites $(TOOLS)/suites "$(PYTHON)"
	@touch $@

# What tox would make by itself, but not for other versions than those that it
# has found before.
.tox/.made-%: tox.ini setup.cfg setup.py pyproject.toml requirements.txt \
		test-requirements.txt $(TOOLS)/.stamp
	@echo "Making .tox/$* ..."
	@$(TOOLS)/bin/tox run -qq -r -e $* --notest
	@touch $@

# With "make -j", beside each other.
environments: .tox/.made-functional .tox/.made-pep8 keystone manila restic

constraints: $(TOOLS)/.stamp
	tools/make-constraints constraints.txt

# On a machine that has nothing yet, this is what it takes.
demo:
	@test -e $(VENV)/.stamp || echo 'This installs the service into $(VENV)' \
		'first, from a package index: about 250 MB. No root is needed.'
	@$(MAKE) --no-print-directory $(VENV)/.stamp
	@$(VENV)/bin/python -B tools/demo $(if $(DATA),--data "$(DATA)")

services: restic
	tools/servers.sh

keystone: $(TOOLS)/keystone/.stamp

manila: $(TOOLS)/manila/.stamp

dashboard: $(TOOLS)/dashboard/.stamp

heat: $(TOOLS)/heat/.stamp

# The tests look there first (tests/__init__.py).
restic: $(TOOLS)/restic/restic

$(TOOLS)/restic/restic: tools/make-restic | $(TOOLS)/.stamp
	tools/make-restic $(TOOLS)/restic

# Functional tests wait a good part of the time, which the unit tests can use;
# and those beside a Manila most of it.
test: .tox/.made-functional keystone services \
		$(if $(findstring manila,$(SUITES)),manila)
	tools/run-tests $(TOOLS) $(RESULTS) $(SUITES)

# Both of them wait most of the time, and beside each other take as long as one.
test-long: .tox/.made-functional keystone manila services
	tools/run-tests $(TOOLS) $(RESULTS) long+manila

unit: .tox/.made-functional
	tools/run-tests $(TOOLS) $(RESULTS) unit

coverage: $(TOOLS)/.stamp
	$(TOOLS)/bin/tox run -qq -e cover

functional: .tox/.made-functional keystone services
	tools/run-tests $(TOOLS) $(RESULTS) functional

test-galera: .tox/.made-functional services
	tools/run-tests $(TOOLS) $(RESULTS) galera

# Their packages are those of profiles of their own.
test-cephfs test-ganesha: .tox/.made-functional
	tools/servers.sh $(@:test-%=%)
	tools/run-tests $(TOOLS) $(RESULTS) $(@:test-%=%)

test-manila test-manila-short: .tox/.made-functional keystone manila services
	tools/run-tests $(TOOLS) $(RESULTS) $(@:test-%=%)

ui-test: .tox/.made-functional keystone services
	MANILA_BACKUP_TEST_PICTURES=$(abspath $(PICTURES)) \
		$(TOOLS)/bin/tox run -qq -e functional -- test_pages

dashboard-test: .tox/.made-functional keystone manila dashboard services
	MANILA_BACKUP_TEST_SUITE=dashboard MANILA_BACKUP_TEST_RESULTS=dashboard \
		MANILA_BACKUP_TEST_CONCURRENCY=1 \
		MANILA_BACKUP_TEST_PICTURES=$(abspath $(PICTURES)) \
		$(TOOLS)/bin/tox run -qq --skip-pkg-install -e functional

heat-test: .tox/.made-functional keystone heat services
	MANILA_BACKUP_TEST_SUITE=heat MANILA_BACKUP_TEST_RESULTS=heat \
		MANILA_BACKUP_TEST_CONCURRENCY=1 \
		$(TOOLS)/bin/tox run -qq --skip-pkg-install -e functional

dashboard-policies: .tox/.made-functional
	.tox/functional/bin/python tools/dashboard_policies.py \
		dashboard/manila_backup_dashboard/conf/default_policy.yaml

tempest client-functional: keystone $(TOOLS)/suites/.stamp services
	$(TOOLS)/bin/tox run -qq -e suites -- $@

devstack-harness: keystone $(TOOLS)/suites/.stamp
	tools/servers.sh devstack
	$(TOOLS)/bin/tox run -qq -e devstack

# Of what "make test" tries with some requests in some versions.
openapi: .tox/.made-functional services
	MANILA_BACKUP_TEST_EXAMPLES=$(or $(EXAMPLES),50) \
	$(if $(SEED),MANILA_BACKUP_TEST_SEED=$(SEED)) \
	OS_TEST_TIMEOUT=3600 $(TOOLS)/bin/tox run -qq --skip-pkg-install \
		-e functional -- test_openapi

# Its servers are its own, but made from the same packages. Policies run beside
# dying workers on those of the functional tests, longer than there.
soak: .tox/.made-functional services
	$(TOOLS)/bin/tox run -qq -e soak -- --minutes $(or $(MINUTES),10) \
		$(if $(SEED),--seed $(SEED)) \
		--database $(or $(DATABASE),mysql) --driver $(or $(DRIVER),posix)
	MANILA_BACKUP_TEST_DEATHS=$(or $(DEATHS),12) OS_TEST_TIMEOUT=3600 \
		$(TOOLS)/bin/tox run -qq --skip-pkg-install -e functional -- \
		tests.functional.test_policies

# What makes filesystems comes with the servers' packages.
fidelity: $(TOOLS)/.stamp services
	MANILA_BACKUP_TEST_EXAMPLES=$(or $(EXAMPLES),300) \
	MANILA_BACKUP_TEST_SECONDS=$(or $(SECONDS),60) \
		$(TOOLS)/bin/tox run -qq -e fidelity

lint: .tox/.made-pep8
	$(TOOLS)/bin/tox run -q -e pep8

lint-deploy: $(TOOLS)/.stamp
	$(TOOLS)/bin/tox run -q -e deploy

docs: $(TOOLS)/.stamp
	$(TOOLS)/bin/tox run -q -e docs
	@echo "doc/build/html/index.html"

api-ref: $(TOOLS)/.stamp
	$(TOOLS)/bin/tox run -q -e api-ref
	@echo "api-ref/build/html/index.html"

api-samples: $(VENV)/.stamp
	$(VENV)/bin/python -B tools/api_samples.py

# What it is beside comes with packages of a profile of its own, and two of them
# are beside a Manila.
bench: .tox/.made-functional restic \
		$(if $(filter api operations,$(NAME)),$(TOOLS)/manila/.stamp)
	tools/servers.sh bench
	PATH="$(CURDIR)/.tox/functional/bin:$(CURDIR)/$(TOOLS)/restic:$$PATH" \
		.tox/functional/bin/python benchmarks/$(NAME).py $(BENCH)

recovery-drill upgrade-drill region-drill availability-drill: .tox/.made-functional services
	MANILA_BACKUP_TEST_SUITE=drills MANILA_BACKUP_TEST_RESULTS=drills \
	MANILA_BACKUP_TEST_CONCURRENCY=1 \
	OS_TEST_TIMEOUT=3600 $(TOOLS)/bin/tox run -qq --skip-pkg-install \
		-e functional -- test_$(@:-drill=)

dist: $(TOOLS)/.stamp
	$(TOOLS)/bin/python tools/dist.py dist $(EXTRAS)

test-dist: dist
	$(TOOLS)/bin/python tools/try_dist.py dist

deb: dist
	tools/servers.sh --packages deb
	tools/make-deb dist dist/debian

# Of what is built already: make deb test-deb
test-deb: .tox/.made-functional
	tools/servers.sh --packages deb
	.tox/functional/bin/python -m tests.packages dist/debian \
		$(TOOLS)/debian

clean:
	rm -rf $(VENV) $(TOOLS) $(RESULTS) .tox .mypy_cache .ruff_cache build dist \
		cover .coverage doc/build api-ref/build releasenotes/build \
		*.egg-info AUTHORS ChangeLog etc/manila-backup/*.sample
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
