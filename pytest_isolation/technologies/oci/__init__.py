"""What runc, crun and gVisor have in common: a bundle, and a program that runs it (OCI runtime-spec)."""

from pytest_isolation.technologies.oci.runtime import OciRuntime

__all__ = ["OciRuntime"]
