#!/usr/bin/env bash
# A filter that lets files be opened from the working directory alone compares openat's first argument with AT_FDCWD, -100.  The
# kernel's argument is 32 bits wide, the filter's 64, and the upper half is what the program left there: a program in C has 4294967196,
# one in Go 18446744073709551516.  A rule with either number refuses the other program all its files.
. "$(dirname "$0")/lib.sh"
. "$beside/oci.sh"
deb gosu=1.14-1+b10
cp deb/usr/sbin/gosu root/bin/ && ln -s busybox root/bin/true
mkdir root/etc && echo 'one:x:0:0::/:/bin/sh' >root/etc/passwd
reads() { # NUMBER ARG ...: whether the program with these arguments, under a filter with NUMBER, can read a file
  run crun "for one in c['process']['capabilities'].values(): one += ['CAP_SETUID', 'CAP_SETGID']
c['linux']['seccomp'] = {
    'defaultAction': 'SCMP_ACT_ALLOW', 'architectures': ['SCMP_ARCH_X86_64'],
    'syscalls': [{'names': ['openat'], 'action': 'SCMP_ACT_ERRNO', 'errnoRet': 95,
                  'args': [{'index': 0, 'value': $1, 'op': 'SCMP_CMP_NE'}]}]}" "${@:2}" >/dev/null 2>&1 && echo reads || echo refused
}
for number in 4294967196 18446744073709551516; do
  case $number in 4294967196) c=reads go=refused ;; *) c=refused go=reads ;; esac
  expect "openat from $number alone: cat, in C" "$(reads $number cat /etc/passwd)" $c
  expect "openat from $number alone: gosu, in Go" "$(reads $number gosu one true)" $go
done
exit $changed
