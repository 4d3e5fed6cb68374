#!/usr/bin/env bash
# Records the samples anew: record.sh [webshop] [incident] [build]. COLLECTOR overrides the binary, PYTHON the interpreter.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
samples=$(dirname "$here")
collector=${COLLECTOR:-$samples/../target/release/spanfall-collector}
python=${PYTHON:-python}
if [ ! -x "$collector" ]; then
    echo "no collector at $collector: cargo build --release -p spanfall-collector, or set COLLECTOR" >&2
    exit 1
fi
[ $# -gt 0 ] || set -- webshop incident build
for name in "$@"; do
    echo "== $name"
    if [ "$name" = build ]; then
        "$python" "$here/build/pipeline.py" --collector "$collector" --out "$samples/$name.jsonl.zst"
        continue
    fi
    "$python" "$here/record.py" "$name" --collector "$collector" --out "$samples/$name.jsonl.zst"
    "$python" "$here/count.py" "$samples/$name.jsonl.zst" "$samples/$name.truth.json"
done
