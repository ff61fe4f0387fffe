"""How the files of a host are read without its private keys: of those only the marks before the key are shown."""

from collections import Counter
from collections.abc import Iterator, Sequence

from driftscan.model.text import text
from driftscan.scopes._common import shell_word
from driftscan.scopes.base import Probe
from driftscan.scopes.texts.choice import Wanted

_AT_ONCE = 200  # paths in one call: the shell copies its words, and a command line has an end
_PLACES = 3  # that are named of those where files were left out
_BY_TOOL = {"md5": "md5sum", "sha1": "sha1sum", "sha256": "sha256sum", "sha512": "sha512sum"}

# A marker at the end of its line, or in a JSON string: a script that looks for the words has something else behind.
_BEGIN = r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY( BLOCK)?-----([[:space:]]*$|\\n)"
_PUTTY = "^Private-Lines: "
# Says that a key is encrypted: old PEM, PKCS#8, PuTTY; and OpenSSH's own form, where the first line holds the cipher.
_TELLING = (
    _BEGIN, _PUTTY, "^Proc-Type: 4,ENCRYPTED", "^Encryption: [a-z0-9-]+", "^b3BlbnNzaC1rZXktdjEAAAAA[A-Za-z0-9]{8}",
)  # fmt: skip
PLAIN_OPENSSH = b"b3BlbnNzaC1rZXktdjEAAAAABG5vbmU"  # "openssh-key-v1", cipher "none"

# look PATH…: shows each, but of one that holds a private key only the words that say so.
_LOOK = rf"""
nl='
'
look() {{
  for f; do shift; set -- "$@" "$R$f"; done
  keys=$(grep -lE -e '{_BEGIN}' -e '{_PUTTY}' -- "$@" 2>/dev/null)
  for f; do
    shift
    case "$nl$keys$nl" in
      *"$nl$f$nl"*)
        printf 'key\000%s\000' "${{f#"$R"}}"
        grep -noE {" ".join(f"-e '{pattern}'" for pattern in _TELLING)} -- "$f"
        printf '\000' ;;
      *) set -- "$@" "${{f#"$R"}}" ;;
    esac
  done
  [ $# -eq 0 ] || ds_file "$@"
}}
# differ TOOL: of lines "DIGEST  PATH" on stdin those whose file has another digest
differ() {{ if command -v "$1" >/dev/null 2>&1; then "$1" -c 2>/dev/null | sed -n 's/: FAILED.*$//p'; else sed 's/^[^ ]*  //'; fi; }}
compare() {{
  tool=$1; shift
  for f; do shift; set -- "$@" "${{f%% *}}  $R${{f#* }}"; done
  changed=$(printf '%s\n' "$@" | differ "$tool")
  for f; do
    f=${{f#*  }}
    case "$nl$changed$nl" in *"$nl$f$nl"*) look "${{f#"$R"}}" ;; esac
  done
}}
"""


def read_probe(wanted: Sequence[Wanted], left_out: Counter[bytes]) -> Probe:
    """Return the probe that shows what is wanted; what still is as its package brought it is compared on the host."""
    places = [f"{text(place)} {count:,}\n" for place, count in left_out.most_common(_PLACES)]
    note = rf"printf 'left\000%s\000%s\000' {left_out.total()} {shell_word(''.join(places))}"
    script = _LOOK + "\n".join([note, *_calls(wanted)]) + "\n:"
    return Probe("texts", script, tools=("grep", "sed"), timeout=180, limit=64 << 20)


def _calls(wanted: Sequence[Wanted]) -> Iterator[str]:
    by_tool: dict[str, list[str]] = {}
    for entry, digest in wanted:
        algorithm, _, value = digest.partition(":")
        tool = _BY_TOOL.get(algorithm, "") if b"\n" not in entry.path and b"\\" not in entry.path else ""
        path = entry.path.decode("utf-8", "surrogateescape")
        by_tool.setdefault(tool, []).append(shell_word(f"{value} {path}" if tool else path))
    for tool, words in by_tool.items():
        for at in range(0, len(words), _AT_ONCE):
            some = " ".join(words[at : at + _AT_ONCE])
            yield f"compare {tool} {some}" if tool else f"look {some}"


def told(stdout: bytes) -> Iterator[tuple[bytes, bytes, list[bytes]]]:
    """Yield what is told beside the files that are shown; what was cut is not.

    Either `key`, the path of a file with a private key, and the marks in it, `number:text`; or `left`, how many
    files were left out, and the places where most were, each with its own number.
    """
    fields = stdout.split(b"\0")
    for at in range(0, len(fields) - 3, 3):
        yield fields[at].strip(), fields[at + 1], fields[at + 2].split(b"\n")
