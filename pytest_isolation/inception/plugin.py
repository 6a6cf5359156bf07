"""pytest's hooks of the auditor, and nothing heavy: every pytest run on the machine imports this module."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_isolation.plugin import as_usage_error

if TYPE_CHECKING:
    from pytest_isolation.inception.options import Audits

OPTIONS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("--inception", {
        "action": "append", "dest": "inception", "metavar": "PATH",
        "help": "audit a 42-school Inception submission (repeatable); nothing of it is executed",
    }),
    ("--inception-subject", {
        "dest": "inception_subject", "metavar": "VERSION",
        "help": "judge by this version of the subject: 1.1, 1.3, 3, 3.2, 4, 5, 5.2 or 5.4 (default: by the date)",
    }),
    ("--inception-date", {
        "dest": "inception_date", "metavar": "today|commit|YYYY-MM-DD",
        "help": "judge as of this day (default: today); commit: of the last commit that changed a Dockerfile",
    }),
    ("--inception-login", {
        "dest": "inception_login", "metavar": "LOGIN", "help": "the author's login (default: from the volumes' place)",
    }),
    ("--inception-domain", {
        "dest": "inception_domain", "metavar": "PATTERN",
        "help": "the site's name, with {login} for the login (default: {login}.42.fr)",
    }),
    ("--inception-language", {
        "dest": "inception_language", "metavar": "en|fr",
        "help": "of the student's page in HTML, --isolation-report html:PATH (default: en); what programs print stays",
    }),
    ("--inception-live", {
        "dest": "inception_live", "metavar": "vm|host|running", "nargs": "?", "const": "vm",
        "help": "also build and start a copy, put it through the sheet and take it away: in a machine of its own "
        "(vm, or no value), or on this machine's Docker (host); running: look at the stack its author started here "
        "(needs --inception-login)",
    }),
    ("--inception-env", {
        "dest": "inception_env", "metavar": "FILE|DIR",
        "help": "the .env, or a directory with it and the secrets, for --inception-live (default: made up)",
    }),
    ("--inception-strict", {
        "action": "store_true", "dest": "inception_strict",
        "help": "where evaluators differ, the hardest one decides; every broken rule fails the run",
    }),
)  # fmt: skip
AUDITS: pytest.StashKey[Audits | None] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    """Declares --inception and its companions."""
    if pluginmanager.is_blocked("isolation"):
        return  # -p no:isolation means this plugin too: it cannot do without the other
    group = parser.getgroup("isolation")
    for name, how in OPTIONS:
        group.addoption(name, **how)


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Nothing of a submission is loaded as if it were the user's own."""
    given = getattr(early_config.known_args_namespace, "inception", None)
    if given:
        from pytest_isolation.inception.guard import refuse_to_load

        with as_usage_error():
            refuse_to_load(early_config, given)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Registers the auditor where submissions were named; imports none of its libraries before."""
    with as_usage_error():
        asked = audits(config)
        if asked is None:
            return
        from pytest_isolation.inception.auditor import Auditor
        from pytest_isolation.options import resolve

        auditor = Auditor(config, resolve(config), asked)
    config.pluginmanager.register(auditor, "isolation-audits")


@pytest.hookimpl(optionalhook=True)
def pytest_isolation_measures(config: pytest.Config) -> bool:
    """Whether this run audits, so that `--isolation-report` has something to write."""
    return audits(config) is not None


def audits(config: pytest.Config) -> Audits | None:
    """The submissions to audit; None without any of OPTIONS.  Raises UsageError for what is written wrongly."""
    if not any(config.getoption(how["dest"], None) for _, how in OPTIONS):
        return None
    if AUDITS not in config.stash:
        from pytest_isolation.inception.extra import check_installed
        from pytest_isolation.inception.options import read

        check_installed()
        config.stash[AUDITS] = read(vars(config.option), config.invocation_params.dir)
    return config.stash[AUDITS]
