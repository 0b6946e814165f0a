#!/usr/bin/env bash
# Two validators that others wrote, each in a virtual environment of its own under .judges: they judge what
# Peerchart writes and are never a dependency of it. google-fhir-r4 needs a Python below 3.12, pyrofile one
# from 3.11 on.
set -euo pipefail
cd "$(dirname "$0")/../.."

PYTHON=""
for each in "${1:-python3}" python3.11; do
  if "$each" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; then
    PYTHON=$each
    break
  fi
done
if [ -z "$PYTHON" ]; then
  echo "No Python 3.11 here, which google-fhir-r4 needs: the independent judges are left out."
  exit 0
fi
for name in google pyrofile; do
  made=.judges/$name/.ready
  if [ -e "$made" ] && [ "$made" -nt "tests/judges/$name.lock" ] && [ "$made" -nt tests/judges/build.lock ]; then
    continue
  fi
  "$PYTHON" -m venv --clear ".judges/$name"
  pip=(".judges/$name/bin/python" -m pip --disable-pip-version-check --quiet install --require-hashes)
  "${pip[@]}" -r tests/judges/build.lock
  "${pip[@]}" --no-build-isolation -r "tests/judges/$name.lock"
  touch "$made"
done
