#!/usr/bin/env bash
# `docker create --device /dev/fuse:r` hands in /dev/fuse, to be read.  The Docker SDK for Python takes the second part of
# devices=["/dev/fuse:r"] for a path: it hands in /dev/fuse as `r`, to be read, written and made.  A small server plays
# the daemon and writes down what each client asks it for.
. "$(dirname "$0")/lib.sh"
deb docker.io=20.10.24+dfsg1-1+deb12u1+b6
docker --version || untried "docker wants libraries that are not here"
python_packages docker==7.2.0
echo "docker for Python $(venv/bin/python -c 'import docker; print(docker.__version__)')"
cat >daemon.py <<'PYTHON'
import http.server, json
class Daemon(http.server.BaseHTTPRequestHandler):
    def do_HEAD(self): self.do_GET()
    def do_GET(self): self.answer({"ApiVersion": "1.41", "MinAPIVersion": "1.12", "Os": "linux"})
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with open("asked", "w") as file:
            for one in body["HostConfig"]["Devices"]:
                print(one["PathOnHost"], "as", one["PathInContainer"], one["CgroupPermissions"], file=file)
        self.answer({"Id": "0" * 64, "Warnings": []}, 201)
    def answer(self, value, status=200):
        text = json.dumps(value).encode()
        self.send_response(status)
        said = {"Api-Version": "1.41", "Ostype": "linux", "Content-Type": "application/json", "Content-Length": len(text)}
        for name, one in said.items():
            self.send_header(name, str(one))
        self.end_headers()
        if self.command != "HEAD": self.wfile.write(text)
    def log_message(self, *told): pass
server = http.server.HTTPServer(("127.0.0.1", 0), Daemon)
print(server.server_port, flush=True)
server.serve_forever()
PYTHON
exec 3< <(exec venv/bin/python daemon.py)
daemon=$!
trap 'kill $daemon 2>/dev/null || true; rm -rf "$here"' EXIT
read -r port <&3
export DOCKER_HOST=tcp://127.0.0.1:$port DOCKER_CONFIG=$here
docker create --device /dev/fuse:r image >/dev/null
expect "docker create --device /dev/fuse:r" "$(cat asked)" "/dev/fuse as /dev/fuse r"
venv/bin/python -c 'import docker; docker.from_env().api.create_container(
    "image", host_config=docker.from_env().api.create_host_config(devices=["/dev/fuse:r"]))'
expect 'the SDK, devices=["/dev/fuse:r"]' "$(cat asked)" "/dev/fuse as r rwm"
exit $changed
