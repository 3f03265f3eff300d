import os
import socket

from toolkit.platform.listening import can_bind, first_outgoing_port, free_port, taken_ports


def test_a_listening_port_is_named_with_what_wants_it_and_who_holds_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        (sentence,) = taken_ports({"gateway": port})
    assert sentence.startswith(f"port {port} (gateway) is in use by ")
    assert sentence.endswith(f"(pid {os.getpid()})")


def test_a_port_that_an_outgoing_connection_uses_is_told_apart() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as connection:
        port = connection.getsockname()[1]
        assert taken_ports({"Redis": port}) == [f"port {port} (Redis) is in use by an outgoing connection"]


def test_a_port_whose_server_has_gone_is_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert not can_bind(port)
    assert can_bind(port)


def test_a_free_port_is_one_that_can_be_listened_on_and_not_always_the_same() -> None:
    drawn = {free_port() for _ in range(20)}
    assert len(drawn) > 1
    for port in drawn:
        assert port < max(first_outgoing_port(), 30_000)
        with socket.create_server(("127.0.0.1", port)):
            assert not can_bind(port)
