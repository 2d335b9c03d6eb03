# mlops: PGXS build.
#
#   make             mlops.so, mlops_blas.so and the install script
#   make install     into the server that pg_config names
#   make installcheck   regression and isolation tests against private, preloaded servers
#   make unit        the engine's unit tests   (SANITIZE=address,undefined | thread)
#   make help        this text
#
# Two libraries: mlops.so links no BLAS, because loading OpenBLAS starts threads
# and that must never happen in the postmaster; mlops_blas.so is loaded on first
# use by the backend that trains.

EXTENSION   = mlops
EXTVERSION  = $(shell sed -n "s/^default_version = '\(.*\)'/\1/p" mlops.control)
MODULE_big  = mlops

ENGINE_SOURCES = $(sort $(wildcard src/engine/*/*.c))
SERVER_SOURCES = $(sort src/init.c $(wildcard $(addprefix src/,base/*.c states/*.c ingest/*.c catalog/*.c features/*.c registry/*.c train/*.c serve/*.c monitor/*.c jobs/*.c api/*.c)))
SQL_TABLES     = $(sort $(wildcard sql/tables/*.sql))
SQL_CODE       = $(sort $(wildcard sql/code/*.sql))
SQL_UPDATES    = $(wildcard sql/updates/*.sql)

OBJS = $(ENGINE_SOURCES:.c=.o) $(SERVER_SOURCES:.c=.o)
DATA_built = sql/mlops--$(EXTVERSION).sql $(SQL_UPDATES:sql/updates/%.sql=sql/mlops--%--$(EXTVERSION).sql)
EXTRA_CLEAN = build src/blas/*.o mlops_blas.so src/*.d src/*/*.d src/engine/*/*.d

# PostgreSQL 15 leaves PGDLLEXPORT empty, which would hide everything under
# -fvisibility=hidden; 16 and later define it this way themselves.
PG_CPPFLAGS = -Iinclude -Isrc '-DPGDLLEXPORT=__attribute__((visibility("default")))'
PG_CFLAGS   = -std=gnu11 -O3 -MMD -MP -Wall -Wextra -Werror -Wno-unused-parameter -Wno-sign-compare \
              -Wno-missing-field-initializers -Wno-declaration-after-statement \
              -fvisibility=hidden -ffp-contract=off -fno-trapping-math
SHLIB_LINK  = -lpthread -lm

# Our loops are called through fmgr, never inlined by the JIT: no bitcode.
override with_llvm = no

REGRESS      = $(notdir $(basename $(sort $(wildcard test/sql/*.sql))))
REGRESS_OPTS = --inputdir=test --temp-instance=tmp_check --temp-config=test/mlops.conf --load-extension=mlops

# PostgreSQL 15 takes expected output from inputdir/expected (it looks into
# output_iso first, never into ./expected).
ISOLATION      = $(notdir $(basename $(sort $(wildcard test/isolation/specs/*.spec))))
ISOLATION_OPTS = --inputdir=test/isolation --temp-instance=tmp_check_iso --temp-config=test/mlops.conf --load-extension=mlops

PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

# ---- a changed header rebuilds what includes it: the compiler writes down what does
-include $(wildcard src/*.d src/*/*.d src/engine/*/*.d)

# ---- the BLAS provider, a library of its own
all: mlops_blas.so
mlops_blas.so: src/blas/provider.o
	$(CC) $(CFLAGS) $^ $(LDFLAGS) $(LDFLAGS_SL) -shared -o $@ -lopenblas

install: install-blas
install-blas: mlops_blas.so
	$(MKDIR_P) '$(DESTDIR)$(pkglibdir)'
	$(INSTALL_SHLIB) mlops_blas.so '$(DESTDIR)$(pkglibdir)/mlops_blas.so'
uninstall: uninstall-blas
uninstall-blas:
	rm -f '$(DESTDIR)$(pkglibdir)/mlops_blas.so'

# ---- the install script: tables, which are made once, then functions and views
sql/mlops--$(EXTVERSION).sql: sql/header.sql $(SQL_TABLES) $(SQL_CODE) sql/triggers.sql
	sed 's/@EXTVERSION@/$(EXTVERSION)/g' $^ > $@

# ---- update scripts, one from each version that was released: what changed in its
# tables, as sql/updates/VERSION.sql says, then all functions and views anew.  Who may
# use them is as it was: sql/code/10_catalog.sql says why, 95_private.sql grants new views
sql/mlops--%--$(EXTVERSION).sql: sql/header.sql sql/updates/%.sql $(SQL_CODE)
	sed -e 's/@EXTVERSION@/$(EXTVERSION)/g' -e '/^\\echo/s/CREATE EXTENSION mlops/ALTER EXTENSION mlops UPDATE/' \
		-e 's/^CREATE \(FUNCTION\|PROCEDURE\|AGGREGATE\|VIEW\) /CREATE OR REPLACE \1 /' \
		-e "s/^REVOKE ALL ON FUNCTION \(.*\) FROM PUBLIC;/SELECT mlops_catalog.close_new('\1');/" -e '/^GRANT SELECT ON .* TO PUBLIC;/d' $^ > $@

# ---- engine unit tests: plain programs, no PostgreSQL
UNIT_DIR     = build/unit$(if $(SANITIZE),-$(subst $(comma),-,$(SANITIZE)))
comma       := ,
UNIT_CC      = $(CC)
UNIT_CFLAGS  = -std=gnu11 -D_GNU_SOURCE -O$(if $(SANITIZE),1,2) -g -MMD -MP -Wall -Wextra -Werror -Wno-unused-parameter -Wno-sign-compare \
               -Wno-missing-field-initializers -ffp-contract=off -fno-trapping-math -Iinclude -Isrc -Itest/unit \
               $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer)
UNIT_TESTS   = $(patsubst test/unit/%.c,$(UNIT_DIR)/%,$(sort $(wildcard test/unit/test_*.c)))
UNIT_ENGINE  = $(patsubst src/%.c,$(UNIT_DIR)/%.o,$(ENGINE_SOURCES)) $(UNIT_DIR)/blas/reference.o

$(UNIT_DIR)/blas/reference.o: src/blas/provider.c
	@$(MKDIR_P) $(@D)
	$(UNIT_CC) $(UNIT_CFLAGS) -DMLOPS_NO_SERVER -c $< -o $@
$(UNIT_DIR)/%.o: src/%.c
	@$(MKDIR_P) $(@D)
	$(UNIT_CC) $(UNIT_CFLAGS) -c $< -o $@
$(UNIT_DIR)/test_%: test/unit/test_%.c $(wildcard test/unit/*.h) $(UNIT_ENGINE)
	$(UNIT_CC) $(UNIT_CFLAGS) -MF $(@D)/.$(@F).d $< $(UNIT_ENGINE) -o $@ -lopenblas -lpthread -lm

-include $(wildcard $(UNIT_DIR)/.*.d $(UNIT_DIR)/*/*.d $(UNIT_DIR)/*/*/*.d)

unit-build: $(UNIT_TESTS)
unit: unit-build
	prove --exec '' $(UNIT_TESTS)

# ---- the engine's side of bench/peers: a plain program, compiled as mlops.so is
BENCH_DIR    = build/bench
BENCH_ENGINE = $(patsubst src/%.c,$(BENCH_DIR)/%.o,$(ENGINE_SOURCES))

$(BENCH_DIR)/%.o: src/%.c
	@$(MKDIR_P) $(@D)
	$(CC) $(CFLAGS) $(CPPFLAGS) -c $< -o $@
$(BENCH_DIR)/peers_engine: bench/peers/engine.c $(BENCH_ENGINE)
	$(CC) $(CFLAGS) $(CPPFLAGS) -MF $@.d $< $(BENCH_ENGINE) -o $@ -lpthread -lm
bench-engine: $(BENCH_DIR)/peers_engine

-include $(wildcard $(BENCH_DIR)/*.d $(BENCH_DIR)/*/*.d $(BENCH_DIR)/*/*/*.d)

help:
	@sed -n 's/^#   //p' Makefile

.PHONY: help unit unit-build bench-engine install-blas uninstall-blas
.SECONDARY:
