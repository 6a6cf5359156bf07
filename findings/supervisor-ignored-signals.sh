#!/usr/bin/env bash
# supervisord starts programs, and is written in Python, which ignores SIGPIPE and SIGXFSZ for itself.  It hands that on: a shell below
# it cannot take it back, and `yes | head -1` ends with an error message where it ends in silence elsewhere.  Python's subprocess sets
# both signals back first; supervisor does not start by it.
. "$(dirname "$0")/lib.sh"
deb coreutils=9.1-1
python_packages supervisor==4.3.0 setuptools==75.8.0
echo "supervisor $(venv/bin/supervisord --version)"
# A shell that has no part in it: the words are in a file.
cat >program.sh <<'END'
sed -n 's/^SigIgn:\t0*//p' /proc/self/status >ignored
yes 2>said | head -1 >first
END
export PATH="$here/deb/usr/bin:$PATH"
cat >supervisord.conf <<END
[supervisord]
nodaemon=true
logfile=$here/log
pidfile=$here/pid
directory=$here
[program:one]
command=sh program.sh
stdout_logfile=NONE
stderr_logfile=NONE
startsecs=0
autorestart=false
END
# told: what the program left behind, the mask of ignored signals without what this script's caller ignores.
told() {
  local mask=$((0x$(cat ignored) & (1 << 12 | 1 << 24)))
  printf '%x, %s' $mask "$(if [ -s said ]; then sed 's/^.*: //' said; else echo silence; fi)"
}
python3 -c 'import subprocess; subprocess.run(["sh", "program.sh"])'
expect "below Python's subprocess: ignored signals, and what yes says" "$(told)" "0, silence"
rm ignored said
venv/bin/supervisord -c supervisord.conf >/dev/null 2>errors &
daemon=$!
trap 'kill $daemon 2>/dev/null || true; wait $daemon || true; rm -rf "$here"' EXIT
for _ in $(seq 600); do [ -s first ] && [ -e said ] && grep -q "exited: one" log && break; sleep 0.1; done
expect "below supervisord" "$(told)" "1001000, Broken pipe"
exit $changed
