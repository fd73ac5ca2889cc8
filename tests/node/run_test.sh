#!/usr/bin/env bash
# Runs a test file under Node: run_test.sh NAME_test.js, from a Bazel test that
# has the processor and the .proto files as data.
set -euo pipefail

# The packages are not in the runfiles: they stand beside the real file.
script=$(realpath "tests/node/$1")
folder=$(dirname "$script")
if ! cmp --quiet "$folder/package-lock.json" "$folder/node_modules/.installed_from"; then
  echo "$folder/node_modules is missing or old: run tools/test, or tests/node/install" >&2
  exit 1
fi

export MSGPROC_PROCESSOR=$PWD/services/processor/processor
export MSGPROC_BALANCER=$PWD/services/balancer/balancer
export MSGPROC_PROTO_ROOT=$PWD/proto
exec "$folder/node_modules/.bin/node" --test "$script"
