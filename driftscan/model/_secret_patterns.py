"""Patterns of secrets that are known by their shape or by their place in a line; what names tell is elsewhere."""
# ruff: noqa: E501 (a pattern is read on one line)

import re
from dataclasses import dataclass

# Blocks of many lines. An end that is missing (a cut-off file) must not let the body through. A JSON string holds the
# block with "\n" spelled out, which the pattern takes as it takes a newline.
BLOCKS = (
    re.compile(
        r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----.*?(?:-----END [A-Z0-9 ]{0,40}-----|\Z)", re.DOTALL
    ),
    re.compile(r"(?<=Private-Lines: )\d+(?:\r?\n[A-Za-z0-9+/=]+)+"),
)


@dataclass(frozen=True, slots=True)
class Rule:
    """A pattern whose group `value` is a secret; tried on lines only that hold one of `needs` (in lower case).

    `name` is that of the placeholder; "" takes it from the group `name`. A `certain` value is a secret whatever it is.
    """

    name: str
    needs: tuple[str, ...]
    pattern: re.Pattern[str]
    certain: bool = False


# Known by their shape alone: (name of the placeholder, what a line must hold, pattern).
SHAPES = tuple(
    Rule(name, tuple(needs.split()), re.compile(f"(?P<value>{pattern})"), certain=True)
    for name, needs, pattern in (
        ("aws_access_key_id", "akia asia", r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
        ("github_token", "ghp_ gho_ ghu_ ghs_ ghr_ github_pat_", r"\b(?:gh[pousr]_[A-Za-z0-9]{20,255}|github_pat_\w{20,255})"),
        ("gitlab_token", "glpat gldt glrt glcbt glptt", r"\bgl(?:pat|dt|rt|cbt|ptt)-[\w-]{16,255}"),
        ("slack_token", "xox", r"\bxox[abeoprs]-[\w-]{10,255}"),
        ("slack_webhook", "hooks.slack.com", r"(?<=hooks\.slack\.com/services/)[\w/]{16,255}"),
        ("live_token", "_live_ _test_ _prod_", r"\b(?:sk|rk|tok|pk|whsec|key)_(?:live|test|prod)_\w{6,255}"),
        ("google_api_key", "aiza", r"\bAIza[\w-]{35}"),
        ("google_token", "ya29.", r"\bya29\.[\w-]{20,1024}"),
        ("npm_token", "npm_", r"\bnpm_[A-Za-z0-9]{30,255}"),
        ("pypi_token", "pypi-", r"\bpypi-[\w-]{50,255}"),
        ("sendgrid_key", "sg.", r"\bSG\.[\w-]{16,64}\.[\w-]{16,64}"),
        ("vault_token", "hvs. hvb. hvr.", r"\bhv[sbr]\.[\w-]{20,255}"),
        ("digitalocean_token", "_v1_", r"\bdo[opr]_v1_[a-f0-9]{64}"),
        ("docker_token", "dckr_", r"\bdckr_(?:pat|oat)_[\w-]{20,255}"),
        ("api_key", "sk-", r"\bsk-[A-Za-z0-9_-]{20,255}"),
        ("age_key", "age-secret-key", r"\bAGE-SECRET-KEY-1[A-Z0-9]{40,80}"),
        ("telegram_token", ":aa", r"\b\d{8,10}:AA[\w-]{33}"),
        ("jwt", "eyj", r"\beyJ[\w-]{4,4096}\.[\w-]{0,8192}(?:\.[\w-]{0,4096})?"),
        ("password_hash", "$", r"\$(?:1|2[abxy]?|5|6|7|y|gy|apr1|sha1|argon2\w{1,2}|pbkdf2[\w-]{0,10}|scrypt)\$[./\w$=,-]{12,512}"),
        ("password_hash", "{sha {ssha", r"\{S?SHA(?:256|384|512)?\}[A-Za-z0-9+/=]{20,255}"),
        ("password_hash", "grub.pbkdf2", r"\bgrub\.pbkdf2\.sha512\.\d{1,7}\.[0-9A-F.]{64,512}"),
        ("password_hash", "scram-sha", r"\bSCRAM-SHA-(?:1|256)\$\d{1,7}:[A-Za-z0-9+/=]{8,64}\$[A-Za-z0-9+/=:]{20,255}"),
    )
)  # fmt: skip

# Known by their place: (name of the placeholder, what a line must hold, pattern).
PLACES = tuple(
    Rule(name, tuple(needs.split()), re.compile(pattern, re.IGNORECASE))
    for name, needs, pattern in (
        ("", "://", r"""\b[a-z][a-z0-9+.-]{0,30}://(?P<name>[^\s:/@'"]{0,128}):(?P<value>[^\s/'"]{1,512})@(?=[^\s@])"""),
        ("", "://", r"""\b[a-z][a-z0-9+.-]{0,30}://(?P<name>[^\s:/@'"]{1,128}):(?!\d{1,5}/)(?P<value>[^\s@'"]{1,512})@(?=[\w\[])"""),
        ("authorization", "authorization", r"""\bauthorization["']?\s{0,4}[:=]\s{0,4}["']?(?:(?:bearer|basic|token|digest|negotiate|apikey|api-key)\s{1,4})(?P<value>[^\s"']{2,8192})"""),
        ("authorization", "authorization", r"""\bauthorization["']?[ \t]{0,4}:[ \t]{0,4}["']?(?!bearer\b|basic\b|token\b|digest\b|negotiate\b|apikey\b|api-key\b)(?P<value>[^\s"']{8,8192})"""),
        ("authorization", "bearer", r"""\bbearer\s{1,4}(?P<value>[\w.~+/=-]{16,8192})"""),
        ("cookie", "cookie", r"""\b(?:set-)?cookie:[ \t]{0,4}(?P<value>[\w.-]{1,64}=[^\r\n"']{1,4096})"""),
        ("password", "password identified", r"""\b(?:identified\s{1,4}by|with\s{1,4}password|encrypted\s{1,4}password|set\s{1,4}password(?:\s{1,4}for\s[^=]{1,64})?\s{0,4}=|password\s{0,4}\()\s{0,4}(?:password\s{1,4})?['"](?P<value>[^'"]{1,512})['"]"""),
        ("", "password", r"""\blogin\s{1,8}(?P<name>\S{1,128})\s{1,8}password\s{1,8}(?P<value>\S{1,512})"""),
        ("", "chpasswd", r"""(?<![\w.-])(?P<name>[\w.-]{1,64}):(?P<value>[^\s"'|]{1,256})["']?\s{0,8}\|\s{0,8}(?:sudo\s{1,4})?(?:/usr)?(?:/s?bin/)?chpasswd\b"""),
        ("password", "sudo --stdin", r"""\becho\s{1,4}(?:-n\s{1,4})?["']?(?P<value>[^\s"'|]{1,256})["']?\s{0,8}\|\s{0,8}(?:sudo\s{1,4}-S|(?:sudo\s{1,4})?passwd\s{1,4}--stdin)\b"""),
        ("", "setcredential", r"""\bSetCredential(?:Encrypted)?=(?P<name>[\w.-]{1,64}):(?P<value>\S.{0,4096})"""),
        ("community", "community", r"""^\s{0,16}r[ow]community6?\s{1,16}(?P<value>\S{1,128})"""),
        ("", ":", r"""^(?:[^\s:#]{1,255}):(?:\d{1,5}|\*):(?:\*|[a-z_][\w.-]{0,64}):(?P<name>\*|[a-z_][\w.-]{0,64}):(?P<value>(?:[^\s:\\]|\\.){1,255})\s{0,8}$"""),
        ("", "|", r"""^(?P<name>[^|\s]{1,64})\|[^:|\s]{1,255}:(?P<value>\S{1,255})\s{0,8}$"""),
        ("password_hash", ":", r"""^[a-z_][\w.-]{0,31}:(?P<value>[./0-9a-z]{13}):(?=\d{0,6}:\d{0,6}:)"""),
    )
)  # fmt: skip
