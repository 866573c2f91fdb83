# smarketing: make, make install (PGXS); make demo, make check (two commands on a fresh Debian).

SMK_ROOT := $(abspath $(dir $(lastword $(MAKEFILE_LIST))))

# The modules in the order in which they build on each other: a module may use only what stands above it.
SMK_MODULES = calendar ratio stage timeline funnel response retention attribution score crm kpi doctor handover rollup

SMK_VERSION := $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" $(SMK_ROOT)/smarketing.control)

# These run on throw-away clusters with a build of their own, and install what they need first.
SMK_RUNNERS = demo check check-matrix bench deps
ifneq ($(filter $(SMK_RUNNERS),$(MAKECMDGOALS)),)

.PHONY: $(SMK_RUNNERS)
demo:
	@$(SMK_ROOT)/test/demo/run
check:
	@$(SMK_ROOT)/test/check
check-matrix:
	@$(SMK_ROOT)/test/check-matrix
bench:
	@$(SMK_ROOT)/bench/run
deps:
	@$(SMK_ROOT)/test/harness/packages check

else

SMK_MISSING := $(filter-out $(SMK_MODULES) upgrade,$(notdir $(patsubst %/,%,$(wildcard $(SMK_ROOT)/src/*/))))
ifneq ($(SMK_MISSING),)
$(error directories under src/ that SMK_MODULES does not list: $(SMK_MISSING))
endif

# Lists come from the directory of this file, so that a build elsewhere finds the same files.
smk_files = $(patsubst $(SMK_ROOT)/%,%,$(wildcard $(addprefix $(SMK_ROOT)/,$(1))))

EXTENSION = smarketing
MODULE_big = smarketing
PGFILEDESC = "smarketing - sales and marketing KPIs"
SMK_SCRIPT := $(CURDIR)/smarketing--$(SMK_VERSION).sql
SMK_SCRIPT_PARTS := src/preamble.sql $(foreach m,$(SMK_MODULES),$(sort $(call smk_files,src/$(m)/*.sql)))
DATA_built = $(SMK_SCRIPT)
DATA = $(call smk_files,src/upgrade/smarketing--*--*.sql)
OBJS = $(patsubst %.c,%.o,$(call smk_files,src/*.c) $(foreach m,$(SMK_MODULES),$(sort $(call smk_files,src/$(m)/*.c))))
REGRESS ?= $(patsubst sql/%.sql,%,$(call smk_files,sql/*.sql))
REGRESS_OPTS += --inputdir=$(SMK_ROOT)
EXTRA_CLEAN = results regression.diffs regression.out tmp_check

PG_CONFIG ?= pg_config
PG_CFLAGS ?= -Wall -Wextra
PG_CPPFLAGS = -I$(SMK_ROOT)/src -isystem $(shell $(PG_CONFIG) --includedir-server) -DSMK_VERSION='"$(SMK_VERSION)"'
PGXS := $(shell $(PG_CONFIG) --pgxs)
ifeq ($(wildcard $(PGXS)),)
$(error $(PG_CONFIG) has no PGXS here: install postgresql-server-dev-NN, or name another with PG_CONFIG=...)
endif
include $(PGXS)

# Only sources are looked up in the source tree: a build elsewhere must not take an object that lies there.
VPATH :=
vpath %.control $(SMK_ROOT)
vpath smarketing--%.sql $(SMK_ROOT)/src/upgrade
$(OBJS): %.o: $(SMK_ROOT)/%.c $(addprefix $(SMK_ROOT)/,$(call smk_files,src/*.h src/*/*.h) smarketing.control src/smarketing.map)
	$(COMPILE.c) -o $@ $<
$(patsubst %.o,%.bc,$(OBJS)): %.bc: $(SMK_ROOT)/%.c
	$(COMPILE.c.bc) -o $@ $<
$(OBJS): | $(sort $(dir $(OBJS)))
$(patsubst %.o,%.bc,$(OBJS)): | $(sort $(dir $(OBJS)))
$(sort $(dir $(OBJS))):
	$(MKDIR_P) $@

# The library offers what the script declares and nothing else: see src/smarketing.map.
# Calls from one of our files to another go straight, whatever else is loaded.
SHLIB_LINK += -Wl,--version-script=$(SMK_ROOT)/src/smarketing.map -Wl,-Bsymbolic-functions

# awk, so that a part without a final newline cannot swallow the statement after it.
$(SMK_SCRIPT): $(addprefix $(SMK_ROOT)/,$(SMK_SCRIPT_PARTS)) $(SMK_ROOT)/smarketing.control $(SMK_ROOT)/Makefile
	awk 'FNR == 1 && NR > 1 { print "" } { print }' $(addprefix $(SMK_ROOT)/,$(SMK_SCRIPT_PARTS)) > $@.tmp
	mv $@.tmp $@

endif
