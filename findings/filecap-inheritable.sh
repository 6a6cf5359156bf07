#!/usr/bin/env bash
# A file may have an inheritable capability alone: a user whose process has it inheritable gets it by running the file.  filecap,
# whose manual has it search for programs with capabilities, passes such a file over, named or searched for; getcap lists it.
. "$(dirname "$0")/lib.sh"
[ "$(id -u)" = 0 ] || untried "a file's capability is set as root here"
deb libcap-ng-utils=0.8.3-1+b3 libcap-ng0=0.8.3-1+b3 libcap2-bin=1:2.66-4+deb12u3+b1
dpkg-deb -f libcap-ng-utils_*.deb Package Version
mkdir tree && cp /bin/true tree/inheritable && cp /bin/true tree/permitted
setcap=$(ls deb/sbin/setcap deb/usr/sbin/setcap 2>/dev/null | head -1); getcap=$(dirname "$setcap")/getcap
"$setcap" cap_net_raw=i tree/inheritable || untried "no file capabilities in $here"
"$setcap" cap_net_raw=p tree/permitted
names() { sed -n 's|.*tree/\([a-z]*\).*|\1|p' | sort | tr '\n' ' '; }
expect "getcap -r lists" "$("$getcap" -r tree | names)" "inheritable permitted "
expect "filecap lists" "$(filecap "$here/tree" | names)" "permitted "
expect "filecap of that file says" "$(filecap "$here/tree/inheritable" 2>&1)" ""
exit $changed
