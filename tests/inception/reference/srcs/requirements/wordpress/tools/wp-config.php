<?php
// Everything comes from the environment and the secrets of the container.
define('DB_HOST', 'mariadb');
define('DB_NAME', getenv('MYSQL_DATABASE'));
define('DB_USER', getenv('MYSQL_USER'));
define('DB_PASSWORD', trim(file_get_contents('/run/secrets/db_password')));
define('DB_CHARSET', 'utf8mb4');
define('DB_COLLATE', '');
define('WP_HOME', 'https://' . getenv('DOMAIN_NAME'));
define('WP_SITEURL', 'https://' . getenv('DOMAIN_NAME'));

// The keys follow from a secret: the same after every start, and in no file.
foreach (['AUTH', 'SECURE_AUTH', 'LOGGED_IN', 'NONCE'] as $name) {
    define($name . '_KEY', hash_hmac('sha256', $name . ' key', DB_PASSWORD));
    define($name . '_SALT', hash_hmac('sha256', $name . ' salt', DB_PASSWORD));
}

$table_prefix = 'wp_';
if (!defined('ABSPATH')) {
    define('ABSPATH', '/var/www/html/');
}
require_once ABSPATH . 'wp-settings.php';
