"""Secrets as people and programs write them down: made at test time, so that no token of a real look lies in this tree."""
# ruff: noqa: E501 (a line of a host is read on one line)

import random
import string
from collections.abc import Iterator

_DIGITS, _SMALL, _CAPITALS = string.digits, string.ascii_lowercase, string.ascii_uppercase
_ALPHABETS = {
    "9": _DIGITS,
    "a": _SMALL + _DIGITS,
    "A": _CAPITALS + _DIGITS,
    "x": _DIGITS + "abcdef",
    "w": _SMALL + _CAPITALS + _DIGITS,
    "u": _SMALL + _CAPITALS + _DIGITS + "-_",
    "b": _SMALL + _CAPITALS + _DIGITS + "+/",
    "X": _DIGITS + "ABCDEF",
}

# Tokens that their shape gives away: what stands before, and `{kind*length}` for what is drawn.
SHAPES = {
    "aws": "AKIA{A*16}", "aws-temporary": "ASIA{A*16}", "aws-bedrock": "ABSK{b*109}=",
    "github": "ghp_{w*36}", "github-app": "ghs_{w*36}", "github-fine": "github_pat_{w*22}_{w*59}",
    "gitlab": "glpat-{u*20}", "gitlab-deploy": "gldt-{u*20}", "gitlab-runner": "glrt-{u*20}", "gitlab-feed": "glft-{u*20}",
    "gitlab-scim": "glsoat-{u*20}", "gitlab-agent": "glagent-{u*50}", "gitlab-oauth": "gloas-{x*64}", "gitlab-mail": "glimt-{a*25}",
    "gitlab-old-runner": "GR1348941{u*20}", "gitlab-ci": "glcbt-{x*2}_{u*20}", "gitlab-flag": "glffct-{u*20}",
    "slack-bot": "xoxb-{9*12}-{9*12}-{w*24}", "slack-user": "xoxp-{9*12}-{9*12}-{9*12}-{x*32}", "slack-app": "xapp-1-{A*11}-{9*13}-{x*64}",
    "stripe": "sk_live_{w*24}", "stripe-restricted": "rk_live_{w*24}", "stripe-hook": "whsec_{w*32}",
    "google": "AIza{u*35}", "google-oauth": "ya29.{u*60}", "google-client": "GOCSPX-{u*28}", "npm": "npm_{w*36}", "pypi": "pypi-AgEIcHlwaS5vcmc{u*80}",
    "sendgrid": "SG.{u*22}.{u*43}", "mailgun": "key-{x*32}", "mailchimp": "{x*32}-us12", "vault": "hvs.{u*90}", "vault-old": "s.{w*24}",
    "digitalocean": "dop_v1_{x*64}", "docker": "dckr_pat_{u*27}", "openai": "sk-proj-{u*40}", "anthropic": "sk-ant-api03-{u*93}AA",
    "huggingface": "hf_{w*34}", "databricks": "dapi{x*32}", "age": "AGE-SECRET-KEY-1{A*58}", "telegram": "{9*10}:AA{u*33}",
    "jwt": "eyJ{w*33}.eyJ{w*40}.{u*43}", "square": "sq0csp-{u*43}", "shopify": "shpat_{x*32}", "twilio": "SK{x*32}", "grafana": "glsa_{w*32}_{x*8}",
    "grafana-cloud": "glc_{b*40}=", "atlassian": "ATATT3{u*186}", "linear": "lin_api_{w*40}", "terraform": "{w*14}.atlasv1.{u*64}", "doppler": "dp.pt.{w*43}",
    "newrelic": "NRAK-{A*27}", "pulumi": "pul-{x*40}", "rubygems": "rubygems_{x*48}", "planetscale": "pscale_pw_{u*43}", "discord": "M{w*23}.{w*6}.{u*27}",
    "artifactory": "AKCp{w*69}", "azure-ad": "{w*3}8Q~{w*34}", "postman": "PMAK-{x*24}-{x*34}", "tailscale": "tskey-auth-{w*12}-{w*32}",
    "cloudflare-ca": "v1.0-{x*24}-{x*146}", "onepassword": "ops_eyJ{w*260}", "sentry": "sntrys_eyJ{w*90}", "crypt-yescrypt": "$y$j9T${w*22}${w*43}",
    "crypt-sha512": "$6${w*16}${w*86}", "crypt-apr": "$apr1${w*8}${w*22}", "crypt-bcrypt": "$2y$10${w*53}", "ssha": "{SSHA}{b*32}",
    "scram": "SCRAM-SHA-256$4096:{b*22}==${b*43}=:{b*43}=", "mysql-hash": "*{X*40}", "alibaba": "LTAI{w*20}",
    "fly": "FlyV1 fm2_{b*120}",
}  # fmt: skip

# Lines in which `§` stands for a token of any shape, wherever a host may have it.
ANYWHERE = {
    "alone": "§", "sentence": "the deployment of yesterday still uses § for the upload", "url": "https://api.internal.example/hook/§?x=1", "json": '{"a": 1, "b": "§", "c": 2}',
    "argument": "/usr/bin/app --with § --verbose", "environment": "HOME=/root SOMETHING=§ LANG=C", "yaml": "  - §", "query": "GET /v1/items?page=2&sig=§ HTTP/1.1",
    "python": "client = Client('§')", "header": "curl -H 'X-Thing: §' https://api.internal.example/", "log": "Jan 10 10:00:01 web app[812]: request refused: §",
}  # fmt: skip

# Lines in which `§` stands for a password: any word that a person thinks of, or a random one. By kind of file.
SETTINGS = {
    "ini": "password = §", "ini-quoted": 'db_passwd="§"', "yaml": "  password: §", "yaml-quoted": "  - secret_key: '§'", "json": '  "password": "§",', "json-line": '{"user":"shop","password":"§","port":5432}',
    "toml": 'api_token = "§"', "xml": "  <password>§</password>", "xml-attribute": '<Resource name="jdbc/shop" username="shop" password="§" maxActive="20"/>', "xml-property": '<property name="hibernate.connection.password">§</property>',
    "xml-entry": '<entry key="db.password">§</entry>', "properties": "spring.datasource.password=§", "properties-colon": "jdbc.password: §", "export": "export DB_PASS=§", "dotenv": 'MAIL_PASSWORD="§"', "dotenv-bare": "REDIS_PASSWORD=§",
    "php-define": "define( 'DB_PASSWORD', '§' );", "php-salt": "define('AUTH_KEY',         '§');", "php-array": "    'password' => '§',", "php-property": "\tpublic $password = '§';", "php-call": "mysqli_connect('db', 'shop', '§', 'shop'); $password = '§';",
    "python": "DATABASES = {'default': {'PASSWORD': '§', 'HOST': 'db'}}", "django": "SECRET_KEY = '§'", "ruby": "  :password => '§',", "ruby-new": "  password: '§',", "perl": "my $password = '§';", "lua": 'password = "§";',
    "apache-ldap": 'AuthLDAPBindPassword "§"', "apache-env": "SetEnv DB_PASSWORD §", "apache-env-quoted": 'SetEnv API_SECRET "§"', "nginx-header": 'proxy_set_header Authorization "Basic §";', "nginx-param": 'fastcgi_param DB_PASSWORD "§";', "nginx-token": "    set $api_token §;",
    "postfix-mysql": "password = §", "postfix-sasl": "[smtp.internal.example]:587 shop@internal.example:§", "dovecot-sql": "connect = host=db dbname=mail user=mail password=§", "dovecot-passwd": "shop@internal.example:{PLAIN}§::::::",
    "mysql-cnf": "password=§", "mysql-grant": "GRANT ALL ON shop.* TO 'shop'@'%' IDENTIFIED BY '§';", "mysql-alter": "ALTER USER 'root'@'localhost' IDENTIFIED WITH mysql_native_password BY '§';", "postgres-conninfo": "primary_conninfo = 'host=db1 user=rep password=§ sslmode=require'", "postgres-role": "CREATE ROLE shop LOGIN PASSWORD '§';", "postgres-user": "ALTER USER shop WITH ENCRYPTED PASSWORD '§';",
    "redis": "requirepass §", "redis-master": "masterauth §", "redis-acl": "user shop on >§ ~* +@all", "sentinel": "sentinel auth-pass mymaster §", "mongo-uri": "mongodb://shop:§@db.internal.example:27017/shop", "rabbit": "default_pass = §",
    "systemd": "Environment=DB_PASSWORD=§", "systemd-quoted": 'Environment="DB_PASSWORD=§" "QUEUE=a"', "systemd-exec": "ExecStart=/usr/bin/app --db-password §", "systemd-exec-equals": "ExecStart=/usr/bin/app --token=§ --port 80", "systemd-credential": "SetCredential=db:§",
    "cron-env": "BACKUP_PASSPHRASE=§", "cron": "0 3 * * * root PGPASSWORD=§ pg_dump shop | gzip > /backup/shop.gz", "cron-mysql": "0 3 * * * root mysqldump -ubackup -p§ --all-databases", "cron-curl": "*/5 * * * * root curl -s -u monitor:§ https://status.internal.example/ping", "cron-rsync": "0 4 * * * root RSYNC_PASSWORD=§ rsync -a /srv rsync://b@host/m",
    "url": "postgres://shop:§@db.internal.example:5432/shop", "url-in-ini": "sqlalchemy.url = mysql+pymysql://shop:§@db/shop?charset=utf8", "url-quoted": 'broker_url = "amqp://guest:§@mq:5672//"', "url-no-user": "REDIS_URL=redis://:§@cache:6379/0", "jdbc": "jdbc:mysql://db:3306/shop?user=shop&password=§&useSSL=false", "jdbc-oracle": "url=jdbc:oracle:thin:shop/§@//db:1521/ORCL", "jdbc-sqlserver": "jdbc:sqlserver://db:1433;databaseName=shop;user=sa;password=§;encrypt=true", "odbc": "Server=db;Database=shop;User Id=sa;Password=§;", "odbc-short": "DRIVER={FreeTDS};SERVER=db;UID=sa;PWD=§;PORT=1433", "dsn": "dsn = 'host=db user=shop password=§ dbname=shop'", "azure-storage": "DefaultEndpointsProtocol=https;AccountName=shop;AccountKey=§;EndpointSuffix=core.windows.net",
    "netrc": "machine git.internal.example login ci password §", "netrc-line": "    password §", "pgpass": "db.internal.example:5432:shop:shop:§", "pgpass-any": "*:*:*:postgres:§", "mycnf": 'password="§"', "htpasswd-command": "htpasswd -b /etc/nginx/.htpasswd bob §",
    "wpa-psk": '    psk="§"', "wpa-password": '    password="§"', "networkmanager-psk": "psk=§", "networkmanager-vpn": "password=§", "hostapd": "wpa_passphrase=§", "ipsec": ': PSK "§"', "ipsec-peer": '10.0.0.1 10.0.0.2 : PSK "§"', "ipsec-xauth": 'bob : XAUTH "§"', "ipsec-eap": 'bob : EAP "§"', "openvpn-inline": "auth-token §", "wireguard": "PresharedKey = §",
    "kubeconfig-token": "    token: §", "kubeconfig-password": "    password: §", "k8s-env": "        - name: DB_PASSWORD\n          value: §", "k8s-env-quoted": '        - name: API_TOKEN\n          value: "§"', "compose": "      - POSTGRES_PASSWORD=§", "compose-map": "      MYSQL_ROOT_PASSWORD: §", "docker-identity": '"identitytoken": "§"', "dockerfile": "ENV API_TOKEN §", "dockerfile-arg": "ARG NPM_TOKEN=§", "docker-run": "docker run -d -e MYSQL_ROOT_PASSWORD=§ -p 3306:3306 mysql:8",
    "npmrc": "//registry.internal.example/:_password=§", "npmrc-token": "//registry.internal.example/:_authToken=§", "pypirc": "password = §", "pip-index": "index-url = https://ci:§@pypi.internal.example/simple", "gem": ":rubygems_api_key: §", "maven": "      <password>§</password>", "composer": '"http-basic": {"repo.internal.example": {"username": "ci", "password": "§"}}', "cargo": 'token = "§"', "git-credentials": "https://ci:§@git.internal.example", "gradle": "signing.password=§", "conda": "https://conda.internal.example/t/§/channel",
    "aws-secret": "aws_secret_access_key = §", "aws-session": "aws_session_token=§", "azure": '"clientSecret": "§"', "s3cmd": "secret_key = §", "rclone": "pass = §", "boto": "gs_secret_access_key = §", "restic": "export RESTIC_PASSWORD=§", "borg": "export BORG_PASSPHRASE='§'", "terraform": 'secret_key = "§"', "ansible": "ansible_become_pass: §", "ansible-inventory": "web1 ansible_host=10.0.0.5 ansible_ssh_pass=§ ansible_user=root", "vault": "token: §",
    "apt-url": "deb https://ci:§@apt.internal.example/debian bookworm main", "apt-auth": "machine apt.internal.example login ci password §", "yum": "password=§", "yum-url": "baseurl=https://ci:§@rpm.internal.example/el9", "proxy": 'Acquire::http::Proxy "http://proxy:§@10.0.0.1:3128";', "proxy-env": "http_proxy=http://user:§@proxy:3128/", "git-remote": "\turl = https://oauth2:§@git.internal.example/shop.git", "git-header": "\textraheader = AUTHORIZATION: basic §",
    "ldap": "bindpw §", "ldap-root": "rootpw §", "sssd": "ldap_default_authtok = §", "samba": "ldap admin password = §", "krb": "kadmin -p admin -w § -q listprincs", "snmp": "rocommunity § 10.0.0.0/8", "snmp3": 'createUser monitor SHA "§" AES', "bind": '\tsecret "§";', "ddclient": "password='§'", "ddclient-bare": "login=me password=§ host.example", "radius": "        secret = §", "haproxy": "    user admin insecure-password §", "keepalived": "        auth_pass §", "mdadm": "SETTOKEN=§", "zabbix": "DBPassword=§", "grafana": "admin_password = §", "nagios": "$USER5$=§", "icinga": '  vars.snmp_password = "§"', "munin": "env.mysqlpassword §", "collectd": '  Password "§"', "telegraf": '  token = "§"', "influx": 'admin-token = "§"', "fail2ban": "abuseipdb_apikey = §", "monit": "allow admin:§", "monit-mail": 'set mailserver smtp.internal.example username "me" password "§"', "msmtp": "password       §", "mutt": 'set imap_pass="§"', "mutt-smtp": 'set smtp_url="smtp://me:§@smtp.internal.example"', "fetchmail": 'poll pop.internal.example user "me" password "§" is "me" here', "cifs": "password=§", "fstab": "//nas/share /mnt cifs username=nas,password=§,uid=1000 0 0", "fstab-pass": "//nas/share /mnt cifs user=nas,pass=§,_netdev 0 0", "ftp": "wget --user=me --password=§ ftp://ftp.internal.example/x", "lftp": "lftp -u me,§ ftp.internal.example", "smb": "smbclient //nas/share -U nas%§", "sshpass": "sshpass -p § ssh me@host", "sudo": "echo § | sudo -S reboot", "chpasswd": "echo 'root:§' | chpasswd", "openssl": "openssl enc -aes-256-cbc -pass pass:§ -in x", "mysqladmin": "mysqladmin -u root password §", "mysql-long": "mysql --user=root --password='§' shop", "psql-uri": 'psql "postgresql://shop:§@db/shop"', "redis-cli": "redis-cli -h cache -a § ping", "mongo": "mongodump --username shop --password § --db shop", "curl-header": 'curl -H "X-Auth-Token: §" https://x.internal.example/', "curl-bearer": "curl -H 'Authorization: Bearer §' https://x.internal.example/", "curl-data": "curl -d 'user=me&password=§' https://x.internal.example/login", "curl-json": """curl -d '{"user":"me","password":"§"}' https://x.internal.example/""", "query": "GET /login?user=me&passwd=§ HTTP/1.1", "query-key": "https://maps.internal.example/api?api_key=§&q=1", "gpg": "gpg --batch --passphrase § -c file", "zip": "zip -P § out.zip in", "sevenzip": "7z a -p§ out.7z in", "ipmi": "ipmitool -H bmc -U admin -P § power status", "java": "java -Ddb.password=§ -jar app.jar", "java-store": "java -Djavax.net.ssl.keyStorePassword=§ -jar app.jar", "keytool": "keytool -list -storepass § -keystore x.jks", "docker-login": "docker login -u ci -p § registry.internal.example", "helm": "helm upgrade shop ./shop --set db.password=§", "kubectl": "kubectl create secret generic x --from-literal=password=§", "ansible-extra": "ansible-playbook site.yml -e db_password=§", "subshell": "TOKEN=$(curl -u me:§ https://x.internal.example/t)", "history-export": "export AWS_SECRET_ACCESS_KEY=§", "authorized": 'environment="API_TOKEN=§" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI x', "authorized-command": 'command="/usr/bin/backup --password=§" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI x', "log": "Jan 10 10:00:01 web app[812]: connecting with password=§ to db", "log-colon": "2026-01-10 ERROR login failed, password: §", "sudo-log": "sudo: me : TTY=pts/0 ; PWD=/root ; USER=root ; COMMAND=/usr/bin/mysql -p§ shop",
}  # fmt: skip
# Lines in which only what is drawn by lot stands.
ENCODED = {
    "docker-auth": '\t\t\t"auth": "§"', "npmrc-auth": "_auth = §", "kubeconfig-key": "    client-key-data: §", "npmrc-registry-auth": "//registry.internal.example/:_auth=§",
    "unknown-name": "CODECOV=§", "unknown-option": "/usr/bin/app --with=§", "unknown-yaml": "  adafruit_io: '§'",
}  # fmt: skip
# Files in which a secret stands that only the file's name gives away.
FILES = {
    b"/etc/postfix/sasl_passwd": "smtp.internal.example    mailer:§\n", b"/etc/exim4/passwd.client": "*.internal.example:mailer:§\n", b"/etc/ppp/chap-secrets": 'provider  *  "§"  *\nbob pppd § *\n',
    b"/etc/davfs2/secrets": "https://dav.internal.example/ me §\n", b"/root/.vault-token": "§", b"/etc/luks/data.keyfile": "§\n", b"/etc/keys/swap.key": "§", b"/root/.bash_history": "echo §\n", b"/etc/openvpn/credentials": "me\n§\n", b"/etc/openvpn/pass.txt": "me\n§\n",
    b"/home/me/.pgpass": "db:5432:shop:shop:§\n", b"/home/me/.netrc": "machine git.internal.example\n  login ci\n  password §\n", b"/etc/ipsec.secrets": ': PSK "§"\n', b"/root/.my.cnf": "[client]\nuser=root\npassword=§\n", b"/home/me/.mylogin.cnf": "§", b"/etc/borg/passphrase": "§\n",
    b"/root/.config/rclone/rclone.conf": "[remote]\ntype = sftp\npass = §\n", b"/etc/wpa_supplicant/wpa_supplicant.conf": 'network={\n  ssid="home"\n  psk="§"\n}\n', b"/root/.smbcredentials": "username=me\npassword=§\n", b"/root/.cvspass": "/1 :pserver:me@cvs.internal.example:2401/cvs §\n", b"/root/.subversion/auth/svn.simple/0123456789abcdef0123456789abcdef": "K 8\npassword\nV 10\n§\nK 8\nusername\n",
}  # fmt: skip
PASSWORDS = ("Tr0ub4dor-x9", "Winter2024!", "correcthorse7battery", "kX9#mQ2$vL5pZ8wT", "hunter2hunter")


def drawn(shape: str, seed: int = 0) -> str:
    """Return one token of a shape, always the same for a seed."""
    dice = random.Random(f"{shape}{seed}")
    out = []
    for part in shape.replace("{SSHA}", "\0").split("{"):
        kind, closed, rest = part.partition("}")
        if closed and "*" in kind:
            alphabet, length = kind.split("*")
            word = [dice.choice(_ALPHABETS[alphabet]) for _ in range(int(length))]
            if len(word) > 12:  # what is drawn by lot has all kinds of characters
                word[3:9] = [
                    dice.choice(list({*_ALPHABETS[alphabet]} & {*kinds}) or word[3:4])
                    for kinds in (_DIGITS, _SMALL, _CAPITALS) * 2
                ]
            out.append("".join(word) + rest)
        else:
            out.append(part)
    return "".join(out).replace("\0", "{SSHA}")


def planted(secret: str, lines: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Yield the lines with `secret` where the mark stands, by kind."""
    for kind, line in lines.items():
        yield kind, line.replace("§", secret)
