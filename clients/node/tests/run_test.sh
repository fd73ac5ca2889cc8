#!/usr/bin/env bash
# Runs a test file under Node beside an unpacked msgproc.tgz, as in a user's project:
# run_test.sh FILE, from a Bazel test that has the package and what the file needs as data.
set -euo pipefail
export MSGPROC_PROCESSOR=${MSGPROC_PROCESSOR:-$PWD/services/processor/processor}
export MSGPROC_BALANCER=${MSGPROC_BALANCER:-$PWD/services/balancer/balancer}
export MSGPROC_PACKAGE=${MSGPROC_PACKAGE:-$PWD/clients/node/msgproc.tgz}
installed=$(dirname "$(realpath clients/node/package-lock.json)")/node_modules
export MSGPROC_INSTALLED=$installed PATH=$installed/.bin:$PATH

app=$(mktemp --directory --tmpdir="${TEST_TMPDIR:-/tmp}")
trap 'rm -rf "$app"' EXIT
clients/node/tests/app "$app" clients/node/tests/*.mjs
cp --dereference tests/node/processor.js "$app/processor.cjs"
if [[ -d clients/node/examples ]]; then cp --dereference --recursive clients/node/examples "$app"; fi
cd "$app"
node --test "$@"
