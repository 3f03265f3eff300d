"""Platform documents over REST: account currency and cutoff, watched currencies, their limits and hedgers."""

from __future__ import annotations

from typing import Annotated, Any

from common.events import PlatformConfig
from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from gateway.api import changing
from gateway.api.access import ContextOf, TraderOrRisk, Viewer
from gateway.api.errors import answer
from gateway.api.examples import DOCUMENT_CHANGE, example
from gateway.changes.configuration import differences
from gateway.changes.documents import ID_RULE
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
    changing.check_document(kind, document_id)
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
    config, command_id = await changing.change_document(
        context,
        caller,
        kind=kind,
        document_id=document_id,
        document=change.document,
        revision=change.revision,
        reason=change.reason,
    )
    return _changed(config, command_id)


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
    config, command_id = await changing.delete_document(
        context, caller, kind=kind, document_id=document_id, revision=revision, reason=reason
    )
    return _changed(config, command_id)


def _changed(config: PlatformConfig, command_id: str) -> Response:
    return answer({"command_id": command_id, "outcome": "done", "document": _row(config)})


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
