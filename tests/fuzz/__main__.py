"""Runs one target under atheris; without a name, says which there are."""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory


def main() -> None:
    """Fuzz the named target until libFuzzer's options say it is enough; a fault ends it with a code that is not 0."""
    import atheris

    with atheris.instrument_imports(include=["driftscan"]):
        from tests.fuzz.target import targets

        known = targets()
        if sys.argv[1:2] not in [[name] for name in known]:
            print("\n".join(known))  # noqa: T201
            raise SystemExit(len(sys.argv) > 1)
        target = known[sys.argv[1]]
        seeds = list(target.seeds())
        for seed in seeds:  # imports what is imported late
            target.check(seed)
    with TemporaryDirectory() as corpus:
        for number, seed in enumerate(seeds):
            Path(corpus, f"{number}").write_bytes(seed)
        atheris.Setup([sys.argv[0], *sys.argv[2:], corpus], target.check)
        atheris.Fuzz()


main()
