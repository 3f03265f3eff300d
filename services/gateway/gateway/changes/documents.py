"""A change of a platform document: checked whole, and against the documents and bots that it belongs to."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias, TypeVar

from common.bots import Known
from common.bots.spot import (
    ALGO_KEY,
    DOCUMENTS,
    AccountRisk,
    CurrencyHedger,
    CurrencyRiskLimits,
    CurrencyScope,
    PlatformDocument,
    Rebalancer,
)
from common.errors import ConfigError
from common.events import PlatformConfig

from gateway.auth.roles import Role
from gateway.changes.configuration import RevisionConflict, changed_names

Documents: TypeAlias = Mapping[tuple[str, str], PlatformConfig]
"""The latest of each by type and id, removed ones too."""

ID_RULE = f"must be {ALGO_KEY} for {AccountRisk.type}, for the others a number of 1 to 9 digits without leading zero"
DocumentT = TypeVar("DocumentT", bound=PlatformDocument)
_CURRENCY_ID = re.compile(r"[1-9][0-9]{0,8}")
OF_A_CURRENCY = (CurrencyRiskLimits.type, CurrencyHedger.type)
"""What belongs to the currency document of the same id."""


def check_address(kind: str, document_id: str) -> type[PlatformDocument]:
    """Return the model of a document; ConfigError names what its address may be."""
    model = DOCUMENTS.get(kind)
    if model is None:
        raise ConfigError([f"type: must be one of {', '.join(DOCUMENTS)}, is {kind!r}"])
    if document_id != ALGO_KEY if model is AccountRisk else not _CURRENCY_ID.fullmatch(document_id):
        raise ConfigError([f"id: {ID_RULE}, is {document_id!r}"])
    return model


def role_needed(kind: str) -> Role:
    """Return the role that a change takes: how a currency is hedged is the trader's, all else the risk officer's."""
    return Role.TRADER if kind == CurrencyHedger.type else Role.RISK


def revise_document(
    documents: Documents,
    known: Known,
    *,
    kind: str,
    document_id: str,
    document: dict[str, Any],
    revision: int,
    actor: str,
    reason: str,
    now_ns: int,
) -> PlatformConfig:
    """Return a document's next revision, stored as it was sent.

    ConfigError lists each field and the rule it breaks; RevisionConflict when `revision` is not the one in force (0 for
    one that does not exist yet).
    """
    model = check_address(kind, document_id)
    before = _in_force(documents, kind, document_id, revision)
    try:
        parsed = model.parse(document)
        faults = [*parsed.faults_among(known), *_faults_beside(documents, known, parsed, document_id)]
        if faults:
            raise ConfigError(faults)
    except ConfigError as error:
        raise ConfigError([f"document.{fault}" for fault in error.faults]) from None
    stored = before.document if before is not None else {}
    changed = changed_names(stored, document)
    return PlatformConfig(
        type=kind,
        id=document_id,
        revision=revision + 1,
        document=document,
        changed=changed,
        actor=actor,
        reason=reason,
        ts_ns=now_ns,
    )


def remove_document(
    documents: Documents, *, kind: str, document_id: str, revision: int, actor: str, reason: str, now_ns: int
) -> PlatformConfig:
    """Return the last word on a document; ConfigError when something still belongs to it."""
    check_address(kind, document_id)
    before = _in_force(documents, kind, document_id, revision)
    if before is None:
        raise ConfigError([f"id: there is no {kind} {document_id}"])
    if kind == CurrencyScope.type:
        left = [each for each in OF_A_CURRENCY if _living(documents, each, document_id) is not None]
        if left:
            raise ConfigError([f"id: remove {' and '.join(left)} {document_id} first, which belong to it"])
    if kind in (CurrencyHedger.type, Rebalancer.type) and before.document.get("running"):
        raise ConfigError(["document.running: must be false before it is removed, is True"])
    return PlatformConfig(
        type=kind,
        id=document_id,
        revision=revision + 1,
        document=before.document,
        removed=True,
        actor=actor,
        reason=reason,
        ts_ns=now_ns,
    )


def _in_force(documents: Documents, kind: str, document_id: str, revision: int) -> PlatformConfig | None:
    before = documents.get((kind, document_id))
    if before is not None and before.removed:
        raise ConfigError([f"id: {kind} {document_id} was removed and its id is never used again"])
    in_force = before.revision if before is not None else 0
    if revision != in_force:
        raise RevisionConflict(in_force)
    return before


def _living(documents: Documents, kind: str, document_id: str) -> PlatformConfig | None:
    found = documents.get((kind, document_id))
    return None if found is None or found.removed else found


def _faults_beside(documents: Documents, known: Known, parsed: PlatformDocument, document_id: str) -> Iterator[str]:
    """Yield what contradicts the documents that a document stands beside."""
    if parsed.type in OF_A_CURRENCY:
        scope = _parsed(documents, CurrencyScope, document_id)
        if scope is None:
            yield f"id: must be that of a {CurrencyScope.type} document, and {document_id} is none"
        elif isinstance(parsed, CurrencyHedger):
            yield from parsed.faults_for(scope, known)
    if isinstance(parsed, Rebalancer):
        for kind, other_id in documents:
            other = (
                _parsed(documents, Rebalancer, other_id) if kind == parsed.type and other_id != document_id else None
            )
            if other is not None and other.currency == parsed.currency:
                yield f"currency: {parsed.type} {other_id} moves {parsed.currency} already"
    if isinstance(parsed, CurrencyScope):
        others = [other_id for kind, other_id in documents if kind == parsed.type and other_id != document_id]
        for other_id in others:
            if _parsed(documents, CurrencyScope, other_id) == parsed:
                yield f"exchange_algo_id: {parsed.type} {other_id} watches this already"
        hedger = _parsed(documents, CurrencyHedger, document_id)
        faults = hedger.faults_for(parsed, known) if hedger is not None else []
        yield from (f"currency: {CurrencyHedger.type} {document_id} would not fit, {fault}" for fault in faults)


def _parsed(documents: Documents, model: type[DocumentT], document_id: str) -> DocumentT | None:
    """Return a document in force; None where there is none, or none that can be read any more."""
    stored = _living(documents, model.type, document_id)
    try:
        return None if stored is None else model.parse(stored.document)
    except ConfigError:
        return None
