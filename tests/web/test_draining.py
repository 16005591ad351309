async def test_answers_close_their_connection_once_the_server_drains(server):
    before = await server.http.get("/readyz")
    server.service.draining = True
    server.service.draining = True
    after = [await server.http.get(path) for path in ("/readyz", "/livez", "/cds-api/v1/clients", "/nothing")]

    assert "connection" not in before.headers
    assert [answer.status_code for answer in after] == [503, 200, 401, 404]
    assert [answer.headers.get_list("connection") for answer in after] == [["close"]] * 4
