#!/usr/bin/env bash
# What stands in a here-document of a Dockerfile is text (Dockerfile reference, Here-documents).  dockerfile-parse reads it as
# instructions: a line of it that begins with FROM begins a stage, which becomes the base image, and the variables of the stage
# are gone.  dockerfile-ast of npm keeps it with its RUN.
. "$(dirname "$0")/lib.sh"
python_packages dockerfile-parse==2.0.1
node_packages dockerfile-ast@0.7.1
echo "dockerfile-parse 2.0.1, dockerfile-ast 0.7.1 of npm"
printf '%s\n' 'FROM alpine' 'ENV GREETING=hello' 'RUN cat >/note <<END' 'From here on' 'END' >Dockerfile
cat >ask.py <<'END'
from dockerfile_parse import DockerfileParser
one = DockerfileParser(fileobj=open("Dockerfile", "rb+"))
print(one.parent_images, one.envs)
END
expect "base images and variables, dockerfile-parse" "$(venv/bin/python ask.py)" "['alpine', 'here'] {}"
ask='const {DockerfileParser} = require("dockerfile-ast"); const f = DockerfileParser.parse(require("fs").readFileSync("Dockerfile", "utf8"));
console.log(f.getFROMs().map(i => i.getImage()).join(" "), f.getENVs().length)'
expect "base images and number of ENV, dockerfile-ast" "$(node -e "$ask")" "alpine 1"
exit $changed
