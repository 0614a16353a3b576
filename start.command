#!/bin/sh
# A double click prepares what is missing and starts the show; only the first time needs a network.
cd "${0%/*}" || exit 1
export PYTHONUTF8=1 PATH="$PWD/.venv/bin:$PATH"

if ! cmp -s requirements.txt .venv/prepared 2> /dev/null; then
  for python in python3.13 python3.12 python3.11 ''; do
    command -v "$python" > /dev/null && break
  done
  if [ -z "$python" ]; then
    echo "There is no Python 3.11, 3.12 or 3.13: install one from python.org, then start this again."
    exit 1
  fi
  echo "Preparing .venv, once; this takes some minutes and needs a network."
  "$python" -m venv .venv || exit 1
  .venv/bin/python -m pip install --disable-pip-version-check --require-hashes -r requirements.txt || exit 1
  cp requirements.txt .venv/prepared || exit 1
fi
exec .venv/bin/python -m honcho -e none start
