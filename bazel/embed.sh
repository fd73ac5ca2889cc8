#!/usr/bin/env bash
# Writes a source file with the texts of other files: embed.sh HEADER NAMESPACE
# NAME FILE [NAME FILE]...; a FILE of "-" is empty. The header declares each name
# as an extern const absl::string_view.
set -euo pipefail
echo "#include \"$1\""
echo "namespace $2 {"
shift 2
while (($#)); do
  # A name on its own: sizeof of the array keeps the length without counting.
  printf 'static constexpr char %s_bytes[] = R"__asset__(' "$1"
  if [[ "$2" != - ]]; then cat "$2"; fi
  printf ')__asset__";\nconst absl::string_view %s(%s_bytes, sizeof(%s_bytes) - 1);\n' "$1" "$1" "$1"
  shift 2
done
echo '}'
