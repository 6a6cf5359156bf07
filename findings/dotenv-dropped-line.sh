#!/usr/bin/env bash
# A shell joins `"a b"-c` into one word.  python-dotenv takes no such line: it logs a warning, which a program without a logger
# set up may not show, and the variable does not exist.  npm's dotenv and the Docker SDK give a value with the quotes in it.
. "$(dirname "$0")/lib.sh"
python_packages python-dotenv==1.2.4 docker==7.2.0
node_packages dotenv@16.6.1
echo "python-dotenv 1.2.4, docker 7.2.0, dotenv 16.6.1 of npm"
echo 'NAME="a b"-c' >env
by_shell=$(. ./env && echo "$NAME")
by_python=$(venv/bin/python -c 'import dotenv; print(dotenv.dotenv_values("env").get("NAME", "no variable"))' 2>/dev/null)
by_sdk=$(venv/bin/python -c 'import docker.utils; print(docker.utils.parse_env_file("env")["NAME"])')
by_node=$(node -e 'console.log(require("dotenv").parse(require("fs").readFileSync("env")).NAME)')
expect "a shell" "$by_shell" 'a b-c'
expect "python-dotenv" "$by_python" 'no variable'
expect "the Docker SDK" "$by_sdk" '"a b"-c'
expect "dotenv of npm" "$by_node" '"a b"-c'
exit $changed
