#!/usr/bin/env bash
# A seccomp filter whose default is to allow, and which refuses one call, lets a program do all else.  A 32-bit program it kills
# at its first call, with either runtime, where `architectures` names x86_64 alone or is left out: the default is not for calls of
# another architecture, for which libseccomp has its own, to kill.
. "$(dirname "$0")/lib.sh"
. "$beside/oci.sh"
# A program for i386 that ends with 7: mov eax, 1 (exit); mov ebx, 7; int 0x80.
python3 - <<'PYTHON'
import os, struct
code = b"\xb8\x01\x00\x00\x00\xbb\x07\x00\x00\x00\xcd\x80"
base, start = 0x08048000, 52 + 32
head = b"\x7fELF\x01\x01\x01".ljust(16, b"\0")
head += struct.pack("<HHIIIIIHHHHHH", 2, 3, 1, base + start, 52, 0, 0, 52, 32, 1, 0, 0, 0)
head += struct.pack("<IIIIIIII", 1, 0, base, base, start + len(code), start + len(code), 5, 4096)
with open("root/bin/small", "wb") as file: file.write(head + code)
os.chmod("root/bin/small", 0o755)
PYTHON
root/bin/small || [ $? = 7 ] || untried "this kernel runs no 32-bit programs"
status() { # RUNTIME CHANGE: how the program ends in a container
  run "$1" "$2" sh -c 'small 2>/dev/null; echo $?'
}
for runtime in runc crun; do
  expect "$runtime, no filter" "$(status $runtime "")" 7
  for named in "" "'SCMP_ARCH_X86_64'" "'SCMP_ARCH_X86_64', 'SCMP_ARCH_X86'"; do
    case $named in *X86\') wanted=7 ;; *) wanted=159 ;; esac
    filter="{'defaultAction': 'SCMP_ACT_ALLOW', 'syscalls': [{'names': ['swapon'], 'action': 'SCMP_ACT_ERRNO'}]}"
    expect "$runtime, architectures [$named]" \
      "$(status $runtime "f = $filter; f['architectures'] = [$named]; c['linux']['seccomp'] = f")" "$wanted"
  done
done
exit $changed
