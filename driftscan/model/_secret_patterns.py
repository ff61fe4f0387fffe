"""Patterns of secrets that are known by their shape or by their place in a line; what names tell is elsewhere."""
# ruff: noqa: E501 (a pattern is read on one line)

import re
from dataclasses import dataclass

# Blocks of many lines, and what each needs. An end that is missing (a cut-off file) must not let the body through. A
# JSON string holds the block with "\n" spelled out, which the pattern takes as it takes a newline.
BLOCKS = (
    (
        "PRIVATE KEY",
        re.compile(
            r"-----? ?BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?(?: -|--)---.*?(?:-----? ?END [A-Z0-9 ]{0,40}-{4,5}|\Z)",
            re.DOTALL,
        ),
    ),
    ("Private-Lines", re.compile(r"(?<=Private-Lines: )\d+(?:\r?\n[A-Za-z0-9+/=]+)+")),
)


@dataclass(frozen=True, slots=True)
class Rule:
    """A pattern whose group `value` is a secret; tried on lines only in which one of `needs` stands.

    A need is a word, in lower case, or "/" and an expression for what such a line says in lower case: it should begin
    with a letter or two that are seldom, for by these the whole text is searched.
    `name` is that of the placeholder; "" takes it from the group `name`. A `certain` value is a secret whatever it is,
    one that is to be `drawn` if it looks drawn by lot.
    """

    name: str
    needs: tuple[str, ...]
    pattern: re.Pattern[str]
    certain: bool = False
    drawn: bool = False


# Known by their shape alone: (name of the placeholder, what a line must hold, pattern).
SHAPES = tuple(
    Rule(name, tuple(needs.split()), re.compile(f"(?P<value>{pattern})"), certain=True)
    for name, needs, pattern in (
        ("aws_access_key_id", "akia asia abia acca a3t", r"\b(?:AKIA|ASIA|ABIA|ACCA|A3T[A-Z0-9])[A-Z0-9]{16}\b"),
        ("aws_bedrock_key", "absk", r"\bABSK[A-Za-z0-9+/]{100,255}={0,2}"),
        ("github_token", "ghp_ gho_ ghu_ ghs_ ghr_ github_pat_", r"\b(?:gh[pousr]_\w{20,255}|github_pat_\w{20,255})"),
        ("gitlab_token", r"/gl(?:pat|dt|rt|cbt|ptt|ft|soat|agent|oas|imt|ffct)- gr1348941", r"\b(?:gl(?:pat|dt|rt|cbt|ptt|ft|soat|agent|oas|imt|ffct)-|GR1348941)[\w-]{16,1024}"),
        ("slack_token", "xox xapp-", r"\b(?:xox[abeoprs]|xapp)-[\w-]{10,255}"),
        ("slack_webhook", "hooks.slack.com", r"(?<=hooks\.slack\.com/services/)[\w/]{16,255}"),
        ("live_token", r"/_(?:live|test|prod)_\w{6}", r"\b(?:sk|rk|tok|pk|whsec|key)_(?:live|test|prod)_\w{6,255}"),
        ("google_api_key", "aiza", r"\bAIza[\w-]{35}"),
        ("google_token", "ya29.", r"\bya29\.[\w-]{20,1024}"),
        ("google_client_secret", "gocspx-", r"\bGOCSPX-[\w-]{20,64}"),
        ("hook_secret", "whsec_", r"\bwhsec_[\w+/=]{20,255}"),
        ("mailgun_key", r"/-(?<=key-)[0-9a-f]{32}", r"\bkey-[0-9a-f]{32}\b"),
        ("mailchimp_key", r"/-(?<=[0-9a-z]{32}-)us\d", r"\b[0-9a-z]{32}-us\d{1,2}\b"),
        ("huggingface_token", "hf_", r"\bhf_[A-Za-z0-9]{30,255}"),
        ("databricks_token", "dapi", r"\bdapi[0-9a-f]{32}"),
        ("square_token", "sq0", r"\bsq0(?:csp|atp|idp)-[\w-]{22,255}"),
        ("shopify_token", "shpat_ shpca_ shppa_ shpss_", r"\bshp(?:at|ca|pa|ss)_[A-Fa-f0-9]{32}"),
        ("twilio_key", r"/k(?<=sk)[0-9a-f]{32}", r"\bSK[0-9a-f]{32}\b"),
        ("grafana_token", "glsa_ glc_", r"\bgl(?:sa|c)_[\w+/=]{20,512}"),
        ("atlassian_token", "atatt3", r"\bATATT3[\w=-]{60,512}"),
        ("linear_token", "lin_api_", r"\blin_api_[A-Za-z0-9]{30,255}"),
        ("terraform_token", ".atlasv1.", r"\b[A-Za-z0-9]{14}\.atlasv1\.[\w-]{40,255}"),
        ("doppler_token", r"/\.(?<=dp\.)\w{2,8}\.[\w.]{20}", r"\bdp\.(?:pt|st|ct|sa|scim|audit)\.[\w.]{20,255}"),
        ("newrelic_key", "nrak-", r"\bNRAK-[A-Z0-9]{20,64}"),
        ("pulumi_token", r"/-(?<=pul-)[0-9a-f]{40}", r"\bpul-[0-9a-f]{40}"),
        ("rubygems_key", "rubygems_", r"\brubygems_[0-9a-f]{40,64}"),
        ("planetscale_token", "pscale_", r"\bpscale_(?:pw|tkn|oauth)_[\w.=-]{30,255}"),
        ("discord_token", r"/\.(?<=[\w-]{24}\.)[\w-]{6}\.[\w-]{27}", r"\b[MNO][\w-]{23,25}\.[\w-]{6}\.[\w-]{27,64}"),
        ("artifactory_key", "akcp", r"(?<![A-Za-z0-9+])AKCp[A-Za-z0-9]{60,80}(?![\w+/=])"),
        ("azure_secret", "q~", r"(?<![\w~.-])[\w~.]{3}\dQ~[\w~.-]{31,34}"),
        ("postman_key", "pmak-", r"\bPMAK-[0-9a-f-]{40,80}"),
        ("tailscale_key", "tskey-", r"\btskey-[\w-]{16,255}"),
        ("cloudflare_key", "v1.0-", r"\bv1\.0-[0-9a-f]{24}-[0-9a-f]{100,255}"),
        ("service_token", "ops_eyj sntrys_ sntryu_", r"\b(?:ops|sntrys|sntryu)_[\w+/=]{40,2048}"),
        ("fly_token", "fm1_ fm2_ fo1_", r"\bf(?:m[12]|o1)_[\w+/=,-]{40,4096}"),
        ("alibaba_key", "ltai", r"\bLTAI[A-Za-z0-9]{16,24}\b"),
        ("vault_token", r"/\.(?<=\bs\.)[a-z0-9]{24}\b", r"(?<![\w.])s\.(?=[A-Za-z]{0,23}\d)(?=[a-z0-9]{0,23}[A-Z])[A-Za-z0-9]{24}\b"),
        ("private_key", "ls0tls1crudjti", r"LS0tLS1CRUdJTi(?:BQUklW|BSU0EgUFJJ|BFQyBQUklW|BPUEVOU1NI|BFTkNSWVBU|BEU0EgUFJJ)[A-Za-z0-9+/=]{20,65536}"),
        ("npm_token", "npm_", r"\bnpm_[A-Za-z0-9]{30,255}"),
        ("pypi_token", "pypi-", r"\bpypi-[\w-]{50,255}"),
        ("sendgrid_key", r"/\.(?<=sg\.)[\w-]{16}", r"\bSG\.[\w-]{16,64}\.[\w-]{16,64}"),
        ("vault_token", "hvs. hvb. hvr.", r"\bhv[sbr]\.[\w-]{20,255}"),
        ("digitalocean_token", "_v1_", r"\bdo[opr]_v1_[a-f0-9]{64}"),
        ("docker_token", "dckr_", r"\bdckr_(?:pat|oat)_[\w-]{20,255}"),
        ("api_key", r"/-(?<=sk-)[\w-]{20}", r"\bsk-[A-Za-z0-9_-]{20,255}"),
        ("age_key", "age-secret-key", r"\bAGE-SECRET-KEY-1[A-Z0-9]{40,80}"),
        ("telegram_token", r"/:(?<=\d{8}:)[\w-]{35}", r"\b\d{8,10}:[\w-]{35}(?![\w-])"),
        ("jwt", "eyj", r"\beyJ[\w-]{4,4096}\.[\w-]{0,8192}(?:\.[\w-]{0,4096})?"),
        ("password_hash", r"/\$(?:1|2[abxy]?|5|6|7|y|gy|apr1|sha1|argon2\w{1,2}|pbkdf2[\w-]{0,10}|scrypt)\$", r"\$(?:1|2[abxy]?|5|6|7|y|gy|apr1|sha1|argon2\w{1,2}|pbkdf2[\w-]{0,10}|scrypt)\$[./\w$=,-]{12,512}"),
        ("password_hash", r"/\*[0-9a-f]{40}\b", r"(?<!\w)\*[0-9A-F]{40}\b"),
        ("password_hash", "{sha {ssha", r"\{S?SHA(?:256|384|512)?\}[A-Za-z0-9+/=]{20,255}"),
        ("password_hash", "grub.pbkdf2", r"\bgrub\.pbkdf2\.sha512\.\d{1,7}\.[0-9A-F.]{64,512}"),
        ("password_hash", "scram-sha", r"\bSCRAM-SHA-(?:1|256)\$\d{1,7}:[A-Za-z0-9+/=]{8,64}\$[A-Za-z0-9+/=:]{20,255}"),
    )
)  # fmt: skip

# Known by their place: (name of the placeholder, what a line must hold, pattern).
PLACES = tuple(
    Rule(name, tuple(needs.split()), re.compile(pattern, re.IGNORECASE))
    for name, needs, pattern in (
        ("", r"""/://[^\s:/@'"]{0,128}:[^\s'"]{1,512}@""", r"""\b[a-z][a-z0-9+.-]{0,30}://(?P<name>[^\s:/@'"]{0,128}):(?P<value>[^\s/'"]{1,512})@(?=[^\s@])"""),
        ("", r"""/://[^\s:/@'"]{0,128}:[^\s'"]{1,512}@""", r"""\b[a-z][a-z0-9+.-]{0,30}://(?P<name>[^\s:/@'"]{1,128}):(?!\d{1,5}/)(?P<value>[^\s@'"]{1,512})@(?=[\w\[])"""),
        ("authorization", "authorization", r"""\bauthorization["']?\s{0,4}[:=,\s]\s{0,4}["']?(?:(?:bearer|basic|token|digest|negotiate|apikey|api-key)\s{1,4})(?P<value>[^\s"']{2,8192})"""),
        ("authorization", "authorization", r"""\bauthorization["']?[ \t]{0,4}:[ \t]{0,4}["']?(?!bearer\b|basic\b|token\b|digest\b|negotiate\b|apikey\b|api-key\b)(?P<value>[^\s"']{8,8192})"""),
        ("authorization", "bearer", r"""\bbearer\s{1,4}(?P<value>[\w.~+/=-]{16,8192})"""),
        ("cookie", "cookie", r"""\b(?:set-)?cookie:[ \t]{0,4}(?P<value>[\w.-]{1,64}=[^\r\n"']{1,4096})"""),
        ("password", r"""identified /password(?:\s{1,4}for\s[^=]{1,64})?[\s=(]{0,10}(?:password\s{1,4})?['"]""", r"""\b(?:identified\s{1,4}(?:with\s{1,4}[\w"'`]{1,64}\s{1,4})?by|with\s{1,4}password|encrypted\s{1,4}password|set\s{1,4}password(?:\s{1,4}for\s[^=]{1,64})?\s{0,4}=|password\s{0,4}\()\s{0,4}(?:password\s{1,4})?['"](?P<value>[^'"]{1,512})['"]"""),
        ("", r"/login\s{1,8}\S{1,128}\s{1,8}password\s", r"""\blogin\s{1,8}(?P<name>\S{1,128})\s{1,8}password\s{1,8}(?P<value>\S{1,512})"""),
        ("", r"/user(?:name)?\s{1,8}\S{1,128}\s{1,8}(?:with\s{1,8})?pass", r"""\buser(?:name)?\s{1,8}["']?(?P<name>[^\s"']{1,128})["']?\s{1,8}(?:with\s{1,8})?pass(?:word)?\s{1,8}["']?(?P<value>[^\s"']{1,512})"""),
        ("", r"/user\s{1,8}\S{1,128}\s[^\n]{0,256}>", r"""^\s{0,16}(?:acl\s{1,8}set)?user\s{1,8}(?P<name>\S{1,128})\s.{0,256}?(?<=\s)>(?P<value>\S{1,512})"""),
        ("auth_pass", "auth-pass", r"""\bauth-pass\s{1,8}\S{1,128}\s{1,8}["']?(?P<value>[^\s"']{1,512})"""),
        ("password", r"/\{(?:plain|crypt|clear|(?:cram|digest|plain|ldap)-md5|md5|smd5|blf-crypt|sha\d*-crypt|argon2)", r"""\{(?:PLAIN|CRYPT|CLEAR(?:TEXT)?|(?:CRAM|DIGEST|PLAIN|LDAP)-MD5|S?MD5|(?:BLF|MD5|SHA(?:256|512)?)-CRYPT|ARGON2\w{1,2})(?:\.\w{1,8})?\}(?P<value>[^\s:"'<]{1,512})"""),
        ("", "jdbc:oracle", r"""\bjdbc:oracle:\w{1,8}:(?P<name>\w{1,64})/(?P<value>[^\s@"']{1,256})@"""),
        ("", "sqlplus expdp impdp", r"""\b(?:sqlplus|expdp|impdp)\s(?:\s{0,4}-\w{1,8}\s{1,4}(?:\d\s)?){0,4}\s{0,4}["']?(?P<name>\w{1,64})/(?P<value>[^\s@/"']{1,256})@"""),
        ("PWD", r"/;\s{0,4}pwd\s{0,4}=", r""";\s{0,4}pwd\s{0,4}=\s{0,4}(?P<value>\{[^{}]{1,256}\}|[^\s;"']{1,256})"""),
        ("ipsec_secret", r"/:\s{0,8}(?:psk|xauth|eap|ntlm|pin)\s", r"""(?:^|\s):\s{0,8}(?:psk|xauth|eap|ntlm|pin)\s{1,8}["']?(?P<value>[^\s"']{1,512})"""),
        ("conda_token", "//t/", r"""://[^\s/"']{1,255}/t/(?P<value>[^\s/"']{8,255})/"""),
        ("snmp_password", "createuser", r"""\bcreateUser\s(?:\s{0,8}-e\s{1,8}\S{1,64}\s)?\s{0,8}\S{1,128}\s{1,8}(?:MD5|SHA[\w-]{0,8})\s{1,8}["']?(?P<value>[^\s"']{1,256})"""),
        ("snmp_password", "createuser", r"""\bcreateUser\s.{1,512}\s(?:DES|AES[\w-]{0,8})\s{1,8}["']?(?P<value>[^\s"']{1,256})"""),
        ("nagios_macro", r"/\$user\d", r"""^\s{0,8}\$USER\d{1,3}\$\s{0,4}=\s{0,4}(?P<value>\S.{0,512})"""),
        ("", r"/allow\s{1,8}[\"']?[a-z][\w.-]{0,64}:", r"""^\s{0,16}allow\s{1,8}["']?(?P<name>[a-z][\w.-]{0,64}):["']?(?P<value>(?!<)[^\s"':/]{4,256})"""),
        ("password", "_connect(", r"""\b(?:mysqli?|pg|oci|odbc)_p?connect\(\s{0,4}["'][^"']{0,128}["']\s{0,4},\s{0,4}["'][^"']{0,128}["']\s{0,4},\s{0,4}["'](?P<value>[^"']{1,256})["']"""),
        ("", r"/\]:?\d{0,5}\s{1,8}\S{1,128}:\S", r"""^\s{0,8}\[[^\]\s]{1,255}\](?::\w{1,16})?\s{1,64}(?P<name>[^\s:]{1,128}):(?P<value>\S{1,512})\s{0,8}$"""),
        ("", r"/@[\w.-]{1,128}:\S", r"""^\s{0,8}[\w-]{1,64}\.[\w.-]{1,255}\s{1,64}(?P<name>[\w.+-]{1,64}@[\w.-]{1,128}):(?P<value>\S{1,512})\s{0,8}$"""),
        ("auth", r"""/auth["']?\s{0,4}[:=]\s{0,4}["']?[a-z0-9+/]{16}""", r"""(?<![\w.-])_?auth["']?\s{0,4}[:=]\s{0,4}["']?(?P<value>[A-Za-z0-9+/]{16,1024}={0,2})(?=["',;\s]|$)"""),
        ("", "chpasswd", r"""(?<![\w.-])(?P<name>[\w.-]{1,64}):(?P<value>[^\s"'|]{1,256})["']?\s{0,8}\|\s{0,8}(?:sudo\s{1,4})?(?:/usr)?(?:/s?bin/)?chpasswd\b"""),
        ("password", r"/\|\s{0,8}(?:sudo\s{1,4}(?:-s|passwd)|passwd\s)", r"""\becho\s{1,4}(?:-n\s{1,4})?["']?(?P<value>[^\s"'|]{1,256})["']?\s{0,8}\|\s{0,8}(?:sudo\s{1,4}-S|(?:sudo\s{1,4})?passwd\s{1,4}--stdin)\b"""),
        ("", "setcredential", r"""\bSetCredential(?:Encrypted)?=(?P<name>[\w.-]{1,64}):(?P<value>\S.{0,4096})"""),
        ("community", "community", r"""^\s{0,16}r[ow]community6?\s{1,16}(?P<value>\S{1,128})"""),
        ("", r"/:(?:\d{1,5}|\*):(?:\*|[a-z_][\w.-]{0,64}):(?:\*|[a-z_][\w.-]{0,64}):", r"""^(?:[^\s:#]{1,255}):(?:\d{1,5}|\*):(?:\*|[a-z_][\w.-]{0,64}):(?P<name>\*|[a-z_][\w.-]{0,64}):(?P<value>(?:[^\s:\\]|\\.){1,255})\s{0,8}$"""),
        ("", r"/\|[^:|\s<=]{1,255}:\S", r"""^(?P<name>[^|\s]{1,64})\|[^:|\s<=]{1,255}:(?P<value>\S{1,255})\s{0,8}$"""),
        ("password_hash", r"/:(?<=:[./0-9a-z]{13}:)\d{0,6}:\d{0,6}:", r"""^[a-z_][\w.-]{0,31}:(?P<value>[./0-9a-z]{13}):(?=\d{0,6}:\d{0,6}:)"""),
    )
)  # fmt: skip

# A value that only its look gives away.
DRAWN = (
    Rule(
        "token",
        (r"""/=["']?[a-z0-9+/_-]{20}""",),
        re.compile(r"""(?<=[\w-])=["']?(?P<value>[A-Za-z0-9+/_-]{20,1024}={0,2})(?=["',;\s]|$)"""),
        drawn=True,
    ),
)
