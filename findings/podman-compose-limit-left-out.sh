#!/usr/bin/env bash
# Compose has `memswap_limit`, `oom_score_adj` and `blkio_config.weight` beside `mem_limit`, and Podman has an option for each.
# podman-compose hands the last one on and leaves the others out: no warning, and the container has the engine's own settings.
. "$(dirname "$0")/lib.sh"
. "$beside/podman.sh"
python_packages podman-compose==1.6.0
echo "podman-compose 1.6.0"
cat >compose.yaml <<'END'
name: sample
services:
  app:
    image: localhost/app
    mem_limit: 64m
    memswap_limit: 96m
    oom_score_adj: 300
    blkio_config: {weight: 300}
END
venv/bin/podman-compose --verbose --dry-run up -d >said 2>&1 || untried "podman-compose: $(tail -1 said)"
options() { sed -n 's/.*podman create \(.*\) localhost\/app.*/\1/p' said | tr ' ' '\n'; }
has() { options | grep -c -e "$1" || true; }
expect "-m for mem_limit" "$(has '^-m$')" 1
expect "--memory-swap for memswap_limit" "$(has '^--memory-swap')" 0
expect "--oom-score-adj for oom_score_adj" "$(has '^--oom-score-adj')" 0
expect "--blkio-weight for blkio_config.weight" "$(has '^--blkio-weight')" 0
expect "lines that warn of it" "$(grep -c -i -E 'warn|unsupported|ignor|memswap|oom_score|blkio' said || true)" 0
exit $changed
