"""`peerchart verify`: whether the signatures in a FHIR file hold."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from app.commands.options import HELD, WELL, finish, json_line, json_option, say
from app.printable import printable

if TYPE_CHECKING:
    from mappings.fhir.seal_keys import SealKeys
    from mappings.fhir.verifying import Located, Verified

BESIDE = "seal-keys.json"
EXAMPLE = """\b
Examples:
  peerchart verify bundle.json --keys seal-keys.json
  peerchart verify from-the-ehr.ndjson --data /srv/peerchart
  peerchart verify provenance.xml --text note.txt --json

\b
Exit codes: 0 every signature holds, 1 one is broken or cannot be told in full, 2 wrong usage or a file that
cannot be read.
"""
_WORDS = {"holds": "HOLDS", "in part": "IN PART", "broken": "BROKEN"}
_FILES = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(epilog=EXAMPLE)
@click.argument("file", type=_FILES)
@click.option("--keys", type=_FILES, help="Our public seal keys as a JWK Set, from our own address.")
@click.option(
    "--text", "texts", type=_FILES, multiple=True, help="A text that was signed, where the file lacks it."
)
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    help="The installation whose seal keys and signed texts count, in place of PEERCHART_DATA_DIR.",
)
@json_option
def verify(file: Path, keys: Path | None, texts: tuple[Path, ...], data: Path | None, as_json: bool) -> None:
    """Check the signatures in FILE: a Bundle, single resources or NDJSON, as JSON or XML, from anywhere.

    Says what was signed by whom, in which meaning and when, over which version for which individual, and
    what does not hold or cannot be told and why. The seal keys are those of --keys, else of the installation
    (--data, PEERCHART_DATA_DIR), else the file seal-keys.json beside FILE.
    """
    from mappings.fhir.verifying import verify_all
    from mappings.seal import text_digest

    given = _resources(file)
    public, origin = _keys(file, keys, data)
    known = {text_digest(_plain(path)) for path in texts}
    if keys is None or data is not None:
        known |= _texts_kept(data, given)
    found = verify_all(given, public, known)
    if not found:
        raise click.UsageError(f"{printable(file.name)} holds no signature and no note")
    for one in found:
        click.echo(json_line(_data(one)) if as_json else "\n".join(_lines(one)) + "\n")
    broken = sum(one.state == "broken" for one in found)
    part = sum(one.state == "in part" for one in found)
    say(f"{len(found) - broken - part} hold, {part} in part, {broken} broken. Keys: {origin}.")
    finish(HELD if broken or part else WELL)


def _resources(file: Path) -> list[Located]:
    from app.fhir_files import read_fhir
    from app.problems import MendInput
    from mappings.fhir.verifying import Located

    try:
        reading = read_fhir(file.read_bytes(), most_bytes=256 * 1024 * 1024)
    except (MendInput, OSError) as problem:
        raise click.UsageError(f"{printable(file.name)}: {printable(str(problem))}") from problem
    for left in reading.left:
        say(printable(f"Not read: {left.where}: {left.reason}"))
    return [Located(one.where, one.resource, one.full_url) for one in reading.given]


def _keys(file: Path, keys: Path | None, data: Path | None) -> tuple[SealKeys, str]:
    """The public seal keys and, in words, where they are from: keys that came with the file prove only that
    the file fits them."""
    beside = file.parent / BESIDE
    if keys is not None:
        return _key_file(keys), f"of {printable(str(keys))}"
    if data is not None or "PEERCHART_DATA_DIR" in os.environ:
        from mappings.fhir.seal_keys import SealKeys

        return SealKeys(_kept(data, _published)), "of this installation"
    if beside.exists():
        say(
            f"The keys came with the file ({BESIDE}): compare them with those at our own address, "
            "/.well-known/seal-keys.json, before you rely on them."
        )
        return _key_file(beside), "that came with the file"
    raise click.UsageError(
        "no seal keys: give --keys FILE (from /.well-known/seal-keys.json), or --data with the folder of the "
        "installation"
    )


def _key_file(path: Path) -> SealKeys:
    from mappings.fhir.seal_keys import SealKeys
    from smart_launch.strict_json import UnreadableJson, loads_object

    try:
        found = loads_object(path.read_bytes())
    except (UnreadableJson, OSError) as error:
        raise click.UsageError(f"{printable(str(path))} is no JWK Set: {error}") from error
    if not isinstance(found.get("keys"), list):
        raise click.UsageError(f"{printable(str(path))} is no JWK Set: it has no list of keys")
    return SealKeys(found)


def _published(installation: Any) -> dict[str, Any]:
    return dict(installation.keyring.public_seal_keys())


def _texts_kept(data: Path | None, given: list[Located]) -> set[str]:
    """Of the texts that the signatures name, those that the installation keeps."""
    if data is None and "PEERCHART_DATA_DIR" not in os.environ:
        return set()
    named = {digest for one in given for digest in _named_in(one.resource)}

    def kept(installation: Any) -> set[str]:
        from app.signed_texts import kept_texts

        with installation.store.read() as session:
            return kept_texts(session, named)

    return set(_kept(data, kept))


def _named_in(resource: Any) -> Iterator[str]:
    import json

    from mappings.fhir.signature import seal_of
    from mappings.seal import NotVerified

    try:
        yield str(json.loads(seal_of(resource)[1])["text"]["sha256"])
    except (NotVerified, ValueError, KeyError, TypeError, AttributeError):
        return


def _kept(data: Path | None, what: Any) -> Any:
    from app.commands.installation import opened, settings_of

    settings = settings_of(data)
    if settings.database_url == "" and not (settings.data_dir / "peerchart.sqlite3").exists():
        raise click.UsageError(f"there is no database in {str(settings.data_dir)!r}")
    with opened(settings, noted=False) as installation:
        return what(installation)


def _plain(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise click.UsageError(f"{printable(str(path))} is no UTF-8 text") from error


def _lines(one: Verified) -> Iterator[str]:
    said = one.statement
    yield f"{_WORDS[one.state]}  {one.where}"
    if said is not None:
        from mappings.note_copy import MEANINGS, STEPS

        who = f"{said['signer']}" + (f" (the file calls them {one.name})" if one.name else "")
        yield printable(f"  {MEANINGS.get(said['meaning'], said['meaning'])} by {who} at {said['at']}")
        note = said["note"]
        yield printable(f"  over {note['id']}, version {note['version']}, for {said['individual']}")
        yield printable(f"  in the program {said['program']}; text SHA-256 {said['text']['sha256']}")
        if said["earlier"] is not None:
            yield printable(f"  upon the signature with the digest {said['earlier']}")
        step = one.second_step
        if step is not None:
            yield f"  second step: {STEPS.get(step.method, step.method)} at {step.at.isoformat()}"
    if one.kid:
        yield printable(f"  sealed with the key {one.kid}")
    yield from (printable(f"  wrong: {words}") for words in one.wrong)
    yield from (printable(f"  cannot be told: {words}") for words in one.untold)
    yield from (printable(f"  {words}") for words in one.told)


def _data(one: Verified) -> dict[str, Any]:
    return {
        "where": one.where,
        "state": one.state,
        "statement": one.statement,
        "key": one.kid,
        "name_in_file": one.name,
        "wrong": one.wrong,
        "untold": one.untold,
        "told": one.told,
    }
