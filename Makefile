# The one interface. `make help` lists what it can do.
PYTHON ?= python3
PORT   ?= 4566
STACK  ?= SegmentPersonalizeWorkshop
SBOM   ?= dist

# These four can be set, and no others: `make destroy STAK=Second` must not destroy the default.
override SETTABLE := PORT PYTHON SBOM STACK
override UNKNOWN := $(filter-out $(SETTABLE),$(foreach name,$(.VARIABLES),\
  $(if $(findstring command line,$(origin $(name))),$(name))))
$(if $(UNKNOWN),$(error You can set $(SETTABLE), not $(UNKNOWN)))

# A value must never become make's or the shell's own text. `value` keeps make from expanding it;
# PORT and STACK are checked, the two paths reach their commands in the environment.
override PORT   := $(value PORT)
override PYTHON := $(value PYTHON)
override SBOM   := $(value SBOM)
override STACK  := $(value STACK)
export PYTHON SBOM

override DIGITS  := 0 1 2 3 4 5 6 7 8 9
override LETTERS := a b c d e f g h i j k l m n o p q r s t u v w x y z \
  A B C D E F G H I J K L M N O P Q R S T U V W X Y Z
# $(call without,CHARACTERS,TEXT): the text without these characters.
override without = $(if $(1),$(call without,$(wordlist 2,99,$(1)),$(subst $(firstword $(1)),,$(2))),$(2))
override PORT_RULE := PORT must be a number from 1 to 65535
override STACK_RULE := STACK must be a letter, then up to 127 letters, digits and hyphens
$(if $(call without,$(DIGITS),$(PORT)),$(error $(PORT_RULE)))
$(if $(shell [ 0$(PORT) -ge 1 ] && [ 0$(PORT) -le 65535 ] && echo valid),,$(error $(PORT_RULE)))
$(if $(call without,$(LETTERS) $(DIGITS) -,$(STACK)),$(error $(STACK_RULE)))
$(if $(filter $(addsuffix %,$(LETTERS)),$(STACK)),,$(error $(STACK_RULE)))
$(if $(shell [ `printf %s $(STACK) | wc -c` -le 128 ] && echo valid),,$(error $(STACK_RULE)))

# Made here alone, whatever the environment says (`make -e`).
override EVENT_TEMPLATE := dist/segment-personalize-workshop.template.json
override LOCAL_AWS := AWS_ENDPOINT_URL=http://127.0.0.1:$(PORT)
override LOCAL := $(LOCAL_AWS) .venv/bin/python -m workshop
# Installs what is locked: see there.
override INSTALL := "$$PYTHON" install.py
override QUICK_START := .venv/bin/python -m embedded_aws.quick_start
override EXPORT := uv export --frozen --quiet --no-annotate --no-header
override NPM_CI := npm ci --loglevel=error --no-audit --no-fund --ignore-scripts

# The programs of this folder come first.
override PATH := $(abspath .venv/bin):$(abspath node_modules/.bin):$(value PATH)
export PATH
unexport PYTHONDONTWRITEBYTECODE
# The CDK CLI reports nothing, asks for no newer version, and keeps its cache here.
export CDK_DISABLE_CLI_TELEMETRY := true
export CDK_DISABLE_VERSION_CHECK := true
export CDK_HOME := $(abspath build/cdk)

.DEFAULT_GOAL := help
.PHONY: help setup setup-deploy setup-test setup-docs up down status console pictures test test-slow lint synth event-template event-package docs diagrams acknowledgements \
  audit sbom bench python deploy destroy lock clean

help: ## Show this list
	@grep -E '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 26

setup: python ## Install what everything needs, in this folder only
	@$(INSTALL) develop
	@$(QUICK_START)

setup-deploy: python ## Install only what deploying to AWS needs
	@$(INSTALL) deploy

setup-test: python
	@$(INSTALL) test
	@$(QUICK_START)

setup-docs: python
	@$(INSTALL) docs

python:
	@"$$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "PYTHON must be the name or the path of Python 3.11 or newer: make setup PYTHON=python3.12"; exit 1; }

up: setup ## Do the whole exercise on an embedded AWS: deploy, query, run the job, verify, report
	@$(LOCAL) up --stack $(STACK)

down: setup ## Destroy it, prove that nothing is left, stop the embedded AWS
	@$(LOCAL) down --yes --stack $(STACK)

status: setup ## Show what runs on the embedded AWS
	@$(LOCAL) status --stack $(STACK)

console: setup ## Do the exercise in a browser, on an embedded AWS; make up first when none runs
	@$(LOCAL) status --stack $(STACK) > /dev/null 2>&1 || $(LOCAL) up --stack $(STACK)
	@$(LOCAL) console --stack $(STACK)

# In the order of their folders: tests from end to end, which take longest, come first.
override PYTEST := python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

test: setup ## Run the tests that take five minutes together
	@$(PYTEST)

test-slow: setup-test setup-docs ## Run the others: in a browser, on a cluster, with runs that are killed, with other clients
	@$(PYTEST) -m slow

lint: setup synth event-template ## Check style, spelling, types, workflows, and the template against its schemas and the security rules
	@ruff check .
	@ruff format --check .
	@codespell
	@check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	@check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
	@zizmor --offline --no-progress --quiet .github
	@mypy
	@uv lock --check --offline --quiet
	@cfn-lint --regions $$(python -c 'import boto3; print(*boto3.Session().get_available_regions("personalize"))') \
	  --template cdk.out/*.template.json $(EVENT_TEMPLATE)

synth: setup-deploy ## Write the CloudFormation template to cdk.out/, held against cdk-nag's rules
	@cdk synth --quiet --no-notices

event-template: setup-deploy ## Write the one file for events to dist/: no bootstrap, no assets
	@cdk synth --quiet --no-notices --context target=event --output build/event \
	  --context stackName=$(STACK)
	@python -m release.event_template build/event/$(STACK).template.json $(EVENT_TEMPLATE)

event-package: event-template ## Write the package for AWS Workshop Studio to dist/, with its zip
	@python -m release.event_package $(EVENT_TEMPLATE) dist/workshop-studio

docs: setup-docs ## Build the pages as a site in build/site; a broken link is an error
	@mkdir -p -m 700 build
	@NO_MKDOCS_2_WARNING=1 .venv/docs/bin/mkdocs build --strict --quiet
	@echo build/site/index.html

diagrams: setup ## Draw docs/diagrams/*.svg from the .d2 files beside them
	@$(NPM_CI) --prefix docs/diagrams
	@cd docs/diagrams && node render.mjs

pictures: setup ## Take the guide's pictures of the local console, on the embedded AWS, with Chromium
	@$(LOCAL) up --stack $(STACK)
	@$(LOCAL_AWS) python -m release.pictures docs/guide/pictures

acknowledgements: setup ## Write docs/acknowledgements.md: what the security rules find and why it stays
	@python -m release.acknowledgements_page docs/acknowledgements.md

audit: setup-test ## Ask the vulnerability databases about every pinned dependency
	@mkdir -p -m 700 build
	@$(EXPORT) --no-emit-project --group dev --output-file build/locked.txt
	@$(EXPORT) --only-group checkov --output-file build/locked-checkov.txt
	@$(EXPORT) --only-group docs --output-file build/locked-docs.txt
	@pip-audit --strict --disable-pip --require-hashes --progress-spinner off \
	  -r build/locked.txt -r build/locked-checkov.txt -r build/locked-docs.txt \
	  || { echo "pip-audit: see above: vulnerabilities, or its database could not be asked"; exit 1; }
	@npm audit || { echo "npm audit: see above: vulnerabilities, or its database could not be asked"; exit 1; }

sbom: setup ## Write the bill of materials of a release, CycloneDX, to dist/sbom-*.json
	@mkdir -p -- "$${SBOM:?must be a folder}"
	@cyclonedx-py requirements requirements.txt --pyproject pyproject.toml --output-reproducible \
	  --of JSON --output-file="$$SBOM/sbom-python.json"
	@npm sbom --sbom-format cyclonedx --package-lock-only > "$$SBOM/sbom-node.json"
	@printf '%s/sbom-python.json and %s/sbom-node.json\n' "$$SBOM" "$$SBOM"

bench: setup ## Measure the job beside other ways to do its work; samples go to build/bench
	@python -m bench

deploy: setup-deploy ## Deploy to your AWS account (cdk deploy)
	@[ "$$AWS_ACCESS_KEY_ID" != 111122223333 ] || \
	  { echo "This terminal has the key of the embedded AWS: open another one for AWS"; exit 1; }
	@env -u AWS_ENDPOINT_URL cdk deploy --context stackName=$(STACK)

destroy: setup-deploy ## Remove it from your AWS account, and prove that nothing is left
	@env -u AWS_ENDPOINT_URL .venv/bin/python -m workshop down --stack $(STACK)

lock: setup ## Pin every transitive dependency of pyproject.toml and package.json
	@uv lock --quiet
	@$(EXPORT) --no-default-groups --no-emit-project --output-file requirements.txt
	@$(EXPORT) --only-group setup --output-file requirements-uv.txt
	@npm install --package-lock-only --loglevel=error --no-audit --no-fund --ignore-scripts

clean: ## Stop the embedded AWS, drop all that is in it, and delete what was built
	@[ ! -x .venv/bin/python ] || .venv/bin/python -m embedded_aws.server --stop build/local
	@rm -rf build cdk.out dist
