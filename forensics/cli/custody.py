"""What proves a case to others: `verify`, `stamp` and `export`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

import forensics
from forensics.cli.app import app
from forensics.cli.console import EXIT_BROKEN, EXIT_USAGE, errors, harmless, one_of, stop, talk

__all__ = ["SigningKey", "export", "signing", "stamp", "verify"]

SigningKey = Annotated[
    Path | None,
    typer.Option(
        "--signing-key",
        help="Ed25519 key that signs the case (PEM or OpenSSH); else FORENSICS_SIGNING_KEY, else one of your own, made at first use.",
        exists=True,
        dir_okay=False,
    ),
]


def signing(named: Path | None) -> forensics.Signer:
    """Who signs; a passphrase is asked for on a terminal, and what a person should know is said on stderr. Raises CustodyError."""
    from forensics.custody import find_signer  # noqa: PLC0415  --help must not wait for pandas

    signer = find_signer(named, ask=_asked if sys.stdin.isatty() else None)
    if words := signer.remark():
        talk.print(harmless(words), style="yellow", markup=False, soft_wrap=True)
    return signer


def _asked(question: str) -> str:
    return str(typer.prompt(harmless(question), hide_input=True, err=True))


@app.command(epilog="Example: [bold]forensics verify case --key 0f5e6d12...[/bold]")
def verify(
    case: Annotated[Path, typer.Argument(help="A finished case folder.")],
    key: Annotated[
        str | None, typer.Option("--key", help="Demand this signer: a fingerprint, or a file with the public key.")
    ] = None,
    tsa_certificate: Annotated[
        Path | None,
        typer.Option(help="The time stamp authority's certificates (PEM): its stamp must hold.", exists=True, dir_okay=False),
    ] = None,
    evidence: Annotated[
        Path | None,
        typer.Option(
            help="Where the evidence lies, named by its hashes: the folder `evidence` of a bag.", exists=True, file_okay=False
        ),
    ] = None,
) -> None:
    """Hash evidence, tables and reports again, check custody log, signature and time stamps; exit 12 if anything differs."""
    with errors(), talk.status("Hashing ..."):
        found = forensics.verification(forensics.Case.open(case), signer=key, tsa_certificate=tsa_certificate, evidence=evidence)
    for problem in found.problems:
        sys.stdout.write(harmless(problem.replace("\n", " ")) + "\n")
    for remark in found.remarks:
        talk.print(harmless(remark), markup=False, soft_wrap=True)
    if found.problems:
        stop(f"{len(found.problems)} difference(s): the case does not hold as it was written", EXIT_BROKEN)
    talk.print("Evidence, tables, reports, custody log and signature are as they were sealed.", style="green")


@app.command(
    epilog="Example: [bold]forensics stamp case --request[/bold], then [bold]forensics stamp case --reply reply.tsr[/bold]"
)
def stamp(
    case: Annotated[Path, typer.Argument(help="A finished case folder.")],
    request: Annotated[
        bool, typer.Option("--request", help="Write custody.tsq, to be taken to an authority (RFC 3161).")
    ] = False,
    reply: Annotated[
        Path | None, typer.Option(help="The authority's reply: kept as custody.tsr, byte for byte.", exists=True, dir_okay=False)
    ] = None,
    signing_key: SigningKey = None,
) -> None:
    """Have an outside authority confirm when a case was sealed. Nothing is sent: the request is a file, and so is the reply."""
    if request == (reply is not None):
        stop("say --request or --reply FILE", EXIT_USAGE)
    with errors():
        opened, signer = forensics.Case.open(case), signing(signing_key)
        if reply is not None:
            place, sentence = forensics.store_stamp(opened, reply, signing_key=signer)
        else:
            place, asked = forensics.request_stamp(opened, signing_key=signer)
            sentence = (
                f"A request to stamp {asked.over} as it is now (SHA-256 {asked.sha256}). On a machine with network, for example: "
                "curl -H 'Content-Type: application/timestamp-query' --data-binary @custody.tsq -o reply.tsr URL-OF-THE-AUTHORITY; "
                f"then here: forensics stamp {case} --reply reply.tsr"
            )
    sys.stdout.write(f"{harmless(str(place))}\n")
    talk.print(harmless(sentence), markup=False, soft_wrap=True)


@app.command(epilog="Example: [bold]forensics export case --as bagit --out case-bag --with-evidence[/bold]")
def export(
    case: Annotated[Path, typer.Argument(help="A finished case folder.")],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="The folder (bagit) or file (hashdeep) to write; it must not exist yet.")
    ],
    form: Annotated[
        str,
        typer.Option("--as", help="bagit: a bag of the case; hashdeep: the hashes alone.", callback=one_of("bagit", "hashdeep")),
    ] = "bagit",
    with_evidence: Annotated[
        bool, typer.Option("--with-evidence", help="Put the evidence into the bag, named by its hashes.")
    ] = False,
    signing_key: SigningKey = None,
) -> None:
    """Hand a case on, without its secret key; the export is entered in the custody log before it is made."""
    with errors():
        opened, signer = forensics.Case.open(case), signing(signing_key)
        with talk.status("Copying ..."):
            made = forensics.export(opened, out, form=form, with_evidence=with_evidence, signing_key=signer)
    sys.stdout.write(f"{harmless(str(made))}\n")
