#!/usr/bin/env bash
# One line of an .env file, three readers: `PASSWORD=blue#7`.  For python-dotenv and the Docker SDK (as for `docker run
# --env-file`) the value is blue#7, for npm's dotenv `#` begins a comment wherever it stands: the value is blue.  So a stack's
# database and its Node service, given one file, have two passwords.
. "$(dirname "$0")/lib.sh"
python_packages python-dotenv==1.2.4 docker==7.2.0
node_packages dotenv@16.6.1
echo "python-dotenv 1.2.4, docker 7.2.0, dotenv 16.6.1 of npm"
echo 'PASSWORD=blue#7' >env
by_python=$(venv/bin/python -c 'import dotenv; print(dotenv.dotenv_values("env")["PASSWORD"])')
by_sdk=$(venv/bin/python -c 'import docker.utils; print(docker.utils.parse_env_file("env")["PASSWORD"])')
by_node=$(node -e 'console.log(require("dotenv").parse(require("fs").readFileSync("env")).PASSWORD)')
expect "python-dotenv" "$by_python" 'blue#7'
expect "the Docker SDK" "$by_sdk" 'blue#7'
expect "dotenv of npm" "$by_node" blue
exit $changed
