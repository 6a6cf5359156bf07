#!/usr/bin/env bash
# nproc tells how many processors a process may use: its affinity.  Where the environment has OMP_NUM_THREADS, as images
# for numerical work have, GNU nproc tells that number instead, more than there are, too; OMP_THREAD_LIMIT bounds it.
# `nproc --all`, getconf, busybox's nproc and Python do not look there.
. "$(dirname "$0")/lib.sh"
deb coreutils=9.1-1 busybox-static=1:1.35.0-4+deb12u1+b1
nproc --version | head -1
real=$(getconf _NPROCESSORS_ONLN)
expect "nproc, OMP_NUM_THREADS=70" "$(OMP_NUM_THREADS=70 nproc)" 70
expect "nproc, OMP_NUM_THREADS=3,2,1" "$(OMP_NUM_THREADS=3,2,1 nproc)" 3
expect "nproc, OMP_THREAD_LIMIT=1" "$(OMP_THREAD_LIMIT=1 nproc)" 1
expect "nproc --all is the machine's" "$(test "$(OMP_NUM_THREADS=70 nproc --all)" -ge "$real" && test "$(OMP_NUM_THREADS=70 nproc --all)" != 70 && echo yes)" yes
expect "getconf as without" "$(OMP_NUM_THREADS=70 getconf _NPROCESSORS_ONLN)" "$real"
allowed=$(taskset -c -p $$ | sed 's/.*: //')
one=${allowed%%[,-]*}
expect "nproc, bound to one processor, OMP_NUM_THREADS=70" "$(OMP_NUM_THREADS=70 taskset -c "$one" nproc)" 70
expect "busybox nproc, bound to one, OMP_NUM_THREADS=70" "$(OMP_NUM_THREADS=70 taskset -c "$one" busybox nproc)" 1
expect "Python's affinity, bound to one" \
  "$(OMP_NUM_THREADS=70 taskset -c "$one" python3 -c 'import os; print(len(os.sched_getaffinity(0)))')" 1
exit $changed
