"""WordPress, asked with PHP in its own container: the code that serves the site says what is in its database."""

from __future__ import annotations

import json
import posixpath
from typing import Any

from pytest_isolation.inception.live import web
from pytest_isolation.inception.live.facts import Site
from pytest_isolation.inception.live.look import service_of
from pytest_isolation.technologies.docker.errors import said

PLACES = ("/var/www/html", "/var/www/wordpress", "/var/www/html/wordpress", "/var/www", "/usr/share/wordpress")
PROGRAMS = ("php", "php83", "php82", "php84", "php81", "php8.2", "php8.4", "php8.3", "php8")
MARK = "@@isolation "
START = """
define('WP_USE_THEMES', false); define('WP_INSTALLING', true);
$_SERVER['HTTP_HOST'] = getenv('AUDIT_NAME'); $_SERVER['HTTPS'] = 'on'; $_SERVER['REQUEST_URI'] = '/';
foreach (explode(':', getenv('AUDIT_PLACES')) as $place) { if (is_file("$place/wp-load.php")) { break; } }
if (!is_file("$place/wp-load.php")) { echo getenv('AUDIT_MARK'), json_encode(['nothing' => true]); exit; }
require "$place/wp-load.php";
function told($what) { echo "\\n", getenv('AUDIT_MARK'), json_encode($what); exit; }
if (!is_blog_installed()) { told(['installed' => false]); }
global $wpdb;
"""
ASK = """
$users = [];
foreach (get_users() as $one) { $users[] = [$one->user_login, array_values($one->roles)]; }
$post = $wpdb->get_var("select ID from $wpdb->posts where post_status='publish' and comment_status='open' limit 1");
told(['installed' => true, 'users' => $users, 'tables' => count($wpdb->get_col('show tables')), 'open' => (int) $post]);
"""
EDIT = """
$text = getenv('AUDIT_TEXT');
$new = ['post_type' => 'page', 'post_status' => 'publish', 'post_title' => 'audit', 'post_content' => '-'];
$page = wp_insert_post($new);
wp_update_post(['ID' => $page, 'post_content' => $text]);
told(['page' => (int) $page]);
"""
COUNT = """
told(['comments' => (int) $wpdb->get_var($wpdb->prepare(
    "select count(*) from $wpdb->comments where comment_content = %s", getenv('AUDIT_TEXT')))]);
"""


class NoAnswer(Exception):
    """WordPress could not be asked; the message says why."""


class WordPress:
    """The one of a stack.  Raises NoAnswer when there is none, or no PHP to ask it with."""

    def __init__(self, client: Any, stack: list[dict[str, Any]], name: str) -> None:
        self._client, self._name = client, name
        self._container, self._program = self._find(stack)

    def _find(self, stack: list[dict[str, Any]]) -> tuple[Any, str]:
        likely = sorted(stack, key=lambda attrs: not ("wordpress" in service_of(attrs) or "wp" in service_of(attrs)))
        why = "no container of the stack has WordPress and a php to ask it with"
        for attrs in likely:
            container = self._client.containers.get(attrs["Id"])
            for program in PROGRAMS:
                try:
                    told = self._run(container, program, "echo getenv('AUDIT_MARK'), '{}';", attrs)
                except NoAnswer:
                    continue
                if told is not None and self._run(container, program, START + "told(['here' => true]);", attrs) not in (
                    None, {"nothing": True},
                ):  # fmt: skip
                    return container, program
                why = f"{service_of(attrs)} has php, and it finds no wp-load.php that it can load"
        raise NoAnswer(why)

    def ask(self, code: str, **environment: str) -> dict[str, Any]:
        """Runs PHP in WordPress's container, with WordPress loaded; the JSON object that it prints.

        Raises NoAnswer where it prints none.
        """
        self._container.reload()
        told = self._run(self._container, self._program, START + code, self._container.attrs, **environment)
        if told is None:
            raise NoAnswer("WordPress does not load: it printed no answer (is its database up?)")
        return told

    def _run(
        self, container: Any, program: str, code: str, attrs: dict[str, Any], **environment: str
    ) -> dict[str, Any] | None:
        """None when it said something else."""
        from docker.errors import APIError

        mounted = [one["Destination"] for one in attrs["Mounts"]]
        places = ":".join(dict.fromkeys((*mounted, *(posixpath.join(one, "wordpress") for one in mounted), *PLACES)))
        environment |= {"AUDIT_NAME": self._name, "AUDIT_PLACES": places, "AUDIT_MARK": MARK}
        try:
            status, output = container.exec_run([program, "-r", code], environment=environment, stderr=False)
        except APIError as error:
            raise NoAnswer(said(error)) from None
        if status in (126, 127):
            raise NoAnswer(f"there is no {program}")
        text = (output or b"").decode("utf-8", "replace")
        if MARK not in text:
            return None
        try:
            told: dict[str, Any] = json.loads(text.rpartition(MARK)[2].strip().splitlines()[0])
        except ValueError:
            return None
        return told


def visit(wordpress: WordPress, address: tuple[str, int], name: str, text: str) -> tuple[Site, int]:
    """What it says of itself, and the number of a page with `text` on it; writes that page, and a comment."""
    told = wordpress.ask(ASK)
    if not told["installed"]:
        return Site(installed=False), 0
    users = tuple((str(login), tuple(map(str, roles))) for login, roles in told["users"])
    commented, refusal = _comment(wordpress, address, name, text, told["open"])
    page = int(wordpress.ask(EDIT, AUDIT_TEXT=text)["page"])
    return Site(True, users, told["tables"], commented, refusal, shows(address, name, page, text)), page


def _comment(
    wordpress: WordPress, address: tuple[str, int], name: str, text: str, post: int
) -> tuple[bool | None, str]:
    """As a visitor's browser sends it."""
    if not post:
        return None, "no published post takes comments"
    form = {"comment": text, "author": "audit", "email": f"audit@{name}", "comment_post_ID": str(post)}
    answer = web.post(address, name, "/wp-comments-post.php", form)
    if comments(wordpress, text):
        return True, ""
    return False, f"the site answered {answer.status}" if answer else "the site did not answer"


def comments(wordpress: WordPress, text: str) -> int:
    """How many comments with this text the site has."""
    return int(wordpress.ask(COUNT, AUDIT_TEXT=text)["comments"])


def shows(address: tuple[str, int], name: str, page: int, text: str) -> bool:
    """Whether the page has the text, as a visitor sees it; one redirect is followed."""
    path = f"/?page_id={page}"
    for _ in range(2):
        answer = web.get(address, name, path)
        if answer is None:
            return False
        if answer.status in (301, 302) and answer.location:
            path = "/" + answer.location.partition("://")[2].partition("/")[2]
            continue
        return text in answer.body
    return False
