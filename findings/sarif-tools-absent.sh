#!/usr/bin/env bash
# A SARIF result with the baselineState `absent` was in the baseline and is gone (SARIF 2.1.0, 3.27.24): whoever compares two
# runs writes one for each mended fault.  sarif-tools counts it as a present error, and its `--check error` fails a run
# that has nothing else.
. "$(dirname "$0")/lib.sh"
python_packages sarif-tools==3.0.5
cat >run.sarif <<'END'
{"version": "2.1.0", "$schema": "https://json.schemastore.org/sarif-2.1.0.json", "runs": [{
  "tool": {"driver": {"name": "linter"}}, "results": [
    {"ruleId": "R1", "level": "error", "baselineState": "absent", "message": {"text": "mended"},
     "locations": [{"physicalLocation": {"artifactLocation": {"uri": "a.c"}, "region": {"startLine": 1}}}]}]}]}
END
venv/bin/sarif --version
status=0
venv/bin/sarif --check error summary run.sarif >said 2>&1 || status=$?
expect "errors counted" "$(grep -o '^error: [0-9]*' said | head -1)" "error: 1"
expect "status with --check error" $status 1
exit $changed
