"""The API described for programs: every topic, path and object is there, and the examples hold to their schemas."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
from c2wire.schemas import schemas
from fastapi import FastAPI
from gateway.api.c2.asyncapi import TOLD, document
from gateway.c2.topics import TopicKind, topic_of
from jsonschema import Draft202012Validator

C2 = "/api/v0/"
JSON = dict[str, Any]


def faults(found: JSON, schema: JSON, value: Any) -> list[str]:
    """Return what in a value breaks a schema that refers to those of a document."""
    validator = Draft202012Validator(schema | {"components": {"schemas": found["components"]["schemas"]}})
    return [fault.message for fault in validator.iter_errors(value)]


def bodies(found: JSON) -> Iterator[tuple[str, JSON, Any]]:
    """Yield every body of C2's paths: where, its schema, its example."""
    for path, methods in found["paths"].items():
        for method, operation in methods.items() if path.startswith(C2) else ():
            if "requestBody" in operation:
                sent = operation["requestBody"]["content"]["application/json"]["schema"]
                yield f"{method} {path} body", sent, sent["examples"][0]
            for status, response in operation["responses"].items():
                media = response["content"]["application/json"]
                yield f"{method} {path} {status}", media["schema"], media["example"]


async def test_every_body_of_c2_has_a_schema_that_its_example_holds_to(app: FastAPI) -> None:
    found = app.openapi()
    rows = list(bodies(found))
    assert len([where for where, _, _ in rows if where.endswith("body")]) == 8, "one for each configuration"
    for where, schema, example in rows:
        assert {"$ref", "properties", "items", "anyOf"} & set(schema), where
        assert faults(found, schema, example) == [], where


def references(value: Any) -> Iterator[str]:
    """Yield every reference in a document."""
    if isinstance(value, dict):
        for name, each in value.items():
            if name == "$ref":
                yield each
            else:
                yield from references(each)
    elif isinstance(value, list):
        for each in value:
            yield from references(each)


async def test_every_object_of_c2_is_described_and_every_reference_leads_somewhere(app: FastAPI) -> None:
    for found in (app.openapi(), document()):
        assert set(schemas()) <= set(found["components"]["schemas"])
        for reference in references(found):
            value: Any = found
            for part in reference.removeprefix("#/").split("/"):
                assert part in value, reference
                value = value[part]


async def test_no_refusal_is_described_that_is_never_answered(app: FastAPI) -> None:
    found = app.openapi()
    assert "HTTPValidationError" not in found["components"]["schemas"]
    assert all("422" not in each["responses"] for methods in found["paths"].values() for each in methods.values())


def test_every_topic_is_in_the_document_under_each_of_its_destinations() -> None:
    kinds = set()
    for name, channel in document()["channels"].items():
        parts = channel.get("parameters", {}).get("part", {"enum": [""]})["enum"]
        for part in parts:
            topic = topic_of(channel["address"].replace("{algo_id}", "3").replace("{part}", part))
            kinds.add(topic.kind)
            assert bool(channel.get("parameters")) is bool(topic.algo_id or topic.part), name
        assert document()["operations"][f"tell_{name}"]["channel"] == {"$ref": f"#/channels/{name}"}
    assert kinds == set(TopicKind) == {*TOLD, TopicKind.RESPONSES, TopicKind.OWN}
    assert set(document()["channels"]) >= {"balances", "balances_of_bot", "quotes", "quotes_of_user"}


def test_the_examples_of_messages_hold_to_their_schemas() -> None:
    found = document()
    for name, message in found["components"]["messages"].items():
        for example in message["examples"]:
            assert faults(found, message["payload"], example["payload"]) == [], name


async def test_the_document_of_topics_is_served(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/asyncapi.json")
    assert (answer.status_code, answer.json()) == (200, document())
