async def test_what_is_written_is_read_again(store):
    await store.client.set("{r1}:a", b"1")

    assert await store.client.get("{r1}:a") == b"1"
