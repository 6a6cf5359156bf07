#!/usr/bin/env bash
# A profile that the kernel cannot enforce in full is an error of apparmor_parser's, or at least a warning.  It compiles such a
# profile without the rule, says nothing and ends with 0: with the features of a kernel that does not mediate mounts, a profile with
# `deny mount` is, to the byte, the one without it.  A warning has to be asked for; the option that the manual has for it,
# `--warn=rules-not-enforced` (apparmor_parser(8)), is refused, for it is named `rule-not-enforced`.
. "$(dirname "$0")/lib.sh"
deb apparmor=3.0.8-3
apparmor_parser --version 2>/dev/null | head -1 || untried "apparmor_parser wants libraries that are not here"
touch none
printf 'file {\nmask {create read write exec append mmap_exec link lock\n}\n}\n' >old
{ cat old && printf 'mount {\nmask {mount umount pivot_root\n}\n}\n'; } >new
printf 'profile sample /bin/sample {\n  /** rw,\n  mount,\n}\n' >without
sed 's/^  mount,/&\n  deny mount options=(bind) \/a\/ -> \/b\/,/' without >with
compiled() { # FEATURES PROFILE [OPTION]: what the kernel would be given; nothing is loaded, and no cache is used
  apparmor_parser --config-file none --base "$here" --skip-kernel-load --skip-cache --stdout \
    --kernel-features "$1" --policy-features new "${@:3}" "$2" 2>said >binary || { echo "refused" && return; }
  sha256sum <binary
}
same() { [ "$(compiled "$1" with)" = "$(compiled "$1" without)" ] && echo "the same" || echo "another"; }
expect "with and without the rule, a kernel with mount rules" "$(same new)" another
expect "with and without the rule, a kernel without" "$(same old)" "the same"
expect "said" "$(compiled old with >/dev/null; cat said)" ""
expect "--warn=rules-not-enforced, as in the manual" "$(compiled old with --warn=rules-not-enforced): $(grep -o 'Invalid --warn option' said)" \
  "refused: Invalid --warn option"
expect "--warn=rule-not-enforced" "$(compiled old with --warn=rule-not-enforced >/dev/null; grep -o -m 1 'mount rules not enforce' said)" \
  "mount rules not enforce"
expect "the manual's option" "$(zcat deb/usr/share/man/man8/apparmor_parser.8.gz | sed 's/\\//g' | grep -o -m 1 'warn=rules-not-enforced')" \
  "warn=rules-not-enforced"
exit $changed
