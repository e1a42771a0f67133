# The one interface. `make help` lists what it can do.
PYTHON ?= python3
PORT   ?= 4566
STACK  ?= SegmentPersonalizeWorkshop

SBOM   ?= dist

EVENT_TEMPLATE := dist/segment-personalize-workshop.template.json

export PATH := $(CURDIR)/.venv/bin:$(CURDIR)/node_modules/.bin:$(PATH)
unexport PYTHONDONTWRITEBYTECODE
LOCAL := AWS_ENDPOINT_URL=http://127.0.0.1:$(PORT) .venv/bin/python -m workshop

.DEFAULT_GOAL := help
.PHONY: help setup up down status test test-slow lint synth event-template event-package diagrams acknowledgements audit sbom bench \
  deploy destroy lock clean

help: ## Say what there is
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

setup: .venv/installed node_modules/installed ## Install what everything needs, in this folder only

.venv/installed: requirements-dev.txt
	@[ ! -L .venv ] || { echo ".venv is a link: installing would empty another checkout's; run make there"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed, and $(PYTHON) is not: make setup PYTHON=python3.12"; exit 1; }
	@echo "Installing the Python requirements into .venv (1 to 2 minutes)"
	@$(PYTHON) -m venv --clear .venv
	@.venv/bin/pip install -qq --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

node_modules/installed: package-lock.json | .venv/installed
	@echo "Installing the CDK CLI into node_modules"
	@npm ci --silent --no-audit --no-fund
	@touch $@

up: setup ## Do the whole exercise on an embedded AWS: deploy, query, run the job, verify, report
	@$(LOCAL) up --stack $(STACK)

down: setup ## Destroy it, prove that nothing is left, stop the embedded AWS
	@$(LOCAL) down --stack $(STACK)

status: setup ## Say what runs on the embedded AWS
	@$(LOCAL) status --stack $(STACK)

# Checkov pins versions of what the project needs itself, so it has an environment of its own.
.venv/checkov/installed: requirements-checkov.txt | .venv/installed
	@echo "Installing Checkov into .venv/checkov"
	@$(PYTHON) -m venv --clear .venv/checkov
	@.venv/checkov/bin/pip install -qq --disable-pip-version-check --require-hashes -r requirements-checkov.txt
	@touch $@

# Files in the order of their folders: those from end to end, which take longest, come first.
PYTEST := python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

test: setup .venv/checkov/installed ## Run the tests
	@$(PYTEST)

test-slow: setup .venv/checkov/installed ## Run the tests that take minutes
	@$(PYTEST) -m slow

lint: setup synth event-template ## Check style, types, the template against its schemas, and the security rules
	@ruff check .
	@ruff format --check .
	@mypy
	@cfn-lint --regions $$(python -c 'from stacks.config import REGIONS; print(*REGIONS)') \
	  --template cdk.out/*.template.json $(EVENT_TEMPLATE)

synth: setup ## Write the CloudFormation template to cdk.out/, held against cdk-nag's rules
	@cdk synth --quiet --no-notices

event-template: setup ## Write the one file for events to dist/: no bootstrap, no assets
	@cdk synth --quiet --no-notices --context target=event --output build/event \
	  --context stackName=$(STACK)
	@python -m stacks.event_template build/event/$(STACK).template.json $(EVENT_TEMPLATE)

event-package: event-template ## Write the package for AWS Workshop Studio to dist/, with its zip
	@python -m stacks.event_package $(EVENT_TEMPLATE) dist/workshop-studio

diagrams: setup ## Draw docs/diagrams/*.svg from the .d2 files beside them
	@npm ci --silent --no-audit --no-fund --prefix docs/diagrams
	@cd docs/diagrams && node render.mjs

acknowledgements: setup ## Write docs/acknowledgements.md: what the security rules find and why it stays
	@python -m stacks.acknowledgements_page docs/acknowledgements.md

audit: setup ## Ask the vulnerability databases about every pinned dependency
	@pip-audit --strict --disable-pip --require-hashes --progress-spinner off -r requirements-dev.txt \
	  || { echo "pip-audit: see above: vulnerabilities, or its database could not be asked"; exit 1; }
	@npm audit || { echo "npm audit: see above: vulnerabilities, or its database could not be asked"; exit 1; }

sbom: setup ## Write the bill of materials of a release, CycloneDX, to dist/sbom-*.json
	@mkdir -p $(SBOM)
	@cyclonedx-py requirements requirements.txt --pyproject pyproject.toml --output-reproducible \
	  --of JSON --output-file $(SBOM)/sbom-python.json
	@npm sbom --sbom-format cyclonedx --package-lock-only > $(SBOM)/sbom-node.json
	@echo "$(SBOM)/sbom-python.json and $(SBOM)/sbom-node.json"

bench: setup ## Measure the job beside other ways to do its work: tables, JSON and a plot in build/bench
	@python -m bench

deploy: setup ## Deploy to your AWS account (cdk deploy)
	@env -u AWS_ENDPOINT_URL cdk deploy --context stackName=$(STACK)

destroy: setup ## Remove it from your AWS account, and prove that nothing is left
	@env -u AWS_ENDPOINT_URL .venv/bin/python -m workshop down --stack $(STACK)

lock: setup ## Pin every transitive dependency of pyproject.toml and package.json
	@uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
	  --no-header pyproject.toml --output-file requirements.txt
	@uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
	  --no-header pyproject.toml --group dev --output-file requirements-dev.txt
	@uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
	  --no-header --group checkov --output-file requirements-checkov.txt
	@npm install --package-lock-only --silent

clean: ## Stop the embedded AWS, drop all that is in it, and delete what was built
	@[ ! -x .venv/bin/python ] || .venv/bin/python -m workshop.local.server --stop build/local
	@rm -rf build cdk.out dist
