#!/bin/sh
# Lists what looks like a key or a password: secrets.sh [FOLDER]. Reads only, and shows the first characters only.
set -eu
cd "${1:-.}"

patterns='-----BEGIN [A-Z ]*PRIVATE KEY
AKIA[0-9A-Z]{16}
gh[pousr]_[A-Za-z0-9]{30,}
xox[abprs]-[A-Za-z0-9-]{10,}
sk-[A-Za-z0-9_-]{20,}
AIza[0-9A-Za-z_-]{30,}
eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}
[a-z][a-z0-9+.-]*://[^/ :@]+:[^/ :@]{3,}@
(password|passwd|secret|api_?key|token)["'"'"']?[[:space:]]*[:=][[:space:]]*["'"'"'][^"'"'"' ]{8,}["'"'"']'

printf '%s\n' "$patterns" | while IFS= read -r pattern; do
  grep -rnIoiE --exclude-dir=.git --exclude-dir=node_modules --exclude-dir=.venv --exclude-dir=.isa \
    -e "$pattern" . 2>/dev/null || true
done | awk -F: '
  !seen[$0]++ && ++count <= 200 {
    text = $0; sub("^[^:]*:[^:]*:", "", text)
    printf "%s:%s: %s... (%d characters)\n", $1, $2, substr(text, 1, 8), length(text)
  }
  END { printf "%d places to look at\n", count + 0 }'
