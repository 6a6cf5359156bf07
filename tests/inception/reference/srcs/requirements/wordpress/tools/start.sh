#!/bin/sh
# Puts the site into an empty volume, installs it, then becomes php-fpm.
set -eu

if [ ! -f /var/www/html/wp-config.php ]; then
    cp -rL /usr/share/wordpress/. /var/www/html/
    cp /opt/inception/wp-config.php /var/www/html/wp-config.php
    chown -R www-data:www-data /var/www/html
fi

php /opt/inception/install.php

exec "$@"
