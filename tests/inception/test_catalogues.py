"""Every message of the auditor is in every catalogue, with the same places; what is typed or printed stays."""

# ruff: noqa: E501  (the patterns are lines of configuration and of logs)

from __future__ import annotations

import re

import pytest

from pytest_isolation.inception.report import messages
from tests.inception import words

OTHERS = [language for language in messages.LANGUAGES if language != messages.SOURCE]
VALUE = "\u2039value\u203a"
"""What the tests put into a place: no catalogue has it."""
TYPED = (
    r'security_opt: .*|restart: \S+|image: \{\}(:inception)?|driver_opts: .*|ssl_protocols .*;|ports: \["443:443"\]|/home/\{\}/data',
    r"wp (core install|user create)( LOGIN EMAIL --role=author)?|ALTER USER .*|FROM \{\}|FROM \{\}: \{\}|FROM \{\}:\{\}|apk add --no-cache",
    r"nginx -g .*|php-fpm -F|supervisord -n|&& rm -rf .*|RUN (chmod|mkdir) .*|sed -i .*|root \{\};|chown mysql:mysql /run/mysqld|listen(?: =)? .*|user = www-data",
    r"\{\} --user=mysql|bind-address = .*|fastcgi_(param|pass) .*;|apt-get install ca-certificates|php -d .*|docker compose down .*|docker logs \{\}",
    r"server_name .*;|openssl req .*|IDENTIFIED BY \{\}|--url=.*|version: \{\}|\{\}: (pid|network_mode|restart|image): \{\}|L12",
)
"""Lines of configuration and commands: the same in every language."""
PRINTED = (
    r"\{\}: \[ERROR\] .*|\{\}: ERROR: .*|ERROR: .*|\{\}: mariadbd: Please consult .*|Error establishing a database connection: .*: (bind-address = )?\{\}",
    r"PHP Fatal error:  Allowed memory size of \{\} bytes exhausted: \{\}|502 Bad Gateway: .*: listen = \{\}|Your PHP installation appears .*|.*: No such file or directory|service .* invalid compose project",
)
"""What a log says."""
OF_PARTS = {"{} about {}": "one guarantee holds about processes", "{} is {}": None}
"""Messages whose words come from elsewhere: an example; None where a name and a hidden value stand alone."""


def stays(template: str) -> bool:
    return any(re.fullmatch(pattern, template) for pattern in (*TYPED, *PRINTED))


@pytest.mark.parametrize("language", OTHERS)
def test_every_message_is_in_the_catalogue(language: str) -> None:
    lacking = []
    for where, message in words.messages():
        template = words.skeleton(message)
        if not re.search("[A-Za-z]", template.replace("{}", "")):
            continue
        text = template.replace("{}", VALUE)
        said = messages.say(text, language)
        if said == text and not stays(template) and template not in OF_PARTS:
            lacking.append(f"{where}: {template}")
        assert said.count(VALUE) == text.count(VALUE), f"{where}: {said}"
    assert lacking == []


def test_what_the_source_says_is_found() -> None:
    """The control: were it not read, nothing would lack."""
    found = {words.skeleton(message) for _, message in words.messages()}
    assert len(found) > 500
    for template in (
        "{}: {} publishes port {}",  # in a rule, an f-string
        "no service uses secrets:",  # a plain text
        "docker logs {}",  # of the running stack
        "the first process is root, the same root as the machine's",  # of the containers
        "not YAML: {}",  # raised
    ):
        assert template in found
    assert messages.say("a sentence that nobody wrote", "fr") == "a sentence that nobody wrote"
    assert not stays("a sentence that nobody wrote")


@pytest.mark.parametrize("language", OTHERS)
def test_the_places_agree(language: str) -> None:
    for key, text in messages.catalogue(language).items():
        names = messages.PLACE.findall(key)
        assert len(names) == len(set(names)), key
        assert sorted(names) == sorted(messages.PLACE.findall(text)), key


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ("mariadb: 3306:3306 publishes port 3306", "mariadb: 3306:3306 publie le port 3306"),
        ("nginx: exec: \"/go.sh\": permission denied: it has no x bit", "nginx: exec: \"/go.sh\": permission denied : il n'a pas le bit x"),
        ("FROM debian:11: on 2026-08-01 the penultimate stable is debian 12 (bookworm)",
         "FROM debian:11 : le 2026-08-01, l'avant-dernière stable est debian 12 (bookworm)"),
        ("Error establishing a database connection: nothing waits for the database",
         "Error establishing a database connection: rien n'attend la base de données"),
        ("one guarantee holds about processes", "une garantie tient : processes"),
        ("{login} and db share no network", "{login} et db n'ont aucun réseau commun"),
    ],
)  # fmt: skip
def test_values_of_the_submission_stay(found: str, said: str) -> None:
    assert messages.say(found, "fr") == said
