# make demo   the main job in a simulated park, ending with a page to look at
# make test   everything that CI checks
# make bench  speed and memory, written to docs/benchmarks.md
# Each makes .venv first where there is none.

BIN := .venv/bin
export PYTHONUNBUFFERED := 1

.PHONY: demo test bench setup lint types unit clean

demo: setup
	$(BIN)/parkwatch demo

test: lint types unit

lint: setup
	@echo "==> ruff"
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: setup
	@echo "==> mypy"
	$(BIN)/mypy

unit: setup
	@echo "==> pytest"
	$(BIN)/pytest -n 2 -m "not benchmark" $(PYTEST_ARGS)

bench: setup
	$(BIN)/python -m tests.benchmarks.run

setup:
	@scripts/setup.sh

clean:
	rm -rf demo-out build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
