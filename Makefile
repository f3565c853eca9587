# Two commands: `make lab` opens the course, `make test` tests it. Both make .venv on a fresh machine.
# Another Python: make PYTHON=python3.12 lab

PYTHON ?= python3
RUN = .venv/bin/

.PHONY: lab test install repair lint format claims verify release bench strip clean

lab:
	@$(PYTHON) bootstrap.py lab $(ARGS)

test:
	@$(PYTHON) bootstrap.py test $(ARGS)

install:
	@$(PYTHON) bootstrap.py install

# Makes .venv anew, whatever state it is in
repair:
	@$(PYTHON) bootstrap.py repair

lint: install
	$(RUN)ruff check .
	$(RUN)ruff format --check .
	$(RUN)mypy
	$(RUN)nbqa mypy notebooks
	[ ! -d solutions ] || $(RUN)nbqa mypy solutions

format: install
	$(RUN)ruff check --fix .
	$(RUN)ruff format .

# Ten seeds of every claim, into notebooks/claims.csv
claims: install
	$(RUN)python -m tests.notebooks

# Everything that takes too long for `make test`, where its files have changed; into tests/verified.json
verify: install
	$(RUN)python -m tests.verify $(ARGS)

# Students' versions of the assignments, from solutions/
release: install
	$(RUN)course release $(ARGS)

bench: install
	$(RUN)python -m benchmarks.mlp_step
	$(RUN)python -m benchmarks.demo_latency
	[ ! -d solutions ] || $(RUN)python -m benchmarks.grading --students 20 --profile --table benchmarks/grading.md

# Outputs do not belong into the repository
strip: install
	$(RUN)nbstripout notebooks/*.ipynb solutions/*/*.ipynb

clean:
	rm -rf .venv
