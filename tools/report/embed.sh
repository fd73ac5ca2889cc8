#!/usr/bin/env bash
# Writes assets.cc: embed.sh NAME FILE [NAME FILE]...; a FILE of "-" is empty.
set -euo pipefail
echo '#include "tools/report/assets.h"'
echo 'namespace msgproc::report::assets {'
while (($#)); do
  # A name on its own: sizeof of the array keeps the length without counting.
  printf 'static constexpr char %s_bytes[] = R"__asset__(' "$1"
  if [[ "$2" != - ]]; then cat "$2"; fi
  printf ')__asset__";\nconst absl::string_view %s(%s_bytes, sizeof(%s_bytes) - 1);\n' "$1" "$1" "$1"
  shift 2
done
echo '}  // namespace msgproc::report::assets'
