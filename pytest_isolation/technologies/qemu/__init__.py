"""QEMU: a virtual machine, booted directly from a kernel image with the agent as its first process.

To boot any kernel image and get an agent back, use `vm.boot(machine.Machine(kernel=kernel.kernel(PATH), ...),
lifetime)`: further words of the kernel's command line, modules and a time limit are its arguments, and a kernel
that hangs or panics raises `vm.BootError` with its console's last lines.
"""
