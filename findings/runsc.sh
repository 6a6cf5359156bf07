# Sourced after oci.sh: gVisor's runsc of Debian 12 beside runc and crun, on the same bundle.
deb runsc=0.0~20221219.0-2+b3
runsc --version | head -1 || untried "runsc wants libraries that are not here"
# sandboxed CHANGE ARG ...: as `run runsc CHANGE ARG ...`, without network and control groups, and on a processor that has no KVM.
sandboxed() {
  configure "$1" "${@:2}"
  runsc --root "$here/sandboxes" --network none --ignore-cgroups --platform ptrace run "finding-$$-$RANDOM" </dev/null 2>stderr
}
[ "$(sandboxed "" sh -c 'echo started')" = started ] || untried "runsc starts nothing here: $(tail -1 stderr)"
