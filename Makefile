# Latent Space and Control. The two commands: `make read` and `make test`. `make help` lists the rest.

PYTHON ?= python3
PORT ?= 8000
BIN := .venv/bin
BOOK := _build/html/.complete
NOTEBOOKS := $(sort $(shell find notebooks -maxdepth 1 -name '[0-9][0-9]_*.ipynb' ! -name '*[- ]*'))
# Names with a space are a file manager's copies; make could not even say them.
BOOK_SOURCES := $(sort $(shell find book notebooks course_utils/models/weights \
	\( -name '* *' -o -name __pycache__ -o -name .ipynb_checkpoints -o -name .DS_Store \) -prune -o -type f -print)) \
	course_utils/measure/budgets.json \
	_config.yml _toc.yml CHANGELOG.md constraints.txt scripts/build.py

# Nothing here asks a hub. Where numbers are compared, one thread: sums come out in the same order on every machine.
export OMP_WAIT_POLICY ?= PASSIVE
export HF_HUB_OFFLINE := 1
# glibc hands large blocks back to the kernel and asks for them again, convolution for convolution; kept, a third is saved.
export MALLOC_MMAP_THRESHOLD_ ?= 1000000000
export MALLOC_TRIM_THRESHOLD_ ?= 4000000000
unit notebooks-test browser-test notebooks picture: export OMP_NUM_THREADS := 1
# What is committed is of the course's own models, whatever the shell is set to.
unexport COURSE_SCALE COURSE_CPU

.DEFAULT_GOAL := help
.PHONY: help read book test lint types unit notebooks-test browser-test test-hub test-colab test-gradescope links notebooks train train-smoke sweeps exercises picture bench vendor clean install install-book

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1|/' | \
		while IFS='|' read -r name text; do printf '  make %-15s %s\n' "$$name" "$$text"; done

read: book  ## build the book and serve it on http://localhost:8000 (or the next free port)
	@exec $(BIN)/python scripts/serve.py --port $(PORT)

book: install-book  ## build the book into _build/html, warnings are errors
	@$(MAKE) --no-print-directory --silent $(BOOK)

$(BOOK): $(BOOK_SOURCES)
	@$(BIN)/python scripts/build.py
	@echo $(BOOK_SOURCES) > $@

# A source that went leaves no newer file behind: the book keeps the names of what it was built from.
ifneq ($(strip $(BOOK_SOURCES)),$(strip $(shell cat $(BOOK) 2>/dev/null)))
.PHONY: $(BOOK)
endif

test: install  ## check everything: style, types, units, notebooks, book, browser; one thread each, two at a time
	@$(MAKE) --no-print-directory -j 2 lint types book unit notebooks-test browser-test

lint: install  ## style (ruff)
	$(BIN)/ruff check .

types: install  ## types (mypy)
	$(BIN)/mypy

unit: install book  ## everything that needs no browser, with coverage
	$(BIN)/python -m pytest -m "not browser" --cov --cov-report=term --cov-fail-under=90

notebooks-test: install  ## every cell again, compared with what is committed
	$(BIN)/python -m pytest -p tests.nbval_pictures --nbval \
		--nbval-sanitize-with tests/nbval.cfg $(NOTEBOOKS)

browser-test: install book  ## only the part of the tests that opens the book in a browser
	$(BIN)/python -m pytest -m browser tests/book

test-hub: install  ## fetching and loading at every scale, and all notebooks at sd15, against a hub on this machine
	COURSE_HUB=all $(BIN)/python -m pytest tests/hub

test-colab: install-book  ## the notebooks in environments with Colab's versions (heavy: several GB for each Python)
	@for version in 3.13 3.12 3.11; do $(BIN)/python scripts/colab.py $$version || exit 1; done

links: install-book  ## do the links to the outside still lead somewhere? (needs a network)
	$(BIN)/jupyter-book build . --builder linkcheck -q

notebooks: install  ## execute all notebooks again, in place
	$(BIN)/python scripts/notebooks.py

exercises: install  ## the exercises' notebooks from their sources; otter's autograders into dist/exercises
	$(BIN)/python scripts/exercises.py --package dist/exercises

test-gradescope: exercises  ## grade with each package as Gradescope does, without its image
	$(BIN)/python scripts/gradescope.py dist/exercises

train: install  ## train the embedded models again (hours on two cores; goes on where it stopped, skips what is done)
	$(BIN)/python -m course_utils.train.all

train-smoke: install  ## a few steps of every training, in a temporary folder
	$(BIN)/python -m course_utils.train.all --smoke

sweeps: install  ## measurements too slow for a notebook, where missing or older than the weights
	$(BIN)/python -m course_utils.measure sweeps

picture: install  ## draw the front page's picture again
	$(BIN)/python scripts/front_picture.py

bench: install  ## what things cost on this machine, side by side
	$(BIN)/python scripts/bench.py

vendor:  ## fetch the pinned scripts and fonts of the book again (needs npm)
	$(PYTHON) scripts/vendor.py

clean:  ## remove the built book and the tools' caches (keeps .venv)
	rm -rf _build build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .coverage htmlcov

install-book:
	@$(PYTHON) scripts/bootstrap.py book

install:  ## install everything the course uses into .venv (torch included)
	@$(PYTHON) scripts/bootstrap.py all
