#!/usr/bin/env bash
# A program that starts a thread or a process for each processor takes those that it may use, as nproc and `xz -T0` do.  nginx with
# `worker_processes auto` and `zstd -T0` (of which the manual says that it counts the physical ones) take those of the machine: in a
# container that may use one processor of sixty-four, sixty-four processes share it.
. "$(dirname "$0")/lib.sh"
machine=$(getconf _NPROCESSORS_ONLN)
[ "$machine" -gt 1 ] || untried "a machine with one processor shows no difference"
deb nginx=1.22.1-9+deb12u11 zstd=1.5.4+dfsg2-5+deb12u1 xz-utils=5.4.1-1+deb12u2 coreutils=9.1-1
nginx -v 2>&1 || untried "nginx wants libraries that are not here"
first=$(taskset --cpu-list --pid $$ | sed 's/.*: *//; s/[-,].*//')
one() { env -u OMP_NUM_THREADS taskset --cpu-list "$first" "$@"; }
cat >nginx.conf <<CONF
worker_processes auto;
daemon off;
pid $here/nginx.pid;
events { }
http {
  access_log off;
  client_body_temp_path $here/body;
  proxy_temp_path $here/proxy;
  fastcgi_temp_path $here/fastcgi;
  uwsgi_temp_path $here/uwsgi;
  scgi_temp_path $here/scgi;
  server { listen unix:$here/socket; }
}
CONF
chmod 755 .
(exec env taskset --cpu-list "$first" nginx -p "$here" -e "$here/error.log" -c "$here/nginx.conf" 2>said) &
server=$!
trap 'kill $server 2>/dev/null || true; wait $server 2>/dev/null || true; rm -rf "$here"' EXIT
workers() { cat /proc/$server/task/*/children 2>/dev/null | wc -w; }
for _ in $(seq 100); do [ "$(workers)" -lt "$machine" ] || break; sleep 0.1; done
[ "$(workers)" -gt 0 ] || untried "nginx starts nothing here: $(cat said error.log 2>/dev/null | head -1)"
expect "nproc" "$(one nproc)" 1
expect "nginx's workers, less the machine's processors" $(($(workers) - machine)) 0
cores() { "$@" zstd -T0 -vvv -c nginx.conf 2>&1 >/dev/null | sed -n 's/^Note: \([0-9]*\) .*core.*/\1/p'; }
expect "zstd -T0, less what it counts without a set" "$(($(cores one) - $(cores env)))" 0
expect "xz -T0" "$(one xz -T0 -vv -c nginx.conf 2>&1 >/dev/null | grep -o 'up to [0-9]* threads')" "up to 1 threads"
exit $changed
