#!/usr/bin/env bash
# `memory: 1.5Gi` is a quantity of Kubernetes, and so is `0.5`.  quantityToScalar() of Kubernetes' own client for JavaScript reads 0.5,
# and 500m, and 1500Mi; of 1.5Gi, which is 1536Mi, it makes an error.  The client for Python reads them all.
. "$(dirname "$0")/lib.sh"
node_packages @kubernetes/client-node@2.0.1
python_packages kubernetes==34.1.0
echo "@kubernetes/client-node 2.0.1, kubernetes for Python 34.1.0"
cat >ask.mjs <<'END'
import { quantityToScalar } from "@kubernetes/client-node/dist/util.js";
try {
  console.log(String(quantityToScalar(process.argv[2])));
} catch (error) {
  console.log(error.name);
}
END
javascript() { node ask.mjs "$1"; }
python() { venv/bin/python -c 'import sys; from kubernetes.utils import parse_quantity as read; print(f"{read(sys.argv[1]):f}")' "$1"; }
expect "1536Mi, JavaScript" "$(javascript 1536Mi)" 1610612736
expect "0.5, JavaScript" "$(javascript 0.5)" 0.5
expect "1.5Gi, JavaScript" "$(javascript 1.5Gi)" SyntaxError
expect "1.5G, JavaScript" "$(javascript 1.5G)" SyntaxError
expect "1.5Gi, Python" "$(python 1.5Gi)" 1610612736.0
exit $changed
