"""Host support: what a kernel can really do, found by trying, and what that lets run on it.

survey.py        tries every feature on one kernel, as root and as a user
feature.py       what a feature is; features/ has them, by domain
trial.py         a scratch process in which one feature is tried
kernel.py        what the kernel says of itself: configuration, command line, sysctls, modules
modules.py      what trials brought into the kernel goes again
guest.py        whether a Linux guest boots on KVM here
explain.py       why a trial came out as it did
technologies.py  which technologies that lets run (technologies.toml)
"""
