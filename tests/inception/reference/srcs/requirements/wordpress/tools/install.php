<?php
// Installs the site once: its tables, the owner, and a second user who may write.
define('WP_INSTALLING', true);
$_SERVER['HTTP_HOST'] = getenv('DOMAIN_NAME');
$_SERVER['HTTPS'] = 'on';
require '/var/www/html/wp-config.php';
require_once ABSPATH . 'wp-admin/includes/upgrade.php';

if (is_blog_installed()) {
    exit(0);
}
$secret = trim(file_get_contents('/run/secrets/credentials'));
wp_install(
    getenv('WP_TITLE'),
    getenv('WP_BOSS_LOGIN'),
    getenv('WP_BOSS_EMAIL'),
    true,
    '',
    hash_hmac('sha256', 'boss', $secret)
);
wp_insert_user([
    'user_login' => getenv('WP_WRITER_LOGIN'),
    'user_email' => getenv('WP_WRITER_EMAIL'),
    'user_pass' => hash_hmac('sha256', 'writer', $secret),
    'role' => 'author',
]);
