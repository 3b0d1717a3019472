#!/bin/sh
# Says what kind of project a folder holds: project.sh [FOLDER]. Reads only.
set -eu
cd "${1:-.}"

sources() {
  find . \( -name .git -o -name node_modules -o -name .venv -o -name target -o -name build -o -name dist \
    -o -name .isa \) -prune -o -type f -print
}

echo "Languages (files by ending):"
sources | sed -n 's/.*\.\([A-Za-z0-9_+]\{1,10\}\)$/\1/p' | sort | uniq -c | sort -rn | head -10

echo "Build and package files:"
for name in Makefile CMakeLists.txt package.json pyproject.toml setup.py requirements.txt Cargo.toml go.mod pom.xml \
  build.gradle build.gradle.kts Gemfile composer.json Dockerfile; do
  sources | grep "/$name\$" | head -3 || true
done

echo "Rules of the house:"
sources | grep -E '/(README[^/]*|CONTRIBUTING[^/]*|AGENTS\.md|\.editorconfig|\.clang-format|ruff\.toml|\.eslintrc[^/]*|eslint\.config\.[a-z]+|\.prettierrc[^/]*)$' | head -12 || true

echo "Ways to test:"
[ ! -f Makefile ] || grep -E '^(test|check)[A-Za-z_-]*:' Makefile | sed 's/:.*//; s/^/  make /' || true
[ ! -f package.json ] || ! grep -q '"test"' package.json || echo "  npm test"
[ ! -f Cargo.toml ] || echo "  cargo test"
[ ! -f go.mod ] || echo "  go test ./..."
[ ! -f pyproject.toml ] && [ ! -f setup.py ] || echo "  python3 -m pytest"
[ ! -f CMakeLists.txt ] || echo "  ctest --test-dir build"

echo "Largest source files (lines):"
sources | grep -E '\.(c|cc|cpp|h|hpp|rs|go|py|js|mjs|ts|tsx|java|kt|rb|php|cs|swift|sh)$' | head -2000 |
  while IFS= read -r file; do printf '%8d %s\n' "$(wc -l <"$file")" "$file"; done | sort -rn | head -10
