#!/usr/bin/env bash
# execvp(3) and each shell take `.` in PATH for the working directory, and so does crun for the program of a container.  runc looks
# the program up as Go does since 1.19, which refuses what it finds below the working directory: the container does not start,
# with a PATH in which `.` stands behind the others, too, when the program is in none of those.
. "$(dirname "$0")/lib.sh"
. "$beside/oci.sh"
refused="cannot run executable found relative to current directory"
for path in bin /usr/bin:.; do
  case $path in bin) directory=/ ;; *) directory=/bin ;; esac
  change="c['process']['env'] = ['PATH=$path']; c['process']['cwd'] = '$directory'"
  for runtime in runc crun; do
    case $runtime in runc) wanted=$refused ;; crun) wanted=started ;; esac
    expect "$runtime, PATH=$path in $directory" \
      "$(run $runtime "$change" sh -c 'echo started' || grep -o "$refused" stderr)" "$wanted"
  done
done
exit $changed
