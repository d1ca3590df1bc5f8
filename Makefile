# `make help` lists what there is to do. Everything sets itself up first; a second run does not repeat that.

PYTHON ?= python3
VENV ?= .venv
TORCH ?= torch==2.13.0
TORCH_INDEX ?=
GOLDENS ?=
ARGS ?=
WORKERS ?= auto
COLCON_WORK ?= .work/colcon

PY := $(VENV)/bin/python
READY := $(VENV)/.ready
COLCON_VENV := $(COLCON_WORK)/venv
COLCON_READY := $(COLCON_VENV)/.ready
COLCON_SOURCES := CMakeLists.txt package.xml action config gptsovits_ros launch msg scripts srv test
# What is copied into the virtual environment, and so installed again when it changes. Python sources are read
# from here. Folders are listed too: their time changes when a file is added or removed.
INSTALLED := pyproject.toml setup.py setup.cfg package.xml $(wildcard requirements/*) \
	$(wildcard build_backend/* msg msg/* srv srv/* action action/* scripts/* resource/*/*) \
	$(wildcard interfaces/*/* interfaces/*/msg/* launch launch/* config config/* config/robots/*)

.PHONY: help demo test test-fast lint format bench parity build-colcon clean

help:
	@echo 'make demo          speak one sentence, from an empty machine'
	@echo 'make test          run all tests; ARGS="-k name" chooses'
	@echo 'make test-fast     run the tests that take seconds'
	@echo 'make lint          check style and formatting'
	@echo 'make format        put style and formatting right'
	@echo 'make bench         measure speed; ARGS are those of the benchmark'
	@echo 'make parity        compare with the official implementation: GOLDENS=folder'
	@echo 'make build-colcon  build as colcon does, with ROS from PyPI wheels (x86_64)'
	@echo 'make clean         remove what was built; the virtual environment stays'
	@echo
	@echo 'PYTHON=$(PYTHON)  VENV=$(VENV)  TORCH=$(TORCH)'
	@echo 'WORKERS=$(WORKERS) processes share the tests'
	@echo 'TORCH_INDEX=URL takes torch from another index, as https://download.pytorch.org/whl/cpu'

demo: $(READY)
	$(PY) scripts/demo.py --set-up '$(VENV)' $(ARGS)

# Several processes share the tests, and then one runs those that others would disturb. One thread each: more
# only wait for each other. pytest exits with 5 where ARGS chooses none; both must not.
PYTEST = \
	OMP_NUM_THREADS=1 $(PY) -m pytest -m '$(1)not alone' --numprocesses $(WORKERS) --dist loadfile $(ARGS); \
	shared=$$?; [ $$shared -eq 0 ] || [ $$shared -eq 5 ] || exit $$shared; \
	$(PY) -m pytest -m '$(1)alone' $(ARGS); \
	alone=$$?; [ $$alone -eq 5 ] && exit $$shared; exit $$alone

test: $(READY)
	$(call PYTEST)

test-fast: $(READY)
	$(call PYTEST,not slow and )

lint: $(READY)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .

format: $(READY)
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

bench: $(READY)
	$(PY) -m bench $(ARGS)

parity: $(READY)
	@test -n '$(GOLDENS)' || { echo 'say where the goldens are: make parity GOLDENS=folder'; exit 2; }
	$(VENV)/bin/gptsovits_ros parity $(GOLDENS) $(ARGS)

# torch first and alone: what it is taken from differs, and no later step then replaces it.
$(VENV)/.torch:
	@echo 'making $(VENV), which takes about a minute and 1.5 GB'
	@begun=$$(date +%s) && set -x && $(PYTHON) -m venv $(VENV) \
		&& $(PY) -m pip install --quiet $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) '$(TORCH)' \
		&& { set +x; } 2>/dev/null && echo $$(($$(date +%s) - begun)) > $@

# Both stamps hold how many seconds their step took; the demo tells.
$(READY): $(VENV)/.torch $(INSTALLED)
	@begun=$$(date +%s) && set -x && $(PY) -m pip install --quiet --editable '.[dev]' \
		&& { set +x; } 2>/dev/null && echo $$(($$(date +%s) - begun)) > $@

# A workspace of its own, with copies of the sources: CMake refuses include folders inside a source folder, so
# the environment must lie outside of it. The environment is its own too, since its wheels are altered: their
# CMake files name a folder of the machine that they were built on, and CMake refuses folders that are not there.
$(COLCON_READY): requirements/colcon.txt
	$(PYTHON) -m venv --clear $(COLCON_VENV)
	$(COLCON_VENV)/bin/python -m pip install --quiet --requirement $<
	grep -rlZ /opt/python $(COLCON_VENV)/share --include='*.cmake' \
		| xargs -0 sed -i -E 's#/opt/python/cp3[^";]*;?##g'
	@touch $@

build-colcon: $(COLCON_READY)
	rm -rf $(COLCON_WORK)/src
	mkdir -p $(COLCON_WORK)/src/gptsovits_ros
	cp -Rp $(COLCON_SOURCES) $(COLCON_WORK)/src/gptsovits_ros
	cp -Rp interfaces/audio_common_msgs $(COLCON_WORK)/src
	cd $(COLCON_WORK) && env -u PYTHONPATH -u LD_LIBRARY_PATH \
		PATH=$(abspath $(COLCON_VENV))/bin:"$$PATH" \
		AMENT_PREFIX_PATH=$(abspath $(COLCON_VENV)) CMAKE_PREFIX_PATH=$(abspath $(COLCON_VENV)) \
		colcon build --base-paths src --cmake-args -DBUILD_TESTING=OFF \
		-DPython3_EXECUTABLE=$(abspath $(COLCON_VENV))/bin/python
	@echo 'built; to use it: . $(COLCON_VENV)/bin/activate; . $(COLCON_WORK)/install/setup.sh'

clean:
	rm -rf $(COLCON_WORK) build install log dist *.egg-info .pytest_cache .ruff_cache
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +
