"""Platform documents over REST: account currency and cutoff, watched currencies, their limits and hedgers."""

from __future__ import annotations

from typing import Annotated, Any

from common.core import Receipt
from common.errors import ConfigError, PublishRefused
from common.events import PlatformConfig
from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from gateway.api.access import ContextOf, TraderOrRisk, Viewer
from gateway.api.errors import ApiError, answer, config_refusal, revision_conflict
from gateway.api.examples import DOCUMENT_CHANGE, example
from gateway.api.known import known_to
from gateway.auth.users import Caller
from gateway.changes.configuration import RevisionConflict, differences
from gateway.changes.documents import ID_RULE, check_address, remove_document, revise_document, role_needed
from gateway.context import Context
from gateway.kinds.parts import Json

REASON_CHARS_MAX = 500

router = APIRouter(prefix="/api/documents", tags=["documents"])

Type = Annotated[str, Path(alias="type", description="risk, risk_currency, …", examples=["risk_currency"])]
DocumentId = Annotated[str, Path(alias="id", description=ID_RULE, examples=["3"])]


class DocumentChange(BaseModel):
    """A whole document as it should be, and the revision it was made from."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [DOCUMENT_CHANGE]})

    document: dict[str, Any]
    revision: int = Field(ge=0, description="the revision this change was made from; 0 for a new document")
    reason: str = Field(default="", max_length=REASON_CHARS_MAX, description="why, for the audit")


@router.get("", responses=example("documents"))
async def get_documents(context: ContextOf, _caller: Viewer) -> Response:
    """List the platform documents."""
    stored = [each.event for _, each in sorted(context.view.documents.items())]
    return answer({"documents": [_row(config) for config in stored if not config.removed]})


@router.get("/{type}/{id}/history", responses=example("document_history"))
async def get_history(kind: Type, document_id: DocumentId, context: ContextOf, _caller: Viewer) -> Response:
    """List the last changes of a document, newest first: who made them, why, and what each field was and is."""
    _check(kind, document_id)
    stored = await context.stored(PlatformConfig, type=kind, id=document_id)
    rows = [
        {
            **_row(config),
            "removed": config.removed,
            "fields": differences(before.document, config.document) if before is not None else {},
        }
        for before, config in zip([None, *stored], stored, strict=False)
    ]
    return answer({"history": rows[::-1]})


@router.put("/{type}/{id}", responses=example("document_changed"))
async def put_document(
    kind: Type, document_id: DocumentId, change: DocumentChange, context: ContextOf, caller: TraderOrRisk
) -> Response:
    """Replace a document, or create it with revision 0.

    409 when somebody else changed it since `revision`. A currency's hedger takes the role trader, all else risk.
    """
    _check(kind, document_id)
    _demand_role(caller, kind)
    try:
        config = revise_document(
            _documents(context),
            known_to(context.view),
            kind=kind,
            document_id=document_id,
            document=change.document,
            revision=change.revision,
            actor=caller.user_id,
            reason=change.reason,
            now_ns=context.now_ns(),
        )
    except ConfigError as error:
        raise config_refusal(error) from None
    except RevisionConflict as conflict:
        raise revision_conflict(conflict) from None
    return await _publish(context, config, caller, "configure")


@router.delete("/{type}/{id}", responses=example("document_changed"))
async def delete_document(
    kind: Type,
    document_id: DocumentId,
    context: ContextOf,
    caller: TraderOrRisk,
    revision: Annotated[int, Query(ge=1, description="the revision that is removed")],
    reason: Annotated[str, Query(max_length=REASON_CHARS_MAX, description="why, for the audit")] = "",
) -> Response:
    """Remove a document; its id is never used again. A currency goes after its limits and its hedger."""
    _check(kind, document_id)
    _demand_role(caller, kind)
    try:
        config = remove_document(
            _documents(context),
            kind=kind,
            document_id=document_id,
            revision=revision,
            actor=caller.user_id,
            reason=reason,
            now_ns=context.now_ns(),
        )
    except ConfigError as error:
        raise config_refusal(error) from None
    except RevisionConflict as conflict:
        raise revision_conflict(conflict) from None
    return await _publish(context, config, caller, "remove")


async def _publish(context: Context, config: PlatformConfig, caller: Caller, action: str) -> Response:
    known = context.view.documents.get((config.type, config.id))
    target = f"{config.type}-{config.id}"
    fields = differences(known.event.document, config.document) if known is not None else {}
    detail = {"revision": config.revision, "changed": config.changed, "reason": config.reason, "fields": fields}
    command_id = await context.audit(caller.user_id, action, target, detail)
    try:
        sequence = await context.publish(config, expected_last_sequence=known.sequence if known is not None else 0)
    except PublishRefused as error:
        await context.audit(caller.user_id, action, target, detail, outcome=f"refused: {error.description}")
        raise
    # The stream will bring it too; taken now, so that the same person's next request already sees it.
    context.view.on_document(config, Receipt(context.now_ns(), sequence=sequence))
    return answer({"command_id": command_id, "outcome": "done", "document": _row(config)})


def _documents(context: Context) -> dict[tuple[str, str], PlatformConfig]:
    return {address: stored.event for address, stored in context.view.documents.items()}


def _check(kind: str, document_id: str) -> None:
    try:
        check_address(kind, document_id)
    except ConfigError as error:
        raise config_refusal(error) from None


def _demand_role(caller: Caller, kind: str) -> None:
    needed = role_needed(kind)
    if needed not in caller.roles:
        raise ApiError(403, "forbidden", f"changing {kind} needs the role {needed}")


def _row(config: PlatformConfig) -> Json:
    return {
        "type": config.type,
        "id": config.id,
        "revision": config.revision,
        "document": config.document,
        "changed": config.changed,
        "changed_by": config.actor,
        "reason": config.reason,
        "changed_ns": config.ts_ns,
    }
