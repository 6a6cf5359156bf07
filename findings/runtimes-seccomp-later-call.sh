#!/usr/bin/env bash
# A seccomp filter that names the calls it allows answers all others with its default, here `defaultErrnoRet: 62`, ETIME.  With crun
# it does.  runc takes a call whose number is above every one that the filter names for a call that the filter's author did not know,
# and answers ENOSYS, whatever the default is: one filter, two errors, and a program that falls back on ENOSYS alone goes two ways.
# `nsenter` calls setns, 308; `unshare` calls unshare, 272; the filter names all calls up to prlimit64, 302, without those two.
. "$(dirname "$0")/lib.sh"
. "$beside/oci.sh"
for name in nsenter unshare true; do ln -s busybox "root/bin/$name"; done
deb libseccomp2=2.5.4-1+deb12u1 seccomp=2.5.4-1+deb12u1
for number in $(seq 0 302); do scmp_sys_resolver -a x86_64 "$number"; done | grep -v -x -e UNKNOWN -e unshare -e setns >names
able="for kind in c['process']['capabilities'].values(): kind.append('CAP_SYS_ADMIN')"
change="$able
c['process']['noNewPrivileges'] = True
c['linux']['seccomp'] = {'defaultAction': 'SCMP_ACT_ERRNO', 'defaultErrnoRet': 62, 'architectures': ['SCMP_ARCH_X86_64'],
    'syscalls': [{'names': open('names').read().split(), 'action': 'SCMP_ACT_ALLOW'}]}"
calls='unshare -n true 2>&1 && echo made; nsenter -n/proc/self/ns/net true 2>&1 && echo entered'
for runtime in runc crun; do
  case $runtime in runc) wanted="Function not implemented" ;; crun) wanted="Timer expired" ;; esac
  expect "$runtime, no filter" "$(run $runtime "$able" sh -c "$calls" | tr '\n' ' ')" "made entered "
  seen=$(run $runtime "$change" sh -c "$calls") || true
  expect "$runtime, unshare" "$(sed -n '1s/.*: //p' <<<"$seen")" "Timer expired"
  expect "$runtime, setns" "$(sed -n '2s/.*: //p' <<<"$seen")" "$wanted"
done
exit $changed
