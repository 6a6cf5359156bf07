"""More edits of the reference: repositories, YAML, Makefiles and images in the shapes that people give them."""

from __future__ import annotations

from tests.inception.mutants import COMPOSE, ENV, MAKEFILE, breach, innocent

SECRET = "secrets/db_password.txt"

SHAPES = (
    # -- a repository that begins above the submission
    innocent("P02", "a repository above, which ignores by the submission's own .gitignore", above=True),
    innocent(
        "P08", "the .gitignore is above, with paths from there",
        (".gitignore", None, None), ("../.gitignore", None, "/inception/srcs/.env\n/inception/secrets/\n"), above=True,
    ),
    innocent(
        "P08", "the .gitignore is above, with names for any place",
        (".gitignore", None, None), ("../.gitignore", None, ".env\nsecrets\n"), above=True,
    ),
    breach(
        "P08", "the .gitignore above is about another directory", verdict="advice",
        *((".gitignore", None, "*.swp\n"), ("../.gitignore", None, "/push_swap/\n/srcs/.env\n")),
        above=True,
    ),
    breach(
        "P02", "a repository above tracks the .env",
        (".gitignore", None, "secrets/\n"), (ENV, None, "@srcs/.env\nDB_PASSWORD=Rz8vQ2mN4\n"),
        also={"P08": "advice"}, above=True,
    ),
    breach(
        "P03", "a repository above tracks a secret",
        (".gitignore", None, ".env\n"), (SECRET, None, "Rz8vQ2mN4\n"), also={"P08": "advice"}, above=True,
    ),
    innocent("P02", "another directory of the repository above has a secret",
             ("../push_swap/.env", None, "DB_PASSWORD=Rz8vQ2mN4\n"), above=True),
    breach(
        "P02", "a repository above that tracks nothing of it decides nothing", verdict="unclear",
        *((ENV, None, "@srcs/.env\nDB_PASSWORD=Rz8vQ2mN4\n"), ("../.gitignore", None, "inception\n")), above=True,
    ),
)  # fmt: skip
