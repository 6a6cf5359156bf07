"""NGINX's image in a generated submission: its configuration and its certificate."""

# ruff: noqa: E501  (the lines are a submission's, which are as long as they are)

from __future__ import annotations

from textwrap import indent

from tests.inception.generated.image import base_of, header, install, started
from tests.inception.generated.stack import Stack


def nginx(s: Stack) -> None:
    c = s.c
    base = base_of(s, "web")
    alpine = base.startswith("alpine")
    packages = c.pick("nginx openssl", "openssl nginx", "nginx openssl curl" if alpine else "nginx openssl vim")
    key, crt = c.pick(
        ("/etc/nginx/ssl/site.key", "/etc/nginx/ssl/site.crt"),
        ("/etc/ssl/private/nginx.key", "/etc/ssl/certs/nginx.crt"),
    )
    make = c.pick(
        f"openssl req -x509 -nodes -days 365 -newkey rsa:2048 -keyout {key} -out {crt} -subj '/C=FR/L=Paris/O=42/CN={s.domain}'",
        f'openssl req -newkey rsa:4096 -x509 -sha256 -days 365 -nodes -out {crt} -keyout {key} -subj "/CN={s.domain}"',
    )
    tls = c.one("N01", ("ssl_protocols TLSv1.2 TLSv1.3;", "ssl_protocols TLSv1.3;", "ssl_protocols TLSv1.3 TLSv1.2; # pas TLSv1.1"),
                ("ssl_protocols TLSv1 TLSv1.1 TLSv1.2;", "ssl_protocols TLSv1.1 TLSv1.2 TLSv1.3;"))  # fmt: skip
    listen = c.one("N02", ("listen 443 ssl;", "listen 443 ssl;\n    listen [::]:443 ssl;", "listen [::]:443 ssl;\n    listen 0.0.0.0:443 ssl;",
                           "listen 443 ssl default_server;", "listen 443 ssl http2;"), ("listen 443;", "listen 8443 ssl;", "listen 80;"))  # fmt: skip
    if "N02" in c.says:
        c.allow("fail", "N03", "N01", "N06")
        c.allow("advice", "N03")
        c.allow("unclear", "N01", "N06")
    by_env = c.style("conf", "plain", "plain", "envsubst", "heredoc", "sed")
    name = "${DOMAIN}" if by_env != "plain" else s.domain
    name = c.one("N04", (name, f"{s.domain} www.{s.domain}", name), ("localhost", "_", "example.com"))
    script_name = c.one("G07", (
        "include fastcgi_params;\n        fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;",
        "include /etc/nginx/fastcgi_params;\n        fastcgi_param  SCRIPT_FILENAME  $document_root$fastcgi_script_name;",
        "include fastcgi.conf;"), ("include fastcgi_params;", "fastcgi_param PATH_INFO $fastcgi_path_info;"))  # fmt: skip
    php = c.one("N05", (f"{s.wp}:9000", f"{s.wp}:9000"), (f"{s.web}:9000", f"{s.wp}:8080", "127.0.0.1:9000"))
    if "N05" in c.says:
        c.allow("fail", "G03")
    certificate = f"ssl_certificate {crt};\n    ssl_certificate_key {key};"
    upstream = ""
    if "N05" not in c.says and c.pick(0, 0, 1):
        upstream, php = f"upstream php {{\n    server {php};\n}}\n\n", "php"
    server = f"""{upstream}server {{
    {listen}
    server_name {name};

    {certificate}
    {tls}

    root {s.site_root if not c.breaks("G14") else c.pick("/srv/site", "/usr/share/nginx/html")};
    index index.php{c.pick("", " index.html")};
    {s.say().strip()}

    location / {{
        try_files $uri $uri/ {c.pick("/index.php?$args", "=404", "/index.php$is_args$args")};
    }}

    {"location /tool/ { proxy_pass http://tool:8080/; }" if c.breaks("G13") else ""}

    location ~ \\.php$ {{
        {c.pick("", "try_files $uri =404;")}
        fastcgi_pass {php};
        fastcgi_index index.php;
        {script_name}
    }}
}}
"""
    whole = c.style("nginx", "site", "whole")
    if by_env == "heredoc":
        whole = "site"
    target = (
        "/etc/nginx/http.d/default.conf"
        if alpine
        else c.pick("/etc/nginx/conf.d/default.conf", "/etc/nginx/sites-enabled/default")
    )
    if whole == "whole":
        target = "/etc/nginx/nginx.conf"
        server = ("user nginx;\n" if alpine else "user nginx;\n" if base.startswith("debian") and c.breaks("G20") else "user www-data;\n") + "worker_processes auto;\nevents { worker_connections 1024; }\n\nhttp {\n" \
            "    include /etc/nginx/mime.types;\n" + indent(server, "    ") + "}\n"  # fmt: skip
    more = c.pick("mkdir -p /etc/nginx/ssl /etc/ssl/private", "mkdir -p /etc/nginx/ssl")
    run = '["nginx", "-g", "daemon off;"]'
    script = ""
    source = c.pick("nginx.conf", "default.conf", "site.conf")
    at_start = c.maybe()
    if c.breaks("N06"):
        make = "true"
        if not base.startswith(("debian", "alpine")):
            c.says.pop("N06")  # another image may bring one
        c.allow("unclear", "N06")
    if not at_start:
        more += "\n" + make
    else:
        script += f"if [ ! -f {crt} ]; then\n    {make}\nfi\n"
    variable = s.names["domain"]
    server = server.replace("${DOMAIN}", f"${{{variable}}}")
    copy = f"COPY {s.conf}{source} {target}\n"
    if by_env == "plain" and c.style("arrives", "copy", "copy", "configs") == "configs":
        s.configs, copy = (s.at(s.web, s.conf + source), target), ""
    if by_env != "plain" and s.env == "absent":
        c.allow("unclear", "N04")
        c.says.pop("N04", None) if "${" in name else None
    if by_env == "envsubst":
        packages += " gettext" if alpine else " gettext-base"
        copy = f"COPY {s.conf}{source} /etc/nginx/{source}.template\n"
        script += f"envsubst '${{{variable}}}' < /etc/nginx/{source}.template > {target}\n"
    elif by_env == "sed":
        server = server.replace(f"${{{variable}}}", "DOMAIN_HERE")
        script += c.pick(
            f'sed -i "s/DOMAIN_HERE/${variable}/g" {target}\n', f'sed -i "s|DOMAIN_HERE|${{{variable}}}|" {target}\n'
        )
    elif by_env == "heredoc":
        written = server.replace("$", "\\$").replace(f"\\${{{variable}}}", f"${{{variable}}}")
        script += f"cat << EOF > {target}\n{written}EOF\n"
        copy = ""
    if by_env != "heredoc":
        s.write(s.at(s.web, s.conf + source), server)
    text = header(s, base) + install(s, base, packages, more) + copy + c.pick("", "EXPOSE 443\n")
    if script:
        last = "exec nginx -g 'daemon off;'\n"
        command = ""
        if c.maybe():
            command, last = run, 'exec "$@"\n'
        if c.breaks("D05"):
            c.drawn.append("D05 broken by a script that ends in bash")
            command, last = "", c.pick("nginx\nsleep infinity\n", "nginx\ntail -f /var/log/nginx/access.log\n")
            c.allow("fail", "D06", "D10", "D07")
            c.allow("advice", "D09")
            c.says.pop("D05")
            c.says["D06"] = "fail"
            c.allow("fail", "D05")
        text += started(s, s.web, base, script + last, command)
    else:
        right = (f"CMD {run}\n", 'ENTRYPOINT ["nginx", "-g", "daemon off;"]\n', 'CMD ["-g", "daemon off;"]\nENTRYPOINT ["nginx"]\n',
                 "CMD nginx -g 'daemon off;'\n", 'CMD ["/usr/sbin/nginx", "-g", "daemon off;"]\n', 'CMD ["sh", "-c", "exec nginx -g \'daemon off;\'"]\n')  # fmt: skip
        text += c.one("D05", right, ('CMD ["sh", "-c", "nginx && tail -f /dev/null"]\n', "CMD nginx; sleep infinity\n",
                                     "ENTRYPOINT service nginx start && bash\n", 'CMD ["bash"]\n'))  # fmt: skip
        c.allow("advice", "D09")
        if "D05" in c.says:
            c.allow("fail", "D06", "D10", "D07")
            c.allow("advice", "D08")
            c.allow("unclear", "D10", "S08")
    s.write(s.at(s.web, "Dockerfile"), text)
