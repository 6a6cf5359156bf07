#!/usr/bin/env bash
# `docker create --env TOKEN` hands in the caller's TOKEN.  The Docker SDK for Python sends environment=["TOKEN"] on as it is,
# which to the daemon means the reverse: without the TOKEN that the image has.  A small server plays the daemon and writes down
# what each client asks it for.
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
            print(*body.get("Env") or [], file=file)
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
TOKEN=secret docker create --env TOKEN image >/dev/null
expect "docker create --env TOKEN, the caller has it" "$(cat asked)" "TOKEN=secret"
cat >ask.py <<'END'
import docker
docker.from_env(version="1.41").api.create_container("image", environment=["TOKEN"])
END
TOKEN=secret venv/bin/python ask.py
expect 'the SDK, environment=["TOKEN"], the caller has it' "$(cat asked)" TOKEN
exit $changed
