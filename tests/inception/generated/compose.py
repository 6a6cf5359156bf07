"""The compose file of a generated submission."""

# ruff: noqa: E501  (the lines are a submission's, which are as long as they are)

from __future__ import annotations

from textwrap import indent

from tests.inception.generated import shapes
from tests.inception.generated.stack import Stack


def compose(s: Stack) -> None:
    c = s.c
    data = {
        "plain": f"/home/{s.login}/data",
        "HOME": "${HOME}/data",
        "USER": "/home/${USER}/data",
        "env": "${DATA_PATH}",
    }[s.data_by]
    data = c.one("C10", (data,), ("/var/data", "/tmp/data", "./data", f"/home/{s.login}/inception"))
    if s.data_by == "env" and s.env == "absent" and "C10" not in c.says:
        c.allow("unclear", "C10")
    c.allow("unclear", "E02")
    if "C10" in c.says:
        c.allow("fail", "E02")  # make makes the directories in /home/LOGIN/data
    tag = c.pick(":inception", ":42", ":1.0", ":v1")
    restart = c.one("C04", ("restart: always", "restart: unless-stopped", "restart: on-failure", 'restart: "always"', "restart: on-failure:5"),
                    ("restart: no", 'restart: "no"', ""))  # fmt: skip
    network = c.pick("inception", "inception_net", "docker-network")
    volumes = (c.pick("mariadb_data", "db", "mariadb"), c.pick("wordpress_data", "wp", "site"))
    targets = ["/var/lib/mysql", s.site_root]
    if c.breaks("C09"):
        targets[0] = c.pick("/var/www/html/db", "/data", "/var/lib/mysqld")
    lists = c.style("lists", "block", "flow")

    def items(key: str, values: list[str]) -> str:
        if not values:
            return ""
        if lists == "flow":
            return f"{key}: [" + ", ".join(f'"{one}"' for one in values) + "]\n"
        return f"{key}:\n" + "".join(f"  - {one}\n" for one in values)

    bind = s.subject == "5.4" and c.breaks("C11")
    anchored = restart and c.style("anchor", 0, 0, 1)
    shared = "<<: *common\n" if anchored else ""
    texts = []
    for index, name in enumerate((s.db, s.wp, s.web)):
        image = (
            c.one("C05", (f"{name}{tag}",), (f"my{name}{tag}", f"inception:{name}")) if index == 1 else f"{name}{tag}"
        )
        if "W02" in c.broken or c.pick(0, 0, 0, 1) == 0:
            build = c.pick(f"build: {'./' if c.maybe() else ''}{s.dirs}{name}\n", f"build:\n  context: ./{s.dirs}{name}\n",
                       f"build:\n  context: {s.dirs}{name}/\n  dockerfile: Dockerfile\n")  # fmt: skip
        else:
            build = shapes.elsewhere(c, s.files, s.dirs, name)
        lines = c.pick(f"container_name: {name}\n", "") + build + f"image: {image}\n"
        lines += shared or (restart + "\n" if restart else "")
        lines += c.pick("env_file: .env\n", "env_file:\n  - .env\n", 'env_file: [".env"]\n')
        if not (index == 2 and c.breaks("C01")):
            lines += items("networks", [network])
        else:
            lines += "network_mode: host\n"
            c.says.pop("G13", None)  # other names count there
            c.allow("fail", "C03", "C08", "N05", "X04")
        volume, target = volumes[min(index, 1)], targets[min(index, 1)]
        source = (f"{data}/" + ("mariadb", "wordpress")[min(index, 1)]) if bind else volume
        if c.pick(0, 0, 0, 1):
            kind = "bind" if bind else "volume"
            lines += f"volumes:\n  - type: {kind}\n    source: {source}\n    target: {target}\n"
        else:
            lines += items("volumes", [f"{source}:{target}"])
        if index == 2 and s.configs is not None:
            lines += f"configs:\n  - source: site\n    target: {s.configs[1]}\n"
        if s.secrets:
            given = {
                0: ["db_password", "db_root_password"],
                1: ["db_password", "wp_admin_password", "wp_user_password"],
            }.get(index, [])
            if "G05" in c.says and index == 0:
                given = ["db_password"]
            lines += items("secrets", given)
        if index == 0 and c.maybe():
            lines += 'healthcheck:\n  test: ["CMD", "mysqladmin", "ping", "-h", "localhost"]\n  interval: 5s\n  retries: 10\n'
        if index == 1:
            lines += c.pick(items("depends_on", [s.db]), f"depends_on:\n  {s.db}:\n    condition: service_started\n")
        if index == 2:
            lines += items("depends_on", [s.wp]) if not c.breaks("G08") else items("depends_on", ["word_press"])
            lines += items("links", [s.wp]) if c.breaks("C02") else ""
            port = c.one(
                "C08",
                (['"443:443"'], ["443:443"], ["'443:443'"], ["target: 443\n    published: 443"]),
                (['"80:80"', '"443:443"'], ['"8443:443"']),
            )
            lines += "ports:\n" + "".join(f"  - {one}\n" for one in port)
        elif index == 0:
            lines += items("expose", ["3306"]) if c.maybe() else ""
        texts.append(f"{name}:\n" + indent(lines, "  "))
    if c.breaks("C07"):
        texts.append("cache:\n" + indent(f"image: redis:7\n{restart}\n" + items("networks", [network]), "  "))
        c.allow("fail", "C05")
        c.allow("unclear", "C05")
        c.allow("advice", "B01", "B05", "B06", "S11")
        c.allow("fail", "S07", "B01", "B05", "B06")
        c.allow("unclear", "B01", "B05", "B06")
    order = [0, 1, 2] if c.maybe() else [2, 1, 0]
    services = "services:\n" + indent(c.pick("\n", "").join(texts[index] for index in order) + "".join(texts[3:]), "  ")
    services = (f"x-common: &common\n  {restart}\n\n" if anchored else "") + s.say() + services
    nets = c.pick(
        f"networks:\n  {network}:\n    driver: bridge\n",
        f"networks:\n  {network}:\n",
        f"networks:\n  {network}:\n    name: {network}\n",
    )
    if c.breaks("C03"):
        services = "\n".join(services.split("\n"))
        for form in (f'    networks: ["{network}"]\n', f"    networks:\n      - {network}\n"):
            services = services.replace(form, "")
        nets = ""
    vols = ""
    if not bind:
        vols = "volumes:\n" + "".join(
            f"  {volume}:\n    driver: local\n    driver_opts:\n      type: none\n      o: bind\n      device: {data}/{directory}\n"
            for volume, directory in zip(volumes, ("mariadb", "wordpress"), strict=True)
        )
    secret = ""
    if s.secrets:
        where = c.pick("../secrets/", "../secrets/", "./secrets/")
        s.secret_dir = where.replace("../", "").replace("./", "srcs/")
        secret = "secrets:\n" + "".join(f"  {name}:\n    file: {where}{name}.txt\n" for name in s.secret_names.values())
    config = shapes.config(c, s.files, s.configs[0]) if s.configs is not None else ""
    parts = [services, nets, vols, secret, config]
    if c.maybe():
        parts = [nets, config, services, secret, vols]
    version = c.pick("", "", "version: '3.8'\n")
    if version:
        c.allow("advice", "X02")
    c.allow("advice", "X01", "X03", "C13", "C05")
    s.write(f"srcs/{s.compose}", version + c.pick("\n", "").join(part for part in parts if part))
