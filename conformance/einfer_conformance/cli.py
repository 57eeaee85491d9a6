"""The command. Exit code 0: no check failed; 1: some did; 2: bad usage, or no server there."""

from __future__ import annotations

import argparse
import os
import pathlib
import sys
from collections.abc import Sequence

from einfer_conformance import runner
from einfer_conformance.context import Context, Options
from einfer_conformance.contract import REPOSITORY, Contract
from einfer_conformance.registry import CHECKS


def parser() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(
        prog="einfer_conformance", description="Holds a server to the einfer v1 protocol, as a black box."
    )
    options.add_argument("url", nargs="?", help="base URL: http://HOST:PORT or https://HOST:PORT")
    options.add_argument(
        "--api-key",
        default=os.environ.get("EINFER_API_KEY") or None,
        help="sent as Authorization: Bearer (environment: EINFER_API_KEY)",
    )
    options.add_argument(
        "--second-api-key",
        default=os.environ.get("EINFER_SECOND_API_KEY") or None,
        help="of another tenant, for tenant isolation (environment: EINFER_SECOND_API_KEY)",
    )
    tenants = options.add_mutually_exclusive_group()
    tenants.add_argument(
        "--tenant-header",
        dest="tenants",
        action="store_true",
        default=True,
        help="X-Tenant-ID separates tenants (the default without API keys)",
    )
    tenants.add_argument("--no-tenant", dest="tenants", action="store_false", help="send no X-Tenant-ID")
    options.add_argument(
        "--only", action="append", default=[], metavar="GROUP|ID", help="only these checks; may be repeated"
    )
    options.add_argument("--list", action="store_true", help="list the checks and exit")
    options.add_argument("--json", metavar="FILE", help="write the results there, too")
    options.add_argument(
        "--timeout",
        type=float,
        default=20.0,
        metavar="SECONDS",
        help="for a reply, and for a job to become final (default %(default)s)",
    )
    options.add_argument(
        "--input-bound",
        type=float,
        default=1.0,
        metavar="X",
        help="largest absolute value of a feature in test rows (default %(default)s)",
    )
    options.add_argument("--ca-file", metavar="PEM", help="certificates to trust instead of the system's")
    options.add_argument("--insecure", action="store_true", help="do not verify the server's certificate")
    options.add_argument(
        "--contract",
        type=pathlib.Path,
        default=REPOSITORY,
        metavar="DIR",
        help="folder with openapi.yaml, schemas/ and docs/api.md (default: the repository of this kit)",
    )
    return options


def list_checks() -> None:
    for check in CHECKS.values():
        print(f"{check.id}: {check.demand} [{check.rule}]")


def unusable(message: str) -> int:
    print(f"einfer_conformance: {message}", file=sys.stderr)
    return 2


def main(arguments: Sequence[str] | None = None) -> int:
    given = parser().parse_args(arguments)
    if given.list:
        list_checks()
        return 0
    if not given.url:
        return unusable("name the server's URL")
    if given.timeout <= 0 or given.input_bound <= 0:
        return unusable("--timeout and --input-bound must be above 0")
    try:
        chosen = runner.select(given.only)
    except KeyError as name:
        return unusable(f"no check or group {name}; --list shows them")
    try:
        contract = Contract(given.contract)
    except (OSError, ValueError) as fault:
        return unusable(f"cannot read the contract in {given.contract}: {fault}")
    names = ("url", "api_key", "second_api_key", "tenants", "timeout", "insecure", "ca_file", "input_bound")
    try:
        context = Context(Options(**{name: getattr(given, name) for name in names}), contract)
        context.connect().__exit__()
    except (OSError, ValueError) as fault:
        return unusable(f"{given.url}: {fault}")
    outcomes = runner.run(chosen, context, runner.terminal_progress(len(chosen)))
    if sys.stderr.isatty():
        print("\r\x1b[K", end="", file=sys.stderr)
    runner.report(outcomes, sys.stdout)
    if given.json:
        runner.write_json(outcomes, given.url, given.json)
    return 1 if any(outcome.verdict == runner.FAIL for outcome in outcomes) else 0
