#!/usr/bin/env bash
# Shrinks a model and checks the result, before it is deployed:
#
#     bash pre-deploy.sh MODEL DATA BUDGET
#
# The gates stand in prune-mi.yaml or pyproject.toml in the folder that this is run from. Ends with
# the exit code of `prune-mi check`: 0 to deploy prune-mi-run/best.keras, 6 where a gate failed.
# With the same model and data as before, nothing is optimized again.
set -euo pipefail

model=$1 data=$2 budget=$3 out=${OUT:-prune-mi-run}

# The model against itself: what is wrong with it, the data or a gate is said before minutes are
# spent. Its own verdict is of no interest.
code=0
env -u GITHUB_STEP_SUMMARY prune-mi check "$model" --baseline "$model" --data "$data" --quiet \
    > /dev/null || code=$?
if [[ $code -ne 0 && $code -ne 6 ]]; then exit "$code"; fi

# What the result depends on: the model, its classes, the data, the budget, the version.
key=$(python3 - "$model" "$data" "$budget" "$(prune-mi --version)" <<'END'
import hashlib, pathlib, sys

model, data = sys.argv[1:3]
found = hashlib.sha256(repr(sys.argv[1:]).encode())
for path in map(pathlib.Path, [model, data, pathlib.Path(model).with_name("classes.json")]):
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if file.is_file():
            found.update(f"{file}\0{hashlib.sha256(file.read_bytes()).hexdigest()}\0".encode())
print(found.hexdigest())
END
)
if [[ $(cat "$out/made-of" 2> /dev/null) != "$key" ]]; then
    rm -f "$out/made-of"
    code=0
    prune-mi optimize "$model" --data "$data" --budget "$budget" --max-accuracy-drop 0.02 \
        --out "$out" --overwrite || code=$?
    # 3: nothing smaller stayed within the allowed drop. The gates decide whether that is a failure.
    if [[ $code -ne 0 && $code -ne 3 ]]; then exit "$code"; fi
    echo "$key" > "$out/made-of"
fi

prune-mi check "$out" --baseline "$model" --data "$data" \
    --markdown "$out/comment.md" --junit "$out/junit.xml"
