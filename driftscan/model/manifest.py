"""Manifests: the files that a package says are its own, as the package database lists them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PackagedFile:
    """What the package database holds of one path; "" or None is what it does not say.

    `digest` is `algorithm:hex` (`md5:…`, `sha1:…`, `sha256:…`), `mode` the full st_mode, `kind` one of
    "" (plain), "config", "ghost" (owned, not shipped).
    """

    digest: str = ""
    mode: int | None = None
    user: str = ""
    group: str = ""
    kind: str = ""
    link: str = ""
    capabilities: str = ""

    def encode(self) -> bytes:
        """Return the compact form that `decode` reads; b"" when the database says nothing."""
        mode = "" if self.mode is None else f"{self.mode:o}"
        fields = (self.digest, mode, self.user, self.group, self.kind, self.capabilities, self.link)
        return "\t".join(fields).rstrip("\t").encode("utf-8", "surrogateescape")

    @classmethod
    def decode(cls, data: bytes) -> "PackagedFile":
        """Read what `encode` wrote."""
        fields = data.decode("utf-8", "surrogateescape").split("\t", 6)
        fields += [""] * (7 - len(fields))
        digest, mode, user, group, kind, capabilities, link = fields
        return cls(digest, int(mode, 8) if mode else None, user, group, kind, link, capabilities)


@dataclass(frozen=True, slots=True)
class Manifest:
    """The files of one installed package.

    `package` is the key of the package's item, `name` what people call it; `unpacked` the host's time of unpacking
    in seconds since 1970 (0 when unknown); `files` maps an absolute path, spelled as the database spells it, to
    `PackagedFile.encode()`.
    """

    package: str
    name: str
    unpacked: float
    files: dict[bytes, bytes]

    def encode(self) -> bytes:
        """Return the bytes that the store keeps once for all hosts with this package; `unpacked` is not in them."""
        return b"".join(b"%s\0%s\0" % pair for pair in sorted(self.files.items()))

    @staticmethod
    def decode_files(data: bytes) -> dict[bytes, bytes]:
        """Read the `files` that `encode` wrote."""
        parts = data.split(b"\0")
        return dict(zip(parts[0::2], parts[1::2], strict=False))
