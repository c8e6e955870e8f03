#!/usr/bin/env bash
# Shrinks a model and checks the result, before it is deployed:
#
#     bash pre-deploy.sh MODEL DATA BUDGET
#
# The gates stand in prune-mi.yaml or pyproject.toml in the folder that this is run from. Ends with
# the exit code of `prune-mi check`: 0 to deploy prune-mi-run/best.keras, 6 where a gate failed.
set -euo pipefail

model=$1 data=$2 budget=$3 out=${OUT:-prune-mi-run}

if [[ ! -f $out/report.json ]]; then
    code=0
    prune-mi optimize "$model" --data "$data" --budget "$budget" --max-accuracy-drop 0.02 \
        --out "$out" --overwrite || code=$?
    # 3: nothing smaller stayed within the allowed drop. The gates decide whether that is a failure.
    if [[ $code -ne 0 && $code -ne 3 ]]; then exit "$code"; fi
fi

prune-mi check "$out" --baseline "$model" --data "$data" \
    --markdown "$out/comment.md" --junit "$out/junit.xml"
