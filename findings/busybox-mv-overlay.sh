#!/usr/bin/env bash
# A container that moves a directory of its image copies it: on an overlay the kernel renames no directory of a lower layer (EXDEV), and
# mv(1) copies and removes.  GNU mv keeps all attributes.  With BusyBox's, the usual one in small images, extended attributes are gone:
# a program that had a capability has none, and nothing is said.  A file, and a directory of the container's own, it moves as they are.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || untried "an overlay is mounted as root, in a mount namespace of its own"
deb busybox=1:1.35.0-4+deb12u1+b1 coreutils=9.1-1 libcap2-bin=1:2.66-4+deb12u3+b1
busybox=$(type -P busybox)
"$busybox" | head -1
mv --version | head -1
mkdir disk
busybox=$busybox unshare --mount sh -euc '
  mount -t tmpfs tmpfs disk && cd disk && mkdir lower upper work merged
  mkdir lower/gnu lower/busybox
  for one in lower/gnu/program lower/busybox/program lower/program; do cp /bin/true $one && setcap cap_net_raw+ep $one; done
  mount -t overlay -o lowerdir=lower,upperdir=upper,workdir=work overlay merged && cd merged
  mkdir own && cp /bin/true own/program && setcap cap_net_raw+ep own/program
  mv gnu gnu-moved
  "$busybox" mv busybox busybox-moved
  "$busybox" mv program program-moved
  "$busybox" mv own own-moved
  getcap -r . >../../seen' 2>said || untried "no overlay, or no capability of a file here: $(cat said)"
capability() { grep "^./$1 " seen | cut -d' ' -f2 || true; }
expect "a directory of the image, GNU mv" "$(capability gnu-moved/program)" cap_net_raw=ep
expect "a directory of the image, BusyBox" "$(capability busybox-moved/program)" ""
expect "a file of the image, BusyBox" "$(capability program-moved)" cap_net_raw=ep
expect "a directory of its own, BusyBox" "$(capability own-moved/program)" cap_net_raw=ep
expect "said" "$(cat said)" ""
exit $changed
