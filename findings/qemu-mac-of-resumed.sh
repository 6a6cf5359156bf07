#!/usr/bin/env bash
# A QEMU that takes up a saved state is started with the machine's options again.  One that is given another MAC address takes it, and
# says nothing; `info network` shows it, and the property of the device has it.  The network card has the saved one.
. "$(dirname "$0")/lib.sh"
deb qemu-system-x86=1:7.2+dfsg-7+deb12u18+b3 qemu-system-common=1:7.2+dfsg-7+deb12u18+b3 qemu-system-data=1:7.2+dfsg-7+deb12u18 \
  seabios=1.16.2-1
qemu-system-x86_64 --version >said 2>&1 || untried "QEMU wants libraries that are not here: $(tail -1 said)"
head -1 said
# Each is stopped before its first instruction, so that the state is that of a card as it was made.
cat >macs.py <<'PYTHON'
import json, os, subprocess, sys, time

class Machine:
    def __init__(self, mac, *more):
        self.program = subprocess.Popen(
            ["qemu-system-x86_64", "-L", sys.argv[1], "-accel", "tcg", "-m", "8", "-S", "-display", "none", "-nodefaults",
             "-netdev", "user,id=net,restrict=on", "-device", f"virtio-net-pci,netdev=net,mac={mac},romfile=,id=card",
             "-qmp", "stdio", *more], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=open("errors", "a"), text=True)
        self.program.stdout.readline()
        self.ask("qmp_capabilities")

    def ask(self, command, **arguments):
        self.program.stdin.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self.program.stdin.flush()
        while True:
            answer = json.loads(self.program.stdout.readline())
            if "return" in answer or "error" in answer:
                return answer.get("return", answer.get("error"))

    def moved(self, command, **arguments):
        self.ask(command, **arguments)
        while (state := self.ask("query-migrate").get("status")) not in ("completed", "failed"):
            time.sleep(0.1)
        return state

    def end(self):
        self.ask("quit")
        self.program.wait()

first = Machine("52:54:00:00:00:01")
first.moved("migrate", uri="exec:cat>state")
first.end()
second = Machine("52:54:00:00:00:02", "-incoming", "defer")
print("state", second.moved("migrate-incoming", uri="exec:cat state"))
print("monitor", second.ask("human-monitor-command", **{"command-line": "info network"}).split("macaddr=")[1][:17])
print("property", second.ask("qom-get", path="card", property="mac"))
print("card", second.ask("query-rx-filter")[0]["main-mac"])
second.end()
PYTHON
python3 macs.py "$here/deb/usr/share/seabios" >seen
of() { sed -n "s/^$1 //p" seen; }
expect "the state, taken up" "$(of state)" completed
expect "info network" "$(of monitor)" 52:54:00:00:00:02
expect "the property mac" "$(of property)" 52:54:00:00:00:02
expect "the card's address" "$(of card)" 52:54:00:00:00:01
expect "lines that QEMU said" "$(wc -l <errors)" 0
exit $changed
