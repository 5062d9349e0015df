# A thin doorway: everything is done by Pants and by build-support/setup.
#   MIRROR=cn              fetch from the mirrors in pants.cn.toml
#   BASE_IMAGE=<reference> build on another base image (a digest pin is best)
#   CACHE_SERVER_ADDRESS, CACHE_SERVER_FOLDER, CACHE_SERVER_QUOTA, CACHE_SERVER_KEEP_HOURS,
#   CACHE_SERVER_STATSD    of `make cache-server` (docs/shared-cache.md)

SETUP := build-support/setup/setup.sh
export MIRROR BASE_IMAGE
export CACHE_SERVER_ADDRESS CACHE_SERVER_FOLDER CACHE_SERVER_QUOTA CACHE_SERVER_KEEP_HOURS CACHE_SERVER_STATSD

help: ## show this
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p; s/^#   /  /p' Makefile

image: ## build the image and run `about` from it; without an engine, an archive of it
	build-support/setup/image.sh

test: ## run every test
	$(SETUP) test ./pants test ::

lint: ## check style, shell and BUILD files
	$(SETUP) code ./pants lint ::

fmt: ## format the sources
	$(SETUP) code ./pants fmt ::

check: ## check types
	$(SETUP) code ./pants check ::

lock: ## regenerate the lockfiles
	$(SETUP) code ./pants generate-lockfiles

upgrade: ## bring lockfiles up to changed requirements, and show what that changes (docs/upgrades.md)
	$(SETUP) code ./pants sync-lockfiles
	./pants review-lockfiles

cache-server: ## run a shared cache for a team (docs/shared-cache.md)
	$(SETUP) cache-server build-support/cache_server/run.sh

bench-server: ## measure the servers, and write docs/benchmarks/server.md
	$(SETUP) bench ./pants package benchmarks/server:product
	./pants run benchmarks/server:bench -- --product dist/benchmarks.server/product.pex

.PHONY: help image test lint fmt check lock upgrade cache-server bench-server
