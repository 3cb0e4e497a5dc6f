# Two commands do everything: `make demo` and `make test`. Each sets up its own environment first.
PYTHON ?= python3.11
ENVIRONMENT ?= .venv
BIN = $(ENVIRONMENT)/bin
PIP = $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt

.PHONY: demo test browser-files quality lock lowest clean

demo: $(ENVIRONMENT)/installed
	$(BIN)/alm90 init demo --example plateau --existing
	$(BIN)/alm90 run demo

test: $(ENVIRONMENT)/installed-test browser-files
	$(BIN)/python -m pytest --numprocesses 2 --dist worksteal

# Copies of what folium's pages load from the internet, for tests in a browser, which has none.
# Without npm (or Chromium) those tests are skipped, and say so.
browser-files:
	@if test tests/browser/node_modules/made -nt tests/browser/package.json; then :; \
	elif ! command -v npm > /dev/null; then echo "npm is not here: some tests are skipped"; \
	else cd tests/browser && npm install --no-package-lock --no-audit --no-fund --loglevel=error \
		&& touch node_modules/made || echo "npm fetched nothing: some tests are skipped"; fi

quality: $(ENVIRONMENT)/installed-quality
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy
	$(BIN)/deptry .

# Pins for Python 3.11, resolved together; no index address is written.
lock:
	rm -rf .lock && $(PYTHON) -m venv .lock
	.lock/bin/python -m pip --disable-pip-version-check install --quiet ".[test,quality,view,cluster]"
	.lock/bin/python -m pip freeze --exclude alm90 > constraints.txt
	rm -rf .lock

# Holds the lower bounds of pyproject.toml: tests of what each library is used for, with the oldest
# versions that are allowed. Those are resolved anew, by uv. What old versions say against newer ones
# of what they use themselves, or of the end of Python 3.11, is no fault.
LOWEST_TESTS ?= tests/gee/session tests/gee/local tests/local_ml/forest tests/local_ml/sites \
	tests/local_ml/learning/test_learners.py tests/local_ml/learning/test_forest_shap.py \
	tests/export/rasters tests/export/map tests/export/report tests/export/study \
	tests/export/view tests/export/cluster tests/export/covariates/test_region_mask.py \
	tests/export/test_wheel.py tests/end_to_end/test_field_table.py
lowest:
	rm -rf .lowest && $(PYTHON) -m venv .lowest
	.lowest/bin/python -m pip --disable-pip-version-check install --quiet uv
	.lowest/bin/uv pip compile --quiet --resolution lowest-direct --extra test --extra view \
		--extra cluster --python .lowest/bin/python --output-file .lowest/versions.txt pyproject.toml
	.lowest/bin/uv pip install --quiet --python .lowest/bin/python \
		--requirement .lowest/versions.txt
	.lowest/bin/uv pip install --quiet --python .lowest/bin/python --no-deps --editable .
	.lowest/bin/python -m pytest --numprocesses 2 --dist worksteal \
		-W ignore::DeprecationWarning -W ignore::PendingDeprecationWarning \
		-W "ignore:You are using a Python version:FutureWarning" $(LOWEST_TESTS)

clean:
	rm -rf $(ENVIRONMENT) .lowest demo

$(ENVIRONMENT)/bin/python:
	$(PYTHON) -m venv $(ENVIRONMENT)

$(ENVIRONMENT)/installed: $(ENVIRONMENT)/bin/python pyproject.toml constraints.txt
	@echo "Installing alm90 into $(ENVIRONMENT) (some minutes the first time)"
	$(PIP) --editable .
	touch $@

$(ENVIRONMENT)/installed-test: $(ENVIRONMENT)/installed
	$(PIP) --editable ".[test,view]"
	touch $@

$(ENVIRONMENT)/installed-quality: $(ENVIRONMENT)/installed-test
	$(PIP) --editable ".[test,quality,view]"
	touch $@
